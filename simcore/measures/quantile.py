"""Quantiles of the error."""

from simcore.intervals import quantile
from simcore.registry import Interval, Measure, Parameter

PLUGIN = Measure(
    "quantile",
    "p-quantile of T - truth",
    "Conover (1999), section 3.2",
    (
        Parameter(
            "p",
            "share of the errors below it",
            Interval(0.0, 1.0, open_low=True, open_high=True),
            (0.05, 0.25, 0.75, 0.95),
        ),
    ),
    value=lambda outcome, p: quantile(outcome.errors, p),
    formula="from the order statistics that bound a 95 % interval",
    order=0,
    of="both",
)
