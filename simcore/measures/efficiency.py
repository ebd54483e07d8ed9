"""Relative efficiency: the variance of the reference estimator over that of this one, from the same samples."""

import math

from simcore.intervals import ratio
from simcore.registry import Measure


def value(outcome):
    """(V_r / V, its standard error); numerator and denominator covary, as both estimators saw the same samples."""
    if outcome.reference is None:
        return 1.0, 0.0
    own, other = outcome.moments, outcome.reference.moments
    if min(own.count, other.count) < 2:
        return math.nan, math.nan
    a = other.central[2] * other.count / (other.count - 1) + outcome.reference.explained
    b = own.central[2] * own.count / (own.count - 1) + outcome.explained
    cov = (outcome.shared.squares[0] - own.central[2] * other.central[2]) / max(own.count, other.count)
    value, mcse = ratio(a, b, _variance(other), _variance(own), cov)
    return value, outcome.shared.error("central", mcse, b * math.sqrt(max(own.count, other.count)), value)[0]


def _variance(m):
    return (m.central[4] - m.central[2] * m.central[2]) / m.count


PLUGIN = Measure(
    "efficiency",
    "variance of the reference estimator / variance of T",
    "Morris, White & Crowther (2019)",
    value=value,
    formula="delta method on the ratio, with the covariance of the two variances from the mean of e^2 f^2 (central)",
    adjustable=True,
    compares=True,
    relative=True,
    fixed=True,
)
