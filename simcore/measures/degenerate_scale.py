"""Share of fits whose scale was zero, so that the median stood in."""

from simcore.intervals import share
from simcore.registry import Measure

PLUGIN = Measure(
    "degenerate_scale",
    "share of fits whose scale was zero, so that the median stood in",
    "Wilson (1927)",
    value=lambda outcome: share(outcome.codes["degenerate_scale"], outcome.good + outcome.failed),
    formula="sqrt(p (1 - p) / R); interval of Wilson",
    order=0,
    of_all=True,
    problem="location",
    of="both",
)
