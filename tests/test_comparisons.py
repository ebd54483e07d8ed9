"""Paired comparisons of estimators against NumPy on the kept estimates; what people see of them."""

import io
import json
import math

import numpy as np
import pytest
from rich.console import Console

import simcore as sc
from simcore import comparisons, design, execute, summaries, sums, tables
from simcore.errors import UsageError
from simcore.outcomes import CellOutcomes
from simcore.reporting import sentences, verdicts
from tests.test_cli import simcore
from tests.test_summaries import node_of

REPLICATIONS = 4000


def study_of(distribution, reduction="none", **changes):
    entries = {
        "name": "paired",
        "problem": "location",
        "seed": 21,
        "replications": REPLICATIONS,
        "factors": {"n": [15], "errors": [distribution]},
        "estimators": [{"loss": "l2"}, {"loss": "tukey"}, {"loss": "l1"}],
        "variance_reduction": reduction,
    }
    return sc.Study(**(entries | changes))


def compared(study, measure):
    (cell,) = design.cells(study)
    result = execute.run_block(study, cell, design.Block(0, cell.key, 0, REPLICATIONS), keep=True)
    total = sums.total(result.nodes, design.chunk_size(cell.n))
    table = comparisons.compare(study, [(cell, total, None)], measure)
    return table.set_index(["estimator", "other"]), result.estimates


LOSSES = {
    "mse": lambda e: e**2,
    "mae": np.abs,
    "variance": lambda e: (e - e.mean()) ** 2 * len(e) / (len(e) - 1),
}


@pytest.mark.parametrize("measure", LOSSES)
def test_differences(measure):
    """Difference and error of the paired losses; the verdict is the sign where the interval leaves out 0."""
    table, (mean, tukey, median) = compared(study_of({"distribution": "normal"}), measure)
    assert list(table.index) == [("l2", "tukey(c=4.685)"), ("l2", "l1"), ("tukey(c=4.685)", "l1")]
    pairs = ((mean, tukey), (mean, median), (tukey, median))
    for (_, row), (a, b) in zip(table.iterrows(), pairs, strict=True):
        paired = LOSSES[measure](a) - LOSSES[measure](b)
        assert row["difference"] == pytest.approx(paired.mean(), rel=1e-9)
        assert row["mcse"] == pytest.approx(paired.std(ddof=1) / math.sqrt(REPLICATIONS), rel=1e-3)
        assert row["closer"] == np.mean(np.abs(a) < np.abs(b))
        assert row["closer_mcse"] == pytest.approx(math.sqrt(row["closer"] * (1 - row["closer"]) / REPLICATIONS))
        expected = "smaller" if row["high"] < 0 else "larger" if row["low"] > 0 else "within error"
        assert row["verdict"] == expected
    assert table.loc[("l2", "l1"), "verdict"] == "smaller" and set(table["status"]) == {"ok"}


def test_the_control_variate_sharpens_the_same_differences():
    plain, _ = compared(study_of({"distribution": "normal"}), "mse")
    sharp, _ = compared(study_of({"distribution": "normal"}, "score"), "mse")
    z = (sharp["difference"] - plain["difference"]) / plain["mcse"]
    assert np.all(np.abs(z.to_numpy(float)) < 4.5)
    assert np.all(sharp["mcse"] < 0.8 * plain["mcse"])


def test_what_does_not_exist_is_not_compared_but_who_is_nearer_is():
    table, (mean, tukey, _) = compared(study_of({"distribution": "cauchy"}), "mse")
    row = table.loc[("l2", "tukey(c=4.685)")]
    assert row["status"] == "undefined"
    assert table["difference"].isna().tolist() == [True, True, False]
    assert row["closer"] == np.mean(np.abs(mean) < np.abs(tukey)) < 0.3


def test_an_estimator_with_itself_under_another_name_is_within_the_error():
    twins = [{"loss": "huber", "k": 40.0, "scale": 1.0}, {"loss": "l2"}]
    table, _ = compared(study_of({"distribution": "uniform"}, estimators=twins), "mse")
    row = table.iloc[0]
    assert abs(row["difference"]) < 1e-12 and row["verdict"] == "within error"


def test_unknown_measure():
    with pytest.raises(UsageError, match="mse"):
        comparisons.compare(study_of({"distribution": "normal"}), [], "bias")


def test_the_command(tmp_path):
    (tmp_path / "paired.toml").write_text(study_of({"distribution": "cauchy"}).text)
    assert simcore("run", "paired.toml", cwd=tmp_path).returncode == 0
    done = simcore("compare", "results/paired", cwd=tmp_path)
    assert done.returncode == 0 and "infinite for l2" in done.stdout and "better" in done.stdout
    rows = json.loads(simcore("compare", "results/paired", "--measure", "mae", "--json", cwd=tmp_path).stdout)
    assert len(rows) == 3 and {row["measure"] for row in rows} == {"mae"}
    assert simcore("compare", "results/paired", "--measure", "bias", cwd=tmp_path).returncode == 2


def test_means_of_what_has_no_truth_are_compared_in_pairs():
    """Against NumPy on the kept values of two estimators."""
    study = sc.Study(
        name="c",
        problem="classification",
        replications=512,
        factors={"n": [12], "errors": [{"distribution": "gumbel"}]},
        estimators=[{"estimator": "cross_entropy"}, {"estimator": "squared_error"}],
    )
    (cell,), (block,) = design.cells(study), design.missing(study, {})
    result = execute.run_block(study, cell, block, keep=True)
    total = sums.total(result.nodes, design.chunk_size(cell.size))
    table = comparisons.compare(study, [(cell, total, None)], "mean").set_index("parameter")
    assert set(table.index) == {"accuracy", "converged", "steps", "gradient_norm"}
    first, second = result.estimates[1], result.estimates[6]
    row, difference = table.loc["accuracy"], first - second
    assert row["difference"] == pytest.approx(difference.mean(), rel=1e-9)
    assert row["mcse"] == pytest.approx(difference.std() / np.sqrt(511), rel=1e-9)
    with pytest.raises(UsageError, match="nothing to compare"):
        comparisons.compare(study_of({"distribution": "normal"}), [], "mean")


@pytest.mark.parametrize("loc, scale", [(0.0, 1e-10), (0.0, 1.0), (3.0, 1e10), (1e6, 1e-3), (-1e9, 1.0)])
@pytest.mark.parametrize("errors", [{"distribution": "lognormal", "sigma": 0.5}, {"distribution": "laplace"}])
def test_whether_two_estimands_are_one_does_not_depend_on_the_unit(loc, scale, errors):
    """To comparisons, to what is said of the best, and to the lines under a table alike."""
    study = study_of(errors | {"loc": loc, "scale": scale})
    (cell,) = design.cells(study)
    result = execute.run_block(study, cell, design.Block(0, cell.key, 0, REPLICATIONS))
    parts = [(cell, sums.total(result.nodes, design.chunk_size(cell.n)), None)]
    summary, table = summaries.summarise(study, parts), comparisons.compare(study, parts)
    verdict, skewed = verdicts.decide(summary, {"mse": table}), errors["distribution"] == "lognormal"
    ((case,),) = verdict.cases.values()
    assert (case.why == verdicts.ESTIMANDS) == skewed
    assert set(table["verdict"] == "different estimands") == {skewed}
    console = Console(file=io.StringIO(), width=160)
    tables.print_summary(summary, None, study=study, console=console)
    assert ("different estimands" in console.file.getvalue()) == skewed


SAME = [{"loss": "l2"}, {"loss": "l1"}, {"estimator": "hodges_lehmann"}]
POINT = {"kind": "point", "fraction": 0.3, "at": 1e8}


def summed(study):
    (cell,) = design.cells(study)
    result = execute.run_block(study, cell, design.Block(0, cell.key, 0, REPLICATIONS))
    return [(cell, sums.total(result.nodes, design.chunk_size(cell.n)), None)]


@pytest.mark.parametrize("measure", ["mse", "variance", "mae"])
@pytest.mark.parametrize(
    ("errors", "reduction"),
    [({"distribution": "normal"}, "score"), ({"distribution": "normal", "loc": 1e6}, "score")]
    + [({"distribution": "laplace", "scale": 1e-9}, "none"), ({"distribution": "student_t", "df": 3.0}, "none")],
)
def test_what_is_the_same_but_for_rounding_is_equal(errors, reduction, measure):
    """Of two observations the mean, the median and Hodges-Lehmann are one."""
    study = study_of(errors, reduction, factors={"n": [2], "errors": [errors]}, estimators=SAME)
    parts = summed(study)
    table = comparisons.compare(study, parts, measure)
    assert (table["difference"] == 0.0).all() and table[["closer", "closer_mcse"]].isna().all(axis=None)
    if "df" not in errors or measure == "mae":
        assert (table["mcse"] == 0.0).all() and set(table["verdict"]) == {"within error"}
    console = Console(file=io.StringIO(), width=160)
    tables.print_comparisons(table, console)
    text = console.file.getvalue()
    assert text.count(" equal ") == 3 and "equal: the same in every sample, but for rounding" in text
    summary = summaries.summarise(study, parts)
    told = summary[summary["measure"].isin(["efficiency", "efficiency_mse"]) & (summary["status"] == "ok")]
    assert (told["value"] == 1.0).all() and (told["mcse"] == 0.0).all() and len(told) == (2 if "df" in errors else 6)


@pytest.mark.parametrize(
    ("estimators", "factors"),
    [
        ([{"loss": "l1"}, {"loss": "huber", "k": 1e-3, "scale": 1.0}], {"n": [3], "contamination": [POINT]}),  # hidden
        ([{"loss": "huber", "k": 3.0, "scale": 1.0}, {"loss": "l2"}], {"n": [5]}),  # few samples differ
        ([{"loss": "huber", "k": 1.345}, {"loss": "huber", "k": 1.345001}], {"n": [20]}),
    ],
)
def test_what_is_nearly_the_same_is_not_equal(estimators, factors):
    errors = {"distribution": "normal"}
    study = study_of(errors, factors={"errors": [errors], **factors}, estimators=estimators)
    row = comparisons.compare(study, summed(study), "mse").iloc[0]
    assert not comparisons.equal(row) and row["closer"] >= 0.0
    assert row["status"] == "mcse_undefined" or row["mcse"] > 0.0


@pytest.mark.parametrize(
    ("changed", "size", "truth", "same"),
    [
        (lambda e, noise: e, 1.0, 0.0, True),
        (lambda e, noise: e * (1.0 + 1e-15 * noise), 1.0, 0.0, True),
        (lambda e, noise: np.roll(e, 1), 1.0, 0.0, False),  # all means are the same
        (lambda e, noise: e + 1e-10 * noise, 1.0, 1e6, True),  # estimates near 1e6 are rounded so
        (lambda e, noise: e + 1e-10 * noise, 1.0, 0.0, False),
        (lambda e, noise: e * (1.0 + 0.1 * noise), 1e-14, 0.0, False),  # a slope by regressors that are large
    ],
)
def test_what_rounding_is(changed, size, truth, same):
    study = study_of({"distribution": "normal"}, estimators=SAME[:2])
    e, noise = np.random.default_rng(8).standard_normal((2, REPLICATIONS))
    e *= size
    (cell,) = design.cells(study)
    outcomes = CellOutcomes(study, cell, node_of(study, np.array([e, changed(e, noise)])))
    one, other = outcomes.views(0).plain, outcomes.views(1).plain
    assert summaries.same(one, other, outcomes.shared(0, 1), truth, 1.0) == same


def test_the_answer_says_that_they_are_equal():
    study = study_of(
        {"distribution": "normal"}, factors={"n": [2], "errors": [{"distribution": "normal"}]}, estimators=SAME
    )
    parts = summed(study)
    verdict = verdicts.decide(summaries.summarise(study, parts), {"mse": comparisons.compare(study, parts)})
    ((case,),) = verdict.cases.values()
    assert case.why == verdicts.EQUALS and {*case.best} == {"l2", "l1", "hodges_lehmann"}
    first, second, _ = sentences.told(verdict, (REPLICATIONS, REPLICATIONS))
    assert first == "Use one of l2, l1 or hodges_lehmann: in the only condition they are equal."
    assert second == "L2, l1 and hodges_lehmann, all equal, have the smallest mean square error in the only condition."


def test_means_of_what_is_the_same_in_every_sample_are_equal():
    """Steps until the best accuracy: one of both, always."""
    study = sc.Study(
        name="c",
        problem="classification",
        replications=64,
        factors={"n": [12], "errors": [{"distribution": "normal"}]},
        estimators=[{"estimator": "cross_entropy"}, {"estimator": "squared_error"}],
    )
    rows = [row for _, row in comparisons.compare(study, summed(study), "mean").iterrows()]
    assert {row["parameter"]: comparisons.equal(row) for row in rows} == {
        "slope": False,
        "accuracy": False,
        "converged": False,
        "steps": True,
        "gradient_norm": False,
    }
