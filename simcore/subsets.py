"""Elemental subsets: p rows of a regression, the plane through them, and the best planes found so far.

High-breakdown fits start from planes through p observations, of which one subset without outliers is enough. The
subsets depend on (n, p) and their number only: a fit is a function of its data, and all lanes look at the same rows.

Arrays: q (n * p, WIDTH) with orthonormal columns, row i and column j at i * p + j; y (n, WIDTH); planes g (p, WIDTH).
"""

import numpy as np

from simcore.dense import dot, fitted
from simcore.jit import lane
from simcore.lanes import any_lane, both, fma, load, magnitude, select, splat, store
from simcore.order import kth_smallest, padded_rows
from simcore.registry import Interval, Parameter

EMPTY = 1e300  # the criterion of a place where no plane is kept yet
SAME = 1e-9  # criteria this close, relatively, are those of one local minimum
_DEPENDENT = 1e-10  # of its length: a row of which less is left beside the earlier ones depends on them

_VANISHING = 1e-13  # residuals of an exact fit are below this, in units of the responses
_MOST_STARTS = 1000
SUBSETS = Parameter(
    "subsets",
    "how many planes through p observations to start from; 0: as many as p asks for",
    Interval(0, 1000000, integer=True),
    0.0,
    quiet=True,
)


@lane
def half(n, p):
    """h, so many observations on one plane that they may be the good ones: more than half."""
    return (n + p + 1) // 2


@lane
def number_of_starts(p, asked):
    """`asked`, or where that is 0: 20 * 2^p, at most 1000.

    Of subsets from half good and half bad observations 2^-p are good, so all of 20 * 2^p are bad with probability
    exp(-20). With 1000 the same holds for 25 % bad observations up to p = 13, and for 10 % up to p = 35.
    """
    return asked if asked > 0 else min(20 << min(p, 6), _MOST_STARTS)


@lane
def all_subsets(n, p, most):
    """Number of subsets of p of n, or 0 where there are more than `most`."""
    total = 1
    for j in range(min(p, n - p)):
        total = total * (n - j) // (j + 1)
        if total > most:
            return 0
    return total


@lane
def _mixed(state):
    """A bijection of 32-bit integers that mixes all bits."""
    state = (((state >> 16) ^ state) * 0x45D9F3B) & 0xFFFFFFFF
    state = (((state >> 16) ^ state) * 0x45D9F3B) & 0xFFFFFFFF
    return (state >> 16) ^ state


@lane
def drawn(n, p, number, draw, below):
    """An integer from 0 to below - 1 that looks random: a counter hash."""
    return (_mixed((_mixed(n * 32 + p) + number * 256 + draw) & 0xFFFFFFFF) * below) >> 32


@lane
def random_subset(index, n, p, number):
    """Draw subset `number` without replacement into index[:, 0] (Bentley & Floyd 1987: all subsets equally likely)."""
    for j in range(p):
        row = drawn(n, p, number, j, n - p + j + 1)
        for k in range(j):
            if int(index[k, 0]) == row:
                row = n - p + j
                break
        index[j, 0] = row


@lane
def next_subset(index, n, p, number):
    """Subset `number` of all, in lexicographic order, into index[:, 0], which holds the one before it."""
    j, row = 0, 0
    if number > 0:
        j = p - 1
        while j > 0 and int(index[j, 0]) == n - p + j:
            j -= 1
        row = int(index[j, 0]) + 1
    for k in range(j, p):
        index[k, 0] = row + k - j


@lane
def through(q, y, n, p, number, index, basis, g):
    """g: the plane through the p rows in index[:, 0]. Returns the lanes where they determine one.

    Each row moves g so that it meets one more observation and still those before it: along what is left of the row
    beside the earlier ones (Gram-Schmidt). A row that depends on the earlier ones, as the rows of designs with
    indicators often do, is passed over, and another one drawn in its place (Koller & Stahel 2017), up to p + 8 times.
    basis: (2 p + 8) (p + 1) rows of scratch.
    """
    most = 2 * p + 8
    lengths = basis[most * p :]
    rank = splat(0.0)
    for j in range(p):
        store(g, j, splat(0.0))
    for turn in range(most):
        row = int(index[turn, 0]) if turn < p else drawn(n, p, number, turn, n)
        own = basis[turn * p : turn * p + p]
        before = splat(0.0)
        for j in range(p):
            entry = load(q, row * p + j)
            before = fma(entry, entry, before)
            store(own, j, entry)
        for k in range(turn):
            along = -(dot(basis, k * p, 1, own, 0, 1, p) * load(lengths, k))
            for j in range(p):
                store(own, j, fma(along, load(basis, k * p + j), load(own, j)))
        after = dot(own, 0, 1, own, 0, 1, p)
        usable = both(after > before * (_DEPENDENT * _DEPENDENT), rank < float(p))
        inverse = 1.0 / select(usable, after, splat(np.inf))
        store(lengths, turn, inverse)
        step = (load(y, row) - fitted(q, row, p, g)) * inverse
        for j in range(p):
            store(g, j, fma(step, load(own, j), load(g, j)))
        rank = select(usable, rank + 1.0, rank)
        if turn >= p - 1 and not any_lane(rank < float(p)):
            break
    return rank >= float(p)


@lane
def elemental(q, y, n, p, number, every, index, basis, otherwise, g):
    """g: start `number`, the plane through a subset (`every`: of all in turn); `otherwise` where that is none."""
    if every > 0:
        next_subset(index, n, p, number)
    else:
        random_subset(index, n, p, number)
    whole = through(q, y, n, p, number, index, basis, g)
    for j in range(p):
        store(g, j, select(whole, load(g, j), load(otherwise, j)))


@lane
def vanishing_square(y, n, p, squares, scratch):
    """The squared residual up to which `half` of them make an exact fit: rounding, in units of y."""
    for i in range(n):
        store(squares, i, load(y, i) * load(y, i))
    square = kth_smallest(squares, n, half(n, p), scratch)
    return fma(square, splat(_VANISHING * _VANISHING), splat(1e-280))


@lane
def search_scratch(work, n, p, places):
    """Of scratch: a vector of n, a plane, then `index`, `kept` and `basis` as they are here."""
    vector, rest = work[: padded_rows(n)], work[padded_rows(n) :]
    g, index, rest = rest[:p], rest[p : 2 * p], rest[2 * p :]
    return vector, g, index, rest[: places * (p + 1)], rest[places * (p + 1) :]


@lane
def forget(kept, places, p):
    """Make `places` places for planes in kept (places * (p + 1), WIDTH): each a criterion and p coefficients."""
    for i in range(places * (p + 1)):
        store(kept, i, splat(EMPTY if i % (p + 1) == 0 else 0.0))


@lane
def keep(kept, places, p, criterion, g):
    """Insert a plane among those kept, the least criterion first, unless its local minimum is there. g is lost."""
    for place in range(places):
        first = place * (p + 1)
        held = load(kept, first)
        criterion = select(magnitude(criterion - held) <= SAME * held, splat(EMPTY), criterion)
        better = criterion < held
        store(kept, first, select(better, criterion, held))
        criterion = select(better, held, criterion)
        for j in range(p):
            old, new = load(kept, first + 1 + j), load(g, j)
            store(kept, first + 1 + j, select(better, new, old))
            store(g, j, select(better, old, new))
