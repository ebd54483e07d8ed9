"""Logistic errors with distribution function 1 / (1 + exp(-x)), by inversion."""

from simcore.fmath import log
from simcore.jit import lane
from simcore.lanes import store
from simcore.registry import Distribution
from simcore.streams import uniform


@lane
def draw(stream, x, n, p):
    for i in range(n):
        u, stream = uniform(stream)
        store(x, i, log(u / (1.0 - u)))


PLUGIN = Distribution(
    "logistic",
    "logistic with variance pi^2 / 3",
    "Johnson, Kotz & Balakrishnan (1995), chapter 23",
    draw=draw,
)
