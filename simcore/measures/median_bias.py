"""Median bias: the median error."""

from simcore.intervals import quantile
from simcore.registry import Measure

PLUGIN = Measure(
    "median_bias",
    "median of T - truth",
    "Brown (1947)",
    value=lambda outcome: quantile(outcome.errors, 0.5),
    formula="from the order statistics that bound a 95 % interval",
    order=0,
)
