"""Mean absolute error."""

import math

from simcore.moments import variance_of_sizes
from simcore.registry import Measure


def value(outcome):
    """(mean of |e|, the standard error of that mean)."""
    count, mean = outcome.good, outcome.mean_size
    if count < 2:
        return mean, math.nan
    return mean, math.sqrt(variance_of_sizes(outcome.plain, mean, outcome.exact_size) / (count - 1))


PLUGIN = Measure(
    "mae",
    "mean of |T - truth|",
    "Morris, White & Crowther (2019)",
    value=value,
    formula="sqrt((mean of e^2 - mae^2) / (R - 1)), e = T - truth",
    order=1,
    relative=True,
)
