"""Sorting lane groups, medians, MADs and tail counts against NumPy, exactly."""

import functools
import itertools

import numpy as np
import pytest
from scipy.stats import norm

from simcore import jit, order
from simcore.lanes import WIDTH, load, store

SMALL = range(1, 131)
LARGE = (255, 256, 257, 500, 511, 512, 513, 528, 767, 1000, 1023, 1024, 1025, 1040, 1537, 2000, 2049, 2500, 3000)


def _fill_and_sort(data, rows, out):
    """Sorted sample, and below it a row each for the median and the MAD of every lane."""
    n = data.shape[0]
    for i in range(n):
        store(rows, i, load(data, i))
    order.sort(rows, n)
    for i in range(n):
        store(out, i, load(rows, i))
    centre = order.median(rows, n)
    store(out, n, centre)
    store(out, n + 1, order.mad(rows, n, centre))


@functools.cache
def _compiled():
    return jit.compiled(_fill_and_sort)


def _run(data, run=None):
    """(sorted, median, mad) of each lane; the buffer holds rubbish before."""
    n = data.shape[0]
    rows, out = np.full((order.padded_rows(n), WIDTH), -7e77), np.zeros((n + 2, WIDTH))
    (run or _compiled())(data, rows, out)
    assert np.all(rows[n:] == np.inf)
    return out[:n], out[n], out[n + 1]


def _patterns(n, rng):
    """A pattern in each lane: random, ascending, descending, ties, infinities, up and down, zeros and ones, heavy."""
    ramp = np.arange(float(n))
    infinite = rng.standard_normal(n)
    infinite[rng.random(n) < 0.15] = np.inf
    infinite[rng.random(n) < 0.15] = -np.inf
    lanes = (
        *(rng.standard_normal(n), ramp, -ramp, rng.integers(-2, 3, n), infinite, np.minimum(ramp, n / 2 - ramp)),
        *(rng.integers(0, 2, n), rng.standard_cauchy(n) * 1e100),
    )
    return np.stack(lanes, axis=1).astype(float)


def _check(data, run=None):
    n = data.shape[0]
    got, median, mad = _run(data, run)
    expected = np.sort(data, axis=0)
    assert np.array_equal(got, expected), n
    with np.errstate(invalid="ignore"):
        centre = np.median(data, axis=0)
        spread = np.median(np.abs(data - centre), axis=0)
    usable = np.isfinite(centre) & np.isfinite(spread)
    assert usable[[0, 1, 2, 3, 5, 6, 7]].all()
    assert np.array_equal(median[usable], centre[usable]), n
    assert np.array_equal(mad[usable], spread[usable]), n


@pytest.mark.parametrize("decade", range(0, 14))
def test_every_small_size(decade):
    """Sorted sample, median and MAD equal NumPy's to the last bit, for each n up to 130."""
    rng = np.random.default_rng(decade)
    for n in SMALL[10 * decade : 10 * decade + 10]:
        for _ in range(3):
            data = _patterns(n, rng)
            _check(data)
            _check(rng.permuted(data, axis=0))


@pytest.mark.parametrize("n", LARGE)
def test_larger_sizes(n):
    """Around the sizes where runs and pieces begin."""
    rng = np.random.default_rng(n)
    _check(_patterns(n, rng))
    _check(rng.permuted(_patterns(n, rng), axis=0))


@pytest.mark.parametrize("n", [1, 2, 7, 33, 130, 515])
def test_plain_mode(n):
    """Without compilation the same, to the bit."""
    data = _patterns(n, np.random.default_rng(n))
    plain = _run(data, _quiet_plain)
    for one, other in zip(plain, _run(data), strict=True):
        assert np.array_equal(one, other, equal_nan=True)


def _quiet_plain(*arguments):
    with np.errstate(invalid="ignore"):  # inf - inf, where a sample holds infinities
        _fill_and_sort(*arguments)


def test_sorting_all_zeros_and_ones():
    """The 0-1 principle (Knuth 1973, 5.3.4): what sorts all 0-1 inputs sorts everything. Compiled, n <= 12."""
    for n in range(1, 13):
        inputs = np.array(list(itertools.product((0.0, 1.0), repeat=n)))
        groups = np.resize(inputs, (-(-len(inputs) // WIDTH) * WIDTH, n)).reshape(-1, WIDTH, n)
        for group in groups:
            got, _, _ = _run(np.ascontiguousarray(group.T))
            assert np.all(got[:-1] <= got[1:]) and np.array_equal(got.sum(axis=0), group.sum(axis=1))


def _apply(pairs, inputs):
    rows = [column.copy() for column in inputs.T]
    for low, high in pairs:
        rows[low], rows[high] = rows[low] & rows[high], rows[low] | rows[high]
    return np.array(rows)


def _zeros_and_ones(size):
    return (np.arange(1 << size)[:, None] >> np.arange(size)) & 1 == 1


def _sorts(pairs, inputs):
    rows = _apply(pairs, inputs)
    return bool(np.all(rows[:-1] <= rows[1:]))


@pytest.mark.parametrize("size", range(2, 17))
def test_odd_even_networks(size):
    """0-1 principle for the comparators of each size up to 16, and each comparator is needed or the twin fails."""
    pairs = order._odd_even_merge_sort(size)
    inputs = _zeros_and_ones(size)
    assert all(0 <= low < high < size for low, high in pairs)
    assert _sorts(pairs, inputs)
    assert not _sorts(pairs[:-1], inputs) and not _sorts(pairs[1:], inputs)


@pytest.mark.parametrize("size", [20, 24, 28, 32])
def test_larger_odd_even_networks(size):
    """0-1 principle where all inputs are too many: sorted halves, as they stand before the last merge, and random."""
    pairs = order._odd_even_merge_sort(size)
    low, high = np.divmod(np.arange(17 * (size - 15)), size - 15)
    merged = np.concatenate([np.arange(16) >= 16 - low[:, None], np.arange(size - 16) >= size - 16 - high[:, None]], 1)
    rng = np.random.default_rng(size)
    for inputs in (merged, rng.random((20000, size)) < rng.random((20000, 1))):
        assert _sorts(pairs, inputs)


@pytest.mark.parametrize("size", [2, 4, 8, 16])
def test_half_cleaners(size):
    """They sort every bitonic sequence of zeros and ones, and not every other sequence."""
    pairs = order._half_cleaners(size)
    inputs = _zeros_and_ones(size)
    changes = np.sum(inputs != np.roll(inputs, 1, axis=1), axis=1)
    assert _sorts(pairs, inputs[changes <= 2])
    assert size == 2 or not _sorts(pairs, inputs)


def test_a_wrong_sort_is_seen():
    """Broken twin: a sort that leaves the last two rows of a sample as they came."""
    data = _patterns(100, np.random.default_rng(0))
    twin = jit.rebound(_fill_and_sort, "twin", order=_Broken)
    with pytest.raises(AssertionError):
        _check(data, twin)


class _Broken:
    """Stands for `order`."""

    median, mad = staticmethod(order.median), staticmethod(order.mad)

    @staticmethod
    def sort(rows, n):
        rows[: n - 2].sort(axis=0)
        rows[n:] = np.inf


def test_padded_rows():
    """Enough rows, an even number of them, and no more than 15 for nothing."""
    for n in range(1, 5000):
        rows = order.padded_rows(n)
        assert n <= rows < n + 16 and rows % 2 == 0 and rows >= 4


@pytest.mark.parametrize(
    "n, proportion, count",
    [
        (100, 0.29, 29),
        (10, 0.1, 1),
        (100, 0.07, 7),
        (1000, 0.001, 1),
        (10, 0.0, 0),
        (3, 0.33, 0),
        (3, 0.34, 1),
        (7, 0.499, 3),
    ],
)
def test_tail_count(n, proportion, count):
    """The decimal that was typed counts, not the binary number next to it."""
    assert order.tail_count(n, proportion) == count


def test_tail_count_of_every_percentage():
    """Against whole numbers, for all n up to 300 and all proportions in steps of 1/1000."""
    for n in range(1, 301):
        for thousandths in range(0, 500, 7):
            assert order.tail_count(n, thousandths / 1000) == n * thousandths // 1000
    assert any(
        int(n * (k / 1000)) != n * k // 1000 for n in range(1, 301) for k in range(500)
    )  # what floats would give


def test_mad_factor():
    """1 / quantile 3/4 of the standard normal."""
    assert abs(order.MAD_FACTOR * norm.ppf(0.75) - 1.0) < 4e-16
