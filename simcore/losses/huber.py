"""Huber's loss (Huber 1964): squared up to k, absolute beyond. Minimax over contaminated normal errors."""

from simcore.jit import lane
from simcore.lanes import magnitude, maximum, minimum, select, splat
from simcore.registry import POSITIVE, Loss, Parameter


@lane
def rho(r, p):
    k, size = p[0], magnitude(r)
    return select(size <= k, 0.5 * r * r, k * (size - 0.5 * k))


@lane
def psi(r, p):
    return minimum(maximum(r, splat(-p[0])), splat(p[0]))


@lane
def psi_prime(r, p):
    return select(psi(r, p) == r, splat(1.0), splat(0.0))


@lane
def weight(r, p):
    size = magnitude(r)
    return select(size <= p[0], splat(1.0), p[0] / size)


PLUGIN = Loss(
    "huber",
    "squared up to k scales from the centre, absolute beyond; k = 1.345 is 95 % efficient under the normal",
    "Huber (1964)",
    (Parameter("k", "where the loss turns linear, in scales", POSITIVE, 1.345),),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    smooth=False,
)
