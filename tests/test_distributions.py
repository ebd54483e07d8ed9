"""Contract of every registered distribution: centre, far tails, symmetry, independence of the draws of a sample, bits.

A new distribution needs a line in PARAMETERS, and a distribution function and quantile in `oracles.distributions`.
"""

import functools
import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from simcore.registry import plugins
from tests.oracles.distributions import CDF, QUANTILE, slash_cdf
from tests.running import same_bits, samples

PARAMETERS = {
    "cauchy": [()],
    "contaminated_normal": [(0.1, 3.0), (0.3, 0.2), (0.01, 100.0)],
    "laplace": [()],
    "logistic": [()],
    "normal": [()],
    "slash": [()],
    "student_t": [(0.3,), (1.0,), (2.5,), (3.0,), (3.7,), (30.0,), (1e6,)],
    "uniform": [()],
}
CASES = [(name, numbers) for name, sets in PARAMETERS.items() for numbers in sets]
each_case = pytest.mark.parametrize("name, numbers", CASES, ids=lambda value: str(value))

N, GROUPS = 100, 2500
FALSE_ALARM = 2 * special.ndtr(-4.5)  # 7e-6 per check; the 500 of this file together: 1 in 300 for a new seed
KS_CASES = 250_000  # draws of the KS test; the tails count all two million


@functools.lru_cache(maxsize=1)
def _draws(name, numbers):
    return samples(name, numbers, N, GROUPS)


def _ks_p_value(x, cdf):
    """Probability of a Kolmogorov-Smirnov distance as large, if the draws have this distribution function."""
    u = np.sort(cdf(x))
    count = len(u)
    distance = max(np.max(np.arange(1, count + 1) / count - u), np.max(u - np.arange(count) / count))
    return stats.kstwobign.sf(distance * math.sqrt(count))


def test_every_distribution_is_here():
    """A distribution that is found by the registry and not tested here fails."""
    found = plugins("distributions")
    assert set(found) == set(PARAMETERS) == set(CDF) == set(QUANTILE)
    for name, sets in PARAMETERS.items():
        for numbers in sets:
            assert len(numbers) == len(found[name].parameters)
            assert all(number in p.domain for number, p in zip(numbers, found[name].parameters, strict=True))


@each_case
def test_kolmogorov_smirnov(name, numbers):
    """250000 draws, from 312 lane groups."""
    x = _draws(name, numbers).ravel()[:KS_CASES]
    assert np.all(np.isfinite(x)) or numbers == (0.3,)
    assert _ks_p_value(x, lambda x: CDF[name](x, *numbers)) > FALSE_ALARM


def test_kolmogorov_smirnov_sees_a_difference():
    """Broken twins: t3 held against t3.2, slash against Cauchy, a normal 1 % too wide, a mixture with 11 % for 10 %."""
    twins = (
        (("student_t", (3.0,)), lambda x: special.stdtr(3.2, x)),
        (("slash", ()), stats.cauchy.cdf),
        (("normal", ()), lambda x: special.ndtr(x / 1.01)),
        (("contaminated_normal", (0.1, 3.0)), lambda x: CDF["contaminated_normal"](x, 0.11, 3.0)),
    )
    assert [_ks_p_value(_draws(*case).ravel(), twin) < FALSE_ALARM for case, twin in twins] == [True] * len(twins)


def _smooth_scores(x, cdf):
    """Neyman's smooth test: means of Legendre polynomials 1 to 4 of the uniform scores, in standard errors.

    Separately for the first and the second draws of pairs, which may come from two formulas: (2, 4).
    """
    u = 2.0 * cdf(x) - 1.0
    square = u * u
    polynomials = (u, 1.5 * square - 0.5, (2.5 * square - 1.5) * u, (4.375 * square - 3.75) * square + 0.375)
    means = [[p[:, half::2].mean() for p in polynomials] for half in (0, 1)]
    return np.array(means) * np.sqrt(u.size / 2 * (2 * np.array([1, 2, 3, 4]) + 1))


@each_case
def test_smooth_scores(name, numbers):
    """Far finer than Kolmogorov-Smirnov for an error in location, scale or shape: two million draws."""
    scores = _smooth_scores(_draws(name, numbers), lambda x: CDF[name](x, *numbers))
    assert np.max(np.abs(scores)) < 4.5, scores


def test_a_wrong_scale_is_seen():
    """Broken twin: the second normals of pairs 0.5 % too wide."""
    twin = _draws("normal", ()) * np.where(np.arange(N) % 2 == 1, 1.005, 1.0)[:, None]
    scores = _smooth_scores(twin, special.ndtr)
    assert np.max(np.abs(scores[1])) > 4.5 > np.max(np.abs(scores[0]))


def _tail_p_values(x, quantile):
    """Two-sided binomial probability of the counts beyond the tail quantiles, low and high (symmetric about 0)."""
    for q in (1e-3, 1e-4, 1e-5):
        for count in (np.count_nonzero(x < quantile(q)), np.count_nonzero(x > -quantile(q))):
            yield min(1.0, 2 * min(stats.binom.cdf(count, x.size, q), stats.binom.sf(count - 1, x.size, q)))


@each_case
def test_far_tails(name, numbers):
    """Two million draws: 2000, 200 and 20 of them are expected beyond the quantiles 1e-3, 1e-4 and 1e-5."""
    p_values = list(_tail_p_values(_draws(name, numbers), lambda q: QUANTILE[name](q, *numbers)))
    assert len(p_values) == 6 and min(p_values) > FALSE_ALARM, p_values


def test_a_wrong_tail_is_seen():
    """Broken twins: t3 held against t3.3, and a normal cut at 4.2, which no other check of this file would see."""
    t3 = _draws("student_t", (3.0,))
    assert min(_tail_p_values(t3, lambda q: special.stdtrit(3.3, q))) < FALSE_ALARM
    cut = np.clip(_draws("normal", ()), -4.2, 4.2)
    assert min(_tail_p_values(cut, special.ndtri)) < FALSE_ALARM
    assert _ks_p_value(cut.ravel()[:KS_CASES], special.ndtr) > FALSE_ALARM


@each_case
def test_symmetry(name, numbers):
    """As many positive as negative draws, and the sizes of both have one distribution."""
    x = _draws(name, numbers).ravel()[:KS_CASES]
    assert abs(np.mean(np.sign(x))) < 4.5 / math.sqrt(len(x))
    sizes = np.searchsorted(np.quantile(np.abs(x), np.arange(1, 64) / 64), np.abs(x))
    signs = np.bincount(sizes, np.sign(x), minlength=64) / np.sqrt(np.bincount(sizes, minlength=64))
    assert stats.chi2.sf(np.sum(signs**2), 64) > FALSE_ALARM


@each_case
def test_draws_of_a_sample_are_independent(name, numbers):
    """Ranks of neighbouring draws (they may come from one pair), of size and of value, are uncorrelated."""
    u = CDF[name](_draws(name, numbers)[:250], *numbers) - 0.5
    size = np.abs(u) - 0.25
    for lag in (1, 2, 3):
        for a, variance_a in ((u, 1 / 12), (size, 1 / 48)):
            for b, variance_b in ((u, 1 / 12), (size, 1 / 48)):
                product = a[:, lag:] * b[:, :-lag]
                assert abs(product.mean()) < 4.5 * math.sqrt(variance_a * variance_b / product.size)


@each_case
def test_compiled_equals_plain(name, numbers):
    """To the bit, for odd and even sizes, also of far replications."""
    for n, first_group in ((1, 0), (7, 2**33), (20, 3)):
        both = [
            np.ascontiguousarray(samples(name, numbers, n, 4, compiled=compiled, first_group=first_group))
            for compiled in (True, False)
        ]
        assert same_bits(*both)


@each_case
def test_a_larger_sample_begins_with_the_smaller(name, numbers):
    """The draw with a given index does not depend on n."""
    large, small = _draws(name, numbers)[:5], samples(name, numbers, 7, 5)
    assert np.array_equal(large[:, :7], small)


@each_case
def test_tail_index(name, numbers):
    """P(|error| > t) ~ t^-alpha: the oracle's far quantiles have that slope; no finite slope where alpha is inf."""
    plugin = plugins("distributions")[name]
    alpha = plugin.tail_index(**{p.name: number for p, number in zip(plugin.parameters, numbers, strict=True)})
    far, farther = (float(QUANTILE[name](q, *numbers)) for q in (1e-12, 1e-13))
    slope = math.log(10.0) / math.log(farther / far) if farther < 1.0001 * far else math.inf
    if alpha == math.inf:
        assert slope > 15
    elif alpha < 10:  # else the slope is reached farther out
        assert abs(slope / alpha - 1) < 0.01
    else:
        assert numbers[0] == alpha


def test_oracle_of_slash():
    """Its closed form against quadrature of Phi(x u) over u."""
    for x in (-30.0, -2.0, -0.3, 1e-3, 0.00099, 1e-5, 0.7, 5.0, 100.0):
        exact, _ = integrate.quad(lambda u, x=x: special.ndtr(x * u), 0.0, 1.0, epsabs=1e-13, epsrel=1e-13)
        assert abs(slash_cdf(x) - exact) < 1e-12
