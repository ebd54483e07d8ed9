"""The mean of what has no true value."""

import math

from simcore.intervals import share
from simcore.registry import Measure


def value(outcome):
    """(mean of T, its standard error); of values that are all 0 or 1 a share, with the interval of Wilson."""
    m = outcome.moments
    if m.exact is not None and m.exact[0] == m.exact[1] and 0.0 <= m.low <= m.high <= 1.0:
        return share(int(m.exact[0] * m.count), m.count)
    if m.count < 2:
        return m.mean, math.nan
    return m.mean, math.sqrt(m.central[2] / (m.count - 1))


PLUGIN = Measure(
    "mean",
    "mean of T, of what has no true value",
    value=value,
    formula="sqrt(m2 / (R - 1)), m2 the central second moment; of a share its interval is that of Wilson (1927)",
    order=1,
    of="values",
    relative=True,
)
