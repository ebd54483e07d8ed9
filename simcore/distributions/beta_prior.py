"""Beta prior and n trials that succeed with probability theta: the posterior is a beta too."""

from simcore.jit import lane
from simcore.lanes import both, load, select, splat, store
from simcore.registry import Distribution, Interval, Parameter
from simcore.special import beta_median
from simcore.streams import uniform
from simcore.variates import beta


@lane
def draw(stream, x, n, p):
    """Theta and the number of successes."""
    theta, stream = beta(stream, splat(p[0]), splat(p[1]))
    successes = splat(0.0)
    for _ in range(n):
        u, stream = uniform(stream)
        successes = successes + select(u < theta, splat(1.0), splat(0.0))
    store(x, 0, theta)
    store(x, 1, successes)


@lane
def _shapes(x, n, p):
    """Those of the posterior."""
    successes = load(x, 0)
    return successes + p[0], (n + p[1]) - successes


@lane
def mean(x, n, p):
    return _shapes(x, n, p)[0] / (p[0] + p[1] + n)


@lane
def median(x, n, p):
    a, b = _shapes(x, n, p)
    return beta_median(a, b)


@lane
def mode(x, n, p):
    """At an end where the density has no other maximum: one of the shapes is above 1, as n is at least 1."""
    a, b = _shapes(x, n, p)
    inside = both(a > 1.0, b > 1.0)
    return select(inside, (a - 1.0) / select(inside, a + b - 2.0, splat(1.0)), select(a > 1.0, splat(1.0), splat(0.0)))


_SHAPE = Interval(0.5, 1e6)
PLUGIN = Distribution(
    "beta_prior",
    "theta is a beta, and observations are 1 with probability theta, else 0",
    "Lehmann & Casella (1998), chapter 4",
    (
        Parameter("a", "first shape, as of a successes seen before", _SHAPE, 1.0),
        Parameter("b", "second shape, as of b failures", _SHAPE, 1.0),
    ),
    draw=draw,
    problem="posterior",
    parts=lambda **values: {
        "opened": (("mean", mean), ("median", median), ("mode", mode)),
        "data": lambda x, n, settings: {"theta": x[0], "successes": x[1]},
        "work": lambda n, settings: 15 + n // 10,
    },
)
