"""A robust standard error: the interquartile range, scaled to the standard deviation of a normal."""

import math

from simcore.intervals import quantile
from simcore.registry import Measure

_NORMAL_IQR = 1.3489795003921634


def value(outcome):
    """((q75 - q25) / 1.349, its standard error): the two quartiles have correlation 1/3 (Cramér 1946, section 28.5)."""
    low, low_error, *_ = quantile(outcome.errors, 0.25)
    high, high_error, *_ = quantile(outcome.errors, 0.75)
    spread = low_error * low_error + high_error * high_error - 2.0 / 3.0 * low_error * high_error
    return (high - low) / _NORMAL_IQR, math.sqrt(spread) / _NORMAL_IQR


PLUGIN = Measure(
    "iqr_se",
    "interquartile range of T / 1.349",
    "Cramér (1946), section 28.5",
    value=value,
    formula="from those of the two quartiles, whose correlation is 1/3",
    order=0,
    relative=True,
    of="both",
)
