"""Variance of the estimates, with the standard error that the fourth moment gives."""

import math

from simcore.registry import Measure


def value(moments):
    """(S^2 with divisor R - 1, S^2 sqrt((k - 1) / R)), k the kurtosis m4 / m2^2 (no normal theory)."""
    if moments.good < 2:
        return math.nan, math.nan
    m2, m4 = moments.central[2], moments.central[4]
    unbiased = m2 * moments.good / (moments.good - 1)
    spread = max(m4 - m2 * m2, 0.0)
    return unbiased, math.sqrt(spread / moments.good) * moments.good / (moments.good - 1)


PLUGIN = Measure("variance", "variance of T, divisor R - 1", "Cramér (1946), section 27.4", value=value)
