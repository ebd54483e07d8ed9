"""Histograms on bits: every error in its bin, exact merging, and ranks against the sorted errors themselves."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simcore import codes, histograms, jit, kernels
from simcore.histograms import BINS, DROPPED_BITS, STRETCHES, Ranked, Sorted, merge_bins
from simcore.intervals import quantile
from simcore.lanes import WIDTH
from simcore.tails import hill

LARGEST = np.finfo(float).max
TINY = 2.0 ** (DROPPED_BITS - 1074)  # bins of subnormal numbers are no narrower


def _histograms(estimates, states=None, truth=0.0, compiled=True):
    """(keys, numbers) of each row of estimates; counting starts with the second of them, an unused one goes before."""
    count = estimates.shape[1]
    states = np.zeros(estimates.shape, np.uint32) if states is None else states
    ends = ((1, 0), (0, -count % WIDTH))  # the last lane group is filled with what must not be counted
    estimates = np.pad(estimates, ends, constant_values=5.0).reshape(len(estimates) + 1, -1, WIDTH)
    states = np.pad(states, ends).reshape(estimates.shape)
    count_errors, take = kernels.count_errors, histograms.take_bins
    if compiled:
        count_errors, take = map(jit.driver, (count_errors, take))
    counts = np.zeros((len(estimates) - 1, BINS), np.int32)
    touched = np.zeros((len(counts), STRETCHES), np.uint8)
    with np.errstate(all="ignore"):  # compiled code is silent too
        count_errors(estimates, states, 1, count, np.full(len(estimates), truth), counts, touched)
    keys, numbers = np.empty(BINS, np.int32), np.empty(BINS, np.int64)
    for row, marks in zip(counts, touched, strict=True):
        found = take(row, marks, keys, numbers)
        yield keys[:found].copy(), numbers[:found].copy()
        assert take(row, marks, keys, numbers) == 0
    assert not np.any(counts) and not np.any(touched)


def _by_hand(errors):
    return np.unique(np.asarray(errors, float).view(np.uint64) >> DROPPED_BITS, return_counts=True)


def _same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _wild(rng, count):
    """Numbers of every size and both signs, and all that is special."""
    signs = rng.choice([-1.0, 1.0], count)
    special = [0.0, -0.0, 5e-324, -5e-324, TINY, -TINY, 2.0**-1022, 1.0, -1.0, LARGEST, -LARGEST]
    return np.concatenate([signs * np.exp(rng.uniform(-740.0, 709.7, count)), special])


@pytest.mark.parametrize("compiled", [True, False])
def test_every_error_is_counted_in_its_bin(compiled):
    """Two estimators at once, of all sizes, the last lane group not full; taking the bins leaves nothing behind."""
    rng = np.random.default_rng(1)
    errors = np.stack([_wild(rng, 1000), rng.permutation(_wild(rng, 1000))])
    for got, own in zip(_histograms(errors, compiled=compiled), errors, strict=True):
        assert _same(got, _by_hand(own)) and got[1].sum() == 1011
        assert np.all(np.diff(got[0]) > 0)


@pytest.mark.parametrize("compiled", [True, False])
def test_failures_are_not_counted(compiled):
    """Fits of every code and number of passes: those with an estimate count, less the truth, the others do not."""
    rng = np.random.default_rng(2)
    kinds, estimates = rng.integers(0, len(codes.NAMES), (2, 805)), 3.0 + rng.standard_normal((2, 805))
    failed = kinds >= codes.FIRST_FAILURE
    estimates[failed] = rng.choice([np.nan, np.inf, -np.inf, 7.0], np.sum(failed))
    states = (kinds + codes.ITERATION * rng.integers(0, 1000, kinds.shape)).astype(np.uint32)
    rows = _histograms(estimates, states, truth=3.0, compiled=compiled)
    for got, own, bad in zip(rows, estimates, failed, strict=True):
        assert _same(got, _by_hand(own[~bad] - 3.0))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.floats(allow_nan=False, allow_infinity=False))
@example(0.0)
@example(-0.0)
@example(5e-324)
@example(-TINY)
@example(2.0**-1022)
@example(1.0)
@example(math.nextafter(2.0, 0.0))
@example(LARGEST)
@example(-LARGEST)
def test_bins_are_narrow(x):
    """One number: the middle of its bin has its sign and is within 1 / 256 of it, so a bin is at most 1 % wide."""
    ranked = Ranked(*_by_hand([x]))
    assert abs(ranked.at_rank(1) - x) <= max(abs(x) / 256, TINY / 2)
    assert math.copysign(1.0, ranked.at_rank(1)) == math.copysign(1.0, x)
    assert 0.0 <= ranked.above(x) <= 1.0


_histogram = st.dictionaries(st.integers(0, 30), st.integers(1, 1 << 40), max_size=8)


def _arrays(bins):
    keys = np.array(sorted(bins), np.int32)
    return keys, np.array([bins[key] for key in keys.tolist()], np.int64)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(_histogram, min_size=3, max_size=6), st.randoms(use_true_random=False))
def test_merging_is_exact_in_any_order(several, random):
    """Together, in another order, and a few of them first: the counts of Python, ascending, and the same bits."""
    whole = merge_bins([_arrays(bins) for bins in several])
    assert _same(whole, _arrays(sum(map(Counter, several), Counter())))
    random.shuffle(several)
    arrays = [_arrays(bins) for bins in several]
    for other in (merge_bins(arrays), merge_bins([merge_bins(arrays[:2]), merge_bins(arrays[2:])])):
        assert _same(whole, other) and [a.dtype for a in other] == [a.dtype for a in whole]


def _samples():
    rng = np.random.default_rng(3)
    normal = rng.standard_normal(2000)
    mixed = np.concatenate([np.round(normal[:900], 1) + 0.0, np.zeros(50), [LARGEST / 4, -LARGEST / 4]])
    return {
        "normal": normal,
        "Cauchy": rng.standard_cauchy(999),
        "negative": -np.exp(5.0 * normal),
        "positive": 1e5 + normal,
        "mixed": mixed,
        "one": np.array([-3.3]),
        "two": np.array([1.0, 3.0]),
        "equal": np.full(7, 2.5),
    }


SAMPLES = _samples()


@pytest.fixture(params=SAMPLES)
def sample(request):
    """(ranked, sorted, errors in order)."""
    errors = np.sort(SAMPLES[request.param])
    return Ranked(*_by_hand(errors)), Sorted(errors), errors


def test_ranks(sample):
    """Every rank, from the smallest to the largest, and the middles between two: within a bin, 1 / 128, ascending."""
    ranked, exact, errors = sample
    assert ranked.count == exact.count == len(errors)
    assert [exact.at_rank(rank) for rank in range(1, len(errors) + 1)] == errors.tolist()
    ranks = np.arange(2, 2 * len(errors) + 1) / 2
    numbers, true = ([own.at_rank(rank) for rank in ranks] for own in (ranked, exact))
    size = np.abs(errors)
    width = np.maximum(size, TINY * 128) / 128
    assert np.all(np.abs(np.subtract(numbers, true))[::2] <= width)
    assert np.all(np.abs(np.subtract(numbers, true))[1::2] <= (width[1:] + width[:-1]) / 2)
    assert np.all(np.diff(numbers) >= 0.0) and isinstance(numbers[0], float) and isinstance(true[0], float)


def test_sizes(sample):
    """The signs folded: the histogram of the sizes, and the sizes in order."""
    ranked, exact, errors = sample
    sizes = Ranked(*_by_hand(np.abs(errors)))
    ranks = range(1, len(errors) + 1)
    assert [ranked.sizes().at_rank(rank) for rank in ranks] == [sizes.at_rank(rank) for rank in ranks]
    assert [exact.sizes().at_rank(rank) for rank in ranks] == sorted(np.abs(errors).tolist())


def test_above(sample):
    """Limits at the borders of bins, exactly; within a bin, to the numbers in it; beyond all bins, all or none."""
    ranked, exact, errors = sample
    smooth = errors[errors.view(np.uint64) % (1 << DROPPED_BITS) != 0]  # not on a border themselves
    smooth_ranked, smooth_exact = Ranked(*_by_hand(smooth)), Sorted(smooth)
    sizes = [m * 2.0**k for m in (1.0, 1.5, 1.9921875) for k in range(-3, 4)]
    for limit in (0.0, *sizes, *np.negative(sizes)):
        assert smooth_ranked.above(limit) == smooth_exact.above(limit)
    keys, counts = _by_hand(errors)
    for limit, key in zip(errors, errors.view(np.uint64) >> DROPPED_BITS, strict=True):
        assert abs(ranked.above(limit) - exact.above(limit)) <= counts[np.searchsorted(keys, key)]
    assert exact.above(errors[0]) == np.sum(errors > errors[0])
    for own in (ranked, exact):
        assert own.above(-0.9 * LARGEST) == len(errors) and own.above(0.9 * LARGEST) == 0


def test_above_takes_a_share_of_a_bin():
    """Eight numbers in [1, 1 + 1/128), and their mirror image: a limit in the middle has half of them above."""
    keys, counts = _by_hand([1.0, -1.0])
    for limit, share in ((1.0, 8), (1.0 + 1 / 256, 4), (1.0 + 1 / 512, 6), (1.0 + 1 / 128, 0), (-1.0, 8)):
        assert Ranked(keys, 8 * counts).above(limit) == share
    assert Ranked(keys, 8 * counts).above(-1.0 - 1 / 512) == 8 + 2


def test_no_errors():
    """Where nothing converged: no count, no quantile, no tail, and no crash."""
    empty = np.empty(0, np.int32), np.empty(0, np.int64)
    for nothing in (Ranked(*empty), Ranked(*merge_bins([empty, empty])), Sorted(np.empty(0))):
        assert nothing.count == nothing.sizes().count == nothing.above(1.0) == 0
        assert all(map(math.isnan, (*quantile(nothing, 0.5), *quantile(nothing.sizes(), 0.5), hill(nothing.sizes()))))


def test_an_atom_is_known_to_its_bin_and_no_better():
    """Of errors of which many have one value, the interval of a quantile and of a tail share holds the exact one."""
    rng = np.random.default_rng(4)
    errors = np.concatenate([rng.standard_normal(8000), np.full(2000, 10.3)])
    own, exact = Ranked(*_by_hand(errors)), Sorted(np.sort(errors))
    for p in (0.85, 0.9, 0.95):
        _, _, low, high = quantile(own, p)
        assert low <= 10.3 <= high < 10.3 * 1.01
    for c in (10.29, 10.3, 10.31):
        fewest, most = own.above_between(c)
        assert fewest <= exact.above(c) <= most and most - fewest == 2000
    assert own.above_between(2.0)[0] == own.above_between(2.0)[1]
    smooth = Ranked(*_by_hand(rng.standard_normal(10_000)))
    assert not smooth._atoms.any()
