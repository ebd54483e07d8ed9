"""The maximum bias curve of a sample: the most that outliers can do, wherever they stand."""

from simcore.registry import Measure


def value(outcome):
    return outcome.largest()


PLUGIN = Measure(
    "max_bias",
    "largest |T - T'| wherever all m outliers stand, by search; none where they carry T beyond all bounds",
    "Huber (1964); Hampel (1971)",
    value=value,
    exact=True,
    without=("at",),
)
