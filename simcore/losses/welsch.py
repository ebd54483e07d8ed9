"""The Welsch or Leclerc loss (Dennis & Welsch 1978): weights fall like the normal density. Not convex."""

from simcore.fmath import exp, expm1
from simcore.jit import lane
from simcore.lanes import fma, minimum, splat
from simcore.registry import POSITIVE, Loss, Parameter


@lane
def _square(r, p):
    """u^2 for u = r / c; beyond 1000 its weight is 0."""
    u = r * (1.0 / p[0])
    return minimum(u * u, splat(1000.0))


@lane
def rho(r, p):
    return (-0.5 * p[0] * p[0]) * expm1(-_square(r, p))


@lane
def psi(r, p):
    return r * weight(r, p)


@lane
def psi_prime(r, p):
    return weight(r, p) * fma(splat(-2.0), _square(r, p), splat(1.0))


@lane
def weight(r, p):
    return exp(-_square(r, p))


PLUGIN = Loss(
    "welsch",
    "bounded, weights exp(-(r / c)^2): hardly any pull beyond 2 c; c = 2.9846 is 95 % efficient under the normal",
    "Dennis & Welsch (1978)",
    (Parameter("c", "where the weight is 1 / e, in scales", POSITIVE, 2.9846),),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    monotone=lambda **values: False,
    also=("leclerc", "gaussian", "correntropy"),
)
