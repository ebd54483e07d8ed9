"""Exact least absolute deviations and quantile regression (Koenker & Bassett 1978), eight problems in step.

Minimises sum rho_tau(y - Q gamma), rho_tau(r) = r (tau - [r < 0]). A few smoothed Newton steps come near the minimum;
then the simplex method of Barrodale & Roberts (1973), in the form of Koenker & d'Orey (1987), goes from vertex to
vertex. A vertex is a basis: p observations with residual 0. With s the sum of psi q_i over all observations (psi = tau
on the side r >= 0, where the basis is counted too, tau - 1 on the other), v = B^-T s, B the basis rows of Q, the
vertex is optimal where 0 <= v <= 1: then tau - v are the dual multipliers of the basis, within [tau - 1, tau]. This is
checked on fresh residuals before an answer counts.

Degenerate vertices (more than p residuals 0) may stall the simplex method. It then runs again on y perturbed by tiny
fixed amounts, under which no vertex is degenerate; an observation through which the plane goes exactly may lie on
either side of it, so the basis that is optimal for the perturbed y is optimal for y.
"""

import numpy as np

from simcore import dense
from simcore.codes import ITERATION, NOT_CONVERGED, OK
from simcore.jit import lane
from simcore.lanes import (
    any_lane,
    bits,
    both,
    either,
    fma,
    from_bits,
    gather,
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

_CUTS = 3
_FIRST_WIDTH = 0.7  # of the first smoothing, in mean absolute residuals
_FIRST_SHARE = 0.6  # of the residuals that lie in it
_SHRINK = 0.25  # from step to step
_FEWEST = 5.0  # residuals in it, times p
_MOST_SMOOTH = 8
_REWEIGHTED = 1  # steps whose Hessian is that of a majoriser, which does not overshoot
_RIDGE = 0.05
_BLOCK = 32  # rows that stay in the first-level cache
_FREE = 1 << 62  # the place of a basis that no observation has taken
_FEASIBLE = 1e-10  # by how much a multiplier may be out of bounds
_CERTIFIED = 1e-9
_NEGLIGIBLE = 1e-12
_ROUNDING = 1e-13
_ATTEMPTS = 4
_NEAR = 8  # breakpoints passed one by one before a leap
_LEAPS = 60
_MOST_PIVOTS = 300


@lane
def fit(q, y, r, n, p, numbers, gamma, work):
    """Regression quantile numbers[0] (0.5: LAD): gamma becomes an optimal vertex. Returns (code, splat(0.0))."""
    tau = numbers[0]
    rest, edge, times, small = work[:n], work[n : 2 * n], work[2 * n : 3 * n], work[3 * n :]
    inverse, gram, basis = small[: p * p], small[p * p : 2 * p * p], small[2 * p * p : 2 * p * p + p]
    small = small[2 * p * p + p :]
    s, b, direction, rows = small[:p], small[p : 2 * p], small[2 * p : 3 * p], small[3 * p : 4 * p]
    dense.residuals(q, y, n, p, gamma, rest)
    spread = _robust_spread(rest, n)
    passes = splat_u64(_smooth(q, y, n, p, tau, gamma, rest, edge, gram, s, spread * _FIRST_WIDTH) * ITERATION)
    dense.residuals(q, y, n, p, gamma, rest)
    going = _starting_basis(q, n, p, rest, times, inverse, basis, b)
    optimal = splat(0.0) > 0.0
    for attempt in range(_ATTEMPTS):
        shift = spread * (1e-9 if attempt == 1 else (1e-11 if attempt == 2 else 1e-7))
        _to_vertex(q, y, n, p, inverse, basis, shift, attempt, going, direction, b, rest)
        stall = spread * 1e-12 if attempt == 0 else splat(-1.0)
        passes = _descend(q, n, p, tau, rest, edge, times, inverse, basis, s, b, direction, going, passes, stall)
        ended = _certify(q, y, n, p, tau, rest, edge, inverse, basis, gamma, direction, b, s, rows, going)
        optimal = either(optimal, ended)
        going = both(going, invert(ended))
        if not any_lane(going):
            break
    return select(optimal, splat_u64(OK), splat_u64(NOT_CONVERGED)) + passes, splat(0.0)


# --- a start near the minimum ---------------------------------------------------------------------------------------


@lane
def _robust_spread(rest, n):
    """The mean absolute residual, far ones cut to twice the mean, and again."""
    spread = splat(np.inf)
    for _ in range(_CUTS):
        most, total = 2.0 * spread, splat(0.0)
        for i in range(n):
            total = total + minimum(magnitude(load(rest, i)), most)
        spread = total / float(n)
    return spread


@lane
def _smooth(q, y, n, p, tau, gamma, psi, inside, gram, step, width):
    """Newton steps for rho rounded off (Huber 1964) within a width, which shrinks while enough residuals are in it.

    Returns how many steps there were, the same in every lane.
    """
    aim, least, steps = _FIRST_SHARE * float(n), _FEWEST * float(p), 0
    while aim > least and steps < _MOST_SMOOTH:
        steps += 1
        sharpness = 0.5 / select(width > 0.0, width, splat(1.0))
        for j in range(p * p):
            store(gram, j, splat(0.0))
        for j in range(p):
            store(step, j, splat(0.0))
        count = splat(0.0)
        for first in range(0, n, _BLOCK):
            last = min(first + _BLOCK, n)
            for i in range(first, last):
                steep = sharpness * (load(y, i) - dense.fitted(q, i, p, gamma))
                clipped = minimum(maximum(steep, splat(tau - 1.0)), splat(tau))
                within = clipped == steep
                count = count + select(within, splat(1.0), splat(0.0))
                store(psi, i, clipped)
                store(inside, i, select(within, splat(1.0), clipped / steep if steps <= _REWEIGHTED else splat(0.0)))
            _add_gram(q, psi, inside, first, last, p, gram, step)
        ridge = (_RIDGE * count + _RIDGE) / float(n)
        for j in range(p):
            store(gram, j * p + j, load(gram, j * p + j) + ridge)
        definite = dense.cholesky_solve(gram, step, p)
        for j in range(p):
            moved = load(gamma, j) + load(step, j) / sharpness
            store(gamma, j, select(definite, moved, load(gamma, j)))
        aim = max(aim * _SHRINK, least)
        width = width * minimum(maximum(aim / (count + 1.0), splat(0.1)), splat(2.0))
        if aim == least:
            aim = 0.0
    return steps


@lane
def _add_gram(q, z, w, first, last, p, gram, b):
    """Add to the lower half of gram the sum of w_i q_i q_i', to b the sum of z_i q_i, over rows first <= i < last."""
    for j in range(p):
        store(b, j, load(b, j) + dense.dot(z, first, 1, q, first * p + j, p, last - first))
        for k in range(j + 1):
            store(gram, j * p + k, load(gram, j * p + k) + _weighted_dot(q, w, first, last, p, j, k))


@lane
def _weighted_dot(q, w, first, last, p, j, k):
    """Sum of w_i q_ij q_ik over rows first <= i < last, in four parts: one would wait for each addition."""
    s0, s1, s2, s3 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    whole = first + (last - first) // 4 * 4
    for i in range(first, whole, 4):
        s0 = fma(load(w, i) * load(q, i * p + j), load(q, i * p + k), s0)
        s1 = fma(load(w, i + 1) * load(q, (i + 1) * p + j), load(q, (i + 1) * p + k), s1)
        s2 = fma(load(w, i + 2) * load(q, (i + 2) * p + j), load(q, (i + 2) * p + k), s2)
        s3 = fma(load(w, i + 3) * load(q, (i + 3) * p + j), load(q, (i + 3) * p + k), s3)
    for i in range(whole, last):
        s0 = fma(load(w, i) * load(q, i * p + j), load(q, i * p + k), s0)
    return (s0 + s1) + (s2 + s3)


# --- the basis ------------------------------------------------------------------------------------------------------


@lane
def _next(values, n, last, at):
    """The least (values[i], i), in lexical order, beyond (last, at): its value (inf: none) and i."""
    best, where = splat(np.inf), splat_u64(0)
    for i in range(n):
        value = load(values, i)
        later = either(value > last, both(value == last, at < i))
        value = select(later, value, splat(np.inf))
        where = select(value < best, splat_u64(i), where)
        best = minimum(value, best)
    return best, where


@lane
def _in_basis(q, row, p, inverse, alpha):
    """alpha = q_row B^-1: the row as a combination of the basis rows. Returns the largest |q_row|."""
    size = splat(0.0)
    for k in range(p):
        store(alpha, k, splat(0.0))
    for j in range(p):
        x = gather(q, row * p + j)
        size = maximum(magnitude(x), size)
        for k in range(p):
            store(alpha, k, fma(x, load(inverse, j * p + k), load(alpha, k)))
    return size


@lane
def _exchange(inverse, basis, p, alpha, row, place, going):
    """Put the row alpha (in terms of the basis) in a place of the basis, in the lanes that are going."""
    pivot = select(going, gather(alpha, place), splat(1.0))
    scale = 1.0 / pivot
    for j in range(p):
        old = gather(inverse, place + j * p)
        column = old * scale
        for k in range(p):
            here = load(inverse, j * p + k)
            new = select(place == k, column, fma(-load(alpha, k), column, here))
            store(inverse, j * p + k, select(going, new, here))
    for k in range(p):
        taken = both(going, place == k)
        store(basis, k, select(taken, from_bits(row), load(basis, k)))


@lane
def _clear_basis(inverse, basis, p, going):
    for j in range(p):
        store(basis, j, select(going, from_bits(splat_u64(_FREE)), load(basis, j)))
        for k in range(p):
            store(inverse, j * p + k, select(going, splat(1.0 if j == k else 0.0), load(inverse, j * p + k)))


@lane
def _enter(q, row, p, inverse, basis, alpha, least, going):
    """Give the row the free place of the basis where its pivot is largest; returns lanes where that was not too small.

    Filling all places of the unit basis so is Gauss-Jordan inversion with pivoting.
    """
    size = _in_basis(q, row, p, inverse, alpha)
    best, place = splat(0.0), splat_u64(0)
    for k in range(p):
        free = bits(load(basis, k)) == _FREE
        pivot = select(free, magnitude(load(alpha, k)), splat(0.0))
        place = select(pivot > best, splat_u64(k), place)
        best = maximum(pivot, best)
    good = both(going, best > least * size)
    _exchange(inverse, basis, p, alpha, row, place, good)
    return good


@lane
def _starting_basis(q, n, p, rest, times, inverse, basis, alpha):
    """Take the observations with the smallest |residuals| that are independent; returns the lanes that have p."""
    for i in range(n):
        store(times, i, magnitude(load(rest, i)))
    everywhere = splat(0.0) == 0.0
    _clear_basis(inverse, basis, p, everywhere)
    missing = splat(float(p))
    value, row = splat(-1.0), splat_u64(0)
    for _ in range(min(n, 3 * p + 10)):
        value, row = _next(times, n, value, row)
        good = _enter(q, row, p, inverse, basis, alpha, 0.02, both(missing > 0.0, value < np.inf))
        missing = select(good, missing - 1.0, missing)
        if not any_lane(missing > 0.0):
            return everywhere
    for _ in range(p):
        row = _farthest(q, n, p, inverse, basis)
        good = _enter(q, row, p, inverse, basis, alpha, 1e-10, missing > 0.0)
        missing = select(good, missing - 1.0, missing)
    return missing == 0.0


@lane
def _farthest(q, n, p, inverse, basis):
    """The row with the largest pivot in a free place."""
    best, where = splat(0.0), splat_u64(0)
    for k in range(p):
        free = bits(load(basis, k)) == _FREE
        for i in range(n):
            pivot = splat(0.0)
            for j in range(p):
                pivot = fma(load(q, i * p + j), load(inverse, j * p + k), pivot)
            pivot = select(free, magnitude(pivot), splat(0.0))
            where = select(pivot > best, splat_u64(i), where)
            best = maximum(pivot, best)
    return where


# --- descent --------------------------------------------------------------------------------------------------------


@lane
def _jitter(i, attempt):
    """A fixed number in (-1, 1) for each observation: multiplicative hashing of i (uint64 lanes)."""
    mixed = (i * 8 + attempt) * 0x9E3779B97F4A7C15
    mixed = (mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9
    return 2.0 * from_bits((mixed >> 12) | 0x3FF0000000000000) - 3.0


@lane
def _at_basis(y, p, basis, usable, out):
    """out[k] = y at the k-th place of the basis (0 in lanes not usable); returns the largest |y| there."""
    size = splat(0.0)
    for k in range(p):
        value = select(usable, gather(y, select(usable, bits(load(basis, k)), splat_u64(0))), splat(0.0))
        store(out, k, value)
        size = maximum(magnitude(value), size)
    return size


@lane
def _times_inverse(inverse, b, p, g):
    """g = B^-1 b."""
    for j in range(p):
        total = splat(0.0)
        for k in range(p):
            total = fma(load(inverse, j * p + k), load(b, k), total)
        store(g, j, total)


@lane
def _to_vertex(q, y, n, p, inverse, basis, shift, attempt, going, g, b, rest):
    """rest = residuals of the shifted y at the vertex of the basis, exactly 0 in the basis, in lanes that are going."""
    size = _at_basis(y, p, basis, going, b)
    if attempt > 0:
        shift = maximum(shift, 1e-11 * size)
        shift = select(shift > 0.0, shift, splat(1.0))
        for k in range(p):
            store(b, k, fma(shift, _jitter(bits(load(basis, k)), attempt), load(b, k)))
    _times_inverse(inverse, b, p, g)
    for i in range(n):
        value = load(y, i) - dense.fitted(q, i, p, g)
        if attempt > 0:
            value = fma(shift, _jitter(splat_u64(i), attempt), value)
        for k in range(p):
            value = select(bits(load(basis, k)) == i, splat(0.0), value)
        store(rest, i, select(going, value, load(rest, i)))


@lane
def _side_sums(q, rest, n, p, tau, psi, s):
    """s = the sum of psi q_i, psi = tau on the side rest >= 0, tau - 1 on the other (psi may be rest itself)."""
    for j in range(p):
        store(s, j, splat(0.0))
    for first in range(0, n, _BLOCK):
        rows = min(_BLOCK, n - first)
        for i in range(first, first + rows):
            store(psi, i, select(load(rest, i) >= 0.0, splat(tau), splat(tau - 1.0)))
        for j in range(p):
            store(s, j, load(s, j) + dense.dot(psi, first, 1, q, first * p + j, p, rows))


@lane
def _steepest(inverse, s, p, direction):
    """The place to leave the basis and the direction of descent along which its residual grows.

    Of the places with a multiplier out of bounds, the one with the steepest descent. Returns (place, slope, lanes
    where the residual becomes negative); slope 0 where the vertex is optimal.
    """
    best, slope, place, size = splat(0.0), splat(0.0), splat_u64(0), splat(0.0)
    for k in range(p):
        v, square = splat(0.0), splat(0.0)
        for j in range(p):
            x = load(inverse, j * p + k)
            v = fma(x, load(s, j), v)
            square = fma(x, x, square)
        excess = maximum(-v, v - 1.0)
        gain = select(excess > _FEASIBLE, excess * excess / square, splat(0.0))
        better = gain > best
        place = select(better, splat_u64(k), place)
        slope = select(better, select(v > 0.5, excess, -excess), slope)
        size = select(better, square, size)
        best = maximum(gain, best)
    sign = select(slope > 0.0, splat(1.0), splat(-1.0))
    for j in range(p):
        store(direction, j, sign * gather(inverse, place + j * p))
    return place, -magnitude(slope), sign, root(size)


@lane
def _breakpoints(q, rest, n, p, direction, least, leaving, edge, times):
    """edge = Q direction (0 where negligible), times = the steps at which residuals change sign (inf: never)."""
    best, where = splat(np.inf), splat_u64(0)
    for i in range(n):
        a = dense.fitted(q, i, p, direction)
        a = select(magnitude(a) > least, a, splat(0.0))
        store(edge, i, a)
        r = load(rest, i)
        t = r / a
        ahead = both(t >= 0.0, invert(leaving == i))
        ahead = both(ahead, either(a > 0.0, r < 0.0))
        t = select(ahead, t, splat(np.inf))
        store(times, i, t)
        where = select(t < best, splat_u64(i), where)
        best = minimum(t, best)
    return best, where


@lane
def _slope_at(edge, times, n, slope, step):
    """The slope just beyond a step, and how many breakpoints it passes."""
    total, count = splat(0.0), splat(0.0)
    for i in range(n):
        passed = load(times, i) <= step
        total = total + select(passed, magnitude(load(edge, i)), splat(0.0))
        count = count + select(passed, splat(1.0), splat(0.0))
    return slope + total, count


@lane
def _leap(edge, times, n, start, slope, step, searching):
    """Bring the step near where the slope turns, in lanes whose turn is many breakpoints away: a guarded secant."""
    low, low_slope = step, slope
    high, high_slope = splat(np.inf), splat(0.0)
    low_count, high_count = splat(0.0), splat(np.inf)
    going = searching
    for turn in range(_LEAPS):
        inside = high < np.inf
        share = select(splat(float(turn % 3)) == 2.0, splat(0.5), low_slope / (low_slope - high_slope))
        trial = select(inside, low + share * (high - low), 2.0 * low)
        at, count = _slope_at(edge, times, n, start, trial)
        under = at < 0.0
        raise_low, drop_high = both(going, under), both(going, invert(under))
        low, low_slope = select(raise_low, trial, low), select(raise_low, at, low_slope)
        low_count = select(raise_low, count, low_count)
        high, high_slope = select(drop_high, trial, high), select(drop_high, at, high_slope)
        high_count = select(drop_high, count, high_count)
        going = both(going, high_count - low_count > 4.0)
        if not any_lane(going):
            break
    return low, low_slope


@lane
def _long_step(edge, times, n, slope, step, entering):
    """Pass breakpoints while the slope stays negative: the step to the minimum along the edge, and who enters."""
    start = slope
    slope = slope + magnitude(gather(edge, entering))
    searching = both(slope < 0.0, step < np.inf)
    for _ in range(_NEAR):
        if not any_lane(searching):
            return step, entering
        step, entering, slope, searching = _pass_one(edge, times, n, step, entering, slope, searching)
    if any_lane(searching):
        low, low_slope = _leap(edge, times, n, start, slope, step, searching)
        leapt = both(searching, low > step)
        step, slope = select(leapt, low, step), select(leapt, low_slope, slope)
        entering = select(leapt, splat_u64(_FREE), entering)
    for _ in range(n):
        if not any_lane(searching):
            break
        step, entering, slope, searching = _pass_one(edge, times, n, step, entering, slope, searching)
    return step, entering


@lane
def _pass_one(edge, times, n, step, entering, slope, searching):
    """On to the next breakpoint in the lanes that are searching."""
    later, row = _next(times, n, step, entering)
    step = select(searching, later, step)
    entering = select(searching, row, entering)
    slope = select(searching, slope + magnitude(gather(edge, row)), slope)
    return step, entering, slope, both(searching, both(slope < 0.0, later < np.inf))


@lane
def _descend(q, n, p, tau, rest, edge, times, inverse, basis, s, alpha, direction, going, passes, stall):
    """Pivot until no multiplier is out of bounds, or too many steps gain less than `stall`; returns the passes."""
    patience = splat(float(p + 3))
    for _ in range(_MOST_PIVOTS):
        _side_sums(q, rest, n, p, tau, edge, s)
        place, slope, sign, size = _steepest(inverse, s, p, direction)
        going = both(going, slope < 0.0)
        if not any_lane(going):
            break
        passes = select(going, passes + ITERATION, passes)
        leaving = bits(gather(basis, place))
        least = size * _NEGLIGIBLE
        step, entering = _breakpoints(q, rest, n, p, direction, least, leaving, edge, times)
        step, entering = _long_step(edge, times, n, slope, step, entering)
        patience = select(-slope * step <= stall, patience - 1.0, patience)
        going = both(going, both(step < np.inf, patience > 0.0))
        for i in range(n):
            value = fma(-step, load(edge, i), load(rest, i))
            value = select(entering == i, splat(0.0), value)
            store(rest, i, select(going, value, load(rest, i)))
        _in_basis(q, entering, p, inverse, alpha)
        _exchange(inverse, basis, p, alpha, entering, place, going)
    return passes


# --- the certificate ------------------------------------------------------------------------------------------------


@lane
def _certify(q, y, n, p, tau, rest, edge, inverse, basis, gamma, g, b, s, rows, going):
    """Compute the vertex of the basis afresh; where its multipliers are in bounds it becomes gamma.

    An observation whose residual is rounding may count on either side: it stays on the side where descent had it.
    """
    usable = going
    for k in range(p):
        store(rows, k, load(basis, k))
    _clear_basis(inverse, basis, p, going)
    for k in range(p):
        row = select(going, bits(load(rows, k)), splat_u64(0))
        usable = both(usable, _enter(q, row, p, inverse, basis, b, 1e-13, going))
    size = _at_basis(y, p, basis, usable, b)
    _times_inverse(inverse, b, p, g)
    for k in range(p):
        row = select(usable, bits(load(basis, k)), splat_u64(0))
        total = load(b, k)
        for j in range(p):
            total = fma(-gather(q, row * p + j), load(g, j), total)
        store(b, k, total)
    _times_inverse(inverse, b, p, s)
    for j in range(p):
        store(g, j, load(g, j) + load(s, j))
    total = splat(0.0)
    for i in range(n):
        value = load(y, i) - dense.fitted(q, i, p, g)
        total = total + magnitude(value)
        clear = magnitude(value) > _ROUNDING * (magnitude(load(y, i)) + size)
        value = select(clear, value, load(rest, i))
        for k in range(p):
            value = select(bits(load(basis, k)) == i, splat(0.0), value)
        store(edge, i, value)
    usable = both(usable, total < np.inf)
    _side_sums(q, edge, n, p, tau, edge, s)
    for k in range(p):
        v = splat(0.0)
        for j in range(p):
            v = fma(load(inverse, j * p + k), load(s, j), v)
        usable = both(usable, both(v >= -_CERTIFIED, v <= 1.0 + _CERTIFIED))
    for j in range(p):
        store(gamma, j, select(usable, load(g, j), load(gamma, j)))
    return usable
