"""Absolute efficiency: the Cramér-Rao bound over the variance."""

import math

from simcore.intervals import mean_square
from simcore.moments import LEAST
from simcore.registry import Measure


def value(outcome):
    """(bound / V, its standard error, low, high); no bound where the density has jumps or is not known."""
    m, known = outcome.moments, outcome.explained
    if outcome.bound is None:
        return None, None
    if m.count < 2:
        return math.nan, math.nan
    unbiased = m.count / (m.count - 1)
    variance = m.central[2] * unbiased + known
    if not variance > 0.0:
        return math.nan, math.nan
    far = max(m.high - m.mean, m.mean - m.low)
    low, high = (end * unbiased + known for end in mean_square(m.around, far * far, m.count))
    mcse, square = outcome.bound * math.sqrt(m.around.variance / m.count) * unbiased, variance * variance
    mcse = mcse / square if LEAST < square < math.inf else mcse / variance / variance
    return outcome.bound / variance, mcse, outcome.bound / high, outcome.bound / low if low > 0.0 else math.inf


PLUGIN = Measure(
    "efficiency_bound",
    "Cramér-Rao bound, 1 / (n I) or of (X'X)^-1 / I, / variance of T",
    "Cramér (1946), section 32.3",
    value=value,
    formula="bound * MCSE of the variance / variance^2: delta method",
    adjustable=True,
    relative=True,
    fixed=True,
)
