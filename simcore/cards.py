"""A short text about an object, for a prompt and for notebooks: what it is, a few facts, and a small table.

Use `Card`. It holds text alone, and never more than fits on a screen.
"""

import html
from dataclasses import dataclass

MOST_ROWS = 12
_MOST_LETTERS, _MOST_IN_CELL = 200, 90  # of a line and of a cell of text
_WIDTH = 110  # of a table as plain text
_RIGHT = ' style="text-align: right"'


@dataclass(frozen=True)
class Card:
    """title and lines: a line of text each. head, rows: names of columns and texts, of which the first `left` columns
    are names and stand on the left. note: below the table."""

    title: str
    lines: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    left: int = 1
    note: str = ""

    @property
    def shown(self):
        """The rows that are shown."""
        return [tuple(_short(text, _MOST_IN_CELL) for text in row) for row in self.rows[:MOST_ROWS]]

    @property
    def notes(self):
        """What stands below the table, in lines."""
        more = len(self.rows) - len(self.shown)
        return [line for line in (f"... and {more} more rows" * bool(more), self.note) if line]

    def text(self):
        """As lines of plain text."""
        fits = self._fitting()
        table = [row[:fits] for row in (self.head, *self.shown) if any(row)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if k < self.left else cell.rjust(width)
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in table
        ]
        return "\n".join(line.rstrip() for line in (*map(_short, (self.title, *self.lines)), *lines, *self.notes))

    def html(self):
        """As HTML, every text of it escaped."""
        lines = "<br>".join(map(_escaped, self.lines))
        parts = [f"<p><b>{_escaped(self.title)}</b>{f'<br>{lines}' if lines else ''}</p>"]
        if self.head:
            named = _html_row("th", self.head, self.left) if any(self.head) else ""
            parts.append(f"<table>{named}{''.join(_html_row('td', row, self.left) for row in self.shown)}</table>")
        parts += [f"<p>{_escaped(note)}</p>" for note in self.notes]
        return f"<div>{''.join(parts)}</div>"

    def _fitting(self):
        """How many columns fit into a line of plain text."""
        widths = [2 + max(map(len, column)) for column in zip(self.head, *self.shown, strict=True)]
        return max(k for k in range(len(widths) + 1) if k <= self.left + 1 or sum(widths[:k]) - 2 <= _WIDTH)


def _html_row(tag, texts, left):
    cells = (f"<{tag}{'' if k < left else _RIGHT}>{_escaped(text)}</{tag}>" for k, text in enumerate(texts))
    return f"<tr>{''.join(cells)}</tr>"


def _escaped(text):
    return html.escape(_short(text))


def _short(text, most=_MOST_LETTERS):
    """On one line that is not too long."""
    text = " ".join(text.split("\n"))
    return text if len(text) <= most else f"{text[: most - 3]}..."
