"""How often the error is large."""

from simcore.intervals import share
from simcore.registry import SIZE, Measure, Parameter


def value(outcome, c):
    """Share of the estimates that are more than c off."""
    return share(outcome.errors.sizes().above(c), outcome.errors.count)


PLUGIN = Measure(
    "tail_probability",
    "share of |T - truth| > c",
    "Wilson (1927)",
    (Parameter("c", "how far off, in units of the data", SIZE, 1.0),),
    value=value,
    formula="sqrt(p (1 - p) / R); interval of Wilson",
    order=0,
)
