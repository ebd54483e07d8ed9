"""Power sums, merging and moments against exact fractions."""

import functools
import math
from fractions import Fraction

import numpy as np
import pytest

from simcore import codes, jit, sums
from simcore.lanes import WIDTH
from tests.running import same_bits

U = 2.0**-53


@functools.cache
def _compiled():
    return jit.compiled(sums.power_sums)


def _row(estimates, states, truth=0.0, first=0, stop=None, compiled=True):
    """Sums over a flat array of estimates; `stop` of its replications are there, the rest fills the last group."""
    stop = len(estimates) if stop is None else stop
    rest = -len(estimates) % WIDTH
    shaped = np.pad(estimates, (0, rest), constant_values=np.nan).reshape(-1, WIDTH)
    coded = np.pad(states, (0, rest)).astype(np.uint8).reshape(-1, WIDTH)
    out = np.full(len(sums.COLUMNS), np.nan)
    run = _compiled() if compiled else sums.power_sums
    with np.errstate(all="ignore"):
        run(shaped, coded, first, stop, truth, out)
    return out


def _exact(errors):
    """Exact power sums, and the sums of the sizes."""
    errors = [Fraction(float(e)) for e in errors]
    return [sum(e**k for e in errors) for k in (1, 2, 3, 4)], [sum(abs(e) ** k for e in errors) for k in (1, 2, 3, 4)]


def _held(row):
    """The power sums that a row stands for."""
    pairs = row[sums.COUNTS :].reshape(sums.POWERS, 2)
    return [Fraction(float(high)) + Fraction(float(low)) for high, low in pairs]


def _short_errors(count, spread, rng):
    """Errors of 13 bits, so that their fourth powers are exact, of sizes that differ by up to 2^spread."""
    return rng.integers(-(2**13) + 1, 2**13, count) * 2.0 ** rng.integers(-spread // 2, spread // 2 + 1, count)


def _within_double_double(row, errors):
    """Each low part collects n rounding errors of at most U S, each addition to it loses at most U n U S: n^2 U^2 S."""
    exact, sizes = _exact(errors)
    allowed = Fraction(len(errors) ** 2) * Fraction(2) ** -106
    return all(abs(h - e) <= allowed * s for h, e, s in zip(_held(row), exact, sizes, strict=True))


@pytest.mark.parametrize("count", [1, 7, 8, 9, 1000, 4093])
@pytest.mark.parametrize("spread", [0, 40, 120])
def test_sums_are_double_double(count, spread):
    """Powers that need no rounding: exact fractions to n^2 2^-106 of the sum of sizes; plain float sums fail that."""
    errors = _short_errors(count, spread, np.random.default_rng(count + spread))
    row = _row(errors, np.zeros(count))
    assert row[: sums.COUNTS].tolist() == [count, 0, 0, 0]
    assert _within_double_double(row, errors)
    highs = row.copy()
    highs[sums.COUNTS + 1 :: 2] = 0.0
    assert count < 1000 or spread == 0 or not _within_double_double(highs, errors)


@pytest.mark.parametrize("compiled", [True, False])
def test_failures_count_and_add_nothing(compiled):
    """Codes mixed at random, estimates of failures NaN, infinite or finite; the last group is partial."""
    rng = np.random.default_rng(1)
    errors = _short_errors(805, 20, rng)
    states = rng.choice(len(codes.NAMES), 805, p=[0.7, 0.1, 0.1, 0.1])
    states[400:640] = 0
    failed = states >= codes.FIRST_FAILURE
    estimates = np.where(failed, rng.choice([np.nan, np.inf, -np.inf, 1e9], 805), errors)
    row = _row(estimates, states, compiled=compiled)
    assert row[: sums.COUNTS].tolist() == np.bincount(states, minlength=4).tolist()
    assert _within_double_double(row, errors[~failed])
    moments = sums.moments(row)
    assert (moments.good, moments.failed) == (np.sum(~failed), np.sum(failed))


def test_compiled_equals_plain():
    """To the bit, failures and a part of the groups included."""
    rng = np.random.default_rng(2)
    estimates, states = rng.standard_normal(333), rng.integers(0, 4, 333) * (rng.random(333) < 0.2)
    both = [_row(estimates, states, truth=0.3, first=16, stop=331, compiled=c) for c in (True, False)]
    assert same_bits(*both)


def test_first_stop_and_truth():
    """Only replications first..stop-1 count, and the truth is taken off each."""
    errors = _short_errors(100, 8, np.random.default_rng(3))
    row = _row(errors + 3.0, np.zeros(100), truth=3.0, first=24, stop=61)
    assert row[0] == 37 and _within_double_double(row, errors[24:61])
    assert not _within_double_double(row, errors[24:62])


def test_rounded_powers():
    """Any errors: a k-th power is rounded k - 1 times, so a sum is within (k - 1) U of the sum of sizes."""
    errors = np.random.default_rng(4).standard_normal(2001) * 1e3
    exact, sizes = _exact(errors)
    for k, held in enumerate(_held(_row(errors, np.zeros(2001)))):
        assert abs(held - exact[k]) <= Fraction((k + 0.01) * U) * sizes[k]


def _sum_of(pieces):
    return functools.reduce(sums.add, pieces, np.zeros(len(sums.COLUMNS)))


def test_add_in_any_order():
    """200 pieces of very different sizes, in three orders and as a tree: counts exactly, sums to double-double."""
    rng = np.random.default_rng(5)
    errors = _short_errors(3000, 80, rng)
    states = (rng.random(3000) < 0.05) * codes.NOT_CONVERGED
    cuts = np.sort(rng.integers(0, 3001, 199))
    pieces = [_row(e, s) for e, s in zip(np.split(errors, cuts), np.split(states, cuts), strict=True)]
    tree = pieces
    while len(tree) > 1:
        tree = [_sum_of(tree[i : i + 2]) for i in range(0, len(tree), 2)]
    orders = (pieces, pieces[::-1], [pieces[i] for i in rng.permutation(200)], tree)
    for row in map(_sum_of, orders):
        assert row[: sums.COUNTS].tolist() == [np.sum(states == 0), 0, np.sum(states != 0), 0]
        assert _within_double_double(row, errors[states == 0])
    assert not _within_double_double(np.sum(pieces[:-1], axis=0), errors[states == 0])


def test_add_is_exact_where_that_is_possible():
    """Large and small parts that cancel leave the small part; arrays of rows add row by row."""
    rows = np.array([_row(np.array([e]), np.zeros(1)) for e in (2.0**100, 2.0**-20, -(2.0**100), 3.0)])
    total = _sum_of(rows)
    assert _held(total)[0] == 3 + Fraction(2) ** -20
    assert _held(total)[2] == 27 + Fraction(2) ** -60
    assert np.array_equal(sums.add(rows[:2], rows[2:])[1], sums.add(rows[1], rows[3]))


def test_add_keeps_an_overflow():
    """An infinite sum stays visible, and has no moments."""
    big = _row(np.array([1e200]), np.zeros(1))
    assert not np.all(np.isfinite(big))
    total = sums.add(big, _row(np.array([1.0]), np.zeros(1)))
    moments = sums.moments(total)
    assert moments.good == 2 and math.isnan(moments.mean) and math.isnan(moments.central[2])


@functools.cache
def _central(errors):
    exact = [Fraction(e) for e in errors]
    mean = sum(exact) / len(exact)
    return {k: sum((e - mean) ** k for e in exact) / len(exact) for k in (2, 3, 4)}


@pytest.mark.parametrize("bias", [0, 1, 1000, 10**6])
def test_moments_of_exact_sums(bias):
    """Whole errors with a standard deviation of 1.4: the sums fit into double-double, so each moment is exact."""
    rng = np.random.default_rng(6)
    errors = rng.binomial(8, 0.5, 500) - 4 + bias
    row = np.array([500.0, 0, 3, 4, *(0.0,) * 8])
    for k, total in enumerate(_exact(errors)[0]):
        row[sums.COUNTS + 2 * k] = high = float(total)
        row[sums.COUNTS + 2 * k + 1] = float(total - Fraction(high))
    assert _held(row) == _exact(errors)[0]
    got = sums.moments(row)
    assert (got.good, got.failed) == (500, 7)
    assert got.mean == float(_exact(errors)[0][0] / 500)
    for k, exact in _central(tuple(errors.tolist())).items():
        assert got.central[k] == float(exact)
        assert got.raw[k] == float(_exact(errors)[0][k - 1] / 500)


def test_moments_of_a_large_bias():
    """From errors to moments, 100 standard deviations off: rounded powers cost (1 + 4 + 6) 3 U bias^4 at most."""
    errors = 100.0 + np.random.default_rng(7).standard_normal(4000)
    got, exact = sums.moments(_row(errors, np.zeros(4000))), _central(tuple(errors.tolist()))
    for k in (2, 3, 4):
        assert abs(got.central[k] - float(exact[k])) <= 33 * U * 101.0**k


@pytest.mark.parametrize("bias", [1e4, 1e6])
def test_moments_of_a_huge_bias(bias):
    """Moments lose no digits to cancellation, as the module says: with double-double powers 1e-5 of sd^k is easy."""
    errors = bias + np.random.default_rng(8).standard_normal(4000)
    got, exact = sums.moments(_row(errors, np.zeros(4000))), _central(tuple(errors.tolist()))
    assert all(abs(got.central[k] - float(exact[k])) <= 1e-5 for k in (2, 3, 4))


def test_moments_of_nothing():
    """No good replication: NaN, and the failures are counted."""
    got = sums.moments(_row(np.full(5, np.nan), np.full(5, codes.NON_FINITE)))
    assert (got.good, got.failed) == (0, 5)
    assert math.isnan(got.mean) and all(math.isnan(v) for v in (*got.central.values(), *got.raw.values()))


def test_columns():
    """The names that the files use."""
    powers = ("s1_high", "s1_low", "s2_high", "s2_low", "s3_high", "s3_low", "s4_high", "s4_low")
    assert list(sums.COLUMNS) == ["ok", "degenerate_scale", "not_converged", "non_finite", *powers]
