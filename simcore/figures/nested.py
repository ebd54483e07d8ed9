"""Nested-loop plot (Rücker & Schwarzer 2014): all cells of a study in one line, in the order of nested loops.

Each estimator is a line of steps over the cells; below, each factor is a line of steps through its levels, the first
factor the slowest. For studies of three factors or more, which have too many cells for panels.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simcore.drawing import canvas, captions, factors, frames, rulers, scales, strips, takes
from simcore.drawing.looks import MARKS, band, looks, of_statuses
from simcore.drawing.sizes import LEFT, LETTER, wrap
from simcore.drawing.sources import Kind
from simcore.statuses import NO_MCSE, ROUGH

MANY = 3  # factors
MOST_PARAMETERS = 3
FACTOR, ROW = 0.24, 0.07  # height of a factor's steps, and of an estimator's marks
SMALL, CLOSEST = 0.8, 0.1  # letters of levels, in LETTERs; between two of their names that are turned


@dataclass(frozen=True)
class Loops:
    """What a figure shows. points: x (place of the cell), y, half, status, estimator. factors: name -> its level in
    each cell, as a place among `levels`, name -> names of its levels."""

    name: str
    title: str
    label: str
    estimators: list
    points: pd.DataFrame
    scale: scales.Scale
    factors: dict
    levels: dict
    notes: list


def lacking(source):
    if why := takes.lacking(source):
        return why
    count = len(factors.varying(_with_design(source.table)))
    return None if count >= 2 else f"nested loops need two factors that vary, or more (here {count})"


def suits(source):
    """Three factors or more."""
    return len(factors.varying(_with_design(source.table))) >= MANY


def pictures(source, measures, page):
    """A figure of each measure and parameter, of three parameters at most."""
    found = []
    for take in takes.takes(source, measures):
        some = factors.spread(take.parameters, MOST_PARAMETERS)
        for parameter in some:
            several = len(take.parameters) > 1
            name = takes.file_name("nested", take.measure, parameter * several)
            heading = f"{source.title}{f', {parameter}' * several}: {take.heading}"
            notes = captions.left_out("Parameters", len(some), len(take.parameters))
            found.append(_loops(take, take.of(parameter), name, heading, notes, page))
    return found


def figure(picture, page):
    left, width = _across(picture.factors, page)
    rows = [_Names.of(places, picture.levels[name], width) for name, places in picture.factors.items()]
    below = sum(names.height for names in rows) + 0.06
    marked = set(picture.points["status"]) & set(MARKS)
    missing = picture.points["estimator"][picture.points["status"].isin(MARKS)].unique()
    strip = (0.1 + ROW * len(missing)) * bool(marked)
    styles = looks(picture.estimators)
    lines = {name: {"color": look["color"], "linestyle": look["linestyle"]} for name, look in styles.items()}
    drawn = canvas.blank(page)
    frame = frames.Frame(
        *(picture.title, " ".join(picture.notes), "", ""),
        legends=((lines, 3.0), (of_statuses(marked), 1.0)),
        below=0.1,
        room=2.6 + strip + below,
        left=left,
    )
    room, top = frames.surround(drawn, page, frame)
    height = room - strip - below - 0.05
    axes = frames.panel(drawn, page, (left, top - room + below, width, height), "measure")
    _draw(axes, picture, styles)
    middle, label = (top - room + below + height / 2) / drawn.get_figheight(), wrap(picture.label, int(height / LETTER))
    drawn.text(0.07 / page.width, middle, label, rotation=90, va="center", ha="left")
    bottom = top - room + below - 0.06
    for (name, places), names in zip(picture.factors.items(), rows, strict=True):
        loop = frames.panel(drawn, page, (left, bottom - FACTOR, width, FACTOR), f"factor {name}")
        _draw_factor(loop, name, places, names)
        bottom -= names.height
    if marked:
        _draw_strip(axes, picture, {name: styles[name] for name in styles if name in missing}, strip / height)
    return drawn


KIND = Kind(
    "nested",
    "all cells in the order of nested loops: for three factors or more",
    "Rücker & Schwarzer (2014)",
    *(lacking, suits, pictures, figure),
)


def _with_design(table):
    return table if "design" in table else table.assign(design="")


def _loops(take, points, name, heading, notes, page):
    """The Loops of a parameter; the factor with the fewest levels is the slowest."""
    levels, shorts = factors.levels_of(points), factors.shorts_of(points)
    order = sorted(factors.varying(points), key=lambda factor: len(levels[factor]))
    place = {factor: {level: k for k, level in enumerate(levels[factor])} for factor in order}
    cells = sorted(
        points[order].drop_duplicates().itertuples(index=False, name=None),
        key=lambda cell: [place[factor][level] for factor, level in zip(order, cell, strict=True)],
    )
    at = {cell: k for k, cell in enumerate(cells)}
    x = [at[cell] for cell in points[order].itertuples(index=False, name=None)]
    points = points.assign(x=x).sort_values("x", kind="stable")
    fixed = captions.fixed(points)
    names = {
        _factor(factor): [factors.brief(shorts.get(level, factors.worded(level))) for level in levels[factor]]
        for factor in order
    }
    loops = {_factor(factor): [place[factor][cell[k]] for cell in cells] for k, factor in enumerate(order)}
    count = captions.counted(take.replications)
    caption = [
        f"{len(cells)} cells in nested loops (Rücker & Schwarzer 2014), the first factor the slowest.",
        *_unnamed(loops, names, page),
        f"Bands: ± 2 Monte Carlo standard errors (MCSE), where they exist; {count}.",
        *captions.failures(take.failed),
        *captions.abbreviations(sum(names.values(), fixed)),
        *fixed,
        *notes,
    ]
    if points["status"].isin([ROUGH, NO_MCSE]).any():
        caption.append("Some MCSEs are rough, or do not exist: see the table.")
    if points["status"].isin(MARKS).any():
        caption.append("In the strip estimators with marks have a line each, in the order of the legend.")
    scale = scales.holding(take.log, points)
    return Loops(
        *(name, heading, take.label, list(points["estimator"].unique()), points, scale),
        *(loops, names),
        caption + captions.linear_parts([scale]),
    )


def _factor(name):
    return factors.called(name).lower().replace("_", " ")


def _across(loops, page):
    """Where the panels begin, and how wide they are."""
    left = max(LEFT, 0.12 + LETTER * max(map(len, loops)))
    return left, page.width - left - 0.12


@dataclass(frozen=True)
class _Names:
    """Which steps of a factor have names: (start, stop, name) of each, and whether they are turned, below the steps."""

    steps: list
    turned: bool
    whole: bool  # no step is without

    @classmethod
    def of(cls, places, levels, width):
        """places: the level of each cell; turned where one has no room, then without those that would touch another."""
        step = width / len(places)
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        every = [
            (start, stop, levels[places[start]]) for start, stop in zip(starts, [*starts[1:], len(places)], strict=True)
        ]
        if all(SMALL * LETTER * len(name) + 0.02 < (stop - start) * step for start, stop, name in every):
            return cls(every, False, True)
        kept, last = [], -CLOSEST
        for start, stop, name in every:
            centre = (start + stop) / 2 * step
            if centre - last >= CLOSEST:
                kept, last = [*kept, (start, stop, name)], centre
        return cls(kept, True, len(kept) == len(every))

    @property
    def height(self):
        """Of the steps with their names."""
        return FACTOR + self.turned * (SMALL * LETTER * max(len(name) for *_, name in self.steps) + 0.04)


def _unnamed(loops, levels, page):
    """What the caption says of steps that have no room for their names."""
    _, width = _across(loops, page)
    some = [name for name, places in loops.items() if not _Names.of(places, levels[name], width).whole]
    listed = "; ".join(f"{name}: {', '.join(levels[name])}" for name in some)
    return [f"Steps go up through {listed}."] if some else []


def _draw(axes, picture, styles):
    """Steps of each estimator, with bands; a line breaks where there is no number."""
    count = len(next(iter(picture.factors.values())))
    for estimator, look in styles.items():
        own = picture.points[picture.points["estimator"] == estimator].set_index("x").reindex(range(count))
        y, half = own["y"].to_numpy(dtype=float), own["half"].to_numpy(dtype=float)
        edges = np.arange(count + 1) - 0.5
        axes.stairs(y, edges, baseline=None, color=look["color"], linestyle=look["linestyle"], label=estimator)
        low, high = np.repeat(y - half, 2), np.repeat(y + half, 2)
        axes.fill_between(np.repeat(edges, 2)[1:-1], low, high, **band(look["color"]))
    if picture.points["y"].isna().all():
        axes.text(0.5, 0.5, "no value to show", transform=axes.transAxes, ha="center", va="center", color="#666666")
    rulers.set_values(axes, picture.scale)
    slowest = next(iter(picture.factors.values()))
    for k in np.flatnonzero(np.diff(slowest)):
        axes.axvline(k + 0.5, color="#aaaaaa", linewidth=0.5, zorder=0.5)
    axes.set(xlim=(-0.5, count - 0.5), xticks=[])
    axes.grid(False, axis="x")


def _draw_factor(axes, name, places, names):
    """The steps of a factor, and the names of its levels: above them, or, turned, below."""
    count, most = len(places), max(1, max(places))
    axes.stairs(places, np.arange(count + 1) - 0.5, baseline=None, color="#444444", linewidth=0.8)
    ends = (-0.25 * most, 1.25 * most) if names.turned else (-0.25 * most, 1.9 * most)
    axes.set(xlim=(-0.5, count - 0.5), ylim=ends, xticks=[], yticks=[])
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=7, labelpad=3)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for start, stop, text in names.steps:
        place = (start + stop - 1) / 2, ends[0] if names.turned else places[start] + 0.12 * most
        turn = {"rotation": 90, "va": "top"} if names.turned else {"va": "bottom"}
        axes.text(*place, text, ha="center", fontsize=6.5, color="#444444", **turn)


def _draw_strip(axes, picture, styles, share):
    """The shaded strip on top, with a line of marks for each of some estimators."""
    strip = strips.on_top(axes, share, (len(styles) - 0.3, -0.7), named=True)
    size = 2.6 if len(next(iter(picture.factors.values()))) < 100 else 1.6
    for k, (estimator, look) in enumerate(styles.items()):
        own = picture.points[picture.points["estimator"] == estimator]
        strips.mark(strip, own, k, {"color": look["color"], "markersize": size, "markeredgewidth": 0.6})
