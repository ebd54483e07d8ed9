"""S-estimates of regression (Rousseeuw & Yohai 1984) and M-estimates from them, with Tukey's biweight.

The S-estimate minimises the M-scale s of its residuals r: sum rho(r / (c s)) = (n - p) / 2, where rho is the biweight's
with maximum 1. The search is that of Salibian-Barrera & Yohai (2006). All works on x = min(r^2 v, 1) with v = 1 /
(c s)^2, in which rho = x (3 - x (3 - x)) is increasing and concave, so that no pass takes a root or a division.
Arrays as in `dense`; `residuals` are those of the plane g.
"""

from simcore.codes import EXACT_FIT, ITERATION, NOT_CONVERGED, OK
from simcore.dense import cholesky_solve, dot, residuals
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
from simcore.order import padded_rows, sort
from simcore.subsets import EMPTY, all_subsets, elemental, forget, half, keep, search_scratch, vanishing_square
from simcore.weighted import normal_equations, weighted_step

S_TUNING = 1.54764  # with (n - p) / 2: breakdown point 1/2, and s estimates sigma under the normal
_FIRST = 0.19  # (0.6745 / c)^2: v of the scale that a median of |r| gives, times that median squared
_KEPT = 2  # starts that are followed to the end
_REWEIGHTED = 2  # steps from each start before its scale is compared
_NEAR = 0.06  # a Newton step is short if it changes residuals by this, in units of c s (root mean square)
_MOST_STEPS = 500


def decisive_rows(n, p):
    """Fewest rows near one plane that leave a small scale where all others are far off: their rho is no more than the
    target."""
    return (n + p) // 2 + 1


@lane
def rho_sum(r, n, v):
    """Sum of rho over the residuals."""
    one, three, even, odd = splat(1.0), splat(3.0), splat(0.0), splat(0.0)
    for i in range(0, n - 1, 2):
        a, b = load(r, i), load(r, i + 1)
        x, z = minimum(a * a * v, one), minimum(b * b * v, one)
        even = fma(x, fma(-x, three - x, three), even)
        odd = fma(z, fma(-z, three - z, three), odd)
    if n % 2 == 1:
        a = load(r, n - 1)
        x = minimum(a * a * v, one)
        even = fma(x, fma(-x, three - x, three), even)
    return even + odd


@lane
def next_scale(r, n, v, target):
    """A step of v towards sum rho = target.

    The sum is concave in v: Newton's steps from below the root never pass it, and those from above land below it. Where
    such a step would be too long, the step v target / sum also goes the right way and does not pass the root.
    """
    one, three, total, slope = splat(1.0), splat(3.0), splat(0.0), splat(0.0)
    for i in range(n):
        a = load(r, i)
        x = minimum(a * a * v, one)
        u = one - x
        total = fma(x, fma(-x, three - x, three), total)
        slope = fma(x, u * u, slope)
    newton = fma(target - total, 1.0 / (3.0 * slope), one)
    plain = target / total
    return v * select(both(newton > 0.1, newton < 10.0), newton, minimum(plain, splat(10.0)))


@lane
def scale_of(r, n, v, target, done):
    """v of the M-scale of the residuals, to rounding, from a v near it; lanes that are `done` keep theirs."""
    for _ in range(100):
        new = next_scale(r, n, v, target)
        close = magnitude(new - v) <= 1e-9 * v  # then Newton's step has left an error of rounding
        v = select(done, v, new)
        done = either(done, close)
        if not any_lane(invert(done)):
            break
    return v


@lane
def _weights(r, n, v, w):
    """The biweight's weights (1 - x)^2."""
    one = splat(1.0)
    for i in range(n):
        a = load(r, i)
        u = one - minimum(a * a * v, one)
        store(w, i, u * u)


@lane
def _curvatures(r, n, v, out):
    """psi' = (1 - x) (1 - 5 x)."""
    one = splat(1.0)
    for i in range(n):
        a = load(r, i)
        x = minimum(a * a * v, one)
        store(out, i, (one - x) * fma(splat(-5.0), x, one))


@lane
def _quadratic(a, b, p):
    """b'a b for a symmetric a (its lower half)."""
    total = splat(0.0)
    for j in range(p):
        along = 0.5 * load(a, j * p + j) * load(b, j)
        for k in range(j):
            along = fma(load(a, j * p + k), load(b, k), along)
        total = fma(along, load(b, j), total)
    return 2.0 * total


@lane
def _carved(work, n, p):
    """Of scratch: two vectors of n, two systems of p equations (a, then b), and the rest."""
    rows, size = padded_rows(n), p * (p + 1)
    r, w, rest = work[:rows], work[rows : 2 * rows], work[2 * rows :]
    return r, w, rest[:size], rest[size : 2 * size], rest[2 * size :]


@lane
def descend(q, y, n, p, v, target, done, g, work):
    """From g to the local minimum: of the M-scale where target > 0, else of sum rho at the fixed v.

    Newton steps where these are short, or at most twice as long as the steps of reweighting, in the metric of the
    weights: these minimise a quadratic majoriser of the sum, so the longer ones still descend. Elsewhere reweighting.
    Lanes that are `done` keep g and v. Returns v, the lanes that converged (or were done) and the passes.
    """
    r, w, system, newtons, _ = _carved(work, n, p)
    a, b = system[: p * p], system[p * p :]
    hessian, step = newtons[: p * p], newtons[p * p :]
    passes = splat_u64(0)
    for turn in range(_MOST_STEPS):
        passes = select(done, passes, passes + ITERATION)
        residuals(q, y, n, p, g, r)
        if target > 0.0:
            v = select(done, v, next_scale(r, n, v, splat(target)))
        _curvatures(r, n, v, w)
        normal_equations(q, w, r, n, p, hessian, step)
        _weights(r, n, v, w)
        normal_equations(q, w, r, n, p, a, b)
        for j in range(p):
            store(step, j, load(b, j))
        definite = cholesky_solve(hessian, step, p)
        length = dot(step, 0, 1, step, 0, 1, p) * v
        safe = _quadratic(a, step, p) <= 2.0 * dot(b, 0, 1, step, 0, 1, p)
        near = length <= (_NEAR * _NEAR * n if turn % 32 < 16 else 0.0)  # short steps that go in circles end
        newton = both(definite, either(safe, near))
        solved = newton
        if any_lane(invert(either(newton, done))):
            solved = either(newton, cholesky_solve(a, b, p))
            for j in range(p):
                store(step, j, select(newton, load(step, j), select(solved, load(b, j), splat(0.0))))
        length, size = dot(step, 0, 1, step, 0, 1, p) * v, dot(g, 0, 1, g, 0, 1, p) * v
        for j in range(p):
            store(g, j, select(done, load(g, j), load(g, j) + load(step, j)))
        short = either(length <= fma(splat(1e-30), size, splat(1e-24)), both(newton, length <= 1e-20))
        done = either(done, both(solved, short))
        if not any_lane(invert(done)):
            break
    return v, done, passes


@lane
def _first_scale(r, n, h, target, tiny, scratch):
    """v of a scale near that of the residuals, and the lanes where h of these vanish.

    It comes from the h-th smallest residual: in large samples from that of 32 of them, and two steps with all.
    """
    m = n if n <= 64 else 32
    for i in range(m):
        a = load(r, i * n // m)
        store(scratch, i, a * a)
    sort(scratch[: padded_rows(m)], m)
    v = _FIRST / maximum(load(scratch, (h * m + n - 1) // n - 1), tiny)
    vanishing = splat(0.0)
    for i in range(n):
        a = load(r, i)
        vanishing = select(a * a <= tiny, vanishing + 1.0, vanishing)
    if m < n:
        for _ in range(2):
            v = next_scale(r, n, v, splat(target))
    return v, vanishing >= float(h)


@lane
def s_estimate(q, y, n, p, starts, gamma, work):
    """gamma: the S-estimate. Returns v = 1 / (c s)^2, the code, and the lanes without s: exact fits, and no fit.

    `starts`: how many planes through p observations to start from; all of them where there are fewer.
    """
    r, w, system, _, rest = _carved(work, n, p)
    scratch, g, index, kept, basis = search_scratch(rest, n, p, _KEPT)
    target = 0.5 * (n - p)
    h = half(n, p)  # the least number of vanishing residuals that makes the scale 0
    tiny = vanishing_square(y, n, p, w, scratch)
    forget(kept, _KEPT, p)
    every = all_subsets(n, p, starts)
    for number in range(every if every > 0 else starts):
        elemental(q, y, n, p, number, every, index, basis, gamma, g)
        residuals(q, y, n, p, g, r)
        v, exact = _first_scale(r, n, h, target, tiny, scratch)
        for step in range(_REWEIGHTED):
            if step > 0:
                v = next_scale(r, n, v, splat(target))
            _weights(r, n, v, w)
            weighted_step(q, w, r, n, p, exact, g, system)
            residuals(q, y, n, p, g, r)
        worst = load(kept, (_KEPT - 1) * (p + 1))
        fails = either(exact, invert(rho_sum(r, n, 1.0 / maximum(worst, tiny)) < target))
        if any_lane(invert(fails)):
            for _ in range(2):
                v = next_scale(r, n, v, splat(target))
        criterion = select(exact, splat(0.0), select(fails, splat(EMPTY), 1.0 / v))
        if any_lane(criterion < worst):
            keep(kept, _KEPT, p, criterion, g)
    return _best_of(q, y, n, p, target, tiny, kept, gamma, g, work)


@lane
def _best_of(q, y, n, p, target, tiny, kept, gamma, g, work):
    """Descend from each plane kept, and leave the one of least scale in gamma."""
    least = splat(EMPTY)
    best = splat(1.0)
    converged = splat(0.0) > 0.0
    passes = splat_u64(0)
    for place in range(_KEPT):
        first = place * (p + 1)
        criterion = load(kept, first)
        still = either(criterion <= tiny, criterion >= EMPTY)
        for j in range(p):
            store(g, j, load(kept, first + 1 + j))
        v, done, more = descend(q, y, n, p, 1.0 / maximum(criterion, tiny), target, still, g, work)
        passes = passes + more
        residuals(q, y, n, p, g, work)
        v = scale_of(work, n, v, splat(target), still)
        criterion = select(still, criterion, 1.0 / v)
        better = criterion < least
        least, best = select(better, criterion, least), select(better, v, best)
        converged = either(both(better, done), both(converged, invert(better)))
        for j in range(p):
            store(gamma, j, select(better, load(g, j), load(gamma, j)))
    code = select(converged, splat_u64(OK), splat_u64(NOT_CONVERGED))
    code = select(least <= tiny, splat_u64(EXACT_FIT), code)
    return best, code + passes, either(least <= tiny, least >= EMPTY)


@lane
def scale(v, without):
    """s of v = 1 / (c s)^2; 0 in the lanes `without`."""
    return select(without, splat(0.0), root(1.0 / v) * (1.0 / S_TUNING))
