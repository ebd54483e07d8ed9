"""Plugins as a user writes them: twins of ours, and functions of one sample."""

import numpy as np
from numba import njit

from simcore.jit import lane
from simcore.lanes import load, magnitude, maximum, minimum, select, splat, store
from simcore.registry import POSITIVE, PROPORTION, Contamination, Distribution, Estimator, Loss, Measure, Parameter
from simcore.streams import symmetric


@lane
def rho(r, p):
    k, size = p[0], magnitude(r)
    return select(size <= k, 0.5 * r * r, k * (size - 0.5 * k))


@lane
def psi(r, p):
    return minimum(maximum(r, splat(-p[0])), splat(p[0]))


@lane
def psi_prime(r, p):
    return select(psi(r, p) == r, splat(1.0), splat(0.0))


@lane
def weight(r, p):
    size = magnitude(r)
    return select(size <= p[0], splat(1.0), p[0] / size)


@lane
def draw(stream, x, n, p):
    for i in range(n):
        u, stream = symmetric(stream)
        store(x, i, 2.0 * p[0] * u)


@lane
def add(stream, x, n, p):
    for i in range(n):
        store(x, i, p[0] + p[1] * load(x, i) + p[2])


@njit
def midhinge(x):
    return 0.5 * (np.quantile(x, 0.25) + np.quantile(x, 0.75))


@njit
def cut_mean(x, p):
    x.sort()
    g = int(p[0] * len(x))
    return x[g : len(x) - g].mean()


@njit
def first_if_positive(x):
    if x[0] < 0.0:
        raise ValueError("negative")
    return x[0]


def _range(outcome):
    low, high = outcome.errors.at_rank(1), outcome.errors.at_rank(outcome.good)
    return high - low, None


PLUGINS = [
    Loss(
        "my_huber",
        "squared near the centre, absolute far off",
        parameters=(Parameter("k", "where it turns, in scales", POSITIVE, 1.5),),
        rho=rho,
        psi=psi,
        psi_prime=psi_prime,
        weight=weight,
        smooth=False,
    ),
    Distribution("my_uniform", "uniform from -w to w", parameters=(Parameter("w", "half its width"),), draw=draw),
    Contamination("lift", "adds a constant to all", parameters=(Parameter("by", "what"),), apply=add, random=False),
    Estimator("midhinge", "mean of the quartiles", scalar=midhinge, equivariant=True),
    Estimator(
        "cut_mean",
        "mean without the ends",
        parameters=(Parameter("share", "at each", PROPORTION, 0.1),),
        scalar=cut_mean,
    ),
    Estimator("first_if_positive", "fails for half of the samples", scalar=first_if_positive),
    Measure("range", "largest less smallest error", value=_range, formula="none", order=0),
]
