"""The loss of Geman & McClure (1987): bounded, far observations pull like 1 / r^3. Not convex."""

from simcore.jit import lane
from simcore.lanes import fma, minimum, splat
from simcore.registry import POSITIVE, Loss, Parameter


@lane
def _root_weight(r, p):
    u = r * (1.0 / p[0])
    return 1.0 / fma(u, u, splat(1.0))


@lane
def rho(r, p):
    u = r * (1.0 / p[0])
    square = minimum(u * u, splat(1e300))
    return (0.5 * p[0] * p[0]) * (square / (1.0 + square))


@lane
def psi(r, p):
    return r * weight(r, p)


@lane
def psi_prime(r, p):
    v = _root_weight(r, p)
    return (v * v) * fma(splat(4.0), v, splat(-3.0))  # v^2 (1 - 4 u^2 v), where u^2 v = 1 - v


@lane
def weight(r, p):
    v = _root_weight(r, p)
    return v * v


PLUGIN = Loss(
    "geman_mcclure",
    "bounded, rho = r^2 / 2 / (1 + (r / c)^2): far observations hardly pull; c = 3.7874 is 95 % efficient "
    "under the normal",
    "Geman & McClure (1987)",
    (Parameter("c", "where rho is half its bound, in scales", POSITIVE, 3.7874),),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    monotone=lambda **values: False,
)
