"""A loss of one's own: weights 1 - (r / c)^2, nothing beyond c. A biweight with a corner where it ends."""

from simcore.jit import lane
from simcore.lanes import minimum, select, splat
from simcore.registry import POSITIVE, Loss, Parameter


@lane
def share(r, p):  # r: residuals in scales, of eight samples at once; p: the parameters
    u = r * (1.0 / p[0])
    return minimum(u * u, splat(1.0))


@lane
def rho(r, p):
    return 0.25 * p[0] * p[0] * share(r, p) * (2.0 - share(r, p))


@lane
def psi(r, p):  # rho'
    return r * (1.0 - share(r, p))


@lane
def psi_prime(r, p):
    return select(share(r, p) < 1.0, 1.0 - 3.0 * share(r, p), splat(0.0))


@lane
def weight(r, p):  # psi / r
    return 1.0 - share(r, p)


PLUGIN = Loss(
    "epanechnikov",
    "bounded, weights 1 - (r / c)^2, no pull beyond c scales; c = 3.6732 is 95 % efficient under the normal",
    parameters=(Parameter("c", "from where an observation counts for nothing, in scales", POSITIVE, 3.6732),),
    **{"rho": rho, "psi": psi, "psi_prime": psi_prime, "weight": weight},
    monotone=lambda c: False,  # psi comes down again
    smooth=False,  # psi' jumps at c
)
