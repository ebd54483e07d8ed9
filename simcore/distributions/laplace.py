"""Laplace (double exponential) errors, density exp(-|x|) / 2, by inversion."""

from simcore.fmath import log, with_sign
from simcore.jit import lane
from simcore.lanes import magnitude, select, splat, store
from simcore.registry import Distribution
from simcore.streams import symmetric


@lane
def draw(stream, x, n, p):
    for i in range(n):
        s, stream = symmetric(stream)
        store(x, i, with_sign(-log(1.0 - 2.0 * magnitude(s)), s))


@lane
def score(z, p):
    return with_sign(select(z == 0.0, splat(0.0), splat(1.0)), z)


@lane
def log_density(z, p):
    return -magnitude(z)


PLUGIN = Distribution(
    "laplace",
    "Laplace with density exp(-|x|) / 2 and variance 2; its maximum likelihood estimate is the median",
    "Johnson, Kotz & Balakrishnan (1995), chapter 24",
    draw=draw,
    score=score,
    log_density=log_density,
    information=lambda: 1.0,
    also=("double_exponential", "exponential"),
)
