"""Share of samples or estimates that were not finite."""

from simcore.intervals import share
from simcore.registry import Measure

PLUGIN = Measure(
    "non_finite",
    "share of samples or estimates that were not finite",
    "Wilson (1927)",
    value=lambda outcome: share(outcome.codes["non_finite"], outcome.good + outcome.failed),
    formula="sqrt(p (1 - p) / R); interval of Wilson",
    order=0,
    of_all=True,
    of="both",
)
