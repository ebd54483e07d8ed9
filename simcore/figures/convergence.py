"""Convergence: a measure from the first 8, 16, ... replications, with its Monte Carlo error, until all are in.

From the sums that are stored, or from kept estimates, then without the control variate, see `slices`.
"""

from dataclasses import dataclass

import pandas as pd
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from simcore.drawing import canvas, captions, cells, frames, rulers, scales, slices, strips, takes
from simcore.drawing.looks import MARKS, band, looks, of_statuses
from simcore.drawing.sizes import GAP, LEFT, LETTER, LINE, wrap
from simcore.drawing.sources import Kind
from simcore.statuses import OK, ROUGH

MOST = 4  # cells
HEIGHT, STRIP = {1: 2.2, 2: 1.6}, 0.24


@dataclass(frozen=True)
class Runnings:
    """What a figure shows. panels: (title, points) of each, points: count, value, half, status and estimator."""

    name: str
    title: str
    label: str
    estimators: list
    panels: list
    scale: scales.Scale
    notes: list


def lacking(source):
    return cells.lacking(source) or slices.lacking(source.run, "growing")


def suits(source):
    """Only where it is asked for: it is about the simulation, not about its subject."""
    return False


def pictures(source, measures, page):
    """A figure of each measure, of one parameter, with panels for a few cells."""
    wanted = measures or takes.usual(source)
    shown, notes = cells.few(source, page.panels or MOST)
    rows = pd.DataFrame(
        {"cell": cell.number, "count": count, **row}
        for cell, _ in shown
        for count, found in slices.growing(source.run, cell, {name.partition("(")[0] for name in wanted})
        for row in found
    )
    found = []
    for take in takes.takes(source, wanted):
        parameter = take.parameters[0]
        own = rows[(rows["measure"] == take.measure) & (rows["parameter"] == parameter)]
        points = own[["cell", "count", "estimator", "status"]].assign(value=own["value"].astype(float))
        points["half"] = (2.0 * own["mcse"].astype(float)).where(own["status"].isin([OK, ROUGH]))
        points["value"] = points["value"].mask((points["value"] <= 0) & take.log)
        panels = [(title, points[points["cell"] == cell.number]) for cell, title in shown]
        several = len(take.parameters) > 1
        heading = f"{source.title}{f', {parameter}' * several}: {cells.unscaled(take.heading)} so far"
        caption = ["Bands: ± 2 Monte Carlo standard errors (MCSE) of the replications so far, where they exist."]
        if source.run.study.keep:
            caption.append("Without the control variate, so the last values may differ a little from the table.")
        caption += notes + captions.left_out("Parameters", 1, len(take.parameters))
        caption += captions.abbreviations([*notes, *(title for title, _ in panels)])
        scale = scales.holding(take.log, points.rename(columns={"value": "y"}))
        label = cells.unscaled(take.label)
        estimators = list(take.points["estimator"].unique())
        name = takes.file_name("convergence", take.measure)
        caption += captions.linear_parts([scale])
        found.append(Runnings(name, heading, label, estimators, panels, scale, caption))
    return found


def figure(picture, page):
    beside = min(len(picture.panels), page.panels or 2)
    lines = -(-len(picture.panels) // beside)
    most = max(points["count"].max() for _, points in picture.panels)
    gap = max(GAP, LETTER * len(f"{most:,}") / 2)  # half of the last number stands beside its panel
    width = (page.width - LEFT) / beside - gap
    titles = [wrap(title, int(width / LETTER)) for title, _ in picture.panels]
    above = 0.1 + LINE * max(title.count("\n") + 1 for title in titles)
    statuses = {status for _, points in picture.panels for status in points["status"]} & set(MARKS)
    styles, strip = looks(picture.estimators), STRIP * bool(statuses)
    legend = {name: {"color": look["color"], "linestyle": look["linestyle"]} for name, look in styles.items()}
    drawn = canvas.blank(page)
    frame = frames.Frame(
        *(picture.title, " ".join(picture.notes), "replications so far (log scale)", picture.label),
        legends=((legend, 3.0), (of_statuses(statuses), 1.0)),
        below=LINE - 0.015,
        room=HEIGHT.get(lines, 1.4) + strip + above + 0.1,
        lines=lines,
        above=0.06,
    )
    room, top = frames.surround(drawn, page, frame)
    tall = room - strip - above - 0.1
    for k, ((_, points), title) in enumerate(zip(picture.panels, titles, strict=True)):
        line, column = divmod(k, beside)
        place = LEFT + column * (width + gap), top - (line + 1) * room + 0.1, width, tall
        axes = frames.panel(drawn, page, place, f"panel {k}")
        _draw(axes, points, styles)
        rulers.set_values(axes, picture.scale, named=column == 0)
        _set_counts(axes, points["count"], named=k + beside >= len(titles))
        on_top = _draw_strip(axes, points, styles, strip / tall, named=column == 0) if strip else axes
        on_top.set_title(title)
    return drawn


KIND = Kind(
    "convergence",
    "a measure from ever more replications",
    "Koehler, Brown & Haneuse (2009)",
    *(lacking, suits, pictures, figure),
)


def _draw(axes, points, styles):
    """The running value of each estimator in its band; none where it has no number."""
    for estimator, look in styles.items():
        own = points[points["estimator"] == estimator]
        axes.plot(own["count"], own["value"], color=look["color"], linestyle=look["linestyle"], label=estimator)
        low, high = own["value"] - own["half"], own["value"] + own["half"]
        axes.fill_between(own["count"], low, high, **band(look["color"]))
    if points["value"].isna().all():
        axes.text(0.5, 0.5, "no value to show", transform=axes.transAxes, ha="center", va="center", color="#666666")


def _set_counts(axes, counts, named):
    axes.set_xscale("log")
    axes.set_xlim(counts.min(), counts.max())
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if counts.max() > 30 * counts.min() else (1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if named else ""))


def _draw_strip(axes, points, styles, share, named):
    """The shaded strip on top, with a mark for each estimator and number of replications without a value."""
    missing = [name for name in styles if points["status"][points["estimator"] == name].isin(MARKS).any()]
    strip = strips.on_top(axes, share, (max(1, len(missing)) - 0.3, -0.7), named)
    for k, estimator in enumerate(missing):
        own = points[points["estimator"] == estimator]
        look = {"color": styles[estimator]["color"], "markersize": 2.6, "markeredgewidth": 0.6}
        strips.mark(strip, own.rename(columns={"count": "x"}), k, look)
    return strip
