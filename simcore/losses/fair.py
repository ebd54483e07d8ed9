"""The "Fair" loss (Fair 1974): convex, its psi comes near its bound c only slowly."""

from simcore.fmath import log1p_rest
from simcore.jit import lane
from simcore.lanes import magnitude
from simcore.registry import POSITIVE, Loss, Parameter


@lane
def rho(r, p):
    return (p[0] * p[0]) * log1p_rest(magnitude(r) * (1.0 / p[0]))


@lane
def psi(r, p):
    return r * weight(r, p)


@lane
def psi_prime(r, p):
    w = weight(r, p)
    return w * w


@lane
def weight(r, p):
    return 1.0 / (1.0 + magnitude(r) * (1.0 / p[0]))


PLUGIN = Loss(
    "fair",
    "between squared and absolute, psi = r / (1 + |r| / c); c = 1.3998 is 95 % efficient under the normal",
    "Fair (1974)",
    (Parameter("c", "where psi is half its bound c, in scales", POSITIVE, 1.3998),),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
)
