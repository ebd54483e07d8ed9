"""Measures, their standard errors, and which of them exist."""

import math

import numpy as np
import pytest

import simcore as sc
from simcore import design, execute, summaries, sums
from simcore.registry import plugins


def sums_of(errors, failed=0):
    """The row of sums of given errors, from their definition."""
    row = np.zeros(len(sums.COLUMNS))
    row[0], row[2] = len(errors), failed
    for k in range(1, 5):
        row[sums.COLUMNS.index(f"s{k}_high")] = math.fsum(e**k for e in errors)
    return row


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
    e = np.random.default_rng(1).standard_t(4, 500) + 0.3
    moments = sums.moments(sums_of(e))
    m = len(e)
    variance = np.var(e, ddof=1)
    kurtosis = np.mean((e - e.mean()) ** 4) / np.var(e) ** 2
    expected = {
        "bias": (np.mean(e), math.sqrt(variance / m)),
        "variance": (variance, variance * math.sqrt((kurtosis - 1) / m)),
        "empirical_se": (math.sqrt(variance), math.sqrt(variance) * math.sqrt((kurtosis - 1) / m) / 2),
        "mse": (np.mean(e**2), np.std(e**2, ddof=1) / math.sqrt(m)),
        "rmse": (math.sqrt(np.mean(e**2)), np.std(e**2, ddof=1) / math.sqrt(m) / 2 / math.sqrt(np.mean(e**2))),
    }
    assert set(expected) == set(plugins("measures"))
    for name, pair in expected.items():
        assert summaries.measure(name, moments) == pytest.approx(pair, rel=1e-10), name


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
    assert summaries.status(order, needed, alpha) == expected


@pytest.mark.parametrize(
    "entry, n, needed",
    [
        ({"loss": "l2"}, 20, 1),
        ({"loss": "l1"}, 20, 10),
        ({"loss": "l1"}, 21, 11),
        ({"loss": "huber"}, 5, 3),
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
        x[n - bad :] = 1e12
        assert (abs(sc.fit(x, **entry).estimate) > 1e6) == (bad == needed)


def test_what_does_not_exist_is_null_and_says_so():
    study = study_with(factors={"n": [20], "errors": [{"distribution": "cauchy"}]})
    table = summaries.summarise(study, {0: np.stack([sums_of(np.arange(-3.0, 4.0))])})
    assert set(table["status"]) == {"undefined"}
    assert table["value"].isna().all() and table["mcse"].isna().all()
    assert (table["n_ok"] == 7).all()


def test_too_few_replications_and_failures_are_told():
    study = study_with()
    table = summaries.summarise(study, {0: np.stack([sums_of([0.5], failed=3)])}).set_index("measure")
    assert table.loc["variance", "status"] == "insufficient"
    assert table["mcse"].isna().all() and table.loc["bias", "value"] == 0.5
    assert (table["n_ok"] == 1).all() and (table["n_failed"] == 3).all()
    none = summaries.summarise(study, {0: np.stack([sums_of([], failed=3)])})
    assert set(none["status"]) == {"insufficient"}


@pytest.mark.parametrize("replications, status", [(2, "insufficient"), (9, "insufficient"), (10, "ok")])
def test_a_handful_of_replications_has_no_mcse(replications, status):
    errors = np.random.default_rng(3).standard_normal(replications)
    table = summaries.summarise(study_with(), {0: np.stack([sums_of(errors)])})
    assert set(table["status"]) == {status}
    assert table["mcse"].notna().all() == (status == "ok")


def test_equal_estimates_have_no_spread():
    study = study_with(
        replications=10_007,
        factors={
            "n": [4],
            "errors": [{"distribution": "normal"}],
            "contamination": [{"kind": "point", "fraction": 1.0, "at": 0.1}],
        },
    )
    (cell,), (block,) = design.cells(study), design.blocks(study)
    table = summaries.summarise(study, {0: execute.run_block(study, cell, block).sums}).set_index("measure")
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
    row = summaries.summarise(study, {0: np.stack([sums_of([0.1, -0.2])])}).iloc[0]
    assert (row["ratio"], row["contamination_ratio"], row["fraction"]) == (3.0, 7.0, 0.2)


def test_the_columns_have_the_promised_types():
    table = summaries.summarise(study_with(), {0: np.stack([sums_of([0.1, -0.2, 0.3])])})
    kinds = {name: str(kind) for name, kind in table.dtypes.items()}
    assert kinds["cell"] == "int32" and kinds["n"] == "int64" and kinds["n_ok"] == "int64"
    assert kinds["value"] == "Float64" and kinds["errors"].startswith("str")
    assert design.cells(study_with())[0].number == 0
