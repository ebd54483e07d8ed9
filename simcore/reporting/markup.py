"""Parts of a page of HTML. Every text that comes in is escaped here, and nowhere else; what goes out is markup."""

import base64
from html import escape


class Cell(str):
    """The text of a cell of a table that is sorted by `key` and not by the text. kind: a class of the style sheet."""

    __slots__ = ("key", "kind")

    def __new__(cls, text, key=None, kind=""):
        made = super().__new__(cls, text)
        made.key, made.kind = key, kind
        return made


def paragraph(text, kind=""):
    return f"<p{_class(kind)}>{escape(text)}</p>\n"


def heading(text):
    return f"<h3>{escape(text)}</h3>\n"


def listed(texts, ordered=False, kind=""):
    if not texts:
        return ""
    tag = "ol" if ordered else "ul"
    return f"<{tag}{_class(kind)}>\n" + "".join(f"<li>{escape(text)}</li>\n" for text in texts) + f"</{tag}>\n"


def prose(paragraphs):
    """Paragraphs; those that start with "- " are items of lists."""
    parts, items = [], []
    for text in (*paragraphs, ""):
        if text.startswith("- "):
            items.append(text[2:])
            continue
        parts += [listed(items)] if items else []
        items = []
        parts += [paragraph(text)] if text else []
    return "".join(parts)


def definitions(pairs):
    return "<dl>\n" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>\n" for name, text in pairs) + "</dl>\n"


def verbatim(text, label):
    """Text as it is, in a box that scrolls."""
    return f'<pre tabindex="0" role="region" aria-label="{escape(label)}"><code>{escape(text)}</code></pre>\n'


def table(caption, columns, rows, header, name="", stacked=False):
    """A table in a box that scrolls sideways, and one that has a name in a box of limited height. rows: lists of texts
    or Cells; header: the place of the one that names a row. stacked: where there is little room, each row is a list of
    its cells with the names of their columns."""
    head = "".join(f'<th scope="col"{_class(getattr(column, "kind", ""))}>{escape(column)}</th>' for column in columns)
    labels = columns if stacked else [""] * len(columns)
    lines = "".join(f"<tr>{_cells(row, header, labels)}</tr>\n" for row in rows)
    named = f' id="{escape(name)}"' if name else ""
    box = " ".join(["scroll", *["stacked"] * stacked, *["long"] * bool(name)])
    return (
        f'<div class="{box}" tabindex="0" role="region" aria-label="{escape(caption)}">\n<table{named}>\n'
        f"<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table>\n</div>\n"
    )


def _cells(row, header, labels):
    return "".join(_cell(text, k == header, label) for k, (text, label) in enumerate(zip(row, labels, strict=True)))


def _cell(text, header, label):
    key, kind = getattr(text, "key", None), getattr(text, "kind", "")
    tag, scope = ("th", ' scope="row"') if header else ("td", "")
    value = "" if key is None else f' data-v="{escape(str(key))}"'
    value += f' data-label="{escape(label)}"' if label else ""
    broken = escape(text).replace("(", "<wbr>(")  # a label, where there is little room
    return f"<{tag}{scope}{_class(kind)}{value}>{broken}</{tag}>"


def filters(lists):
    """What the table named "rows" is filtered by: a text, and for each (label, column, texts, first) a list to choose a
    text of that column from, `first` being chosen when the page opens. The script shows it."""
    return (
        '<form class="controls" id="controls" hidden>\n<label>search<input type="search" autocomplete="off"></label>\n'
        + "".join(_choices(*own) for own in lists)
        + '<button type="button">Show all rows</button>\n</form>\n<p class="note" id="told" role="status"></p>\n'
    )


def _choices(label, column, texts, first):
    options = "".join(f'<option value="{escape(text)}">{escape(text)}</option>' for text in texts)
    chosen = f' data-first="{escape(first)}"' if first else ""
    return (
        f'<label>{escape(label)}<select data-column="{column}"{chosen}><option value="">all</option>{options}'
        "</select></label>\n"
    )


def image(data, kind, text, caption, size):
    """A figure within the page, in a box that scrolls where it has no room. text: what it shows, for those who do not
    see it. size: of it in pixels."""
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    width, height = size
    return (
        f'<figure>\n<div class="wide" tabindex="0" role="group" aria-label="figure">\n'
        f'<img src="{source}" width="{width}" height="{height}" alt="{escape(text)}">\n</div>\n'
        f"<figcaption>{escape(caption)}</figcaption>\n</figure>\n"
    )


def _class(kind):
    return f' class="{kind}"' if kind else ""
