"""A population that is a list of values, each with the same probability: what data that are resampled come from.

It answers what `populations.Population` answers, exactly: sums for integrals, order statistics for quantiles. Where a
share falls between two values, both it and the middle between them are quantiles; as of samples, the middle is taken.
"""

import functools
import math

import numpy as np

from simcore.lanes import WIDTH
from simcore.order import MAD_FACTOR
from simcore.registry import plugins

_ROUNDING = 1e-12  # of a share times a count that is a whole number


class Empirical:
    """Of errors in standard form, by the name of a distribution with `atoms`, and its parameters."""

    symmetric = False

    def __init__(self, name, parameters):
        self.distribution, self.values = plugins("distributions")[name], dict(parameters)
        self._atoms = self.distribution.atoms(**self.values)
        self._rows = np.resize(self._atoms, (-(-len(self._atoms) // WIDTH), WIDTH))

    def mean_of(self, function):
        with np.errstate(all="ignore"):
            return _mean(function(self._rows).ravel()[: len(self._atoms)])

    def share_below(self, x):
        """The shares of errors that are at most x, float64 (k,)."""
        return np.searchsorted(self._atoms, x, side="right") / len(self._atoms)

    def quantile(self, share):
        return _quantile(self._atoms, share)

    @functools.cached_property
    def median(self):
        return self.quantile(0.5)

    @functools.cached_property
    def mean(self):
        return _mean(self._atoms)

    def mad(self, centre, near=None):
        """Their normalised median absolute deviation about a centre, which may be 0."""
        return MAD_FACTOR * _quantile(np.sort(np.abs(self._atoms - centre)), 0.5)

    def trimmed_mean(self, share):
        """Of what is left after a share was cut off at each end, in parts of a value where it ends there."""
        count, places = len(self._atoms), np.arange(len(self._atoms), dtype=float)
        left = np.minimum(places + 1.0, (1.0 - share) * count) - np.maximum(places, share * count)
        return math.fsum(np.maximum(left, 0.0) * self._atoms) / ((1.0 - 2.0 * share) * count)

    def winsorized_mean(self, share):
        """After a share was pulled in at each end."""
        return self.mean_of(lambda x: np.clip(x, self.quantile(share), self.quantile(1.0 - share)))

    def median_of_averages(self):
        """The median of (X + X') / 2 of two independent errors."""
        half = len(self._atoms) * len(self._atoms) // 2
        fewest = (half if 2 * half == len(self._atoms) * len(self._atoms) else half + 1), half + 1
        return 0.5 * math.fsum(map(self._average_with, fewest))

    def _average_with(self, fewest):
        """The least average of two values which so many of all pairs do not exceed."""
        low, high = np.nextafter(self._atoms[0], -math.inf), self._atoms[-1]
        while low < (middle := 0.5 * low + 0.5 * high) < high:
            pairs = int(np.searchsorted(self._atoms, 2.0 * middle - self._atoms, side="right").sum())
            low, high = (middle, high) if pairs < fewest else (low, middle)
        return float(high)


def _mean(values):
    return math.fsum(values) / len(values)


def _quantile(values, share):
    """Of values in order."""
    place = share * len(values)
    whole = round(place)
    if abs(place - whole) <= _ROUNDING * len(values) and 0 < whole < len(values):
        return float(0.5 * values[whole - 1] + 0.5 * values[whole])
    return float(values[min(len(values), max(1, math.ceil(place))) - 1])
