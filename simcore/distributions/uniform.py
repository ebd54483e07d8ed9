"""Uniform errors on (-1, 1)."""

from simcore.jit import lane
from simcore.lanes import store
from simcore.registry import Distribution
from simcore.streams import symmetric


@lane
def draw(stream, x, n, p):
    for i in range(n):
        s, stream = symmetric(stream)
        store(x, i, 2.0 * s)


PLUGIN = Distribution("uniform", "uniform on (-1, 1), variance 1/3", draw=draw)
