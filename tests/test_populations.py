"""What estimators estimate where errors are not symmetric: quadrature by SciPy, closed forms, and large samples."""

import functools
import math

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

import simcore as sc
from simcore import design, execute, populations, summaries, sums
from simcore.errors import ScenarioError
from simcore.populations import Population
from simcore.scenario import estimator

MAD_FACTOR = 1.482602218505602
LOSSES = [{"loss": "l2"}, {"loss": "l1"}, {"loss": "quantile", "tau": 0.8}, {"loss": "huber"}, {"loss": "tukey"}]
SKEWED = {
    "lognormal": ({"sigma": 0.5}, stats.lognorm(0.5)),
    "pareto": ({"alpha": 1.5}, stats.pareto(1.5)),
    "gumbel": ({}, stats.gumbel_r()),
    "skewed_t": ({"df": 3.0, "skew": 2.0}, None),
}


def fernandez_steel(df, skew):
    """Distribution function of the two-piece t."""
    low = 1.0 / (1.0 + skew * skew)

    def cdf(x):
        if x < 0.0:
            return 2 * low * special.stdtr(df, x * skew)
        return low + (1 - low) * (2 * special.stdtr(df, x / skew) - 1)

    return cdf


def cdf_of(name):
    values, frozen = SKEWED[name]
    return frozen.cdf if frozen is not None else fernandez_steel(**values)


def quantile_of(name, share):
    return optimize.brentq(lambda x: cdf_of(name)(x) - share, -20.0, 1e6, xtol=1e-14, rtol=1e-15)


def mad_of(name, centre):
    cdf = cdf_of(name)
    return MAD_FACTOR * optimize.brentq(lambda m: cdf(centre + m) - cdf(centre - m) - 0.5, 1e-9, 20.0, xtol=1e-15)


def entry_of(name):
    return {"distribution": name, **SKEWED[name][0]}


def errors_of(entry):
    (choice,) = sc.Study(
        name="p",
        problem="location",
        factors={"n": [5], "errors": [entry]},
        estimators=[{"loss": "l1"}],
    ).errors
    return choice


def of(entry, errors, problem="location", which="own"):
    return populations.estimand(estimator(entry, problem), errors_of(errors), problem, which)


def huber_root(name, k, scale_at):
    """The root of E psi by integration by parts: E psi = k - integral of F over (mu - k s, mu + k s) / s."""
    cdf = cdf_of(name)

    def pull(mu):
        reach = k * scale_at(mu)
        area, _ = integrate.quad(cdf, mu - reach, mu + reach, points=[0.0, 1.0], epsabs=1e-13, epsrel=1e-13, limit=400)
        return reach - area

    return optimize.brentq(pull, quantile_of(name, 0.05), quantile_of(name, 0.95), xtol=1e-14)


@pytest.mark.parametrize("name", SKEWED)
def test_huber_against_quadrature(name):
    """Scale known, MAD about the median, and of regression the MAD about the estimate itself."""
    mad = mad_of(name, quantile_of(name, 0.5))
    known = huber_root(name, 1.345, lambda mu: 0.7)
    fixed = huber_root(name, 1.345, lambda mu: mad)
    own = huber_root(name, 1.345, functools.cache(lambda mu: mad_of(name, mu)))
    found = [
        of({"loss": "huber", "scale": 0.7}, entry_of(name)),
        of({"loss": "huber"}, entry_of(name)),
        of({"loss": "huber"}, entry_of(name), "linear"),
    ]
    assert np.allclose(found, [known, fixed, own], rtol=0, atol=2e-10)


@pytest.mark.parametrize("name", SKEWED)
def test_quantiles_and_means(name):
    values, frozen = SKEWED[name]
    for tau in (0.03, 0.5, 0.9):
        assert math.isclose(of({"loss": "quantile", "tau": tau}, entry_of(name)), quantile_of(name, tau), abs_tol=1e-11)
    assert math.isclose(of({"loss": "l1"}, entry_of(name)), quantile_of(name, 0.5), abs_tol=1e-11)
    if frozen is not None:
        assert math.isclose(of({"loss": "l2"}, entry_of(name)), frozen.mean(), rel_tol=1e-14)


def test_trimmed_winsorized_and_averages_of_pairs():
    """The median of (X + X') / 2 by a convolution in quadrature; trimmed means of a power tail in closed form."""
    low, high = quantile_of("pareto", 0.1), quantile_of("pareto", 0.9)
    inside = 3.0 * (low**-0.5 - high**-0.5)  # the integral of x f(x) = 1.5 x^-1.5
    for name, exact in (("trimmed_mean", inside / 0.8), ("winsorized_mean", inside + 0.1 * (low + high))):
        found = of({"estimator": name, "proportion": 0.1}, entry_of("pareto"))
        assert math.isclose(found, exact, rel_tol=1e-11)
    law = stats.gumbel_r()

    def share(centre):
        return integrate.quad(lambda x: law.pdf(x) * law.cdf(2 * centre - x), -6, 40, epsabs=1e-13, limit=300)[0] - 0.5

    exact = optimize.brentq(share, 0.0, 1.0, xtol=1e-13)
    assert math.isclose(of({"estimator": "hodges_lehmann"}, entry_of("gumbel")), exact, abs_tol=1e-10)


def test_g_and_h_through_the_normal():
    """Its density has no closed form; the root of E psi over the normal that it is made of."""
    errors = {"distribution": "g_and_h", "g": 0.4, "h": 0.15}

    def value(z):
        return (math.exp(0.4 * z) - 1) / 0.4 * math.exp(0.075 * z * z)

    def pull(mu):
        kinks = [optimize.brentq(lambda z, at=at: value(z) - at, -9, 9) for at in (mu - 1.345, mu + 1.345)]
        parts = zip([-9, *kinks], [*kinks, 9], strict=True)
        psi = lambda z: max(-1.345, min(1.345, value(z) - mu)) * stats.norm.pdf(z)  # noqa: E731
        return math.fsum(integrate.quad(psi, *part, epsabs=1e-14)[0] for part in parts)

    exact = optimize.brentq(pull, -0.5, 0.5, xtol=1e-14)
    assert math.isclose(of({"loss": "huber", "scale": 1.0}, errors), exact, abs_tol=1e-11)
    assert of({"loss": "l1"}, errors) == 0.0


def test_symmetric_errors_keep_their_centre():
    errors = {"distribution": "student_t", "df": 1.5, "loc": 3.0, "scale": 7.0}
    for entry in ({"loss": "l2"}, {"loss": "tukey"}, {"estimator": "hodges_lehmann"}, {"loss": "quantile"}):
        assert of(entry, errors) == 3.0
    expected = 3.0 + 7.0 * special.stdtrit(1.5, 0.2)
    assert math.isclose(of({"loss": "quantile", "tau": 0.2}, errors), expected, rel_tol=1e-11)


def test_place_and_scale_carry_over():
    """Of a scale that is known the residuals are in other units."""
    placed = {**entry_of("lognormal"), "loc": -2.0, "scale": 10.0}
    huber = {"loss": "huber"}
    for own, known in ((huber, huber), ({**huber, "scale": 5.0}, {**huber, "scale": 0.5})):
        assert math.isclose(of(own, placed), -2.0 + 10.0 * of(known, entry_of("lognormal")), rel_tol=1e-11)


def test_one_estimand_for_all():
    law = SKEWED["pareto"][1]
    for entry in ({"loss": "l2"}, {"loss": "tukey"}, {"loss": "quantile", "tau": 0.9}):
        assert math.isclose(of(entry, entry_of("pareto"), which="mean"), law.mean(), rel_tol=1e-14)
        assert math.isclose(of(entry, entry_of("pareto"), which="median"), law.median(), rel_tol=1e-11)


def test_what_does_not_exist_and_what_is_not_known():
    """The mean of a Pareto of index 1; a mean for all where there is none; the density of skewed stable errors."""
    assert of({"loss": "l2"}, {"distribution": "pareto", "alpha": 1.0}) is None
    study = {"name": "s", "problem": "location", "estimators": [{"loss": "huber"}]}
    for errors, estimand, words in (
        ({"distribution": "pareto", "alpha": 0.9}, "mean", ("have no mean", '"own" or "median"')),
        ({"distribution": "stable", "alpha": 1.5, "beta": 0.5}, "own", ("no closed form", 'estimand = "mean"')),
    ):
        with pytest.raises(ScenarioError) as caught:
            sc.Study(**study, estimand=estimand, factors={"n": [9], "errors": [errors]})
        assert all(word in str(caught.value) for word in words), caught.value


def test_the_population_is_a_distribution():
    """Shares and quantiles are each other's inverse, also far out and at the edge of a density."""
    for name, (values, _) in SKEWED.items():
        own = Population(name, tuple(values.items()))
        for share in (1e-9, 0.2, 0.999, 1 - 1e-9):
            x = own.quantile(share)
            assert math.isclose(float(own.share_below(np.array([x]))[0]), share, rel_tol=1e-6, abs_tol=1e-12)
            assert math.isclose(cdf_of(name)(x), share, rel_tol=1e-6, abs_tol=1e-12)


def test_density():
    """With its constant, also of errors that are a function of a normal."""
    for name, (values, law) in SKEWED.items():
        if law is not None:
            own = Population(name, tuple(values.items()))
            assert np.allclose(own.density([1.1, 2.0]), law.pdf([1.1, 2.0]), rtol=1e-10), name


@pytest.fixture(scope="module")
def tables():
    """Location and an intercept, each at two sample sizes."""
    found = {}
    for problem, more in (("location", {}), ("linear", {"beta": [1.0, 2.0]})):
        design_factor = {"design": [{"design": "uniform"}]} if more else {}
        study = sc.Study(
            name="s",
            problem=problem,
            seed=5,
            replications=30_000,
            factors={"n": [10, 160], "errors": [entry_of("gumbel")], **design_factor},
            estimators=LOSSES,
            **more,
        )
        parts = []
        for cell in design.cells(study):
            (block,) = design.blocks_between(cell, 0, 30_000)
            nodes = execute.run_block(study, cell, block).nodes
            parts.append((cell, sums.total(nodes, design.chunk_size(cell.size)), None))
        table = summaries.summarise(study, parts)
        found[problem] = table[table["measure"] == "bias"].set_index(["n", "estimator", "parameter"])
    return found


@pytest.mark.parametrize("problem, parameter", [("location", "theta"), ("linear", "beta0")])
def test_bias_against_the_own_estimand_falls_like_1_over_n(tables, problem, parameter):
    """So it is 16 times smaller at n = 160 than at n = 10, but for the error and terms of higher order; the mean has
    none at all."""
    table = tables[problem]
    for name in table.index.get_level_values("estimator").unique():
        few, many = (table.loc[(n, name, parameter)] for n in (10, 160))
        if name == "l2":
            assert abs(few["value"]) < 4.5 * few["mcse"] and abs(many["value"]) < 4.5 * many["mcse"]
        assert abs(many["value"]) < 4.5 * many["mcse"] + abs(few["value"]) / 8.0, name
    truths = table["truth"].xs(160, level="n").xs(parameter, level="parameter")
    assert truths["l2"] != truths["l1"] != truths["quantile(tau=0.8)"]


def test_slopes_stay_where_they_are(tables):
    slopes = tables["linear"].xs("beta1", level="parameter")
    assert set(slopes["truth"]) == {2.0}
    means = slopes.xs("l2", level="estimator")
    assert (means["value"].abs() < 4.5 * means["mcse"]).all()


@pytest.mark.parametrize(
    "entry, errors, exact",
    [
        ({"estimator": "trimmed_mean", "proportion": 0.0}, {"distribution": "gumbel"}, stats.gumbel_r.mean()),
        ({"estimator": "winsorized_mean", "proportion": 0.0}, {"distribution": "pareto", "alpha": 1.5}, 3.0),
        ({"estimator": "trimmed_mean", "proportion": 1e-12}, {"distribution": "gumbel"}, stats.gumbel_r.mean()),
        ({"estimator": "catoni"}, {"distribution": "lognormal", "sigma": 8.0}, math.exp(32.0)),
        ({"loss": "l1"}, {"distribution": "lognormal", "sigma": 10.0}, 1.0),
        ({"loss": "quantile", "tau": 0.9}, {"distribution": "lognormal", "sigma": 10.0}, math.exp(12.815515655446004)),
    ],
)
def test_edges_of_the_domains(entry, errors, exact):
    """Nothing cut off, next to nothing, and tails as long as they may be."""
    assert math.isclose(of(entry, errors), exact, rel_tol=2e-9)
