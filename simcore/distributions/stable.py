"""Stable errors, by the method of Chambers, Mallows & Stuck: a uniform angle and an exponential number.

The parametrisation is S0 of Nolan (2020), with the characteristic function
exp(-|t|^alpha (1 + i beta sign(t) tan(pi alpha / 2) (|t|^(1 - alpha) - 1))). It is continuous in alpha and beta and
keeps the bulk of the errors near 0, so that a study may cross alpha = 1, where that of S1 runs off to infinity. For
alpha > 1 the mean of S1 is 0; here it is -beta tan(pi alpha / 2).
"""

import math

from simcore.fmath import cos_pi, log, of_numbers, power_minus_1, sin_pi
from simcore.jit import lane
from simcore.lanes import fma, magnitude, select, splat, store
from simcore.registry import Distribution, Interval, Parameter
from simcore.streams import symmetric, uniform

_NEAR_1 = 1e-20  # a difference of alpha from 1 that changes no bit of an error, in the place of 0


@lane
def draw(stream, x, n, p):
    """With e = 1 - alpha, t = beta tan(pi alpha / 2), an angle U and an exponential W, errors of S1 are

    m z^(e / alpha), m = (sin(alpha U) + t cos(alpha U)) / cos(U), z = (cos(e U) + t sin(e U)) / (W cos(U)),
    those of S0 are less by t. Near alpha = 1, t and m are of the size of 1 / e, but not their difference.
    """
    alpha, beta = p[0], p[1]
    e = 1.0 - alpha if alpha != 1.0 else _NEAR_1
    at_end, beside = sin_pi(splat(0.5 * e)), cos_pi(splat(0.5 * e))
    t = beta * beside / at_end
    for i in range(n):
        u, stream = uniform(stream)
        s, stream = symmetric(stream)
        to_end, size = 0.5 - magnitude(s), magnitude(e * s)
        cosine, sine, half = sin_pi(to_end), sin_pi(e * s), sin_pi(0.5 * size)
        # cos(e U) + t sin(e U); where its terms have two signs, as a sum of two that have one.
        tilted = cos_pi(size) + magnitude(t * sine)
        other = sin_pi(abs(e) * to_end) + (1.0 - abs(beta)) * beside * magnitude(sine)
        tilted = select(beta * s < 0.0, other / magnitude(at_end), tilted)
        less = sin_pi(s) / cosine * tilted - sine - 2.0 * t * (half * half)  # m - t
        growth = power_minus_1(tilted / (-log(u) * cosine), splat(e), splat(alpha))
        store(x, i, fma(growth, less + t, less))


def mean(alpha, beta):
    if alpha <= 1.0:
        return None
    return beta * of_numbers(cos_pi, 0.5 * (alpha - 1.0)) / of_numbers(sin_pi, 0.5 * (alpha - 1.0))


PLUGIN = Distribution(
    "stable",
    "stable, in Nolan's S0: alpha = 2 is normal with variance 2, alpha = 1 with beta = 0 Cauchy",
    "Chambers, Mallows & Stuck (1976); Nolan (2020)",
    (
        Parameter("alpha", "tail index below 2", Interval(low=0.01, high=2.0)),
        Parameter("beta", "skewness, to the right where positive; 0: none", Interval(low=-1.0, high=1.0)),
    ),
    draw=draw,
    tail_index=lambda alpha, beta: alpha if alpha < 2.0 else math.inf,
    symmetric=lambda alpha, beta: beta == 0.0 or alpha == 2.0,
    mean=mean,
    no_score=lambda alpha, beta: "the density of stable errors has no closed form",
    also=("levy", "alpha_stable"),
)
