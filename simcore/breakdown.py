"""How many bad responses carry a regression away that has a bounded psi: it depends on the leverage in its design."""

import itertools
import math

import numpy as np

_MOST_DIRECTIONS, _MOST_PRODUCTS = 2000, 4_000_000
_TIE = 1e-9  # of the sum, so that rounding decides nothing where a design is balanced


def bad_responses(x):
    """Fewest responses that can carry the least absolute deviations fit to the design x, float64 (n, p), anywhere.

    That is the least m for which m of the sizes |x_i d| add up to half their sum for some direction d (He, Jureckova,
    Koenker & Portnoy 1990). It is enough to look at directions on which p - 1 rows vanish; of many, some are taken,
    evenly, so that the result may be a little too large.
    """
    fewest = len(x)
    for sizes in _sizes_along(x):
        reached = np.cumsum(np.sort(sizes)[::-1]) >= (0.5 - _TIE) * sizes.sum()
        fewest = min(fewest, int(np.argmax(reached)) + 1)
    return fewest


def bad_responses_at_best(x):
    """Fewest responses that can carry any equivariant fit away: (n - N + 1) // 2, where at most N rows of x lie in a
    plane through the origin (Mueller 1995); p - 1 where rows are in general position. Searched as above."""
    n, p = x.shape
    on_plane = max((int((sizes <= _TIE * sizes.max()).sum()) for sizes in _sizes_along(x)), default=p - 1)
    return max(1, (n - max(on_plane, p - 1) + 1) // 2)


def _sizes_along(x):
    """|x d|, columns of x in units of their length, for directions d on which p - 1 rows vanish."""
    n, p = x.shape
    x = x / np.sqrt((x * x).sum(axis=0))
    subsets = _subsets(n, p - 1, max(20, min(_MOST_DIRECTIONS, _MOST_PRODUCTS // n)))
    directions = np.linalg.svd(x[subsets])[2][:, -1] if p > 1 else np.ones((1, 1))
    return (np.abs(x @ direction) for direction in directions)


def _subsets(n, size, most):
    """All subsets of `size` of n rows, or about `most` of them, as an array (subsets, size)."""
    if size == 0:
        return np.empty((1, 0), int)
    if math.comb(n, size) <= most:
        return np.array(list(itertools.combinations(range(n), size)))
    steps = np.arange(1, size + 1) * 7919  # a prime beyond p: strides that fall on different rows
    found = (np.arange(most)[:, None] * (2 * steps + 1) + steps * steps) % n
    return found[[len(set(row)) == size for row in found]]
