"""The sensitivity curve: what outliers change, as if each of n observations had its share."""

from simcore.registry import Measure


def value(outcome):
    return outcome.n * (outcome.after - outcome.before) / outcome.outliers


PLUGIN = Measure(
    "sensitivity",
    "n (T - T') / m: what m observations at one place change, T' without them",
    "Andrews, Bickel, Hampel, Huber, Rogers & Tukey (1972), section 5E",
    value=value,
    exact=True,
)
