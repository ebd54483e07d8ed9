"""Cauchy errors: the tangent of a uniform angle."""

from simcore.fmath import log, tan_pi
from simcore.jit import lane
from simcore.lanes import store
from simcore.registry import Distribution
from simcore.streams import symmetric


@lane
def draw(stream, x, n, p):
    for i in range(n):
        s, stream = symmetric(stream)
        store(x, i, tan_pi(s))


@lane
def score(z, p):
    return 2.0 / (1.0 + z * z) * z  # in this order z^2 may overflow


@lane
def log_density(z, p):
    return -log(1.0 + z * z)


PLUGIN = Distribution(
    "cauchy",
    "Cauchy: no mean and no variance",
    "Johnson, Kotz & Balakrishnan (1994), chapter 16",
    draw=draw,
    tail_index=lambda: 1.0,
    mean=lambda: None,
    score=score,
    log_density=log_density,
    information=lambda: 0.5,
    also=("lorentz", "lorentzian"),
)
