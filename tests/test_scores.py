"""Scores and information of every registered distribution: 400-digit derivatives, closed forms, quadrature, samples.

A new distribution needs a line in LOG_DENSITY, or in WITHOUT if its density has no closed form; parameters with which
its score cannot serve belong in SCORELESS.
"""

import functools
import math

import mpmath as mp
import numpy as np
import pytest

from simcore import jit, scores
from simcore.choices import Choice
from simcore.jit import lane
from simcore.lanes import WIDTH, load, store
from simcore.registry import plugins
from simcore.scores import efficient_score, of_one, of_two
from tests.running import rows_of, same_bits, samples

EPS = 2.0**-52
WITHOUT = {"g_and_h", "stable"}


def _log_mixture(z, epsilon, ratio):
    return mp.log((1 - epsilon) * mp.exp(-z * z / 2) + epsilon / ratio * mp.exp(-z * z / (2 * ratio * ratio)))


# log f(z) up to a constant, for numbers of mpmath
LOG_DENSITY = {
    "cauchy": lambda z: -mp.log1p(z * z),
    "contaminated_normal": _log_mixture,
    "generalized_normal": lambda z, shape: -(abs(z) ** shape),
    "gumbel": lambda z: -z - mp.exp(-z),
    "laplace": lambda z: -abs(z),
    "logistic": lambda z: -z - 2 * mp.log1p(mp.exp(-z)),
    "lognormal": lambda z, sigma: -mp.log(z) - mp.log(z) ** 2 / (2 * sigma**2) if z > 0 else -mp.inf,
    "normal": lambda z: -z * z / 2,
    "pareto": lambda z, alpha: -(alpha + 1) * mp.log(z) if z >= 1 else -mp.inf,
    "skewed_t": lambda z, df, skew: -(df + 1) / 2 * mp.log1p((z / skew if z >= 0 else z * skew) ** 2 / df),
    "slash": lambda z: mp.log(-mp.expm1(-z * z / 2) / (z * z)) if z else -mp.log(2),
    "student_t": lambda z, df: -(df + 1) / 2 * mp.log1p(z * z / df),
    "uniform": lambda z: mp.mpf(0) if abs(z) < 1 else -mp.inf,
}
HUGE = 1e200  # where scores and log densities may stay
PLACE = {"lognormal": 1.0, "pareto": 1.0}  # where f is compared with its other values, if not at 0
NUMBERS = {
    "contaminated_normal": [(0.1, 3.0), (0.3, 0.2), (0.01, 100.0), (0.0, 3.0), (1.0, 0.5), (0.5, 1e-4)],
    "generalized_normal": [(1.0,), (1.5,)],
    "lognormal": [(0.05,), (1.0,)],
    "skewed_t": [(0.3, 0.5)],
    "student_t": [(0.1,), (1.0,), (3.0,), (30.0,), (1e6,)],
}
SCORELESS = {
    "g_and_h": [(0.1, 0.2)],
    "generalized_normal": [(0.3,), (0.99,)],
    "lognormal": [(1.5,), (10.0,)],
    "pareto": [(0.5,), (3.0,)],
    "stable": [(1.5, 0.0), (2.0, 0.0)],
    "uniform": [()],
}
SCORED = [name for name in LOG_DENSITY if name in NUMBERS or name not in SCORELESS]
CASES = [(name, numbers) for name in SCORED for numbers in NUMBERS.get(name, [()])]
WITH_DENSITY = CASES + [(name, numbers) for name in SCORELESS if name in LOG_DENSITY for numbers in SCORELESS[name]]
each_case = pytest.mark.parametrize("name, numbers", CASES, ids=str)

# 1 / variance bound, from exact asymptotic theory
INVERSE_INFORMATION = {
    ("normal", ()): 1.0,
    ("cauchy", ()): 2.0,
    ("student_t", (2.0,)): 1.666666666666667,
    ("student_t", (3.0,)): 1.5,
    ("student_t", (10.0,)): 1.181818181818182,
    ("gumbel", ()): 1.0,
    ("laplace", ()): 1.0,
    ("logistic", ()): 3.0,
    ("generalized_normal", (1.0,)): 1.0,
    ("generalized_normal", (2.0,)): 0.5,
    ("generalized_normal", (8.0,)): 0.123465681958679003,
    ("skewed_t", (0.3, 0.5)): 2.5384615384615384,
    ("lognormal", (0.5,)): 0.12130613194252668,
    ("lognormal", (1.0,)): 0.06766764161830635,
    ("slash", ()): 4.847024093910827,
    ("contaminated_normal", (0.1, 3.0)): 1.256200902779085,
    ("contaminated_normal", (0.1, 10.0)): 1.208539788118472,
    ("contaminated_normal", (0.25, 3.0)): 1.693405228231778,
    ("contaminated_normal", (0.01, 10.0)): 1.023748148608625,
}


def _errors(name, numbers, loc=0.0, scale=1.0):
    parameters = plugins("distributions")[name].parameters
    pairs = tuple((p.name, number) for p, number in zip(parameters, numbers, strict=True))
    return Choice("distributions", name, pairs, loc, scale)


def _bad(name, **values):
    return Choice("contamination", name, tuple(values.items()))


NONE = _bad("none")
SHIFTED, WIDENED = _bad("shift", fraction=0.2, size=6.0), _bad("scale", fraction=0.2, ratio=10.0)


def _bound(found):
    """The lane function s(z, q) of a `Score`."""
    return jit.rebound(found.template, found.template.__name__, **dict(found.open_names))


def _at(function, z, numbers):
    """A lane function of (z, p) at any points, in plain mode."""
    with np.errstate(all="ignore"):
        return function(rows_of(z), np.array([*numbers, 0.0])).ravel()[: np.size(z)]


@functools.cache
def _points():
    """Errors of all sizes, and those where an implementation changes its form."""
    rng = np.random.default_rng(20261122)
    edges = [1e-150, 1e-8, math.log(2.0), 1.1747, 1.1748, 26.6, 37.6, 38.0, 53.3, 708.0, 709.0, 1e8, 1e150]
    sizes = np.array([*edges, *10.0 ** rng.uniform(-3, 3, 60), *rng.uniform(0, 6, 30)])
    return np.concatenate([sizes, -sizes])


@functools.cache
def _exact(name, numbers):
    """At each point log f less its value at the PLACE, and its derivative with the sign of a score."""
    values = []
    with mp.workdps(400):
        p = [mp.mpf(number) for number in numbers]
        middle = LOG_DENSITY[name](mp.mpf(PLACE.get(name, 0)), *p)
        for z in map(mp.mpf, _points().tolist()):
            value = LOG_DENSITY[name](z, *p)
            inside = mp.isfinite(value)
            slope = mp.diff(lambda u, z=z: LOG_DENSITY[name](z * (1 + u), *p), 0) / z if inside else mp.mpf(0)
            values.append((float(value - middle), float(-slope)))
    return np.array(values).T


def _worst_score(name, numbers, score):
    """Largest relative error of those up to HUGE; a score of 0 must be exactly that."""
    exact, got = _exact(name, numbers)[1], _at(score, _points(), numbers)
    huge, usual = np.abs(exact) >= HUGE, (exact != 0.0) & (np.abs(exact) < HUGE)
    assert np.all(got[exact == 0.0] == 0.0) and np.all(np.abs(got[huge]) >= HUGE)
    return np.max(np.abs(got[usual] / exact[usual] - 1.0))


def test_every_distribution_is_here():
    """A distribution of errors has a log density and a score here, or it says why not."""
    given = plugins("distributions").items()
    found = {name: plugin for name, plugin in given if plugin.problem is None and plugin.atoms is None}
    assert set(found) == set(LOG_DENSITY) | WITHOUT
    for name, plugin in found.items():
        assert (plugin.log_density is None) == (name in WITHOUT)
        assert (plugin.score is None) == (name not in SCORED)
        assert all(plugin.no_score(**_errors(name, numbers).values) is None for case, numbers in CASES if case == name)
        for numbers in SCORELESS.get(name, []):
            reason = efficient_score(_errors(name, numbers), NONE)
            assert name in reason and reason == plugin.no_score(**_errors(name, numbers).values)


@each_case
def test_score(name, numbers):
    """Minus the derivative of log f at all sizes of errors; 0 at 0, the mode of these densities or an edge."""
    score = plugins("distributions")[name].score
    assert _worst_score(name, numbers, score) < 1e-12
    assert np.all(_at(score, [0.0, -0.0], numbers) == 0.0)


def test_a_wrong_score_is_seen():
    """Broken twins: a relative error of 1e-11, and slash without its form for small errors."""
    slash = plugins("distributions")["slash"].score
    assert _worst_score("slash", (), lambda z, p: slash(z, p) * (1.0 + 1e-11)) > 1e-12

    def naive(z, p):
        return z * (2.0 / (z * z) - 1.0 / np.expm1(0.5 * z * z))

    assert _worst_score("slash", (), naive) > 1e-12


@pytest.mark.parametrize("name, numbers", WITH_DENSITY, ids=str)
def test_log_density(name, numbers):
    """Up to a constant, to 1e-13 of the larger of 1, log f and (in the tails of a power) df; -inf where f is 0."""
    exact = _exact(name, numbers)[0]
    log_density = plugins("distributions")[name].log_density
    got = _at(log_density, _points(), numbers) - _at(log_density, [PLACE.get(name, 0.0)], numbers)
    assert np.all(exact[got == -np.inf] == -np.inf)
    usual = exact > -HUGE
    assert np.all(got[~usual] <= -HUGE)
    got, exact = got[usual], exact[usual]
    assert np.all(np.abs(got - exact) <= 1e-13 * np.maximum(1.0, np.abs(exact)))


@pytest.mark.parametrize("name, numbers", WITH_DENSITY, ids=str)
def test_symmetry(name, numbers):
    """The score is odd and the log density even, to the bit, just where the plugin says that it is symmetric."""
    plugin, z = plugins("distributions")[name], np.abs(_points())
    even = np.array_equal(_at(plugin.log_density, -z, numbers), _at(plugin.log_density, z, numbers))
    assert even == plugin.symmetric(**_errors(name, numbers).values)
    if even and plugin.score:
        assert np.array_equal(_at(plugin.score, -z, numbers), -_at(plugin.score, z, numbers))


def _all_functions(x, p, q, r, out):
    for i in range(x.shape[0]):
        z = load(x, i)
        store(out, 4 * i, score(z, p))
        store(out, 4 * i + 1, log_density(z, p))
        store(out, 4 * i + 2, one(z, q))
        store(out, 4 * i + 3, two(z, r))


score = log_density = one = two = None  # open names of _all_functions


@pytest.mark.parametrize("name", SCORED)
def test_compiled_equals_plain(name):
    """To the bit, at all points, 0 and infinity; also placed anew and mixed."""
    plugin = plugins("distributions")[name]
    verbs = {"score": plugin.score, "log_density": plugin.log_density}
    placed = {key: lane(jit.rebound(f, f"{key}_{name}", **verbs)) for key, f in (("one", of_one), ("two", of_two))}
    plain = jit.rebound(_all_functions, f"scores_{name}", **verbs, **placed)
    compiled, x = jit.compiled(plain), rows_of([0.0, -0.0, np.inf, -np.inf, *_points()])
    for numbers in NUMBERS.get(name, [()]):
        p, q, r = (np.array([*front, *numbers, 0.0]) for front in ((), (5.0, 0.1), (5.0, 0.1, -4.5)))
        results = []
        for run in (compiled, plain):
            results.append(np.zeros((4 * len(x), WIDTH)))
            with np.errstate(all="ignore"):
                run(x, p, q, r, results[-1])
        assert same_bits(*results)


@pytest.mark.parametrize("case", INVERSE_INFORMATION, ids=str)
def test_information(case):
    """Against exact values, in units of the data; that of an error without contamination is its own score."""
    found = efficient_score(_errors(*case, scale=0.5), NONE)
    assert abs(found.information / 4.0 * INVERSE_INFORMATION[case] - 1.0) < 4e-15 * 100
    assert found.open_names == () and found.numbers == case[1]
    assert found.template is plugins("distributions")[case[0]].score


def test_information_of_a_density_with_a_cusp():
    """A score like the root of |z|, by quadrature: Gamma(1 / b) / (b^2 Gamma(2 - 1 / b)) for b = 3/2."""
    found = efficient_score(_errors("generalized_normal", (1.5,)), NONE)
    assert abs(found.information * 0.673957450874785704 - 1.0) < 3e-11


def _constant(name, numbers):
    """exp(log density) of the plugin over the density, at the PLACE."""
    height = {
        "cauchy": lambda: 1 / mp.pi,
        "gumbel": lambda: mp.exp(-1),
        "laplace": lambda: 0.5,
        "logistic": lambda: 0.25,
        "lognormal": lambda sigma: 1 / (sigma * mp.sqrt(2 * mp.pi)),
        "normal": lambda: 1 / mp.sqrt(2 * mp.pi),
        "skewed_t": lambda df, g: 2 / (g + 1 / g) / (mp.sqrt(df) * mp.beta(df / 2, mp.mpf(0.5))),
        "slash": lambda: 0.5 / mp.sqrt(2 * mp.pi),
        "student_t": lambda df: 1 / (mp.sqrt(df) * mp.beta(df / 2, mp.mpf(0.5))),
    }[name](*numbers)
    at_place = _at(plugins("distributions")[name].log_density, [PLACE.get(name, 0.0)], numbers)
    return float(mp.exp(at_place[0]) / height)


CLOSED = [(name, numbers) for name, numbers in CASES if plugins("distributions")[name].information]


@pytest.mark.parametrize("name, numbers", CLOSED, ids=str)
def test_closed_form_of_information(name, numbers):
    """The plugin's formula is the mean square of its score, by the quadrature that mixtures use."""
    plugin, errors = plugins("distributions")[name], _errors(name, numbers)
    square = scores._mean_square(plugin.score, numbers, name, errors.parameters) / _constant(name, numbers)
    assert abs(plugin.information(**errors.values) / square - 1.0) < 1e-11


# Information of mixtures to 18 digits: 30-digit quadrature of s^2 f by mpmath between powers of two from both centres.
# base, contamination, information
MIXTURES = [
    ("normal", (), _bad("scale", fraction=0.1, ratio=10.0), 0.827444830390615834),
    ("normal", (), _bad("shift", fraction=0.3, size=6.0), 0.966035698872792756),
    ("normal", (), _bad("scale", fraction=0.999, ratio=1000.0), 0.000236014019372780666),
    ("normal", (), _bad("scale", fraction=0.2, ratio=0.01), 1608.78607992111125),
    ("laplace", (), _bad("scale", fraction=0.1, ratio=10.0), 0.8700301981060498),
    ("laplace", (), _bad("shift", fraction=0.3, size=6.0), 0.933273928968583524),
    ("laplace", (), _bad("shift", fraction=0.001, size=1000.0), 1.0),
    ("laplace", (), _bad("scale", fraction=0.2, ratio=0.01), 1748.10065196694623),
    ("logistic", (), _bad("shift", fraction=0.3, size=6.0), 0.245214235852859707),
    ("logistic", (), _bad("scale", fraction=0.999, ratio=1000.0), 0.0000872747955096789863),
    ("slash", (), _bad("shift", fraction=0.001, size=1000.0), 0.206310540477157642),
    ("slash", (), _bad("scale", fraction=0.2, ratio=0.01), 365.722274101143751),
    ("cauchy", (), _bad("shift", fraction=0.3, size=6.0), 0.441863327902409025),
    ("cauchy", (), _bad("scale", fraction=0.5, ratio=300.0), 0.247035547691962614),
    ("student_t", (0.3,), _bad("shift", fraction=0.3, size=6.0), 0.350284906992597139),
    ("student_t", (0.3,), _bad("scale", fraction=0.999, ratio=1000.0), 0.000134124758374277918),
    ("student_t", (0.1,), _bad("shift", fraction=0.001, size=1000.0), 0.354757347776694902),
    ("student_t", (0.1,), _bad("scale", fraction=0.2, ratio=0.01), 651.369632400611361),
    ("lognormal", (0.5,), _bad("shift", fraction=0.3, size=6.0), 8.20942804888233613),
    ("lognormal", (1.0,), _bad("scale", fraction=0.1, ratio=10.0), 13.2789160274719118),
    ("lognormal", (0.05,), _bad("shift", fraction=0.3, size=-1.0), 403.010020864619782),
    ("generalized_normal", (8.0,), _bad("scale", fraction=0.2, ratio=0.01), 12124.9395658816798),
    ("skewed_t", (0.3, 0.5), _bad("shift", fraction=0.3, size=6.0), 0.34699037879998756),
    ("skewed_t", (3.0, 2.0), _bad("scale", fraction=0.1, ratio=10.0), 0.573984707411399132),
]


@pytest.mark.parametrize("name, numbers, bad, information", MIXTURES, ids=str)
def test_information_of_mixtures(name, numbers, bad, information):
    """To 1e-11, in units of the data."""
    scaled = Choice(bad.kind, bad.name, tuple((key, v * (4.0 if key == "size" else 1.0)) for key, v in bad.parameters))
    got = efficient_score(_errors(name, numbers, scale=4.0), scaled).information
    assert abs(16.0 * got / information - 1.0) < 1e-11


def test_a_mixture_by_two_roads():
    """Normal errors with outliers of another scale are contaminated normal errors, to 1e-11 at extreme ratios too."""
    for epsilon, ratio in ((0.1, 3.0), (0.3, 0.01), (0.001, 1000.0), (0.5, 1e-7), (0.5, 1e9)):
        plain = efficient_score(_errors("contaminated_normal", (epsilon, ratio)), NONE)
        mixed = efficient_score(_errors("normal", ()), _bad("scale", fraction=epsilon, ratio=ratio))
        assert abs(plain.information / mixed.information - 1.0) < 1e-11
        z = _points()[np.abs(_points()) < 1e4 * max(1.0, ratio)]
        one, other = (_at(_bound(found), z, found.numbers) for found in (plain, mixed))
        assert np.all(np.abs(one / other - 1.0) < 1e-12)


@pytest.mark.parametrize("bad", [SHIFTED, WIDENED], ids=str)
@each_case
def test_score_of_a_mixture(name, numbers, bad):
    """Minus the derivative of the logarithm of the mixture, at random errors, in 30 digits."""
    errors = _errors(name, numbers)
    found = efficient_score(errors, bad)
    components = plugins("contamination")[bad.name].components(bad.values, 1.0)
    z = np.random.default_rng(3).uniform(-20.0, 20.0, 40)
    got = _at(_bound(found), z, found.numbers)
    with mp.workdps(30):
        p = [mp.mpf(number) for number in numbers]

        def log_mixture(x):
            parts = [w / r * mp.exp(LOG_DENSITY[name]((x - a) / r, *p)) for w, a, r in components]
            return mp.log(mp.fsum(parts))

        for x, value in zip(z.tolist(), got, strict=True):
            exact = -mp.diff(log_mixture, x) if mp.isfinite(log_mixture(x)) else 0.0
            assert abs(value - exact) <= 1e-11 * max(1.0, abs(exact)), x


@pytest.mark.parametrize("name", plugins("contamination"))
def test_components(name):
    """Weights add up to 1, and the first component is the errors as they were."""
    plugin = plugins("contamination")[name]
    if plugin.components is None:
        assert name in ("point", "leverage", "growing") or plugin.problem is not None
        return
    for fraction in (0.0, 0.1, 0.7, 1.0):
        given = {"fraction": fraction}
        values = {p.name: given.get(p.name, 3.0) for p in plugin.parameters}
        components = plugin.components(values, 2.0)
        assert math.fsum(weight for weight, _, _ in components) == 1.0
        assert len(components) <= 2 and components[0][1:] == (0.0, 1.0)


SAMPLED_ERRORS = [case for case in CASES if case[1] not in NUMBERS["contaminated_normal"][2:]]
SAMPLED_BAD = [
    NONE,
    _bad("shift", fraction=0.2, size=7.0),
    _bad("shift", fraction=1.0, size=9.0),
    _bad("scale", fraction=0.1, ratio=10.0),
    _bad("scale", fraction=1.0, ratio=3.0),
]


@pytest.mark.parametrize("bad", SAMPLED_BAD, ids=str)
@pytest.mark.parametrize("name, numbers", SAMPLED_ERRORS, ids=str)
def test_samples(name, numbers, bad):
    """40000 observations as kernels draw them: the score has mean 0 and the mean square that is stated.

    And E[c s] = E[c'] for the bounded c(x) = (x - loc) / (1 + |x - loc|), which the score's covariance of 1 rests on.
    """
    errors = _errors(name, numbers, loc=2.0, scale=3.0)
    found = efficient_score(errors, bad)
    x = samples(name, numbers, 100, 50, seed=7, bad=(bad.name, (2.0, 3.0, *bad.values.values()))).ravel() - 2.0
    s = _at(_bound(found), x / 3.0, found.numbers) / 3.0
    c, slope = x / (1.0 + np.abs(x)), 1.0 / (1.0 + np.abs(x)) ** 2
    for sample, mean in ((s, 0.0), (s * s, found.information), (c * s - slope, 0.0)):
        assert abs(sample.mean() - mean) <= 4.5 * sample.std() / math.sqrt(sample.size) + 1e-12 * found.information


def test_where_there_is_no_score():
    """Half a sentence says why."""
    far = _bad("shift", fraction=0.1, size=1e20)
    assert "rounding" in efficient_score(_errors("normal", ()), far)
    point = _bad("point", fraction=0.1, at=5.0)
    assert efficient_score(_errors("uniform", ()), NONE) == "the density of uniform errors has jumps"
    assert efficient_score(_errors("normal", ()), point) == "point contamination has no density"


def test_one_component():
    """No outliers, or outliers that differ in nothing: the score is the distribution's. All outliers: placed anew."""
    t, plugin = _errors("student_t", (3.0,), scale=2.0), plugins("distributions")["student_t"]
    as_it_was = efficient_score(t, NONE)
    for bad in (
        _bad("shift", fraction=0.0, size=5.0),
        _bad("shift", fraction=0.3, size=0.0),
        _bad("scale", fraction=0.0, ratio=5.0),
        _bad("scale", fraction=0.3, ratio=1.0),
    ):
        assert efficient_score(t, bad) == as_it_was == scores.Score(plugin.score, (), (3.0,), 1.0 / 6.0)
    moved = efficient_score(t, _bad("shift", fraction=1.0, size=5.0))
    assert moved == scores.Score(of_one, (("score", plugin.score),), (2.5, 1.0, 3.0), 1.0 / 6.0)
    wide = efficient_score(t, _bad("scale", fraction=1.0, ratio=4.0))
    assert wide == scores.Score(of_one, (("score", plugin.score),), (0.0, 0.25, 3.0), 1.0 / 96.0)
    assert efficient_score(t, _bad("shift", fraction=0.3, size=5.0)).template is of_two


@each_case
def test_extreme_placements(name, numbers):
    """Never NaN, and no information below none or above that of the narrowest component."""
    z = np.concatenate([[0.0], _points()])
    for bad in (
        *(_bad("shift", fraction=f, size=a) for f in (1e-300, 0.5, 1 - 2.0**-53) for a in (1e-50, 1e9, -1e50)),
        *(_bad("scale", fraction=f, ratio=r) for f in (1e-300, 0.5, 1 - 2.0**-53) for r in (1e-50, 1e50)),
    ):
        for scale in (1e-50, 1.0, 1e50):
            found = efficient_score(_errors(name, numbers, scale=scale), bad)
            if isinstance(found, str):
                assert abs(bad.values["size"]) / scale > 1.0
                continue
            alone = efficient_score(_errors(name, numbers), NONE).information
            narrowest = min(1.0, bad.values.get("ratio", 1.0))
            information = found.information * scale * scale
            assert 0.0 <= information <= alone / narrowest**2 * (1 + 1e-9)
            assert not np.any(np.isnan(_at(_bound(found), z, found.numbers)))
            assert len(found.numbers) <= 6 and all(map(math.isfinite, found.numbers))


@pytest.mark.parametrize("name, loss", [("normal", 0.0), ("laplace", 0.0), ("cauchy", 1e-5)])
def test_far_shifts_lose_no_information(name, loss):
    """Where the components hardly meet."""
    for size in (1e3, 1e5):
        without, far = (
            efficient_score(_errors(name, ()), bad) for bad in (NONE, _bad("shift", fraction=0.4, size=size))
        )
        assert abs(far.information / without.information - 1.0) < loss + 1e-11
