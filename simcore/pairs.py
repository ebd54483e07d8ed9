"""Two estimators on the same samples: how far their squares, sizes and values vary together, and apart.

Estimators that see the same samples are much alike, and so are squares of errors with a large bias: what they differ in
is a small difference of large sums. Floats will do while they keep its digits; then fractions do, as long as the
rounding of what was summed has left some.
"""

import functools
import math
from dataclasses import dataclass
from fractions import Fraction

from simcore.moments import (
    DIGITS,
    KNOWN,
    LEAST,
    LOST,
    TINY,
    Moments,
    U,
    exact_mean_of_squares,
    fourth,
    mean_of_squares,
    means,
    root,
)

_OF_PRODUCTS = 2.0**-46  # of the fourth moments: products that were rounded leave little of a smaller variance


@dataclass(frozen=True)
class Pair:
    """Errors e and f of the same samples. a, b: their Moments; sums: the double-doubles of `sums.PAIRS`, as a dict.

    sizes: the means of |e| and of |f|, as fractions, None without replications; letter: "e", or "u" for errors less
    their control variate.
    """

    a: Moments
    b: Moments
    sizes: tuple
    sums: dict
    letter: str = "e"

    @property
    def count(self):
        return int(self.sums["both"])

    @functools.cached_property
    def squares(self):
        """Means of (e - mean e)^2 (f - mean f)^2 and of e^2 f^2."""
        return mean_of_squares(self.a, self.b, self.count, self._sums("11", "21", "12", "22"))

    @property
    def size(self):
        """Mean of |e f|, NaN without replications."""
        return (self.sums["a11_high"] + self.sums["a11_low"]) / self.count if self.count else math.nan

    @property
    def product(self):
        """Mean of e f."""
        return (self.sums["e11_high"] + self.sums["e11_low"]) / self.count if self.count else math.nan

    @property
    def identical(self):
        """Whether e and f are the same in every sample."""
        same = self.count and not self.sums["smaller"] and not self.sums["larger"]
        return bool(same) and all(self.sums[f"e11_{part}"] == self.sums[f"a11_{part}"] for part in ("high", "low"))

    def error(self, of, by_floats, unit, weight=1.0):
        """(standard error, the most that it may be) of a number in which y - weight z varies, y of e and z of f.

        of: what y and z are: "squares", "central" (squares of e - mean e), "sizes" or "values". by_floats: the error as
        floats have it, the standard deviation of y - weight z divided by `unit`. NaN where rounding hides it.
        """
        deviation = by_floats * unit
        if deviation * deviation > self._needed(of, weight * weight):
            return by_floats, by_floats
        if self.identical and weight == 1.0:
            return 0.0, 0.0
        if self.a.exact is None or self.b.exact is None or not math.isfinite(weight):
            return math.nan, math.nan
        known, most = self._apart(of, Fraction(weight))
        return known / unit, most / unit

    def _needed(self, of, square):
        """The least variance of y - weight z that floats still have the digits of; square: of the weight."""
        power = 4 if of in ("squares", "central") else 2
        raw = self.a.raw[power] + square * self.b.raw[power]
        if of != "central":
            return max(DIGITS * raw, LEAST)
        return max(DIGITS * (self.a.central[4] + square * self.b.central[4]), _OF_PRODUCTS * raw, LEAST)

    def _apart(self, of, w):
        """The standard deviation of y - w z, NaN where rounding hides it, and the most that it may be."""
        var_a, lost_a = _variance(of, self.a.exact, self.sizes[0])
        var_b, lost_b = _variance(of, self.b.exact, self.sizes[1])
        cov, lost = self._covariance(of)
        variance = var_a + w**2 * var_b - 2 * w * cov
        lost = lost_a + w**2 * lost_b + 2 * abs(w) * lost
        known = _root(variance) if variance > KNOWN * lost else math.nan
        return known, _root(max(variance, 0) + lost)

    def _covariance(self, of):
        """The covariance of y and z, and how far off rounding may have made it."""
        (a1, a2, _, a4), (b1, b2, _, b4) = self.a.exact, self.b.exact
        products = means(self.count, self._sums("11", "21", "12", "22"))
        central, raw, lost = exact_mean_of_squares(self.a.exact, self.b.exact, products)
        if of == "values":
            return products[0] - a1 * b1, 2 * U * root(a2 * b2) + TINY
        if of == "sizes":
            (product,), (one, other) = means(self.count, self._sums("11", letter="a")), self.sizes
            return product - one * other, 2 * U * product + TINY
        if of == "squares":
            return raw - a2 * b2, 4 * U * root(a4 * b4) + TINY
        return central - (a2 - a1**2) * (b2 - b1**2), lost + 8 * LOST * a2 * b2

    def _sums(self, *powers, letter=None):
        return [self.sums[f"{letter or self.letter}{power}_{part}"] for power in powers for part in ("high", "low")]


def _variance(of, exact, size):
    """The variance of y, and how far off rounding may have made it."""
    m1, m2, _, m4 = exact
    if of == "values":
        return m2 - m1**2, 4 * LOST * m2 + TINY
    if of == "sizes":
        return m2 - size**2, 4 * LOST * m2 + TINY
    if of == "squares":
        return m4 - m2**2, 4 * LOST * m4 + TINY
    return fourth(exact) - (m2 - m1**2) ** 2, 32 * LOST * m4 + TINY


def _root(x):
    """The square root of a fraction, which may be larger than floats are."""
    return math.sqrt(x) if x < 2**1000 else math.inf
