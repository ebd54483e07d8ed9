"""Absolute error (Boscovich 1757, Laplace 1793): the median. Every observation pulls equally hard."""

from simcore.jit import lane
from simcore.lanes import magnitude, select, splat
from simcore.registry import Loss


@lane
def rho(r, p):
    return magnitude(r)


@lane
def psi(r, p):
    return select(r > 0.0, splat(1.0), select(r < 0.0, splat(-1.0), splat(0.0)))


@lane
def psi_prime(r, p):
    return splat(0.0)


@lane
def weight(r, p):
    return 1.0 / magnitude(r)


PLUGIN = Loss(
    "l1",
    "absolute error: the median, the least absolute deviations fit",
    "Boscovich (1757); Laplace (1793)",
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    jumps=lambda **values: (0.0,),
    smooth=False,
    scaled=False,
    also=("median", "mae", "absolute", "absolute_error", "lad", "least_absolute_deviations"),
)
