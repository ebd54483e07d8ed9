"""M-estimates of location: the root of sum psi((x - mu) / s) = 0 for a scale s that is fixed beforehand.

The sample arrives sorted, with its median and MAD; residuals are taken from the median first, so that a large offset
costs no digits. Every fit of a location problem is a function fit(x, n, p, median, mad) -> (estimate, code): x (n,
WIDTH), the estimator's numbers p, and the MAD not yet normalised.
"""

import numpy as np

from simcore.codes import DEGENERATE_SCALE, ITERATION, NOT_CONVERGED, OK
from simcore.fmath import quick_power
from simcore.jit import lane
from simcore.lanes import (
    any_lane,
    both,
    either,
    fma,
    invert,
    load,
    magnitude,
    maximum,
    minimum,
    select,
    splat,
    splat_u64,
)
from simcore.order import MAD_FACTOR

_MOST_STEPS = 1000
_NEAR = 1e-13  # scales
_TRUSTED = 8  # Newton steps before every second one halves the bracket
psi = psi_prime = weight = monotone = smooth = None  # open names: each loss gets a `descend` in which they are its own
solve = None  # open name of `fit_loss`: `descend` for its loss


def fit_loss(x, n, p, median, mad):
    """M-estimate of a loss: p[0] scales, or the normalised MAD where p[0] is 0; the loss has p[1:]."""
    return solve(x, n, p[1:], median, splat(p[0]) if p[0] > 0.0 else mad * MAD_FACTOR)


@lane
def fit_insensitive(x, n, p, median, mad):
    """The epsilon-insensitive loss, numbers as of `fit_loss`: exact.

    2 max(|r| - e, 0) = |r - e| + |r + e| - 2 e, so the estimate is the median of the 2 n numbers x - e and x + e. The
    k-th of two sorted lists is the least max(i-th of the one, (k - i)-th of the other).
    """
    scale = splat(p[0]) if p[0] > 0.0 else mad * MAD_FACTOR
    e = p[1] * scale
    lower, upper = (load(x, n - 1) - median) - e, splat(np.inf)
    for i in range(n):
        below = (load(x, i) - median) - e
        if i < n - 1:
            lower = minimum(lower, maximum(below, (load(x, n - 2 - i) - median) + e))
        upper = minimum(upper, maximum(below, (load(x, n - 1 - i) - median) + e))
    degenerate = scale <= 0.0
    estimate = select(degenerate, median, median + (0.5 * lower + 0.5 * upper))
    return estimate, select(degenerate, splat_u64(DEGENERATE_SCALE), splat_u64(OK))


@lane
def fit_power(x, n, p, median, mad):
    """|r|^p with the power p[1]: the root of the sum of sign(r) |r|^(p - 1), which always increases, in a bracket.

    Newton steps; one that leaves the bracket goes to the middle, and so does every second one when there were many, for
    next to an observation, where the slope is infinite, they may go astray. Within _NEAR scales of one psi is taken as
    linear: that moves the root by no more. The scale only says what is near.
    """
    spread, total = splat(0.0), splat(0.0)
    for i in range(n):
        spread = spread + magnitude(load(x, i) - median)
    for i in range(n // 4, n - n // 4):
        total = total + (load(x, i) - median)
    scale = select(mad > 0.0, mad * MAD_FACTOR, spread / float(n))
    done = scale <= 0.0
    inverse = 1.0 / select(done, splat(1.0), scale)
    low, high = (load(x, 0) - median) * inverse, (load(x, n - 1) - median) * inverse
    mu = total * inverse / float(n - n // 4 * 2)
    passes, exponent = splat_u64(0), splat(p[1] - 2.0)
    for turn in range(_MOST_STEPS):
        passes = select(done, passes, passes + ITERATION)
        pull, weights = splat(0.0), splat(0.0)
        for i in range(n):
            z = fma(load(x, i) - median, inverse, -mu)
            w = quick_power(maximum(magnitude(z), splat(_NEAR)), exponent)
            pull, weights = fma(z, w, pull), weights + w
        low, high = select(pull > 0.0, mu, low), select(pull < 0.0, mu, high)
        target, middle = mu + pull / ((p[1] - 1.0) * weights), 0.5 * low + 0.5 * high
        if turn >= _TRUSTED and turn % 2 == 0:
            target = middle
        tolerance = 1e-13 + 4e-16 * magnitude(mu)
        inside = either(both(target > low, target < high), magnitude(target - mu) <= tolerance)
        target = select(inside, target, middle)
        target = select(either(done, pull == 0.0), mu, target)
        done = either(done, magnitude(target - mu) <= tolerance)
        mu = target
        if not any_lane(invert(done)):
            break
    return median + mu * scale, select(done, splat_u64(OK), splat_u64(NOT_CONVERGED)) + passes


def descend(x, n, q, median, scale):
    """The root for a scale, of a psi with the parameters q; returns (estimate, code with the passes).

    Newton steps on sum psi((x - mu) / s) = 0 from the median. Where psi never decreases, the root is kept in a bracket,
    and a step that leaves it goes to the middle. Where psi redescends, no step is longer than twice that of iteratively
    reweighted means: twice the way to the minimum of a quadratic majoriser still descends, so the steps end in the root
    that reweighting from the median finds (Huber & Ronchetti 2009, section 7.8).
    """
    degenerate = scale <= 0.0
    inverse = 1.0 / select(degenerate, splat(1.0), scale)
    mu = splat(0.0)  # in scales, from the median
    low, high = (load(x, 0) - median) * inverse, (load(x, n - 1) - median) * inverse
    done = degenerate
    passes = splat_u64(0)
    for _ in range(_MOST_STEPS):
        passes = select(done, passes, passes + ITERATION)
        pull, slope, weights, r = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        for i in range(n):
            r = fma(load(x, i) - median, inverse, -mu)
            pull = pull + psi(r, q)
            slope = slope + psi_prime(r, q)
            if not monotone:
                weights = weights + weight(r, q)
        tolerance = 1e-13 + 4e-16 * magnitude(mu)
        if monotone:
            # Without slope every psi is at its bound: the sum is 0 but for rounding, or a bound or more. Where it is 0,
            # every mu between the two middle observations' flat parts is a root, and the median is their middle.
            flat = both(slope == 0.0, magnitude(pull) < 0.5 * magnitude(psi(r, q)))
            pull = select(flat, splat(0.0), pull)
            low, high = select(pull > 0.0, mu, low), select(pull < 0.0, mu, high)
            target = mu + pull / slope
            newton = either(both(target > low, target < high), magnitude(target - mu) <= tolerance)
            target = select(newton, target, 0.5 * low + 0.5 * high)
        else:
            newton = slope > 0.5 * weights
            target = mu + pull / select(newton, slope, 0.5 * weights)
        target = select(either(done, pull == 0.0), mu, target)
        step = magnitude(target - mu)
        mu = target
        tiny = step <= tolerance
        if smooth:  # a Newton step this short leaves an error of the order of its square
            tiny = either(tiny, both(newton, step <= 1e-8))
        done = either(done, tiny)
        if not any_lane(invert(done)):
            break
    estimate = select(degenerate, median, median + mu * scale)
    code = select(degenerate, splat_u64(DEGENERATE_SCALE), splat_u64(OK))
    return estimate, select(done, code, splat_u64(NOT_CONVERGED)) + passes
