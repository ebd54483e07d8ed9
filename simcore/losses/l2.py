"""Squared error (Legendre 1805, Gauss 1809): the mean. Every observation pulls as hard as it is far away."""

from simcore.jit import lane
from simcore.lanes import splat
from simcore.registry import Loss


@lane
def rho(r, p):
    return 0.5 * r * r


@lane
def psi(r, p):
    return r


@lane
def psi_prime(r, p):
    return splat(1.0)


@lane
def weight(r, p):
    return splat(1.0)


PLUGIN = Loss(
    "l2",
    "squared error: the mean, the least squares fit",
    "Legendre (1805); Gauss (1809)",
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    bounded=lambda **values: False,
    scaled=False,
    also=("mean", "mse", "squared", "squared_error", "quadratic", "least_squares", "ols"),
)
