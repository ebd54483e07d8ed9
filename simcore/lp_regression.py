"""Regression of least |r|^p, 1 < p <= 2: reweighted least squares, taken farther where that is safe.

With the weights w = |r|^(p - 2) a least squares step d of the residuals r solves Q' diag(w) Q d = Q' psi. Newton's step
is d / (p - 1). It may go astray where a residual is nearly 0, for there psi is no line; 2 d / p never does: less than
twice the step of a quadratic majoriser it descends, and an error shrinks to (2 - p) / p of itself at least, whether psi
is a line or a jump.
"""

import numpy as np

from simcore.codes import EXACT_FIT, ITERATION, NOT_CONVERGED, OK
from simcore.dense import cholesky_solve, residuals
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
    store,
)
from simcore.m_regression import middle_sizes
from simcore.order import padded_rows
from simcore.weighted import normal_equations

_MOST_PASSES = 600
_NEARBY = 0.5  # scales: from a step this short on Newton's is tried
_NEAR = 2e-14  # scales: residuals as small as this have no more weight, and so turn back and forth about 0
_STUCK = 1e-11  # scales: steps this short that no longer shrink are such
_NO_SCALE = 1e-13  # of the typical response: rounding leaves residuals of this size
_MAJORITY = 1e-9  # of the mean residual; the median may be 0


@lane
def fit(q, y, r, n, p, numbers, gamma, work):
    """Least |r|^numbers[0], from gamma; see `m_regression`. The scale only says which steps are short."""
    pad, exponent = padded_rows(n), numbers[0]
    z, w, scratch, gram = work[:pad], work[pad : 2 * pad], work[2 * pad : 3 * pad], work[3 * pad : 3 * pad + p * p]
    step = work[3 * pad + p * p : 3 * pad + p * p + p]
    nowhere = splat(0.0) > 0.0
    newton, again, done, exact = nowhere, nowhere, nowhere, nowhere  # again: the last step was Newton's, too
    last, reach, passes = splat(np.inf), splat(_NEARBY), splat_u64(0)
    typical = _mean_size(y, n)
    for _ in range(_MOST_PASSES):
        passes = select(done, passes, passes + ITERATION)
        residuals(q, y, n, p, gamma, z)
        low, high = middle_sizes(z, w, scratch, n)
        mean = _mean_size(z, n)
        scale = maximum(0.5 * low + 0.5 * high, _MAJORITY * mean)
        exact = either(exact, both(invert(done), mean <= _NO_SCALE * typical))
        done = either(done, exact)
        inverse = 1.0 / select(exact, splat(1.0), scale)
        for i in range(n):
            one = load(z, i) * inverse
            store(z, i, one)
            store(w, i, quick_power(maximum(magnitude(one), splat(_NEAR)), splat(exponent - 2.0)))
        normal_equations(q, w, z, n, p, gram, step)
        definite = cholesky_solve(gram, step, p)
        farther = select(newton, splat(1.0 / (exponent - 1.0)), splat(2.0 / exponent))
        length, size = splat(0.0), splat(0.0)
        for j in range(p):
            length = maximum(magnitude(load(step, j)) * farther, length)
            size = maximum(magnitude(load(gamma, j)), size)
        short = length <= select(again, 0.5 * last, reach)
        # Less each time, or Newton's steps and the others may go round in circles.
        reach = select(both(newton, invert(short)), 0.1 * minimum(reach, length), reach)
        taken = both(both(definite, length < np.inf), either(invert(newton), short))
        moving = both(taken, invert(done))
        for j in range(p):
            moved = fma(load(step, j), farther * scale, load(gamma, j))
            store(gamma, j, select(moving, moved, load(gamma, j)))
        least = select(newton, splat(1e-12), splat(1e-12 * (exponent - 1.0)))  # there is about as far to go
        stuck = both(both(invert(newton), length <= _STUCK), length >= 0.999 * last)
        done = either(done, both(taken, either(stuck, length * scale <= least * scale + 4e-16 * size)))
        last, again = select(moving, length, last), both(newton, taken)
        newton = both(taken, length <= minimum(splat(_NEARBY), reach))
        if not any_lane(invert(done)):
            break
    code = select(exact, splat_u64(EXACT_FIT), splat_u64(OK))
    return select(done, code, splat_u64(NOT_CONVERGED)) + passes, splat(0.0)


@lane
def _mean_size(z, n):
    total = splat(0.0)
    for i in range(n):
        total = total + magnitude(load(z, i))
    return total / float(n)
