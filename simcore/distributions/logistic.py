"""Logistic errors with distribution function 1 / (1 + exp(-x)), by inversion."""

from simcore.fmath import exp, expm1, log, with_sign
from simcore.jit import lane
from simcore.lanes import magnitude, store
from simcore.registry import Distribution
from simcore.streams import uniform


@lane
def draw(stream, x, n, p):
    for i in range(n):
        u, stream = uniform(stream)
        store(x, i, log(u / (1.0 - u)))


@lane
def score(z, p):
    tail = expm1(-magnitude(z))
    return with_sign(-tail / (2.0 + tail), z)  # tanh(z / 2)


@lane
def log_density(z, p):
    size = magnitude(z)
    return -size - 2.0 * log(1.0 + exp(-size))


PLUGIN = Distribution(
    "logistic",
    "logistic with variance pi^2 / 3",
    "Johnson, Kotz & Balakrishnan (1995), chapter 23",
    draw=draw,
    score=score,
    log_density=log_density,
    information=lambda: 1.0 / 3.0,
)
