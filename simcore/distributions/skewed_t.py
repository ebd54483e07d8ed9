"""Skewed t errors: the two halves of Student's t, one stretched by `skew` and the other shrunk by it."""

import math
from fractions import Fraction

from simcore.fmath import log1p
from simcore.jit import lane
from simcore.lanes import magnitude, select, splat, store
from simcore.registry import POSITIVE, Distribution, Interval, Parameter
from simcore.streams import uniform
from simcore.variates import student_t

_FAR = 50  # from here on the series below is good to the last bit
_SERIES = (-1.0 / 64.0, 21.0 / 8192.0, -671.0 / 524288.0)


@lane
def draw(stream, x, n, p):
    df, skew = p[0], p[1]
    above = skew * skew / (1.0 + skew * skew)
    for i in range(n):
        t, stream = student_t(stream, df)
        u, stream = uniform(stream)
        store(x, i, magnitude(t) * select(u < above, splat(skew), splat(-1.0 / skew)))


@lane
def score(z, p):
    ratio = _ratio(z, p)
    t = z * ratio
    return (p[0] + 1.0) / (p[0] + t * t) * t * ratio  # in this order t^2 may overflow


@lane
def log_density(z, p):
    t = z * _ratio(z, p)
    return (-0.5 * (p[0] + 1.0)) * log1p(t * t / p[0])


@lane
def _ratio(z, p):
    """What an error is to be multiplied by for a number of Student's t."""
    return select(z < 0.0, splat(p[1]), splat(1.0 / p[1]))


def mean(df, skew):
    """E|t| (skew - 1 / skew) with E|t| = sqrt(df / pi) Gamma((df - 1) / 2) / Gamma(df / 2)."""
    if df <= 1.0:
        return None
    return math.sqrt(df / math.pi) * _gamma_ratio(0.5 * (df - 1.0)) * ((skew - 1.0) * (skew + 1.0) / skew)


def _gamma_ratio(x):
    """Gamma(x) / Gamma(x + 1/2) of x > 0: recurrence up to where its series in 1 / (x - 1/4)^2 converges at once."""
    x, product = Fraction(x), Fraction(1)
    while x < _FAR:
        product *= (x + Fraction(1, 2)) / x
        x += 1
    w = float(x - Fraction(1, 4))
    square = 1.0 / (w * w)
    series = 1.0 + square * (_SERIES[0] + square * (_SERIES[1] + square * _SERIES[2]))
    return float(product) * series / math.sqrt(w)


def features(df, skew):
    width = min(1.0, math.sqrt(df))
    return (0.0, width * skew), (0.0, width / skew)


PLUGIN = Distribution(
    "skewed_t",
    "Student's t with its positive half stretched by skew and its negative half shrunk by it; the mode is 0",
    "Fernandez & Steel (1998)",
    (
        Parameter("df", "degrees of freedom, not only whole ones", POSITIVE),
        Parameter("skew", "1: symmetric; skew^2 is P(X > 0) / P(X < 0)", Interval(low=0.01, high=100.0)),
    ),
    draw=draw,
    tail_index=lambda df, skew: df,
    symmetric=lambda df, skew: skew == 1.0,
    mean=mean,
    score=score,
    log_density=log_density,
    information=lambda df, skew: (df + 1.0) / (df + 3.0),
    features=features,
)
