"""95 % intervals and standard errors that measures have in common."""

import math

Z = 1.959963984540054  # quantile 0.975 of the standard normal


def quantile(errors, p):
    """(value, mcse, low, high) of the p-quantile of errors in order (`histograms.Ranked` or `Sorted`).

    The interval lies between two order statistics, whose ranks the binomial distribution gives in its normal
    approximation (Conover 1999, section 3.2); half its length is Z standard errors. NaN where it would need ranks that
    are not there.
    """
    count = errors.count
    if count == 0:
        return math.nan, math.nan, math.nan, math.nan
    value = errors.at_rank(1.0 + (count - 1) * p)
    half = Z * math.sqrt(count * p * (1.0 - p))
    lower, upper = math.floor(count * p - half + 1.0), math.floor(count * p + half + 1.0)
    if lower < 1 or upper > count or lower == upper:
        return value, math.nan, math.nan, math.nan
    low, high = errors.between(lower)[0], errors.between(upper)[1]
    return value, (high - low) / (2.0 * Z), low, high


def share(part, count):
    """(value, mcse, low, high) of a proportion, with the interval of Wilson (1927)."""
    if count == 0:
        return math.nan, math.nan, math.nan, math.nan
    p = part / count
    centre = (p + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * math.sqrt(p * (1 - p) / count + Z * Z / (4 * count * count))
    low, high = 0.0 if part == 0 else centre - half, 1.0 if part == count else centre + half  # exactly, at both ends
    return p, math.sqrt(p * (1 - p) / count), max(0.0, low), min(1.0, high)


def mean_square(squares, largest, count):
    """(low, high) for the mean of y = e^2, from `moments.Squares` and the largest y of `count`.

    Squares are skewed, and what makes them so is rare. So the interval is that of Hall (1992), which takes the skewness
    of y into account, and half an observation as large as the largest is added to the moments of y: chances are one in
    count that the next one is larger still. Without the skewness (NaN) the interval is symmetric.
    """
    m2 = squares.mean
    if not m2 > 0.0:
        return m2, m2
    extreme = largest / m2 - 1.0  # in units of the mean, which may be tiny or huge
    variance = squares.relative + 0.5 * extreme * extreme / count
    if not variance > 0.0:
        return m2, m2
    spread = math.sqrt(variance)
    third = squares.third + 0.5 * extreme * extreme * extreme / count
    skewness = third / (variance * spread)
    low, high = (1.0 - _hall(z / math.sqrt(count), skewness, count) * spread for z in (Z, -Z))
    return m2 * max(0.0, low), m2 * max(0.0, high)


def _hall(t, skewness, count):
    """The w for which Hall's transformation w + a w^2 + a^2 w^3 / 3 + skewness / (6 count), a = skewness / 3, is t."""
    a = skewness / 3.0
    if not abs(a) > 1e-6:
        return t
    return (nth_root(1.0 + 3.0 * a * (t - skewness / (6.0 * count)), 3) - 1.0) / a


def nth_root(x, n):
    """x^(1/n), for a negative x its negative, by Newton steps: the same bits everywhere."""
    if x == 0.0 or not math.isfinite(x) or n == 1:
        return x
    exponent = math.frexp(x)[1] // n
    scaled = abs(math.ldexp(x, -n * exponent))
    root = 1.0 if scaled < 1.0 else 2.0  # from above: scaled is between 1/2 and 2^n
    for _ in range(100):
        power = math.prod([root] * (n - 1))
        closer = ((n - 1) * root + scaled / power) / n
        if closer >= root:
            break
        root = closer
    return math.copysign(math.ldexp(root, exponent), x)


def ratio(a, b, var_a, var_b, cov):
    """(a / b, its standard error) by the delta method, from the variances and the covariance of a and b."""
    if not b > 0.0:
        return math.nan, math.nan
    value = a / b
    return value, difference_error(var_a, value * value * var_b, value * cov) / b


def difference_error(var_a, var_b, cov):
    """Standard error of a difference; a covariance that rounding has made too large counts as the largest possible."""
    most = math.sqrt(max(var_a, 0.0)) * math.sqrt(max(var_b, 0.0))
    return math.sqrt(max(var_a + var_b - 2.0 * min(max(cov, -most), most), 0.0))
