"""Histograms on the bits of the errors: counts that merge exactly in any order, and quantiles of them.

The bin of a number is the top 19 of its 64 bits: sign, exponent and 7 bits of the mantissa, so a bin is less than 1 %
wide wherever it lies, and no range has to be known beforehand. A histogram is a pair of arrays: the bins that are not
empty, in ascending order, and how many numbers each holds.
"""

import numpy as np

from simcore import codes
from simcore.jit import lane
from simcore.lanes import WIDTH, bits, load, store

DROPPED_BITS = 45
BINS = 1 << (64 - DROPPED_BITS)
_NEGATIVE = BINS >> 1  # from here on the sign bit is set, and larger bins hold smaller numbers
_STRETCH = 1024  # bins that are looked through together
STRETCHES = BINS // _STRETCH


@lane
def count_errors(estimates, states, stop, truth, counts, touched, keys):
    """Count the errors T - truth of one target in replications 0..stop-1.

    estimates: float64 (groups, WIDTH); states: uint32 of the same shape; counts: int32 (BINS,); touched: uint8
    (STRETCHES,), 1 where counts are not all zero; keys: uint64 (1, WIDTH) to work in.
    """
    for group in range((stop + WIDTH - 1) // WIDTH):
        store(keys, 0, bits(load(estimates, group) - truth) >> DROPPED_BITS)
        for i in range(min(WIDTH, stop - group * WIDTH)):
            if states[group, i] % codes.ITERATION < codes.FIRST_FAILURE:
                key = np.int64(keys[0, i])
                if counts[key] == 0:
                    touched[key // _STRETCH] = 1
                counts[key] += 1


def take_bins(counts, touched, keys, numbers):
    """Move one histogram out of counts, which are zero again, to keys and numbers; returns how many bins it has."""
    found = 0
    for stretch in range(STRETCHES):
        if touched[stretch]:
            touched[stretch] = 0
            for key in range(stretch * _STRETCH, (stretch + 1) * _STRETCH):
                if counts[key]:
                    keys[found] = key
                    numbers[found] = counts[key]
                    counts[key] = 0
                    found += 1
    return found


def merge_bins(histograms):
    """The sum of several histograms."""
    keys = np.concatenate([keys for keys, _ in histograms])
    merged, place = np.unique(keys, return_inverse=True)
    counts = np.zeros(len(merged), np.int64)
    np.add.at(counts, place, np.concatenate([counts for _, counts in histograms]))
    return merged, counts


class Ranked:
    """Errors in order, from a histogram: a number is known to its bin, within which all lie at equal distances."""

    def __init__(self, keys, counts):
        order = np.concatenate([np.flatnonzero(keys >= _NEGATIVE)[::-1], np.flatnonzero(keys < _NEGATIVE)])
        keys, self._counts = keys[order].astype(np.int64), counts[order]
        ends = np.stack([_edge(keys % _NEGATIVE), _edge(keys % _NEGATIVE + 1)])
        self._ends = np.where(keys >= _NEGATIVE, -ends[::-1], ends)
        self._before = np.concatenate([[0], np.cumsum(self._counts)])
        self._keys = keys
        step = np.diff(self._ends[0], append=np.inf)
        width = self._ends[1] - self._ends[0]
        near = np.where(step <= 1.5 * width, np.append(self._counts[1:], 0), 0)  # in the bin after, if it is not empty
        beside = np.maximum(near, np.concatenate([[0], np.where(near[:-1] > 0, self._counts[:-1], 0)]))
        self._atoms = (self._counts >= max(20, 0.01 * self.count)) & (self._counts > 10 * beside)

    @property
    def count(self):
        return int(self._before[-1])

    def at_rank(self, rank):
        """The number of a rank from 1 to count; between two ranks, in proportion."""
        return _between(self._number, rank, self.count)

    def between(self, rank):
        """Two numbers between which the one of a whole rank lies: the same, but for a bin that holds an atom.

        An atom is a value that many errors share, as where outliers all have one value: its bin holds a per cent of all
        and ten times as many as the bins beside it. Where in its bin it lies is not known.
        """
        row = self._row(rank)
        if self._atoms[row]:
            return tuple(map(float, self._ends[:, row]))
        return (self.at_rank(rank),) * 2

    def _row(self, rank):
        return int(np.searchsorted(self._before[1:], rank, side="left"))

    def _number(self, rank):
        row = self._row(rank)
        low, high = self._ends[:, row]
        return low + (rank - 0.5 - self._before[row]) / self._counts[row] * (high - low)

    def sizes(self):
        """The sizes |e| in order."""
        return Ranked(*merge_bins([(self._keys % _NEGATIVE, self._counts)]))

    def above_between(self, limit):
        """At least and at most so many are larger: the two differ where the limit stands in the bin of an atom."""
        low, high = self._ends
        inside = self._atoms & (low <= limit) & (limit < high)
        if not inside.any():
            return (self.above(limit),) * 2
        beyond = int(self._counts[low > limit].sum())
        return beyond, beyond + int(self._counts[inside].sum())

    def above(self, limit):
        """How many are larger, to the share of a bin that is."""
        low, high = self._ends
        share = (high - np.clip(limit, low, high)) / (high - low)
        whole = int(self._counts[share == 1.0].sum())
        part = (share > 0.0) & (share < 1.0)
        return whole + float((share * self._counts)[part].sum())


class Sorted:
    """Errors in order, from the errors themselves: what `Ranked` gives, exactly."""

    def __init__(self, errors):
        self._errors = errors

    @property
    def count(self):
        return len(self._errors)

    def at_rank(self, rank):
        return _between(lambda rank: self._errors[rank - 1], rank, self.count)

    def between(self, rank):
        return (self.at_rank(rank),) * 2

    def sizes(self):
        return Sorted(np.sort(np.abs(self._errors)))

    def above(self, limit):
        return self.count - int(np.searchsorted(self._errors, limit, side="right"))

    def above_between(self, limit):
        return (self.above(limit),) * 2


def _between(number, rank, count):
    """What stands at a rank, given the number at each whole one: between two ranks, in proportion."""
    low = int(rank)
    value = number(low)
    return float(value + (rank - low) * (number(min(low + 1, count)) - value))


def _edge(keys):
    """The smallest number of a bin of positive numbers; the last bins end where numbers overflow."""
    edges = (keys.astype(np.uint64) << np.uint64(DROPPED_BITS)).view(np.float64)
    return np.minimum(edges, np.finfo(np.float64).max)
