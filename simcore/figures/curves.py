"""Robustness curves: a measure of each estimator against a factor, in small multiples, with its Monte Carlo error.

What has no number in the table is marked in a shaded strip on top of its panel, never left out. What is shown is
decided in `panels`, where it stands in `sheets`; here it is drawn. Sizes and places are inches, those of marks points.
"""

import math
from dataclasses import replace

from matplotlib.ticker import MaxNLocator

from simcore.drawing import canvas, captions, factors, frames, panels, rulers, sheets, strips
from simcore.drawing.canvas import number
from simcore.drawing.looks import MARKS, TEXTS, VALUES, arrows, marker, of_statuses
from simcore.drawing.sizes import GAP, LEFT, LETTER, LINE
from simcore.drawing.sources import Kind
from simcore.statuses import INSUFFICIENT, NO_MCSE, OK, UNDEFINED

THEORY = {"linestyle": (0, (3, 2)), "linewidth": 0.7, "alpha": 0.8}
MOST_MARKED = 12  # of the points of an exact curve


def lacking(source):
    """Nothing: every study has these."""
    return None


def suits(source):
    """Where something varies: a lolly shows one cell as well."""
    return factors.is_exact(source.table) or source.table["cell"].nunique() > 1


def pictures(source, measures, page):
    """What they show: `panels.Picture`s, those with more panels than a page has room for in parts."""
    found = panels.pictures(source.table, source.title, measures, source.reference)
    return [part for picture in found for part in panels.parted(picture, page.panels)]


def figure(picture, page):
    """The matplotlib Figure of a Picture."""
    sheet, drawn = sheets.sheet(picture, list(MARKS), page), canvas.blank(page)
    frame = _frame(sheet)
    room, top = frames.surround(drawn, page, frame)
    sheet = replace(sheet, height=sheet.height + (room - frame.room))
    for k in range(len(picture.panels)):
        line, column = divmod(k, sheet.columns)
        left, bottom = LEFT + column * (sheet.width + GAP), top - (line + 1) * room + 0.1
        place = left, bottom, sheet.width, sheet.height
        _draw_panel(frames.panel(drawn, page, place, f"panel {k}"), sheet, k)
    return drawn


KIND = Kind("curves", "measures against the factors that vary", "", lacking, suits, pictures, figure)


def _draw_panel(axes, sheet, k):
    """Panel number k; only those at the left and at the bottom have numbers at their axes."""
    panel, count = sheet.picture.panels[k], len(sheet.picture.panels)
    first, last = k % sheet.columns == 0, k % sheet.columns == sheet.columns - 1
    _draw_points(axes, panel.points, sheet)
    _set_x(axes, sheet, named=k + sheet.columns >= count)
    rulers.set_values(axes, panel.scale, named=first)
    if sheet.picture.empty:
        axes.set_yticks([])
    top = _draw_strip(axes, panel.points, sheet, named=first) if sheet.strip else axes
    top.set_title(sheet.titles()[k])
    if sheet.picture.gridded and last:
        text, place = sheet.row_names()[k // sheet.columns], 1 + 0.05 / sheet.width
        axes.text(place, 0.5, text, transform=axes.transAxes, rotation=270, va="center", ha="left")


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
    faint = {"linestyle": look["linestyle"], "linewidth": 0.7, "alpha": 0.55}
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
        mark = {**marker(look, status), "linestyle": "none", "label": f"{estimator}: {status}", "zorder": 3}
        if now.any():
            axes.plot(x[now], y[now], **mark)
        if now.any() and status == NO_MCSE:
            axes.plot(x[now], y[now], **{**mark, **arrows(colour), "label": "", "zorder": 2.5})
    if sheet.direct:
        place = {"transform": axes.get_yaxis_transform(), "va": "center"}
        axes.text(1.01, y.iloc[-1], estimator, color=colour, **place)


def _draw_strip(axes, points, sheet, named):
    """The shaded strip on top of a panel with a mark for each point without a number, in three lines to part them."""
    strip = strips.on_top(axes, sheet.strip / sheet.height, (2.8, -0.8), named)
    marked = [name for name in sheet.looks if (points["status"][points["estimator"] == name].isin(MARKS)).any()]
    lines = {name: 2.0 * i / max(1, len(marked) - 1) for i, name in enumerate(marked)} if sheet.picture.exact else {}
    for i, (estimator, shift) in enumerate(sheet.shifts().items()):
        own = points[points["estimator"] == estimator]
        look = {"color": sheet.looks[estimator]["color"], "markersize": 3.4, "clip_on": False}
        strips.mark(strip, own.assign(x=own["x"] + shift), lines.get(estimator, i % 3), look)
    return strip


def _set_x(axes, sheet, named):
    """Ticks at the levels, of many at round numbers; those that would touch their right neighbour are left out, long
    names are turned."""
    places, names, free = sheet.picture.places, list(sheet.names), math.inf
    first, last = places[0], places[-1]
    if len(places) > 12 and sheet.picture.exact:
        places = [float(place) for place in MaxNLocator(8).tick_values(first, last) if first <= place <= last]
        names = [number(place) for place in places]
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


# Around the panels


def _frame(sheet):
    """What stands around the panels."""
    picture, titles = sheet.picture, 0.1 + LINE * max(text.count("\n") + 1 for text in sheet.titles())
    panel = sheet.height + sheet.strip + 0.1
    room, above = (panel + 0.1, titles - 0.1) if picture.gridded else (panel + titles, 0.0)
    label = "" if picture.empty else picture.y_label
    around = picture.title, _caption(sheet), picture.x_label, label, _legends(sheet)
    return frames.Frame(*around, below=sheet.below, room=room, lines=sheet.lines, above=above)


def _legends(sheet):
    """Those of the estimators, unless they are named elsewhere, and of the marks that need to be explained."""
    named = sheet.direct or sheet.picture.x == "estimator"
    line = {"linestyle": "none"} if sheet.picture.nominal else {}
    looks = {} if named else {estimator: {**marker(look, OK), **line} for estimator, look in sheet.looks.items()}
    looks = {name: look | {"linestyle": "-"} if sheet.picture.exact else look for name, look in looks.items()}
    exact = {UNDEFINED: "carried beyond all bounds", INSUFFICIENT: "the fit failed"}
    marks = of_statuses(set(sheet.picture.points["status"]), TEXTS | (exact if sheet.picture.exact else {}))
    if sheet.picture.points["theory"].notna().any():
        marks["theory, in the same colour"] = {"color": "#555555", **THEORY}
    return (looks, 1.0 if line else 3.0), (marks, 2.0 if sheet.picture.exact else 1.0)


def _caption(sheet):
    """What stands below a figure: what bars are, how many replications, what is abbreviated, which levels are shown."""
    picture = sheet.picture
    names = [*sheet.names, *(panel.title for panel in picture.panels), *picture.notes]
    notes = [f"Bars: ± 2 Monte Carlo standard errors (MCSE); {captions.counted(picture.replications)}."]
    if picture.exact:
        notes = ["Nothing is random: there are no bars."]
        cut = any((panel.points["y"].abs() > max(map(abs, panel.scale.limits))).any() for panel in picture.panels)
        notes += ["Curves that leave a panel go on."] if cut else []
    else:
        notes += captions.failures(picture.failed)
    if sheet.strip and len(sheet.looks) > 1 and not picture.exact:
        notes.append("Within the shaded strip estimators stand in their order, from left to right.")
    notes += captions.abbreviations(names)
    if not picture.nominal and not picture.exact and len(sheet.looks) > 1:
        notes.append("Points stand a little beside their level, so that bars do not hide each other.")
    notes += captions.linear_parts(panel.scale for panel in picture.panels)
    return " ".join(notes + picture.notes)
