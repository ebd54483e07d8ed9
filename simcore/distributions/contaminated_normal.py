"""Contaminated normal errors: standard normal, but with probability epsilon `ratio` times as wide."""

import numpy as np

from simcore.fmath import exp, log, weighted
from simcore.jit import lane
from simcore.lanes import magnitude, maximum, minimum, select, splat, store
from simcore.registry import PROPORTION, SIZE, Distribution, Parameter
from simcore.streams import normal_pair, uniform


@lane
def draw(stream, x, n, p):
    epsilon, ratio = p[0], p[1]
    for i in range(0, n, 2):
        first, second, stream = normal_pair(stream)
        u, stream = uniform(stream)
        store(x, i, select(u < epsilon, first * ratio, first))
        u, stream = uniform(stream)
        store(x, i + 1, select(u < epsilon, second * ratio, second))


@lane
def score(z, p):
    standard, wide = _log_components(z, p)
    return weighted(z, z / (p[1] * p[1]), wide - standard)


@lane
def log_density(z, p):
    standard, wide = _log_components(z, p)
    return maximum(standard, wide) + log(1.0 + exp(-magnitude(wide - standard)))


@lane
def _log_components(z, p):
    """Logarithms of the weighted densities of the standard and of the wide component, up to a constant of both."""
    odds = splat(p[0]) / ((1.0 - p[0]) * p[1])
    log_odds = select(odds == 0.0, splat(-np.inf), select(odds == np.inf, odds, log(odds)))
    half_square, zero = 0.5 * z * z, splat(0.0)
    return minimum(-log_odds, zero) - half_square, minimum(log_odds, zero) - half_square / (p[1] * p[1])


PLUGIN = Distribution(
    "contaminated_normal",
    "normal with standard deviation 1, or with probability epsilon `ratio`",
    "Tukey (1960)",
    (
        Parameter("epsilon", "probability of the wide component", PROPORTION),
        Parameter("ratio", "its standard deviation", SIZE),
    ),
    draw=draw,
    score=score,
    log_density=log_density,
    features=lambda epsilon, ratio: ((0.0, 1.0), (0.0, ratio)),
    outliers=lambda epsilon, ratio: (epsilon, ratio),
    also=("mixture", "normal_mixture", "tukey"),
)
