"""Covariance of two estimated coefficients."""

from simcore.registry import Measure

PLUGIN = Measure(
    "covariance",
    "covariance of the estimates of two coefficients, divisor R - 1",
    "Efron & Stein (1981)",
    joint=lambda v, reference, j, k: v[j][k],
    pairwise=True,
    formula="jackknife over 32 groups of replications",
    adjustable=True,
    problem="linear",
)
