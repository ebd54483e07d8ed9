"""Heat map: estimators down, error distributions across, a number and its MCSE in each field.

Of efficiencies, unless other measures are asked for. What has no number is hatched, never coloured.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Patch, Rectangle

from simcore.drawing import canvas, captions, colour_bars, factors, frames, takes
from simcore.drawing.looks import MARKS, TEXTS
from simcore.drawing.sizes import GAP, LETTER, LINE, wrap
from simcore.drawing.sources import Kind
from simcore.statuses import INSUFFICIENT, NO_MCSE, ROUGH, UNDEFINED

HATCHES = {UNDEFINED: "////", INSUFFICIENT: "....", "no_bound": "\\\\\\\\", "zero": "++++"}
MOST = 8  # panels of a figure
FIELD, ROW, BAR = 0.42, 0.29, 0.42  # the least width of a field, its height, room for the bar of colours
COLOURS = "cividis"


@dataclass(frozen=True)
class Fields:
    """What a figure shows. panels: (title, points) of each, with a row for each estimator and error distribution.
    logged: colours by the logarithm."""

    name: str
    title: str
    label: str
    estimators: list
    columns: list
    panels: list
    limits: tuple
    logged: bool
    notes: list


def lacking(source):
    return takes.lacking(source)


def suits(source):
    """Several estimators, and three error distributions or more, or contaminations, or two of both."""
    if source.table["estimator"].nunique() < 2:
        return False
    levels = source.table["errors"].nunique(), source.table["contamination"].nunique()
    return max(levels) >= 3 or min(levels) >= 2


def pictures(source, measures, page):
    """A figure of each measure and parameter."""
    found = []
    for take in takes.takes(source, measures, usual=[_usual(source.table)]):
        some = factors.spread(take.parameters, 3)
        for parameter in some:
            several = len(take.parameters) > 1
            title = f"{source.title}{f', {parameter}' * several}: {take.heading}"
            name = takes.file_name("heatmap", take.measure, parameter * several)
            notes = captions.left_out("Parameters", len(some), len(take.parameters))
            found += _fields(take, take.of(parameter), name, title, notes, page)
    return found


def figure(picture, page):
    estimators, left = _named(picture.estimators, picture.columns, page)
    beside = min(len(picture.panels), _beside(page, left, len(picture.columns)))
    width = (page.width - left - BAR) / beside - GAP
    titles = [wrap(title, int(width / LETTER)) for title, _ in picture.panels]
    lines = -(-len(titles) // beside)
    above = 0.1 + LINE * max(title.count("\n") + 1 for title in titles)
    turned = LETTER * max(map(len, picture.columns)) > width / len(picture.columns)
    longest = LETTER * max(map(len, picture.columns))
    tall = ROW * len(estimators)
    below = 0.53 * longest + 0.15 if turned else LINE - 0.015
    statuses = {status for _, points in picture.panels for status in points["status"]}
    hatched = {TEXTS[status]: _patch(status) for status in HATCHES if status in statuses}
    digits = _digits(picture, width / len(picture.columns))
    drawn = canvas.blank(page)
    frame = frames.Frame(
        *(picture.title, " ".join(_explained(statuses, digits) + picture.notes), "", ""),
        legends=((hatched, 1.8),),
        below=below,
        room=tall + above + 0.1,
        lines=lines,
        above=0.06,
        left=left,
    )
    room, top = frames.surround(drawn, page, frame)
    tall += room - frame.room
    colours = ScalarMappable((LogNorm if picture.logged else Normalize)(*picture.limits), COLOURS)
    for k, ((_, points), title) in enumerate(zip(picture.panels, titles, strict=True)):
        line, column = divmod(k, beside)
        place = left + column * (width + GAP), top - (line + 1) * room + 0.1, width, tall
        axes = frames.panel(drawn, page, place, f"panel {k}")
        axes.set_title(title)
        _draw(axes, points, picture, colours, (width / len(picture.columns), tall / len(estimators)), digits)
        axes.set_yticks(range(len(estimators)), estimators if column == 0 else [""] * len(estimators))
        turn = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if turned else {}
        named = k + beside >= len(titles)
        axes.set_xticks(range(len(picture.columns)), picture.columns if named else [""] * len(picture.columns), **turn)
    if any(points["y"].notna().any() for _, points in picture.panels):
        place = page.width - BAR - 0.02, top - lines * room + 0.1, 0.1, lines * room - above - 0.1
        colour_bars.draw(drawn, page, place, colours, picture.limits, picture.logged)
    return drawn


KIND = Kind("heatmap", "efficiencies, estimators by error distributions", "", lacking, suits, pictures, figure)


def _usual(table):
    """Efficiency in what the study is about: by mean square error where data are contaminated, for that has a bias;
    else to the bound, where there is one."""
    known = table[table["value"].notna()]["measure"].unique()
    order = ["efficiency_bound", "efficiency", "efficiency_mse"]
    if table["contamination"].nunique() > 1:
        order = order[::-1]
    return next((name for name in order if name in known), "variance")


def _fields(take, points, name, title, notes, page):
    """The Fields of a parameter, in parts where a page has no room for all panels."""
    levels, shorts = factors.levels_of(points), factors.shorts_of(points)
    across = "errors" if points["errors"].nunique() > 1 or points["contamination"].nunique() == 1 else "contamination"
    columns = levels[across]
    points = points.assign(column=points[across].map({level: float(k) for k, level in enumerate(columns)}))
    fixed, (points, pinned) = captions.fixed(points, (across,)), _pinned(points, across)
    rest = points.assign(**{across: columns[0]})
    cells = factors.cells_of(rest)
    shown = factors.spread(cells, MOST)
    panels = [(factors.cell_name(cell, shorts), points.loc[factors.in_cell(rest, cell).index]) for cell in shown]
    y = points["y"].dropna()
    limits = (y.min(), y.max()) if len(y) and y.max() > y.min() else (0.0, 1.0)
    logged = limits[0] > 0.0 and (take.log or take.measure.startswith("efficiency") and limits[1] > 1.5)
    if take.measure == "efficiency_bound" and not logged:
        limits = 0.0, max(1.0, y.max()) if len(y) else 1.0
    names = [factors.brief(shorts.get(level, level)) for level in columns]
    caption = [f"{captions.counted(take.replications)}."]
    caption += captions.failures(take.failed) + captions.left_out("Panels", len(shown), len(cells))
    caption += captions.abbreviations([*names, *(title for title, _ in panels), *fixed]) + fixed + pinned + notes
    _, left = _named(list(points["estimator"].unique()), names, page)
    most = MOST if page.height is None else _beside(page, left, len(columns))
    groups = [panels[first : first + most] for first in range(0, len(panels), most)]
    return [
        Fields(
            takes.file_name(name, str(k) * (len(groups) > 1)),
            *(title, take.label, list(points["estimator"].unique()), names, group, limits, logged, caption),
        )
        for k, group in enumerate(groups, 1)
    ]


def _explained(statuses, digits):
    """What the caption says of the fields; digits: how many numbers have."""
    hatched = ["Hatched: no number, for the reason in the legend."] * bool(statuses & set(MARKS))
    if not digits:
        return ["Numbers have no room in the fields: they stand in the table.", *hatched]
    signs = {ROUGH: "~: its error is rough.", NO_MCSE: "±?: its error does not exist."}
    some = [text for status, text in signs.items() if status in statuses]
    return ["In each field a number and, where it fits, its Monte Carlo standard error (MCSE).", *some, *hatched]


def _named(estimators, columns, page):
    """Names as they stand beside the panels, and the room that they and the turned ones below need at the left."""
    names = [wrap(name, 24 if page.height is None else 60) for name in estimators]
    below = [0.82 * LETTER * len(name) - 0.2 * (k + 0.5) for k, name in enumerate(columns)]
    return names, max(0.16 + LETTER * max(len(line) for name in names for line in name.split("\n")), *below)


def _beside(page, left, columns):
    """How many panels have room beside each other."""
    return max(1, int((page.width - left - BAR) / (FIELD * columns + GAP)))


def _pinned(points, across):
    """The points at one level of each factor that leaves too many cells for panels, and what the caption says of it."""
    levels, notes = factors.levels_of(points), []
    for factor in ("design", *factors.settings_of(points), "n"):
        beside = [name for name in factors.varying(points) if name != across]
        if factor in beside and len(points[beside].drop_duplicates()) > MOST:
            level = levels[factor][(len(levels[factor]) - 1) // 2 if factor == "n" else 0]
            points = points[points[factor] == level]
            name, count = factors.worded(level), len(levels[factor])
            notes.append(f"{factors.called(factor)}: {name} (1 of {count} levels).")
    return points, notes


def _patch(status):
    look = {"facecolor": "white", "edgecolor": "#777777", "linewidth": 0.4, "hatch": HATCHES[status]}
    return Patch(label=wrap(TEXTS[status], 50), **look)


def _draw(axes, points, picture, colours, size, digits):
    """Fields of a panel: coloured with a number, or hatched; nothing where there is no cell."""
    axes.grid(False)
    axes.set(xlim=(-0.5, len(picture.columns) - 0.5), ylim=(len(picture.estimators) - 0.5, -0.5))
    axes.tick_params(length=0)
    at = {name: float(k) for k, name in enumerate(picture.estimators)}
    for x, estimator, y, mcse, status in points[["column", "estimator", "y", "mcse", "status"]].itertuples(index=False):
        corner, row = (x - 0.5, at[estimator] - 0.5), at[estimator]
        if status in HATCHES:
            look = {"facecolor": "white", "edgecolor": "#777777", "linewidth": 0.4, "hatch": HATCHES[status]}
            axes.add_patch(Rectangle(corner, 1, 1, **look, label=f"{estimator}: {status}"))
            continue
        colour = colours.to_rgba(y)
        axes.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", linewidth=0.6, label=estimator))
        ink = "white" if np.dot(colour[:3], (0.299, 0.587, 0.114)) < 0.5 else "black"
        number, error = _texts(y, mcse, status, digits)
        fits = size[1] > 0.27 and 0.052 * len(error) < size[0]
        small = {"ha": "center", "va": "center", "color": ink}
        if digits:
            axes.text(x, row - 0.18 * fits, number, fontsize=7, **small)
        if digits and fits and error:
            axes.text(x, row + 0.24, error, fontsize=5.5, **small)


def _digits(picture, width):
    """How many digits of all numbers have room in fields of a width: 3, 2 or none."""
    values = pd.concat([points["y"] for _, points in picture.panels]).dropna()
    for digits in (3, 2):
        if max((len(canvas.rounded(y, digits)) for y in values), default=0) * 0.058 < width:
            return digits
    return 0


def _texts(y, mcse, status, digits):
    """A number and its error; one that is less than a millionth of it is 0."""
    number = canvas.rounded(y, digits or 3)
    if status == NO_MCSE:
        return number, "±?"
    if pd.isna(mcse):
        return number, ""
    mcse = mcse if mcse > 1e-6 * abs(y) else 0.0
    return number, f"{'~' * (status == ROUGH)}±{canvas.rounded(mcse, 1)}"
