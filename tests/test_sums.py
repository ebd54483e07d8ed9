"""Sums of chunks against exact fractions, and the tree that adds them up: the same bits however the work was cut."""

import functools
import itertools
import math
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore import codes, jit, kernels, sums
from simcore.histograms import DROPPED_BITS
from simcore.lanes import WIDTH
from simcore.measures import efficiency_bound
from simcore.moments import mean_of_squares, moments
from simcore.sums import ERRORS, PAIRS
from tests.running import same_bits

U = Fraction(2) ** -53
TRUTH = 3.0
PAIRED = np.array([[0, 1], [0, 2], [2, 1]])


def _rows(estimates, states, controls=None, chunk=1 << 20, compiled=True, truth=TRUTH):
    """Rows of ERRORS and of PAIRS for every chunk of flat arrays; rubbish fills the last lane group."""
    count = estimates.shape[1]
    rest = -count % WIDTH

    def shaped(array, rubbish):
        padded = np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, rest)], constant_values=rubbish)
        return padded.reshape(*array.shape[:-1], -1, WIDTH)

    controls = np.zeros((0, WIDTH)) if controls is None else shaped(controls, np.nan)
    chunks = -(-count // chunk)
    out = np.full((chunks, len(estimates), len(ERRORS.columns)), np.nan)
    paired = np.full((chunks, len(PAIRED), len(PAIRS.columns)), np.nan)
    run = jit.driver(kernels.sum_errors) if compiled else kernels.sum_errors
    with np.errstate(all="ignore"):  # compiled code is silent too
        truths, joint = np.full(len(estimates), truth), np.empty((len(out), 0, WIDTH))
        data = shaped(estimates, np.nan), shaped(states, 77 << 8), controls
        run(*data, count, truths, PAIRED, chunk, (1, 1), out, paired, joint)
    return out, paired


def _data(count, failing, seed, errors=None, controls=None):
    """(estimates, states, controls) of three estimators; a share `failing` of fits fails, some all three at once."""
    rng = np.random.default_rng(seed)
    estimates = TRUTH + (rng.standard_normal((3, count)) if errors is None else errors)
    controls = rng.standard_normal(count) if controls is None else controls.copy()
    shares = [1 - failing, 0.2 * failing, 0.1 * failing, 0.3 * failing, 0.1 * failing, 0.3 * failing]
    kinds = rng.choice(len(codes.NAMES), (3, count), p=shares)
    kinds[:, rng.random(count) < failing / 4] = codes.NON_FINITE
    failed = kinds >= codes.FIRST_FAILURE
    estimates[failed] = rng.choice([np.nan, np.inf, -np.inf, 1e9], np.sum(failed))
    controls[np.all(failed, axis=0)] = np.nan
    return estimates, (kinds + codes.ITERATION * rng.integers(0, 1000, (3, count))).astype(np.uint32), controls


def _wide(count, spread, seed):
    """Errors of 53 bits whose sizes differ by up to 4^spread."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((3, count)) * 2.0 ** rng.integers(-spread, spread + 1, (3, count))


def _whole(count, most, seed):
    return np.random.default_rng(seed).integers(-most, most + 1, (3, count)).astype(float)


def _terms(name, errors, adjusted):
    """The exact terms of a sum by its name: of one estimator or two, whose errors are the rows of two arrays."""
    columns = {"e": errors, "a": np.abs(errors), "u": adjusted}[name[0]].T.tolist()
    return [math.prod(Fraction(x) ** int(k) for x, k in zip(column, name[1:], strict=True)) for column in columns]


def _held(layout, row, name):
    at = layout.columns.index(f"{name}_high")
    return Fraction(row[at]) + Fraction(row[at + 1])


def _accurate(layout, row, errors, adjusted, products_are_rounded=False):
    """Names of the sums that are off by more than rounding allows.

    m rows of 8 lanes, terms whose sizes add up to S: a low part collects m lost bits of at most U S and the tails of
    powers, at most 5 U S, so each of the 2 m additions to it loses at most U (m + 5) U S; the 16 of the last 8 add
    16 (m + 13), and the tails themselves lack 14 U^2 S. Together that is less than 2 (m + 11)^2 U^2 S. A product of k
    factors that is rounded is off by k - 1 times U besides.
    """
    rows, wrong = -(-errors.shape[1] // WIDTH), []
    for name in layout.reals:
        terms = _terms(name, errors, adjusted)
        rounded = Fraction(101, 100) * (sum(map(int, name[1:])) - 1) * U if products_are_rounded else 0
        allowed = (2 * (rows + 11) ** 2 * U**2 + rounded) * sum(map(abs, terms))
        if abs(_held(layout, row, name) - sum(terms)) > allowed:
            wrong.append(name)
    return wrong


def _normal(layout, row):
    """Whether each high part is its double-double, rounded."""
    highs, lows = row[layout.first_real :].reshape(-1, 2).T
    return np.array_equal(highs + lows, highs)


def _hold(data, out, paired, **options):
    """Everything that rows for whole data say, held against counting, and against exact sums."""
    estimates, states, controls = data
    code, passes = states % codes.ITERATION, (states // codes.ITERATION).astype(np.int64)
    good, errors = code < codes.FIRST_FAILURE, estimates - TRUTH
    adjusted = errors - controls
    for e, row in enumerate(out):
        kinds = np.bincount(code[e], minlength=len(codes.NAMES))
        counts = [*kinds, passes[e].sum(), (passes[e] ** 2).sum(), passes[e].max()]
        own, left = errors[e : e + 1, good[e]], adjusted[e : e + 1, good[e]]
        extremes = [np.max(x, initial=-np.inf) for x in (own, -own, left, -left)]
        assert row[: ERRORS.first_real].tolist() == [*counts, *extremes]
        assert _accurate(ERRORS, row, own, left) == [] and _normal(ERRORS, row)
    for pair, row in zip(PAIRED, paired, strict=True):
        both = np.all(good[pair], axis=0)
        e, f = np.abs(errors[pair][:, both])
        assert row[: PAIRS.first_real].tolist() == [np.sum(both), np.sum(e < f), np.sum(e > f)]
        assert _accurate(PAIRS, row, errors[pair][:, both], adjusted[pair][:, both], **options) == []
        assert _normal(PAIRS, row)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 1003])
@pytest.mark.parametrize("spread", [0, 30])
@pytest.mark.parametrize("failing", [0.0, 0.4])
def test_sums_of_a_chunk(count, spread, failing):
    """Errors of all sizes, failures of every kind: counts exactly, power sums to n^2 2^-106, products to rounding."""
    data = _data(count, failing, 1, _wide(count, spread, 2))
    out, paired = _rows(*data)
    _hold(data, out[0], paired[0], products_are_rounded=True)


def test_plain_sums_would_not_do():
    """The bound of double-double is one that the high parts alone miss, and sums with one replication more or less."""
    data = _data(1003, 0.0, 1, _wide(1003, 0, 2))
    errors, adjusted = data[0][:1] - TRUTH, data[0][:1] - TRUTH - data[2]
    row = _rows(*data)[0][0, 0]
    assert _accurate(ERRORS, row, errors[:, :-1], adjusted[:, :-1]) == list(ERRORS.reals)
    row[ERRORS.first_real + 1 :: 2] = 0.0
    assert _accurate(ERRORS, row, errors, adjusted) == list(ERRORS.reals)


@pytest.mark.parametrize("failing", [0.0, 0.4])
def test_whole_numbers_are_summed_exactly(failing):
    """Errors of 7 bits, adjusted ones of 8: no product is rounded, and nothing is lost of sums below 2^58."""
    estimates, states, controls = data = _data(1003, failing, 4, _whole(1003, 127, 5), _whole(1003, 127, 3)[0])
    out, paired = _rows(*data)
    _hold(data, out[0], paired[0])
    good, errors = states % codes.ITERATION < codes.FIRST_FAILURE, estimates - TRUTH
    rows = [(ERRORS, row, [e]) for e, row in enumerate(out[0])]
    rows += [(PAIRS, row, pair) for pair, row in zip(PAIRED, paired[0], strict=True)]
    for layout, row, own in rows:
        both = np.all(good[own], axis=0)
        e, u = (x[own][:, both] for x in (errors, errors - controls))
        assert [_held(layout, row, name) for name in layout.reals] == [sum(_terms(name, e, u)) for name in layout.reals]


@pytest.mark.parametrize("failing", [0.0, 0.4])
def test_ties_are_neither_smaller_nor_larger(failing):
    """Errors -2, ..., 2, in whole lane groups: a fifth of the pairs at least are as large as each other."""
    data = _data(808, failing, 6, _whole(808, 2, 7))
    out, paired = _rows(*data)
    _hold(data, out[0], paired[0], products_are_rounded=True)
    assert np.all(paired[0, :, 1] + paired[0, :, 2] < 0.8 * paired[0, :, 0])


def test_failures_alone():
    """No estimate at all: they are counted, there is no largest error, and everything else is 0."""
    states = np.full((3, 21), codes.NOT_CONVERGED + 5 * codes.ITERATION, np.uint32)
    out, paired = _rows(np.full((3, 21), np.nan), states, np.full(21, np.nan))
    assert np.all(out[0, :, :13] == [0, 0, 0, 21, 0, 0, 105, 525, 5, *[-np.inf] * 4])
    assert not np.any(out[0, :, 13:]) and not np.any(paired)


def test_chunks_stand_alone():
    """Several chunks, the last one not full: each has the bits it has by itself."""
    data = _data(213, 0.3, 8)
    for whole, own in zip(_rows(*data, chunk=64), zip(*_parts(data, 64), strict=True), strict=True):
        assert len(whole) == 4 and same_bits(whole, np.concatenate(own))


def _parts(data, chunk):
    for first in range(0, data[0].shape[1], chunk):
        yield _rows(*(array[..., first : first + chunk] for array in data))


def test_without_a_control_variate():
    """Its columns are 0, and all others as they are with one."""
    estimates, states, controls = _data(213, 0.3, 9)
    pieces = zip((ERRORS, PAIRS), _rows(estimates, states), _rows(estimates, states, controls), strict=True)
    for layout, without, with_one in pieces:
        own = np.array([name.startswith("u") for name in layout.columns])
        assert not np.any(without[..., own]) and np.all(with_one[..., own] != 0.0)
        assert same_bits(without[..., ~own].copy(), with_one[..., ~own].copy())


@pytest.mark.parametrize("controlled", [True, False])
def test_compiled_equals_plain(controlled):
    """To the bit: failures, a last chunk that is not full, and errors whose powers overflow or underflow."""
    estimates, states, controls = _data(213, 0.2, 10, _wide(213, 30, 11))
    estimates[:, 70:75] = [1e80, -1e120, 1e308, TRUTH + 0.1, TRUTH + 1e-200]
    ways = [
        _rows(estimates, states, controls if controlled else None, chunk=64, compiled=compiled, truth=TRUTH + 0.1)
        for compiled in (True, False)
    ]
    assert np.all(np.isfinite(ways[0][0][0])) and not np.all(np.isfinite(ways[0][0][1]))
    for compiled, plain in zip(*ways, strict=True):
        assert same_bits(compiled, plain)


CHUNK, CHUNKS, SHORT = 16, 23, 5  # and a last chunk of SHORT replications


@functools.cache
def _study():
    return _data(CHUNK * CHUNKS + SHORT, 0.1, 12, _wide(CHUNK * CHUNKS + SHORT, 30, 13))


@functools.cache
def _leaves():
    """A node for every chunk."""
    estimates, states, controls = _study()
    out, paired = _rows(estimates, states, controls, chunk=CHUNK)
    keys = (estimates - TRUTH).view(np.uint64) >> DROPPED_BITS
    good = states % codes.ITERATION < codes.FIRST_FAILURE
    leaves = []
    for i, row in enumerate(out):
        first, stop = i * CHUNK, min((i + 1) * CHUNK, estimates.shape[1])
        own = (key[first:stop][ok[first:stop]] for key, ok in zip(keys, good, strict=True))
        bins = tuple(np.unique(key, return_counts=True) for key in own)
        leaves.append(sums.Node(first, stop - first, row, paired[i], bins))
    return leaves


def _node(leaves):
    """The node of a power of two of leaves, as `execute` makes it of a block."""
    errors, paired = (np.array([getattr(leaf, part) for leaf in leaves]) for part in ("errors", "pairs"))
    bins = tuple(sums.merge_bins(own) for own in zip(*(leaf.bins for leaf in leaves), strict=True))
    count = sum(leaf.count for leaf in leaves)
    return sums.Node(leaves[0].first, count, sums.fold(ERRORS, errors), sums.fold(PAIRS, paired), bins)


def _by_definition(leaves):
    """Two halves of a power of two of leaves; else the smallest power of two in their number follows all others."""
    if len(leaves) == 1:
        return leaves[0]
    last = len(leaves) & -len(leaves)
    last = last // 2 if last == len(leaves) else last
    return _by_definition(leaves[:-last]).followed_by(_by_definition(leaves[-last:]))


def _content(node):
    bins = [np.stack(own).astype(np.int64).tobytes() for own in node.bins]
    return node.first, node.count, node.errors.tobytes(), node.pairs.tobytes(), bins


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sets(st.integers(1, CHUNKS)), st.integers(1, CHUNKS), st.booleans(), st.integers(0, CHUNKS))
def test_any_cut_gives_the_same_bits(cuts, chunks, last, early):
    """Blocks cut at any multiples of the chunk, some of their nodes joined early, a last chunk that is not full."""
    leaves = _leaves()[:chunks]
    borders = [0, *sorted(cut for cut in cuts if cut < chunks), chunks]
    runs = [run for pair in itertools.pairwise(borders) for run in sums.aligned_runs(*pair)]
    nodes = [_node(leaves[start : start + length]) for start, length in runs]
    kept = sums.joined(nodes, CHUNK)
    assert [(node.first, node.count) for node in kept] == [
        (start * CHUNK, length * CHUNK) for start, length in sums.aligned_runs(0, chunks)
    ]
    ends = [replace(_leaves()[-1], first=leaves[-1].stop)] if last else []
    nodes = [*sums.joined(nodes[:early], CHUNK), *nodes[early:], *ends]
    expected = functools.reduce(sums.Node.followed_by, ends, _by_definition(leaves))
    assert _content(sums.total(nodes, CHUNK)) == _content(expected)


def test_another_order_gives_other_bits():
    """From left to right the same sums round differently: counts agree, bits do not, so the law says something."""
    one, other = sums.total(_leaves(), CHUNK), functools.reduce(sums.Node.followed_by, _leaves())
    for layout, a, b in ((ERRORS, one.errors, other.errors), (PAIRS, one.pairs, other.pairs)):
        assert np.array_equal(a[:, : layout.first_real], b[:, : layout.first_real])
        assert a.tobytes() != b.tobytes()


def test_a_total_is_as_good_as_one_chunk():
    """The tree, held against the data: the same counts and bounds, and every good error in the histogram."""
    total = sums.total(_leaves(), CHUNK)
    assert (total.first, total.count, total.stop) == (0, CHUNK * CHUNKS + SHORT, CHUNK * CHUNKS + SHORT)
    _hold(_study(), total.errors, total.pairs, products_are_rounded=True)
    assert [own[1].sum() for own in total.bins] == total.errors[:, : codes.FIRST_FAILURE].sum(axis=1).tolist()


def test_nodes_with_a_gap_are_not_joined():
    """Leaves 0 1 . 3 4 5 6 7 8 . 10 . end: 0 1 and 4 5 6 7 make nodes, but neither 3 4 nor 8 10 nor 10 and the end."""
    nodes = sums.joined([_leaves()[i] for i in (0, 1, 3, 4, 5, 6, 7, 8, 10, CHUNKS)], CHUNK)
    places = [(node.first // CHUNK, node.count / CHUNK) for node in nodes]
    assert places == [(0, 2), (3, 1), (4, 4), (8, 1), (10, 1), (CHUNKS, SHORT / CHUNK)]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 40) | st.integers(0, 40), st.integers(0, 1 << 40) | st.integers(0, 40))
def test_aligned_runs(first, count):
    """They make up the range, each is a node, and none has a parent within the range: so there are none fewer."""
    stop = first + count
    runs = list(itertools.islice(sums.aligned_runs(first, stop), 100))  # broken ones might never end
    assert [first, *(start + length for start, length in runs)] == [*(start for start, _ in runs), stop]
    for start, length in runs:
        assert length.bit_count() == 1 and start % length == 0
        parent = start - start % (2 * length)
        assert parent < first or parent + 2 * length > stop


def test_add():
    """Counts add up, the largest stays, large parts that cancel leave the small one; rows add one by one."""
    rows = np.zeros((4, len(ERRORS.columns)))
    most = ERRORS.columns.index("most_iterations")
    rows[:, 2], rows[:, most] = [1, 2, 3, 4], [5, 0, 9, 7]
    rows[:, ERRORS.columns.index("e2_high")] = [2.0**100, 2.0**-40, -(2.0**100), 3.0]
    total = sums.fold(ERRORS, rows)
    assert (total[2], total[most], _held(ERRORS, total, "e2")) == (10, 9, 3 + Fraction(2) ** -40)
    assert np.count_nonzero(total) == 3
    assert np.array_equal(ERRORS.add(rows[:2], rows[2:])[1], ERRORS.add(rows[1], rows[3]))


def test_add_keeps_an_overflow():
    """Sums that are infinite or become so stay visible, without a warning, and leave the other ones alone."""
    rows = np.zeros((4, len(PAIRS.columns)))
    rows[:, PAIRS.columns.index("e21_high")] = [np.inf, -np.inf, 1.0, 2.0]
    rows[:, PAIRS.columns.index("e22_high")] = [1.7e308, 1.0, 1.7e308, 1.0]
    rows[:, PAIRS.columns.index("u22_high")] = 0.5
    total = sums.fold(PAIRS, rows)
    assert not np.any(np.isfinite(total[[PAIRS.columns.index(f"{name}_low") for name in ("e21", "e22")]]))
    assert _held(PAIRS, total, "u22") == 2 and np.sum(np.isfinite(total)) == len(total) - 4


@pytest.mark.parametrize("bias", [1e2, 1e4, 1e6])
def test_moments_of_a_huge_bias(bias):
    """Bias up to a million standard deviations: moments of sd 1 to 4e-4.

    With chunks of 8 rows a sum is within 750 U^2 of its size, a central fourth moment within 39 times that of bias^4.
    """
    errors = bias + np.random.default_rng(14).standard_normal((3, 4096))
    out, _ = _rows(errors, np.zeros((3, 4096), np.uint32), chunk=64, truth=0.0)
    got = moments(4096, sums.fold(ERRORS, out)[0, ERRORS.columns.index("e1_high") :][:12])
    exact = [Fraction(e) for e in errors[0].tolist()]
    mean = sum(exact) / len(exact)
    assert got.mean == float(mean)
    for k in (2, 3, 4):
        assert abs(got.central[k] - float(sum((e - mean) ** k for e in exact) / len(exact))) <= 4e-4


def test_columns():
    """The names that the files use."""
    assert " ".join(ERRORS.columns[:15]) == (
        "ok degenerate_scale exact_fit not_converged rank_deficient non_finite "
        "iterations iterations_squared most_iterations "
        "e_high e_low u_high u_low e1_high e1_low"
    )
    assert " ".join(PAIRS.columns[:5]) == "both smaller larger e11_high e11_low"
    assert (len(ERRORS.columns), len(PAIRS.columns)) == (39, 21)


# Errors that do all the harm they can

COUNT = 2048
_RNG = np.random.default_rng(15)
_NOISE, _SIGNS = _RNG.standard_normal(COUNT), np.where(np.arange(COUNT) % 2, 1.0, -1.0)
ADVERSE = {
    "normal": _NOISE,
    "offset of 1e6": 1e6 + _NOISE,
    "offset of 1e9": 1e9 + _NOISE,
    "offset of 1e15": 1e15 + np.round(8 * _NOISE),
    "alternating": _SIGNS * (1.0 + 1e-9 * np.abs(_NOISE)),
    "alternating, huge": _SIGNS * 1e15 + _NOISE,
    "cancelling": np.r_[1e16, _NOISE[2:], -1e16],
    "cancelling, of all sizes": _SIGNS * 10.0 ** (10.0 * np.repeat(_NOISE[::2], 2)),
    "cancelling far apart": (_SIGNS * 10.0 ** (10.0 * np.repeat(_NOISE[::2], 2)))[_RNG.permutation(COUNT)],
    "equal": np.full(COUNT, 0.1),
    "equal, huge": np.full(COUNT, 1e15 + 0.125),
    "all but one equal": np.r_[np.full(COUNT - 1, 0.1), np.nextafter(0.1, 1.0)],
    "outlier of 1e50": np.r_[_NOISE[1:], 1e50],
    "outlier of 1e70": np.r_[_NOISE[1:], -1e70],
    "outlier of 1e150": np.r_[_NOISE[1:], 1e150],
    "1e300 and 1e-300": np.where(_SIGNS > 0, 1e300, 1e-300),
    "1e70 and 1e-300": np.where(_SIGNS > 0, 1e70, 1e-300),
    "1e-50": 1e-50 * _NOISE,
    "1e-60": 1e-60 * _NOISE,
    "1e-80": 1e-80 * _NOISE,
    "1e-160": 1e-160 * _NOISE,
    "1e-300": 1e-300 * _NOISE,
    "denormal": 5e-324 * np.round(8 * _NOISE),
}
KNOWN = {  # moments about the mean that must be shown
    "normal": {2, 4, 6},
    "offset of 1e6": {2, 4},
    "offset of 1e9": {2},
    "alternating": {2, 4, 6},
    "alternating, huge": {2, 4, 6},
    "cancelling": {2, 4, 6},
    "equal": {2, 4, 6},
    "equal, huge": {2, 4, 6},
    "outlier of 1e50": {2, 4, 6},
    "outlier of 1e70": {2, 4},
    "1e-50": {2, 4, 6},
    "1e-60": {2, 4},
    "1e-80": {2},
}


@functools.cache
def _adverse(name, chunk):
    """Sums of such errors, of as many normal ones, and of such errors turned round, in one node."""
    errors = np.stack([ADVERSE[name], _NOISE, ADVERSE[name][::-1]])
    leaves = _rows(errors, np.zeros((3, COUNT), np.uint32), chunk=chunk, truth=0.0)
    return tuple(sums.fold(layout, own) for layout, own in zip((ERRORS, PAIRS), leaves, strict=True))


def _moments_of(row):
    at, high, low = (ERRORS.columns.index(name) for name in ("e1_high", "e_high", "e_low"))
    return moments(COUNT, row[at : at + 12], -row[low], row[high])


@pytest.mark.parametrize("name", ADVERSE)
def test_adverse_moments_are_right_or_unknown(name):
    """Against exact fractions: the mean to 2^-52 of it and 2^-90 of the mean size, raw moments to 2^-50, moments about
    the mean, where they are shown, to an eighth."""
    got, exact = _moments_of(_adverse(name, 1024)[0][0]), [Fraction(e) for e in ADVERSE[name].tolist()]
    mean = sum(exact) / COUNT
    if got.exact is None:
        assert math.isnan(got.mean) and max(map(abs, exact)) ** 4 > Fraction(1e300)
    else:
        lost = Fraction(2) ** -90 * sum(map(abs, exact)) / COUNT + Fraction(2) ** -1074
        assert abs(Fraction(got.mean) - mean) <= Fraction(2) ** -52 * abs(mean) + lost
    for k in (2, 4, 6):
        about, raw = sum((e - mean) ** k for e in exact) / COUNT, sum(e**k for e in exact) / COUNT
        if not math.isnan(got.raw[k]):
            assert abs(Fraction(got.raw[k]) - raw) <= Fraction(2) ** -50 * raw + Fraction(2) ** -1070
        if not math.isnan(got.central[k]):
            assert abs(Fraction(got.central[k]) - about) <= about / 8 and math.isfinite(got.central[k])
    assert not any(math.isnan(got.central[k]) for k in KNOWN.get(name, ())), "what is known is shown"


@pytest.mark.parametrize("exponent", range(-500, 501, 50))
def test_absolute_efficiency_at_any_scale(exponent):
    """Bound over variance of errors of up to 10^150 and down to 10^-150: the same number whatever their unit, or none;
    a standard error is the same too, or there is none."""
    own, expected = efficiency_of(exponent), efficiency_of(0)
    assert expected[0] == pytest.approx(1.0, rel=0.2) and expected[1] > 0.0
    for number, right in zip(own, expected, strict=True):
        assert math.isnan(number) or number == pytest.approx(right, rel=2.0**-50)
    assert math.isfinite(own[0]) == (exponent <= 250)
    assert math.isfinite(own[1]) == (abs(exponent) <= 250)


def efficiency_of(exponent):
    errors = np.ldexp(np.stack([_NOISE] * 3), exponent)
    row = _rows(errors, np.zeros((3, COUNT), np.uint32), chunk=1024, truth=0.0)[0]
    own = _moments_of(sums.fold(ERRORS, row)[0])
    outcome = SimpleNamespace(moments=own, explained=0.0, bound=math.ldexp(1.0, 2 * exponent))
    return efficiency_bound.PLUGIN.value(outcome)[:2]


@pytest.mark.parametrize("name", ADVERSE)
def test_adverse_products_are_right_or_unknown(name):
    """The mean of (e - mean e)^2 (f - mean f)^2, with normal errors and with the same ones turned round."""
    own, pairs = _adverse(name, 1024)
    for (i, j), row in zip(PAIRED, pairs, strict=True):
        both = (ADVERSE[name], _NOISE, ADVERSE[name][::-1])[i], (ADVERSE[name], _NOISE, ADVERSE[name][::-1])[j]
        products = row[PAIRS.columns.index("e11_high") :][:8]
        about, raw = mean_of_squares(_moments_of(own[i]), _moments_of(own[j]), COUNT, products)
        e, f = ([Fraction(x) for x in errors.tolist()] for errors in both)
        means = sum(e) / COUNT, sum(f) / COUNT
        exact = sum((x - means[0]) ** 2 * (y - means[1]) ** 2 for x, y in zip(e, f, strict=True)) / COUNT
        assert math.isnan(about) or abs(Fraction(about) - exact) <= exact / 8
        assert math.isnan(raw) or math.isfinite(raw)
        if name in ("normal", "alternating", "cancelling", "equal", "outlier of 1e50", "1e-50"):
            assert not math.isnan(about), "what is known is shown"


@pytest.mark.parametrize("name", ADVERSE)
def test_adverse_sums_have_the_same_bits_however_cut(name):
    """Chunks summed in one call, one by one, and the nodes of many cuts put together."""
    errors = np.stack([ADVERSE[name], _NOISE, ADVERSE[name][::-1]])
    states, rng = np.zeros((3, COUNT), np.uint32), np.random.default_rng(16)
    whole = _rows(errors, states, chunk=64, truth=0.0)
    parts = [_rows(errors[:, at : at + 64], states[:, at : at + 64], truth=0.0) for at in range(0, COUNT, 64)]
    for layout, own, apart in zip((ERRORS, PAIRS), whole, zip(*parts, strict=True), strict=True):
        assert same_bits(own, np.concatenate(apart))
        assert same_bits(sums.fold(layout, own), _adverse(name, 64)[layout is PAIRS])
    leaves = [sums.Node(64 * k, 64, *own, ()) for k, own in enumerate(zip(*whole, strict=True))]
    for _ in range(10):
        borders = [0, *np.flatnonzero(rng.random(COUNT // 64 - 1) < rng.random()) + 1, COUNT // 64]
        runs = [run for pair in itertools.pairwise(map(int, borders)) for run in sums.aligned_runs(*pair)]
        total = sums.total([_node(leaves[start : start + length]) for start, length in runs], 64)
        assert same_bits(total.errors, _adverse(name, 64)[0]) and same_bits(total.pairs, _adverse(name, 64)[1])
