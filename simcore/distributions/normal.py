"""Standard normal errors."""

from simcore.jit import lane
from simcore.lanes import store
from simcore.registry import Distribution
from simcore.streams import normal_pair


@lane
def draw(stream, x, n, p):
    for i in range(0, n, 2):
        first, second, stream = normal_pair(stream)
        store(x, i, first)
        store(x, i + 1, second)


PLUGIN = Distribution("normal", "standard normal", "Box & Muller (1958)", draw=draw)
