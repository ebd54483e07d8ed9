"""Gumbel errors, the extreme value distribution exp(-exp(-x)), by inversion: differences of two are logistic."""

from simcore.fmath import exp, expm1, log
from simcore.jit import lane
from simcore.lanes import minimum, splat, store
from simcore.registry import Distribution
from simcore.streams import uniform

_MOST = 462.0  # its exponential is beyond 1e200: there the density is 0 whatever it is


@lane
def draw(stream, x, n, p):
    for i in range(n):
        u, stream = uniform(stream)
        store(x, i, -log(-log(u)))


@lane
def score(z, p):
    return -expm1(minimum(-z, splat(_MOST)))


@lane
def log_density(z, p):
    return -z - exp(minimum(-z, splat(_MOST)))


PLUGIN = Distribution(
    "gumbel",
    "Gumbel with mode 0 and variance pi^2 / 6, skewed to the right",
    "Johnson, Kotz & Balakrishnan (1995), chapter 22",
    draw=draw,
    symmetric=lambda: False,
    mean=lambda: 0.5772156649015329,
    score=score,
    log_density=log_density,
    information=lambda: 1.0,
    also=("extreme_value", "gev"),
)
