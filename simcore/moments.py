"""Moments of errors from their power sums: the arithmetic is exact (fractions), only the results are rounded."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

U = Fraction(1, 2**53)
LOST = Fraction(1, 2**90)  # of the sum of |e|^k at most, by double-doubles in chunks of 128 rows: 2 (128 + 11)^2 U^2
TINY = Fraction(1, 2**1070)  # of a power that underflows
KNOWN = 8  # a number is known where rounding may have taken no more than this part of it
DIGITS = 2.0**-20  # of what it is taken from: a difference in floats that is larger has lost few of its digits
LEAST = 2.0**-1000  # floats have fewer digits not far below
_AROUND, _OF_SQUARES = 2**9, 2**4  # times LOST and the raw moments: rounding of those of (e - mean)^2 and of e^2


class Squares(NamedTuple):
    """Of squares y of errors: their mean and variance; in units of the mean, variance and third central moment.

    NaN where rounding has left nothing.
    """

    mean: float
    variance: float
    relative: float
    third: float


@dataclass(frozen=True)
class Moments:
    """Of errors e: their mean; central[k], raw[k]: mean of (e - mean)^k and of e^k, k = 2, 3, 4, 6, divisor count.

    around, squares: of the squares of e - mean and of e. low, high: the smallest and the largest. exact: the raw
    moments 1 to 4 as fractions, or None. NaN where there is no error, where a sum overflowed, and where rounding has
    left nothing: of a spread that is much smaller than the mean, or of powers of a tiny one.
    """

    count: int
    mean: float
    central: dict
    raw: dict
    around: Squares
    squares: Squares
    low: float
    high: float
    exact: tuple | None


def moments(count, sums, low=math.nan, high=math.nan):
    """Moments of `count` errors from double-double sums of their powers 1 to 6, high and low parts in turn."""
    if count == 0 or not np.all(np.isfinite(sums[:8])):
        nothing, unknown = dict.fromkeys((2, 3, 4, 6), math.nan), Squares(*[math.nan] * 4)
        return Moments(count, math.nan, nothing, nothing, unknown, unknown, math.nan, math.nan, None)
    m1, m2, m3, m4 = exact = means(count, sums[:8])
    central = {2: m2 - m1**2, 3: m3 - 3 * m1 * m2 + 2 * m1**3, 4: fourth(exact), 6: math.nan}
    raw = {2: m2, 3: m3, 4: m4, 6: math.nan}
    if np.all(np.isfinite(sums)):
        m5, m6 = means(count, sums[8:])
        central[6] = m6 - 6 * m1 * m5 + 15 * m1**2 * m4 - 20 * m1**3 * m3 + 15 * m1**4 * m2 - 5 * m1**6
        raw[6] = m6
    for k in (2, 4, 6):  # equal errors leave a rounding of the double-double sums, which may be negative
        central[k], raw[k] = (value if value != value else max(value, 0) for value in (central[k], raw[k]))
        if low == high:
            central[k] = 0
        elif low < high and central[k] < KNOWN * (2**k * LOST * raw[k] + TINY):
            central[k] = math.nan
    largest = max(abs(low), abs(high))
    equal = largest < math.inf and m2 >= (1 - LOST) * Fraction(largest) ** 2
    around = _squares(central, raw, _AROUND * LOST, low == high)
    squares = _squares(raw, raw, _OF_SQUARES * LOST, equal)
    central, raw = ({k: float(value) for k, value in found.items()} for found in (central, raw))
    return Moments(count, float(m1), central, raw, around, squares, low, high, exact)


def fourth(exact):
    """The fourth central moment from the raw moments 1 to 4."""
    m1, m2, m3, m4 = exact
    return m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4


def _squares(own, raw, lost, equal):
    """The Squares whose powers 1, 2 and 3 have the means own[2], own[4] and own[6]: in floats where these keep their
    digits, else exactly. lost: what rounding may take of them, as a part of the means `raw`; equal: whether all squares
    are."""
    m2, m4, m6 = (float(own[k]) for k in (2, 4, 6))
    variance = m4 - m2 * m2
    if variance > max(DIGITS * m4, LEAST):
        kurtosis = m4 / m2 / m2
        return Squares(m2, variance, kurtosis - 1.0, m6 / m2 / m2 / m2 - 3.0 * kurtosis + 2.0)
    if equal:
        return Squares(m2, 0.0, 0.0, 0.0)
    if m4 != m4 or own[4] - own[2] ** 2 < KNOWN * (lost * raw[4] + TINY):
        return Squares(m2, math.nan, math.nan, math.nan)
    exact, third = own[4] - own[2] ** 2, math.nan
    if m6 == m6 and (2**10 * lost * raw[6]) ** 2 < exact**3:
        third = float((own[6] - 3 * own[4] * own[2] + 2 * own[2] ** 3) / own[2] ** 3)
    return Squares(m2, float(exact), float(exact / own[2] ** 2), third)


def variance_of_sizes(m, mean, size):
    """Of |e|, whose mean is `mean` or `size`, a fraction, for errors with the Moments m; NaN where rounding has left
    nothing of it."""
    m2 = m.raw[2]
    if m2 - mean * mean > max(DIGITS * m2, LEAST):
        return m2 - mean * mean
    if m.squares.variance == 0.0:
        return 0.0
    if m.exact is None:
        return math.nan
    exact = m.exact[1] - size**2
    return float(exact) if exact > KNOWN * (4 * LOST * m.exact[1] + TINY) else math.nan


def mean_of_squares(a, b, count, sums):
    """Means of (e - mean e)^2 (f - mean f)^2 and of e^2 f^2, for errors e and f of the same `count` samples.

    a, b: the moments of e and f; sums: double-double sums of ef, e^2 f, e f^2 and e^2 f^2, high and low parts in turn.
    Where only one of the two failed, its sums are of the samples where neither did, and the result is approximate.
    """
    if count == 0 or a.exact is None or b.exact is None or not np.all(np.isfinite(sums)):
        return math.nan, math.nan
    central, raw, lost = exact_mean_of_squares(a.exact, b.exact, means(count, sums))
    if a.low == a.high or b.low == b.high:
        central = 0
    elif a.low < a.high and b.low < b.high and central < KNOWN * lost:
        central = math.nan
    return float(central), float(raw)


def exact_mean_of_squares(a, b, products):
    """The same as fractions, without a word on what is known, and what rounding may have done to the first of them.

    a, b: the raw moments of e and f, from the first on; products: the means of ef, e^2 f, e f^2 and e^2 f^2.
    """
    (a1, a2, *_), (b1, b2, *_), (m11, m21, m12, m22) = a, b, products
    central = m22 - 2 * a1 * m12 - 2 * b1 * m21 + a1**2 * b2 + b1**2 * a2 + 4 * a1 * b1 * m11 - 3 * a1**2 * b1**2
    return central, m22, _rounding(a1, a2, b1, b2, m22)


def _rounding(a1, a2, b1, b2, m22):
    """What the rounding of products, and of both means, may have done to the mean of (e - mean e)^2 (f - mean f)^2, by
    Cauchy's bounds on the sizes of e f, e^2 f and e f^2."""
    sides = 4 * abs(a1) * root(m22 * b2) + 4 * abs(b1) * root(m22 * a2)
    products = U * (3 * m22 + sides + 4 * abs(a1 * b1) * root(a2 * b2))
    return products + _by_mean(a1, a2, b2, m22) + _by_mean(b1, b2, a2, m22) + TINY


def _by_mean(a1, a2, b2, m22):
    """The part of `_rounding` that the mean a1 has."""
    lost = LOST * root(a2)
    return 2 * lost * ((abs(a1) + lost) * b2 + root(m22 * b2))


def root(x):
    """Not less than the square root of a fraction, nor much more."""
    return Fraction(math.isqrt(max(0, x.numerator * x.denominator)) + 1, x.denominator)


def means(count, sums):
    return tuple((Fraction(float(high)) + Fraction(float(low))) / count for high, low in np.reshape(sums, (-1, 2)))
