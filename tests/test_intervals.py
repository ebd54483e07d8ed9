"""Intervals and standard errors against exact probabilities and SciPy; the bound of the tail index on known tails."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import binom, binomtest, gamma, norm
from scipy.stats import t as student_t

from simcore import summaries
from simcore.histograms import DROPPED_BITS, Ranked, Sorted
from simcore.intervals import Z, difference_error, mean_square, quantile, ratio, share
from simcore.moments import Squares
from simcore.tails import hill, normal_excess


def _ranks(count):
    """Errors 1, 2, ..., count: a number is its rank."""
    return Sorted(np.arange(1.0, count + 1))


@pytest.mark.parametrize("p", [0.05, 0.5, 0.95])
def test_coverage_of_quantiles(p):
    """95 % to half the chance of a rank at each end, whatever the count, and 94.8 to 95.2 % on average.

    The interval holds the quantile where rank low <= B < rank high, for a binomial B; a rank more or less at an end
    changes its coverage by the chance of that B.
    """
    coverages = []
    for count in (*range(80, 500), 1000, 3000, 10**4, 10**6):
        *_, low, high = quantile(_ranks(count), p)
        coverages.append(binom.cdf(high - 1, count, p) - binom.cdf(low - 1, count, p))
        at_ends = sum(max(binom.pmf([end - 1, end], count, p)) for end in (low, high))
        assert abs(coverages[-1] - 0.95) <= at_ends / 2, count
    assert np.mean(coverages) == pytest.approx(0.95, abs=0.002)


@pytest.mark.parametrize("p", [0.01, 0.05, 0.25, 0.5, 0.95])
def test_quantiles_and_their_errors(p):
    """Normal numbers at equal steps of probability: NumPy's value, and an MCSE within 3 % of theory.

    The ranks of the interval are rounded, by up to 1 of the 61 or more between them and the middle.
    """
    probabilities = (np.arange(100_000) + 0.5) / 100_000
    errors = norm.ppf(probabilities)
    value, mcse, low, high = quantile(Sorted(errors), p)
    assert value == pytest.approx(np.quantile(errors, p), abs=1e-12) and low < value < high
    assert mcse == pytest.approx(math.sqrt(p * (1 - p) / 100_000) / norm.pdf(norm.ppf(p)), rel=0.03)
    assert high - low == pytest.approx(2 * norm.ppf(0.975) * mcse, rel=1e-12)


def test_quantiles_without_enough_ranks():
    """The fewest errors that have an interval are Z^2 (1 - p) / p, where p <= 1/2; the value is there before."""
    for p, fewest in ((0.5, 4), (0.05, 73), (0.95, 73)):
        for count in (1, 2, fewest - 1):
            value, *rest = quantile(_ranks(count), p)
            assert value == pytest.approx(1 + (count - 1) * p) and all(map(math.isnan, rest))
        assert all(map(math.isfinite, quantile(_ranks(fewest), p)))
    assert quantile(_ranks(6), 0.5)[2:] == (1.0, 6.0)
    assert all(map(math.isnan, quantile(_ranks(0), 0.5)))


@pytest.mark.parametrize("part, count", [(0, 1), (1, 1), (0, 50), (50, 50), (1, 50), (17, 40), (3, 10**6)])
def test_share(part, count):
    """Wilson's interval as SciPy has it, and the binomial standard error."""
    p, mcse, low, high = share(part, count)
    assert (p, mcse) == (part / count, pytest.approx(binom.std(count, part / count) / count))
    interval = binomtest(part, count).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx(tuple(interval), rel=1e-9, abs=1e-15) and 0.0 <= low <= p <= high <= 1.0


def test_share_of_nothing():
    assert all(map(math.isnan, share(0, 0)))


def _in_floats(m2, m4, m6):
    """Squares of errors with these moments."""
    return Squares(m2, m4 - m2 * m2, m4 / m2 / m2 - 1.0, m6 / m2 / m2 / m2 - 3.0 * m4 / m2 / m2 + 2.0)


def _squares(rng, count, runs):
    """Means (2, 4, 6) and the largest square of `runs` samples of normal errors."""
    e = rng.standard_normal((runs, count))
    return [np.mean(e**k, axis=1) for k in (2, 4, 6)] + [np.max(e**2, axis=1)]


def _by_root(m2, m4, m6, largest, count):
    """The interval of `mean_square` from Hall's transformation of a mean, solved by bisection."""
    y = np.array([m2, m4, m6])
    extra = 0.5 / count
    variance = y[1] - y[0] ** 2 + extra * (largest - m2) ** 2
    skewness = (y[2] - 3 * y[0] * y[1] + 2 * y[0] ** 3 + extra * (largest - m2) ** 3) / variance**1.5

    def transformed(w):
        return w + skewness * w**2 / 3 + skewness**2 * w**3 / 27 + skewness / (6 * count)

    ends = (brentq(lambda w, t=z: transformed(w) - t / math.sqrt(count), -1e3, 1e3, xtol=1e-14) for z in (Z, -Z))
    return [max(0.0, m2 - w * math.sqrt(variance)) for w in ends]


@pytest.mark.parametrize("count", [12, 300, 10**5])
@pytest.mark.parametrize("largest", [2.0, 9.0, 1e4])
@pytest.mark.parametrize("m6", [1.2, 3.0, 15.0, 1e3])
def test_mean_square_inverts_hall(count, largest, m6):
    """Skewness of both signs and an outlier: the cubic of Hall, solved by bisection, to 1e-9; units do not matter."""
    low, high = mean_square(_in_floats(1.0, 1.6, m6), largest, count)
    assert [low, high] == pytest.approx(_by_root(1.0, 1.6, m6, largest, count), rel=1e-9, abs=1e-9)
    in_other_units = mean_square(_in_floats(1e-8, 1.6e-16, m6 * 1e-24), largest * 1e-8, count)
    assert in_other_units == pytest.approx((1e-8 * low, 1e-8 * high), rel=1e-9, abs=1e-17)


def test_mean_square_without_skewness():
    """No sixth moment: Z standard errors to both sides, the largest square counted half again; none negative."""
    spread = math.sqrt((2.0 + 0.5 * 24.0**2 / 1000) / 1000)
    squares = _in_floats(1.0, 3.0, math.nan)
    assert mean_square(squares, 25.0, 1000) == pytest.approx((1.0 - Z * spread, 1.0 + Z * spread), rel=1e-14)
    assert mean_square(squares, 25.0, 4)[0] == 0.0
    assert mean_square(_in_floats(4.0, 16.0, 64.0), 4.0, 50) == (4.0, 4.0)


@pytest.mark.parametrize("count, most", [(20, 0.965), (100, 0.97)])
def test_mean_square_covers(count, most):
    """20000 normal samples: at least 94 % hold 1, no more than `most`, and each side misses 1 to 5 % (MCSE 0.15 %)."""
    rows = zip(*_squares(np.random.default_rng(6), count, 20_000), strict=True)
    low, high = np.array([mean_square(_in_floats(*map(float, row[:3])), float(row[3]), count) for row in rows]).T
    assert 0.94 <= np.mean((low <= 1.0) & (high >= 1.0)) <= most
    assert 0.01 <= np.mean(low > 1.0) <= 0.05 and 0.01 <= np.mean(high < 1.0) <= 0.05


@pytest.mark.parametrize("a", [3.0, -3.0, 0.0])
def test_ratio(a):
    """The gradient of a / b by finite differences, on both sides of the covariance matrix."""
    b, step, matrix = 2.0, 1e-5, np.array([[0.04, 0.015], [0.015, 0.09]])
    slopes = [((a + x) / (b + y) - (a - x) / (b - y)) / (2 * step) for x, y in ((step, 0.0), (0.0, step))]
    expected = a / b, math.sqrt(slopes @ matrix @ slopes)
    assert ratio(a, b, matrix[0, 0], matrix[1, 1], matrix[0, 1]) == pytest.approx(expected, rel=1e-8)


def test_ratio_by_simulation():
    """Small, correlated errors of both, 400000 times: their ratio varies as said, to 1 % (MCSE of it 0.11 %)."""
    matrix = np.array([[4e-4, 3e-4], [3e-4, 9e-4]])
    a, b = np.random.default_rng(7).multivariate_normal([3.0, 2.0], matrix, 400_000).T
    assert np.std(a / b) == pytest.approx(ratio(3.0, 2.0, 4e-4, 9e-4, 3e-4)[1], rel=0.01)


@pytest.mark.parametrize("b", [0.0, -1.0, math.nan])
def test_ratio_to_nothing(b):
    assert all(map(math.isnan, ratio(1.0, b, 1.0, 1.0, 0.0)))


def test_difference_error():
    """Var a + Var b - 2 Cov; a covariance beyond the largest possible counts as that, a negative variance as 0."""
    assert difference_error(4.0, 9.0, 1.5) == pytest.approx(math.sqrt(10.0))
    assert difference_error(4.0, 9.0, 6.5) == pytest.approx(1.0) == difference_error(4.0, 9.0, 6.0)
    assert difference_error(4.0, 9.0, -7.0) == pytest.approx(5.0) == difference_error(4.0, 9.0, -6.0)
    assert difference_error(4.0, 4.0, 4.1) == 0.0
    assert difference_error(-1e-20, 9.0, 1.0) == 3.0 == difference_error(9.0, -1e-20, -1.0)


def _ranked(errors):
    return Ranked(*np.unique(errors.view(np.uint64) >> DROPPED_BITS, return_counts=True))


@pytest.mark.parametrize("index", [1.5, 3.0])
def test_hill_bounds_pareto_tails(index):
    """2000 exact Pareto samples: below the index as often as they should be (4.5 MCSE), and 95 % within 4 / sqrt(k).

    The logarithms of k ratios are k exponentials, whose mean has a gamma distribution.
    """
    k = 50
    sizes = np.sort(np.random.default_rng(8).pareto(index, (2000, k * k)) + 1.0)
    bounds = np.array([hill(Sorted(row)) for row in sizes])
    chance = gamma.sf(k - Z * math.sqrt(k), k)
    assert 0.97 < chance < 0.99
    assert np.mean(bounds < index) == pytest.approx(chance, abs=4.5 * math.sqrt(chance * (1 - chance) / 2000))
    assert np.mean(bounds > index * (1.0 - 4.0 / math.sqrt(k))) > 0.95
    near = [hill(_ranked(row)) for row in sizes[:50]]
    assert near == pytest.approx(bounds[:50].tolist(), rel=0.02)


class _Largest:
    """The largest of so many sizes |e| of Student's t with df degrees of freedom, in order: no others are drawn."""

    def __init__(self, rng, count, df):
        self.count = count
        arrivals = np.cumsum(rng.standard_exponential(math.isqrt(count) + 2))
        shares = arrivals / (arrivals[-1] + rng.gamma(count - len(arrivals) + 1))
        self._sizes = student_t.isf(shares / 2.0, df)

    def at_rank(self, rank):
        return self._sizes[self.count - rank]


@pytest.mark.parametrize("count", [1000, 10**4, 10**6])
def test_hill_tells_heavy_tails_from_those_of_a_normal(count):
    """In 200 samples: no false alarm about a variance for the normal, nor for t(30), in more than 1 %; t(3) and t(5),
    whose variance has no MCSE or a rough one, are seen."""

    def alarms(df, seeds):
        rng = np.random.default_rng(count)
        return np.array([summaries.status(2, hill(_Largest(rng, count, df))) != "ok" for _ in range(seeds)]).mean()

    assert alarms(np.inf, 200) <= 0.01 and alarms(30, 200) <= 0.01
    assert alarms(3, 50) >= 0.95 and alarms(5, 50) >= (0.7 if count == 1000 else 0.95)


def test_what_hill_finds_of_normals():
    for count in (25, 1000, 10**6, 10**12):
        share = math.isqrt(count) / count
        limit = norm.isf(share / 2)
        beyond, _ = quad(lambda x: 2 * norm.sf(x) / x, limit, limit + 12, epsabs=0)
        assert normal_excess(count) == pytest.approx(beyond / share, rel=1e-3), count


def test_hill_of_few_or_equal_sizes():
    """Fewer than 25: unknown. All equal: no tail at all. Hardly any above 0: the heaviest."""
    assert math.isnan(hill(_ranks(24))) and not math.isnan(hill(_ranks(25)))
    for value in (0.0, 2.5):
        equal = np.full(400, value)
        assert hill(Sorted(equal)) == math.inf and hill(_ranked(equal)) > 20.0
    lonely = np.append(np.zeros(399), 2.0)
    assert hill(Sorted(lonely)) == 0.0 and hill(_ranked(lonely)) < 0.1
