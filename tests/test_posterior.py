"""Posterior means, medians and modes against SciPy and brute force, Bayes risks against their exact values."""

import functools
import json
import math
from pathlib import Path

import numpy as np
import pytest

import simcore as sc
from simcore import comparisons, design, execute, recipes, summaries, sums
from simcore.lanes import WIDTH
from simcore.registry import plugins
from simcore.streams import ERRORS, start
from tests.oracles import posterior as oracle
from tests.running import assert_same_bits, data_sets, fitted

FACTS = json.loads((Path(__file__).parent / "oracles" / "posterior.json").read_text())
NAMES = ("mean", "median", "mode")
ESTIMATORS = [{"estimator": f"posterior_{name}"} for name in NAMES]
MODELS = {
    "normal": {"distribution": "normal_prior", "sd": 1.5, "noise": 2.0},
    "beta": {"distribution": "beta_prior", "a": 1.0, "b": 4.0},
    "gamma": {"distribution": "gamma_prior", "shape": 1.5, "rate": 0.8},
    "mixture": {"distribution": "mixture_prior", "distance": 4.0, "weight": 0.7, "sd": 0.5, "noise": 2.0},
    "student_t": {"distribution": "student_t_likelihood", "df": 2.0, "sd": 2.0},
}
REPLICATIONS = 100_000
N = 3


def study(*errors, n=(N,), replications=REPLICATIONS):
    factors = {"n": list(n), "errors": list(errors)}
    return sc.Study(
        name="p", problem="posterior", seed=5, replications=replications, factors=factors, estimators=ESTIMATORS
    )


def parts_of(own):
    parts = []
    for cell in design.cells(own):
        nodes = execute.run_block(own, cell, design.Block(cell.number, cell.key, 0, own.replications)).nodes
        parts.append((cell, sums.total(nodes, design.chunk_size(cell.size)), None))
    return parts


@functools.cache
def run(name):
    own = study(MODELS[name])
    return own, parts_of(own)


@functools.cache
def table(name):
    return summaries.summarise(*run(name)).set_index(["measure", "estimator"])


def estimates(errors, n, groups=1):
    """(data sets (groups, rows, WIDTH), estimates (groups, 3, WIDTH)) of a model."""
    own = study(errors, n=(n,))
    kernel = recipes.kernel_cell(own, design.cells(own)[0])
    sets = data_sets(kernel, groups)
    return sets, np.array([_fits(kernel, rows, n) for rows in sets])


def _fits(kernel, rows, n):
    fits = zip(kernel.fits, kernel.fit_numbers, strict=True)
    return [fitted(fit, rows, n, numbers, 0)[0][0] + rows[0] for fit, numbers in fits]


def of_statistic(errors, n, statistic):
    """The estimates where the sufficient statistic is this, as a tuple."""
    own = study(errors, n=(n,))
    kernel = recipes.kernel_cell(own, design.cells(own)[0])
    rows = np.vstack([np.zeros(WIDTH), np.full(WIDTH, float(statistic))])
    return tuple(own[0] for own in _fits(kernel, rows, n))


# --- single posteriors


def test_the_normal_posterior_of_1_2_9():
    found = of_statistic({"distribution": "normal_prior", "sd": 2.0, "noise": 1.0}, 3, 4.0)
    assert np.allclose(found, float(FACTS["normal_conjugate"]["posterior_mean"]), rtol=1e-15)
    assert math.isclose(found[0], 48 / 13, rel_tol=1e-15)


def test_the_beta_posterior_with_shapes_2_and_5():
    fact = {key: float(value) for key, value in FACTS["beta(2,5)_asymmetric"].items()}
    model = {"distribution": "beta_prior", "a": 1.0, "b": 4.0}
    mean, median, mode = of_statistic(model, 2, 1)
    exact = fact["posterior_mean"], fact["posterior_median"], fact["mode"]
    assert np.allclose((mean, median, mode), exact, rtol=1e-13)
    sets, _ = estimates(model, 2, 20_000)
    theta = sets[:, 0][sets[:, 1] == 1.0]  # theta given that posterior
    losses = {
        "variance": (theta - mean) ** 2,
        "abs_loss_at_mean": abs(theta - mean),
        "abs_loss_at_median": abs(theta - median),
        "sq_loss_at_median": (theta - median) ** 2,
    }
    losses["paired"] = losses["abs_loss_at_mean"] - losses["abs_loss_at_median"]
    fact["paired"] = fact["abs_loss_at_mean"] - fact["abs_loss_at_median"]
    for name, loss in losses.items():
        assert abs(loss.mean() - fact[name]) < 4.5 * loss.std() / math.sqrt(loss.size), name


@pytest.mark.parametrize("a, b", [(1.0, 1.0), (0.5, 0.5), (2.0, 0.7), (30.0, 400.0)])
@pytest.mark.parametrize("n", [1, 2, 17])
def test_every_beta_posterior(a, b, n):
    for successes in range(n + 1):
        found = of_statistic({"distribution": "beta_prior", "a": a, "b": b}, n, successes)
        assert np.allclose(found, oracle.beta(successes, n, a, b), rtol=0, atol=1e-11)


@pytest.mark.parametrize("shape, rate", [(0.5, 0.1), (1.0, 1.0), (7.3, 2.0)])
def test_every_gamma_posterior(shape, rate):
    for count in (0, 1, 2, 5, 40, 1000):
        found = of_statistic({"distribution": "gamma_prior", "shape": shape, "rate": rate}, 4, count)
        assert np.allclose(found, oracle.gamma(count, 4, shape, rate), rtol=1e-13, atol=0)


MIXTURES = [
    (4.0, 0.7, 0.5, 2.0),  # two modes
    (4.0, 0.5, 1.0, 1.0),
    (1.0, 0.2, 1.0, 1.0),  # one mode
    (30.0, 0.01, 0.3, 20.0),  # far apart
]


@pytest.mark.parametrize("numbers", MIXTURES, ids=str)
def test_mixture_posteriors(numbers):
    """At statistics all over, where either component is the heavier."""
    distance, weight, sd, noise = numbers
    errors = {"distribution": "mixture_prior", "distance": distance, "weight": weight, "sd": sd, "noise": noise}
    for xbar in np.linspace(-distance, distance, 22):
        slow = oracle.mixture(xbar, 2, *numbers)
        mean, median, mode = of_statistic(errors, 2, xbar)
        assert np.allclose((mean, median), (slow.mean, slow.median), rtol=0, atol=2e-12 * distance)
        assert abs(mode - slow.mode) < 1e-6 * distance


def test_equal_modes_of_a_mixture():
    """On the edge, where both modes are as high, any of them will do; where they merge, the middle."""
    errors = {"distribution": "mixture_prior", "distance": 4.0, "weight": 0.5, "sd": 0.5, "noise": 2.0}
    mean, median, mode = of_statistic(errors, 1, 0.0)
    assert abs(mean) < 1e-15 and abs(median) < 1e-12
    assert abs(abs(mode) - abs(oracle.mixture(0.0, 1, 4.0, 0.5, 0.5, 2.0).mode)) < 1e-6
    assert all(abs(value) < 1e-12 for value in of_statistic(errors | {"distance": 0.5, "sd": 1.0}, 1, 0.0))


T_CASES = [
    ({"df": 2.0, "sd": 2.0}, 1),
    ({"df": 1.0, "sd": 5.0}, 2),  # two observations far apart: two modes
    ({"df": 4.0, "sd": 1.0, "noise": 0.3}, 10),
    ({"df": 1.0, "sd": 30.0}, 5),
    ({"df": 1000.0, "sd": 0.2, "noise": 2.0}, 3),
    ({"df": 3.0, "sd": 2.0}, 60),
]


@pytest.mark.parametrize("values, n", T_CASES, ids=str)
def test_student_t_posteriors(values, n):
    """On data sets as the kernel draws them; in standard deviations of theta."""
    sets, found = estimates({"distribution": "student_t_likelihood"} | values, n, 3)
    sd, noise = values["sd"], values.get("noise", 1.0)
    for rows, own in zip(sets, found, strict=True):
        for k in range(WIDTH):
            slow = oracle.student_t(noise * rows[1 : n + 1, k], values["df"], sd, noise)
            assert abs(own[0, k] - slow.mean) < 1e-11 * sd
            assert abs(own[1, k] - slow.median) < 3e-11 * sd
            assert abs(own[2, k] - slow.mode) < 1e-6 * sd


def test_the_t_with_many_degrees_of_freedom_is_normal():
    sets, found = estimates({"distribution": "student_t_likelihood", "df": 1000.0, "sd": 0.5}, 4, 2)
    means = sets[:, 1:5].mean(axis=1) * (4 * 0.25 / (4 * 0.25 + 1.0))
    assert np.all(np.abs(found - means[:, None]) < 0.01)


# --- data


@pytest.mark.parametrize("name", MODELS)
def test_data_sets_are_the_models(name):
    """Moments of theta, and of the statistic given theta, by regression of one on the other."""
    sets, _ = data_of(name)
    theta, statistic = sets[:, 0].ravel(), sets[:, 1].ravel()
    values = MODELS[name]
    if name == "beta":
        mean, variance, centre = 0.2, 0.2 * 0.8 / 6.0, N * theta
        noise = N * theta * (1.0 - theta)
    elif name == "gamma":
        mean, variance, centre = 1.5 / 0.8, 1.5 / 0.64, N * theta
        noise = N * theta
    elif name == "mixture":
        mean, variance, centre = 4.0 * 0.2, 0.25 + 16.0 * 0.21, theta
        noise = np.full(theta.size, 4.0 / N)
    else:
        mean, variance, centre = 0.0, values["sd"] ** 2, theta
        noise = np.full(theta.size, values.get("noise", 1.0) ** 2 / N)
    assert abs(theta.mean() - mean) < 4.5 * math.sqrt(variance / theta.size)
    squares = (theta - mean) ** 2
    assert abs(squares.mean() - variance) < 4.5 * squares.std() / math.sqrt(theta.size)
    if name == "student_t":  # the first observation: its median is theta, three quarters are below theta + 0.8165
        for quantile, share in ((0.0, 0.5), (0.816496580927726, 0.75)):
            below = np.mean(statistic - theta < quantile)
            assert abs(below - share) < 4.5 * math.sqrt(share * (1 - share) / theta.size)
        return
    z = (statistic - centre) / np.sqrt(np.maximum(noise, 1e-300))
    use = noise > 0.01
    assert abs(z[use].mean()) < 4.5 / math.sqrt(use.sum())
    assert abs((z[use] ** 2).mean() - 1.0) < 4.5 * (z[use] ** 2).std() / math.sqrt(use.sum())


@functools.cache
def data_of(name):
    return estimates(MODELS[name], N, 4000)


# --- Bayes risks


def check(name, measure, estimator, exact):
    row = table(name).loc[(measure, f"posterior_{estimator}")]
    assert abs(row["value"] - exact) < 4.5 * row["mcse"] < 0.05 * abs(exact), (measure, estimator)


def test_risks_of_the_normal_model():
    for measure, exact in zip(("mse", "mae"), oracle.normal_risks(N, 1.5, 2.0), strict=True):
        for estimator in NAMES:
            check("normal", measure, estimator, exact)


@pytest.mark.parametrize("name", ["beta", "gamma"])
def test_risks_of_the_conjugate_models(name):
    risks = {"beta": oracle.beta_risks(N, 1.0, 4.0), "gamma": oracle.gamma_risks(N, 1.5, 0.8)}[name]
    for measure, exact in zip(("mse", "mae"), risks, strict=True):
        for estimator, own in zip(NAMES, exact, strict=True):
            check(name, measure, estimator, own)
    squared, absolute = risks
    for measure, exact in (("efficiency_mse", squared), ("efficiency_mae", absolute)):
        for estimator, own in zip(NAMES[1:], exact[1:], strict=True):
            check(name, measure, estimator, exact[0] / own)


def test_risk_of_the_beta_model_is_the_mean_posterior_variance():
    """In fractions: the posterior variance has the mean a b / ((a + b) (a + b + 1) (a + b + n))."""
    assert math.isclose(oracle.beta_risks(N, 1.0, 4.0)[0][0], 4.0 / (5.0 * 6.0 * 8.0), rel_tol=1e-12)


def test_risks_of_the_mixture():
    squared, absolute = oracle.mixture_risks(N, 4.0, 0.7, 0.5, 2.0)
    check("mixture", "mse", "mean", squared)
    check("mixture", "mae", "median", absolute)


def test_risks_of_the_t_from_one_observation():
    squared, absolute = oracle.student_t_risks(2.0, 2.0, 1.0)
    own = study(MODELS["student_t"], n=(1,))
    found = summaries.summarise(own, parts_of(own)).set_index(["measure", "estimator"])
    for measure, estimator, exact in (("mse", "posterior_mean", squared), ("mae", "posterior_median", absolute)):
        row = found.loc[(measure, estimator)]
        assert abs(row["value"] - exact) < 4.5 * row["mcse"] < 0.05 * exact


@pytest.mark.parametrize("name", MODELS)
def test_the_posterior_mean_is_unbiased_over_the_prior(name):
    row = table(name).loc[("bias", "posterior_mean")]
    assert abs(row["value"]) < 4.5 * row["mcse"] and row["n_failed"] == 0


@pytest.mark.parametrize("name", MODELS)
def test_each_wins_under_its_own_loss(name):
    """Beyond the error, where the posterior is not symmetric; where it is, the estimates are the same."""
    for measure, verdict in (("mse", "smaller"), ("mae", "larger")):
        rows = comparisons.compare(*run(name), measure).set_index(["estimator", "other"])
        row = rows.loc[("posterior_mean", "posterior_median")]
        if name == "normal":
            assert row["difference"] == 0.0
        else:
            assert row["verdict"] == verdict and abs(row["difference"]) > 3.0 * row["mcse"]
        best = f"posterior_{'mean' if measure == 'mse' else 'median'}"
        assert rows.loc[(best, "posterior_mode")]["verdict"] == ("within error" if name == "normal" else "smaller")


def test_efficiency_by_absolute_error_is_that_of_the_estimates():
    """Linearised: the standard deviation of (|e_r| - ratio |e|) / mean |e|."""
    own = study(MODELS["gamma"], replications=2000)
    (cell,) = design.cells(own)
    result = execute.run_block(own, cell, design.Block(0, cell.key, 0, 2000), keep=True)
    parts = [(cell, sums.total(result.nodes, design.chunk_size(cell.size)), None)]
    found = summaries.summarise(own, parts).set_index(["measure", "estimator"]).loc["efficiency_mae"]
    reference, *others = np.abs(result.estimates)
    assert tuple(found.loc["posterior_mean"][["value", "mcse"]]) == (1.0, 0.0)
    for name, size in zip(NAMES[1:], others, strict=True):
        ratio, row = reference.mean() / size.mean(), found.loc[f"posterior_{name}"]
        assert math.isclose(row["value"], ratio, rel_tol=1e-12)
        mcse = np.std(reference - ratio * size) / size.mean() / math.sqrt(2000)
        assert math.isclose(row["mcse"], mcse, rel_tol=1e-9)


# --- the machinery


@pytest.mark.parametrize("name", MODELS)
def test_bits_do_not_depend_on_threads_cuts_or_compilation(name):
    own = study(MODELS[name], n=(2,), replications=700)
    assert_same_bits(own, 700, (0, 128, 640))


@pytest.mark.parametrize("name", MODELS)
def test_a_replication_has_the_same_bits_beside_any_others(name):
    """Eight times the same one in a lane group, drawn and fitted by plain kernels."""
    own = study(MODELS[name], n=(2,), replications=8)
    (cell,) = design.cells(own)
    kernel, draw = recipes.kernel_cell(own, cell, False), plugins("distributions")[cell.errors.name].draw
    estimates = execute.run_block(own, cell, design.Block(0, cell.key, 0, 8), keep=True).estimates
    stream = start(kernel.keys, ERRORS, 0)
    for lane in (0, 5):
        rows = np.zeros((kernel.rows + kernel.values + 1, WIDTH))
        with np.errstate(all="ignore"):
            draw(tuple(np.full(WIDTH, part[lane]) for part in stream), rows, 2, tuple(cell.errors.values.values()))
            for e in range(3):
                kernel.fits[e](rows, cell.n, kernel.fit_numbers, e, len(rows))
                assert np.all(rows[kernel.rows] == estimates[e, lane])


def test_every_model_is_here():
    """A model that is found by the registry and not tested here fails."""
    found = {name for name, plugin in plugins("distributions").items() if plugin.problem == "posterior"}
    assert found == {model["distribution"] for model in MODELS.values()}


def test_only_models_make_its_data():
    with pytest.raises(sc.ScenarioError, match="is not for posterior.*beta_prior, gamma_prior"):
        study({"distribution": "normal"})
