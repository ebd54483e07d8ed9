"""The geodesic median: least sum of angles, by Newton's and Weiszfeld's steps along great circles."""

import numpy as np

from simcore.codes import ITERATION, NOT_CONVERGED, OK
from simcore.dense import cholesky_solve
from simcore.jit import lane
from simcore.lanes import (
    any_lane,
    both,
    either,
    fma,
    gather,
    invert,
    load,
    maximum,
    minimum,
    select,
    splat,
    splat_u64,
    store,
)
from simcore.registry import Estimator
from simcore.sphere import add_tangent, between, clear, exponential, mean, norm, project, report

_MOST_STEPS = 500
_TOLERANCE = 1e-12  # length of a step
_LONGEST = 0.5  # step of Newton's
_ROUNDING = 1e-13  # of the sum of angles
_LEAST_WEIGHT = 0.3  # less than 1 / pi, which is that of a single point


@lane
def _pull(x, n, d, m, v, unit, bend):
    """The sum of the unit vectors u from m towards the points into v, which pulls m with as much force as its length;
    and into the lower triangle of bend the Hessian of the sum of angles, that of cot(angle) (I - u u').

    Returns the sum of the angles, that of 1 / angle, how many points are at m itself, which are left out, and which
    one is the nearest."""
    clear(v, d)
    clear(bend, d * d)
    total, weights, here, bent = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    least, nearest = splat(4.0), splat_u64(0)
    for i in range(n):
        angle, sine, versine = between(x, i, m, d)
        off = angle > 0.0
        here = here + select(off, splat(0.0), splat(1.0))
        inverse = select(sine > 0.0, 1.0 / sine, splat(0.0))
        cotangent = inverse * (1.0 - versine)
        clear(unit, d)
        add_tangent(x, i, m, d, versine, inverse, unit)
        for j in range(d):
            own = load(unit, j)
            store(v, j, load(v, j) + own)
            for k in range(j + 1):
                store(bend, j * d + k, fma(-cotangent * own, load(unit, k), load(bend, j * d + k)))
        total, bent = total + angle, bent + cotangent
        weights = weights + select(off, 1.0 / angle, splat(0.0))
        closer = angle < least
        least, nearest = minimum(angle, least), select(closer, splat_u64(i), nearest)
    for j in range(d):
        store(bend, j * d + j, load(bend, j * d + j) + bent)
    return total, maximum(weights, splat(_LEAST_WEIGHT)), here, nearest


@lane
def fit(x, n, p, values, work):
    """From the mean direction, to exp_m of Newton's step; where there is none or it did not descend, of Weiszfeld's,
    sum of u / sum of 1 / angle, which always descends.

    A point that k others share is left unless the pull of the rest is at most k (Vardi & Zhang 2000): then it is the
    median, which steps alone approach without end; so the nearest point is asked, before steps 2, 4, 8, ...
    """
    d = int(p[0])
    m, v, s, back, slow = work[:d], work[d : 2 * d], work[2 * d : 3 * d], work[3 * d : 4 * d], work[4 * d : 5 * d]
    unit, bend = work[5 * d : 6 * d], work[6 * d :]
    mean(x, n, d, m)
    done = project(m, d) == 0.0  # points that cancel have no mean direction
    passes, nearest, best = splat_u64(0), splat_u64(0), splat(np.inf)
    for turn in range(_MOST_STEPS):
        if turn >= 2 and turn & (turn - 1) == 0:
            passes = select(done, passes, passes + ITERATION)
            done = either(done, _asked(x, n, d, nearest, best, m, (v, s, unit, bend), done))
        passes = select(done, passes, passes + ITERATION)
        total, weights, here, nearest = _pull(x, n, d, m, v, unit, bend)
        worse = total > best * (1.0 + _ROUNDING)
        best = select(worse, best, total)
        pull = norm(v, d)
        kept = select(pull > here, 1.0 - here / pull, splat(0.0)) / weights
        for j in range(d):
            store(m, j, select(both(worse, invert(done)), load(back, j), load(m, j)))
            store(slow, j, select(worse, load(slow, j), kept * load(v, j)))
            store(back, j, load(m, j))
            store(s, j, load(v, j))
        newton = both(cholesky_solve(bend, s, d), norm(s, d) < _LONGEST)
        newton = both(both(newton, splat(float(d)) > 2.0), both(invert(worse), here == 0.0))  # a circle does not bend
        for j in range(d):
            store(s, j, select(newton, load(s, j), load(slow, j)))
        exponential(m, s, d, done)
        done = either(done, norm(s, d) <= _TOLERANCE)
        if not any_lane(invert(done)):
            break
    report(m, d, splat(1.0), values)
    return select(done, splat_u64(OK), splat_u64(NOT_CONVERGED)) + passes


@lane
def _asked(x, n, d, nearest, best, m, rows, done):
    """The lanes not done whose nearest point is the median, and no worse than what was found: there it becomes m."""
    v, point, unit, bend = rows
    for j in range(d):
        store(point, j, gather(x, nearest * d + j))
    total, _, here, _ = _pull(x, n, d, point, v, unit, bend)
    found = both(both(norm(v, d) <= here, total <= best), invert(done))
    for j in range(d):
        store(m, j, select(found, load(point, j), load(m, j)))
    return found


PLUGIN = Estimator(
    "geodesic_median",
    "the minimiser of the mean angle that steps on the sphere reach from the mean direction",
    "Fletcher, Venkatasubramanian & Joshi (2009)",
    problem="direction",
    fit=fit,
)
