"""Elementary functions against 50-digit values over the whole stated domain, and compiled bits against plain bits."""

import functools
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest

from simcore import fmath
from simcore.lanes import WIDTH
from tests.running import over_rows, rows_of, same_bits

EPS = 2.0**-52
_SEED = 20261122


def _magnitudes(low, high, count, rng):
    """Positive numbers spread evenly over the binary orders of magnitude from 2^low to 2^high."""
    return (1.0 + rng.random(count)) * 2.0 ** rng.integers(low, high, count)


def _log_points(rng):
    edges = [2.0**-53, 1.0 - 2.0**-53, 1.0 - 2.0**-52, 1.0, 1.0 + EPS, 0.5, 2.0, 2.0**-1022, 1.7976931348623157e308]
    root_half = np.sqrt(0.5) + np.arange(-4, 5) * 2.0**-53  # where the reduction changes the power of two
    odd = (2 * rng.integers(0, 2**52, 400) + 1) / 2.0**53
    ratios = odd / (1.0 - odd)  # the logistic's
    near_one = 1.0 + rng.choice([-1.0, 1.0], 300) * _magnitudes(-52, -2, 300, rng)
    return [*edges, *root_half, *2 * root_half, *odd, *ratios, *near_one, *_magnitudes(-1022, 1023, 400, rng)]


def _root_expm1_points(rng):
    edges = [0.0, 5e-324, 2.0**-1022, 1e-300, 2.0**-53, 1.0, 1418.0, 1417.999, 709.0, 710.0]
    steps = np.log(2.0) * np.arange(0, 2046, 9)  # where the reduction changes the power of two
    return [*edges, *steps, *np.nextafter(steps[1:], 0), *_magnitudes(-100, 10, 500, rng), *rng.uniform(0, 1418, 500)]


def _exp_points(rng):
    steps = np.log(2.0) * (np.arange(-1020, 1022, 11) + 0.5)  # where the reduction changes the power of two
    sizes = _magnitudes(-60, 9, 400, rng)
    edges = [0.0, -0.0, 5e-324, -5e-324, 1.0, 708.9, 709.0, -708.0]
    return [*edges, *steps, *np.nextafter(steps, 0), *sizes, *-sizes, *rng.uniform(-708, 709, 400)]


def _log1p_points(rng):
    return [0.0, 5e-324, 2.0**-53, 2.0**-52, 0.41, 0.42, 1.0, 1e308, *_magnitudes(-1022, 1022, 800, rng)]


def _tanh_points(rng):
    sizes = [0.0, 5e-324, 1e-300, 2.0**-53, 0.17, 0.18, 18.0, 19.0, 350.0, 1e300, *_magnitudes(-1022, 6, 500, rng)]
    return [*sizes, *(-np.array(sizes)), *rng.uniform(-3, 3, 300)]


def _log1p_rest_points(rng):
    edges = [0.0, 1e-150, 2.0**-53, np.nextafter(0.4, 0), 0.4, np.nextafter(0.4, 1), 1.0, 1e308]
    return [*edges, *_magnitudes(-500, 1022, 500, rng), *rng.uniform(0.2, 0.7, 300)]


def _log1p_rest(x):
    with mp.workdps(400):  # x - log(1 + x) for x = 2^-500 cancels 300 digits
        return x - mp.log1p(x)


def _expm1_tail_points(rng):
    sizes = [*_magnitudes(-60, -2, 300, rng), *rng.uniform(0.0, 0.69314718, 300)]
    return [*sizes, *(-size for size in sizes)]


def _expm1_tail(f):
    with mp.workdps(100):
        return (mp.expm1(f) - f) / f**2


def _angles(rng):
    half = 0.5 - (2 * rng.integers(0, 2**40, 200) + 1) / 2.0**53
    points = [2.0**-53, 3 * 2.0**-53, 0.5 - 2.0**-53, 0.5 - 3 * 2.0**-53, 0.25, 0.25 - 2.0**-54, 0.25 + 2.0**-54]
    points += [*half, *_magnitudes(-53, -2, 500, rng), *0.5 - _magnitudes(-53, -3, 500, rng)]
    return [*points, *(-np.array(points)), *rng.uniform(-0.5, 0.5, 400)]


def _sin_points(rng):
    return [0.5, -0.5, 1e-300, -1e-300, *_angles(rng)]


# name: points of the domain, exact value, the unit of the bound given the exact value, and the bound in that unit (as
# the docstrings state it; that of root_expm1 was measured).
CASES = {
    "log": (_log_points, mp.log, lambda exact: EPS * 2.0 ** max(0, int(mp.floor(mp.log(abs(exact) or 1, 2)))), 1.0),
    "log1p": (_log1p_points, mp.log1p, lambda exact: EPS * abs(exact), 2.0),
    "exp": (_exp_points, mp.exp, lambda exact: EPS * abs(exact), 1.0),
    "expm1": (_exp_points, mp.expm1, lambda exact: EPS * abs(exact), 2.0),
    "expm1_tail": (_expm1_tail_points, _expm1_tail, lambda exact: EPS * abs(exact), 2.0),
    "root_expm1": (_root_expm1_points, lambda y: mp.sqrt(mp.expm1(y)), lambda exact: EPS * abs(exact), 2.0),
    "tanh": (_tanh_points, mp.tanh, lambda exact: EPS * abs(exact), 4.0),
    "log1p_rest": (_log1p_rest_points, _log1p_rest, lambda exact: EPS * abs(exact), 10.0),
    "sin_pi": (_sin_points, mp.sinpi, lambda exact: EPS * abs(exact), 2.0),
    "cos_pi": (_angles, mp.cospi, lambda exact: EPS * abs(exact), 2.0),
    "tan_pi": (_angles, lambda s: mp.sinpi(s) / mp.cospi(s), lambda exact: EPS * abs(exact), 4.0),
}


@functools.cache
def _points(name):
    return rows_of(np.array(CASES[name][0](np.random.default_rng(_SEED))))


@functools.cache
def _values(name):
    return over_rows(getattr(fmath, name), _points(name), compiled=True)


@functools.cache
def _exact(name):
    with mp.workdps(50):
        return [CASES[name][1](mp.mpf(x)) for x in _points(name).ravel().tolist()]


def _worst(name, values):
    """The largest error in units of the bound, and where it is."""
    _, _, unit, bound = CASES[name]
    with mp.workdps(50):
        errors = [
            float(abs(mp.mpf(value) - exact) / (unit(exact) * bound)) if exact else float(value != 0.0)
            for value, exact in zip(values.ravel().tolist(), _exact(name), strict=True)
        ]
    k = int(np.argmax(errors))
    return errors[k], _points(name).ravel()[k]


@pytest.mark.parametrize("name", CASES)
def test_accuracy(name):
    """The bound holds everywhere, and is not idle: more than a fifth of it is reached."""
    worst, where = _worst(name, _values(name))
    assert 0.2 < worst <= 1.0, where


@pytest.mark.parametrize("name", CASES)
def test_an_inaccuracy_is_seen(name):
    """Broken twins: one value off by four bounds, and values that went through float32."""
    values = _values(name)
    where = np.unravel_index(np.argmax(np.abs(values) * (np.abs(values) < 1e300)), values.shape)
    off = values.copy()
    off[where] *= 1.0 + 4.0 * CASES[name][3] * EPS * 2.0
    assert _worst(name, off)[0] > 1.0
    with np.errstate(over="ignore", under="ignore"):
        assert _worst(name, np.nan_to_num(values.astype(np.float32).astype(float)))[0] > 1.0


@pytest.mark.parametrize("name", CASES)
def test_compiled_equals_plain(name):
    """To the bit, at every point."""
    assert same_bits(_values(name), over_rows(getattr(fmath, name), _points(name), compiled=False))


def test_exact_values():
    """Values that must come out exactly, and the symmetry of sine and tangent to the bit."""
    one = np.ones(WIDTH)
    assert np.all(fmath.log(one) == 0.0)
    for function in (fmath.root_expm1, fmath.expm1, fmath.log1p):
        assert np.all(function(0.0 * one) == 0.0)
    assert np.all(fmath.exp(0.0 * one) == 1.0)
    for function in (fmath.sin_pi, fmath.tan_pi, fmath.tanh):
        s = _points("tan_pi")
        assert same_bits(over_rows(function, -s, compiled=True), -over_rows(function, s, compiled=True))


@pytest.mark.parametrize("compiled", [True, False])
def test_root_expm1_overflows_to_infinity(compiled):
    """Right up to the largest float64, then infinity, never NaN."""
    y = rows_of([1419.0, 1419.5, 1419.56, 1419.5654, 1419.57, 1420.0, 1e4, 1e300])
    got = over_rows(fmath.root_expm1, y, compiled=compiled).ravel()
    with mp.workdps(50):
        for value, point in zip(got, y.ravel(), strict=True):
            exact = mp.sqrt(mp.expm1(mp.mpf(point))) if point < 1500 else mp.inf
            if exact > 1.7976931348623157e308 or np.isinf(value):
                assert np.isinf(value) and point > 1418.0
            else:
                assert abs(value - exact) <= 2 * EPS * exact


@pytest.mark.parametrize("compiled", [True, False])
def test_exp_and_expm1_far_out(compiled):
    """Exactly 0 and -1 far below, the value at 709 above, and never NaN; log1p stays at its value for 1e308."""
    y = rows_of([-709.0, -745.0, -1e300, -np.inf, 709.0, 710.0, 1e300, np.inf])
    low, high = slice(0, 4), slice(4, 8)
    for function, least in ((fmath.exp, 0.0), (fmath.expm1, -1.0)):
        got = over_rows(function, y, compiled=compiled)[0]
        assert np.all(got[low] == least) and np.all(got[high] == got[4]) and 8e307 < got[4] < np.inf
    got = over_rows(fmath.log1p, rows_of([1e308, 1.7e308, np.inf]), compiled=compiled)[0]
    assert np.all(got == got[0]) and 709.1 < got[0] < 709.2


def _powers(rng):
    """(u, y, d): powers of all sizes, also next to 1 and at the ends of the range, and both forms of the logarithm."""
    odd = (2 * rng.integers(0, 2**52, 300) + 1) / 2.0**53
    edges = [2.0**-53, 1.0 - 2.0**-53, 2.0, *(np.sqrt(0.5) + np.arange(-4, 5) * 2.0**-53)]
    near_one = 1.0 + rng.choice([-1.0, 1.0], 200) * _magnitudes(-52, -2, 200, rng)
    u = np.array([*edges, *np.sqrt(2.0) + np.arange(-4, 5) * EPS, *odd, *near_one, *_magnitudes(-1000, 1000, 200, rng)])
    sizes = np.concatenate([10.0 ** rng.uniform(-12, 2, len(u)), rng.uniform(600.0, 720.0, len(u)) / abs(np.log(u))])
    d = 10.0 ** rng.uniform(-3, 3, 2 * len(u))
    return np.tile(u, 2), rng.choice([-1.0, 1.0], 2 * len(u)) * sizes * d, d


def _sums(rng):
    """(high, low) of exponents, low up to half an ulp of high."""
    high = np.array([0.0, *rng.uniform(-720, 715, 400), *rng.choice([-1.0, 1.0], 400) * _magnitudes(-60, 9, 400, rng)])
    return high, high * rng.uniform(-1.0, 1.0, len(high)) * 2.0**-53


# name: points, exact value, and the bound on the relative error in eps, given the exponent
OF_SEVERAL = {
    "power": (_powers, lambda u, y, d: mp.exp(y / d * mp.log(u)), lambda size: 1.0 + size / 32.0),
    "power_minus_1": (_powers, lambda u, y, d: mp.expm1(y / d * mp.log(u)), lambda size: 2.0 + size / 32.0),
    "exp_sum": (_sums, lambda high, low: mp.exp(high + low), lambda size: 1.0),
    "expm1_sum": (_sums, lambda high, low: mp.expm1(high + low), lambda size: 2.0),
}


def _worst_of_several(name, values, points):
    """The largest relative error in units of the bound, where the result is a normal number; elsewhere it is near."""
    _, exact_value, bound = OF_SEVERAL[name]
    worst = 0.0
    with mp.workdps(50):
        for *given, value in zip(*(x.ravel().tolist() for x in points), values.ravel().tolist(), strict=True):
            exact = exact_value(*map(mp.mpf, given))
            if abs(exact) > 1.79e308 or exact < 2.3e-308 and name in ("power", "exp_sum"):
                assert value > 1.78e308 or 0.0 <= value < 2.4e-308
            elif exact:
                size = abs(np.log(given[0]) * given[1] / given[2]) if name.startswith("power") else 0.0
                worst = max(worst, float(abs(value / exact - 1)) / (EPS * bound(size)))
            else:
                assert value == 0.0
    return worst


@pytest.mark.parametrize("name", OF_SEVERAL)
def test_functions_of_several(name):
    """Within the bound, near enough to it, the same bits in both modes; broken twin: values that went through float32.

    The unit 2^-57 of the exponent is 1 / 32 eps.
    """
    points = [rows_of(x) for x in OF_SEVERAL[name][0](np.random.default_rng(_SEED))]
    values = over_rows(getattr(fmath, name), *points, compiled=True)
    assert 0.2 < _worst_of_several(name, values, points) <= 1.0
    assert same_bits(values, over_rows(getattr(fmath, name), *points, compiled=False))
    usable = [x[np.all((abs(values) < 1e30) & (abs(values) > 1e-30), axis=1)] for x in (values, *points)]
    assert _worst_of_several(name, usable[0].astype(np.float32).astype(float), usable[1:]) > 1.0


def test_numbers_in_two_parts():
    """A product is exact in two parts, and a logarithm has more digits than one number; the first part is its best."""
    u, y, _ = (rows_of(x) for x in _powers(np.random.default_rng(_SEED)))
    with mp.workdps(50):
        for parts, exact_value, limit in (
            (fmath.product_parts(u, y), lambda a, b: a * b, 0.0),
            (fmath.log_parts(u), lambda a, b: mp.log(a), 2.0**-57),
        ):
            assert np.array_equal(parts[0] + parts[1], parts[0])
            for a, b, high, low in zip(*(x.ravel().tolist() for x in (u, y, *parts)), strict=True):
                exact = exact_value(mp.mpf(a), mp.mpf(b))
                assert abs(mp.mpf(high) + mp.mpf(low) - exact) <= limit * abs(exact) + 5e-324, (a, b)


def test_of_numbers():
    assert fmath.of_numbers(fmath.power, 2.0, 20.0, 2.0) == 1024.0
    assert fmath.of_numbers(fmath.log, 3.0) == fmath.log(np.full(WIDTH, 3.0))[0]
    assert fmath.of_numbers(fmath.exp_sum, *fmath.parts_of(Fraction(10**6))) == np.inf
    high, low = fmath.parts_of(Fraction(1, 3))
    assert high == 1 / 3 and abs(Fraction(1, 3) - Fraction(high) - Fraction(low)) < Fraction(1, 2**107)


@pytest.mark.parametrize("compiled", [True, False])
def test_weighted(compiled):
    """Against 50 digits, to 4 eps of the larger part, and exactly one of the two where the log odds are infinite."""
    log_odds = np.array([-1e300, -700.0, -40.0, -1.0, -1e-9, 0.0, 0.3, 2.0, 36.0, 700.0, 1e300])
    a, b = np.meshgrid([0.0, 1.5, -3.0, 1e9], [0.0, 2.5, -1e-9, 1e200])
    a, b, log_odds = (rows_of(v) for v in np.broadcast_arrays(a.reshape(-1, 1), b.reshape(-1, 1), log_odds))
    got = over_rows(fmath.weighted, a, b, log_odds, compiled=compiled)
    with mp.workdps(50):
        for *point, value in zip(a.flat, b.flat, log_odds.flat, got.flat, strict=True):
            x, y, t = (mp.mpf(float(number)) for number in point)
            parts = x / (1 + mp.exp(t)), y / (1 + mp.exp(-t))
            assert abs(float(value) - sum(parts)) <= 4 * EPS * max(map(abs, parts)) + 1e-100, point
    three, seven, ends = np.full((1, WIDTH), 3.0), np.full((1, WIDTH), 7.0), rows_of([-np.inf, np.inf])
    assert list(over_rows(fmath.weighted, three, seven, ends, compiled=compiled)[0, :2]) == [3.0, 7.0]


@pytest.mark.parametrize("compiled", [True, False])
def test_atan2(compiled):
    """Against 50 digits in all quadrants, to the 2 ulp of its docstring, of which more than a half are reached; next to
    the angles where the reduction changes, near the axes and on them."""
    rng = np.random.default_rng(_SEED)
    turns = rng.uniform(-1.0, 1.0, 600)
    edges = np.arange(-8, 9)[:, None] / 8.0 + rng.choice([-1.0, 1.0], (17, 20)) * _magnitudes(-50, -8, (17, 20), rng)
    y, x = (f(np.pi * np.concatenate([turns, edges.ravel()])) for f in (np.sin, np.cos))
    size = _magnitudes(-300, 300, y.size, rng)
    y, x = [*y * size, 0.0, 1.0, -1.0, 1e-300, 0.0, -0.0], [*x * size, 1.0, 0.0, 0.0, 1.0, -1.0, -1.0]
    y, x = rows_of(y), rows_of(x)
    got = over_rows(fmath.atan2, y, x, compiled=compiled)
    assert same_bits(got, over_rows(fmath.atan2, y, x, compiled=not compiled))
    assert same_bits(-got, over_rows(fmath.atan2, -y, x, compiled=compiled))
    with mp.workdps(50):
        exact = [mp.atan2(mp.mpf(b), mp.mpf(a)) for a, b in zip(x.ravel().tolist(), y.ravel().tolist(), strict=True)]
        errors = [
            float(abs((mp.mpf(value) - abs(angle)) / (angle or 1)) / EPS)
            for value, angle in zip(np.abs(got).ravel().tolist(), exact, strict=True)
        ]
    assert 1.0 < max(errors) <= 2.0
    assert np.array_equal(np.signbit(got), np.signbit(y))
    assert np.all(np.isnan(over_rows(fmath.atan2, rows_of([0.0]), rows_of([0.0]), compiled=compiled)))


@pytest.mark.parametrize("compiled", [True, False])
def test_power(compiled):
    """Against 50 digits, to 2 ulp and 2 |y log x| ulp besides; exactly 1 where y is 0 or x is 1."""
    rng = np.random.default_rng(_SEED)
    x = np.array([1.0, 2.0, 1e-13, 1e-300, 1e300, *_magnitudes(-900, 900, 200, rng)])
    x, y = (rows_of(v) for v in np.broadcast_arrays(x, np.array([0.0, 1.0, -0.95, 0.5, -1e-9, 0.5788])[:, None]))
    got = over_rows(fmath.quick_power, x, y, compiled=compiled)
    worst = 0.0
    with mp.workdps(50):
        for base, exponent, value in zip(x.flat, y.flat, got.flat, strict=True):
            exact = mp.mpf(float(base)) ** mp.mpf(float(exponent))
            bound = EPS * exact * (2 + 2 * abs(exponent * mp.log(float(base))))
            worst = max(worst, float(abs(float(value) - exact) / bound))
    assert 0.2 < worst <= 1.0
    assert np.all(got[y == 0.0] == 1.0) and np.all(got[x == 1.0] == 1.0)


@pytest.mark.parametrize("compiled", [True, False])
def test_with_sign(compiled):
    """Zeros and numbers of both signs."""
    sizes, signs = rows_of([0.0, 0.0, 3.0, 3.0]), rows_of([0.0, -0.0, -2.0, 1e-300])
    got = over_rows(fmath.with_sign, sizes, signs, compiled=compiled)
    assert same_bits(got, np.copysign(sizes, signs))


@pytest.mark.parametrize("length", range(2, 10))
def test_polynomial(length):
    """Small whole numbers: no rounding, so the value must be exact for every number of coefficients."""
    coefficients = tuple(float(3 * k - 7) for k in range(length))
    x = np.arange(-4.0, 4.0)
    assert np.array_equal(fmath.polynomial(x, coefficients), np.polyval(coefficients, x))
