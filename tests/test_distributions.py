"""Contract of every registered distribution: centre, far tails, symmetry, mean, independence of the draws, bits.

A new distribution needs a line in PARAMETERS, and a distribution function and quantile in `oracles.distributions`; one
that is not symmetric also its upper quantile and its mean.
"""

import functools
import itertools
import math

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate, special, stats

from simcore.registry import plugins
from simcore.streams import start, stream_keys, symmetric, uniform
from tests.oracles import stable
from tests.oracles.distributions import CDF, MEAN, QUANTILE, UPPER, VARIANCE, slash_cdf, tails
from tests.running import same_bits, samples

PARAMETERS = {
    "cauchy": [()],
    "contaminated_normal": [(0.1, 3.0), (0.3, 0.2), (0.01, 100.0)],
    "g_and_h": [(0.0, 0.5), (0.3, 0.0), (-0.5, 0.1), (1e-30, 0.2), (2.0, 1.5)],
    "generalized_normal": [(0.3,), (1.0,), (1.5,), (2.0,), (100.0,)],
    "gumbel": [()],
    "laplace": [()],
    "logistic": [()],
    "lognormal": [(0.1,), (0.5,), (3.0,)],
    "normal": [()],
    "pareto": [(0.5,), (1.0,), (1.5,), (100.0,)],
    "skewed_t": [(0.8, 2.0), (1.0, 0.5), (3.0, 1.5), (12.0, 1.0), (1e4, 3.0)],
    "slash": [()],
    "stable": [(0.5, 1.0), (0.7, -0.5), (0.98, 1.0), (1.0, 0.0), (1.0, 0.8), (1.5, 1.0), (2.0, 0.6)],
    "student_t": [(0.3,), (1.0,), (2.5,), (3.0,), (3.7,), (30.0,), (1e6,)],
    "uniform": [()],
}
CASES = [(name, numbers) for name, sets in PARAMETERS.items() for numbers in sets]
each_case = pytest.mark.parametrize("name, numbers", CASES, ids=lambda value: str(value))

EPS = 2.0**-52
N, GROUPS = 100, 2500
FALSE_ALARM = 2 * special.ndtr(-4.5)  # 7e-6 per check; the 500 of this file together: 1 in 300 for a new seed
KS_CASES = 250_000  # draws of the KS test; the tails count all two million


def _values(name, numbers):
    """The parameters by name, as functions of a plugin take them."""
    return {p.name: number for p, number in zip(plugins("distributions")[name].parameters, numbers, strict=True)}


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
    """A distribution of errors that is found by the registry and not tested here fails."""
    given = plugins("distributions").items()
    found = {name: plugin for name, plugin in given if plugin.problem is None and plugin.atoms is None}
    assert set(found) == set(PARAMETERS) == set(CDF) == set(QUANTILE)
    assert set(UPPER) == set(MEAN) == {name for name, numbers in CASES if not _is_symmetric(name, numbers)}
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


def _tail_p_values(x, tails):
    """Two-sided binomial probability of the counts beyond the tail quantiles, low and high."""
    for q in (1e-3, 1e-4, 1e-5):
        low, high = tails(q)
        for count in (np.count_nonzero(x < low), np.count_nonzero(x > high)):
            yield min(1.0, 2 * min(stats.binom.cdf(count, x.size, q), stats.binom.sf(count - 1, x.size, q)))


@each_case
def test_far_tails(name, numbers):
    """Two million draws: 2000, 200 and 20 of them are expected beyond the quantiles 1e-3, 1e-4 and 1e-5."""
    p_values = list(_tail_p_values(_draws(name, numbers), lambda q: tails(name, q, numbers)))
    assert len(p_values) == 6 and min(p_values) > FALSE_ALARM, p_values


def test_a_wrong_tail_is_seen():
    """Broken twins: t3 held against t3.3, and a normal cut at 4.2, which no other check of this file would see."""
    t3 = _draws("student_t", (3.0,))
    assert min(_tail_p_values(t3, lambda q: tails("student_t", q, (3.3,)))) < FALSE_ALARM
    cut = np.clip(_draws("normal", ()), -4.2, 4.2)
    assert min(_tail_p_values(cut, lambda q: tails("normal", q, ()))) < FALSE_ALARM
    pareto = _draws("pareto", (1.5,))
    assert min(_tail_p_values(pareto, lambda q: tails("pareto", q, (1.6,)))) < FALSE_ALARM
    assert _ks_p_value(cut.ravel()[:KS_CASES], special.ndtr) > FALSE_ALARM


def _is_symmetric(name, numbers):
    return plugins("distributions")[name].symmetric(**_values(name, numbers))


@each_case
def test_symmetry(name, numbers):
    """As many positive as negative draws, and the sizes of both have one distribution: where the plugin says so."""
    x = _draws(name, numbers).ravel()[:KS_CASES]
    balanced = abs(np.mean(np.sign(x))) < 4.5 / math.sqrt(len(x))
    sizes = np.searchsorted(np.quantile(np.abs(x), np.arange(1, 64) / 64), np.abs(x))
    signs = np.bincount(sizes, np.sign(x), minlength=64) / np.sqrt(np.bincount(sizes, minlength=64))
    alike = stats.chi2.sf(np.sum(signs**2), 64) > FALSE_ALARM
    nearly = numbers == (1e-30, 0.2)  # g_and_h that no sample tells from a symmetric one
    assert _is_symmetric(name, numbers) == (balanced and alike and not nearly)


@each_case
def test_mean(name, numbers):
    """The closed form to rounding; 0 where f is even; none just where the tail index is at most 1."""
    plugin = plugins("distributions")[name]
    mean, tail = plugin.mean(**_values(name, numbers)), plugin.tail_index(**_values(name, numbers))
    assert (mean is None) == (tail <= 1.0)
    if mean is not None:
        exact = 0.0 if _is_symmetric(name, numbers) else float(MEAN[name](*numbers))
        assert abs(mean - exact) <= 4 * EPS * abs(exact)


@pytest.mark.parametrize(
    "name, grid",
    [
        ("g_and_h", ((-10.0, -0.7, 1e-30, 0.3, 2.1, 9.9), (0.0, 0.3, 0.9))),
        ("lognormal", ((0.001, 0.7, 3.3, 9.9),)),
        ("skewed_t", ((1 + 1e-9, 1.01, 3.0, 20.3, 99.0, 101.5, 1e3, 1e9), (0.01, 0.7, 1.0000001, 100.0))),
        ("stable", ((1 + 1e-9, 1.01, 1.5, 1.99), (-1.0, 0.3))),
    ],
)
def test_closed_form_of_the_mean(name, grid):
    """To 4 eps over all parameters, in 60 digits."""
    plugin = plugins("distributions")[name]
    with mp.workdps(60):
        for numbers in itertools.product(*grid):
            exact = MEAN[name](*map(mp.mpf, numbers))
            assert abs(plugin.mean(**_values(name, numbers)) / exact - 1) <= 4 * EPS, numbers


# Distributions whose mean or variance is a formula of its own, with at least eight moments that samples show.
MOMENTS = [
    *[("lognormal", (0.1,)), ("lognormal", (0.5,)), ("pareto", (100.0,)), ("pareto", (12.0,))],
    *[("g_and_h", (0.3, 0.0)), ("g_and_h", (-0.5, 0.1)), ("skewed_t", (12.0, 1.0)), ("skewed_t", (1e4, 3.0))],
    *[("stable", (2.0, 0.6))],
    *[("generalized_normal", (shape,)) for shape in (1.0, 1.5, 100.0)],
]


@pytest.mark.parametrize("name, numbers", MOMENTS, ids=str)
def test_mean_and_variance_of_draws(name, numbers):
    """Two million draws within 4.5 standard errors, these from the fourth moment."""
    x = _draws(name, numbers).ravel()
    off = x - (plugins("distributions")[name].mean(**_values(name, numbers)))
    variance = float(VARIANCE[name](*numbers))
    assert abs(np.mean(off)) < 4.5 * math.sqrt(variance / x.size)
    assert abs(np.mean(off**2) - variance) < 4.5 * math.sqrt((np.mean(off**4) - variance**2) / x.size)


# name: the error as a function of the numbers that it is drawn from, which other distributions give as they are
OF_UNIFORM = {"pareto": lambda u, alpha: u ** (-1 / alpha)}
OF_NORMAL = {
    "g_and_h": lambda z, g, h: mp.exp(h * z * z / 2) * (mp.expm1(g * z) / g if g else z),
    "lognormal": lambda z, sigma: mp.exp(sigma * z),
    "normal": lambda z: z,
}


def _worst_rounding(got, exact, given, numbers):
    """The largest relative error in eps, in 60 digits."""
    with mp.workdps(60):
        p = [mp.mpf(number) for number in numbers]
        values = [exact(mp.mpf(x), *p) for x in given.tolist()]
        return max(float(abs(x / value - 1)) for x, value in zip(got.tolist(), values, strict=True)) / EPS


@pytest.mark.parametrize("name, numbers", [case for case in CASES if case[0] in OF_NORMAL], ids=str)
def test_function_of_a_normal(name, numbers):
    """It gives the draws from those of the normal, never decreases, and is good to a few ulp, also far out."""
    plugin = plugins("distributions")[name]
    given, got = _draws("normal", ())[:4], _draws(name, numbers)[:4]
    p = np.array([*numbers, 0.0])
    with np.errstate(all="ignore"):
        assert np.array_equal(plugin.from_normal(given, p), got)
        z = np.concatenate([np.linspace(-8.7, 8.7, 400), np.linspace(-1e-4, 1e-4, 40), given.ravel()[:160]])
        x = plugin.from_normal(z.reshape(-1, 8), p).ravel()
    assert np.all(np.diff(x[np.argsort(z)]) >= -4 * EPS * np.abs(x[np.argsort(z)][1:]))
    assert _worst_rounding(x, OF_NORMAL[name], z, numbers) < 6.0


def test_only_these_are_functions_of_a_normal():
    assert {name for name, plugin in plugins("distributions").items() if plugin.from_normal} == set(OF_NORMAL)


@pytest.mark.parametrize("name, numbers", [case for case in CASES if case[0] in OF_UNIFORM], ids=str)
def test_function_of_a_uniform(name, numbers):
    """Draws are good to a few ulp, those of the largest of two million among them."""
    u, x = 0.5 * _draws("uniform", ()).ravel() + 0.5, _draws(name, numbers).ravel()
    chosen = np.concatenate([np.arange(300), np.argsort(u)[:100], np.argsort(u)[-100:]])
    assert _worst_rounding(x[chosen], OF_UNIFORM[name], u[chosen], numbers) < 2.0


def _stable(u, s, alpha, beta):
    """Chambers, Mallows & Stuck (1976), less beta tan(pi alpha / 2)."""
    w, angle = -mp.log(u), mp.pi * s
    if alpha == 1:
        tilted = mp.pi / 2 + beta * angle
        return 2 / mp.pi * (tilted * mp.tan(angle) - beta * mp.log(mp.pi / 2 * w * mp.cos(angle) / tilted))
    t = beta * mp.tan(mp.pi * alpha / 2)
    turned = alpha * angle + mp.atan(t)
    size = (1 + t * t) ** (1 / (2 * alpha)) * mp.sin(turned) / mp.cos(angle) ** (1 / alpha)
    return size * (mp.cos(angle - turned) / w) ** ((1 - alpha) / alpha) - t


@pytest.mark.parametrize("alpha", [0.5, 0.95, 1.0 - 2.0**-53, 1.0, 1.0 + EPS, 1.0 + 1e-6, 1.5, 2.0])
@pytest.mark.parametrize("beta", [0.0, 0.7, -1.0])
def test_accuracy_of_stable_draws(alpha, beta):
    """Against 80 digits, to 32 eps of the larger of 1 and the error, also next to alpha = 1."""
    n, groups = 10, 3
    x, given = samples("stable", (alpha, beta), n, groups), []
    with np.errstate(all="ignore"):
        for group in range(groups):
            stream = start(stream_keys(1, "cell"), 0, group)
            for _ in range(n):
                u, stream = uniform(stream)
                s, stream = symmetric(stream)
                given += zip(u.tolist(), s.tolist(), strict=True)
    with mp.workdps(80):
        exact = [_stable(mp.mpf(u), mp.mpf(s), mp.mpf(alpha), mp.mpf(beta)) for u, s in given]
        worst = max(abs(got - value) / max(1, abs(value)) for got, value in zip(x.ravel().tolist(), exact, strict=True))
    assert worst < 32 * EPS


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
    """P(|error| > t) ~ t^-alpha: the oracle's far quantiles have that slope on the heavier side.

    Where alpha is inf, both slopes are steep or still grow.
    """
    alpha = plugins("distributions")[name].tail_index(**_values(name, numbers))
    slopes = [
        [_slope(*(tails(name, q, numbers)[side] for q in (start, start / 10))) for start in (1e-6, 1e-12)]
        for side in (0, 1)
    ]
    near, slope = min(slopes, key=max)
    if alpha == math.inf:
        assert slope > 15 or slope > 1.2 * near
    elif name == "g_and_h":  # its slope is reached at no probability that a float64 holds
        far = OF_NORMAL[name](mp.mpf(10) ** 8, abs(numbers[0]), numbers[1])
        assert abs(2 * mp.log(far) / mp.mpf(10) ** 16 * alpha - 1) < 1e-6
    elif alpha < 10:  # else the slope is reached farther out
        assert abs(slope / alpha - 1) < 0.01
    else:
        assert numbers[0] == alpha


def _slope(far, farther):
    """Of log probability against log size; inf where the size does not grow."""
    return math.log(10.0) / math.log(farther / far) if abs(farther) > 1.0001 * abs(far) else math.inf


def test_oracle_of_slash():
    """Its closed form against quadrature of Phi(x u) over u."""
    for x in (-30.0, -2.0, -0.3, 1e-3, 0.00099, 1e-5, 0.7, 5.0, 100.0):
        exact, _ = integrate.quad(lambda u, x=x: special.ndtr(x * u), 0.0, 1.0, epsabs=1e-13, epsrel=1e-13)
        assert abs(slash_cdf(x) - exact) < 1e-12


@pytest.mark.parametrize("alpha, beta", [(0.7, -0.5), (0.98, 1.0), (1.0, 0.8), (1.0, -1.0), (1.5, 1.0), (1.8, 0.3)])
def test_oracle_of_stable(alpha, beta):
    """Nolan's integrals against the characteristic function, and the table against the integrals."""
    x = np.array([-3.0, -1.0, -0.3, 0.2, 1.0, 4.0])
    exact = [stable.by_inversion(place, alpha, beta) for place in x]
    assert np.max(np.abs(stable.lower(x, alpha, beta) - exact)) < 1e-10
    assert np.max(np.abs(stable.upper(x, alpha, beta) + exact - 1.0)) < 1e-10
    x = np.concatenate([x, np.geomspace(0.01, 1e6, 100), -np.geomspace(0.01, 1e6, 100)])
    assert np.max(np.abs(stable.cdf(x, alpha, beta) - stable.lower(x, alpha, beta))) < 1e-6


def test_oracle_of_stable_where_it_is_known():
    """Levy and normal, from their own formulas."""
    x = np.array([-0.9, -0.5, 0.0, 1.0, 30.0, 1e6])
    assert np.max(np.abs(stable.lower(x, 0.5, 1.0) - stats.levy.cdf(x + 1.0))) < 1e-12
    assert np.max(np.abs(stable.lower(x, 2.0 - 1e-9, 0.0) - stats.norm.cdf(x, scale=math.sqrt(2.0)))) < 1e-8
