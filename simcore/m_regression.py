"""M-estimates of regression: coefficients gamma that minimise sum rho((y - Q gamma) / s) for a scale s.

Q is orthonormal (see `dense`), so steps in gamma are steps in the fitted values. Every fit of a regression problem is a
function fit(q, y, r, n, p, numbers, gamma, work) -> (code, scale): q (n * p, WIDTH), responses y, R of the design in r,
the estimator's numbers, gamma (p, WIDTH) with the least squares coefficients on entry and the estimate on exit, and
`dense.work_rows(n, p)` rows of scratch.
"""

import numpy as np

from simcore.codes import EXACT_FIT, ITERATION, NOT_CONVERGED, OK
from simcore.dense import factorise, inner, project, residuals, solve
from simcore.jit import inlined, lane
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
from simcore.weighted import weighted_gram

# Places in the numbers: the kind of scale, what that needs, and from where on the loss has its own; of a loss that
# redescends the tau of its start; of any estimator how many columns are the intercept.
KIND, SIZE, LOSS_NUMBERS, START_TAU, INTERCEPT = 0, 1, 2, 5, 7
KNOWN, MAD, PROPOSAL_2 = 1.0, 0.0, -1.0  # kinds of scale
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
    residual, pull, curvature = work[:pad], work[pad : 2 * pad], work[2 * pad : 3 * pad]
    sizes, stretch, tie = work[3 * pad : 4 * pad], work[4 * pad : 5 * pad], work[5 * pad : 6 * pad]
    gram, small = work[6 * pad : 6 * pad + p * p], work[6 * pad + p * p :]
    step, small = small[:p], small[p:]
    known, nowhere = numbers[KIND] == KNOWN, splat(0.0) > 0.0
    typical, scale, last = _root_mean_square(y, n, n), splat(numbers[SIZE]), splat(np.inf)
    newton, again, done, exact = nowhere, nowhere, nowhere, nowhere  # again: the last step was Newton's, too
    reach = splat(_NEARBY)  # of a first step of Newton's, in scales; less after each failure
    least, most = splat(0.0), splat(np.inf)  # the bracket of the scale
    passes, squares = splat_u64(0), splat(np.inf)  # squares: the sum of psi^2 in the pass before
    for turn in range(_MOST_PASSES):
        passes = select(done, passes, passes + ITERATION)
        residuals(q, y, n, p, gamma, residual)
        found, low, high = scale, scale, scale
        if not known:
            found, low, high = _new_scale(residual, sizes, pull, n, p, numbers, scale, squares, turn)
        if turn < _PATIENCE:
            scale = select(either(done, newton), scale, found)
        exact = either(exact, both(invert(done), scale <= _NO_SCALE * typical))
        done = either(done, exact)
        inverse = 1.0 / select(exact, splat(1.0), scale)
        squares, bend = splat(0.0), splat(0.0)  # bend: how half the sum of psi^2 falls as log s grows
        for i in range(n):
            z = load(residual, i) * inverse
            slope, one = psi_prime(z, own), psi(z, own)
            store(pull, i, one)
            store(stretch, i, slope * z)
            store(curvature, i, select(newton, slope, maximum(slope, 0.5 * weight(z, own))))
            squares, bend = fma(one, one, squares), fma(one * slope, z, bend)
        definite = _step(q, pull, curvature, n, p, gram, step)
        growth = splat(0.0)  # of the scale, relative
        if not known and 0 < turn < _PATIENCE:  # else no step is Newton's that moves the scale
            if numbers[KIND] == MAD:
                excess, bend = _mad_equation(residual, n, inverse, found, low, high, tie), splat(1.0)
            else:
                excess = _proposal_2_equation(pull, curvature, n, p, numbers, squares, tie)
            growth = _growth(q, stretch, tie, n, p, excess, bend, newton, gram, step, small)
        length = _largest(growth, step, p)
        reach = splat(_NEARBY) if turn == _PATIENCE else reach
        short = length <= select(again, 0.5 * last, minimum(splat(_NEARBY), maximum(reach, _STRIDE * last)))
        taken = both(both(definite, length < np.inf), either(invert(newton), short))
        reach = select(both(newton, invert(short)), 0.7 * reach, reach)
        moving = both(taken, invert(done))
        _move(gamma, step, scale, moving, p)
        tiny = length * scale <= 1e-12 * scale + 4e-16 * _largest(splat(0.0), gamma, p)
        if smooth and numbers[KIND] != MAD:  # a Newton step this short leaves an error of the order of its square
            tiny = either(tiny, both(newton, length <= 1e-8))
        tiny = both(taken, tiny)
        settled = magnitude(found - scale) <= 1e-12 * scale
        if turn < _PATIENCE:
            settled = either(newton, settled)
            scale = select(moving, fma(growth, scale, scale), scale)
        else:
            least, most, settled, afresh, scale = _bracket(least, most, settled, tiny, done, scale, found)
            taken, reach = both(taken, invert(afresh)), select(afresh, splat(_NEARBY), reach)
        done = either(done, both(tiny, settled))
        last, again = select(moving, length, last), both(newton, taken)
        newton = both(taken, length <= _NEARBY)
        if not any_lane(invert(done)):
            break
    code = select(exact, splat_u64(EXACT_FIT), splat_u64(OK))
    return select(done, code, splat_u64(NOT_CONVERGED)) + passes, select(exact, splat(0.0), scale)


# Inlined: calls, whose lanes pass through memory, would make fits of 20 observations 5 % slower.


@inlined
def _step(q, pull, curvature, n, p, gram, step):
    """The step for a scale that stays; gram: factorised. Returns the lanes where that is definite."""
    project(q, pull, n, p, step)
    weighted_gram(q, curvature, n, p, gram)
    definite = factorise(gram, p)
    solve(gram, step, p)
    return definite


@lane
def _mad_equation(residual, n, inverse, found, low, high, tie):
    """By how much found / s, the MAD of the residuals in scales, is more than 1.

    tie: how it falls as each fitted value grows, by the residuals of the sizes low and high in the middle alone.
    """
    for i in range(n):
        e = load(residual, i)
        near = select(magnitude(e) == low, splat(0.5), splat(0.0))
        near = near + select(magnitude(e) == high, splat(0.5), splat(0.0))
        store(tie, i, select(e < 0.0, -MAD_FACTOR * near, MAD_FACTOR * near))
    return found * inverse - 1.0


@lane
def _proposal_2_equation(pull, slope, n, p, numbers, squares, tie):
    """By how much half the sum of psi^2 is more than expected; tie: how it falls as each fitted value grows."""
    for i in range(n):
        store(tie, i, load(pull, i) * load(slope, i))
    return 0.5 * (squares - _expected(n, p, numbers))


@inlined
def _growth(q, stretch, tie, n, p, excess, bend, newton, gram, step, scratch):
    """How much a Newton step moves the scale, relatively; `step`, for which that did not move, becomes the one with it.

    stretch: how the pulls fall as log s grows; tie, bend: how the `excess` of the scale's equation falls as the fitted
    values and log s grow. gram: factorised. 0 in the lanes that are not `newton`.
    """
    drift, bond = scratch[:p], scratch[p : 2 * p]
    project(q, stretch, n, p, drift)
    project(q, tie, n, p, bond)
    solve(gram, drift, p)
    growth = (excess - inner(bond, step, p)) / (bend - inner(bond, drift, p))
    growth = select(newton, growth, splat(0.0))
    for j in range(p):
        store(step, j, fma(-growth, load(drift, j), load(step, j)))
    return growth


@inlined
def _move(gamma, step, scale, moving, p):
    for j in range(p):
        store(gamma, j, select(moving, fma(load(step, j), scale, load(gamma, j)), load(gamma, j)))


@inlined
def _largest(value, b, p):
    """The largest of the sizes of a value and p coefficients."""
    size = magnitude(value)
    for j in range(p):
        size = maximum(size, magnitude(load(b, j)))
    return size


@inlined
def _bracket(least, most, settled, tiny, done, scale, found):
    """(least, most, settled, afresh, scale) where steps for this scale have become tiny, so that `found` is what gamma
    asks for: it bounds the bracket on one side, and unless that is narrow, lanes start afresh in its middle."""
    least = select(both(tiny, found > scale), scale, least)
    most = select(both(tiny, found < scale), scale, most)
    settled = either(settled, most - least <= 1e-12 * scale)
    middle = select(most < np.inf, 0.5 * least + 0.5 * most, 2.0 * scale)
    afresh = both(tiny, invert(either(done, settled)))
    return least, most, settled, afresh, select(afresh, middle, scale)


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
    if numbers[KIND] == MAD:
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
    return max(1.0, float(n - p)) * numbers[SIZE]


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
