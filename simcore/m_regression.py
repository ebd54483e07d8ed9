"""M-estimates of regression: coefficients gamma that minimise sum rho((y - Q gamma) / s) for a scale s.

Q is orthonormal (see `dense`), so steps in gamma are steps in the fitted values. Every fit of a regression problem is a
function fit(q, y, r, n, p, numbers, gamma, work) -> (code, scale): q (n * p, WIDTH), responses y, R of the design in r,
the estimator's numbers, gamma (p, WIDTH) with the least squares coefficients on entry and the estimate on exit, and
`dense.work_rows(n, p)` rows of scratch.
"""

import numpy as np

from simcore.codes import EXACT_FIT, ITERATION, NOT_CONVERGED, OK
from simcore.dense import factorise, inner, project, residuals, solve, weighted_gram
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
    root,
    select,
    splat,
    splat_u64,
    store,
)
from simcore.order import MAD_FACTOR, kth_smallest, padded_rows, sort

KNOWN, MAD, PROPOSAL_2 = 1.0, 0.0, -1.0  # kinds of scale: numbers[0] is one of them, numbers[1] what it needs
LOSS_NUMBERS = 2  # from here on stand the numbers of the loss
_MOST_PASSES = 600
_PATIENCE = 40  # passes after which a scale that has not settled is bracketed
_NEARBY = 0.5  # scales: after a step this short Newton's method is tried
_FEW = 64  # residuals that are sorted, not counted, for their median
_STRIDE = 100.0  # how many times the step before, so near the root that it is short, Newton's may always be
_NO_SCALE = 1e-13  # of the typical response: rounding leaves residuals of this size
psi = psi_prime = weight = smooth = None  # open names: each loss gets functions in which they are its own


def descend(q, y, r, n, p, numbers, gamma, work):
    """M-estimate by steps that never ascend, from gamma; returns (code with the passes, scale).

    A step solves Q' diag(c) Q delta = Q' psi with c = max(psi', weight / 2) for each residual: half the curvature of
    the quadratic majoriser that reweighting minimises, so the step is at most twice as long as that one and cannot
    ascend (Huber & Ronchetti 2009, section 7.8). Near the root c = psi' gives Newton's, for as long as steps shrink.
    A scale that is not known is taken from the residuals of each pass; Newton's steps move it along with gamma. Where
    that has not settled after some passes, two scales are kept that bracket the root, and gamma is found for each.
    """
    pad, own = padded_rows(n), numbers[LOSS_NUMBERS:]
    residual, pull, curvature = work[:n], work[pad : pad + n], work[2 * pad : 2 * pad + n]
    sizes, stretch, tie = work[3 * pad : 4 * pad], work[4 * pad : 4 * pad + n], work[5 * pad : 5 * pad + n]
    gram, rest = work[6 * pad : 6 * pad + p * p], work[6 * pad + p * p :]
    step, drift, bond = rest[:p], rest[p : 2 * p], rest[2 * p : 3 * p]
    known, nowhere = numbers[0] == KNOWN, splat(0.0) > 0.0
    typical, scale, last = _root_mean_square(y, n, n), splat(numbers[1]), splat(np.inf)
    newton, again, done, exact = nowhere, nowhere, nowhere, nowhere  # again: the last step was Newton's, too
    reach = splat(_NEARBY)  # of a first step of Newton's, in scales; less after each failure
    least, most = splat(0.0), splat(np.inf)  # the bracket of the scale
    passes, squares = splat_u64(0), splat(np.inf)  # squares: the sum of psi^2 in the pass before
    for turn in range(_MOST_PASSES):
        passes = select(done, passes, passes + ITERATION)
        residuals(q, y, n, p, gamma, residual)
        if turn == _PATIENCE:
            reach = splat(_NEARBY)
        found, low, high = scale, scale, scale
        if not known:
            found, low, high = _new_scale(residual, sizes, work[pad : 2 * pad], n, p, numbers, scale, squares, turn)
        if known or turn < _PATIENCE:
            scale = select(either(done, newton), scale, found)
        exact = either(exact, both(invert(done), scale <= _NO_SCALE * typical))
        done = either(done, exact)
        inverse = 1.0 / select(exact, splat(1.0), scale)
        squares, bend = splat(0.0), splat(0.0)
        for i in range(n):
            e = load(residual, i)
            z = e * inverse
            slope, one = psi_prime(z, own), psi(z, own)
            store(pull, i, one)
            store(curvature, i, select(newton, slope, maximum(slope, 0.5 * weight(z, own))))
            squares = fma(one, one, squares)
            if not known:
                store(stretch, i, slope * z)
                bend = fma(one * slope, z, bend)
                if numbers[0] == MAD:
                    near = select(magnitude(e) == low, splat(0.5), splat(0.0))
                    near = near + select(magnitude(e) == high, splat(0.5), splat(0.0))
                    store(tie, i, select(e < 0.0, -MAD_FACTOR * near, MAD_FACTOR * near))
                else:
                    store(tie, i, one * slope)
        project(q, pull, n, p, step)
        weighted_gram(q, curvature, n, p, gram)
        definite = factorise(gram, p)
        solve(gram, step, p)
        growth = splat(0.0)  # of the scale, relative
        if not known:
            lack = found * inverse - 1.0
            if numbers[0] != MAD:
                lack = 0.5 * (squares - _expected(n, p, numbers))
            project(q, stretch, n, p, drift)
            project(q, tie, n, p, bond)
            solve(gram, drift, p)
            own_pull = splat(1.0) if numbers[0] == MAD else bend
            growth = (lack - inner(bond, step, p)) / (own_pull - inner(bond, drift, p))
            growth = select(newton, growth, splat(0.0)) if turn < _PATIENCE else splat(0.0)
            for j in range(p):
                store(step, j, fma(-growth, load(drift, j), load(step, j)))
        length, size = magnitude(growth), splat(0.0)
        for j in range(p):
            length = maximum(length, magnitude(load(step, j)))
        short = length <= select(again, 0.5 * last, minimum(splat(_NEARBY), maximum(reach, _STRIDE * last)))
        taken = both(both(definite, length < np.inf), either(invert(newton), short))
        reach = select(both(newton, invert(short)), 0.7 * reach, reach)
        moving = both(taken, invert(done))
        for j in range(p):
            store(gamma, j, select(moving, fma(load(step, j), scale, load(gamma, j)), load(gamma, j)))
            size = maximum(size, magnitude(load(gamma, j)))
        tiny = length * scale <= 1e-12 * scale + 4e-16 * size
        if smooth and numbers[0] != MAD:  # a Newton step this short leaves an error of the order of its square
            tiny = either(tiny, both(newton, length <= 1e-8))
        tiny = both(taken, tiny)
        settled = magnitude(found - scale) <= 1e-12 * scale
        if turn < _PATIENCE:
            settled = either(newton, settled)
            scale = select(moving, fma(growth, scale, scale), scale)
        elif not known:
            least = select(both(tiny, found > scale), scale, least)
            most = select(both(tiny, found < scale), scale, most)
            settled = either(settled, most - least <= 1e-12 * scale)
            middle = select(most < np.inf, 0.5 * least + 0.5 * most, 2.0 * scale)
            afresh = both(tiny, invert(either(done, settled)))
            scale, taken = select(afresh, middle, scale), both(taken, invert(afresh))
            reach = select(afresh, splat(_NEARBY), reach)
        done = either(done, both(tiny, settled))
        last, again = select(moving, length, last), both(newton, taken)
        newton = both(taken, length <= _NEARBY)
        if not any_lane(invert(done)):
            break
    code = select(exact, splat_u64(EXACT_FIT), splat_u64(OK))
    return select(done, code, splat_u64(NOT_CONVERGED)) + passes, select(exact, splat(0.0), scale)


@lane
def _root_mean_square(z, n, divisor):
    total = splat(0.0)
    for i in range(n):
        total = fma(load(z, i), load(z, i), total)
    return root(total / float(divisor))


@lane
def _new_scale(residual, sizes, scratch, n, p, numbers, scale, squares, turn):
    """(scale, low, high) of the residuals: their normalised MAD about 0, from the sizes low and high in the middle, or
    the next step of Huber's proposal 2 (Huber 1964), which solves sum psi(r / s)^2 = (n - p) E psi^2 (normal r)."""
    if numbers[0] == MAD:
        low, high = middle_sizes(residual, sizes, scratch, n)
        found = MAD_FACTOR * (0.5 * low + 0.5 * high)
    else:
        low, high = scale, scale
        found = scale * root(squares / _expected(n, p, numbers))
        if turn == 0:
            found = _root_mean_square(residual, n, max(1, n - p))
    return found, low, high


@lane
def _expected(n, p, numbers):
    """Of the sum of psi^2, under the normal."""
    return max(1.0, float(n - p)) * numbers[1]


@lane
def middle_sizes(residual, sizes, scratch, n):
    """The two sizes |residual| in the middle, the same where n is odd; sizes, scratch: padded_rows(n) rows each."""
    for i in range(n):
        store(sizes, i, magnitude(load(residual, i)))
    if n <= _FEW:
        sort(sizes, n)
        return load(sizes, (n - 1) // 2), load(sizes, n // 2)
    low = kth_smallest(sizes, n, (n + 1) // 2, scratch)
    if n % 2 == 1:
        return low, low
    count, above = splat(0.0), splat(np.inf)
    for i in range(n):
        size = load(sizes, i)
        larger = size > low
        count = count + select(larger, splat(0.0), splat(1.0))
        above = minimum(above, select(larger, size, splat(np.inf)))
    return low, select(count > float(n // 2), low, above)
