"""Verdicts and their sentences on tables made by hand, where it is plain who wins and who must not be said to."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

import simcore as sc
from simcore import summaries
from simcore.registry import plugins
from simcore.reporting import contests, criteria, sentences, verdicts
from simcore.statuses import INSUFFICIENT, NO_MCSE, OK, ROUGH, UNDEFINED

LEVELS = ("normal", "laplace", "cauchy")


def row(cell, estimator, measure, number, **columns):
    """A row of a summary. number: value, mcse and status, or value and mcse."""
    value, mcse, status = (*number, OK)[:3]
    common = {"study": "made", "problem": "location", "cell": cell, "errors": LEVELS[cell % 3], "contamination": "none"}
    common |= {
        "n": 10,
        "scale": 1.0,
        "parameter": "theta",
        "truth": 0.0,
        "n_ok": 1000,
        "n_failed": 0,
        "precision": None,
    }
    numbers = {"estimator": estimator, "measure": measure, "value": value, "mcse": mcse, "status": status}
    return common | numbers | columns


def made(*cells, robust=({},), error=0.01, measure="mse", pairs=None, **columns):
    """(summary, comparisons) of cells: estimator -> value and mcse (and status) of the measure.

    robust: the same of the median absolute error. error: of a paired difference of two numbers that have an MCSE; the
    worst of their statuses is its own. pairs: only these are compared.
    """
    rows = [row(k, name, measure, own, **columns) for k, cell in enumerate(cells) for name, own in cell.items()]
    rows += [row(k, *(name, criteria.ROBUST, own)) for k, cell in enumerate(robust) for name, own in cell.items()]
    compared = []
    for k, cell in enumerate(cells):
        for one, other in itertools.combinations(cell, 2):
            (a, _, *first), (b, _, *second) = cell[one], cell[other]
            states = first + second
            worst = next((own for own in (INSUFFICIENT, UNDEFINED, NO_MCSE, ROUGH) if own in states), OK)
            known = worst in (OK, ROUGH)
            found = {"cell": k, "parameter": "theta", "estimator": one, "other": other, "status": worst}
            found |= {"difference": a - b if known else None, "mcse": error if known else None}
            compared += [found] if pairs is None or (one, other) in pairs else []
    return pd.DataFrame(rows), {measure: pd.DataFrame(compared)}


def decided(*cells, **options):
    summary, comparisons = made(*cells, **options)
    verdict = verdicts.decide(summary, comparisons)
    (found,) = verdict.cases.values()
    return verdict, found, sentences.told(verdict, (1000, 1000)), sentences.notes(verdict, summary)


FAR = {"l2": (1.0, 0.01), "l1": (0.5, 0.01), "huber": (0.8, 0.01)}


def test_a_clear_winner_everywhere():
    verdict, cases, (first, second, third), _ = decided(FAR, FAR)
    assert [case.winner for case in cases] == ["l1", "l1"] and verdict.tests == 6 and not verdict.alone
    assert cases[0].next == "huber" and cases[0].margin == (pytest.approx(0.3), 0.01)
    expected = (
        "In all 2 cells l1 has the smallest mean square error, beyond the error: 38 % below that of the next best."
    )
    assert first == expected
    assert second == "Every cell has a winner, and every moment and error that this takes exists."
    assert "all 6 comparisons" in third and "5 %" in third and "Holm" in third and "1,000 replications" in third


def test_winners_are_told_with_where_they_win():
    turned = FAR | {"l1": (2.0, 0.01)}
    _, cases, (first, *_), notes = decided(FAR, FAR, turned)
    assert [case.winner for case in cases] == ["l1", "l1", "huber"]
    assert "In 2 of 3 cells l1 has" in first and "(errors normal or laplace)" in first
    assert "in 1 it is huber: 20 % below that of the next best (errors cauchy)" in first
    assert "huber at most 1.600 ± 0.052 times (cell 0)" in notes[0]  # 0.8 / 0.5 (0.01 / 0.8 + 0.01 / 0.5)


def test_no_win_within_the_error():
    """The best two are 1.5 errors apart: both are among the best, the third is not."""
    close = {"l2": (1.0, 0.01), "l1": (0.515, 0.01), "huber": (0.5, 0.01)}
    _, (case,), (first, second, _), _ = decided(close)
    assert case.winner is None and case.why == verdicts.TIED and case.best == ("l1", "huber")
    assert first == "In the only cell no estimator can be told to have the smallest mean square error."
    assert second.startswith("In the only cell no winner can be told, as the best are within the error") and (
        "(l1 and huber)" in second
    )


def test_holm_asks_more_of_many_comparisons():
    """3 errors apart is enough for one pair, not for the first of 40; the report counts what is not claimed."""
    near = {"l2": (0.53, 0.01), "l1": (0.5, 0.01)}
    verdict, (case,), (_, _, third), _ = decided(near)
    assert case.winner == "l1" and "the one comparison" in third
    verdict, cases, (first, _, third), _ = decided(*[near] * 40)
    assert {case.why for case in cases} == {verdicts.TIED} and verdict.alone == 40  # 0.0027 > 0.05 / 40
    assert first.startswith("In none of 40 cells can one estimator") and "40 more would seem so" in third


def test_holm_is_the_step_down_bound():
    tests = [contests.Test((0, "theta"), "a", "b", z, 1.0, False, True, False) for z in (4.0, 2.6, 2.3, 1.0)]
    p = [math.erfc(z / math.sqrt(2)) for z in (4.0, 2.6, 2.3, 1.0)]
    assert p[1] < 0.05 / 3 and 0.05 / 2 > p[2] > 0.05 / 3 and p[3] > 0.05  # by hand: the third needs the second
    assert contests.beyond(tests) == tests[:3]
    assert contests.beyond(tests[1:2] + [tests[3]] * 20) == []
    assert contests.beyond([]) == []


def test_where_a_moment_is_infinite_the_median_absolute_error_decides():
    heavy = {"l2": (None, None, UNDEFINED), "l1": (0.5, 0.01), "huber": (0.8, 0.01)}
    robust = {"l2": (3.0, 0.1), "l1": (0.3, 0.01), "huber": (0.4, 0.01)}
    _, (case,), (first, second, _), _ = decided(heavy, robust=[robust])
    assert case.winner == "l1" and case.robust == ("l2",) and case.measure == "mse" and case.next == "huber"
    assert "In the only cell l1 has the smallest mean square error" in first
    assert second.endswith("the median absolute error stands in (l2 in 1).") and not case.stood_in  # infinite is more
    level = robust | {"l2": (0.319, 0.01)}  # less than 0.01 + 0.01 off: unpaired errors add up
    _, (case,), _, _ = decided(heavy, robust=[level])
    assert case.winner is None and case.best == ("l2", "l1")


def test_where_nothing_has_a_moment_all_is_by_the_median_absolute_error():
    none = dict.fromkeys(("l2", "mid"), (None, None, UNDEFINED))
    _, (case,), (first, second, _), notes = decided(none, robust=[{"l2": (3.0, 0.1), "mid": (1.0, 0.1)}])
    assert case.winner == "mid" and case.measure == criteria.ROBUST and case.margin == (pytest.approx(2.0), 0.2)
    assert case.stood_in and "no estimator can be told to have the smallest mean square error" in first and not notes
    assert second.endswith(
        "the median absolute error stands in (l2 in 1 and mid in 1), and judged with it the best is mid in 1."
    )
    _, (case,), (first, second, _), _ = decided(none)
    assert case.why == verdicts.UNKNOWN and "has no Monte Carlo error" in second and "no estimator can" in first


def test_a_value_without_an_error_wins_nothing():
    _, (case,), _, _ = decided({"l2": (0.1, None, NO_MCSE), "l1": (0.5, 0.01)})
    assert case.winner is None and case.why == verdicts.UNKNOWN


def test_a_median_absolute_error_is_not_called_a_mean_square_error():
    """The mean square error of l2 has no error: what l1 beats it by is said, and only that."""
    cell, robust = {"l2": (0.6, None, NO_MCSE), "l1": (0.5, 0.01), "huber": (0.8, 0.01)}, {"l2": (0.9, 0.01)}
    robust |= {"l1": (0.3, 0.01), "huber": (0.5, 0.01)}
    _, cases, (first, second, _), _ = decided(cell, FAR, robust=[robust])
    assert [case.winner for case in cases] == ["l1", "l1"] and [case.stood_in for case in cases] == [True, False]
    assert first.startswith("In 1 of 2 cells l1 has the smallest mean square error")
    assert second.endswith("stands in (l2 in 1), and judged with it the best is l1 in 1.")


def test_who_beats_only_some_has_not_won():
    """l1 beats huber, huber beats l2 by the median absolute error, l1 does not: two measures need not agree."""
    cell = {"l2": (None, None, UNDEFINED), "l1": (0.5, 0.01), "huber": (0.8, 0.01)}
    robust = {"l2": (0.52, 0.01), "l1": (0.5, 0.05), "huber": (0.3, 0.01)}
    _, (case,), _, _ = decided(cell, robust=[robust])
    assert case.winner is None and set(case.best) == {"l1", "l2"}


def test_a_rough_error_is_told():
    _, (case,), _, notes = decided({"l2": (1.0, 0.01), "l1": (0.5, 0.01, ROUGH)})
    assert case.winner == "l1" and case.rough and notes == ["1 of these wins rests on an error that is itself rough."]


def test_one_estimator_has_nothing_to_win():
    cells = {"l2": (1.0, 0.01)}, {"l2": (2.0, 0.02)}, {"l2": (None, None, UNDEFINED)}
    verdict, _, (first, second, third), _ = decided(*cells)
    assert (
        first.startswith("There is one estimator, l2, and nothing to compare it with")
        and "from 1.000 ± 0.010 to 2.000 ± 0.020" in first
    )
    assert second == "In 1 of 3 cells its mean square error does not exist." and not verdict.tests
    assert "has its Monte Carlo error" in third and "beyond" not in first + second + third


def test_too_few_replications_are_not_judged():
    few = dict.fromkeys(("l2", "l1"), (None, None, INSUFFICIENT))
    _, (case,), (_, second, _), _ = decided(few)
    assert case.why == verdicts.SILENT and "too few good replications" in second
    _, (case,), _, notes = decided(FAR | {"lts": (None, None, INSUFFICIENT)})
    assert case.winner == "l1" and case.silent == ("lts",)
    assert "lts gave too few estimates to be judged in 1 cell." in notes


def test_different_estimands_are_no_race():
    summary, comparisons = made(FAR)
    summary["truth"] = [0.0, 0.5, 0.5]
    verdict = verdicts.decide(summary, comparisons)
    ((case,),) = verdict.cases.values()
    assert case.why == verdicts.ESTIMANDS and not verdict.tests
    assert "estimators estimate different values" in sentences.told(verdict, (9, 9))[1]
    summary["truth"] = [0.5, 0.5 + 1e-12, 0.5]  # the same, worked out otherwise
    assert verdicts.decide(summary, comparisons).tests == 3


def test_failures_and_missed_precision_are_told():
    summary, comparisons = made(FAR)
    summary.loc[1, ["n_ok", "n_failed", "precision"]] = [750, 250, "not_met"]
    notes = sentences.notes(verdicts.decide(summary, comparisons), summary)
    assert notes[0].startswith("Fits failed, at most 25 % of the replications of a cell (l1, cell 0)")
    assert notes[1] == "1 number is less precise than the scenario asks for."


def test_estimators_that_were_not_paired_have_both_errors():
    """Of more than 16 estimators: those with the reference alone are paired."""
    cell = {"ref": (1.0, 0.01), "a": (0.5, 0.01), "b": (0.56, 0.01)}
    options = {"pairs": [("ref", "a"), ("ref", "b")], "error": 0.001}
    verdict, (case,), _, notes = decided(cell, **options)
    assert case.winner == "a" and verdict.unpaired and "in pairs" in notes[-1]  # 0.06 is 3 times 0.02
    _, (case,), _, _ = decided(cell | {"b": (0.53, 0.01)}, **options)
    assert case.best == ("a", "b")


def test_larger_is_better_where_a_criterion_says_so():
    columns = {"problem": "classification", "parameter": "accuracy", "truth": None}
    summary, comparisons = made({"l2": (0.8, 0.001), "l1": (0.9, 0.001)}, measure="mean", **columns)
    comparisons["mean"]["parameter"] = "accuracy"
    verdict = verdicts.decide(summary, comparisons)
    ((criterion, (case,)),) = verdict.cases.items()
    assert case.winner == "l1" and criterion.best == "the largest accuracy"
    assert sentences.told(verdict, (9, 9))[0].endswith("beyond the error: by 0.1.")


@pytest.mark.parametrize("name", plugins("problems"))
def test_criteria_name_what_their_problem_has(name):
    """A quantity that is renamed must not silently leave a problem without an answer."""
    problem = plugins("problems")[name]
    found = criteria._OF_EXACT if problem.exact else criteria._OF_PROBLEMS.get(name, ())
    for own in found:
        assert own.measure in plugins("measures")
        if problem.simulation:
            settings = {setting.name: setting.default for setting in problem.settings}
            named = {quantity.name for quantity in problem.simulation.quantities(settings, None)}
            assert set(own.parameters) <= named


def test_exact_values_tie_when_they_are_equal():
    factors = {"n": [5], "at": [10.0], "outliers": [1, 2], "errors": [{"distribution": "normal"}]}
    estimators = [{"loss": "l2"}, {"loss": "l1"}, {"loss": "huber"}]
    study = sc.Study(name="exact", problem="sensitivity", factors=factors, estimators=estimators)
    verdict = verdicts.decide(summaries.summarise(study, ()), {})
    breaking, bias = verdict.cases.values()
    assert breaking[0].best == ("l1", "huber(k=1.345)") and breaking[0].values["l2"] == (0.2, 0.0)
    assert bias[0].place["outliers"] == 1 and bias[0].values["l2"] == (np.inf, 0.0) and len(bias) == 1
    first, second, third = sentences.told(verdict, (0, 0))
    assert "all equal" in first and first.endswith("the smallest is that of l2: 0.2.")
    assert "that of l2: without bound" in second and third.startswith("Nothing is random")
    assert not sentences.notes(verdict, pd.DataFrame({"measure": []}))
