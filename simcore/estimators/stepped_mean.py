"""Gradient steps on the mean squared distance, off the sphere or by one of three ways to stay on it."""

from simcore.codes import OK
from simcore.jit import lane
from simcore.lanes import load, splat, splat_u64, store
from simcore.registry import Estimator, Interval, OneOf, Parameter
from simcore.sphere import exponential, mean, norm, project, report, step, tangent

WAYS = ("euclidean", "projected", "tangent", "exponential")
_EUCLIDEAN, _PROJECTED, _TANGENT, _EXPONENTIAL = range(len(WAYS))


@lane
def move(a, g, d, way):
    """From a along g, the negative gradient times the rate, one of WAYS: straight on; straight on and back to the
    sphere; along the part of g that is tangent and back; along the great circle of that part. Overwrites g."""
    if way >= _TANGENT:
        tangent(a, g, d)
    if way == _EXPONENTIAL:
        exponential(a, g, d, splat(0.0) > 0.0)
        return
    step(a, g, d)
    if way != _EUCLIDEAN:
        project(a, d)


@lane
def fit(x, n, p, values, work):
    """From the first observation; the gradient of mean |x - a|^2 is 2 (a - mean)."""
    d, way, rate, steps = int(p[0]), int(p[1]), p[2], int(p[3])
    a, centre, g = work[:d], work[d : 2 * d], work[2 * d : 3 * d]
    mean(x, n, d, centre)
    for j in range(d):
        store(a, j, load(x, j))
    for _ in range(steps):
        for j in range(d):
            store(g, j, 2.0 * rate * (load(centre, j) - load(a, j)))
        move(a, g, d, way)
    report(a, d, norm(a, d) if way == _EUCLIDEAN else splat(1.0), values)
    return splat_u64(OK)


PLUGIN = Estimator(
    "stepped_mean",
    "so many gradient steps on mean |x - a|^2 from the first observation, off the sphere or on it",
    "Absil, Mahony & Sepulchre (2008)",
    (
        Parameter("way", "a step off the sphere, that put back, or one along the tangent or great circle", OneOf(WAYS)),
        Parameter("rate", "length of a step, times the gradient", Interval(0.0, 1.0, open_low=True), 0.1),
        Parameter("steps", "number of steps", Interval(1, 10_000, integer=True), 1.0),
    ),
    problem="direction",
    fit=fit,
    numbers=lambda n, values: (float(WAYS.index(values["way"])), values["rate"], values["steps"]),
)
