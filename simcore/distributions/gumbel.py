"""Gumbel errors, the extreme value distribution exp(-exp(-x)), by inversion: differences of two are logistic."""

from simcore.fmath import exp, log
from simcore.jit import lane
from simcore.lanes import store
from simcore.registry import Distribution
from simcore.streams import uniform


@lane
def draw(stream, x, n, p):
    for i in range(n):
        u, stream = uniform(stream)
        store(x, i, -log(-log(u)))


@lane
def score(z, p):
    return 1.0 - exp(-z)


@lane
def log_density(z, p):
    return -z - exp(-z)


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
)
