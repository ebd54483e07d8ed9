"""Median absolute error."""

from simcore.intervals import quantile
from simcore.registry import Measure

PLUGIN = Measure(
    "median_abs_error",
    "median of |T - truth|",
    "Hampel (1974)",
    value=lambda outcome: quantile(outcome.errors.sizes(), 0.5),
    formula="from the order statistics that bound a 95 % interval",
    order=0,
    relative=True,
)
