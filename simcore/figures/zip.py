"""Zip plot of Monte Carlo intervals (after Morris, White & Crowther 2019): do the intervals of a study hold?

A study has no confidence interval of each replication, but one of each number of its table. So replications are cut
into batches of equally many, each a small study of its own, with a value and a 95 % interval. These are ranked by their
distance from the value of all batches together, or from the exact value where theory knows it, in standard errors; one
in twenty should miss it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, MaxNLocator

from simcore.drawing import canvas, captions, cells, frames, rulers, scales, slices, takes
from simcore.drawing.looks import COLOURS
from simcore.drawing.sizes import GAP, LEFT, LETTER, LINE, wrap
from simcore.drawing.sources import Kind
from simcore.populations import centred
from simcore.statuses import MEANINGS

MOST = 4  # panels beside each other
CELLS = 3  # lines of them on paper
COVER = {"color": COLOURS[0], "linewidth": 0.7}
MISS = {"color": COLOURS[1], "linewidth": 1.3, "linestyle": (0, (2, 0.8))}
AIMS = {  # whether targets are exact -> what they are
    frozenset([True]): "the exact value",
    frozenset([False]): "the value of all batches",
    frozenset([True, False]): "the value of all batches, or the exact one where it is 0 by symmetry",
}
TARGET = {"color": "black", "linewidth": 0.9}


@dataclass(frozen=True)
class Zip:
    """What a figure shows, of a cell or more.

    panels: (row, title, intervals, target, why not) of each; intervals: low, high, z and covers of each batch, in the
    order of |z|. columns: panels beside each other.
    """

    name: str
    title: str
    label: str
    panels: list
    columns: int
    notes: list


def lacking(source):
    return cells.lacking(source) or slices.lacking(source.run, "batches")


def suits(source):
    """Only where it is asked for: it is about the simulation, not about its subject."""
    return False


def pictures(source, measures, page):
    """A figure of each measure, of one parameter: a few estimators beside each other, a few cells below."""
    wanted = measures or takes.usual(source)
    shown, notes = cells.few(source, 1 if page.panels else CELLS)
    names = {name.partition("(")[0] for name in wanted}
    rows = {cell.number: slices.batches(source.run, cell, names) for cell, _ in shown}
    found = []
    for take in takes.takes(source, wanted):
        parameter, estimators = take.parameters[0], list(take.points["estimator"].unique())
        few = estimators[: page.panels or MOST]
        panels = [
            (title, estimator, *_panel(source.run.study, cell, rows[cell.number], take.measure, parameter, estimator))
            for cell, title in shown
            for estimator in few
        ]
        each = len(next(iter(rows.values())))
        aim = AIMS[frozenset(known for *_, known in panels)]
        caption = [
            f"Each line is the 95 % Monte Carlo interval of one of {each} batches of replications, that is of a small "
            "study of its own (after Morris, White & Crowther 2019).",
            f"Batches are ranked by their distance from {aim} (black), in standard errors; dashed: intervals that miss "
            "it, which should be 5 % of all.",
            *notes,
            *captions.left_out("Estimators", len(few), len(estimators)),
            *captions.left_out("Parameters", 1, len(take.parameters)),
            *captions.abbreviations([*notes, *(title for _, title in shown)]),
        ]
        several = len(take.parameters) > 1
        title = f"{source.title}{f', {parameter}' * several}: intervals of the {cells.unscaled(take.heading)}"
        name, label = takes.file_name("zip", take.measure), cells.unscaled(take.label)
        found.append(Zip(name, title, label, [panel[:-1] for panel in panels], len(few), caption))
    return found


def figure(picture, page):
    lines = len(picture.panels) // picture.columns
    width = (page.width - LEFT - 0.2) / picture.columns - GAP
    drawn = canvas.blank(page)
    titles = [wrap(f"{estimator}\n", int(width / LETTER)) for _, estimator, *_ in picture.panels[: picture.columns]]
    above = 0.1 + LINE * (2 + max(title.count("\n") for title in titles))
    below = LINE - 0.015
    frame = frames.Frame(
        *(picture.title, " ".join(picture.notes), picture.label, "share of batches, by |z|"),
        legends=(({"covers": COVER, "misses": MISS, "value aimed at": TARGET}, 2.5),),
        below=0.0,  # each line has its own
        room={1: 2.4, 2: 1.6}.get(lines, 1.4) + above + below + 0.1,
        lines=lines,
        above=0.06,
    )
    room, top = frames.surround(drawn, page, frame)
    tall = room - above - below - 0.1
    for k, (row, estimator, intervals, target, why) in enumerate(picture.panels):
        line, column = divmod(k, picture.columns)
        place = LEFT + column * (width + GAP), top - (line + 1) * room + below + 0.1, width, tall
        axes = frames.panel(drawn, page, place, f"panel {k}")
        title = wrap(estimator, int(width / LETTER))
        _draw(axes, intervals, target, why, width)
        if why is None:
            title += f"\n{intervals['covers'].sum()} of {len(intervals)} cover"
        axes.set_title(title)
        axes.set_yticks([0, 50, 95, 100], ["0", "50 %", "95 %", ""] if column == 0 else [""] * 4)
        if column == picture.columns - 1:
            text = wrap(row, int(tall / LETTER))
            axes.text(1 + 0.05 / width, 0.5, text, transform=axes.transAxes, rotation=270, va="center", ha="left")
    return drawn


KIND = Kind(
    "zip",
    "Monte Carlo intervals of batches of replications, ranked",
    "Morris, White & Crowther (2019)",
    *(lacking, suits, pictures, figure),
)


def _panel(study, cell, batches, measure, parameter, estimator):
    """(intervals, target, why there are none, whether the target is exact) of an estimator."""
    own = pd.DataFrame(
        row
        for rows in batches
        for row in rows
        if (row["measure"], row["parameter"], row["estimator"]) == (measure, parameter, estimator)
    )
    good = own[own["low"].notna() & own["high"].notna() & own["mcse"].notna()].astype(
        {"value": float, "mcse": float, "low": float, "high": float}
    )
    exact = measure == "bias" and _unbiased(study, cell, estimator)
    if len(good) < len(own):
        worst = own["status"][~own.index.isin(good.index)].mode().iloc[0]
        return None, None, MEANINGS[worst], exact
    target = 0.0 if exact else good["value"].mean()
    off = (good["value"] - target).abs()
    z = off.where(off == 0.0, off / good["mcse"])
    covers = (good["low"] <= target) & (target <= good["high"])
    intervals = pd.DataFrame({"low": good["low"], "high": good["high"], "z": z, "covers": covers})
    return intervals.sort_values("z", kind="stable").reset_index(drop=True), target, None, exact


def _unbiased(study, cell, estimator):
    """Whether symmetry alone makes the bias 0: of location, symmetric errors, and an estimator that is even."""
    choice = next(choice for choice in study.estimators if choice.label == estimator)
    clean = cell.problem == "location" and cell.contamination.name == "none"
    return clean and centred(choice, cell.errors, study.estimand)


def _draw(axes, intervals, target, why, width):
    axes.set_ylim(0, 100)
    if why is not None:
        text = wrap(f"no intervals: {why}", 22)
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#666666", fontsize=7)
        axes.set_xticks([])
        return
    y = 100.0 * (np.arange(len(intervals)) + 0.5) / len(intervals)
    for covers, look in ((True, COVER), (False, MISS)):
        now = (intervals["covers"] == covers).to_numpy()
        lines = axes.hlines(y[now], intervals["low"][now], intervals["high"][now], **look)
        lines.set_label("covers" if covers else "misses")
    axes.axvline(target, **TARGET)
    axes.axhline(95, color="#666666", linewidth=0.5, linestyle=":")
    low, high = intervals["low"].min(), intervals["high"].max()
    margin = 0.05 * (high - low) or 1.0
    rulers.set_values(axes, scales.Scale((low - margin, high + margin)), "x")
    axes.xaxis.set_major_locator(FixedLocator(_ticks(*axes.get_xlim(), width)))


def _ticks(low, high, width):
    """Those whose numbers do not touch the panel beside."""
    every = MaxNLocator(4).tick_values(low, high)
    free = [(LETTER * len(canvas.number(tick)) - GAP) / 2 * (high - low) / width for tick in every]
    return [tick for tick, half in zip(every, free, strict=True) if low + half <= tick <= high - half]
