"""Least trimmed squares (Rousseeuw 1984): the sum of the h smallest squared residuals, h = (n + p + 1) // 2.

The search is that of Rousseeuw & Van Driessen (2006): from a plane, least squares of the h observations nearest to it
never has a larger sum. Two such steps from each start, then as many as it takes from the best planes.
"""

from simcore.codes import EXACT_FIT, ITERATION, NOT_CONVERGED, OK
from simcore.dense import residuals
from simcore.jit import lane
from simcore.lanes import any_lane, both, either, invert, load, select, splat, splat_u64, store
from simcore.order import kth_smallest, padded_rows
from simcore.registry import Estimator
from simcore.subsets import (
    EMPTY,
    SUBSETS,
    all_subsets,
    elemental,
    forget,
    half,
    keep,
    number_of_starts,
    search_scratch,
    vanishing_square,
)
from simcore.weighted import weighted_step

_KEPT = 10
_MOST_STEPS = 500


@lane
def _nearest(r, n, h, w, scratch):
    """Weight 1 for the h smallest squared residuals, 0 for the others, equal shares for those tied across the border.

    Returns the sum of the h smallest squares, and the largest of them.
    """
    for i in range(n):
        store(w, i, load(r, i) * load(r, i))
    border = kth_smallest(w, n, h, scratch)
    total, inside, tied = splat(0.0), splat(0.0), splat(0.0)
    for i in range(n):
        square = load(w, i)
        near = square < border
        total = select(near, total + square, total)
        inside = select(near, inside + 1.0, inside)
        tied = select(square == border, tied + 1.0, tied)
    rest = float(h) - inside
    share = rest / tied
    for i in range(n):
        square = load(w, i)
        store(w, i, select(square < border, splat(1.0), select(square == border, share, splat(0.0))))
    return total + rest * border, border


@lane
def fit(q, y, r, n, p, numbers, gamma, work):
    rows = padded_rows(n)
    e, w, rest = work[:rows], work[rows : 2 * rows], work[2 * rows :]
    a, trial, rest = rest[: p * (p + 1)], rest[p * (p + 1) : p * (p + 2)], rest[p * (p + 2) :]
    scratch, g, index, kept, basis = search_scratch(rest, n, p, _KEPT)
    h = half(n, p)
    tiny = vanishing_square(y, n, p, w, scratch)
    forget(kept, _KEPT, p)
    starts = number_of_starts(p, int(numbers[0]))
    every = all_subsets(n, p, starts)
    for number in range(every if every > 0 else starts):
        elemental(q, y, n, p, number, every, index, basis, gamma, g)
        residuals(q, y, n, p, g, e)
        total, border = _nearest(e, n, h, w, scratch)
        for _ in range(2):
            exact = border <= tiny
            weighted_step(q, w, e, n, p, exact, g, a)
            residuals(q, y, n, p, g, e)
            total, border = _nearest(e, n, h, w, scratch)
        total = select(border <= tiny, splat(0.0), total)
        if any_lane(total < load(kept, (_KEPT - 1) * (p + 1))):
            keep(kept, _KEPT, p, total, g)
    code = _concentrate(q, y, n, p, h, tiny, kept, gamma, e, w, a, g, trial, scratch)
    return code, splat(0.0)


@lane
def _concentrate(q, y, n, p, h, tiny, kept, gamma, e, w, a, g, trial, scratch):
    """From each plane kept, steps until the sum no longer falls; gamma: the one of the least sum. Returns the code."""
    least, code, passes = splat(EMPTY), splat_u64(NOT_CONVERGED), splat_u64(0)
    for place in range(_KEPT):
        for j in range(p):
            store(g, j, load(kept, place * (p + 1) + 1 + j))
        criterion = load(kept, place * (p + 1))
        done = either(criterion >= EMPTY, criterion <= 0.0)
        converged = criterion <= 0.0
        residuals(q, y, n, p, g, e)
        _, border = _nearest(e, n, h, w, scratch)
        for _ in range(_MOST_STEPS):
            passes = select(done, passes, passes + ITERATION)
            for j in range(p):
                store(trial, j, load(g, j))
            weighted_step(q, w, e, n, p, done, trial, a)
            residuals(q, y, n, p, trial, e)
            total, border = _nearest(e, n, h, w, scratch)
            exact = both(border <= tiny, invert(done))
            total = select(exact, splat(0.0), total)
            falls = both(total < criterion * (1.0 - 1e-13), invert(done))
            criterion = select(falls, total, criterion)
            for j in range(p):
                store(g, j, select(falls, load(trial, j), load(g, j)))
            ends = both(invert(done), either(exact, invert(falls)))
            converged, done = either(converged, ends), either(done, ends)
            if not any_lane(invert(done)):
                break
        better = both(criterion < least, converged)
        least = select(better, criterion, least)
        code = select(better, select(criterion <= 0.0, splat_u64(EXACT_FIT), splat_u64(OK)), code)
        for j in range(p):
            store(gamma, j, select(better, load(g, j), load(gamma, j)))
    return code + passes


PLUGIN = Estimator(
    "lts",
    "least sum of the smaller half of the squared residuals: half of the observations may be bad",
    "Rousseeuw (1984), Rousseeuw & Van Driessen (2006)",
    (SUBSETS,),
    problem="linear",
    fit=fit,
    carried_by=lambda best: best,
    decisive_rows=lambda n, p, values: half(n, p),
    equivariant=True,
    scaled=False,
    work=lambda q: 100 * q * q,
    also=("least_trimmed_squares",),
)
