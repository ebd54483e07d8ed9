"""Share of samples whose design has dependent columns."""

from simcore.intervals import share
from simcore.registry import Measure

PLUGIN = Measure(
    "rank_deficient",
    "share of samples whose design has columns that depend on each other",
    "Wilson (1927)",
    value=lambda outcome: share(outcome.codes["rank_deficient"], outcome.good + outcome.failed),
    formula="sqrt(p (1 - p) / R); interval of Wilson",
    order=0,
    of_all=True,
    problem="linear",
    of="both",
)
