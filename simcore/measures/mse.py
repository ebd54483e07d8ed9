"""Mean squared error: the mean of (T - truth)^2."""

import math

from simcore.registry import Measure


def value(moments):
    """(mean of e^2, the standard error of that mean)."""
    m2 = moments.raw[2]
    if moments.good < 2:
        return m2, math.nan
    return m2, math.sqrt(max(moments.raw[4] - m2 * m2, 0.0) / (moments.good - 1))


PLUGIN = Measure("mse", "mean of (T - truth)^2", "Morris, White & Crowther (2019)", value=value)
