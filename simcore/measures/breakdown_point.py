"""The breakdown point of a sample, by search."""

from simcore.registry import Measure


def value(outcome):
    count = outcome.breaking()
    return None if count is None else count / outcome.n


PLUGIN = Measure(
    "breakdown_point",
    "smallest share of outliers at one place that carries T beyond all bounds, by search",
    "Donoho & Huber (1983)",
    value=value,
    exact=True,
    without=("at", "outliers", "parameter"),
)
