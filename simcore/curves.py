"""Summary table -> figures: small multiples with Monte Carlo error, as SVG, PNG and PDF.

Use `draw`. It computes no statistic but n x variance. What the table gives no number for is marked in a shaded strip on
top of its panel, never left out. Figures use matplotlib's objects inside their own rc context: no pyplot, no setting of
the user, no date, so files are the same bytes from run to run. Sizes and places are inches, those of marks points.
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

from simcore.errors import UsageError

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
MARKS = {"undefined": "x", "insufficient": "_", "zero": "1"}  # what has no number and stands in the strip
MEANINGS = {
    "mcse_rough": "MCSE is rough: heavy-tailed itself",
    "mcse_undefined": "MCSE does not exist",
    "undefined": "does not exist: infinite moment",
    "insufficient": "too few good replications",
    "zero": "zero: off the log scale",
}
# Order within one tail index. A distribution without one, in the table or in `_tail_order`, counts as light.
TAILS = ("uniform", "normal", "logistic", "laplace", "contaminated_normal", "student_t", "slash", "cauchy")
NOTHING = (0.0, 1.0)  # limits of a y axis without values
UNITS = {"variance": "data units²", "bias": "data units"}
NAMED = ("errors", "estimator")  # factors whose levels are names, not numbers
FACTORS = {"errors": "Errors", "n": "Sample size", "contamination": "Contamination", "family": "Contamination"}
AXES = {
    "errors": "distribution of the errors (heavier tails to the right)",
    "n": "sample size n (log scale)",
    "fraction": "fraction of contaminated observations",
    "estimator": "estimator",
}


@dataclass(frozen=True)
class View:
    """A figure: a measure (times n if scaled) against factor x; a panel for each level of factors rows and columns."""

    name: str
    measure: str
    x: str
    rows: str
    columns: str
    scaled: bool = False

    @property
    def quantity(self):
        return f"{'n × ' if self.scaled else ''}{self.measure} of the estimate"


@dataclass(frozen=True)
class Panel:
    """Its levels of the factors rows and columns, and its points: x, y, half (2 MCSE), status, estimator."""

    row: str
    column: object
    points: pd.DataFrame


@dataclass(frozen=True)
class Sheet:
    """What the panels of a figure share. `gridded`: a line of panels is a level of the factor rows, else they wrap."""

    places: list  # of the levels on the x axis
    names: list
    x: str  # the factor on that axis
    limits: tuple  # of the y axis
    kind: str  # of the y axis: linear, log or symlog
    linear: float  # half-width of the linear part of a symlog axis
    looks: dict  # colour, marker and line style of each estimator
    lines: int
    columns: int
    gridded: bool
    direct: bool  # estimators are named at the ends of their lines
    height: float
    strip: float

    @property
    def width(self):
        right = 0.3 if self.gridded else LETTER * max(map(len, self.looks)) if self.direct else 0.0
        return (WIDTH - LEFT - right) / self.columns - GAP

    @property
    def text(self):
        return self.x in NAMED

    @property
    def turned(self):
        return self.text and self.longest > self.width / len(self.names)

    @property
    def longest(self):
        return LETTER * max(len(line) for name in self.names for line in name.split("\n"))

    def shifts(self):
        """How far beside its level each estimator stands, so that marks do not hide each other."""
        count, gap = len(self.looks), min(np.diff(self.places), default=1.0)
        step = 0.64 * gap / count if self.x != "estimator" else 0.0
        if not self.text:
            step = min(step, 0.05 * (self.places[-1] - self.places[0]) / self.width)
        return dict(zip(self.looks, step * (np.arange(count) - (count - 1) / 2), strict=True))


def draw(summary: pd.DataFrame, folder: Path, title: str | None = None) -> dict[str, Figure]:
    """Draw the figures that the factors of a summary table allow and write them to folder; returns name -> figure."""
    figures = {}
    several = summary["parameter"].nunique() > 1
    with _style():
        for parameter, table in _prepared(summary).groupby("parameter", sort=False):
            heading = (title or str(table["study"].iloc[0])) + (f", {parameter}" if several else "")
            for view in _views(table):
                figures[view.name + (f"_{parameter}" if several else "")] = _figure(view, table, heading)
        for name, figure in figures.items():
            _write(figure, name, Path(folder))
    return figures


@contextlib.contextmanager
def _style():
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def _prepared(summary):
    """The rows to draw, one for each point, with `family` and `fraction` read from the contamination."""
    table = summary[summary["measure"].isin(list(UNITS))].copy()
    key = ["parameter", "errors", "contamination", "n", "estimator", "measure"]
    if table.duplicated(key).any():
        raise UsageError(f"figures show one value for each {', '.join(key)}; this table has several")
    for column in ("value", "mcse"):
        table[column] = table[column].to_numpy(dtype=float, na_value=np.nan)
    parsed = [_parse(label) for label in table["contamination"]]
    table["fraction"] = [float(given.get("fraction", 0.0)) for _, given in parsed]
    table["family"] = [_label(name, given, without="fraction") for name, given in parsed]
    table.loc[table["value"].isna() & ~table["status"].isin(list(MARKS)), "status"] = "insufficient"
    table.loc[table["status"].isin(list(MARKS)), "value"] = np.nan
    return table


def _views(table):
    """The figures for the factors that vary; where none does, those that compare the estimators."""
    varies = [factor for factor in ("errors", "n", "contamination") if table[factor].nunique() > 1]
    plans = [("tails", "errors", "contamination", "n")] if "errors" in varies else []
    plans += [("n", "n", "contamination", "errors")] if "n" in varies else []
    columns = "errors" if "errors" in varies else "n"
    plans += [("contamination", "fraction", "family", columns)] if "contamination" in varies else []
    views = []
    for name, *factors in plans or [("estimators", "estimator", "contamination", "n")]:
        views += [View(f"{name}_variance", "variance", *factors, scaled=name != "n")]
        views += [View("n_scaled", "variance", *factors, scaled=True)] if name == "n" else []
        views += [View(f"{name}_bias", "bias", *factors)]
    return [view for view in views if (table["measure"] == view.measure).any()]


# Labels and levels


def _parse(label):
    """'shift(fraction=0.1, size=10)' -> ('shift', {'fraction': '0.1', 'size': '10'})."""
    match = re.fullmatch(r"(\w+)\((\w+=[^,=]+(?:, \w+=[^,=]+)*)\)", label)
    return (match[1], dict(part.split("=") for part in match[2].split(", "))) if match else (label, {})


def _label(name, given, without=""):
    inside = ", ".join(f"{key}={value}" for key, value in given.items() if key != without)
    return f"{name}({inside})" if inside else name


def _short(label):
    """Errors for an axis: student_t(df=3) -> t3, contaminated_normal(epsilon=0.1, ratio=3) -> CN(0.1, 3)."""
    name, given = _parse(label)
    if name == "student_t" and "df" in given:
        return _label(f"t{given['df']}", given, without="df")
    if name == "contaminated_normal":
        inside = (value if key in ("epsilon", "ratio") else f"{key}={value}" for key, value in given.items())
        return f"CN({', '.join(inside)})"
    return label


def _wrap(label, width):
    return textwrap.fill(label, width, break_long_words=False, break_on_hyphens=False)


def _by_numbers(label):
    """Sort key of a label: its name, then its parameters as numbers, so that 2 stands before 10."""
    name, given = _parse(label)
    numbers = [float(value) if re.fullmatch(r"-?\d+(\.\d*)?(e[-+]?\d+)?", value) else 0.0 for value in given.values()]
    return name, numbers, label


def _tail_order(table):
    """Labels of the errors from the lightest tails to the heaviest."""
    known = table.groupby("errors")["tail_index"].first() if "tail_index" in table else {}

    def key(label):
        name, given = _parse(label)
        index = known.get(label)
        if pd.isna(index):
            index = {"student_t": float(given.get("df", "inf")), "slash": 1.0, "cauchy": 1.0}.get(name, math.inf)
        return -index, TAILS.index(name) if name in TAILS else len(TAILS), _by_numbers(label)

    return sorted(table["errors"].unique(), key=key)


def _levels(table):
    """Every level of every factor, in the order in which figures show them."""
    return {
        "errors": _tail_order(table),
        "n": sorted(table["n"].unique()),
        "contamination": sorted(table["contamination"].unique(), key=lambda name: (name != "none", _by_numbers(name))),
        "family": sorted(set(table["family"]) - {"none"}, key=_by_numbers) or ["none"],
        "fraction": sorted(table["fraction"].unique()),
        "estimator": list(table["estimator"].unique()),
    }


# What a figure shows


def _spread(levels, count):
    """At most `count` levels, evenly spread from the first to the last."""
    return [levels[round(place)] for place in np.linspace(0, len(levels) - 1, min(count, len(levels)))]


def _choose(view, levels):
    """Levels of the factors rows and columns that have panels, and what the caption must say about it."""
    rows, columns, notes = levels[view.rows], levels[view.columns], []
    if view.rows == "contamination" and (len(rows) > 3 or (view.columns == "errors" and len(columns) > 4)):
        rows = rows[:1]
    rows = _spread(rows, 4)
    wide = view.x == "errors" and len(levels["errors"]) > 6
    columns = _spread(columns, (2 if wide else 4) if len(rows) > 1 else 6 if view.columns == "n" else 12)
    for factor, shown in ((view.rows, rows), (view.columns, columns)):
        count = len(levels[factor])
        if len(shown) == 1 and factor == view.rows:
            others = f" ({count - 1} other levels not shown)" if count > 1 else ""
            notes.append(f"{FACTORS[factor]}: {shown[0]}{others}.")
        elif len(shown) < count:
            notes.append(f"{FACTORS[factor]}: {len(shown)} of {count} levels shown.")
    return rows, columns, notes


def _panels(view, table, levels, at):
    """The panels, how many rows they have, and notes for the caption."""
    rows, columns, notes = _choose(view, levels)
    table = table[table["measure"] == view.measure]
    for factor in [factor for factor in ("errors", "n") if factor not in (view.x, view.columns)]:
        middle = levels[factor][(len(levels[factor]) - 1) // 2]
        table = table[table[factor] == middle]
        notes.append(f"{FACTORS[factor]}: {middle}.")
    panels = []
    for row in rows:
        own = table[table[view.rows] == row]
        if view.rows == "family" and (own["fraction"] > 0).all():  # a family starts from the clean sample
            own = pd.concat([own, table[table["family"] == "none"]])
        panels += [Panel(row, column, _points(view, own[own[view.columns] == column], at)) for column in columns]
    return panels, len(rows), notes


def _points(view, rows, at):
    """The points of a panel in the order of x; a bar only where the MCSE exists, no zero on a log scale."""
    factor = rows["n"] if view.scaled else 1.0
    points = pd.DataFrame({"x": rows[view.x].map(at), "y": rows["value"] * factor, "estimator": rows["estimator"]})
    points["half"] = (2.0 * rows["mcse"] * factor).where(rows["status"].isin(["ok", "mcse_rough"]))
    off = (points["y"] <= 0) & (view.measure == "variance")
    points["y"], points["status"] = points["y"].mask(off), rows["status"].mask(off, "zero")
    return points.sort_values("x", kind="stable")


def _sheet(view, every, levels, at, rows, count):
    """Two panels side by side where many distributions stand in each; flat panels where there is nothing to see."""
    names = [_wrap(_short(level), 32) if view.x in NAMED else f"{level:g}" for level in levels[view.x]]
    columns = count if count <= 3 else 2 if count == 4 else 3 if count <= 9 else 4
    columns = count // rows if rows > 1 else min(columns, 2) if view.x == "errors" and len(names) > 6 else columns
    lines = -(-count // columns)
    height = {1: 1.9 if columns > 1 else 2.4, 2: 1.55}.get(lines, 1.25) if every["y"].notna().any() else 0.5
    strip = 0.26 if every["status"].isin(list(MARKS)).any() else 0.0
    looks, scale = _looks(levels["estimator"]), _y_scale(view, every)
    direct = count == 1 and view.x not in NAMED and _parted(every, looks, *scale[:2], height)
    return Sheet(list(at.values()), names, view.x, *scale, looks, lines, columns, rows > 1, direct, height, strip)


def _parted(every, looks, limits, kind, height):
    """Every estimator has a short name and a value at the right end, and no two names would touch there."""
    ends = every["y"][(every["x"] == every["x"].max()) & every["y"].notna()]
    along = np.log if kind == "log" else np.asarray
    places = height * (np.sort(along(ends)) - along(limits[0])) / (along(limits[1]) - along(limits[0]))
    fit = kind != "symlog" and len(ends) == len(looks) and max(map(len, looks)) <= 24
    return fit and min(np.diff(places), default=1.0) > 0.9 * LINE


def _looks(estimators):
    """Colour, marker and line style of each estimator: all three differ, so that grey is enough to tell them apart."""
    looks = {}
    for i, estimator in enumerate(estimators):
        turn, k = divmod(i, len(COLOURS))
        marker, dash = MARKERS[(k + turn) % len(MARKERS)], DASHES[(k + turn) % len(DASHES)]
        looks[estimator] = {"color": COLOURS[k], "marker": marker, "linestyle": dash}
    return looks


def _y_scale(view, every):
    """Limits, kind and linear part of the y axis that all panels share; bars may reach below a log axis."""
    y, half = every["y"], every["half"].fillna(0.0)
    if y.isna().all():
        return NOTHING, "linear", 0.0
    if view.measure == "variance":
        low, high = (y - half).clip(lower=y / 2).min(), (y + half).max()
        margin = 1.05 * (high / low) ** 0.05
        return (low / margin, high * margin), "log", 0.0
    low, high, typical = min((y - half).min(), 0.0), max((y + half).max(), 0.0), y.abs()[y != 0].median()
    if y.abs().max() > 60 * typical:
        return (min(1.5 * low, -typical), max(1.5 * high, typical)), "symlog", 10.0 ** math.ceil(math.log10(typical))
    margin = 0.06 * (high - low) or 1.0
    return (low - margin, high + margin), "linear", 0.0


# Drawing


def _figure(view, table, heading):
    """One figure: what stands below the panels is made first, because it decides how high the figure is."""
    levels = _levels(table)
    at = {level: math.log10(level) if view.x == "n" else level for level in levels[view.x]}
    if view.x in NAMED:
        at = {level: float(k) for k, level in enumerate(levels[view.x])}
    panels, rows, notes = _panels(view, table, levels, at)
    every = pd.concat([panel.points for panel in panels])
    sheet = _sheet(view, every, levels, at, rows, len(panels))
    titles = _titles(view, panels, sheet)
    figure = Figure(figsize=(WIDTH, 1))
    FigureCanvasAgg(figure)
    named = {} if sheet.direct or view.x == "estimator" else {k: _marker(v, "ok") for k, v in sheet.looks.items()}
    legends = [_legend(figure, part, length) for part, length in ((named, 3.0), (_status_looks(every), 1.0)) if part]
    caption = " ".join([*_notes(table, sheet, titles), *notes])
    room, top = _surround(figure, view, f"{heading}: {view.quantity}", legends, caption, sheet, titles)
    for k, panel in enumerate(panels):
        line, column = divmod(k, sheet.columns)
        left, bottom = LEFT + column * (sheet.width + GAP), top - (line + 1) * room + 0.1
        height = figure.get_figheight()
        place = (left / WIDTH, bottom / height, sheet.width / WIDTH, sheet.height / height)
        axes = figure.add_axes(place, label=f"panel {k}")
        _draw_panel(axes, panel, sheet, titles[k], k, len(panels))
    return figure


def _draw_panel(axes, panel, sheet, title, k, count):
    """Panel number k of count; only those at the left and at the bottom have numbers at their axes."""
    _draw_points(axes, panel.points, sheet)
    _set_x(axes, sheet, named=k + sheet.columns >= count)
    _set_y(axes, sheet, named=k % sheet.columns == 0)
    top = _draw_strip(axes, panel.points, sheet, named=k % sheet.columns == 0) if sheet.strip else axes
    top.set_title(title)
    if sheet.gridded and k % sheet.columns == sheet.columns - 1:
        text = panel.row.replace(", ", ",\n")
        axes.text(1.03, 0.5, text, transform=axes.transAxes, rotation=270, va="center", ha="left")


def _titles(view, panels, sheet):
    """The column's level above each panel, in short where names are long; in a grid above the first line only."""
    names = [f"n = {panel.column}" if view.columns == "n" else panel.column for panel in panels]
    width = int(sheet.width / LETTER)
    if max(map(len, names)) > width:
        names = [_wrap(_short(name), width) for name in names]
    return names[: sheet.columns] + [""] * (len(names) - sheet.columns) if sheet.gridded else names


def _marker(look, status):
    """Line2D properties: a marker as full as its Monte Carlo error is known."""
    fill = FILLS[status]
    face = {"markerfacecolor": "white" if fill == "none" else look["color"], "markerfacecoloralt": "white"}
    edge = {"markersize": 3.6, "markeredgewidth": 0.7, "linewidth": 0.9}
    return {**look, **face, **edge, "fillstyle": "bottom" if fill == "bottom" else "full"}


def _draw_points(axes, points, sheet):
    """Each estimator: a line that breaks where there is no number, bars (and a band) of 2 MCSE, markers by status."""
    for estimator, shift in sheet.shifts().items():
        own, look = points[points["estimator"] == estimator], sheet.looks[estimator]
        x, y, half = own["x"] + (shift if sheet.text else 0.0), own["y"], own["half"]
        width = 0.6 if sheet.text else 0.9
        axes.plot(x, y, color=look["color"], linestyle=look["linestyle"], linewidth=width, label=estimator)
        axes.errorbar(x, y, half, fmt="none", ecolor=look["color"], elinewidth=0.8, capsize=1.3, capthick=0.6)
        if not sheet.text:
            axes.fill_between(x, y - half, y + half, color=look["color"], alpha=0.15, linewidth=0)
        for status in FILLS:
            now = own["status"] == status
            if now.any():
                mark = {**_marker(look, status), "linestyle": "none", "label": f"{estimator}: {status}"}
                axes.plot(x[now], y[now], zorder=3, **mark)
        if sheet.direct:
            place = {"transform": axes.get_yaxis_transform(), "va": "center"}
            axes.text(1.01, y.iloc[-1], estimator, color=look["color"], **place)
    if points["y"].isna().all():
        axes.text(0.5, 0.5, "no value to show", transform=axes.transAxes, ha="center", va="center", color="#666666")


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
    places, names, free = sheet.places, list(sheet.names), math.inf
    extent = places[-1] - places[0]
    beside = 1.2 * max(sheet.shifts().values()) if sheet.strip else 0.0
    margin = 0.5 if sheet.text else max(0.06 * extent, beside) or 0.5
    axes.set_xlim(places[0] - margin, places[-1] + margin)
    for k in reversed(range(len(names))):
        half = (LETTER * len(names[k]) + 0.05) / 2 * (extent + 2 * margin) / sheet.width
        if not sheet.text and places[k] + half > free:
            names[k] = ""
        else:
            free = places[k] - half
    turn = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if sheet.turned else {}
    axes.set_xticks(places, names if named else [""] * len(names), **turn)


def _set_y(axes, sheet, named):
    """The same y axis in all panels, with its numbers at the left ones."""
    low, high = sheet.limits
    if sheet.kind == "log":
        axes.set_yscale("log")
        subs = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if high < 4 * low else (1, 2, 5) if high < 150 * low else (1,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
    elif sheet.kind == "symlog":
        axes.set_yscale("symlog", linthresh=sheet.linear)
        axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=sheet.linear))
    if low < 0.0:
        axes.axhline(0.0, color="#666666", linewidth=0.6, zorder=1)
    axes.set_ylim(low, high)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−") if named else ""))
    if sheet.limits == NOTHING:
        axes.set_yticks([])


def _status_looks(every):
    """Label and look, in grey, of every kind of point in the figure that needs to be explained."""
    seen = set(every["status"]) & set(MEANINGS)
    grey = {"color": "#555555", "marker": "o", "linestyle": "none", "markersize": 4}
    looks = {MEANINGS[status]: _marker(grey, status) for status in FILLS if status in seen}
    return looks | {MEANINGS[status]: {**grey, "marker": mark} for status, mark in MARKS.items() if status in seen}


def _legend(figure, looks, length):
    """A legend with as many columns as the figure has room for; it is put in its place later."""
    handles = [Line2D([], [], label=_wrap(label, 40), **look) for label, look in looks.items()]
    for rows in range(1, len(handles) + 1):
        columns = -(-len(handles) // rows)
        legend = figure.legend(handles=handles, loc="lower center", ncols=columns, handlelength=length)
        if rows == len(handles) or _extent(legend, figure).width < 6.4:
            return legend
        legend.remove()


def _extent(artist, figure):
    return artist.get_window_extent(figure.canvas.get_renderer()).transformed(figure.dpi_scale_trans.inverted())


def _notes(table, sheet, titles):
    """What a caption says of any figure: the bars, how many replications, how many failed, what is abbreviated."""
    total, names = table["n_ok"] + table["n_failed"], [*sheet.names, *titles]
    counts = f"{total.min():,}" if total.min() == total.max() else f"{total.min():,} to {total.max():,}"
    bars = "Bars" if sheet.text else "Bars and bands"
    notes = [f"{bars}: ± 2 Monte Carlo standard errors (MCSE); {counts} replications."]
    if table["n_failed"].any():
        notes.append(f"At most {table['n_failed'].max():,} replications of a cell failed.")
    if sheet.strip and len(sheet.looks) > 1:
        notes.append("Within the shaded strip estimators stand in their order, from left to right.")
    if any(re.match(r"t\d", name) for name in names):
        notes.append("tk: Student's t with k degrees of freedom.")
    if any(name.startswith("CN(") for name in names):
        notes.append("CN(e, r): normal, r times as wide with probability e.")
    if sheet.kind == "symlog":
        notes.append(f"Linear between −{sheet.linear:g} and {sheet.linear:g}, logarithmic beyond.")
    return notes


def _surround(figure, view, title, legends, caption, sheet, titles):
    """Place caption, legends, axis labels and title; returns the height of a line of panels and the top of all."""
    caption, title = textwrap.wrap(caption, 138), textwrap.wrap(title, 90)
    heights = [_extent(legend, figure).height + 0.05 for legend in legends]
    label = 0.12 + LINE * len(caption) + sum(heights)
    ticks = (0.53 * sheet.longest if sheet.turned else 0.12) + 0.08
    above = 0.1 + LINE * max(text.count("\n") + 1 for text in titles)
    room = sheet.height + sheet.strip + 0.1 + (0.1 if sheet.gridded else above)
    bottom = label + 1.2 * LINE + ticks - 0.1
    top = bottom + sheet.lines * room + (above - 0.1 if sheet.gridded else 0.0)
    height = top + 0.04 + 1.15 * LINE * len(title)
    figure.set_size_inches(WIDTH, height)
    for k, legend in enumerate(legends):
        place = label - 0.05 - sum(heights[: k + 1]) + 0.03
        legend.set_bbox_to_anchor((0.5, place / height), figure.transFigure)
    middle = (bottom + sheet.lines * room / 2) / height
    figure.text(0.08 / WIDTH, 0.06 / height, "\n".join(caption), fontsize=7, va="bottom", linespacing=1.25)
    figure.text((LEFT + WIDTH) / 2 / WIDTH, label / height, AXES[view.x], va="bottom", ha="center")
    if sheet.limits != NOTHING:
        unit = textwrap.fill(f"{view.quantity} ({UNITS[view.measure]})", int(sheet.lines * room / LETTER))
        figure.text(0.07 / WIDTH, middle, unit, rotation=90, va="center", ha="left")
    figure.text(0.08 / WIDTH, 1 - 0.06 / height, "\n".join(title), fontsize=8.5, va="top", weight="bold")
    return room, bottom + sheet.lines * room


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
