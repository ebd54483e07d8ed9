"""Pareto errors of type I, by inversion: the tail itself, and nothing else."""

import numpy as np

from simcore.fmath import log, power
from simcore.jit import lane
from simcore.lanes import maximum, select, splat, store
from simcore.registry import Distribution, Interval, Parameter
from simcore.streams import uniform


@lane
def draw(stream, x, n, p):
    for i in range(n):
        u, stream = uniform(stream)
        store(x, i, power(u, splat(-1.0), splat(p[0])))


@lane
def log_density(z, p):
    return select(z >= 1.0, (-1.0 - p[0]) * log(maximum(z, splat(1.0))), splat(-np.inf))


PLUGIN = Distribution(
    "pareto",
    "Pareto above 1 with P(X > x) = x^-alpha; its density jumps at 1, and it is not symmetric",
    "Johnson, Kotz & Balakrishnan (1994), chapter 20",
    (Parameter("alpha", "tail index: moments exist below this order", Interval(low=0.01)),),
    draw=draw,
    tail_index=lambda alpha: alpha,
    symmetric=lambda alpha: False,
    mean=lambda alpha: alpha / (alpha - 1.0) if alpha > 1.0 else None,
    no_score=lambda alpha: "the density of pareto errors has jumps",
    log_density=log_density,
    features=lambda alpha: ((1.0, min(1.0, 1.0 / alpha)),),
)
