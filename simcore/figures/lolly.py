"""Lolly plot: each estimator a line, a measure along it, with its Monte Carlo error; each cell a panel.

For studies of few cells, where there is nothing to join by lines. What has no number stands in a shaded strip at the
right, with a mark that says why.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simcore.drawing import canvas, captions, factors, frames, rulers, scales, strips, takes
from simcore.drawing.looks import MARKS, VALUES, arrows, looks, marker, of_statuses
from simcore.drawing.sizes import GAP, LETTER, LINE, wrap
from simcore.drawing.sources import Kind
from simcore.statuses import NO_MCSE

FEW = 4  # cells
MOST = 12  # panels
STRIP, ROW, NARROWEST = 0.2, 0.17, 1.2  # width of what holds the marks; height of an estimator; width of a panel
ORIGINS = {"bias": 0.0, "median_bias": 0.0, "efficiency": 1.0, "efficiency_bound": 1.0, "efficiency_mse": 1.0}


@dataclass(frozen=True)
class Lollies:
    """What a figure shows. panels: (title, points, scale) of each. origin: where sticks start, None: there are none."""

    name: str
    title: str
    label: str
    estimators: list
    panels: list
    origin: float | None
    notes: list


def lacking(source):
    return takes.lacking(source)


def suits(source):
    """A few cells."""
    return source.table["cell"].nunique() <= FEW


def pictures(source, measures, page):
    """A figure of each measure, with panels for parameters and cells; those of a parameter have one axis."""
    found = []
    for take in takes.takes(source, measures):
        panels, (shown, count) = _panels(take, page.panels or MOST)
        each = page.panels or MOST
        notes = [f"Bars: ± 2 Monte Carlo standard errors (MCSE); {captions.counted(take.replications)}."]
        notes += captions.failures(take.failed) + captions.left_out("Panels", shown, count)
        fixed = captions.fixed(take.points)
        notes += captions.abbreviations([*fixed, *(title for title, *_ in panels)]) + fixed
        notes += captions.linear_parts(scale for *_, scale in panels)
        groups = [panels[first : first + each] for first in range(0, len(panels), each)]
        for k, group in enumerate(groups, 1):
            name = takes.file_name("lolly", take.measure, str(k) * (len(groups) > 1))
            estimators = list(take.points["estimator"].unique())
            title, origin = f"{source.title}: {take.heading}", ORIGINS.get(take.measure)
            found.append(Lollies(name, title, take.label, estimators, group, origin, notes))
    return found


def figure(picture, page):
    estimators = [wrap(name, 24 if page.height is None else 60) for name in picture.estimators]
    left = 0.16 + LETTER * max(len(line) for name in estimators for line in name.split("\n"))
    columns = max(1, min(len(picture.panels), int((page.width - left) / NARROWEST)))
    width = (page.width - left) / columns - GAP
    titles = [wrap(title, int(width / LETTER)) for title, *_ in picture.panels]
    above = 0.1 + LINE * max(title.count("\n") + 1 for title in titles)
    lines, tall = -(-len(titles) // columns), sum(name.count("\n") * 0.1 + ROW for name in estimators) + 0.1
    apart = len({scale for *_, scale in picture.panels}) > 1  # then each line has numbers at its axes
    below = LINE - 0.015
    statuses = {status for _, points, _ in picture.panels for status in points["status"]}
    drawn = canvas.blank(page)
    frame = frames.Frame(
        *(picture.title, " ".join(picture.notes), picture.label, ""),
        legends=((of_statuses(statuses), 1.0),),
        below=below * (not apart),
        room=tall + above + (below + 0.05) * apart,
        lines=lines,
        above=0.06,
        left=left,
    )
    room, top = frames.surround(drawn, page, frame)
    tall += room - frame.room
    for k, ((_, points, scale), title) in enumerate(zip(picture.panels, titles, strict=True)):
        line, column = divmod(k, columns)
        bottom = top - (line + 1) * room + 0.1 + (below + 0.05) * apart
        axes = frames.panel(drawn, page, (left + column * (width + GAP), bottom, width, tall), f"panel {k}")
        _draw(axes, points, scale, picture, width, marked=bool(statuses & set(MARKS)))
        axes.set_title(title)
        named = apart or k + columns >= len(titles)
        axes.tick_params(labelbottom=named)
        axes.set_yticks(range(len(estimators)), estimators if column == 0 else [""] * len(estimators))
    return drawn


KIND = Kind(
    "lolly",
    "each estimator a line, cells as panels: for few cells",
    "Cleveland & McGill (1984)",
    *(lacking, suits, pictures, figure),
)


def _panels(take, most):
    """The panels of a Take, and of how many possible ones they are."""
    cells, shorts = factors.cells_of(take.points), factors.shorts_of(take.points)
    parameters = take.parameters
    some = factors.spread(parameters, max(1, MOST // len(cells)))
    few = factors.spread(cells, max(1, MOST // len(some)))
    panels = []
    for parameter in some:
        rows = take.of(parameter)
        every = [factors.in_cell(rows, cell) for cell in few]
        scale = scales.holding(take.log, _held(pd.concat(every), ORIGINS.get(take.measure)))
        for cell, own in zip(few, every, strict=True):
            title = ", ".join([parameter] * (len(parameters) > 1) + [factors.cell_name(cell, shorts)] * bool(cell))
            panels.append((title, own, scale))
    return panels, (len(panels), len(cells) * len(parameters))


def _held(points, origin):
    """What an axis must hold: points with their bars, and where sticks start."""
    held = points[["y", "half"]]
    none = origin is None or held["y"].isna().all()
    return held if none else pd.concat([held, pd.DataFrame({"y": [origin], "half": [0.0]})])


def _draw(axes, points, scale, picture, width, marked):
    """A panel; the first estimator stands on top."""
    rulers.set_values(axes, scale, "x")
    axes.set_ylim(len(picture.estimators) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    low, _ = scale.limits
    if picture.origin is not None and scale.kind == "linear":
        axes.axvline(picture.origin, color="#666666", linewidth=0.6, zorder=1)
    at = {name: float(k) for k, name in enumerate(picture.estimators)}
    styles = looks(picture.estimators)
    for estimator, own in points.groupby("estimator", sort=False):
        y, look = np.full(len(own), at[estimator]), styles[estimator]
        x, colour = own["y"], look["color"]
        if picture.origin is not None and scale.kind == "linear":
            axes.hlines(y, picture.origin, x, color=colour, linewidth=1.0, alpha=0.45, label=f"{estimator}: stick")
        axes.errorbar(x, y, xerr=own["half"], fmt="none", ecolor=colour, elinewidth=1.0, capsize=1.8, capthick=0.7)
        for status in VALUES:
            now = (own["status"] == status).to_numpy()
            mark = {**marker(look, status), "linestyle": "none", "label": f"{estimator}: {status}", "zorder": 3}
            if now.any():
                axes.plot(x[now], y[now], **mark)
            if now.any() and status == NO_MCSE:
                axes.plot(x[now], y[now], **{**mark, **arrows(colour), "label": "", "zorder": 2.5})
    if points["y"].isna().all():
        axes.set_xticks([])
    if marked:
        _draw_strip(axes, points, at, styles, width)


def _draw_strip(axes, points, at, styles, width):
    """The shaded strip within the right end of a panel, with a mark for each estimator without a number."""
    share = STRIP / width
    strip = axes.inset_axes([1 - share, 0, share, 1])
    strip.set(xlim=(-1, 1), ylim=axes.get_ylim(), facecolor=strips.SHADE, xticks=[], yticks=[])
    low, high = axes.get_xlim()
    if axes.get_xscale() == "log":
        axes.set_xlim(low, low * (high / low) ** (1 / (1 - share)))
    elif axes.get_xscale() == "linear":
        axes.set_xlim(low, low + (high - low) / (1 - share))
    for status, mark in MARKS.items():
        for estimator in points["estimator"][points["status"] == status]:
            look = {"color": styles[estimator]["color"], "marker": mark, "markersize": 4, "linestyle": "none"}
            strip.plot([0.0], [at[estimator]], label=f"{estimator}: {status}", **look)
