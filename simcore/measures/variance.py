"""Variance of the estimates, with the standard error that the fourth moment gives."""

import math

from simcore.intervals import mean_square
from simcore.registry import Measure


def value(outcome):
    """(S^2 with divisor R - 1, S^2 sqrt((k - 1) / R), low, high), k the kurtosis m4 / m2^2 (no normal theory).

    With a control variate S^2 is of what it leaves over; what it explains is known and has no error.
    """
    m, known = outcome.moments, outcome.explained
    if m.count < 2:
        return math.nan, math.nan
    m2, unbiased = m.central[2], m.count / (m.count - 1)
    far = max(m.high - m.mean, m.mean - m.low)
    low, high = mean_square(m.around, far * far, m.count)
    mcse = math.sqrt(m.around.variance / m.count)
    return m2 * unbiased + known, mcse * unbiased, low * unbiased + known, high * unbiased + known


PLUGIN = Measure(
    "variance",
    "variance of T, divisor R - 1",
    "Cramér (1946), section 27.4",
    value=value,
    formula="S^2 sqrt((k - 1) / R), k = m4 / m2^2 the kurtosis of the estimates; interval of Hall (1992)",
    adjustable=True,
    relative=True,
    of="both",
    fixed=True,
)
