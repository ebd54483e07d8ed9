"""Tukey's g-and-h errors: a standard normal whose upper side g stretches and whose tails h makes heavy."""

import math
from fractions import Fraction

from simcore.fmath import exp_sum, expm1_sum, of_numbers, parts_of, product_parts
from simcore.jit import lane
from simcore.lanes import fma, splat, store
from simcore.registry import Distribution, Interval, Parameter
from simcore.streams import normal_pair

_NO_SKEW = 1e-20  # with |g| below it, (exp(g z) - 1) / g is z to the last bit


@lane
def draw(stream, x, n, p):
    for i in range(0, n, 2):
        first, second, stream = normal_pair(stream)
        store(x, i, from_normal(first, p))
        store(x, i + 1, from_normal(second, p))


@lane
def from_normal(z, p):
    g, h = p[0], p[1]
    square, rest = product_parts(z, z)
    exponent, more = product_parts(square, splat(0.5 * h))
    stretch = exp_sum(exponent, fma(rest, splat(0.5 * h), more))
    if abs(g) < _NO_SKEW:
        return z * stretch
    return expm1_sum(*product_parts(z, splat(g))) / g * stretch


def mean(g, h):
    if h >= 1.0:
        return None
    if g == 0.0:
        return 0.0
    exponent = Fraction(g) * Fraction(g) / (2 * (1 - Fraction(h)))
    value = of_numbers(expm1_sum, *parts_of(exponent)) / (g * math.sqrt(1.0 - h))
    return value if math.isfinite(value) else None


PLUGIN = Distribution(
    "g_and_h",
    "Tukey's g-and-h, (exp(g Z) - 1) / g exp(h Z^2 / 2) with a standard normal Z: median 0, and for g = 0 symmetric",
    "Tukey (1977); Hoaglin (1985)",
    (
        Parameter("g", "skewness; 0: none", Interval(low=-10.0, high=10.0)),
        Parameter("h", "heaviness of the tails, whose index is 1 / h", Interval(low=0.0, high=10.0)),
    ),
    draw=draw,
    tail_index=lambda g, h: 1.0 / h if h > 0.0 else math.inf,
    symmetric=lambda g, h: g == 0.0,
    mean=mean,
    from_normal=from_normal,
    no_score=lambda g, h: "the density of g_and_h errors has no closed form",
    stretched=lambda g, h: g != 0.0 and h == 0.0,
)
