"""What people read in and below the tables of a terminal, made from sums that are made up: nothing is simulated."""

import io
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

import simcore as sc
from simcore import comparisons, design, forecast, replay_tables, rounds, selecting, summaries, tables
from simcore.describe import describe
from simcore.errors import ScenarioError, UsageError
from simcore.replays import Replication
from tests.test_summaries import node_of

NORMAL, CAUCHY = {"distribution": "normal"}, {"distribution": "cauchy"}
SKEWED = {"distribution": "lognormal", "sigma": 1.0}
SHIFT = {"kind": "shift", "fraction": 0.1, "size": 10.0}


def study_with(errors=NORMAL, losses=("l2", "l1"), contamination=None, **changes):
    factors = {"n": [20], "errors": [errors]} | ({"contamination": [contamination]} if contamination else {})
    entries = {"name": "read", "problem": "location", "replications": 1000, "factors": factors}
    return sc.Study(**entries | {"estimators": [{"loss": loss} for loss in losses]} | changes)


def parts(study):
    """Estimates with the spread of 1, 2, ... tenths."""
    errors = np.random.default_rng(3).standard_normal((len(design.targets(study)), 1000))
    errors *= 0.1 * (1.0 + np.arange(len(errors)))[:, None]
    return [(cell, node_of(study, errors), None) for cell in design.cells(study)]


def printed(function, *arguments, **options):
    console = Console(file=io.StringIO(), width=160, highlight=False)
    function(*arguments, console=console, **options)
    return console.file.getvalue()


def shown(study, measures=None):
    return printed(tables.print_summary, summaries.summarise(study, parts(study)), measures, study=study)


def test_what_efficiencies_are_relative_to():
    text = shown(study_with(reference="l1"))
    assert "\nefficiency: variance of l1 (the reference) over that of the estimator\n" in text
    assert "efficiency" not in shown(study_with(), ["bias"])
    assert "efficiency_mse: mse of l2 (the reference) over" in shown(study_with(), ["efficiency_mse"])


def test_under_contamination_the_first_look_counts_the_bias():
    assert "rmse" not in shown(study_with())
    text = shown(study_with(contamination=SHIFT))
    assert "rmse" in text and "efficiency_mse: mse of l2" in text


def test_efficiencies_of_different_estimands_come_with_a_warning():
    assert "different estimands answer different questions" in shown(study_with(SKEWED))
    assert "different estimands" not in shown(study_with(SKEWED, estimand="mean"))
    assert "different estimands" not in shown(study_with(SKEWED), ["bias"])


@pytest.mark.parametrize("measure", ["mse", "variance", "mae"])
def test_no_estimator_is_better_than_one_of_another_estimand(measure):
    study = study_with(SKEWED)
    table = comparisons.compare(study, parts(study), measure)
    assert list(table["verdict"]) == ["different estimands"] and table["difference"].notna().all()
    assert "different estimands" in printed(tables.print_comparisons, table)
    study = study_with(SKEWED, estimand="median")
    assert list(comparisons.compare(study, parts(study), measure)["verdict"]) == ["smaller"]


@pytest.mark.parametrize("measure", ["mse", "variance", "mae"])
def test_a_finite_loss_is_better_than_an_infinite_one(measure):
    study = study_with(CAUCHY, ("l2", "l1", "lp", "huber"))
    table = comparisons.compare(study, parts(study), measure)
    found = table.set_index(["estimator", "other"])["verdict"]
    lp = study.estimators[2].label
    assert found["l2", "l1"] == "larger" and found["l1", lp] == "smaller" and found["l2", lp] == "neither"
    assert found["l1", "huber(k=1.345)"] == "smaller" and table["difference"].notna().sum() == 1
    text = printed(tables.print_comparisons, table)
    first, second = (
        next(line.split() for line in text.splitlines() if line.split()[:2] == [*names])
        for names in (("l2", "l1"), ("l2", lp))
    )
    assert first[2:6] == ["infinite", "for", "l2", "l1"] and second[2:6] == ["infinite", "for", "both", "neither"]


MM = {
    "problem": "linear",
    "beta": [1.0, 2.0],
    "factors": {"n": [20], "design": [{"design": "uniform"}], "errors": [SKEWED]},
    "estimators": [{"loss": "l2"}, {"estimator": "mm", "label": "mm"}],
}


def test_only_the_intercept_of_what_has_no_known_estimand_is_undefined():
    study = sc.Study(name="mm", **MM)
    table = summaries.summarise(study, parts(study)).set_index(["parameter", "estimator", "measure"])
    assert table.loc[("beta1", "mm", "mse"), "truth"] == 2.0
    assert table.loc[("beta1", "mm", "mse"), "value"] > 0 and table.loc[("beta0", "l2", "mse"), "value"] > 0
    for measure in ("bias", "mse", "median_bias", "efficiency_mse"):
        row = table.loc[("beta0", "mm", measure)]
        assert row["status"] == "undefined" and row[["value", "truth"]].isna().all(), measure
    turned = sc.Study(name="mm", reference="mm", **MM)
    table = summaries.summarise(turned, parts(turned)).set_index(["parameter", "estimator", "measure"])
    assert table.loc[("beta0", "l2", "efficiency_mse"), "status"] == "undefined"
    assert "beta0 against each one's own value at the errors' distribution: l2 2.649, mm ? (?: none" in shown(study)
    compared = comparisons.compare(study, parts(study)).set_index("parameter")
    assert compared.loc["beta0", ["verdict", "difference", "closer"]].isna().all()
    assert compared.loc["beta1", "verdict"] == "smaller"
    assert "The value of the intercept of mm under lognormal(sigma=1) errors is then not known" in " ".join(
        describe(study).split()
    )


def test_a_centre_that_is_not_known_is_still_refused():
    with pytest.raises(ScenarioError, match="have no mean"):
        sc.Study(name="mm", estimand="mean", **MM | {"factors": MM["factors"] | {"errors": [CAUCHY]}})
    stable = {"distribution": "stable", "alpha": 1.5, "beta": 0.5}
    with pytest.raises(ScenarioError, match="no closed form"):
        study_with(stable, ("huber",))


def test_a_replayed_regression_has_a_row_for_each_column_and_shows_what_is_contaminated():
    study = sc.Study(name="mm", **MM)
    (cell,) = design.cells(study)
    x = np.stack([np.ones(40), np.arange(40.0)], axis=1)
    found = Replication("mm", 1, cell, 0, {"X": x, "y": np.arange(40.0)}, {"X": (17, 30), "y": (17,)}, ())
    lines = [line.split() for line in printed(replay_tables.print_replication, found).splitlines()]
    rows = [*"01234", "17", "30", "35", "36", "37", "38", "39"]
    assert [line[0] for line in lines if line and line[0].isdigit()] == [
        *rows,
        "28",
    ]
    assert ["17", "1*", "17*", "17*"] in lines and ["30", "1*", "30*", "30"] in lines
    assert ["X[0]", "1", "1", "1", "17,", "30"] in lines and ["X[1]", "0", "19.5", "39"] in lines
    assert "28 of 40 rows not shown" in printed(replay_tables.print_replication, found)


def test_some_rows_of_a_table():
    factors = {"n": [5, 20], "errors": [NORMAL, {"distribution": "student_t", "df": [3, 5]}]}
    study = study_with(factors=factors, estimators=[{"loss": "l2"}, {"loss": "huber"}, {"loss": "l1"}])
    table, pairs = summaries.summarise(study, parts(study)), comparisons.compare(study, parts(study))

    def cells(own=table, **choice):
        return sorted(set(selecting.selected(own, **choice)["cell"]))

    assert cells() == [0, 1, 2, 3, 4, 5] and cells(cells=[3, 1]) == [1, 3]
    assert cells(where=["errors=normal"]) == [0, 3] == cells(pairs, where=["errors=normal"])
    assert cells(where=["errors=student_t", "n=20.0"]) == [4, 5] and cells(where=["df=3"]) == [1, 4]
    assert set(selecting.selected(table, estimators=["huber", "l2"])["estimator"]) == {"huber(k=1.345)", "l2"}
    two = selecting.selected(pairs, estimators=["l1", "huber"])
    assert {frozenset(pair) for pair in two[["estimator", "other"]].values} == {frozenset(("l1", "huber(k=1.345)"))}
    assert selecting.selected(pairs, estimators=["l1", "l1"]).equals(selecting.selected(pairs, estimators=["l1"]))
    with pytest.raises(UsageError, match="^estimator: of so many only those with the reference are compared"):
        selecting.selected(pairs[pairs["estimator"] == "l2"], estimators=["l1", "huber"])
    found = selecting.selected(pairs, estimators=["l1"], cells=[0])
    assert list(zip(found["estimator"], found["other"], strict=True)) == [("l2", "l1"), ("huber(k=1.345)", "l1")]
    for wrong, told in (
        ({"cells": [9]}, "cell: there is none such here .got '9'., known: 0, 1, 2"),
        ({"where": ["erors=normal"]}, "did you mean 'errors'.*contamination, "),
        ({"where": ["n"]}, "where: write COLUMN=VALUE .got 'n'."),
        ({"where": ["errors=norml"]}, "where: errors: .*did you mean 'normal'"),
        ({"estimators": ["hubr"]}, "did you mean 'huber.k=1.345.'"),
        ({"parameters": ["beta1"]}, "parameter: .*known: theta"),
    ):
        with pytest.raises(UsageError, match=told):
            selecting.selected(table, **wrong)


def test_who_cannot_have_a_precision_is_told_before_and_after():
    """Under t with 3 degrees of freedom the mean squared error of the mean exists, its Monte Carlo error does not."""
    errors = [NORMAL, {"distribution": "student_t", "df": [3, 4]}]
    precision = {"measure": "mse", "relative_mcse": 0.01}
    study = study_with(factors={"n": [20], "errors": errors}, precision=precision)
    found = parts(study)
    lacking = [rounds.without(study, cell, node) for cell, node, _ in found]
    assert lacking == [[], ["l2"], ["l2"]]
    told = "l2 cannot have it in cells 1-2: its mse has no Monte Carlo error there"
    cells = [
        {"cell": k, "replications": 9, "errors": "e", "contamination": "none", "n": 20, "met": True, "without": labels}
        for k, labels in enumerate(lacking)
    ]
    facts = dict.fromkeys(("study", "cells", "estimators", "replications_per_cell", "replications", "blocks"), 9)
    facts |= {"to_compute": 9, "seconds": 1.0, "threads": 1, "memory_bytes": 1, "disk_bytes": 1, "refused": None}
    assert ("", told) in forecast.sentences(study, facts | {"precision": cells})
    text = shown(study)
    assert told in text and "precision asked for: met by " in text and "cannot have it" not in shown(study_with())


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(min_value=5e-324, allow_infinity=False))
@example(0.0211365557, 5.98e-07)
@example(1.009e-33, 5.7e-35)
@example(1e20, 123456.0)
@example(-3e-60, 5.7e-35)
@example(0.1, 9.96e-13)
def test_a_value_is_written_to_the_place_of_its_error(value, mcse):
    """Within half a unit of the last place that the error is written with; two of its digits, or whole ones."""
    shown, error = tables.with_error(value, mcse).split(" ± ")
    digits, _, exponent = error.partition("e")
    last = Fraction(10) ** (int(exponent or 0) - len(digits.partition(".")[2]))
    read = Fraction(shown) if float(shown) != value else Fraction(value)
    assert abs(read - Fraction(value)) <= last / 2
    assert abs(Fraction(error) - Fraction(mcse)) <= max(last / 2, Fraction(1, 10**323)) and last <= Fraction(mcse)
    assert len(shown) <= 25 and len(error) <= 10 and (float(shown) or "-" not in shown)


@pytest.mark.parametrize(
    ("value", "mcse", "text"),
    [
        (0.0211365557, 5.98e-07, "0.02113656 ± 0.00000060"),
        (1.009e-33, 5.7e-35, "1.009e-33 ± 5.7e-35"),
        (7e-37, 5.7e-35, "7e-37 ± 5.7e-35"),
        (3e-40, 5.7e-35, "0 ± 5.7e-35"),
        (1e20, 1e19, "1.00e+20 ± 1.0e+19"),
        (0.5, 1e-12, "0.5000000000000 ± 1.0e-12"),
        (123456.7, 2300.0, "123457 ± 2300"),
        (-0.001, 0.1, "0.00 ± 0.10"),
    ],
)
def test_how_values_are_written(value, mcse, text):
    assert tables.with_error(value, mcse) == text


def test_a_cell_has_the_settings_of_its_own_problem():
    """`at` is one of sensitivity's, and here a parameter of the contamination."""
    bad = {"kind": "point", "fraction": 0.1, "at": 10.0}
    study = study_with(factors={"n": [10], "errors": [NORMAL], "contamination": [{"kind": "none"}, bad]})
    text = shown(study)
    assert "cell 0   errors normal   n = 10   1,000 replications\n" in text and "at =" not in text


def test_one_replication_is_one():
    assert "   n = 20   1 replication\n" in printed(
        tables.print_summary, summaries.summarise(study_with(), parts(study_with())).assign(n_ok=1), study=study_with()
    )
    assert ", 1 replication per cell, " in repr(study_with(replications=1))
