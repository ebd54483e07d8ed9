"""Sorting lane groups, what a sorted sample gives at once (median and MAD), and order statistics without a sort.

One sort serves every estimator. Sorting networks run the same comparisons in every lane: Batcher's odd-even merge sort
(Batcher 1968) inside registers, bitonic merges of the sorted runs between them. Arrays have shape (rows, WIDTH); each
lane is a sample of its own.
"""

from fractions import Fraction

import numpy as np

from simcore import jit
from simcore.jit import lane
from simcore.lanes import (
    any_lane,
    bits,
    both,
    either,
    from_bits,
    invert,
    load,
    magnitude,
    maximum,
    minimum,
    select,
    splat,
    store,
)

MAD_FACTOR = 1.482602218505602  # 1 / quantile 3/4 of the standard normal
_SORTED = 64  # up to here a sort finds an order statistic sooner than counting
_COUNTED = 3  # turns that only count: neighbours matter when t is near


@lane
def padded_rows(n):
    """Rows of the buffer that `sort` needs for a sample of n; always an even number."""
    return max(4, (n + 3) // 4 * 4) if n <= 32 else (n + 15) // 16 * 16


def _odd_even_merge_sort(size):
    """Comparators (low, high) of Batcher's network, pruned to `size` inputs."""
    span = 1 << max(size - 1, 0).bit_length()
    pairs = []
    p = 1
    while p < span:
        k = p
        while k >= 1:
            for j in range(k % p, span - k, 2 * k):
                for i in range(j, min(j + k, span - k)):
                    if i // (2 * p) == (i + k) // (2 * p) and i + k < size:
                        pairs.append((i, i + k))
            k //= 2
        p *= 2
    return pairs


def _half_cleaners(size):
    """Comparators that sort a bitonic sequence of `size` (a power of two) inputs."""
    pairs = []
    stride = size // 2
    while stride:
        pairs += [(i, i + stride) for i in range(size) if not i & stride]
        stride //= 2
    return pairs


def _network(size, pairs):
    """A lane function that puts rows start, start + step, ... (`size` of them) through the comparators."""

    def network(rows, start, step):
        for low, high in pairs:
            a, b = rows[start + low * step].copy(), rows[start + high * step].copy()
            rows[start + low * step] = minimum(a, b)
            rows[start + high * step] = maximum(a, b)

    NETWORKS.append((network, size, pairs))
    return network


NETWORKS = []  # (function, size, comparators), for `networks_llvm`
_sort_4, _sort_8, _sort_12, _sort_16, _sort_20, _sort_24, _sort_28, _sort_32 = (
    _network(size, _odd_even_merge_sort(size)) for size in range(4, 33, 4)
)
_clean_2, _clean_4, _clean_8, _clean_16 = (_network(size, _half_cleaners(size)) for size in (2, 4, 8, 16))

jit.lowering("simcore.networks_llvm")  # each network as straight-line vector code


@lane
def sort(rows, n):
    """Sort each lane of the first n rows ascending; `rows` has `padded_rows(n)` rows, the last ones become +inf."""
    for i in range(n, rows.shape[0]):
        store(rows, i, splat(np.inf))
    if rows.shape[0] <= 32:
        _sort_small(rows)
    else:
        _sort_runs(rows)


@lane
def _sort_small(rows):
    size = rows.shape[0]
    if size == 4:
        _sort_4(rows, 0, 1)
    elif size == 8:
        _sort_8(rows, 0, 1)
    elif size == 12:
        _sort_12(rows, 0, 1)
    elif size == 16:
        _sort_16(rows, 0, 1)
    elif size == 20:
        _sort_20(rows, 0, 1)
    elif size == 24:
        _sort_24(rows, 0, 1)
    elif size == 28:
        _sort_28(rows, 0, 1)
    else:
        _sort_32(rows, 0, 1)


@lane
def _sort_runs(rows):
    """Sorted blocks, then merges level by level: first inside pieces that fit the first-level cache, then across."""
    end = rows.shape[0]
    for start in range(0, end, 512):
        stop = min(start + 512, end)
        for block in range(start, stop, 16):
            _sort_16(rows, block, 1)
        _merge_levels(rows, start, stop, 16)
    if end > 512:
        _merge_levels(rows, 0, end, 512)


@lane
def _merge_levels(rows, start, end, run):
    """Merge sorted runs of `run` rows from `start` to `end` until one is left; beyond the end stands virtual +inf.

    Comparisons put the larger value in the later row, so they never move +inf out of the rows beyond the end, and
    those that touch them are left out.
    """
    while start + run < end:
        for middle in range(start + run, end, 2 * run):
            for i in range(min(run, end - middle)):  # the mirrored comparison makes both halves bitonic
                low, high = load(rows, middle - 1 - i), load(rows, middle + i)
                store(rows, middle - 1 - i, minimum(low, high))
                store(rows, middle + i, maximum(low, high))
        stride = run // 2
        while stride >= 16:  # up to three strides in one pass over the rows
            levels = 3 if stride >= 256 or stride == 64 else (2 if stride >= 32 else 1)
            step = stride >> (levels - 1)
            whole = start + (end - start) // (2 * stride) * (2 * stride)
            for block in range(start, whole, 2 * stride):
                for i in range(block, block + step):
                    if levels == 3:
                        _clean_8(rows, i, step)
                    elif levels == 2:
                        _clean_4(rows, i, step)
                    else:
                        _clean_2(rows, i, step)
            while stride >= step:
                for block in range(whole, end, 2 * stride):
                    for i in range(block, min(block + stride, end - stride)):
                        _clean_2(rows, i, stride)
                stride //= 2
        for block in range(start, end, 16):
            _clean_16(rows, block, 1)
        run *= 2


@lane
def median(rows, n):
    """Median of each lane of a sorted sample: the middle order statistic, or the mean of the two middle ones."""
    return 0.5 * load(rows, (n - 1) // 2) + 0.5 * load(rows, n // 2)


@lane
def mad(rows, n, centre):
    """Median of |x - centre| of each lane of a sorted sample (not normalised), exact.

    The k points nearest to the centre are k neighbours of the sorted sample, so the k-th smallest distance is the
    least, over windows of k neighbours, of the farther end's distance.
    """
    k = (n + 1) // 2
    lower = splat(np.inf)
    for i in range(n - k + 1):
        lower = minimum(lower, maximum(centre - load(rows, i), load(rows, i + k - 1) - centre))
    if n % 2 == 1:
        return lower
    upper = splat(np.inf)
    for i in range(n - k):
        upper = minimum(upper, maximum(centre - load(rows, i), load(rows, i + k) - centre))
    return 0.5 * lower + 0.5 * upper


@lane
def kth_smallest(rows, n, k, scratch):
    """The k-th smallest (k = 1, ..., n) of the first n rows of each lane, exact. No row is negative.

    `scratch` has `padded_rows(n)` rows. Large samples are not sorted: passes count the rows <= t, later ones also note
    the rows next to t on both sides, and so a bracket shrinks to the row of the wanted rank. A guess follows the
    counts; where these mislead, t halves the floating point numbers of the bracket, which ends within 64 such turns.
    """
    if n <= _SORTED:
        for i in range(n):
            store(scratch, i, load(rows, i))
        sort(scratch[: padded_rows(n)], n)
        return load(scratch, k - 1)
    t, slope = _quantile_guess(rows, n, k, scratch)
    low, high = splat(0.0), splat(np.inf)
    below, above, kth, last_t, last_count = t, t, t, t, splat(-np.inf)
    done = t < 0.0
    for turn in range(256):
        if turn < _COUNTED:
            count = _count(rows, n, t)
            enough = count >= float(k)
            high, low = select(enough, t, high), select(enough, low, t)
        else:
            count, below, above = _neighbours(rows, n, t)
            enough = count >= float(k)
            at_low = both(enough, either(count == float(k), below == low))
            next_up = count == float(k - 1)
            kth = select(both(at_low, invert(done)), below, select(both(next_up, invert(done)), above, kth))
            done = either(done, either(at_low, next_up))
            if not any_lane(invert(done)):
                break
            high, low = select(enough, below, high), select(enough, low, above)
        secant = (count - last_count) / (t - last_t)
        usable = both(both(secant > 0.0, secant < np.inf), magnitude(count - last_count) >= 8.0)
        slope = select(usable, secant, slope)
        last_t, last_count = t, count
        t = t + (k - 0.5 - count) / slope
        near = magnitude(count - float(k)) <= 2.0
        if turn >= _COUNTED:
            t = select(near, select(enough, from_bits(bits(below) - np.uint64(1)), above), t)
        inside = both(t >= low, t < high)
        if turn % 3 == 2 and turn > _COUNTED:
            inside = both(inside, near)
        t = select(inside, t, from_bits((bits(low) + bits(high)) >> np.uint64(1)))
    return kth


@lane
def _quantile_guess(rows, n, k, scratch):
    """The k-th smallest and the number of rows per unit about it, as 32 of the n rows suggest."""
    for i in range(32):
        store(scratch, i, load(rows, i * n // 32))
    _sort_32(scratch, 0, 1)
    place = min(max(32 * k // n, 3), 28)
    return load(scratch, place), (6.0 * n / 32.0) / (load(scratch, place + 3) - load(scratch, place - 3))


@lane
def _count(rows, n, t):
    """How many of the rows are <= t."""
    zero, one = splat(0.0), splat(1.0)
    c0, c1, c2, c3 = zero, zero, zero, zero
    for i in range(0, n - 3, 4):
        c0 = select(load(rows, i) <= t, c0 + one, c0)
        c1 = select(load(rows, i + 1) <= t, c1 + one, c1)
        c2 = select(load(rows, i + 2) <= t, c2 + one, c2)
        c3 = select(load(rows, i + 3) <= t, c3 + one, c3)
    for i in range(n // 4 * 4, n):
        c0 = select(load(rows, i) <= t, c0 + one, c0)
    return (c0 + c1) + (c2 + c3)


@lane
def _neighbours(rows, n, t):
    """How many of the rows are <= t, the largest of these, and the smallest of the others."""
    count, below, above = splat(0.0), splat(0.0), splat(np.inf)
    for i in range(n):
        x = load(rows, i)
        fits = x <= t
        count = select(fits, count + 1.0, count)
        below, above = select(fits, maximum(below, x), below), select(fits, above, minimum(above, x))
    return count, below, above


def tail_count(n, proportion):
    """floor(proportion * n), with the proportion as the decimal it was typed: 0.29 of 100 is 29, not 28."""
    return int(Fraction(repr(proportion)) * n)
