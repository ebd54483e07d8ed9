"""The distribution of the estimates: a histogram of each estimator, and beside it the tail of its errors.

On double logarithmic axes the tail P(|T - truth| > c) of a distribution with tail index a falls like c^-a, so its slope
shows which moments exist: the variance where it is steeper than -2, its Monte Carlo error where it is steeper than -4.
Both come from the stored histograms (bins less than 1 % wide), or from the estimates, where they were kept.
"""

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from simcore import design, intervals
from simcore.drawing import canvas, captions, cells, frames, takes
from simcore.drawing.looks import band, looks
from simcore.drawing.sizes import GAP, LINE, wrap
from simcore.drawing.sources import Kind
from simcore.outcomes import CellOutcomes

CELLS = 3  # figures
MOST, FEW = 6, 2  # estimators of a figure, on paper and on slides
BINS, POINTS = 60, 40
WIDEST = 0.005  # share of the errors that may lie beyond either side of a histogram
SLOPES = {2: 0.6, 4: 0.75}  # slope -> where on its line its number stands
LEFT, ROW = 0.72, 0.92


@dataclass(frozen=True)
class Distributions:
    """What a figure shows of a cell.

    rows: (estimator, edges, densities, sizes c, (share, low, high) of the larger errors), None instead where there is
    none. beyond: the most of a share that the histograms do not show. limits: common to all histograms; tails: to all
    tails, as (smallest c, largest c, smallest share).
    """

    name: str
    title: str
    label: str
    estimators: list
    rows: list
    limits: tuple
    tails: tuple
    notes: list


def lacking(source):
    return cells.lacking(source)


def suits(source):
    """Only where it is asked for: the curves show what follows from it."""
    return False


def pictures(source, measures, page):
    """Figures of a few cells, of one parameter; measures make no difference."""
    shown, notes = cells.few(source, 1 if page.panels else CELLS)
    names = {cell.number: title for cell, title in shown}
    found = []
    for cell, total, errors in source.run.parts(names):
        found += _of_cell(source, cell, total, errors, names[cell.number], notes, FEW if page.panels else MOST)
    return found


def figure(picture, page):
    drawn = canvas.blank(page)
    lines, below = len(picture.rows), LINE - 0.015
    frame = frames.Frame(
        *(picture.title, " ".join(picture.notes), "", ""),
        legends=(),
        below=below + 1.25 * LINE,
        room=ROW + LINE + 0.12,
        lines=lines,
        above=0.06,
    )
    room, top = frames.surround(drawn, page, frame)
    tall, half = room - LINE - 0.12, (page.width - LEFT - 0.55) / 2 - GAP
    styles = looks(picture.estimators)
    for k, row in enumerate(picture.rows):
        bottom = top - (k + 1) * room + 0.1
        last = k == lines - 1
        left = frames.panel(drawn, page, (LEFT, bottom, half, tall), f"histogram {k}")
        right = frames.panel(drawn, page, (LEFT + half + GAP + 0.55, bottom, half, tall), f"tail {k}")
        look = styles[row[0]]
        _draw_histogram(left, row, picture, look, last)
        _draw_tail(right, row, picture, look, last)
        left.set_title(wrap(row[0], 60))
        if last:
            left.set_xlabel(picture.label, labelpad=1)
            right.set_xlabel(f"c, on log axes: share of |{picture.label}| > c", labelpad=1)
    return drawn


KIND = Kind(
    "distribution",
    "histograms of the estimates, and the tails of their errors",
    "Wilson (1927) for the bands",
    *(lacking, suits, pictures, figure),
)


def _of_cell(source, cell, total, errors, title, notes, most):
    """The figures of a cell, of so many estimators each."""
    study = source.run.study
    outcomes, count = CellOutcomes(study, cell, total, errors), len(cell.quantities)
    targets = [(choice.label, outcomes.views(k * count).plain) for k, choice in enumerate(study.estimators)]
    known = design.truths(study, cell)[0] is not None
    good = [(label, own) for label, own in targets if own.errors.count]
    low = min((own.errors.at_rank(_rank(own, WIDEST)) for _, own in good), default=0.0)
    high = max((own.errors.at_rank(_rank(own, 1.0 - WIDEST)) for _, own in good), default=1.0)
    low, high = _typical(good, low, high)
    edges = np.linspace(low, high, BINS + 1)
    rows = [(label, edges, _densities(own, edges), *_tail(own)) for label, own in targets]
    tails = _limits(rows)
    beyond = max((1.0 - sum(row[2]) * (edges[1] - edges[0]) for row in rows if row[2] is not None), default=0.0)
    label = "T − truth" if known else "T"
    replications = min(own.good for _, own in targets), max(own.good for _, own in targets)
    caption = [
        f"Left: the density of {label}; at most {100 * max(beyond, 0.0):.2g} % of it lies outside.",
        f"Right: the share of |{label}| larger than c, with a binomial 95 % band (Wilson 1927).",
        "Grey: slopes −2 and −4; a tail steeper than −2 has a variance, one steeper than −4 also an MCSE of it.",
        f"{captions.counted(replications, 'good replication')}.",
        *captions.failures(max(own.failed for _, own in targets)),
        *captions.left_out("Parameters", 1, count),
        *captions.abbreviations([title, *notes]),
        *notes,
    ]
    parameter = f", {cell.quantities[0].name}" * (count > 1)
    heading = f"{source.title}, {title}{parameter}: distribution of the estimates"
    groups = [rows[first : first + most] for first in range(0, len(rows), most)]
    labels = [label for label, _ in targets]
    return [
        Distributions(
            takes.file_name("distribution", f"cell{cell.number}", str(k) * (len(groups) > 1)),
            *(heading, label, labels, group, (low, high), tails, caption),
        )
        for k, group in enumerate(groups, 1)
    ]


def _rank(outcome, share):
    return 1.0 + (outcome.errors.count - 1) * share


def _typical(good, low, high):
    """Limits that the widest of the estimators, where its tails are heavy, does not stretch beyond what the others
    need: three times the median of their widths."""
    if not good:
        return low, high
    ends = np.array([[own.errors.at_rank(_rank(own, p)) for p in (WIDEST, 1.0 - WIDEST)] for _, own in good])
    middle, wide = np.median(ends.mean(axis=1)), np.median(ends[:, 1] - ends[:, 0])
    low, high = max(low, middle - 1.5 * wide), min(high, middle + 1.5 * wide)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _densities(outcome, edges):
    """Of each bin, None where there is no estimate."""
    errors = outcome.errors
    if not errors.count:
        return None
    above = np.array([errors.above(float(edge)) for edge in edges])
    return -np.diff(above) / errors.count / np.diff(edges)


def _tail(outcome):
    """Sizes c from the median of |e| on, evenly spaced by their logarithms, and (share, low, high) of those larger."""
    if not outcome.errors.count:
        return None, None
    sizes = outcome.errors.sizes()
    first, last = sizes.at_rank(_rank(outcome, 0.5)), sizes.at_rank(sizes.count)
    if not 0.0 < first < last < math.inf:
        return None, None
    c = np.geomspace(first, last, POINTS)[:-1]
    shares = [intervals.share(sizes.above(float(limit)), sizes.count) for limit in c]
    return c, np.array([(p, low, high) for p, _, low, high in shares])


def _limits(rows):
    """What holds all tails; one that is far longer than the others goes on beyond the axis."""
    some = [(c, shares) for *_, c, shares in rows if c is not None]
    if not some:
        return 0.1, 1.0, 0.1
    last = sorted(c[-1] for c, _ in some)
    most = min(last[-1], 100.0 * last[(len(last) - 1) // 2])
    return min(c[0] for c, _ in some), most, min(shares[:, 0].min() for _, shares in some) / 2


def _draw_histogram(axes, row, picture, look, named):
    label, edges, densities, *_ = row
    if densities is None:
        axes.text(0.5, 0.5, "no value to show", transform=axes.transAxes, ha="center", va="center", color="#666666")
        axes.set(xticks=[], yticks=[])
        return
    axes.stairs(densities, edges, fill=True, color=look["color"], alpha=0.35)
    axes.stairs(densities, edges, color=look["color"], linewidth=0.9, label=label)
    axes.axvline(0.0, color="#666666", linewidth=0.6, zorder=1)
    axes.set(xlim=picture.limits, ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: canvas.number(value) if named else ""))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: canvas.number(value)))


def _draw_tail(axes, row, picture, look, named):
    label, *_, c, shares = row
    low, high, least = picture.tails
    if c is None:
        axes.text(0.5, 0.5, "no tail to show", transform=axes.transAxes, ha="center", va="center", color="#666666")
        axes.set(xticks=[], yticks=[])
        return
    axes.set(xscale="log", yscale="log", xlim=(low, high * 1.1), ylim=(least, 0.7))
    start = float(np.interp(-0.1, -shares[:, 0], c))  # where one error in ten is larger
    for slope, share in SLOPES.items():
        ends = np.array([start, start * (0.1 / least) ** (1 / slope)])
        axes.plot(ends, 0.1 * (ends / start) ** -slope, color="#999999", linewidth=0.7, zorder=1.5, label=f"−{slope}")
        at = (min(ends[1], high) / start) ** share * start
        line, tail = 0.1 * (at / start) ** -slope, np.interp(at, c, shares[:, 0], right=0.0)
        side = {"va": "bottom", "ha": "left"} if tail < line else {"va": "top", "ha": "right"}  # away from the tail
        axes.text(at, line, f" −{slope} ", fontsize=6.5, color="#666666", clip_on=True, **side)
    axes.fill_between(c, shares[:, 1], shares[:, 2], **band(look["color"]))
    axes.plot(c, shares[:, 0], color=look["color"], linestyle="-", linewidth=1.0, label=label)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 50 * low else (1,), numticks=12))
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: canvas.number(value) if named else ""))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: canvas.number(value)))
