"""The Cauchy or Lorentzian loss (Holland & Welsch 1977): the likelihood of Cauchy errors of scale c. Not convex."""

from simcore.fmath import log1p
from simcore.jit import lane
from simcore.lanes import fma, splat
from simcore.registry import POSITIVE, Loss, Parameter


@lane
def rho(r, p):
    u = r * (1.0 / p[0])
    return (0.5 * p[0] * p[0]) * log1p(u * u)


@lane
def psi(r, p):
    return r * weight(r, p)


@lane
def psi_prime(r, p):
    w = weight(r, p)
    return w * fma(splat(2.0), w, splat(-1.0))  # (1 - u^2) w^2, where u^2 w = 1 - w


@lane
def weight(r, p):
    u = r * (1.0 / p[0])
    return 1.0 / fma(u, u, splat(1.0))


PLUGIN = Loss(
    "cauchy",
    "logarithmic: far observations pull ever less; c = 2.3849 is 95 % efficient under the normal",
    "Holland & Welsch (1977)",
    (Parameter("c", "where an observation pulls hardest, in scales", POSITIVE, 2.3849),),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    monotone=lambda **values: False,
    also=("lorentzian",),
)
