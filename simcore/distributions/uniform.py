"""Uniform errors on (-1, 1)."""

import numpy as np

from simcore.jit import lane
from simcore.lanes import magnitude, select, splat, store
from simcore.registry import Distribution
from simcore.streams import symmetric


@lane
def draw(stream, x, n, p):
    for i in range(n):
        s, stream = symmetric(stream)
        store(x, i, 2.0 * s)


@lane
def log_density(z, p):
    return select(magnitude(z) < 1.0, splat(0.0), splat(-np.inf))


PLUGIN = Distribution(
    "uniform",
    "uniform on (-1, 1), variance 1/3",
    draw=draw,
    no_score=lambda: "the density of uniform errors has jumps",
    log_density=log_density,
)
