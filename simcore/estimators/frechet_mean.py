"""The Fréchet mean: least squares of geodesic distances, by steps along great circles."""

from simcore.codes import ITERATION, NOT_CONVERGED, OK
from simcore.jit import lane
from simcore.lanes import any_lane, either, fma, invert, maximum, select, splat, splat_u64
from simcore.registry import Estimator
from simcore.sphere import add_tangent, between, clear, exponential, mean, norm, project, report, scale

_MOST_STEPS = 1000
_TOLERANCE = 1e-12  # length of a step
_LEAST_BEND = 0.6


@lane
def fit(x, n, p, values, work):
    """From the mean direction, steps to exp_m(mean of log_m(x) / h).

    The Hessian of half a squared distance t^2 is 1 along the great circle and t cot t <= 1 across it, so steps with
    h > 1/2 descend; the mean curvature is the h that makes them nearly Newton's.
    """
    d = int(p[0])
    m, v = work[:d], work[d : 2 * d]
    mean(x, n, d, m)
    done, passes = project(m, d) == 0.0, splat_u64(0)  # points that cancel have no mean direction
    for _ in range(_MOST_STEPS):
        passes = select(done, passes, passes + ITERATION)
        clear(v, d)
        bend = splat(0.0)
        for i in range(n):
            angle, sine, versine = between(x, i, m, d)
            ratio = select(sine > 0.0, angle / sine, splat(1.0))
            add_tangent(x, i, m, d, versine, ratio, v)
            bend = fma(ratio, 1.0 - versine, bend)
        bend = maximum((float(d - 2) * bend / float(n) + 1.0) / float(d - 1), splat(_LEAST_BEND))
        scale(v, d, 1.0 / (float(n) * bend))
        length = norm(v, d)
        exponential(m, v, d, done)
        done = either(done, length <= _TOLERANCE)
        if not any_lane(invert(done)):
            break
    report(m, d, splat(1.0), values)
    return select(done, splat_u64(OK), splat_u64(NOT_CONVERGED)) + passes


PLUGIN = Estimator(
    "frechet_mean",
    "the minimiser of the mean squared angle that steps on the sphere reach from the mean direction",
    "Karcher (1977)",
    problem="direction",
    fit=fit,
)
