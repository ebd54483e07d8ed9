"""Largest number of passes over the data."""

from simcore.registry import Measure

PLUGIN = Measure(
    "most_iterations",
    "largest number of passes over the data of a fit",
    value=lambda outcome: (float(outcome.most_iterations), None),
    formula="none: the largest of R grows with R",
    order=0,
    of_all=True,
    of="both",
)
