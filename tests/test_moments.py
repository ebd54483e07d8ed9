"""Moments from power sums against exact fractions and NumPy."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from simcore.moments import mean_of_squares, moments

U = 2.0**-53


def _doubled(exact):
    """Exact numbers as double-doubles, high and low parts in turn."""
    highs = [float(x) for x in exact]
    return [part for x, high in zip(exact, highs, strict=True) for part in (high, float(x - Fraction(high)))]


def _fractions(errors):
    return [Fraction(e) for e in np.asarray(errors, float).tolist()]


def _sums(errors):
    """The sums of the powers 1 to 6, to 106 bits."""
    return _doubled([sum(e**k for e in _fractions(errors)) for k in range(1, 7)])


def _products(e, f):
    """Sums of ef, e^2 f, e f^2 and e^2 f^2: of products that are rounded, as kernels round them, to 106 bits."""
    ef = e * f
    return _doubled([sum(_fractions(products)) for products in (ef, ef * e, ef * f, ef * ef)])


def _mean(terms):
    return sum(terms) / len(terms)


def _both(e, f):
    """mean_of_squares of data."""
    return mean_of_squares(moments(len(e), _sums(e)), moments(len(f), _sums(f)), len(e), _products(e, f))


@pytest.mark.parametrize("bias", [0, 1, 1000, 10**6])
def test_exact_sums_give_exact_moments(bias):
    """Whole errors with a standard deviation of 1.4: nothing but the results is rounded.

    Their sums fit into 106 bits, those of the sixth powers only for a bias that is not huge.
    """
    errors = np.random.default_rng(1).binomial(8, 0.5, 500) - 4 + bias
    got, exact = moments(500, _sums(errors), -3.5, 4.5), _fractions(errors)
    mean = _mean(exact)
    assert (got.count, got.mean, got.low, got.high) == (500, float(mean), -3.5, 4.5)
    assert list(got.exact) == [_mean([e**k for e in exact]) for k in (1, 2, 3, 4)]
    for k in (2, 3, 4, 6) if bias <= 1000 else (2, 3, 4):
        assert got.central[k] == float(_mean([(e - mean) ** k for e in exact]))
        assert got.raw[k] == float(_mean([e**k for e in exact]))


def test_what_rounding_makes_negative_is_zero():
    """Equal errors, whose sums are off by a last bit: even moments are no less than 0, the third may be."""
    tiny = 2.0**-70
    got = moments(3, [3.0, tiny, 3.0, -tiny, 3.0, 0.0, 3.0, -tiny, 3.0, 0.0, 3.0, -tiny])
    assert got.exact[1] < got.exact[0] ** 2
    assert (got.central[2], got.central[4], got.central[6]) == (0.0, 0.0, 0.0) and got.central[3] != 0.0
    got = moments(3, [0.0, 0.0, -tiny, 0.0, -tiny, 0.0, -tiny, 0.0, 0.0, 0.0, -tiny, 0.0])
    assert list(got.raw.values()) == [0.0, -tiny / 3, 0.0, 0.0]


@pytest.mark.parametrize("count, place, value", [(0, 0, 0.0), (5, 0, np.inf), (5, 3, np.nan), (5, 7, -np.inf)])
def test_moments_of_nothing_or_too_much(count, place, value):
    """No error, or a sum that overflowed: NaN throughout."""
    sums = np.ones(12)
    sums[place] = value
    got = moments(count, sums, 0.0, 1.0)
    numbers = (got.mean, got.low, got.high, *got.central.values(), *got.raw.values())
    assert got.count == count and got.exact is None and all(map(math.isnan, numbers)) and len(numbers) == 11
    whole = moments(2, _sums([1.0, 2.0]))
    products = _products(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    for a, b, n in ((got, whole, 2), (whole, got, 2), (whole, whole, 0)):
        assert all(map(math.isnan, mean_of_squares(a, b, n, products)))
    assert all(map(math.isnan, mean_of_squares(whole, whole, 2, [*products[:-2], value or np.nan, np.nan])))


def test_high_powers_may_overflow_alone():
    """Errors of 1e60, whose sixth powers are too large: the other moments stand."""
    errors = np.array([1e60, 2e60, 4e60])
    got = moments(3, [*_sums(errors / 1e60)[:2], *[1.0, 0.0] * 3, np.inf, np.nan, np.inf, np.nan])
    assert math.isnan(got.central[6]) and math.isnan(got.raw[6])
    assert got.exact is not None and math.isfinite(got.mean + got.central[4] + got.raw[4])


@pytest.mark.parametrize("bias", [0.0, 3.0, 1000.0])
def test_mean_of_squares(bias):
    """Correlated errors, up to 1000 standard deviations off.

    Each product of k errors is rounded k - 1 times, by U of its size or less; weighed as the central mean weighs them,
    3 + 2 (2 + 2) + 4 times U of B^4, where B^4 is the root of the product of both fourth moments (Hölder).
    """
    e, f = np.random.default_rng(2).multivariate_normal([bias, -bias], [[1.0, 0.7], [0.7, 2.0]], 3000).T
    central, raw = _both(e, f)
    e, f = _fractions(e), _fractions(f)
    mean_e, mean_f = _mean(e), _mean(f)
    size = math.sqrt(_mean([x**4 for x in e]) * _mean([x**4 for x in f]))
    exact = _mean([(x - mean_e) ** 2 * (y - mean_f) ** 2 for x, y in zip(e, f, strict=True)])
    assert abs(central - exact) <= 15.1 * U * size
    assert raw == pytest.approx(float(_mean([x**2 * y**2 for x, y in zip(e, f, strict=True)])), rel=3.1 * U, abs=0.0)
    assert 15.1 * U * size < 0.01 * exact  # so the bound says something: 1 + 2 * 0.7^2 / 2 in theory, times 2


def test_mean_of_squares_against_numpy():
    """Skewed, dependent errors without much bias: NumPy's two passes agree to 1e-12."""
    rng = np.random.default_rng(3)
    e = rng.exponential(1.0, 2000)
    f = 0.5 - e**2 + rng.standard_normal(2000)
    expected = np.mean((e - e.mean()) ** 2 * (f - f.mean()) ** 2), np.mean(e**2 * f**2)
    assert _both(e, f) == pytest.approx(expected, rel=1e-12)


def test_mean_of_squares_of_one_with_itself():
    """Whole errors: exactly their fourth moments."""
    e = np.random.default_rng(4).integers(-9, 30, 200).astype(float)
    own = moments(200, _sums(e))
    assert _both(e, e) == (own.central[4], own.raw[4])


def test_mean_of_squares_exchanged():
    """Which error comes first does not matter, to the bit; which sums are which does."""
    rng = np.random.default_rng(5)
    e, f = rng.standard_normal(100) + 2.0, rng.exponential(1.0, 100)
    a, b, sums = moments(100, _sums(e)), moments(100, _sums(f)), np.reshape(_products(e, f), (4, 2))
    one = mean_of_squares(a, b, 100, sums.ravel())
    assert one == mean_of_squares(b, a, 100, sums[[0, 2, 1, 3]].ravel())
    for other in itertools.permutations(range(4)):
        assert other == (0, 1, 2, 3) or one != mean_of_squares(a, b, 100, sums[list(other)].ravel())
