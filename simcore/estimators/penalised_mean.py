"""Least squares with a price on leaving the sphere, the middle way between the plain mean and the mean direction."""

from simcore.codes import ITERATION, NOT_CONVERGED, OK
from simcore.jit import lane
from simcore.lanes import any_lane, either, fma, invert, select, splat, splat_u64
from simcore.registry import Estimator, Interval, Parameter
from simcore.sphere import mean, norm, report

_MOST_STEPS = 100


@lane
def fit(x, n, p, values, work):
    """Minimise mean |x - a|^2 + weight (|a|^2 - 1)^2, in the direction of the mean.

    Its length s is the root of 2 weight s (s^2 - 1) + s - r, r being that of the mean. The cubic is convex for s >= 0,
    negative at 0 and not at 1, so Newton steps from 1 go down to the root.
    """
    d, weight = int(p[0]), p[1]
    mean(x, n, d, work)
    r = norm(work, d)
    s, done, passes = splat(1.0), splat(0.0) > 0.0, splat_u64(0)
    for _ in range(_MOST_STEPS):
        passes = select(done, passes, passes + ITERATION)
        square = s * s
        value = fma(2.0 * weight * s, square - 1.0, s - r)
        lower = s - value / fma(splat(6.0 * weight), square, splat(1.0 - 2.0 * weight))
        done = either(done, lower >= s)
        s = select(done, s, lower)
        if not any_lane(invert(done)):
            break
    report(work, d, s, values)
    return select(done, splat_u64(OK), splat_u64(NOT_CONVERGED)) + passes


PLUGIN = Estimator(
    "penalised_mean",
    "the minimiser of mean |x - a|^2 + weight (|a|^2 - 1)^2: near the sphere, not on it",
    "Courant (1943)",
    (Parameter("weight", "price of leaving the sphere", Interval(0.0, 1e6), 1.0),),
    problem="direction",
    fit=fit,
)
