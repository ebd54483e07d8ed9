"""Errors of SciPy's distributions: quantiles against mpmath and SciPy, facts against theory, what is refused."""

import functools
import json
import math
import subprocess
import sys
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate, optimize, stats
from scipy.stats import _distr_params

import simcore as sc
from simcore import library_laws, populations, quantile_tables
from simcore.distributions import scipy_laws
from simcore.errors import ScenarioError, UsageError
from simcore.registry import plugins
from simcore.scenario import estimator
from tests.running import same_bits, samples
from tests.test_distributions import FALSE_ALARM, _ks_p_value

ROOT = Path(sc.__file__).parents[1]
LAWS = [  # whose quantiles in SciPy are right in both tails
    *[("norm", ()), ("t", (2.5,)), ("gumbel_r", ()), ("gamma", (0.1,)), ("pareto", (1.5,)), ("lognorm", (1.2,))],
    *[("laplace_asymmetric", (1.9,)), ("triang", (0.3,)), ("dweibull", (2.07,)), ("beta", (0.6, 2.0)), ("levy", ())],
]
SHARES = np.array([2.0**-65, 1e-15, 1e-9, 1e-5, 0.01, 0.2])
Y = np.array([2.0**-50, 1e-9, 1e-3, 0.05, 0.1, 0.249])  # between the median and the place


def errors_of(entry):
    (choice,) = sc.Study(
        name="s", problem="location", factors={"n": [5], "errors": [entry]}, estimators=[{"loss": "l1"}]
    ).errors
    return choice


def of(entry, errors, problem="location"):
    return populations.estimand(estimator(entry, problem), errors_of(errors), problem)


def quantiles(law, region, y):
    """What draws make of y in a region of a table."""
    rows = np.resize(y, (-(-len(y) // 8), 8))
    regions = np.full(rows.shape, region, np.uint64)
    return quantile_tables.quantile(*law.table, regions, rows).ravel()[: len(y)]


def worst_error(name, shapes):
    """Of the quantiles of a table, against SciPy's, relative to their size or to the distance of the quartiles."""
    law, theirs = scipy_laws._law(name, shapes), getattr(stats, name)(*shapes)
    found = [
        (quantiles(law, 0, SHARES), theirs.ppf(SHARES)),
        (quantiles(law, 2, SHARES), theirs.isf(SHARES)),
        (quantiles(law, 1, Y), theirs.ppf(0.5 - Y)),
        (quantiles(law, 3, Y), theirs.isf(0.5 - Y)),
    ]
    spread = theirs.ppf(0.75) - theirs.ppf(0.25)
    tails = max(np.max(np.abs(got / true - 1.0)) for got, true in found[:2])
    return max(tails, *(np.max(np.abs(got - true) / spread) for got, true in found[2:]))


@pytest.mark.parametrize("name, shapes", LAWS, ids=str)
def test_quantiles(name, shapes):
    assert worst_error(name, shapes) < 1e-9


def test_a_wrong_quantile_is_seen():
    """Broken twin: a table of the t with 2.50001 degrees of freedom."""
    law = scipy_laws._law("t", (2.50001,))
    assert np.max(np.abs(quantiles(law, 2, SHARES) / stats.t(2.5).isf(SHARES) - 1.0)) > 1e-5


def beyond_nct(x, df=3, nc=1):
    """P(T > x) of the non-central t, as an integral over the chi-squared in its denominator."""
    density = lambda v: v ** (mp.mpf(df) / 2 - 1) * mp.exp(-v / 2) / (2 ** (mp.mpf(df) / 2) * mp.gamma(mp.mpf(df) / 2))  # noqa: E731
    inside = lambda v: density(v) * mp.ncdf(nc - x * mp.sqrt(v / df))  # noqa: E731
    width = 1 / x**2
    return mp.quad(inside, [0, width, 10 * width, 100 * width, 1000 * width])


def below_skewnorm(x, a=4):
    return mp.quad(lambda z: 2 * mp.npdf(z) * mp.ncdf(a * z), [x - 8, x - 2, x - 0.5, x])


@pytest.mark.parametrize(
    "name, shapes, region, share_of",
    [("nct", (3.0, 1.0), 2, beyond_nct), ("skewnorm", (4.0,), 0, below_skewnorm)],
)
def test_quantiles_deep_in_the_tails(name, shapes, region, share_of):
    """In 30 digits, at shares of 1e-15 and 1e-18: SciPy's quantile of the second is off by a half there."""
    law, shares = scipy_laws._law(name, shapes), [1e-15, 1e-18]
    with mp.workdps(30):
        for x, share in zip(quantiles(law, region, np.array(shares)).tolist(), shares, strict=True):
            found = share_of(mp.mpf(x))
            steepness = abs(x) * float(law.of("pdf", x)) / share
            assert abs(found / share - 1) / steepness < 1e-9


@pytest.mark.soak
@pytest.mark.parametrize("name, shapes", _distr_params.distcont, ids=str)
def test_every_distribution_of_scipy(name, shapes):
    """At the shapes of SciPy's own tests: a table that has been held against its functions, or it is one of these."""
    law, values = scipy_laws._law(name, tuple(map(float, shapes))), dict(zip(_names(name), shapes, strict=True))
    if name in scipy_laws._SLOW:
        assert plugins("distributions")[f"scipy.{name}"].conflict(**values)
    elif name in ("kstwobign", "vonmises"):
        with pytest.raises(UsageError, match="cannot be drawn"):
            law.numbers()
    else:
        masses, members = plugins("distributions")[f"scipy.{name}"].pieces(**values)
        assert abs(math.fsum(masses) - 1.0) < 1e-15
        assert np.min(np.diff(members.ravel())) > -1e-9 * law.middle[1]


def _names(name):
    return library_laws.names(getattr(stats, name))


@functools.cache
def _draws(name, shapes, compiled=True, n=100, groups=300):
    record = plugins("distributions")[name]
    values = {p.name: value for p, value in zip(record.parameters, shapes, strict=True)}
    return np.ascontiguousarray(samples(name, record.numbers(values), n, groups, compiled=compiled))


@pytest.mark.parametrize(
    "name, shapes", [("nct", (3.0, 1.0)), ("triang", (0.3,)), ("norminvgauss", (1.25, 0.5))], ids=str
)
def test_draws(name, shapes):
    """240000 of them by Kolmogorov-Smirnov, those in the tails counted; and the same bits where nothing is compiled."""
    x, law = _draws(f"scipy.{name}", shapes), getattr(stats, name)(*shapes)
    cdf = law.cdf
    if name == "norminvgauss":  # it takes a millisecond for each
        grid = np.linspace(-12.0, 25.0, 3000)
        cdf = lambda x: np.interp(x, grid, law.cdf(grid))  # noqa: E731
    assert _ks_p_value(x.ravel(), cdf) > FALSE_ALARM
    for share in (1e-2, 1e-3):
        for count in (np.count_nonzero(x < law.ppf(share)), np.count_nonzero(x > law.isf(share))):
            assert abs(count - share * x.size) < 4.5 * math.sqrt(share * x.size)
    assert same_bits(x[:2].copy(), _draws(f"scipy.{name}", shapes, False, groups=2))


def test_moments_of_draws():
    x, law = _draws("scipy.norminvgauss", (1.25, 0.5)).ravel(), stats.norminvgauss(1.25, 0.5)
    assert abs(x.mean() - law.mean()) < 4.5 * law.std() / math.sqrt(x.size)
    off = (x - law.mean()) ** 2
    assert abs(off.mean() - law.var()) < 4.5 * off.std() / math.sqrt(x.size)


def test_far_draws_come_from_far_shares():
    """Words at both ends: the largest errors that there are, at shares of 2^-65; and the share is never 1/4."""
    words = np.array([0, 1, (1 << 62) - 1, 1 << 62, 1 << 63, (1 << 63) + 1, (3 << 62) - 1, (1 << 64) - 1], np.uint64)
    region, y = quantile_tables.region_and_share(words)
    assert region.tolist() == [0, 0, 0, 1, 2, 2, 2, 3]
    assert y[0] == y[3] == y[4] == 2.0**-65 and y[1] == y[5] == 3 * 2.0**-65 and y.max() < 0.25
    law = scipy_laws._law("t", (2.5,))
    found = quantile_tables.quantile(*law.table, region, y)
    assert found[0] == -found[4] and found[4] == pytest.approx(stats.t(2.5).isf(2.0**-65), rel=1e-9)
    assert found[3] == pytest.approx(0.0, abs=1e-15)


FACTS = {  # tail index, symmetric, mean, stretched
    ("t", (2.0,)): (2.0, True, 0.0, False),
    ("cauchy", ()): (1.0, True, None, False),
    ("norm", ()): (math.inf, True, 0.0, False),
    ("nct", (3.0, 1.0)): (3.0, False, stats.nct(3, 1).mean(), False),
    ("pareto", (1.5,)): (1.5, False, 3.0, False),
    ("lognorm", (1.0,)): (math.inf, False, math.exp(0.5), True),
    ("expon", ()): (math.inf, False, 1.0, False),
    ("weibull_min", (0.5,)): (math.inf, False, 2.0, True),
    ("gumbel_r", ()): (math.inf, False, 0.5772156649015329, False),
    ("jf_skew_t", (8.0, 4.0)): (8.0, False, stats.jf_skew_t(8, 4).mean(), False),  # its density is 0 far out
    ("levy_l", ()): (0.5, False, None, False),
    ("landau", ()): (1.0, False, None, False),
    ("rdist", (1.6,)): (math.inf, True, 0.0, False),
    ("kappa4", (-0.1, 0.1)): (100.0, False, 0.4329625, False),  # SciPy says that its mean is NaN
}


@pytest.mark.parametrize("name, shapes", FACTS, ids=str)
def test_facts(name, shapes):
    record, (tail, symmetric, mean, stretched) = plugins("distributions")[f"scipy.{name}"], FACTS[name, shapes]
    values = dict(zip(_names(name), shapes, strict=True))
    assert record.tail_index(**values) == pytest.approx(tail, rel=1e-3)
    assert tail not in (1.0, 1.5, 2.0, 3.0) or record.tail_index(**values) == tail  # where statuses change
    assert record.symmetric(**values) == symmetric and record.stretched(**values) == stretched
    assert record.mean(**values) == (
        None if mean is None else pytest.approx(mean, rel=1e-9 if mean != 0.4329625 else 1e-6)
    )


PAIRS = [
    ({"scipy": "lognorm", "s": 0.5}, {"distribution": "lognormal", "sigma": 0.5}),
    ({"scipy": "pareto", "b": 1.5}, {"distribution": "pareto", "alpha": 1.5}),
    ({"scipy": "gumbel_r"}, {"distribution": "gumbel"}),
    (
        {"scipy": "t", "df": 1.5, "loc": 2.0, "scale": 3.0},
        {"distribution": "student_t", "df": 1.5, "loc": 2.0, "scale": 3.0},
    ),
]


@pytest.mark.parametrize("theirs, ours", PAIRS, ids=lambda entry: next(iter(entry.values())))
def test_estimands_are_those_of_our_own(theirs, ours):
    entries = [{"loss": "l2"}, {"loss": "l1"}, {"loss": "quantile", "tau": 0.8}, {"loss": "huber"}, {"loss": "tukey"}]
    entries += [{"loss": "huber", "scale": 0.7}, {"estimator": "trimmed_mean", "proportion": 0.1}]
    for entry in entries:
        assert of(entry, theirs) == pytest.approx(of(entry, ours), rel=1e-9)
    assert of({"loss": "huber"}, theirs, "linear") == pytest.approx(of({"loss": "huber"}, ours, "linear"), rel=1e-9)


def test_estimand_of_skewed_errors_against_quadrature():
    """Huber's, for a known scale, by integration by parts: E psi = k s - integral of F over (mu - k s, mu + k s)."""
    law, reach = stats.nct(3, 1), 1.345 * 0.7

    def pull(mu):
        return reach - integrate.quad(law.cdf, mu - reach, mu + reach, epsabs=1e-12)[0]

    exact = optimize.brentq(pull, 0.0, 3.0, xtol=1e-12)
    errors = {"scipy": "nct", "df": 3, "nc": 1}
    assert of({"loss": "huber", "scale": 0.7}, errors) == pytest.approx(exact, rel=1e-9)
    assert of({"loss": "l1"}, errors) == pytest.approx(law.median(), rel=1e-9)
    own = populations.population("scipy.nct", (("df", 3.0), ("nc", 1.0)))
    assert own.density([0.5, 2.0]) == pytest.approx(law.pdf([0.5, 2.0]), rel=1e-12)
    assert own.share_below(np.array([-1.0, 2.0])) == pytest.approx(law.cdf([-1.0, 2.0]), rel=1e-9)


def test_heavy_tails_go_on_beyond_the_table():
    """E |x|^0.45 of a t with 0.5 degrees of freedom: a twentieth of it lies beyond the last draw that there can be."""
    own, power = populations.population("scipy.t", (("df", 0.5),)), 0.45
    exact = math.gamma((power + 1) / 2) * math.gamma((0.5 - power) / 2) * 0.5 ** (power / 2)
    exact /= math.sqrt(math.pi) * math.gamma(0.25)
    assert own.mean_of(lambda x: np.abs(x) ** power) == pytest.approx(exact, rel=1e-4)


ERRORS = [{"scipy": "nct", "df": 3, "nc": [0.5, 1]}, {"scipy": "irwinhall", "n": 4}, {"scipy": "t", "df": 5}]
STUDY = {
    "name": "laws",
    "problem": "location",
    "replications": 20_000,
    "factors": {"n": [9], "errors": [*ERRORS, {"distribution": "student_t", "df": 5}]},
    "estimators": [{"loss": "l2"}, {"loss": "l1"}],
    "variance_reduction": "none",
}


def test_a_run_from_entry_to_table(tmp_path):
    """Labels, columns, the record, the same bytes on one thread; and SciPy's t is our own."""
    run = sc.run(sc.Study(**STUDY), tmp_path / "a")
    table = run.summary()
    labels = ["scipy.nct(df=3, nc=0.5)", "scipy.nct(df=3, nc=1)", "scipy.irwinhall(n=4)", "scipy.t(df=5)"]
    assert list(table["errors"].unique()) == [*labels, "student_t(df=5)"]
    assert {"df", "nc", "errors_n"} <= set(table.columns) and set(table["n"]) == {9}
    own = table.set_index(["errors", "estimator", "measure"])
    assert own.loc[(labels[2], "l2", "bias"), ["distribution", "errors_n"]].tolist() == ["scipy.irwinhall", 4.0]
    for name in ("l2", "l1"):
        theirs, ours = (own.loc[(label, name, "variance")] for label in ("scipy.t(df=5)", "student_t(df=5)"))
        assert theirs["status"] == ours["status"]
        spread = math.hypot(theirs["mcse"], ours["mcse"]) if theirs["mcse"] == theirs["mcse"] else 0.05 * ours["value"]
        assert abs(theirs["value"] - ours["value"]) < 4.5 * spread
    one = sc.run(sc.Study(**STUDY), tmp_path / "b", threads=1)
    assert (run.path / "summary.parquet").read_bytes() == (one.path / "summary.parquet").read_bytes()
    assert set(json.loads((run.path / "run.json").read_text())["inputs"]) == set(labels)


def mistakes(errors, text=None):
    with pytest.raises(ScenarioError) as told:
        sc.Study(**STUDY | {"factors": {"n": [9], "errors": errors}})
    return str(told.value)


def test_what_is_refused(tmp_path):
    assert "did you mean 'nct'?" in mistakes([{"scipy": "nctt", "df": 3, "nc": 1}])
    assert "is missing" in mistakes([{"scipy": "nct", "df": 3}])
    assert "has no such distribution (df = -3, nc = 1)" in mistakes([{"scipy": "nct", "df": -3, "nc": 1}])
    assert 'write distribution = "stable"' in mistakes([{"scipy": "levy_stable", "alpha": 1.5, "beta": 0}])
    assert 'nct is a scipy: write scipy = "nct"' in mistakes([{"distribution": "nct"}])
    assert 'write distribution = "student_t"' in mistakes([{"scipy": "student_t", "df": 3}])
    assert "one distribution or one scipy" in mistakes([{"scipy": "norm", "distribution": "normal"}])
    assert "are too many" in mistakes([{"scipy": "t", "df": list(range(1, 300))}])
    path = tmp_path / "s.toml"
    path.write_text(
        'name = "s"\nproblem = "location"\nestimators = [{ loss = "l2" }]\n[factors]\nn = [9]\n'
        'errors = [\n  { scipy = "t", df = 3 },\n  { scipy = "beta", a = 1, b = [1, 0] },\n]\n'
    )
    with pytest.raises(
        ScenarioError, match=r"s\.toml:8: factors\.errors\[1\]: has no such distribution \(a = 1, b = 0\)"
    ):
        sc.load(path)
    wild = sc.Study(**STUDY | {"factors": {"n": [9], "errors": [{"scipy": "vonmises", "kappa": 4}]}})
    with pytest.raises(UsageError, match=r"scipy\.vonmises\(kappa=4\): cannot be drawn"):
        sc.run(wild, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_scipy(monkeypatch):
    monkeypatch.setattr(scipy_laws, "_stats", lambda: None)
    assert "pip install 'simcore[scipy]'" in mistakes([{"scipy": "nct", "df": 3, "nc": 1}])
    assert "did you mean 'normal'" in mistakes([{"distribution": "norml"}])


def test_scipy_is_imported_when_it_is_named():
    program = (
        "import sys, simcore as sc; sc.load('scenarios/heavy_tails.toml'); print('scipy' in sys.modules);"
        "from simcore.registry import plugins; print(plugins('distributions')['scipy.nct'].name)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "scipy.nct"], done.stderr
