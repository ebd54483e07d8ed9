"""What stands around the panels of a figure of any kind: its title, legends, labels of axes and caption.

Use `surround`. It is made first, because it decides how high a figure is, or, where that is given, its panels. Sizes
and places are inches.
"""

import textwrap
from dataclasses import dataclass

from matplotlib.lines import Line2D

from simcore.drawing.sizes import LEFT, LETTER, LINE, wrap

LEAST = 0.6  # of the height that panels would have, on a page of one height


class Crowded(Exception):
    """A page has too little room."""


@dataclass(frozen=True)
class Frame:
    """What stands around the panels.

    legends: pairs (label -> look of a Line2D, or a handle; length of a handle). below, above: what names at the x axis
    and titles of panels need beyond the lines of panels. room: height of a line of panels with what parts it from the
    next. lines: how many.
    """

    title: str
    caption: str
    x_label: str
    y_label: str
    legends: tuple
    below: float
    room: float
    lines: int = 1
    above: float = 0.0
    left: float = LEFT


def surround(figure, page, frame):
    """Make the figure as high as it must be, or as its page is, and place all but its panels.

    Returns the height of a line of panels, which is frame.room unless the page is of one height, and the top of all.
    Raises Crowded.
    """
    legends = [_legend(figure, page, *part) for part in frame.legends if part[0]]
    caption = _fitting(figure, page, frame.caption)
    title = textwrap.wrap(frame.title, page.letters(90))
    heights = [_extent(legend, figure).height + 0.05 for legend in legends]
    label = 0.12 + LINE * len(caption) + sum(heights)
    ticks = frame.below + 0.08
    bottom = label + 1.2 * LINE * bool(frame.x_label) + ticks - 0.1
    room = frame.room
    if page.height is not None:
        room = (page.height - bottom - frame.above - 0.04 - 1.15 * LINE * len(title)) / frame.lines
        if room < LEAST * frame.room:
            raise Crowded
    top = bottom + frame.lines * room
    height = top + frame.above + 0.04 + 1.15 * LINE * len(title)
    figure.set_size_inches(page.width, height)
    for k, legend in enumerate(legends):
        place = label - 0.05 - sum(heights[: k + 1]) + 0.03
        legend.set_bbox_to_anchor((0.5, place / height), figure.transFigure)
    figure.text(0.08 / page.width, 0.06 / height, "\n".join(caption), fontsize=7, va="bottom", linespacing=1.25)
    middle = (bottom + frame.lines * room / 2) / height
    if frame.x_label:
        centre = (frame.left + page.width) / 2 / page.width
        figure.text(centre, label / height, frame.x_label, va="bottom", ha="center")
    if frame.y_label:
        text = textwrap.fill(frame.y_label, int(frame.lines * room / LETTER))
        figure.text(0.07 / page.width, middle, text, rotation=90, va="center", ha="left")
    figure.text(0.08 / page.width, 1 - 0.06 / height, "\n".join(title), fontsize=8.5, va="top", weight="bold")
    return room, top


def _fitting(figure, page, text):
    """The lines of a caption, as long as a page is wide."""
    letters = page.letters(138)
    while letters > 20:
        lines = textwrap.wrap(text, letters)
        drawn = figure.text(0, 0, "\n".join(lines), fontsize=7)
        width = _extent(drawn, figure).width
        drawn.remove()
        if width < page.width - 0.22:  # letters have other widths in other formats
            break
        letters -= 2
    return lines


def panel(figure, page, place, label):
    """Axes at a place (left, bottom, width, height)."""
    left, bottom, width, height = place
    whole = figure.get_figheight()
    return figure.add_axes((left / page.width, bottom / whole, width / page.width, height / whole), label=label)


def _legend(figure, page, looks, length):
    """A legend of label -> look with as many columns as the figure has room for; it is put in its place later."""
    handles = [
        Line2D([], [], label=wrap(label, 50), **look) if isinstance(look, dict) else look
        for label, look in looks.items()
    ]
    for rows in range(1, len(handles) + 1):
        columns = -(-len(handles) // rows)
        legend = figure.legend(handles=handles, loc="lower center", ncols=columns, handlelength=length)
        if rows == len(handles) or _extent(legend, figure).width < page.width - 0.6:
            return legend
        legend.remove()


def _extent(artist, figure):
    """The box of an artist, in inches."""
    return artist.get_window_extent(figure.canvas.get_renderer()).transformed(figure.dpi_scale_trans.inverted())
