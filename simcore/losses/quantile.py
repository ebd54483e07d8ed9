"""The check loss (Koenker & Bassett 1978): a share tau of the residuals lies below the fit. tau = 1/2 is l1 / 2."""

from simcore.jit import lane
from simcore.lanes import magnitude, select, splat
from simcore.registry import Interval, Loss, Parameter


@lane
def rho(r, p):
    return r * select(r < 0.0, splat(p[0] - 1.0), splat(p[0]))


@lane
def psi(r, p):
    return select(r > 0.0, splat(p[0]), select(r < 0.0, splat(p[0] - 1.0), splat(0.0)))


@lane
def psi_prime(r, p):
    return splat(0.0)


@lane
def weight(r, p):
    return select(r < 0.0, splat(1.0 - p[0]), splat(p[0])) / magnitude(r)


PLUGIN = Loss(
    "quantile",
    "check loss: errors below weigh 1 - tau, above tau, so that a share tau of the data lies below",
    "Koenker & Bassett (1978)",
    (Parameter("tau", "share of the data below", Interval(0.0, 1.0, open_low=True, open_high=True), 0.5),),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    jumps=lambda **values: (0.0,),
    smooth=False,
    scaled=False,
    symmetric=False,
    also=("pinball", "check"),
)
