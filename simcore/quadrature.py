"""Quadrature in simcore's own arithmetic, so that what it gives has the same bits on every CPU.

Integrals of errors are over t = arsinh(error), where tails of powers fall exponentially.
"""

import functools
import itertools
import math

import numpy as np

from simcore.fmath import expm1, log1p, with_sign
from simcore.lanes import WIDTH, magnitude, root


def sinh(t):
    grown = expm1(magnitude(t))
    return with_sign(0.5 * (grown + grown / (1.0 + grown)), t)


def arsinh(u):
    size = np.minimum(magnitude(u), 1e150)
    square = size * size
    return with_sign(log1p(size + square / (1.0 + root(1.0 + square))), u)


class Panels:
    """The density of a population and its members as functions of t, on panels where both are polynomials of t.

    density(t), member(t): functions of arrays (k, WIDTH); the latter never decreases. borders: of t. What is asked
    later needs neither again, so that a mean takes some milliseconds.
    """

    def __init__(self, density, member, borders):
        self._measure(*_settled(density, member, borders))

    @classmethod
    def of_pieces(cls, masses, members):
        """Of pieces of a quantile function, in order: the share of each, (k,), and its members at NODES, (k, WIDTH)."""
        panels, low = object.__new__(cls), np.arange(float(len(masses)))
        panels._measure(low, low + 1.0, np.repeat(masses[:, None], WIDTH, axis=1), members)
        return panels

    def _measure(self, low, high, density, member):
        self._low, self._high, self._density, self._member = low, high, density, member
        masses = _sums(self._low, self._high, self._density)
        self._total = math.fsum(masses)
        self._below = np.array([0.0, *itertools.accumulate(masses)])[:-1]
        self._ends = _interpolated(self._member, np.ones(len(masses)))

    def mean_of(self, function):
        """The mean of function(member), which may have kinks and jumps."""
        low, high, density, member = self._low, self._high, self._density, self._member
        values = density * function(member)
        whole, found = _sums(low, high, values), []
        least = _TOLERANCE * math.fsum(_sums(low, high, np.abs(values)))
        for turn in range(_MOST_CUTS):
            count = _PARTS if turn else 2
            low, high, density, member = _cut(low, high, density, member, parts=count)
            parts = _sums(low, high, density * function(member)).reshape(-1, count)
            together = _added(parts)
            coarse = np.abs(together - whole) > least
            found += together[~coarse].tolist()
            again = np.repeat(coarse, count)
            low, high, density, member = low[again], high[again], density[again], member[again]
            whole = parts[coarse].ravel()
            if not low.size:
                break
        return math.fsum((*found, *whole)) / self._total

    def share_below(self, x):
        """The shares of members that are at most x, float64 (k,)."""
        k = np.clip(np.searchsorted(self._ends, x), 0, len(self._low) - 1)
        ends = np.full(k.shape, -1.0), np.full(k.shape, 1.0)
        return self._share(k, _bisected(lambda at: _interpolated(self._member[k], at) < x, *ends))

    def quantile(self, share):
        """The member below which a share of them is."""
        return float(self.quantiles(np.array([share]))[0])

    def quantiles(self, shares):
        """The members below which shares of them are, float64 (k,)."""
        k = np.searchsorted(self._below, shares * self._total, side="right") - 1
        ends = np.full(k.shape, -1.0), np.full(k.shape, 1.0)
        return _interpolated(self._member[k], _bisected(lambda at: self._share(k, at) < shares, *ends))

    def mass(self, density):
        """The share of members for a density by member, which is known but for the same factor as that by t."""
        return density / self._total

    def _share(self, k, at):
        """Below places from -1 to 1 of panels k."""
        half, part = 0.5 * (at + 1.0), np.zeros(k.shape)
        for node, weight in zip(NODES, WEIGHTS, strict=True):
            part = part + weight * _interpolated(self._density[k], -1.0 + half * (node + 1.0))
        return (self._below[k] + 0.5 * (self._high[k] - self._low[k]) * half * part) / self._total


def _settled(density, member, borders):
    """(low, high, densities, members) of panels cut in halves until polynomials through their nodes serve."""
    low, high, found, least = borders[:-1], borders[1:], [], None
    for _ in range(_MOST_HALVINGS):
        own = [function(_nodes(low, high)) for function in (density, member)]
        halves = _cut(low, high, *own, parts=2)
        true = [function(_nodes(*halves[:2])) for function in (density, member)]
        mass = true[0] * (halves[1] - halves[0])[:, None]
        if least is None:
            least = _SETTLED * math.fsum(_sums(low, high, own[0]))
        off = np.abs(halves[2] - true[0]) * (halves[1] - halves[0])[:, None] * np.clip(np.abs(true[1]), 1.0, 1e3)
        off = np.maximum(off, np.abs(halves[3] - true[1]) / np.maximum(np.abs(true[1]), 1.0) * mass)
        coarse = (off > least).any(axis=1).reshape(-1, 2).any(axis=1)
        found += zip(low[~coarse], high[~coarse], own[0][~coarse], own[1][~coarse], strict=True)
        low, high = (part[np.repeat(coarse, 2)] for part in halves[:2])
        if not low.size:
            break
    found.sort(key=lambda panel: panel[0])
    return tuple(map(np.array, zip(*found, strict=True)))


def _nodes(low, high):
    return (0.5 * (low + high))[:, None] + (0.5 * (high - low))[:, None] * NODES


def _sums(low, high, values):
    """The integral over each panel of a function with such values at its nodes."""
    return 0.5 * (high - low) * _added(values * WEIGHTS)


def _added(values):
    """The sums of the rows, from left to right."""
    total = values[:, 0]
    for k in range(1, values.shape[1]):
        total = total + values[:, k]
    return total


def _cut(low, high, *values, parts):
    """Panels cut into equal parts, with the values of polynomials through their nodes at the nodes of the parts."""
    ends, basis = _parts(parts)
    borders = low[:, None] * (1.0 - ends) + high[:, None] * ends
    cut = (_added_products(own, basis).reshape(-1, WIDTH) for own in values)
    return borders[:, :-1].ravel(), borders[:, 1:].ravel(), *cut


@functools.cache
def _parts(count):
    """Where from 0 to 1 a panel is cut, and Lagrange's polynomials of its nodes at the nodes of the parts."""
    ends = np.arange(count + 1) / count
    at, basis = _nodes(2.0 * ends[:-1] - 1.0, 2.0 * ends[1:] - 1.0).ravel(), np.ones((count * WIDTH, WIDTH))
    for j in range(WIDTH):
        for i in range(WIDTH):
            if i != j:
                basis[:, j] *= (at - NODES[i]) / (NODES[j] - NODES[i])
    return ends, basis


def _added_products(values, matrix):
    """values (k, WIDTH) times matrix' (j, WIDTH): (k, j), added from left to right as no library promises."""
    total = values[:, :1] * matrix[:, 0]
    for k in range(1, WIDTH):
        total = total + values[:, k : k + 1] * matrix[:, k]
    return total


def _interpolated(values, at):
    """Polynomials through values (k, WIDTH) at the nodes, each at a place from -1 to 1."""
    total = 0.0
    for j in range(WIDTH):
        product = values[:, j] * _INVERSE[j]
        for i in range(WIDTH):
            if i != j:
                product = product * (at - NODES[i])
        total = total + product
    return total


def _bisected(before, low, high):
    """The places between low and high from which on before(places) no longer holds."""
    for _ in range(_MOST_HALVINGS):
        middle = 0.5 * (low + high)
        still = before(middle)
        low, high = np.where(still, middle, low), np.where(still, high, middle)
    return high


_TOLERANCE = 1e-13  # of the mean size, for each panel
_SETTLED = 1e-12  # of the whole
_MOST_HALVINGS, _MOST_CUTS, _PARTS = 48, 12, 32
_ARSINH_MARKS = (0.0, 1 / 64, 1 / 16, 1 / 4, 1 / 2, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 9.0, 12.0, 17.0, 25.0)
MARKS = sinh(np.outer((-1.0, 1.0), _ARSINH_MARKS).reshape(-1, WIDTH))
_HALF_NODES = np.array((0.1834346424956498, 0.525532409916329, 0.7966664774136267, 0.9602898564975363))
_HALF_WEIGHTS = np.array((0.362683783378362, 0.31370664587788727, 0.22238103445337448, 0.10122853629037626))
NODES = np.concatenate((-_HALF_NODES[::-1], _HALF_NODES))
WEIGHTS = np.concatenate((_HALF_WEIGHTS[::-1], _HALF_WEIGHTS))
_INVERSE = [1.0 / math.prod(float(node - other) for other in NODES if other != node) for node in NODES]
