"""Cauchy errors: the tangent of a uniform angle."""

from simcore.fmath import tan_pi
from simcore.jit import lane
from simcore.lanes import store
from simcore.registry import Distribution
from simcore.streams import symmetric


@lane
def draw(stream, x, n, p):
    for i in range(n):
        s, stream = symmetric(stream)
        store(x, i, tan_pi(s))


PLUGIN = Distribution(
    "cauchy",
    "Cauchy: no mean and no variance",
    "Johnson, Kotz & Balakrishnan (1994), chapter 16",
    draw=draw,
    tail_index=lambda: 1.0,
)
