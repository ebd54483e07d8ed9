"""The breakdown point of a sample, as theory has it."""

from simcore.registry import Measure


def value(outcome):
    count = outcome.breaking_in_theory()
    return None if count is None else count / outcome.n


PLUGIN = Measure(
    "breakdown_theory",
    "the same in theory: that many observations must go bad, of n",
    "Huber (1984); He, Jureckova, Koenker & Portnoy (1990)",
    value=value,
    exact=True,
    without=("at", "outliers", "parameter"),
)
