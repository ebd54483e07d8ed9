"""Tukey's biweight (Beaton & Tukey 1974): far observations do not pull at all. Not convex."""

from simcore.jit import lane
from simcore.lanes import fma, maximum, minimum, splat
from simcore.registry import POSITIVE, Loss, Parameter


@lane
def _clipped(r, p):
    return minimum(maximum(r * (1.0 / p[0]), splat(-1.0)), splat(1.0))


@lane
def _root_weight(u):
    return fma(-u, u, splat(1.0))


@lane
def rho(r, p):
    u = _clipped(r, p)
    square = u * u  # 1 - (1 - u^2)^3, without cancellation at the centre
    return (p[0] * p[0] / 6.0) * (square * (3.0 - square * (3.0 - square)))


@lane
def psi(r, p):
    u = _clipped(r, p)
    w = _root_weight(u)
    return p[0] * (u * (w * w))


@lane
def psi_prime(r, p):
    w = _root_weight(_clipped(r, p))  # w^2 - 4 u^2 w, where u^2 = 1 - w
    return fma(splat(5.0), w * w, -4.0 * w)


@lane
def weight(r, p):
    w = _root_weight(_clipped(r, p))
    return w * w


PLUGIN = Loss(
    "tukey",
    "biweight: bounded, no pull beyond c scales; c = 4.685 is 95 % efficient under the normal",
    "Beaton & Tukey (1974)",
    (Parameter("c", "from where an observation counts for nothing, in scales", POSITIVE, 4.685),),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    monotone=lambda **values: False,
    also=("bisquare", "biweight", "tukey_biweight"),
)
