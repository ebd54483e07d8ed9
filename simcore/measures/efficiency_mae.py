"""Relative efficiency by mean absolute error: that of the reference estimator over that of this one."""

import math

from simcore.intervals import ratio
from simcore.registry import Measure


def value(outcome):
    """(MAE_r / MAE, its standard error), paired as for `efficiency`."""
    if outcome.reference is None:
        return 1.0, 0.0
    own, other = outcome, outcome.reference
    if min(own.good, other.good) < 2:
        return math.nan, math.nan
    cov = (outcome.shared.size - own.mean_size * other.mean_size) / max(own.good, other.good)
    value, mcse = ratio(other.mean_size, own.mean_size, _variance(other), _variance(own), cov)
    return value, outcome.shared.error("sizes", mcse, own.mean_size * math.sqrt(max(own.good, other.good)), value)[0]


def _variance(outcome):
    return (outcome.plain.raw[2] - outcome.mean_size * outcome.mean_size) / outcome.good


PLUGIN = Measure(
    "efficiency_mae",
    "mean absolute error of the reference estimator / mean absolute error of T",
    value=value,
    formula="delta method on the ratio, with the covariance of the two errors from the mean of |e f|",
    order=1,
    compares=True,
    relative=True,
    problem="posterior",
)
