"""Plugins with mistakes."""

import numpy as np
from numba import njit

from simcore.jit import lane
from simcore.lanes import magnitude, select, splat, store
from simcore.registry import POSITIVE, Distribution, Estimator, Loss, Measure, Parameter
from simcore.streams import uniform


@lane
def rho(r, p):
    return 0.5 * r * r


@lane
def psi(r, p):
    return select(magnitude(r) < p[0], r, splat(0.0))


@lane
def psi_prime(r, p):
    return splat(1.0)


@lane
def weight(r, p):
    return splat(1.0)


@lane
def draw(stream, x, n, p):
    for i in range(n):
        u, stream = uniform(stream)
        store(x, i, 1.0 / u - 1.0)


@njit
def noisy(x):
    return x.mean() + np.random.normal() * 1e-3


@njit
def biggest(x):
    return np.abs(x).max()


PLUGINS = [
    Loss(
        "cut",
        "square that is cut off",
        "",
        (Parameter("c", "where", POSITIVE, 2.0),),
        rho=rho,
        psi=psi,
        psi_prime=psi_prime,
        weight=weight,
    ),
    Distribution("recip", "reciprocal of a uniform", draw=draw, tail_index=lambda: 3.0),
    Estimator("noisy", "the mean and noise", scalar=noisy, equivariant=True),
    Estimator("biggest", "largest size", scalar=biggest, equivariant=True, carried_by=lambda n, values: 5),
    Measure("half", "half of the bias", value=lambda outcome: (outcome.moments.mean / 2, 1.0)),
    Measure("boom", "an error of mine", value=lambda outcome: (outcome.nothing, 1.0)),
]
