"""Figures of a study: small multiples with Monte Carlo error, as SVG, PNG and PDF.

Use `draw`. What figures show is decided in `panels`; here it is laid out and drawn. What has no number in the table is
marked in a shaded strip on top of its panel, never left out. Figures use matplotlib's objects inside their own rc
context: no pyplot, no setting of the user, no date, so files are the same bytes from run to run. Sizes and places are
inches, those of marks points.
"""

import contextlib
import math
import os
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, SymmetricalLogLocator

from simcore import panels

WIDTH, LEFT, GAP, LETTER, LINE = 7.0, 0.72, 0.13, 0.065, 0.135  # LETTER: width of one, a little too wide; LINE: height
STYLE = {
    **{"font.family": "DejaVu Sans", "font.size": 7.5, "text.parse_math": False, "savefig.dpi": 250},
    **{"svg.fonttype": "path", "svg.hashsalt": "simcore", "pdf.fonttype": 42},
    **{"axes.titlesize": 7.5, "axes.titlepad": 3.0, "axes.linewidth": 0.6, "axes.axisbelow": True, "axes.grid": True},
    **{"grid.color": "#e3e3e3", "grid.linewidth": 0.5, "xtick.labelsize": 7, "ytick.labelsize": 7},
    **{"xtick.major.size": 2.5, "ytick.major.size": 2.5, "xtick.major.width": 0.6, "ytick.major.width": 0.6},
    **{"legend.fontsize": 7.5, "legend.frameon": False, "legend.columnspacing": 1.5, "legend.borderaxespad": 0},
}
FORMATS = {"svg": {"Date": None}, "png": {"Software": None}, "pdf": {"CreationDate": None}}

# Okabe-Ito without its yellow, which is lost on white; then grey and dark tones.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00"),
    *("#56B4E9", "#882255", "#7F7F7F", "#6A3D00", "#332288", "#8A8A00"),
)
MARKERS = "os^DvP<>*phd"
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)), (0, (8, 1.5)))

FILLS = {"ok": "full", "mcse_rough": "bottom", "mcse_undefined": "none"}  # the less is known, the emptier the marker
MARKS = {"undefined": "x", "insufficient": "_", "zero": "1"}  # statuses of what stands in the strip
MEANINGS = {
    "mcse_rough": "MCSE is rough: heavy-tailed itself",
    "mcse_undefined": "MCSE does not exist",
    "undefined": "infinite moment, or no bound",
    "insufficient": "too few good replications",
    "zero": "zero: off the log scale",
}


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
        right = 0.3 if self.picture.gridded else LETTER * max(map(len, self.looks)) if self.direct else 0.0
        return (WIDTH - LEFT - right) / self.columns - GAP

    @property
    def turned(self):
        """Whether names at the x axis have no room side by side."""
        return self.picture.nominal and self.longest > self.width / len(self.names)

    @property
    def longest(self):
        """Length of the longest line of a name at the x axis."""
        return LETTER * max(len(line) for name in self.names for line in name.split("\n"))

    def titles(self):
        """The text above each panel, in short where names are long; in a grid above the first line of panels only."""
        names = [panel.title for panel in self.picture.panels]
        width = int(self.width / LETTER)
        if max(map(len, names)) > width:
            names = [_wrap(panel.short_title, width) for panel in self.picture.panels]
        return names[: self.columns] + [""] * (len(names) - self.columns) if self.picture.gridded else names

    def shifts(self):
        """How far beside its level each estimator stands, so that marks do not hide each other."""
        count, places = len(self.looks), self.picture.places
        gap = min(np.diff(places), default=1.0)
        step = 0.64 * gap / count if self.picture.x != "estimator" else 0.0
        if not self.picture.nominal:
            step = min(step, 0.05 * (places[-1] - places[0]) / self.width)
        return dict(zip(self.looks, step * (np.arange(count) - (count - 1) / 2), strict=True))


def draw(summary: pd.DataFrame, folder: Path, title: str | None = None) -> dict[str, Figure]:
    """Draw the figures that the factors of a summary table allow and write them to folder; returns name -> figure."""
    with _style():
        figures = {picture.name: _figure(picture) for picture in panels.pictures(summary, title)}
        for name, figure in figures.items():
            _write(figure, name, Path(folder))
    return figures


@contextlib.contextmanager
def _style():
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def _wrap(text, width):
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


# Layout


def _sheet(picture):
    """The Sheet of a Picture: flat panels where there is nothing to see, strips where a point has no number."""
    count = len(picture.panels)
    columns = _columns(picture)
    lines = -(-count // columns)
    height = 0.5 if picture.empty else {1: 1.9 if columns > 1 else 2.4, 2: 1.55}.get(lines, 1.25)
    strip = 0.26 if picture.points["status"].isin(list(MARKS)).any() else 0.0
    direct = count == 1 and not picture.nominal and _parted(picture, height)
    names = [_wrap(name, 32) for name in picture.names]
    return Sheet(picture, names, _looks(picture.estimators), lines, columns, direct, height, strip)


def _columns(picture):
    """How many panels stand side by side."""
    count = len(picture.panels)
    if picture.gridded:
        return count // picture.rows
    columns = count if count <= 3 else 2 if count == 4 else 3 if count <= 9 else 4
    return min(columns, 2) if picture.wide else columns


def _parted(picture, height):
    """Every estimator has a short name and a value at the right end, and no two names would touch there."""
    points, scale = picture.points, picture.y_scale
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


# Drawing


def _figure(picture):
    """The figure of a Picture: what stands around the panels is made first, because it decides how high a figure is."""
    sheet = _sheet(picture)
    figure = Figure(figsize=(WIDTH, 1))
    FigureCanvasAgg(figure)
    room, top = _surround(figure, sheet)
    for k in range(len(picture.panels)):
        line, column = divmod(k, sheet.columns)
        left, bottom = LEFT + column * (sheet.width + GAP), top - (line + 1) * room + 0.1
        height = figure.get_figheight()
        place = (left / WIDTH, bottom / height, sheet.width / WIDTH, sheet.height / height)
        _draw_panel(figure.add_axes(place, label=f"panel {k}"), sheet, k)
    return figure


def _draw_panel(axes, sheet, k):
    """Panel number k; only those at the left and at the bottom have numbers at their axes."""
    panel, count = sheet.picture.panels[k], len(sheet.picture.panels)
    first, last = k % sheet.columns == 0, k % sheet.columns == sheet.columns - 1
    _draw_points(axes, panel.points, sheet)
    _set_x(axes, sheet, named=k + sheet.columns >= count)
    _set_y(axes, sheet.picture, named=first)
    top = _draw_strip(axes, panel.points, sheet, named=first) if sheet.strip else axes
    top.set_title(sheet.titles()[k])
    if sheet.picture.gridded and last:
        text = panel.row.replace(", ", ",\n")
        axes.text(1.03, 0.5, text, transform=axes.transAxes, rotation=270, va="center", ha="left")


def _marker(look, status):
    """Line2D properties of a look: a marker as full as its Monte Carlo error is known by this status."""
    fill = FILLS[status]
    face = {"markerfacecolor": "white" if fill == "none" else look["color"], "markerfacecoloralt": "white"}
    edge = {"markersize": 3.6, "markeredgewidth": 0.7, "linewidth": 0.9}
    return {**look, **face, **edge, "fillstyle": "bottom" if fill == "bottom" else "full"}


def _draw_points(axes, points, sheet):
    """The curve of each estimator, or that there is none."""
    for estimator, shift in sheet.shifts().items():
        own = points[points["estimator"] == estimator]
        _draw_curve(axes, own.assign(x=own["x"] + shift) if sheet.picture.nominal else own, estimator, sheet)
    if points["y"].isna().all():
        axes.text(0.5, 0.5, "no value to show", transform=axes.transAxes, ha="center", va="center", color="#666666")


def _draw_curve(axes, points, estimator, sheet):
    """A line that breaks where there is no number, bars (and a band) of 2 MCSE, markers by status."""
    x, y, half = points["x"], points["y"], points["half"]
    look = sheet.looks[estimator]
    colour = look["color"]
    width = 0.6 if sheet.picture.nominal else 0.9
    axes.plot(x, y, color=colour, linestyle=look["linestyle"], linewidth=width, label=estimator)
    axes.errorbar(x, y, half, fmt="none", ecolor=colour, elinewidth=0.8, capsize=1.3, capthick=0.6)
    if not sheet.picture.nominal:
        axes.fill_between(x, y - half, y + half, color=colour, alpha=0.15, linewidth=0)
    for status in FILLS:
        now = points["status"] == status
        if now.any():
            mark = {**_marker(look, status), "linestyle": "none", "label": f"{estimator}: {status}"}
            axes.plot(x[now], y[now], zorder=3, **mark)
    if sheet.direct:
        place = {"transform": axes.get_yaxis_transform(), "va": "center"}
        axes.text(1.01, y.iloc[-1], estimator, color=colour, **place)


def _draw_strip(axes, points, sheet, named):
    """The shaded strip on top of a panel with a mark for each point without a number, in three lines to part them."""
    strip = axes.inset_axes([0, 1, 1, sheet.strip / sheet.height])
    strip.set(xlim=axes.get_xlim(), ylim=(2.8, -0.8), facecolor="#e8e8e8", xticks=[], yticks=[])
    for i, (estimator, shift) in enumerate(sheet.shifts().items()):
        for status, mark in MARKS.items():
            x = shift + points["x"][(points["estimator"] == estimator) & (points["status"] == status)]
            if len(x):
                look = {"color": sheet.looks[estimator]["color"], "marker": mark, "markersize": 3.4, "clip_on": False}
                strip.plot(x, np.full(len(x), i % 3), linestyle="none", label=f"{estimator}: {status}", **look)
    if named:
        strip.set_ylabel("no\nvalue", rotation=0, ha="right", va="center", fontsize=7, labelpad=3)
    return strip


def _set_x(axes, sheet, named):
    """Ticks at the levels; numbers that would touch their right neighbour are left out, long names are turned."""
    places, names, free = sheet.picture.places, list(sheet.names), math.inf
    extent = places[-1] - places[0]
    beside = 1.2 * max(sheet.shifts().values()) if sheet.strip else 0.0
    margin = 0.5 if sheet.picture.nominal else max(0.06 * extent, beside) or 0.5
    axes.set_xlim(places[0] - margin, places[-1] + margin)
    for k in reversed(range(len(names))):
        half = (LETTER * len(names[k]) + 0.05) / 2 * (extent + 2 * margin) / sheet.width
        if not sheet.picture.nominal and places[k] + half > free:
            names[k] = ""
        else:
            free = places[k] - half
    turn = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if sheet.turned else {}
    axes.set_xticks(places, names if named else [""] * len(names), **turn)


def _set_y(axes, picture, named):
    """The same y axis in all panels, with its numbers at the left ones."""
    scale = picture.y_scale
    low, high = scale.limits
    if scale.kind == "log":
        axes.set_yscale("log")
        subs = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if high < 4 * low else (1, 2, 5) if high < 150 * low else (1,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
    elif scale.kind == "symlog":
        axes.set_yscale("symlog", linthresh=scale.linear)
        axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=scale.linear))
    if low < 0.0:
        axes.axhline(0.0, color="#666666", linewidth=0.6, zorder=1)
    axes.set_ylim(low, high)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−") if named else ""))
    if picture.empty:
        axes.set_yticks([])


# Around the panels


def _legends(figure, sheet):
    """Legends of the estimators, unless they are named elsewhere, and of the marks that need to be explained."""
    named = sheet.direct or sheet.picture.x == "estimator"
    looks = {} if named else {estimator: _marker(look, "ok") for estimator, look in sheet.looks.items()}
    marks = _status_looks(set(sheet.picture.points["status"]))
    return [_legend(figure, part, length) for part, length in ((looks, 3.0), (marks, 1.0)) if part]


def _status_looks(statuses):
    """Label -> look, in grey, of those statuses of points that need to be explained."""
    seen = statuses & set(MEANINGS)
    grey = {"color": "#555555", "marker": "o", "linestyle": "none", "markersize": 4}
    looks = {MEANINGS[status]: _marker(grey, status) for status in FILLS if status in seen}
    return looks | {MEANINGS[status]: {**grey, "marker": mark} for status, mark in MARKS.items() if status in seen}


def _legend(figure, looks, length):
    """A legend of label -> look with as many columns as the figure has room for; it is put in its place later."""
    handles = [Line2D([], [], label=_wrap(label, 40), **look) for label, look in looks.items()]
    for rows in range(1, len(handles) + 1):
        columns = -(-len(handles) // rows)
        legend = figure.legend(handles=handles, loc="lower center", ncols=columns, handlelength=length)
        if rows == len(handles) or _extent(legend, figure).width < 6.4:
            return legend
        legend.remove()


def _extent(artist, figure):
    """The box of an artist, in inches."""
    return artist.get_window_extent(figure.canvas.get_renderer()).transformed(figure.dpi_scale_trans.inverted())


def _caption(sheet):
    """What stands below a figure: what bars are, how many replications, what is abbreviated, which levels are shown."""
    picture, names = sheet.picture, [*sheet.names, *sheet.titles()]
    fewest, most = picture.replications
    counts = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    bars = "Bars" if picture.nominal else "Bars and bands"
    notes = [f"{bars}: ± 2 Monte Carlo standard errors (MCSE); {counts} replications."]
    if picture.failed:
        notes.append(f"At most {picture.failed:,} replications of a cell failed.")
    if sheet.strip and len(sheet.looks) > 1:
        notes.append("Within the shaded strip estimators stand in their order, from left to right.")
    if any(re.match(r"t\d", name) for name in names):
        notes.append("tk: Student's t with k degrees of freedom.")
    if any(name.startswith("CN(") for name in names):
        notes.append("CN(e, r): normal, r times as wide with probability e.")
    if picture.y_scale.kind == "symlog":
        linear = picture.y_scale.linear
        notes.append(f"Linear between −{linear:g} and {linear:g}, logarithmic beyond.")
    return " ".join(notes + picture.notes)


def _surround(figure, sheet):
    """Make the figure as high as it must be and place all but its panels, from caption to title.

    Returns the height of a line of panels and the top of all.
    """
    legends = _legends(figure, sheet)
    caption, title = textwrap.wrap(_caption(sheet), 138), textwrap.wrap(sheet.picture.title, 90)
    heights = [_extent(legend, figure).height + 0.05 for legend in legends]
    label = 0.12 + LINE * len(caption) + sum(heights)
    room, above = _room(sheet)
    ticks = (0.53 * sheet.longest if sheet.turned else 0.12) + 0.08
    bottom = label + 1.2 * LINE + ticks - 0.1
    top = bottom + sheet.lines * room
    height = top + above + 0.04 + 1.15 * LINE * len(title)
    figure.set_size_inches(WIDTH, height)
    for k, legend in enumerate(legends):
        place = label - 0.05 - sum(heights[: k + 1]) + 0.03
        legend.set_bbox_to_anchor((0.5, place / height), figure.transFigure)
    figure.text(0.08 / WIDTH, 0.06 / height, "\n".join(caption), fontsize=7, va="bottom", linespacing=1.25)
    _label_axes(figure, sheet, label, bottom, room)
    figure.text(0.08 / WIDTH, 1 - 0.06 / height, "\n".join(title), fontsize=8.5, va="top", weight="bold")
    return room, top


def _room(sheet):
    """Height of a line of panels with what parts it from the next, and what the first line needs beyond that."""
    titles = 0.1 + LINE * max(text.count("\n") + 1 for text in sheet.titles())
    panel = sheet.height + sheet.strip + 0.1
    return (panel + 0.1, titles - 0.1) if sheet.picture.gridded else (panel + titles, 0.0)


def _label_axes(figure, sheet, label, bottom, room):
    """The label of the x axis at height `label`, that of the y axis beside the middle of the lines of panels."""
    height = figure.get_figheight()
    middle = (bottom + sheet.lines * room / 2) / height
    figure.text((LEFT + WIDTH) / 2 / WIDTH, label / height, sheet.picture.x_label, va="bottom", ha="center")
    if not sheet.picture.empty:
        text = textwrap.fill(sheet.picture.y_label, int(sheet.lines * room / LETTER))
        figure.text(0.07 / WIDTH, middle, text, rotation=90, va="center", ha="left")


def _write(figure, name, folder):
    """Write all formats, each under a name of its own beside the folder first, so that no half file is ever seen."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, metadata in FORMATS.items():
        draft = folder.parent / f".{name}.{os.getpid()}.{suffix}"
        try:
            figure.savefig(draft, format=suffix, metadata=metadata)
            os.replace(draft, folder / f"{name}.{suffix}")
        finally:
            draft.unlink(missing_ok=True)
