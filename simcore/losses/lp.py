"""The power loss |r|^p / p (Gonin & Money 1989), between absolute and squared error.

Convex, so the estimate is unique, and it moves along with the units of the data without a scale. p is at least 1.05:
nearer to 1 psi is, but for residuals as small as rounding, the jump that l1 has. It is at most 2, which is l2: above it
an observation pulls harder than in proportion to its distance, and powers overflow.

psi is not bounded: however little an observation at a distance M pulls, it takes the estimate along by a share of M, in
location M / (1 + (n - 1)^(1 / (p - 1))) when the others are 0. So one bad observation carries it away, and it has the
moments of the mean: no more, and as it lies between the extremes, no fewer.
"""

from simcore.fmath import quick_power
from simcore.jit import lane
from simcore.lanes import magnitude, maximum, splat
from simcore.registry import Interval, Loss, Parameter


@lane
def rho(r, p):
    return r * psi(r, p) * (1.0 / p[0])


@lane
def psi(r, p):
    return r * weight(r, p)


@lane
def psi_prime(r, p):
    return (p[0] - 1.0) * weight(r, p)


@lane
def weight(r, p):
    return quick_power(maximum(magnitude(r), splat(1e-300)), splat(p[0] - 2.0))


PLUGIN = Loss(
    "lp",
    "|r|^p / p, between absolute and squared error; p = 1.5788 is 95 % efficient under the normal",
    "Gonin & Money (1989)",
    (Parameter("p", "the power", Interval(1.05, 2.0), 1.5788),),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    bounded=lambda **values: False,
    smooth=False,  # psi' is infinite at 0 for p < 2
    scaled=False,
    also=("power",),
)
