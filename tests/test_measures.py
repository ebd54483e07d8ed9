"""Every measure against a plain formula of its own on the kept estimates; scale, reference, and tiny studies.

A new measure needs a line in ORACLES or in COUNTS, which read the codes and passes of the fits.
"""

import math

import numpy as np
import pytest

import simcore as sc
from simcore import codes, design, execute, summaries, sums
from simcore.registry import plugins
from tests.running import samples

REPLICATIONS = 3000
ESTIMATORS = [{"loss": "l2"}, {"loss": "l1"}, {"loss": "huber"}, {"loss": "tukey"}]
MEASURES = [{"measure": "quantile", "p": [0.1, 0.5, 0.9]}, {"measure": "tail_probability", "c": [0.2, 0.5]}]


def study_of(replications=REPLICATIONS, errors=None, **changes):
    entries = {
        "name": "measured",
        "problem": "location",
        "seed": 12,
        "replications": replications,
        "factors": {"n": [12], "errors": [errors or {"distribution": "student_t", "df": 5}]},
        "estimators": ESTIMATORS,
        "variance_reduction": "none",
        "measures": MEASURES,
    }
    return sc.Study(**(entries | changes))


def rows_of(study, count=None):
    """(estimator, measure) -> row, and the errors and states of each estimator."""
    (cell,) = design.cells(study)
    block = design.Block(0, cell.key, 0, count or study.replications)
    result = execute.run_block(study, cell, block, keep=True)
    total = sums.total(result.nodes, design.chunk_size(cell.n))
    errors = [np.sort(own) for own in result.estimates - cell.errors.loc]
    rows = summaries.cell_rows(study, cell, total, errors)
    return {(row["estimator"], row["measure"]): row for row in rows}, result


def _variance(e, r):
    return np.var(e, ddof=1), np.sqrt((np.mean((e - e.mean()) ** 4) - np.var(e) ** 2) / len(e)) * len(e) / (len(e) - 1)


def _mse(e, r):
    return np.mean(e**2), np.std(e**2, ddof=1) / math.sqrt(len(e))


def _root(of):
    def oracle(e, r):
        square, mcse = of(e, r)
        return np.sqrt(square), mcse / 2 / np.sqrt(square)

    return oracle


def _ratio(square):
    """Linearised: the standard deviation of (y_r - ratio y) / mean y."""

    def oracle(e, r):
        y, y_r = square(e), square(r)
        ratio = y_r.mean() / y.mean()
        return ratio, np.std(y_r - ratio * y) / y.mean() / math.sqrt(len(e))

    return oracle


ORACLES = {
    "bias": lambda e, r: (e.mean(), np.std(e, ddof=1) / math.sqrt(len(e))),
    "variance": _variance,
    "empirical_se": _root(_variance),
    "mse": _mse,
    "rmse": _root(_mse),
    "mae": lambda e, r: (np.abs(e).mean(), np.std(np.abs(e), ddof=1) / math.sqrt(len(e))),
    "efficiency": _ratio(lambda e: (e - e.mean()) ** 2),
    "efficiency_mse": _ratio(lambda e: e**2),
    "efficiency_bound": lambda e, r: (8 / (6 * 12) / np.var(e, ddof=1), None),  # information of t5: 6 / 8
    "median_bias": lambda e, r: (np.median(e), None),
    "median_abs_error": lambda e, r: (np.median(np.abs(e)), None),
    "iqr_se": lambda e, r: ((np.quantile(e, 0.75) - np.quantile(e, 0.25)) / 1.3489795003921634, None),
    "quantile(p=0.1)": lambda e, r: (np.quantile(e, 0.1), None),
    "quantile(p=0.5)": lambda e, r: (np.quantile(e, 0.5), None),
    "quantile(p=0.9)": lambda e, r: (np.quantile(e, 0.9), None),
    "tail_probability(c=0.2)": lambda e, r: _share(np.mean(np.abs(e) > 0.2), len(e)),
    "tail_probability(c=0.5)": lambda e, r: _share(np.mean(np.abs(e) > 0.5), len(e)),
}
COUNTS = {"iterations", "most_iterations", "not_converged", "degenerate_scale", "non_finite"}


def _share(p, count):
    return p, math.sqrt(p * (1 - p) / count)


@pytest.fixture(scope="module")
def measured():
    return rows_of(study_of())


def test_every_measure_has_an_oracle():
    of_errors = {name: plugin for name, plugin in plugins("measures").items() if plugin.of != "values"}
    known = {name for name, plugin in of_errors.items() if plugin.problem in (None, "location") and not plugin.exact}
    assert {name.partition("(")[0] for name in ORACLES} | COUNTS == known
    assert {choice.label for choice in study_of().measures} == set(ORACLES) | COUNTS


@pytest.mark.parametrize("label", ORACLES)
@pytest.mark.parametrize("place", range(len(ESTIMATORS)))
def test_value_and_error(measured, place, label):
    """To rounding; the variance in an efficiency has the divisor R - 1, which cancels, its error R or R - 1."""
    rows, result = measured
    row = rows[study_of().estimators[place].label, label]
    value, mcse = ORACLES[label](result.estimates[place], result.estimates[0])
    assert row["value"] == pytest.approx(value, rel=1e-9, abs=1e-13)
    if mcse is not None and row["mcse"] is not None:
        assert row["mcse"] == pytest.approx(mcse, rel=2 / REPLICATIONS, abs=1e-12)
    if row["low"] is not None:
        assert row["low"] <= row["value"] + 1e-15 and row["value"] <= row["high"] + 1e-15
    assert row["variance_reduction"] in (None, "none: switched off in the scenario") and row["gain"] is None


def test_counts_of_fits(measured):
    rows, result = measured
    for place, choice in enumerate(study_of().estimators):
        passes, kinds = result.states[place] // codes.ITERATION, result.states[place] % codes.ITERATION
        assert rows[choice.label, "iterations"]["value"] == pytest.approx(passes.mean(), rel=1e-12)
        assert rows[choice.label, "iterations"]["mcse"] == pytest.approx(passes.std(ddof=1) / math.sqrt(len(passes)))
        most = rows[choice.label, "most_iterations"]
        assert (most["value"], most["mcse"], most["status"]) == (passes.max(), None, "mcse_undefined")
        for name in ("not_converged", "degenerate_scale", "non_finite"):
            row = rows[choice.label, name]
            assert row["value"] == np.mean(kinds == codes.NAMES.index(name))
            assert row["low"] <= row["value"] < row["high"] < 0.002  # Wilson's upper end at 0 of 3000: 0.0013
    assert rows["huber(k=1.345)", "iterations"]["value"] > 1


@pytest.mark.parametrize("reduction", ["none", "score"])
def test_twice_the_scale(reduction):
    """Powers of two are exact: lengths double, squares quadruple, ratios and shares stay, all to the bit."""
    study = study_of(variance_reduction=reduction, measures=[{"measure": "tail_probability", "c": 0.25}])
    wide = {"distribution": "student_t", "df": 5, "scale": 2.0}
    double = study_of(errors=wide, variance_reduction=reduction, measures=[{"measure": "tail_probability", "c": 0.5}])
    # Another scale draws other samples, so the sums are doubled instead.
    (cell,), (other,) = design.cells(study), design.cells(double)
    result = execute.run_block(study, cell, design.Block(0, cell.key, 0, 3000), keep=True)
    node = sums.total(result.nodes, 1024)
    scaled = _doubled(node)
    one = {(row["estimator"], row["measure"]): row for row in summaries.cell_rows(study, cell, node)}
    two = {(row["estimator"], row["measure"]): row for row in summaries.cell_rows(double, other, scaled)}
    factors = dict.fromkeys(("variance", "mse"), 4.0) | dict.fromkeys(
        ("efficiency", "efficiency_mse", "efficiency_bound", *COUNTS), 1.0
    )
    for (estimator, measure), row in one.items():
        name = measure.partition("(")[0]
        measure = measure.replace("c=0.25", "c=0.5")
        factor = 1.0 if name == "tail_probability" else factors.get(name, 2.0)
        for column in ("value", "mcse", "low", "high"):
            got = two[estimator, measure][column]
            assert got == (None if row[column] is None else factor * row[column]), (measure, column)


def _doubled(node):
    """The sums of errors twice as large: each power, each bin (one exponent up)."""
    errors, pairs = node.errors.copy(), node.pairs.copy()
    for layout, values in ((sums.ERRORS, errors), (sums.PAIRS, pairs)):
        for k, name in enumerate(layout.columns):
            if name in ("e_high", "e_low", "u_high", "u_low"):
                values[:, k] *= 2.0
            elif k >= layout.first_real:
                values[:, k] *= 2.0 ** sum(int(digit) for digit in name.partition("_")[0][1:])
    bins = tuple((keys + 128, counts) for keys, counts in node.bins)
    return sums.Node(node.first, node.count, errors, pairs, bins)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_tiny_studies_say_so(count):
    rows, _ = rows_of(study_of(), count)
    for (_, measure), row in rows.items():
        name = measure.partition("(")[0]
        order = plugins("measures")[name].order
        if order and row["status"] != "undefined":
            assert row["mcse"] is None and row["status"] == "insufficient", measure
        assert row["value"] is None or math.isfinite(row["value"])


def test_all_failures_give_no_number():
    far = {"distribution": "student_t", "df": 0.001}  # nearly every draw overflows
    rows, result = rows_of(study_of(errors=far, estimators=[{"loss": "l2"}]), 64)
    assert rows["l2", "non_finite"]["value"] == np.mean(result.states[0] % codes.ITERATION == codes.NON_FINITE) == 1.0
    assert rows["l2", "variance"]["status"] == "undefined" and rows["l2", "variance"]["value"] is None


@pytest.mark.parametrize("problem, more", [("location", {}), ("linear", {"beta": [1.0, 2.0]})])
def test_one_observation_that_is_not_finite_fails_its_sample(problem, more):
    """Also of estimators that would not see it; the other samples keep their estimates."""
    factors = {"n": [9], "errors": [{"distribution": "student_t", "df": 0.004}]}
    factors |= {"design": [{"design": "gaussian"}]} if more else {}
    study = sc.Study(
        name="f", problem=problem, seed=3, replications=256, factors=factors, estimators=[{"loss": "l1"}], **more
    )
    (cell,) = design.cells(study)
    result = execute.run_block(study, cell, design.Block(0, cell.key, 0, 256), keep=True)
    x = samples("student_t", (0.004,), 9, 32, seed=3, cell=cell.identity)
    finite = np.isfinite(x).all(axis=1).ravel()
    failed = result.states[0] % codes.ITERATION == codes.NON_FINITE
    assert 20 < finite.sum() < 236 and np.array_equal(failed, ~finite)
    assert np.isfinite(result.estimates[0][finite]).all()
