"""Share of fits where most responses lie on one plane."""

from simcore.intervals import share
from simcore.registry import Measure

PLUGIN = Measure(
    "exact_fit",
    "share of fits whose scale was zero, as most responses lie on one plane",
    "Wilson (1927)",
    value=lambda outcome: share(outcome.codes["exact_fit"], outcome.good + outcome.failed),
    formula="sqrt(p (1 - p) / R); interval of Wilson",
    order=0,
    of_all=True,
    problem="linear",
    of="both",
)
