"""How often the error is large."""

from simcore.intervals import share
from simcore.registry import SIZE, Measure, Parameter


def value(outcome, c):
    """Share of the estimates that are more than c off."""
    fewest, most = outcome.errors.sizes().above_between(c)
    low, high = share(fewest, outcome.errors.count), share(most, outcome.errors.count)
    if fewest == most:
        return low
    value = 0.5 * low[0] + 0.5 * high[0]  # c stands in the bin of an atom, on one side of it or the other
    return value, max(low[1], high[1]) + 0.5 * (high[0] - low[0]), low[2], high[3]


PLUGIN = Measure(
    "tail_probability",
    "share of |T - truth| > c",
    "Wilson (1927)",
    (Parameter("c", "how far off, in units of the data", SIZE, 1.0),),
    value=value,
    formula="sqrt(p (1 - p) / R); interval of Wilson",
    order=0,
)
