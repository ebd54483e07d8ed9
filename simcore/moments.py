"""Moments of errors from their power sums: the arithmetic is exact (fractions), only the results are rounded."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

_U = Fraction(1, 2**53)
_LOST = Fraction(1, 2**90)  # of the sum of |e|^k at most, by double-doubles in chunks of 128 rows: 2 (128 + 11)^2 U^2
_TINY = Fraction(1, 2**1070)  # of a power that underflows
_KNOWN = 8  # a moment is known where rounding may have taken no more than this part of it


@dataclass(frozen=True)
class Moments:
    """Of errors e: their mean; central[k], raw[k]: mean of (e - mean)^k and of e^k, k = 2, 3, 4, 6, divisor count.

    low, high: the smallest and the largest. exact: the raw moments 1 to 4 as fractions, or None. NaN where there is no
    error, where a sum overflowed, and where rounding has left nothing: of a spread that is much smaller than the mean,
    or of powers of a tiny one.
    """

    count: int
    mean: float
    central: dict
    raw: dict
    low: float
    high: float
    exact: tuple | None


def moments(count, sums, low=math.nan, high=math.nan):
    """Moments of `count` errors from double-double sums of their powers 1 to 6, high and low parts in turn."""
    if count == 0 or not np.all(np.isfinite(sums[:8])):
        nothing = dict.fromkeys((2, 3, 4, 6), math.nan)
        return Moments(count, math.nan, nothing, nothing, math.nan, math.nan, None)
    m1, m2, m3, m4 = exact = _means(count, sums[:8])
    central = {
        2: m2 - m1**2,
        3: m3 - 3 * m1 * m2 + 2 * m1**3,
        4: m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4,
        6: math.nan,
    }
    raw = {2: m2, 3: m3, 4: m4, 6: math.nan}
    if np.all(np.isfinite(sums)):
        m5, m6 = _means(count, sums[8:])
        central[6] = m6 - 6 * m1 * m5 + 15 * m1**2 * m4 - 20 * m1**3 * m3 + 15 * m1**4 * m2 - 5 * m1**6
        raw[6] = m6
    for k in (2, 4, 6):  # equal errors leave a rounding of the double-double sums, which may be negative
        central[k], raw[k] = (value if value != value else max(value, 0) for value in (central[k], raw[k]))
        if low == high:
            central[k] = 0
        elif low < high and central[k] < _KNOWN * (2**k * _LOST * raw[k] + _TINY):
            central[k] = math.nan
    central, raw = ({k: float(value) for k, value in found.items()} for found in (central, raw))
    return Moments(count, float(m1), central, raw, low, high, exact)


def mean_of_squares(a, b, count, sums):
    """Means of (e - mean e)^2 (f - mean f)^2 and of e^2 f^2, for errors e and f of the same `count` samples.

    a, b: the moments of e and f; sums: double-double sums of ef, e^2 f, e f^2 and e^2 f^2, high and low parts in turn.
    Where only one of the two failed, its sums are of the samples where neither did, and the result is approximate.
    """
    if count == 0 or a.exact is None or b.exact is None or not np.all(np.isfinite(sums)):
        return math.nan, math.nan
    m11, m21, m12, m22 = _means(count, sums)
    a1, a2, b1, b2 = *a.exact[:2], *b.exact[:2]
    central = m22 - 2 * a1 * m12 - 2 * b1 * m21 + a1**2 * b2 + b1**2 * a2 + 4 * a1 * b1 * m11 - 3 * a1**2 * b1**2
    if a.low == a.high or b.low == b.high:
        central = 0
    elif a.low < a.high and b.low < b.high and central < _KNOWN * _rounding(a1, a2, b1, b2, m22):
        central = math.nan
    return float(central), float(m22)


def _rounding(a1, a2, b1, b2, m22):
    """What the rounding of products, and of both means, may have done to the mean of (e - mean e)^2 (f - mean f)^2, by
    Cauchy's bounds on the sizes of e f, e^2 f and e f^2."""
    sides = 4 * abs(a1) * _root(m22 * b2) + 4 * abs(b1) * _root(m22 * a2)
    products = _U * (3 * m22 + sides + 4 * abs(a1 * b1) * _root(a2 * b2))
    return products + _by_mean(a1, a2, b2, m22) + _by_mean(b1, b2, a2, m22) + _TINY


def _by_mean(a1, a2, b2, m22):
    """The part of `_rounding` that the mean a1 has."""
    lost = _LOST * _root(a2)
    return 2 * lost * ((abs(a1) + lost) * b2 + _root(m22 * b2))


def _root(x):
    """Not less than the square root of a fraction, nor much more."""
    return Fraction(math.isqrt(max(0, x.numerator * x.denominator)) + 1, x.denominator)


def _means(count, sums):
    return tuple((Fraction(float(high)) + Fraction(float(low))) / count for high, low in np.reshape(sums, (-1, 2)))
