"""What figures are made for: the sizes of pages, in inches, with type of one size on all of them."""

import textwrap
from dataclasses import dataclass, replace

from simcore.errors import UsageError
from simcore.registry import unknown

LEFT, GAP, LETTER, LINE = 0.72, 0.13, 0.065, 0.135  # LETTER: width of one, a little too wide; LINE: height


@dataclass(frozen=True)
class Page:
    """Its size and how finely it is drawn; height None: as much as a figure needs. panels: the most of a figure."""

    width: float
    height: float | None
    dpi: float
    panels: int | None = None

    @property
    def larger(self):
        """The same page with smaller type, for what has no room on it."""
        return replace(self, width=1.15 * self.width, height=1.15 * self.height, dpi=self.dpi / 1.15)

    def letters(self, of_seven):
        """How many letters a line has, where it has `of_seven` in 7 inches."""
        return int(of_seven * self.width / 7.0)


PAGES = {
    "paper": Page(7.0, None, 250),  # the width of a page with two columns
    "slides": Page(5.6, 3.15, 1920 / 5.6, panels=3),  # 16:9; type of 7.5 points is 18 on a slide of 13.3 inches
}
STYLES = tuple(PAGES)


def page_of(style):
    """The Page of a style. Raises UsageError."""
    if style not in PAGES:
        raise UsageError(f"style: unknown style (got {style!r}), {unknown(style, PAGES)}")
    return PAGES[style]


def wrap(text, width):
    """A text in lines of so many letters, never broken within n = 20."""
    text = text.replace(" = ", "\u00a0=\u00a0")
    return textwrap.fill(text, max(width, 1), break_long_words=False, break_on_hyphens=False).replace("\u00a0", " ")
