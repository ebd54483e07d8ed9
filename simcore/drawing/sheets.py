"""How a figure is laid out: the size of its panels, what is written beside them, how its estimators look.

Use `sheet`. Sizes and places are inches. `panels` decides what is shown; `figures.curves` draws it.
"""

from dataclasses import dataclass, replace

import numpy as np

from simcore.drawing import looks, panels, sizes
from simcore.drawing.sizes import GAP, LEFT, LETTER, LINE, wrap

STRIP = 0.26  # height of what holds the marks of points without a number


@dataclass(frozen=True)
class Sheet:
    """How a Picture is laid out on its figure, and how its estimators look."""

    picture: panels.Picture
    page: sizes.Page
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
        return (self.page.width - LEFT - right) / self.columns - GAP

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
        """The text above each panel; in a grid above the first line of panels only."""
        names = [wrap(panel.title, int(self.width / LETTER)) for panel in self.picture.panels]
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
            inch = (places[-1] - places[0] + 1.0) / self.width
            step = min(0.5 * gap / count, 0.07 * inch) if self.picture.x != "estimator" else 0.0
        else:
            step = min(0.4 * gap / count, 0.02 * (places[-1] - places[0]) / self.width)
        return dict(zip(self.looks, step * (np.arange(count) - (count - 1) / 2), strict=True))


def sheet(picture, marked, page):
    """The Sheet of a Picture for a page: flat panels where there is nothing to see, strips where a point has a status
    that is `marked`."""
    count = len(picture.panels)
    columns = _columns(picture)
    lines = -(-count // columns)
    height = 0.5 if picture.empty else {1: 1.9 if columns > 1 else 2.4, 2: 1.55}.get(lines, 1.25)
    strip = STRIP if picture.points["status"].isin(marked).any() else 0.0
    direct = count == 1 and not picture.nominal and _parted(picture, height)
    own, names = looks.looks(picture.estimators), [wrap(name, 32) for name in picture.names]
    wide = Sheet(picture, page, names, own, lines, columns, direct, height, strip)
    slim = replace(wide, names=[wrap(name, int(wide.width / len(wide.names) / LETTER)) for name in picture.names])
    return slim if picture.nominal and not slim.turned and slim.below < 4 * LINE else wide


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
