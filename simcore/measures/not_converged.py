"""Share of fits that did not converge."""

from simcore.intervals import share
from simcore.registry import Measure

PLUGIN = Measure(
    "not_converged",
    "share of fits that did not converge",
    "Wilson (1927)",
    value=lambda outcome: share(outcome.codes["not_converged"], outcome.good + outcome.failed),
    formula="sqrt(p (1 - p) / R); interval of Wilson",
    order=0,
    of_all=True,
    of="both",
)
