"""Regression studies against exact theory and slow oracles: least squares, designs, contamination, joint measures."""

import itertools
import math
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

import simcore as sc
from simcore import design, execute, jit, linear_kernels, recipes, streams, summaries, sums
from simcore.codes import FIRST_FAILURE, ITERATION
from simcore.errors import DamagedError, UsageError
from simcore.kernels import aligned_rows
from simcore.lanes import WIDTH
from simcore.registry import plugins
from tests.oracles import linear as oracle
from tests.oracles import streams as stream_oracle
from tests.running import cut_small, same_bits

LIMIT = 4.5  # standard errors; some 300 numbers are compared: one is beyond in one of 500 choices of the seeds
JACKKNIFE_T = stats.t(sums.GROUPS - 1).ppf(0.975)
BETA = (1.0, 0.5, -0.25)
POINT = (0.5, 1.0)


def study_of(plan="gaussian", errors="normal", bad=None, estimators=None, n=20, replications=1 << 14, **changes):
    """A study of one cell; plan, errors: a name or an entry."""
    plan, errors = (
        {key: value} if isinstance(value, str) else value for key, value in (("design", plan), ("distribution", errors))
    )
    entries = {
        "name": "regression",
        "problem": "linear",
        "seed": 31,
        "beta": BETA,
        "predict": [POINT],
        "replications": replications,
        "factors": {"n": [n], "design": [plan], "errors": [errors], "contamination": [bad or {"kind": "none"}]},
        "estimators": estimators or [{"loss": "l2"}],
    }
    return sc.Study(**{key: value for key, value in (entries | changes).items() if value is not None})


def result_of(study, keep=True):
    """(cell, table without and with the control variate, estimates float64 (targets, replications))."""
    (cell,) = design.cells(study)
    result = execute.run_block(study, cell, design.Block(0, cell.key, 0, study.replications), keep=keep)
    total = sums.total(result.nodes, design.chunk_size(cell.n))
    table = summaries.summarise(study, [(cell, total, None)], plain=True)
    return cell, table.set_index(["estimator", "parameter", "measure"]), result


def samples_of(study, groups=4):
    """(y, X) of replications 0 .. groups * WIDTH - 1, as the kernel draws them: (count, n) and (count, n, p)."""
    (cell,) = design.cells(study)
    recipe = recipes.kernel_cell(study, cell, False)
    n, p = recipe.n, recipe.p
    found = []
    for group in range(groups):
        sample = aligned_rows(linear_kernels.sample_rows(n, p))
        linear_kernels.draw_sample(recipe, group, sample)
        at = linear_kernels.places(n, p)
        x = sample[at.q : at.r].reshape(n, p, WIDTH)
        found += [(sample[:n, lane].copy(), x[:, :, lane]) for lane in range(WIDTH)]
    return np.array([y for y, _ in found]), np.array([x for _, x in found])


@pytest.mark.parametrize(
    "errors, variance", [("normal", 1.0), ("laplace", 2.0), ({"distribution": "student_t", "df": 5}, 5 / 3)]
)
@pytest.mark.parametrize("reduction", ["score", "none"])
def test_least_squares_has_the_covariance_of_gauss(errors, variance, reduction):
    """Variance of each coefficient and fitted value, and every covariance: (X'X)^-1 sigma^2, exactly known."""
    study = study_of(errors=errors, variance_reduction=reduction, replications=1 << 16)
    cell, table, _ = result_of(study, keep=False)
    x = recipes.given_design(study.seed, cell)[0]
    inverse = variance * np.linalg.inv(x.T @ x)
    rows = {"beta0": [1, 0, 0], "beta1": [0, 1, 0], "beta2": [0, 0, 1], "at(0.5, 1)": [1, *POINT]}
    for name, row in rows.items():
        got = table.loc[("l2", name, "variance")]
        exact = np.array(row) @ inverse @ row
        assert abs(got["value"] - exact) < LIMIT * got["mcse"] + 1e-12 * exact
        bias = table.loc[("l2", name, "bias")]
        assert abs(bias["value"]) < LIMIT * bias["mcse"] + 1e-14
    for j, k in ((0, 1), (0, 2), (1, 2)):
        got = table.loc[("l2", f"beta{j},beta{k}", "covariance")]
        assert abs(got["value"] - inverse[j, k]) < LIMIT * got["mcse"] + 1e-12
        half = JACKKNIFE_T * got["mcse"]
        assert (got["low"], got["high"]) == pytest.approx((got["value"] - half, got["value"] + half), rel=1e-12)


def test_an_outlier_in_one_response_moves_least_squares_by_its_leverage():
    """Bias of a shift: fraction * size on the intercept, nothing on the slopes; variance 1 + f (1 - f) size^2."""
    bad = {"kind": "shift", "fraction": 0.1, "size": 10.0}
    study = study_of(bad=bad, variance_reduction="none", replications=1 << 16)
    cell, table, _ = result_of(study, keep=False)
    x = recipes.given_design(study.seed, cell)[0]
    exact = (1 + 0.09 * 100) * np.diag(np.linalg.inv(x.T @ x))
    for j, bias in enumerate((1.0, 0.0, 0.0)):
        got, spread = (table.loc[("l2", f"beta{j}", measure)] for measure in ("bias", "variance"))
        assert abs(got["value"] - bias) < LIMIT * got["mcse"]
        assert abs(spread["value"] - exact[j]) < LIMIT * spread["mcse"]


PLANS = [  # each design, random ones redrawn and not
    {"design": "gaussian", "correlation": 0.5},
    {"design": "uniform", "redrawn": True},
    {"design": "student_t", "df": 3, "redrawn": True, "correlation": 0.3},
    {"design": "ar", "order": 2},
    {"design": "harmonic", "frequencies": [0.15]},
    {"design": "polynomial", "degree": 2},
]
BAD = [  # each contamination
    {"kind": "none"},
    {"kind": "shift", "fraction": 0.2, "size": 5.0},
    {"kind": "scale", "fraction": 0.2, "ratio": 5.0},
    {"kind": "point", "fraction": 0.2, "at": 5.0},
    {"kind": "leverage", "fraction": 0.2, "distance": 5.0, "size": 9.0},
    {"kind": "growing", "rate": 2.0},
]
ESTIMATORS = [
    {"loss": "l2"},
    {"loss": "l1"},
    {"loss": "quantile", "tau": 0.3},
    {"loss": "huber"},
    {"loss": "huber", "scale": "proposal2"},
    {"loss": "huber", "scale": 1.0},
    {"loss": "tukey", "scale": 1.0},
    {"estimator": "ridge", "penalty": 2.0},
]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan["design"])
@pytest.mark.parametrize("bad", BAD[:2], ids=lambda bad: bad["kind"])
def test_every_fit_of_the_kernel_solves_its_problem(plan, bad):
    """Optimality of each estimate on its own sample, in plain NumPy: normal equations, least objective, psi = 0."""
    study = study_of(plan, {"distribution": "student_t", "df": 3}, bad, ESTIMATORS, replications=32)
    _, _, result = result_of(study)
    ys, xs = samples_of(study)
    p, count = len(BETA), len(BETA) + 1
    estimates = result.estimates.reshape(len(ESTIMATORS), count, -1)
    states = result.states.reshape(len(ESTIMATORS), count, -1)
    assert (states % ITERATION < FIRST_FAILURE).all()
    for r, (y, x) in enumerate(zip(ys, xs, strict=True)):
        for e, entry in enumerate(ESTIMATORS):
            beta = estimates[e, :p, r]
            assert estimates[e, p, r] == pytest.approx(beta @ [1, *POINT], abs=1e-12 * (1 + np.abs(beta).sum()))
            assert oracle.is_solution(y, x, beta, entry), (entry, r)


def test_designs_are_what_they_say():
    """Means, correlations and tails of random designs; the same X in all replications unless it is redrawn."""
    plan = {"design": "gaussian", "correlation": 0.6, "redrawn": True}
    _, x = samples_of(study_of(plan, n=100), groups=40)
    columns = x.reshape(-1, 3)
    assert np.all(columns[:, 0] == 1.0)
    count = len(columns)
    assert np.all(np.abs(columns[:, 1:].mean(axis=0)) < LIMIT / math.sqrt(count))
    assert abs(columns[:, 1:].mean()) < LIMIT * math.sqrt((1 + 0.6) / 2 / count)  # the mean of two, correlated 0.6
    assert abs(np.corrcoef(columns[:, 1:].T)[0, 1] - 0.6) < LIMIT * 0.64 / math.sqrt(count)
    assert stats.kstest(columns[:, 1], "norm").pvalue > 1e-4
    _, x = samples_of(study_of("gaussian"), groups=2)
    assert np.all(x == x[0])
    _, x = samples_of(study_of({"design": "student_t", "df": 2, "redrawn": True}, n=100), groups=20)
    assert stats.kstest(x[:, :, 1].ravel(), stats.t(2).cdf).pvalue > 1e-4
    assert not np.array_equal(x[0], x[1])


def test_cells_of_other_errors_and_contamination_have_the_same_design():
    first = samples_of(study_of(), groups=1)[1]
    for change in ({"errors": "cauchy"}, {"bad": {"kind": "shift", "fraction": 0.1, "size": 3}}):
        assert np.array_equal(first, samples_of(study_of(**change), groups=1)[1])
    assert not np.array_equal(first, samples_of(study_of(seed=32), groups=1)[1])


def test_given_designs():
    t = np.arange(20)
    (cell,) = design.cells(study_of({"design": "harmonic", "frequencies": [0.15]}))
    x = recipes.given_design(31, cell)[0]
    expected = np.stack([np.ones(20), np.cos(0.3 * np.pi * t), np.sin(0.3 * np.pi * t)], axis=1)
    assert np.abs(x - expected).max() < 1e-14
    (cell,) = design.cells(study_of({"design": "polynomial", "degree": 2}))
    x = recipes.given_design(31, cell)[0]
    assert np.array_equal(x[:, 2], np.linspace(-1, 1, 20) ** 2)


def test_an_autoregression_is_built_from_its_own_past():
    y, x = samples_of(study_of({"design": "ar", "order": 2}))
    for own, rows in zip(y, x, strict=True):
        before = np.concatenate([[0.0, 0.0], own])
        assert np.array_equal(rows[:, 1], before[1:-1]) and np.array_equal(rows[:, 2], before[:-2])


def test_a_long_autoregression_has_its_asymptotic_covariance():
    """Mann & Wald (1943): n Var of AR(1) is 1 - phi^2; its bias about -2 phi / n without an intercept."""
    study = study_of(
        {"design": "ar", "order": 1}, n=1000, beta=[0.5], intercept=False, predict=None, replications=1 << 14
    )
    _, table, _ = result_of(study, keep=False)
    variance, bias = table.loc[("l2", "beta1", "variance")], table.loc[("l2", "beta1", "bias")]
    assert abs(1000 * variance["value"] - 0.75) < LIMIT * 1000 * variance["mcse"] + 0.01
    assert abs(bias["value"] + 2 * 0.5 / 1000) < LIMIT * bias["mcse"] + 1e-4
    assert set(table["variance_reduction"].dropna()) == {"none: errors enter the design"}


def test_moments_that_theory_knows_of():
    """Least squares has no variance under Cauchy, but in an autoregression, where errors carry their weight; a bounded
    psi has one where enough responses must go bad."""
    losses = [{"loss": "l2"}, {"loss": "l1"}]
    table = result_of(study_of("uniform", "cauchy", estimators=losses, n=80, replications=2000))[1]["status"]
    assert table["l2", "beta1", "variance"] == table["l2", "beta1", "bias"] == "undefined"
    assert table["l1", "beta1", "variance"] == "ok" and table["l2", "beta1", "median_bias"] == "ok"
    plan = {"design": "ar", "order": 2}
    table = result_of(study_of(plan, "cauchy", estimators=losses, n=40, replications=2000))[1]["status"]
    assert table["l2", "beta1", "variance"] == "mcse_undefined" and table["l2", "beta1", "bias"] == "mcse_rough"


def test_a_random_design_has_few_moments_in_small_samples():
    """A slope of two points is a ratio: moments exist below order n - p + 1; on a given X all do."""
    plan = {"design": "gaussian", "redrawn": True}
    expected = (2, "undefined", "undefined"), (3, "mcse_undefined", "undefined"), (9, "ok", "mcse_rough")
    for n, bias, variance in expected:
        table = result_of(study_of(plan, n=n, beta=[1.0, 2.0], predict=None, replications=1000))[1]["status"]
        assert (table["l2", "beta1", "bias"], table["l2", "beta1", "variance"]) == (bias, variance)
        assert table["l2", "beta1", "median_bias"] == "ok"
    table = result_of(study_of(n=3, beta=[1.0, 2.0], predict=None, replications=1000))[1]["status"]
    assert table["l2", "beta1", "variance"] == "ok"


def test_estimators_have_moments_of_their_own_on_a_random_design():
    """A price on slopes leaves all moments; of h or so many rows near each other, LTS and S see no others."""
    plan, ridge = {"design": "gaussian", "redrawn": True}, {"estimator": "ridge", "penalty": 1.0}
    estimators = [{"loss": "l1"}, {"estimator": "lts"}, {"estimator": "s"}, ridge, ridge | {"penalty": 0.0}]
    expected = {3: ["undefined"] * 3 + ["ok", "undefined"], 4: ["mcse_undefined", "undefined", "mcse_undefined", "ok"]}
    for n, own in expected.items():
        study = study_of(plan, n=n, beta=[1.0, 2.0], predict=None, replications=1000, estimators=estimators)
        table = result_of(study)[1]["status"].xs(("beta1", "variance"), level=("parameter", "measure"))
        assert table.tolist()[: len(own)] == own


@pytest.mark.parametrize("n, lts, s, l1", [(4, 2, 3, 3), (7, 4, 4, 6)])
def test_the_tails_on_a_random_design_are_those_that_moments_go_by(n, lts, s, l1):
    """By Hill's estimator from the largest of 2^17 slopes; far from the end tails look lighter or heavier by a half."""
    estimators = [{"estimator": "lts"}, {"estimator": "s"}, {"loss": "l1"}]
    plan = {"design": "gaussian", "redrawn": True}
    study = study_of(plan, n=n, beta=[1.0, 2.0], predict=None, replications=1 << 17, estimators=estimators)
    (cell,) = design.cells(study)
    _, _, result = result_of(study)
    good = result.states % ITERATION < FIRST_FAILURE
    for row, (choice, index) in enumerate(zip(study.estimators, (lts, s, l1), strict=True)):
        assert recipes.design_index(cell, choice) == index
        sizes = np.sort(np.abs(result.estimates[2 * row + 1] - 2.0)[good[2 * row + 1]])[::-1]
        found = 300 / np.log(sizes[:300] / sizes[300]).sum()
        assert index - 0.9 < found < index + 0.6, (choice.label, found)


def test_infinite_moments_are_not_shown_where_one_row_may_count_alone():
    """On a random design, with leverage points: a psi that is bounded then bounds nothing."""
    losses, more = [{"loss": "l1"}, {"loss": "huber"}, {"loss": "l2"}], {"beta": [1.0, 2.0], "predict": None}
    plan, bad = {"design": "gaussian", "redrawn": True}, {"kind": "leverage", "distance": 10.0, "size": 0.0}
    cauchy, t2 = {"distribution": "cauchy"}, {"distribution": "student_t", "df": 2}

    def states(measure, *arguments):
        study = study_of(*arguments, estimators=losses, n=8, replications=2000, **more)
        table = result_of(study)[1]["status"].xs(("beta1", measure), level=("parameter", "measure"))
        return set(table)

    assert states("bias", plan, cauchy) == states("variance", plan, t2) == {"undefined"}
    assert states("bias", plan, t2) == {"mcse_undefined"}
    assert states("bias", "gaussian", cauchy, bad | {"fraction": 0.1}) == {"undefined"}
    assert states("variance", "gaussian", t2, bad | {"fraction": 0.01}) == {"undefined"}
    few = {"kind": "growing", "rate": 0.5}
    assert states("variance", "uniform", t2, few) == {"undefined", "mcse_undefined"}  # that of l2, and of the others


def test_bad_leverage_points_stand_where_they_should():
    bad = {"kind": "leverage", "fraction": 0.2, "distance": 8.0, "size": -5.0}
    y, x = samples_of(study_of(bad=bad))
    moved = np.all(x[:, :, 1:] == 8.0, axis=2)
    assert abs(moved.mean() - 0.2) < LIMIT * math.sqrt(0.16 / moved.size)
    residual = y - x @ BETA
    assert abs(residual[moved].mean() + 5.0) < LIMIT / math.sqrt(moved.sum())
    assert abs(residual[~moved].mean()) < LIMIT / math.sqrt((~moved).sum())


def test_growing_errors_grow():
    y, x = samples_of(study_of(bad={"kind": "growing", "rate": 2.0}), groups=40)
    scaled = (y - x @ BETA) / (1 + 2 * np.abs(x[:, :, 1]))
    assert stats.kstest(scaled.ravel(), "norm").pvalue > 1e-4


def test_the_errors_are_those_of_the_streams():
    """Replication r of a regression draws its errors as a location cell of the same key would."""
    study = study_of("gaussian", "uniform")
    (cell,) = design.cells(study)
    y, x = samples_of(study, groups=1)
    stream = stream_oracle.stream(31, "errors", cell.identity, 3)
    expected = np.array([2 * stream.unit() - 1 for _ in range(20)])
    assert np.abs(y[3] - x[3] @ BETA - expected).max() < 1e-14
    assert streams.PURPOSES[2] == "design"


def scenes():
    """Every design under every contamination that it may have: past responses cannot be moved."""
    for plan, bad in itertools.product(PLANS, BAD):
        if plan["design"] != "ar" or bad["kind"] not in ("leverage", "growing"):
            yield pytest.param(plan, bad, id=f"{plan['design']}-{bad['kind']}")


@pytest.mark.parametrize("plan, bad", list(scenes()))
def test_compiled_and_plain_give_the_same_bits(plan, bad):
    """Of one lane group; every estimator: test_regression_contract."""
    study = study_of(plan, "cauchy" if bad["kind"] == "point" else "logistic", bad, [{"loss": "huber"}], n=12)
    (cell,) = design.cells(study)
    found = []
    for run, compiled in ((recipes.simulate(cell), True), (linear_kernels.simulate, False)):
        shape = len(design.targets(study)), 1, WIDTH
        estimates, states = np.zeros(shape), np.zeros(shape, np.uint32)
        recipe = recipes.kernel_cell(study, cell, compiled)
        controls = np.zeros((4 if recipe.score else 0, WIDTH))
        with np.errstate(all="ignore"):
            run(recipe, 5, 0, 1, estimates, states, controls)
        found.append((estimates, states.astype(np.uint64), controls))
    for one, other in zip(*found, strict=True):
        assert same_bits(one, other)


def test_each_design_and_contamination_is_among_these():
    assert {plan["design"] for plan in PLANS} | {"file"} == set(plugins("designs"))  # a file is given like a polynomial
    of_errors = {name for name, plugin in plugins("contamination").items() if plugin.problem is None}
    assert {bad["kind"] for bad in BAD} == of_errors


def test_threads_and_cuts_change_no_bit():
    study = study_of("gaussian", {"distribution": "student_t", "df": 3}, None, ESTIMATORS[:4], replications=5000)
    (cell,) = design.cells(study)
    found = []
    for threads in (1, 2):
        jit.set_threads(threads)
        found.append(execute.run_block(study, cell, design.Block(0, cell.key, 0, 5000), keep=True))
    jit.set_threads(None)
    assert same_bits(found[0].estimates, found[1].estimates)
    pieces = [design.Block(0, cell.key, first, count) for first, count in ((0, 2048), (2048, 2952))]
    nodes = [node for block in pieces for node in execute.run_block(study, cell, block).nodes]
    one, other = sums.total(nodes, 1024), sums.total(found[0].nodes, 1024)
    for name in ("errors", "pairs", "joint"):
        assert same_bits(getattr(one, name), getattr(other, name))


def test_the_control_variate_is_unbiased_and_gains():
    """Adjusted against plain numbers of the same replications; equivariant estimators only, and ridge says why not."""
    study = study_of("gaussian", {"distribution": "student_t", "df": 3}, None, ESTIMATORS, replications=1 << 15)
    _, table, _ = result_of(study, keep=False)
    for label in ("l1", "huber(k=1.345)", "tukey(c=4.685, scale=1)"):
        for parameter in ("beta0", "beta2", "at(0.5, 1)"):
            for measure in ("bias", "variance", "mse"):
                row = table.loc[(label, parameter, measure)]
                assert row["variance_reduction"] == "score" and row["n_failed"] == 0
                assert abs(row["value"] - row["plain_value"]) < LIMIT * row["plain_mcse"]
            assert table.loc[(label, parameter, "variance"), "gain"] > (5 if label != "l1" else 3)
    why = table.loc[("ridge(penalty=2)", "beta1", "variance"), "variance_reduction"]
    assert why == "none: the estimator does not move along with the data"


def test_where_fits_fail_there_is_no_control_variate():
    """Huber's psi with a small k, and the scale of few residuals, estimated along: some fits do not converge."""
    failing = {"loss": "huber", "k": 0.01}
    study = study_of(errors="logistic", estimators=[{"loss": "l1"}, failing], n=6, replications=4096)
    _, table, result = result_of(study)
    failed = result.states.reshape(2, 4, -1)[1, 0] % ITERATION >= FIRST_FAILURE
    errors = result.estimates.reshape(2, 4, -1)[1, :, ~failed] - [*BETA, BETA @ np.array([1, *POINT])]
    own, other = table.loc["huber(k=0.01)"], table.loc["l1"]
    assert 100 < failed.sum() < 3000 and set(own["n_failed"]) == {failed.sum()} and set(other["n_failed"]) == {0}
    for k, parameter in enumerate(("beta0", "beta1", "beta2", "at(0.5, 1)")):
        for measure, value in (("bias", errors[:, k].mean()), ("variance", errors[:, k].var(ddof=1))):
            row = own.loc[(parameter, measure)]
            assert row["variance_reduction"] == "none: some fits failed"
            assert row["value"] == row["plain_value"] == pytest.approx(value, rel=1e-9, abs=1e-12)
            assert other.loc[(parameter, measure), "variance_reduction"] == "score"


def test_joint_measures_are_those_of_numpy():
    """Covariance matrices, their determinants and traces from all estimates; the jackknife by leaving groups out."""
    errors = {"distribution": "student_t", "df": 5}
    study = study_of(errors=errors, estimators=ESTIMATORS[:4], variance_reduction="none", replications=4096)
    _, table, result = result_of(study)
    estimates = result.estimates.reshape(4, 4, -1)[:, :3]
    for e, label in enumerate(("l2", "l1", "quantile(tau=0.3)", "huber(k=1.345)")):
        own, reference = np.cov(estimates[e]), np.cov(estimates[0])
        for j, k in ((0, 1), (0, 2), (1, 2)):
            got = table.loc[(label, f"beta{j},beta{k}", "covariance")]
            assert got["value"] == pytest.approx(own[j, k], rel=1e-9, abs=1e-12)
            groups = np.arange(4096) % 32
            left = [np.cov(estimates[e][:, groups != g])[j, k] for g in range(32)]
            assert got["mcse"] == pytest.approx(math.sqrt(31) * np.std(left), rel=1e-6)
        det = (np.linalg.det(reference) / np.linalg.det(own)) ** (1 / 3)
        assert table.loc[(label, "beta", "efficiency_det"), "value"] == pytest.approx(det, rel=1e-9)
        trace = np.trace(reference) / np.trace(own)
        assert table.loc[(label, "beta", "efficiency_trace"), "value"] == pytest.approx(trace, rel=1e-9)


@pytest.mark.parametrize(
    "entry, factor", [({"loss": "l1"}, math.pi / 2), ({"loss": "huber", "scale": 1.0}, 1.05263129)]
)
def test_large_samples_have_the_asymptotic_covariance(entry, factor):
    """(X'X)^-1 times 1 / (4 f(0)^2), or E psi^2 / (E psi')^2 (Huber & Ronchetti 2009); normal errors."""
    study = study_of(estimators=[{"loss": "l2"}, entry], n=1000, replications=1 << 13)
    _, table, _ = result_of(study, keep=False)
    label = study.estimators[1].label
    for parameter in ("beta0", "beta1", "beta2"):
        row = table.loc[(label, parameter, "efficiency")]
        assert abs(1 / row["value"] - factor) < LIMIT * row["mcse"] * factor**2 + 3 / 1000


def test_dependent_columns_are_a_counted_failure():
    """As many responses as coefficients are enough; the same tone twice gives no estimate, and a share of 1."""
    study = study_of({"design": "polynomial", "degree": 2}, n=3, replications=64)
    assert result_of(study)[1].loc[("l2", "beta0", "bias"), "n_failed"] == 0
    twice, beta = {"design": "harmonic", "frequencies": [0.2, 0.2]}, [1, 2, 3, 4, 5]
    study = study_of(twice, beta=beta, predict=None, estimators=ESTIMATORS[:5], replications=64)
    table = result_of(study)[1]
    assert set(table["n_failed"]) == {64}
    row = table.loc[("l2", "beta0", "rank_deficient")]
    assert (row["value"], row["status"]) == (1.0, "ok") and row["low"] > 0.9


def test_a_design_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20, 2))
    np.savetxt("own.csv", x, delimiter=",", header="a,b", comments="")
    study = study_of({"design": "file", "path": "own.csv"}, replications=64)
    (cell,) = design.cells(study)
    assert np.allclose(recipes.given_design(1, cell)[0][:, 1:], x, rtol=1e-15)
    with pytest.raises(sc.SimcoreError, match="n = 30 rows and 2 columns"):
        recipes.given_design(1, design.cells(study_of({"design": "file", "path": "own.csv"}, n=30))[0])
    with pytest.raises(sc.SimcoreError, match=r"none\.csv"):
        recipes.given_design(1, design.cells(study_of({"design": "file", "path": "none.csv"}))[0])


NUMBERS = np.random.default_rng(3).normal(size=(20, 2))
WRONG_FILES = {
    "endless": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "pipe": (os.mkfifo, "not a regular file"),
    "folder": (os.mkdir, "directory|not a regular file"),
    "none": (lambda path: None, "No such file"),
    "huge": (lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 10**12), "longer than 536870912 bytes"),
    "bytes": (lambda path: path.write_bytes(b"a,b\n" + bytes(range(256)) * 20), "cannot be read as CSV"),
    "escapes": (lambda path: path.write_bytes(b"a,\x1b[31mb\n" + 20 * b"1,\x1b[2J\n"), r"\\x1b"),
    "ragged": (lambda path: path.write_text("a,b\n1,2\n3\x07\n"), r"cannot be read as CSV .*3\\x07"),
    "words": (lambda path: path.write_text("a,b\n" + 20 * "1,one\n"), "column 'b' must hold numbers only"),
    "lacking": (lambda path: path.write_text("a,b\n" + 20 * "1,\n"), "column 'b'"),
    "infinite": (lambda path: path.write_text("a,b\n" + 20 * "1,inf\n"), "must be finite"),
    "empty": (lambda path: path.write_bytes(b""), "cannot be read as CSV"),
    "short": (lambda path: path.write_text("a,b\n1,2\n"), "must have n = 20 rows"),
}


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_a_wrong_design_file_is_refused_before_anything_is_written(tmp_path, monkeypatch, kind):
    """At once, in plain text on one line, and with exit code 2."""
    make, said = WRONG_FILES[kind]
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "own.csv")
    with pytest.raises(UsageError, match=rf"^design: own\.csv: .*{said}") as told:
        sc.run(study_of({"design": "file", "path": "own.csv"}, replications=64), "out")
    assert str(told.value).isprintable() and len(str(told.value)) < 250 and told.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_a_parquet_file_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    """By its shape, however few bytes a constant takes; and one that is right is read to the bit."""
    monkeypatch.chdir(tmp_path)
    many = pa.repeat(1.0, 10**6)
    pq.write_table(pa.table({"a": many, "b": many}), "own.parquet")
    study = study_of({"design": "file", "path": "own.parquet"}, replications=64)
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("unpacked"))
    with pytest.raises(UsageError, match="got 1000000 rows and 2 columns"):
        sc.run(study, "out")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"a": NUMBERS[:, 0], "b": NUMBERS[:, 1]}), "own.parquet")
    assert np.array_equal(recipes.given_design(1, design.cells(study)[0])[0][:, 1:], NUMBERS)


def test_a_design_file_that_changed_is_refused(tmp_path, monkeypatch):
    """Results of two designs are never mixed, whatever the name of the file."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    study = study_of({"design": "file", "path": "own.csv"}, predict=None, replications=64)
    np.savetxt("own.csv", rng.normal(size=(20, 2)), delimiter=",", header="a,b", comments="")
    before = sc.run(study, "out").summary()
    assert sc.open("out/regression").summary().equals(before)
    np.savetxt("own.csv", rng.normal(size=(20, 2)), delimiter=",", header="a,b", comments="")
    with pytest.raises(sc.SimcoreError, match="something else"):
        sc.run(study, "out", replications=128)
    with pytest.raises(sc.SimcoreError, match="something else"):
        sc.open("out/regression")
    after = sc.run(study, "elsewhere").summary()  # in the same process, nothing of the old file is remembered
    of_variance = [table[table["measure"] == "variance"]["value"].iloc[0] for table in (before, after)]
    x = np.column_stack([np.ones(20), np.loadtxt("own.csv", delimiter=",", skiprows=1)])
    assert of_variance[1] == pytest.approx(np.linalg.inv(x.T @ x)[0, 0], rel=1e-9) != of_variance[0]


def test_a_design_file_that_changes_while_a_run_is_going_is_told(tmp_path, monkeypatch):
    """What was computed from it is not stored, and what was stored before stays."""
    monkeypatch.chdir(tmp_path)
    cut_small(monkeypatch, 1)
    rng = np.random.default_rng(3)
    errors = [{"distribution": "normal"}, {"distribution": "cauchy"}]
    factors = {"n": [20], "errors": errors, "design": [{"design": "file", "path": "own.csv"}]}
    study = study_of(factors=factors, predict=None, replications=64)
    np.savetxt("own.csv", rng.normal(size=(20, 2)), delimiter=",", header="a,b", comments="")
    right = Path("own.csv").read_bytes()

    def change(*_):
        np.savetxt("own.csv", rng.normal(size=(20, 2)), delimiter=",", header="a,b", comments="")

    with pytest.raises(DamagedError, match="has changed while it ran; nothing was stored since"):
        sc.run(study, "out", progress=change)
    Path("own.csv").write_bytes(right)
    assert len(list(Path("out/regression/blocks").iterdir())) == 1
    assert sc.run(study, "out").summary().equals(sc.run(study, "fresh").summary())


def test_a_run_from_file_to_table(tmp_path):
    """Stored, opened, extended: the same bytes as a fresh run."""
    study = study_of(estimators=ESTIMATORS[:3], replications=1500)
    sc.run(study, tmp_path / "a")
    sc.run(study, tmp_path / "a", replications=4000)
    sc.run(study, tmp_path / "b", replications=4000)
    one, other = ((tmp_path / name / "regression" / "summary.parquet").read_bytes() for name in "ab")
    assert one == other
    table = sc.open(tmp_path / "a" / "regression").summary()
    assert set(table["parameter"]) >= {"beta0", "beta1", "beta2", "at(0.5, 1)", "beta", "beta0,beta1"}
    assert {"design", "regressors", "correlation", "redrawn"} <= set(table.columns)
    compared = sc.open(tmp_path / "a" / "regression").comparisons("mse")
    assert len(compared) == 4 * 3 and set(compared["parameter"]) == {"beta0", "beta1", "beta2", "at(0.5, 1)"}
