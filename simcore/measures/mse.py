"""Mean squared error: the mean of (T - truth)^2."""

import math

from simcore.intervals import mean_square
from simcore.registry import Measure


def value(outcome):
    """(mean of e^2, the standard error of that mean, low, high); a control variate as for the variance."""
    m, known = outcome.moments, outcome.explained
    if m.count < 2:
        return m.raw[2] + known, math.nan
    far = max(m.high, -m.low)
    low, high = mean_square(m.squares, far * far, m.count)
    return m.raw[2] + known, math.sqrt(m.squares.variance / (m.count - 1)), low + known, high + known


PLUGIN = Measure(
    "mse",
    "mean of (T - truth)^2",
    "Morris, White & Crowther (2019)",
    value=value,
    formula="sqrt((mean of e^4 - (mean of e^2)^2) / (R - 1)), e = T - truth; interval of Hall (1992)",
    adjustable=True,
    relative=True,
)
