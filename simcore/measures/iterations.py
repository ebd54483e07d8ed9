"""Mean number of passes over the data."""

import math

from simcore.registry import Measure


def value(outcome):
    count = outcome.good + outcome.failed
    mean = outcome.iterations / count if count else math.nan
    if count < 2:
        return mean, math.nan
    return mean, math.sqrt(max(outcome.iterations_squared / count - mean * mean, 0.0) / (count - 1))


PLUGIN = Measure(
    "iterations",
    "mean number of passes over the data of a fit, 0 for closed forms",
    value=value,
    formula="standard deviation of the passes / sqrt(R)",
    order=0,
    of_all=True,
    of="both",
)
