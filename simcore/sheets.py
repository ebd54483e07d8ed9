"""How a figure is laid out: the size of its panels, what is written beside them, how its estimators look.

Use `sheet`. Sizes and places are inches. `panels` decides what is shown; `curves` draws it.
"""

import textwrap
from dataclasses import dataclass, replace

import numpy as np

from simcore import panels

WIDTH, LEFT, GAP, LETTER, LINE = 7.0, 0.72, 0.13, 0.065, 0.135  # LETTER: width of one, a little too wide; LINE: height
STRIP = 0.26  # height of what holds the marks of points without a number

# Okabe-Ito without its yellow, which is lost on white; then grey and dark tones.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00"),
    *("#56B4E9", "#882255", "#7F7F7F", "#6A3D00", "#332288", "#8A8A00"),
)
MARKERS = "os^DvP<>*phd"
SIZES = {"D": 0.85, "d": 1.1, "P": 1.15, "*": 1.4, "p": 1.1, "h": 1.1, "^": 1.1, "v": 1.1, "<": 1.1, ">": 1.1}
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)), (0, (8, 1.5)))


@dataclass(frozen=True)
class Sheet:
    """How a Picture is laid out on its figure, and how its estimators look."""

    picture: panels.Picture
    names: list  # at the x axis, wrapped
    looks: dict  # estimator -> colour, marker and line style
    lines: int  # of panels
    columns: int
    direct: bool  # estimators are named at the ends of their lines
    height: float  # of a panel without its strip
    strip: float

    @property
    def width(self):
        """Of a panel."""
        right = LETTER * max(map(len, self.looks)) if self.direct else 0.0
        if self.picture.gridded:
            right = 0.05 + LINE * max(text.count("\n") + 1 for text in self.row_names())
        return (WIDTH - LEFT - right) / self.columns - GAP

    @property
    def turned(self):
        """Whether names at the x axis have no room side by side."""
        return self.picture.nominal and self.longest > self.width / len(self.names)

    @property
    def longest(self):
        """Length of the longest line of a name at the x axis."""
        return LETTER * max(len(line) for name in self.names for line in name.split("\n"))

    @property
    def below(self):
        """What the names at the x axis need below the panels."""
        return 0.53 * self.longest if self.turned else LINE * max(name.count("\n") + 1 for name in self.names) - 0.015

    def titles(self):
        """The text above each panel, in short where names are long; in a grid above the first line of panels only."""
        names = [panel.title for panel in self.picture.panels]
        width = int(self.width / LETTER)
        if max(map(len, names)) > width:
            names = [wrap(panel.short_title, width) for panel in self.picture.panels]
        return names[: self.columns] + [""] * (len(names) - self.columns) if self.picture.gridded else names

    def row_names(self):
        """The text at the right end of each line of panels of a grid."""
        room = int((self.height + self.strip + 0.1) / LETTER)
        return [wrap(panel.row, room) for panel in self.picture.panels[:: self.columns]]

    def shifts(self):
        """How far beside its level each estimator stands, so that bars and marks do not hide each other."""
        count, places = len(self.looks), self.picture.places
        gap = min(np.diff(places), default=1.0)
        if self.picture.exact:
            step = 0.0
        elif self.picture.nominal:
            step = 0.64 * gap / count if self.picture.x != "estimator" else 0.0
        else:
            step = min(0.4 * gap / count, 0.04 * (places[-1] - places[0]) / self.width)
        return dict(zip(self.looks, step * (np.arange(count) - (count - 1) / 2), strict=True))


def sheet(picture, marked):
    """The Sheet of a Picture: flat panels where there is nothing to see, strips where a point has a status `marked`."""
    count = len(picture.panels)
    columns = _columns(picture)
    lines = -(-count // columns)
    height = 0.5 if picture.empty else {1: 1.9 if columns > 1 else 2.4, 2: 1.55}.get(lines, 1.25)
    strip = STRIP if picture.points["status"].isin(marked).any() else 0.0
    direct = count == 1 and not picture.nominal and _parted(picture, height)
    looks = _looks(picture.estimators)
    wide = Sheet(picture, [wrap(name, 32) for name in picture.names], looks, lines, columns, direct, height, strip)
    slim = replace(wide, names=[wrap(name, int(wide.width / len(wide.names) / LETTER)) for name in picture.names])
    return slim if picture.nominal and not slim.turned and slim.below < 4 * LINE else wide


def wrap(text, width):
    return textwrap.fill(text, max(width, 1), break_long_words=False, break_on_hyphens=False)


def _columns(picture):
    """How many panels stand side by side."""
    count = len(picture.panels)
    if picture.gridded:
        return count // picture.rows
    columns = count if count <= 3 else 2 if count == 4 else 3 if count <= 9 else 4
    return min(columns, 2) if picture.wide else columns


def _parted(picture, height):
    """Every estimator has a short name and a value at the right end, and no two names would touch there."""
    points, scale = picture.points, picture.panels[0].scale
    ends = points["y"][(points["x"] == points["x"].max()) & points["y"].notna()]
    along, limits = np.log if scale.kind == "log" else np.asarray, scale.limits
    places = height * (np.sort(along(ends)) - along(limits[0])) / (along(limits[1]) - along(limits[0]))
    names = picture.estimators
    fit = scale.kind != "symlog" and len(ends) == len(names) and max(map(len, names)) <= 24
    return fit and min(np.diff(places), default=1.0) > 0.9 * LINE


def _looks(estimators):
    """Colour, marker and line style of each estimator: all three differ, so that grey is enough to tell them apart."""
    looks = {}
    for i, estimator in enumerate(estimators):
        turn, k = divmod(i, len(COLOURS))
        marker, dash = MARKERS[(k + turn) % len(MARKERS)], DASHES[(k + turn) % len(DASHES)]
        looks[estimator] = {"color": COLOURS[k], "marker": marker, "linestyle": dash}
    return looks
