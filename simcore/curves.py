"""Figures of a study: small multiples with Monte Carlo error, as SVG, PNG and PDF.

Use `draw`. What figures show is decided in `panels`, where it stands in `sheets`; here it is drawn. What has no number
in the table is marked in a shaded strip on top of its panel, never left out. Figures use matplotlib's objects inside
their own rc context: no pyplot, no setting of the user, no date, so files are the same bytes from run to run. Sizes and
places are inches, those of marks points.
"""

import contextlib
import io
import math
import re
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path as MarkerPath
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, SymmetricalLogLocator

from simcore import files, panels, sheets
from simcore.panels import NO_BOUND, ZERO
from simcore.sheets import GAP, LEFT, LETTER, LINE, SIZES, WIDTH, wrap
from simcore.statuses import INSUFFICIENT, MEANINGS, NO_MCSE, OK, ROUGH, UNDEFINED

STYLE = {
    **{"font.family": "DejaVu Sans", "font.size": 7.5, "text.parse_math": False, "savefig.dpi": 250},
    **{"svg.fonttype": "path", "svg.hashsalt": "simcore", "pdf.fonttype": 42},
    **{"axes.titlesize": 7.5, "axes.titlepad": 3.0, "axes.linewidth": 0.6, "axes.axisbelow": True, "axes.grid": True},
    **{"grid.color": "#e3e3e3", "grid.linewidth": 0.5, "xtick.labelsize": 7, "ytick.labelsize": 7},
    **{"xtick.major.size": 2.5, "ytick.major.size": 2.5, "xtick.major.width": 0.6, "ytick.major.width": 0.6},
    **{"legend.fontsize": 7.5, "legend.frameon": False, "legend.columnspacing": 1.5, "legend.borderaxespad": 0},
}
FORMATS = {"svg": {"Date": None}, "png": {"Software": None}, "pdf": {"CreationDate": None}}

VALUES = (OK, ROUGH, NO_MCSE)  # statuses of points with a number; the markers of the last two are open
THEORY = {"linestyle": (0, (3, 2)), "linewidth": 0.7, "alpha": 0.8}
MOST_MARKED = 12  # of the points of an exact curve
SHAFT, HEAD, TAIL = [(0, -6), (0, 6)], [(-1, 4.5), (0, 6), (1, 4.5)], [(-1, -4.5), (0, -6), (1, -4.5)]
UNLIMITED = MarkerPath([*SHAFT, *HEAD, *TAIL], [1, 2, 1, 2, 2, 1, 2, 2])  # arrows: an error that does not exist
MARKS = {UNDEFINED: "x", INSUFFICIENT: "_", ZERO: "1", NO_BOUND: "."}  # statuses of what stands in the strip
TEXTS = {
    **MEANINGS,
    UNDEFINED: "does not exist: the moment is infinite in theory",
    NO_BOUND: "there is no Cramér-Rao bound",
    ZERO: "zero: off the log scale",
}


def draw(summary: pd.DataFrame, folder: Path, title: str | None = None) -> dict[str, Figure]:
    """Draw the figures that the factors of a summary table allow and write them to folder; returns name -> figure."""
    with style():
        figures = {picture.name: _figure(picture) for picture in panels.pictures(summary, title)}
        for name, figure in figures.items():
            write(figure, name, Path(folder))
    return figures


@contextlib.contextmanager
def style():
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


# Drawing


def _figure(picture):
    """The figure of a Picture: what stands around the panels is made first, because it decides how high a figure is."""
    sheet = sheets.sheet(picture, list(MARKS))
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
    _set_y(axes, panel.scale, named=first)
    if sheet.picture.empty:
        axes.set_yticks([])
    top = _draw_strip(axes, panel.points, sheet, named=first) if sheet.strip else axes
    top.set_title(sheet.titles()[k])
    if sheet.picture.gridded and last:
        text, place = sheet.row_names()[k // sheet.columns], 1 + 0.05 / sheet.width
        axes.text(place, 0.5, text, transform=axes.transAxes, rotation=270, va="center", ha="left")


def _marker(look, status):
    """Line2D properties of a look: a full marker, or an open one where its Monte Carlo error is not known well."""
    size, face = 3.8 * SIZES.get(look["marker"], 1.0), look["color"] if status == OK else "white"
    return {**look, "markersize": size, "markerfacecolor": face, "markeredgewidth": 0.8, "linewidth": 0.9}


def _draw_points(axes, points, sheet):
    """The curve of each estimator, or that there is none."""
    for estimator, shift in sheet.shifts().items():
        own = points[points["estimator"] == estimator]
        _draw_curve(axes, own.assign(x=own["x"] + shift), estimator, sheet)
    if points["y"].isna().all():
        axes.text(0.5, 0.5, "no value to show", transform=axes.transAxes, ha="center", va="center", color="#666666")


def _draw_curve(axes, points, estimator, sheet):
    """A line that breaks where there is no number, faint where it joins mere names; bars of 2 MCSE; markers."""
    x, y, look = points["x"], points["y"], sheet.looks[estimator]
    colour, picture = look["color"], sheet.picture
    faint = {"linestyle": ":", "linewidth": 0.5, "alpha": 0.6}
    dash = "-" if picture.exact else look["linestyle"]
    line = faint if picture.nominal else {"linestyle": dash, "linewidth": 0.9}
    axes.plot(x, y, color=colour, label=estimator, **line)
    if picture.exact:
        axes.plot(x, points["theory"], color=colour, label="", **THEORY)
        step = -(-len(points) // MOST_MARKED)  # a mark here and there, each estimator's at places of its own
        points = points.iloc[list(sheet.looks).index(estimator) % step :: step]
        x, y = points["x"], points["y"]
    else:
        axes.errorbar(x, y, points["half"], fmt="none", ecolor=colour, elinewidth=0.8, capsize=1.3, capthick=0.6)
    for status in VALUES:
        now = points["status"] == status
        mark = {**_marker(look, status), "linestyle": "none", "label": f"{estimator}: {status}", "zorder": 3}
        if now.any():
            axes.plot(x[now], y[now], **mark)
        if now.any() and status == NO_MCSE:
            axes.plot(x[now], y[now], **{**mark, **_arrows(colour), "label": "", "zorder": 2.5})
    if sheet.direct:
        place = {"transform": axes.get_yaxis_transform(), "va": "center"}
        axes.text(1.01, y.iloc[-1], estimator, color=colour, **place)


def _arrows(colour):
    return {"marker": UNLIMITED, "markersize": 11, "color": colour, "markerfacecolor": "none", "markeredgewidth": 0.5}


def _draw_strip(axes, points, sheet, named):
    """The shaded strip on top of a panel with a mark for each point without a number, in three lines to part them."""
    strip = axes.inset_axes([0, 1, 1, sheet.strip / sheet.height])
    strip.set(xlim=axes.get_xlim(), ylim=(2.8, -0.8), facecolor="#e8e8e8", xticks=[], yticks=[])
    marked = [name for name in sheet.looks if (points["status"][points["estimator"] == name].isin(MARKS)).any()]
    lines = {name: 2.0 * i / max(1, len(marked) - 1) for i, name in enumerate(marked)} if sheet.picture.exact else {}
    for i, (estimator, shift) in enumerate(sheet.shifts().items()):
        for status, mark in MARKS.items():
            x = shift + points["x"][(points["estimator"] == estimator) & (points["status"] == status)]
            if len(x):
                look = {"color": sheet.looks[estimator]["color"], "marker": mark, "markersize": 3.4, "clip_on": False}
                y = np.full(len(x), lines.get(estimator, i % 3))
                strip.plot(x, y, linestyle="none", label=f"{estimator}: {status}", **look)
    if named:
        strip.set_ylabel("no value", rotation=0, ha="right", va="center", fontsize=7, labelpad=3)
    return strip


def _set_x(axes, sheet, named):
    """Ticks at the levels, of many at round numbers; those that would touch their right neighbour are left out, long
    names are turned."""
    places, names, free = sheet.picture.places, list(sheet.names), math.inf
    first, last = places[0], places[-1]
    if len(places) > 12 and sheet.picture.exact:
        places = [float(place) for place in MaxNLocator(8).tick_values(first, last) if first <= place <= last]
        names = [f"{place:g}".replace("-", "−") for place in places]
    extent = last - first
    edge = 0.06 / sheet.width  # of the width of a panel, for half a mark
    beside = (max(sheet.shifts().values()) + edge * extent) / (1 - 2 * edge)
    margin = 0.5 if sheet.picture.nominal else max(0.06 * extent, beside) or 0.5
    axes.set_xlim(first - margin, last + margin)
    for k in reversed(range(len(names))):
        half = (LETTER * len(names[k]) + 0.05) / 2 * (extent + 2 * margin) / sheet.width
        if not sheet.picture.nominal and places[k] + half > free:
            names[k] = ""
        else:
            free = places[k] - half
    turn = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if sheet.turned else {}
    axes.set_xticks(places, names if named else [""] * len(names), **turn)
    if sheet.picture.nominal:  # parted by lines instead of marked by them
        axes.grid(False, axis="x")
        for place in places[:-1]:
            axes.axvline(place + 0.5, color="#e3e3e3", linewidth=0.5, zorder=0.5)


def _set_y(axes, scale, named):
    """The y axis of a panel, with its numbers at the left ones only."""
    low, high = scale.limits
    if scale.kind == "log":
        axes.set_yscale("log")
        subs = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if high < 4 * low else (1, 2, 5) if high < 150 * low else (1,)
        axes.yaxis.set_major_locator(MaxNLocator(5) if high < 1.8 * low else LogLocator(subs=subs, numticks=12))
    elif scale.kind == "symlog":
        axes.set_yscale("symlog", linthresh=scale.linear)
        axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=scale.linear))
    if low < 0.0:
        axes.axhline(0.0, color="#666666", linewidth=0.6, zorder=1)
    axes.set_ylim(low, high)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−") if named else ""))


# Around the panels


def _legends(figure, sheet):
    """Legends of the estimators, unless they are named elsewhere, and of the marks that need to be explained."""
    named = sheet.direct or sheet.picture.x == "estimator"
    line = {"linestyle": "none"} if sheet.picture.nominal else {}
    looks = {} if named else {estimator: {**_marker(look, OK), **line} for estimator, look in sheet.looks.items()}
    looks = {name: look | {"linestyle": "-"} if sheet.picture.exact else look for name, look in looks.items()}
    marks = _status_looks(set(sheet.picture.points["status"]), sheet.picture.exact)
    if sheet.picture.points["theory"].notna().any():
        marks["theory, in the same colour"] = {"color": "#555555", **THEORY}
    lengths = 1.0 if line else 3.0, 2.0 if sheet.picture.exact else 1.0
    parts = zip((looks, marks), lengths, strict=True)
    return [_legend(figure, part, length) for part, length in parts if part]


def _status_looks(statuses, exact):
    """Label -> look, in grey, of those statuses of points that need to be explained."""
    grey = {"color": "#555555", "marker": "o", "linestyle": "none", "markersize": 4}
    looks = {ROUGH: _marker(grey, ROUGH), NO_MCSE: {**_marker(grey, NO_MCSE), **_arrows(grey["color"])}}
    looks |= {status: {**grey, "marker": mark} for status, mark in MARKS.items()}
    texts = TEXTS | {UNDEFINED: "carried beyond all bounds", INSUFFICIENT: "the fit failed"} if exact else TEXTS
    return {texts[status]: look for status, look in looks.items() if status in statuses}


def _legend(figure, looks, length):
    """A legend of label -> look with as many columns as the figure has room for; it is put in its place later."""
    handles = [Line2D([], [], label=wrap(label, 50), **look) for label, look in looks.items()]
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
    notes = [f"Bars: ± 2 Monte Carlo standard errors (MCSE); {counts} replications."]
    if picture.exact:
        notes = ["Nothing is random: there are no bars."]
        cut = any((panel.points["y"].abs() > max(map(abs, panel.scale.limits))).any() for panel in picture.panels)
        notes += ["Curves that leave a panel go on."] if cut else []
    elif picture.failed:
        notes.append(f"At most {picture.failed:,} replications of a cell failed.")
    if sheet.strip and len(sheet.looks) > 1 and not picture.exact:
        notes.append("Within the shaded strip estimators stand in their order, from left to right.")
    if any(re.match(r"t\d", name) for name in names):
        notes.append("tk: Student's t with k degrees of freedom.")
    if any(name.startswith("CN(") for name in names):
        notes.append("CN(e, r): normal, r times as wide with probability e.")
    if not picture.nominal and not picture.exact and len(sheet.looks) > 1:
        notes.append("Points stand a little beside their level, so that bars do not hide each other.")
    for linear in sorted({panel.scale.linear for panel in picture.panels if panel.scale.kind == "symlog"})[:1]:
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
    ticks = sheet.below + 0.08
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


def write(figure, name, folder):
    """Write all formats, each whole or not at all."""
    files.make_folder(folder)
    for suffix, metadata in FORMATS.items():
        drawn = io.BytesIO()
        figure.savefig(drawn, format=suffix, metadata=metadata)
        files.replace(folder / f"{name}.{suffix}", drawn.getvalue(), folder.parent)
