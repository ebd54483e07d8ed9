"""Lognormal errors: the exponential of a normal with standard deviation sigma."""

from fractions import Fraction

import numpy as np

from simcore.fmath import exp, exp_sum, log, of_numbers, parts_of, product_parts
from simcore.jit import lane
from simcore.lanes import maximum, select, splat, store
from simcore.registry import Distribution, Interval, Parameter
from simcore.streams import normal_pair

_LEAST = 1e-200


@lane
def draw(stream, x, n, p):
    for i in range(0, n, 2):
        first, second, stream = normal_pair(stream)
        store(x, i, from_normal(first, p))
        store(x, i + 1, from_normal(second, p))


@lane
def from_normal(z, p):
    return exp_sum(*product_parts(z, splat(p[0])))


@lane
def score(z, p):
    size = maximum(z, splat(_LEAST))
    return select(z > 0.0, (1.0 + log(size) / (p[0] * p[0])) / size, splat(0.0))


@lane
def log_density(z, p):
    y = log(maximum(z, splat(_LEAST)))
    return select(z > 0.0, -y - 0.5 * (y / p[0]) * (y / p[0]) - log(splat(p[0])), splat(-np.inf))


def mean(sigma):
    return of_numbers(exp_sum, *parts_of(Fraction(sigma) * Fraction(sigma) / 2))


def no_score(sigma):
    """The mean of score^2 is made by errors near exp(-2 sigma^2), and that of score^4 by those near its square."""
    return "the score of lognormal errors with sigma > 1 lives on errors too rare to be seen" if sigma > 1.0 else None


def information(sigma):
    square = sigma * sigma
    return of_numbers(exp, 2.0 * square) * (1.0 + 1.0 / square)


def features(sigma):
    """The edge at 0 and the mode; score^2 times density is highest near exp(-2 sigma^2)."""
    mode = of_numbers(exp, -sigma * sigma)
    return (0.0, 1.0), (0.0, mode * mode), (mode, mode * min(1.0, sigma))


PLUGIN = Distribution(
    "lognormal",
    "lognormal, exp(sigma Z) with a standard normal Z: above 0, with median 1, and not symmetric",
    "Johnson, Kotz & Balakrishnan (1994), chapter 14",
    (Parameter("sigma", "standard deviation of the logarithm", Interval(low=0.001, high=10.0)),),
    draw=draw,
    symmetric=lambda sigma: False,
    mean=mean,
    from_normal=from_normal,
    score=score,
    no_score=no_score,
    log_density=log_density,
    information=information,
    features=features,
    stretched=lambda sigma: True,
    also=("log_normal",),
)
