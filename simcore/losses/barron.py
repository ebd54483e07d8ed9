"""The general loss of Barron (2019), a family over alpha: 2 is l2, 1 pseudo-Huber, 0 Cauchy's, -2 Geman-McClure's, and
towards minus infinity Welsch's, each at c in its own units. Convex for alpha >= 1."""

import functools
import math

import numpy as np

from simcore.fmath import exp, expm1, log1p
from simcore.jit import lane
from simcore.lanes import WIDTH, fma, magnitude, maximum, minimum, splat
from simcore.registry import POSITIVE, Derived, Interval, Loss, Parameter
from simcore.roots import false_position

_FAR = 1e150  # in c: from there on the weight falls like 1 / r, for squares would overflow
_EFFICIENCY = 0.95
_RANGE = (0.01, 16.0)  # of c
_SETTLED = 1e-10  # of c, relative


@lane
def _square(r, p):
    u = minimum(magnitude(r) * (1.0 / p[1]), splat(_FAR))
    return u * u


@lane
def _bend(p):
    """2 - alpha; so little in the place of 0 that the loss is l2 to all digits."""
    return max(2.0 - p[0], 1e-300)


@lane
def _slope(r, p):
    """psi' over the weight."""
    b, square = _bend(p), _square(r, p)
    return fma(splat(1.0 - b), square, splat(b)) / (square + b)


@lane
def rho(r, p):
    alpha, b = p[0], _bend(p)
    length = log1p(_square(r, p) * (1.0 / b))
    if alpha == 2.0:
        return 0.5 * r * r
    if alpha == 0.0:
        return (p[1] * p[1]) * length
    return (p[1] * p[1] * b / alpha) * expm1((0.5 * alpha) * length)


@lane
def psi(r, p):
    return r * weight(r, p)


@lane
def psi_prime(r, p):
    return weight(r, p) * _slope(r, p)


@lane
def weight(r, p):
    b, size = _bend(p), magnitude(r) * (1.0 / p[1])
    near = exp((-0.5 * b) * log1p(_square(r, p) * (1.0 / b)))
    return near * (_FAR / maximum(size, splat(_FAR)))


def constant(values):
    """The c with which psi is 95 % efficient under the normal for an alpha, to five digits; 1 where every c is more."""
    return _constant(values["alpha"])


@functools.cache
def _constant(alpha):
    def excess(c):
        return _efficiency(alpha, c) - _EFFICIENCY

    (low, below), (high, above) = ((c, excess(c)) for c in _RANGE)
    if below >= 0.0:
        return 1.0
    return float(f"{false_position(excess, low, below, high, above, _SETTLED):.5g}")


def _efficiency(alpha, c):
    """(E psi')^2 / E psi^2, by the trapezoidal rule over log z, where the poles of psi are pi / 2 away for any c."""
    z, mass = _normal()
    p = np.array([alpha, c])
    w = weight(z, p)
    pull, slope = z * w, math.fsum((mass * w * _slope(z, p)).ravel())
    return slope * slope / math.fsum((mass * pull * pull).ravel())


@functools.cache
def _normal():
    """|z| from 1e-13 to 9.5, evenly in log z, and the mass of the normal that each stands for."""
    z = exp(np.arange(-118, 10).reshape(-1, WIDTH) * 0.25)
    return z, z * exp(-0.5 * z * z) * (0.25 * math.sqrt(2.0 / math.pi))


PLUGIN = Loss(
    "barron",
    "one family from squared (alpha = 2) over pseudo-Huber (1) and Cauchy (0) to Welsch (far below 0); the default c "
    "is 95 % efficient under the normal",
    "Barron (2019)",
    (
        Parameter("alpha", "how fast rho grows far out: like r^alpha; bounded below 0", Interval(-1e6, 2.0), 1.0),
        Parameter(
            "c",
            "where the loss ceases to be squared, in scales",
            POSITIVE,
            Derived(constant, "that with 95 % efficiency at alpha, 1 from alpha = 1.57 on"),
        ),
    ),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    monotone=lambda alpha, c: alpha >= 1.0,
    bounded=lambda alpha, c: alpha <= 1.0,
    also=("general", "adaptive"),
)
