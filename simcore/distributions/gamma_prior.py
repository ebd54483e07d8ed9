"""Gamma prior and Poisson counts with mean theta: the posterior is a gamma too."""

from simcore.fmath import log
from simcore.jit import lane
from simcore.lanes import any_lane, load, maximum, select, splat, store
from simcore.registry import Distribution, Interval, Parameter
from simcore.special import gamma_median
from simcore.streams import uniform
from simcore.variates import gamma_pair


@lane
def draw(stream, x, n, p):
    """Theta and the sum of the n counts, which is sufficient: as many exponential gaps as fit into n theta."""
    theta, _, stream = gamma_pair(stream, splat(p[0]), splat(1.0))
    theta = theta / p[1]
    left, count = theta * float(n), splat(-1.0)
    while any_lane(left > 0.0):
        count = select(left > 0.0, count + 1.0, count)
        u, stream = uniform(stream)
        left = left + log(u)
    store(x, 0, theta)
    store(x, 1, maximum(count, splat(0.0)))


@lane
def mean(x, n, p):
    return (load(x, 0) + p[0]) / (n + p[1])


@lane
def median(x, n, p):
    return gamma_median(load(x, 0) + p[0]) / (n + p[1])


@lane
def mode(x, n, p):
    return maximum(load(x, 0) + (p[0] - 1.0), splat(0.0)) / (n + p[1])


def _parts(shape, rate):
    return {
        "opened": (("mean", mean), ("median", median), ("mode", mode)),
        "data": lambda x, n, settings: {"theta": x[0], "total": x[1]},
        "work": lambda n, settings: int(15.0 + n * shape / rate),
    }


PLUGIN = Distribution(
    "gamma_prior",
    "theta is a gamma, and observations are Poisson counts with mean theta",
    "Lehmann & Casella (1998), chapter 4",
    (
        Parameter("shape", "shape of theta's distribution", Interval(0.5, 1e6), 1.0),
        Parameter("rate", "its rate: the mean of theta is shape / rate", Interval(1e-3, 1e6), 1.0),
    ),
    draw=draw,
    problem="posterior",
    parts=_parts,
)
