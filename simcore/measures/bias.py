"""Bias: the mean error."""

import math

from simcore.registry import Measure


def value(moments):
    """(mean of e, its standard error)."""
    if moments.good < 2:
        return moments.mean, math.nan
    return moments.mean, math.sqrt(moments.central[2] / (moments.good - 1))


PLUGIN = Measure("bias", "mean of T - truth", "Morris, White & Crowther (2019)", value=value, order=1)
