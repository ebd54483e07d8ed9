"""Measures, their standard errors, and which of them exist."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import simcore as sc
from simcore import design, execute, rarity, results, rounds, summaries, sums
from simcore.histograms import DROPPED_BITS
from simcore.registry import plugins


def layout_row(layout, values):
    """A row of sums from exact values by name."""
    row = np.zeros(len(layout.columns))
    for name, value in values.items():
        row[layout.columns.index(name if name in layout.columns else f"{name}_high")] = value
    return row


def node_of(study, errors, failed=0, controls=None):
    """The sums of given errors, a row for each estimator, from their definition; each fails `failed` times more."""
    errors = np.atleast_2d(errors)
    adjusted = errors - (0.0 if controls is None else controls)
    rows, pairs, bins = [], [], []
    for e, u in zip(errors, adjusted, strict=True):
        values = {f"{letter}{k}": math.fsum(x**k) for letter, x in (("e", e), ("u", u)) for k in range(1, 7)}
        values |= {"ok": len(e), "not_converged": failed, "a1": math.fsum(np.abs(e))}
        for letter, x in (("e", e), ("u", u)):
            values |= {f"{letter}_high": max(x, default=-np.inf), f"{letter}_low": max(-x, default=-np.inf)}
        rows.append(layout_row(sums.ERRORS, values))
        bins.append(np.unique(e.view(np.uint64) >> np.uint64(DROPPED_BITS), return_counts=True))
    for i, j in design.target_pairs(study):
        values = {"both": errors.shape[1]}
        for letter, x in (("e", errors), ("u", adjusted)):
            for k, m in ((1, 1), (2, 1), (1, 2), (2, 2)):
                values[f"{letter}{k}{m}"] = math.fsum(x[i] ** k * x[j] ** m)
        pairs.append(layout_row(sums.PAIRS, values))
    pairs = np.reshape(pairs, (-1, len(sums.PAIRS.columns)))
    return sums.Node(0, errors.shape[1] + failed, np.array(rows), pairs, tuple(bins))


def table_of(study, errors, **options):
    """The table of a study of one cell, whose estimators have these errors, by estimator and measure."""
    (cell,) = design.cells(study)
    table = summaries.summarise(study, [(cell, node_of(study, errors, **options), None)], plain=True)
    return table.set_index(["estimator", "measure"])


def simulated(study):
    """The table of a study that is run."""
    parts = []
    for cell in design.cells(study):
        blocks = [block for block in design.missing(study, {}) if block.cell == cell.number]
        nodes = [node for block in blocks for node in execute.run_block(study, cell, block).nodes]
        parts.append((cell, sums.total(nodes, design.chunk_size(cell.n)), None))
    return summaries.summarise(study, parts, plain=True).set_index(["errors", "n", "estimator", "measure"])


@pytest.mark.parametrize("rows", [1, 7, 10**6])
def test_tables_are_the_same_however_many_rows_are_put_into_columns_at_once(monkeypatch, rows):
    """To the byte of the file that is stored; of no row too, and where a column holds nothing in many rows."""
    errors = [{"distribution": name} for name in ("normal", "cauchy", "gumbel")]
    simulated_study = study_with(factors={"n": [5, 6], "errors": errors}, replications=24)
    exact = sc.Study(
        name="exact",
        problem="sensitivity",
        factors={"n": [11], "at": [1.0, 50.0], "outliers": [1], "errors": [{"distribution": "normal"}]},
        estimators=[{"loss": "l2"}, {"loss": "l1"}],
    )
    expected = [stored(simulated_study), stored(exact)]
    monkeypatch.setattr(summaries, "LOOSE_ROWS", rows)
    assert [stored(simulated_study), stored(exact)] == expected
    assert len(summaries.summarise(simulated_study, ())) == 0


def stored(study):
    parts = []
    for cell in design.cells(study) if study.problem == "location" else ():
        nodes = execute.run_block(study, cell, design.Block(cell.number, cell.key, 0, 24)).nodes
        parts.append((cell, sums.total(nodes, design.chunk_size(cell.n)), None))
    return results.rendered(summaries.summarise(study, parts))


def study_with(**changes):
    entries = {
        "name": "table",
        "problem": "location",
        "replications": 1000,
        "factors": {"n": [20], "errors": [{"distribution": "normal"}]},
        "estimators": [{"loss": "l2"}],
    }
    return sc.Study(**(entries | changes))


def test_measures_of_a_known_sample_of_errors():
    """Without a control variate, against the formulas in NumPy; 1e-10 is for rounding."""
    rng = np.random.default_rng(10)
    f, m = rng.standard_t(9, 500) * 0.2, 500
    e = 0.3 + f + rng.standard_normal(m)
    study = study_with(estimators=[{"loss": "l2"}, {"loss": "l1"}], variance_reduction="none")
    table = table_of(study, [e, f])
    for row, x in (("l2", e), ("l1", f)):
        variance, kurtosis = np.var(x, ddof=1), stats.kurtosis(x, fisher=False)
        mse, mse_error = np.mean(x**2), np.std(x**2, ddof=1) / math.sqrt(m)
        variance_error = variance * math.sqrt((kurtosis - 1) / m)
        bound = 1 / (20 * variance)
        expected = {
            "bias": (np.mean(x), math.sqrt(variance / m)),
            "variance": (variance, variance_error),
            "empirical_se": (math.sqrt(variance), variance_error / 2 / math.sqrt(variance)),
            "mse": (mse, mse_error),
            "rmse": (math.sqrt(mse), mse_error / 2 / math.sqrt(mse)),
            "mae": (np.mean(np.abs(x)), np.std(np.abs(x), ddof=1) / math.sqrt(m)),
            "efficiency_bound": (bound, bound * variance_error / variance),
        }
        for name, pair in expected.items():
            got = table.loc[(row, name)]
            assert (got["value"], got["mcse"]) == pytest.approx(pair, rel=1e-10), name
            assert (got["plain_value"], got["plain_mcse"], got["status"]) == (got["value"], got["mcse"], "ok")
    for name, x, y in (("efficiency", e - e.mean(), f - f.mean()), ("efficiency_mse", e, f)):
        ratio = np.mean(x**2) / np.mean(y**2)
        error = np.std(x**2 - ratio * y**2) / np.mean(y**2) / math.sqrt(m)
        got = table.loc[("l1", name)]
        assert got["value"] == pytest.approx(ratio, rel=1e-10)
        assert got["mcse"] == pytest.approx(error, rel=1.5 / m), name  # with or without R / (R - 1)
        assert (*table.loc[("l2", name), ["value", "mcse"]],) == (1.0, 0.0)


def test_measures_with_the_control_variate():
    """u = e - c takes the place of e, and 1 / (n I) = 1 / 20 that of the variance of c."""
    rng = np.random.default_rng(11)
    c = rng.standard_normal(400) / math.sqrt(20)
    u = 0.01 * rng.standard_t(9, (2, 400)) + 0.002
    study = study_with(estimators=[{"loss": "l2"}, {"loss": "l1"}])
    table = table_of(study, u + c, controls=c)
    squares = (u - u.mean(axis=1, keepdims=True)) ** 2
    variance = squares.sum(axis=1) / 399 + 1 / 20
    errors = squares.std(axis=1) / math.sqrt(400)
    expected = {
        "bias": (u[1].mean(), math.sqrt(squares[1].mean() / 399)),
        "variance": (variance[1], errors[1] * 400 / 399),
        "mse": (np.mean(u[1] ** 2) + 1 / 20, np.std(u[1] ** 2, ddof=1) / 20),
        "efficiency_bound": (1 / 20 / variance[1], 1 / 20 / variance[1] ** 2 * errors[1] * 400 / 399),
    }
    for name, pair in expected.items():
        got = table.loc[("l1", name)]
        assert (got["value"], got["mcse"]) == pytest.approx(pair, rel=1e-8), name
        assert got["variance_reduction"] == "score" and got["mcse"] < got["plain_mcse"] / 2
        assert got["gain"] == pytest.approx((got["plain_mcse"] / got["mcse"]) ** 2)
    got = table.loc[("l1", "efficiency")]
    assert got["value"] == pytest.approx(variance[0] / variance[1], rel=1e-10)
    error = np.std(squares[0] - got["value"] * squares[1]) / 20 / variance[1]
    assert got["mcse"] == pytest.approx(error, rel=1.5 / 400) and got["mcse"] < got["plain_mcse"] / 2
    assert table.loc[("l1", "variance"), "plain_value"] == pytest.approx(np.var(u[1] + c, ddof=1))


@pytest.mark.parametrize(
    "order, needed, alpha, expected",
    [
        (2, 1, math.inf, "ok"),
        (2, 1, 2.0, "undefined"),
        (2, 1, 2.001, "mcse_undefined"),
        (2, 1, 4.0, "mcse_undefined"),
        (2, 1, 4.5, "mcse_rough"),
        (2, 1, 8.0, "mcse_rough"),
        (2, 1, 8.5, "ok"),
        (1, 1, 1.0, "undefined"),
        (1, 1, 2.0, "mcse_undefined"),
        (1, 1, 3.0, "mcse_rough"),
        (1, 1, 4.5, "ok"),
        (2, 10, 1.0, "ok"),
        (2, 3, 1.0, "mcse_undefined"),
    ],
)
def test_status_follows_the_moments_that_exist(order, needed, alpha, expected):
    assert summaries.status(order, needed * alpha) == expected


@pytest.mark.parametrize(
    "entry, n, needed",
    [
        ({"loss": "l2"}, 20, 1),
        ({"loss": "l1"}, 20, 10),
        ({"loss": "l1"}, 21, 11),
        ({"loss": "huber"}, 5, 3),
        ({"loss": "fair"}, 20, 10),
        ({"loss": "welsch"}, 21, 11),
        ({"loss": "barron", "alpha": 1.0}, 21, 11),
        ({"loss": "barron", "alpha": 1.5}, 21, 1),
        ({"loss": "barron", "alpha": 0.0}, 20, 10),
        ({"loss": "lp", "p": 1.5}, 20, 1),
        ({"loss": "epsilon_insensitive"}, 20, 10),
        ({"loss": "epsilon_insensitive"}, 21, 11),
        ({"estimator": "median_of_means", "blocks": 5}, 21, 3),
        ({"estimator": "median_of_means", "blocks": 6}, 20, 3),
        ({"estimator": "median_of_means", "blocks": 500}, 20, 10),
        ({"estimator": "catoni"}, 20, 1),
        ({"estimator": "catoni", "variance": 2.0, "delta": 1e-6}, 21, 1),
        ({"estimator": "trimmed_mean", "proportion": 0.1}, 20, 3),
        ({"estimator": "trimmed_mean", "proportion": 0.29}, 100, 30),
        ({"estimator": "winsorized_mean", "proportion": 0.25}, 11, 3),
        ({"estimator": "hodges_lehmann"}, 2, 1),
        ({"estimator": "hodges_lehmann"}, 20, 6),
        ({"estimator": "hodges_lehmann"}, 1000, 294),
    ],
)
def test_how_many_bad_observations_carry_an_estimate_away(entry, n, needed):
    study = study_with(estimators=[entry])
    assert plugins("problems")["location"].carried_by(study.estimators[0], n) == needed
    for bad in (needed - 1, needed):
        x = np.linspace(-1, 1, n)
        x[np.linspace(0, n - 1, bad).astype(int)] = 1e12  # far from each other: a block of a few holds one at most
        assert (abs(sc.fit(x, **entry).estimate) > 1e6) == (bad == needed)


def test_what_does_not_exist_is_null_and_says_so():
    """The mean of Cauchy errors has no moment; what is not a moment exists."""
    study = study_with(factors={"n": [20], "errors": [{"distribution": "cauchy"}]})
    table = table_of(study, np.random.default_rng(12).standard_cauchy(500)).loc["l2"]
    for name, plugin in plugins("measures").items():
        if plugin.problem not in (None, "location") or plugin.of == "values" or plugin.exact:
            continue
        rows = table[[label.split("(")[0] == name for label in table.index]]
        gone, exists = plugin.order > 0, "mcse_undefined" if name == "most_iterations" else "ok"
        assert set(rows["status"]) == {"undefined" if gone else exists}, name
        assert rows["value"].isna().all() == rows["plain_value"].isna().all() == gone
        assert gone <= rows[["mcse", "low", "high", "plain_mcse", "gain"]].isna().all(axis=None)
    assert (table["n_ok"] == 500).all()


def test_a_ratio_exists_where_both_its_variances_do():
    def efficiency(reference):
        factors = {"n": [20], "errors": [{"distribution": "cauchy"}]}
        losses = [{"loss": "l2"}, {"loss": "l1"}, {"loss": "huber"}]
        table = simulated(study_with(factors=factors, estimators=losses, reference=reference))
        return table.loc[("cauchy", 20)]["status"].unstack()[["efficiency", "efficiency_mse"]]

    assert (efficiency("l2") == "undefined").all(axis=None)
    status = efficiency("l1")
    assert (status.loc["l2"] == "undefined").all()
    assert (status.loc[["l1", "huber(k=1.345)"]] == "ok").all(axis=None)


@pytest.mark.parametrize(
    "entry, bound",
    [
        ({"distribution": "normal"}, "ok"),
        ({"distribution": "slash", "scale": 2.0}, "mcse_undefined"),
        ({"distribution": "uniform"}, "undefined"),
    ],
)
def test_the_bound_needs_a_density_without_jumps(entry, bound):
    study = study_with(factors={"n": [5], "errors": [entry]}, estimators=[{"loss": "l1"}])
    table = simulated(study).droplevel([0, 1, 2])
    assert table.loc["efficiency_bound", "status"] == bound
    assert (table.loc["efficiency_bound", "value"] is pd.NA) == (bound == "undefined")
    assert table.loc["variance", "status"] == ("mcse_undefined" if bound == "mcse_undefined" else "ok")


JUMPS = "none: the density of uniform errors has jumps"
NO_DENSITY = "none: point contamination has no density"
OFF = "none: switched off in the scenario"


@pytest.mark.parametrize(
    "errors, bad, text",
    [
        ("normal", {"kind": "none"}, "score"),
        ("normal", {"kind": "shift", "fraction": 0.1, "size": 3.0}, "score"),
        ("uniform", {"kind": "none"}, JUMPS),
        ("normal", {"kind": "point", "fraction": 0.1, "at": 3.0}, NO_DENSITY),
    ],
)
def test_the_table_says_what_reduced_the_variance(errors, bad, text):
    factors = {"n": [9], "errors": [{"distribution": errors}], "contamination": [bad]}
    study = study_with(factors=factors, estimators=[{"loss": "huber"}])
    table = simulated(study).droplevel([0, 1, 2])
    own = {name: plugin for name, plugin in plugins("measures").items() if plugin.problem != "linear"}
    adjustable = [name for name, plugin in own.items() if plugin.adjustable]
    assert set(table.loc[adjustable, "variance_reduction"]) == {text}
    assert table.drop(adjustable)[["variance_reduction", "gain"]].isna().all(axis=None)
    got = table.loc[["bias", "variance", "mse"]]
    if text == "score":
        assert (got["gain"] > 1.5).all() and (got["mcse"] < got["plain_mcse"]).all()
    else:
        assert got["gain"].isna().all() and (got["value"] == got["plain_value"]).all()
    off = simulated(study_with(factors=factors, estimators=[{"loss": "huber"}], variance_reduction="none"))
    off = off.droplevel([0, 1, 2])
    assert set(off.loc[adjustable, "variance_reduction"]) == {OFF}
    kept = ["plain_value", "plain_mcse"]
    assert off[kept].equals(table[kept]) and (off.loc[adjustable, "value"] == off.loc[adjustable, "plain_value"]).sum()


def test_failures_turn_the_control_variate_off():
    """Of the estimator that failed, and of what is compared with it."""
    rng = np.random.default_rng(13)
    estimators = [{"loss": "l2"}, {"loss": "l1"}]
    (cell,), study = design.cells(study_with()), study_with(estimators=estimators)
    errors, controls = rng.standard_normal((2, 300)), rng.standard_normal(300)
    node = node_of(study, errors, controls=controls)
    broken = node.errors.copy()
    broken[0, sums.ERRORS.columns.index("not_converged")] = 1.0
    table = summaries.summarise(study, [(cell, replace(node, errors=broken), None)], plain=True)
    text = table.set_index(["estimator", "measure"])["variance_reduction"]
    assert text["l2", "variance"] == text["l2", "efficiency"] == "none: some fits failed"
    assert text["l1", "variance"] == "score" and text["l1", "efficiency"] == "none: reference: some fits failed"
    same = table.set_index(["estimator", "measure"]).loc[("l2", "variance")]
    assert same["value"] == same["plain_value"] == pytest.approx(np.var(errors[0], ddof=1))


@pytest.mark.parametrize("draw, status", [("standard_cauchy", "mcse_undefined"), ("random", "ok")])
def test_where_theory_is_silent_the_tail_warns(monkeypatch, draw, status):
    """Hill's bound at most takes the error away, never the value."""
    silent = replace(plugins("distributions")["normal"], tail_index=lambda **values: None)
    monkeypatch.setitem(plugins("distributions"), "normal", silent)
    table = table_of(study_with(variance_reduction="none"), getattr(np.random.default_rng(4), draw)(10_000)).loc["l2"]
    assert table.loc["variance", "status"] == status
    assert table.loc["variance", "value"] > 0 and table["tail_index"].isna().all()


@pytest.mark.parametrize("sigma, status", [(1.0, "mcse_rough"), (3.0, "insufficient")])
def test_moments_that_exist_are_rough_or_need_more_replications(sigma, status):
    """All moments of a lognormal exist, and so does every error: its tail never says otherwise."""
    study = study_with(factors={"n": [15], "errors": [{"distribution": "lognormal", "sigma": sigma}]})
    rng = np.random.default_rng(5)
    means = rng.lognormal(0.0, sigma, (50_000, 15)).mean(axis=1) - math.exp(0.5 * sigma * sigma)
    row = table_of(study, means).loc["l2"].loc["variance"]
    assert row["status"] == status
    assert row["mcse"] > 0 if status == "mcse_rough" else row[["value", "mcse", "low"]].isna().all()


@pytest.mark.parametrize(
    "loss, kind, status",
    [("l2", "shift", "insufficient"), ("huber", "shift", "mcse_rough"), ("huber", "none", "insufficient")],
)
def test_what_contamination_does_to_a_robust_estimator_is_shown(loss, kind, status):
    """Samples full of outliers look like a long tail, and are bounded."""
    bad = {"kind": "shift", "fraction": 0.1, "size": 10.0} if kind == "shift" else {"kind": "none"}
    factors = {"n": [15], "errors": [{"distribution": "lognormal", "sigma": 3.0}], "contamination": [bad]}
    errors = np.random.default_rng(5).lognormal(0.0, 3.0, 5000)
    row = table_of(study_with(factors=factors, estimators=[{"loss": loss}]), errors)
    assert row.xs("variance", level="measure")["status"].tolist() == [status]


def test_a_precision_does_not_wait_for_a_tail_that_thousands_do_not_show():
    precision = {"measure": "variance", "relative_mcse": 0.01}
    errors = [{"distribution": "lognormal", "sigma": 3.0}]
    study = study_with(factors={"n": [15], "errors": errors}, precision=precision)
    (cell,) = design.cells(study)
    means = np.random.default_rng(5).lognormal(0.0, 3.0, (5000, 15)).mean(axis=1)
    assert rounds.relative_error(study, cell, node_of(study, means)) == 0.0
    assert rounds.relative_error(study, cell, node_of(study, means[:5])) == math.inf


@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_what_a_control_variate_knows_exactly_has_no_error(scale):
    """Of the mean of normal errors nothing is left but rounding, in units of the errors."""
    study = study_with(factors={"n": [20], "errors": [{"distribution": "normal", "scale": scale}]})
    errors = scale * np.random.default_rng(4).standard_normal(1000) / math.sqrt(20)
    controls = errors * (1.0 + 1e-16 * np.arange(1000) / 1000) - 1e-18 * scale * np.arange(1000)
    rows = table_of(study, errors, controls=controls).loc["l2"].loc[["bias", "variance", "mse", "rmse"]]
    assert (rows["mcse"] == 0.0).all() and (rows["low"] == rows["value"]).all() and set(rows["status"]) == {"ok"}
    assert (rows["plain_mcse"] > 0.0).all() and rows.loc["variance", "value"] == pytest.approx(scale**2 / 20)
    rough = table_of(study, errors, controls=0.999 * errors).loc["l2"].loc[["bias", "variance", "mse", "rmse"]]
    assert (rough["mcse"] > 0.0).all()


def test_intervals_are_in_order():
    study = study_with(
        replications=300,
        factors={"n": [4, 20], "errors": [{"distribution": "student_t", "df": 9}, {"distribution": "uniform"}]},
        estimators=[{"loss": "l2"}, {"loss": "l1"}, {"loss": "tukey"}],
    )
    table = simulated(study).dropna(subset=["low", "high"])
    rounding = 1e-15  # of the interval of a share of 0 or 1
    assert (table["low"] <= table["value"] + rounding).all() and (table["value"] <= table["high"] + rounding).all()
    wide = table[table["mcse"] > 0]
    assert len(wide) > 150 and (wide["low"] < wide["high"]).all()
    inside = (wide["high"] - wide["low"]) / wide["mcse"]
    assert inside.median() == pytest.approx(2 * 1.96, rel=0.05)


def test_huge_errors_that_have_no_moments_break_nothing():
    study = study_with(factors={"n": [5], "errors": [{"distribution": "cauchy", "scale": 1e50}]}, replications=5000)
    table = simulated(study).droplevel([0, 1, 2])
    assert table.loc["variance", "status"] == "undefined" and table.loc["median_bias", "status"] == "ok"


@pytest.mark.parametrize("n", [1, 11, 100, 1000])
@pytest.mark.parametrize("p", [0.0, 1e-9, 0.01, 0.3, 0.5])
def test_the_tail_of_the_binomial(n, p):
    for m in {1, 2, (n + 1) // 2, n, n + 1}:
        expected = stats.binom.sf(m - 1, n, p)
        assert rarity.binomial_tail(n, p, m) == pytest.approx(expected, rel=1e-9, abs=1e-300), m
    assert rarity.binomial_tail(n, p, 0) == 1.0


@pytest.mark.parametrize("replications, status", [(2000, "mcse_rough"), (200_000, "ok")])
def test_samples_full_of_outliers_that_are_too_rare_to_be_seen(replications, status):
    """11 observations, 6 of which are wide once in 3400 samples: they make a part of the variance that matters."""
    assert 1 / stats.binom.sf(5, 11, 0.1) == pytest.approx(3400, rel=0.01)
    errors = {"distribution": "contaminated_normal", "epsilon": 0.1, "ratio": 10.0}
    factors = {"n": [11], "errors": [errors, {"distribution": "normal"}]}
    table = simulated(study_with(factors=factors, replications=replications, estimators=[{"loss": "huber"}]))
    found = table.xs("variance", level="measure")["status"]
    assert list(found) == [status, "ok"]


def test_too_few_replications_and_failures_are_told():
    table = table_of(study_with(), [0.5], failed=3).loc["l2"]
    assert table.loc["variance", "status"] == "insufficient"
    moments = table.loc[["bias", "mse", "mae", "median_bias"]]
    assert moments["mcse"].isna().all() and set(moments["status"]) == {"insufficient"}
    assert table.loc["bias", "value"] == 0.5 and table.loc["not_converged", "value"] == 0.75
    assert (table["n_ok"] == 1).all() and (table["n_failed"] == 3).all()
    none = table_of(study_with(), np.empty((1, 0)), failed=3).loc["l2"]
    assert set(none.loc[["bias", "variance", "mse", "mae", "median_bias"], "status"]) == {"insufficient"}


@pytest.mark.parametrize("replications, status", [(2, "insufficient"), (9, "insufficient"), (10, "ok")])
def test_a_handful_of_replications_has_no_mcse(replications, status):
    errors = np.random.default_rng(14).standard_normal(replications)
    table = table_of(study_with(), errors).loc["l2"].loc[["bias", "variance", "mse", "rmse"]]
    assert set(table["status"]) == {status}
    assert table["mcse"].notna().all() == table["low"].notna().all() == (status == "ok")


def test_equal_estimates_have_no_spread():
    bad = {"kind": "point", "fraction": 1.0, "at": 0.1}
    factors = {"n": [4], "errors": [{"distribution": "normal"}], "contamination": [bad]}
    table = simulated(study_with(replications=10_007, factors=factors)).droplevel([0, 1, 2])
    assert table.loc["bias", "value"] == pytest.approx(0.1)
    assert abs(table.loc["variance", "value"]) < 1e-30 and table.loc["variance", "mcse"] < 1e-30
    assert table.loc["mse", "value"] == pytest.approx(0.01)


def test_two_parameters_of_the_same_name_keep_a_column_each():
    study = study_with(
        factors={
            "n": [4],
            "errors": [{"distribution": "contaminated_normal", "epsilon": 0.1, "ratio": 3.0}],
            "contamination": [{"kind": "scale", "fraction": 0.2, "ratio": 7.0}],
        }
    )
    row = table_of(study, [0.1, -0.2]).iloc[0]
    assert (row["ratio"], row["contamination_ratio"], row["fraction"]) == (3.0, 7.0, 0.2)


def test_the_columns_have_the_promised_types():
    (cell,) = design.cells(study_with())
    table = summaries.summarise(study_with(), [(cell, node_of(study_with(), [0.1, -0.2, 0.3]), None)])
    kinds = {name: str(kind) for name, kind in table.dtypes.items()}
    assert kinds["cell"] == "int32" and kinds["n"] == "int64" and kinds["n_ok"] == "int64"
    assert kinds["value"] == "Float64" and kinds["errors"].startswith("str")
    assert kinds["low"] == kinds["gain"] == "Float64" and kinds["variance_reduction"].startswith("str")
    assert "plain_value" not in kinds
