"""Slash errors: a standard normal over an independent uniform on (0, 1)."""

from simcore.jit import lane
from simcore.lanes import store
from simcore.registry import Distribution
from simcore.streams import normal_pair, uniform


@lane
def draw(stream, x, n, p):
    for i in range(0, n, 2):
        first, second, stream = normal_pair(stream)
        u, stream = uniform(stream)
        store(x, i, first / u)
        u, stream = uniform(stream)
        store(x, i + 1, second / u)


PLUGIN = Distribution(
    "slash",
    "standard normal / uniform(0, 1): tails as heavy as Cauchy, a centre as flat as the normal",
    "Rogers & Tukey (1972)",
    draw=draw,
    tail_index=lambda: 1.0,
)
