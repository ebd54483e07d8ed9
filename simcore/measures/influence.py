"""The influence function: the sensitivity curve of one observation in infinitely many."""

from simcore.registry import Measure


def value(outcome):
    return outcome.influence()


PLUGIN = Measure(
    "influence",
    "influence function at the errors' distribution: the limit of the sensitivity curve of one observation as n grows",
    "Hampel (1974)",
    value=value,
    exact=True,
    without=("outliers",),
)
