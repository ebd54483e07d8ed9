"""Relative efficiency by mean squared error: that of the reference estimator over that of this one."""

import math

from simcore.intervals import ratio
from simcore.registry import Measure


def value(outcome):
    """(MSE_r / MSE, its standard error), paired as for `efficiency`."""
    if outcome.reference is None:
        return 1.0, 0.0
    own, other = outcome.moments, outcome.reference.moments
    if min(own.count, other.count) < 2:
        return math.nan, math.nan
    a, b = other.raw[2] + outcome.reference.explained, own.raw[2] + outcome.explained
    cov = (outcome.shared.squares[1] - own.raw[2] * other.raw[2]) / max(own.count, other.count)
    value, mcse = ratio(a, b, _variance(other), _variance(own), cov)
    return value, outcome.shared.error("squares", mcse, b * math.sqrt(max(own.count, other.count)), value)[0]


def _variance(m):
    return (m.raw[4] - m.raw[2] * m.raw[2]) / m.count


PLUGIN = Measure(
    "efficiency_mse",
    "mean squared error of the reference estimator / mean squared error of T",
    "Morris, White & Crowther (2019)",
    value=value,
    formula="delta method on the ratio, with the covariance of the two errors from the mean of e^2 f^2",
    adjustable=True,
    compares=True,
    relative=True,
)
