"""Hodges-Lehmann estimator (Hodges & Lehmann 1963): the median of the averages (x_i + x_j) / 2 of all pairs i <= j."""

import numpy as np

from simcore.codes import ITERATION, NOT_CONVERGED, OK
from simcore.jit import lane
from simcore.lanes import (
    any_lane,
    both,
    either,
    gather,
    invert,
    load,
    maximum,
    minimum,
    select,
    splat,
    splat_u64,
)
from simcore.order import MAD_FACTOR
from simcore.registry import Estimator

_MOST_PASSES = 500
_DENSITY = 0.28209479177387814  # of the sum of two standard normals at its centre, 1 / sqrt(4 pi)


@lane
def fit(x, n, p, median, mad):
    """Exact selection among the n (n + 1) / 2 pair sums, without forming them.

    Each pass counts the sums <= t in n steps along the staircase of the sorted sample, and notes the sums next to t on
    both sides, so that a bracket of sums shrinks to the one of the wanted rank.
    """
    pairs = 0.5 * n * (n + 1.0)
    rank = np.floor(0.5 * (pairs + 1.0))  # the lower of the two middle ranks; the upper is at most one more
    upper_rank = np.floor(0.5 * pairs) + 1.0
    low, high = 2.0 * load(x, 0), 2.0 * load(x, n - 1)
    below_low, up_to_high = splat(0.0), splat(pairs)  # how many sums are < low, and <= high
    t = 2.0 * median
    slope = (_DENSITY * pairs) / maximum(mad * MAD_FACTOR, splat(1e-300))
    last_t, last_count = t, splat(np.nan)
    lower, upper = t, t
    done = t < t
    passes = splat_u64(0)
    for turn in range(_MOST_PASSES):
        passes = select(done, passes, passes + ITERATION)
        count, below, above = _staircase(x, n, t)
        enough = count >= rank
        found = both(enough, either(count == rank, below == low))
        fresh = both(found, invert(done))
        lower = select(fresh, below, lower)
        upper = select(fresh, select(count >= upper_rank, below, above), upper)
        done = either(done, found)
        if not any_lane(invert(done)):
            break
        high = select(enough, below, high)
        low = select(enough, low, above)
        below_low = select(enough, below_low, count)
        up_to_high = select(enough, count, up_to_high)
        secant = (count - last_count) / (t - last_t)
        slope = select(secant > 0.0, secant, slope)
        last_t, last_count = t, count
        guess = t + (rank - 0.5 - count) / slope
        if turn >= 2 and turn % 2 == 0:  # where the steps of the counts mislead the secant, the bracket does not
            guess = low + (high - low) * ((rank - 0.5 - below_low) / (up_to_high - below_low))
        if turn >= 9 and turn % 3 == 0:  # and where ties mislead both, halving ends
            guess = 0.5 * low + 0.5 * high
        inside = both(both(guess >= low, guess < high), below_low < rank - 1.0)
        t = select(inside, guess, low)
    estimate = 0.25 * lower + 0.25 * upper
    return estimate, select(done, splat_u64(OK), splat_u64(NOT_CONVERGED)) + passes


@lane
def _staircase(x, n, t):
    """Number of sums x_i + x_j <= t over i <= j, the largest of them, and the smallest of the others."""
    i, j = splat_u64(0), splat_u64(n - 1)
    left, right = load(x, 0), load(x, n - 1)
    count, below, above = splat(0.0), splat(-np.inf), splat(np.inf)
    for step in range(n):
        total = left + right
        fits = total <= t
        count = select(fits, count + float(n - step), count)  # x_i + x_i, ..., x_i + x_j
        below = maximum(below, select(fits, total, splat(-np.inf)))
        above = minimum(above, select(fits, splat(np.inf), total))
        if step < n - 1:
            i = select(fits, i + 1, i)
            j = select(fits, j, j - 1)
            moved = gather(x, select(fits, i, j))
            left = select(fits, moved, left)
            right = select(fits, right, moved)
    return count, below, above


def carried_by(n, values):
    """Bad observations on one side that take the upper middle pair sum with them."""
    upper_rank = n * (n + 1) // 4 + 1
    return next(m for m in range(1, n + 1) if (n - m) * (n - m + 1) // 2 < upper_rank)


PLUGIN = Estimator(
    "hodges_lehmann",
    "median of the averages of all pairs, each observation with itself too",
    "Hodges & Lehmann (1963)",
    fit=fit,
    carried_by=carried_by,
    equivariant=True,
    estimand=lambda population, values: population.median_of_averages(),
    influence=lambda population, values, x: population.median_of_averages_influence(x),
    work=lambda q: 4,
    also=("hl",),
)
