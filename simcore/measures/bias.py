"""Bias: the mean error."""

import math

from simcore.registry import Measure


def value(outcome):
    """(mean of e, its standard error)."""
    m = outcome.moments
    if m.count < 2:
        return m.mean, math.nan
    return m.mean, math.sqrt(m.central[2] / (m.count - 1))


PLUGIN = Measure(
    "bias",
    "mean of T - truth",
    "Morris, White & Crowther (2019)",
    value=value,
    formula="sqrt(m2 / (R - 1)), m2 the central second moment of the errors",
    order=1,
    adjustable=True,
)
