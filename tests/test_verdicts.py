"""Verdicts and their sentences on tables made by hand, where it is plain who wins and who must not be said to."""

import html
import itertools
import math
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest

import simcore as sc
from simcore import summaries
from simcore.registry import plugins
from simcore.reporting import conditions, contests, criteria, report_tables, sentences, verdicts
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


def made(*cells, robust=({},), error=0.01, measure="mse", pairs=None, equal=(), **columns):
    """(summary, comparisons) of cells: estimator -> value and mcse (and status) of the measure.

    robust: the same of the median absolute error. error: of a paired difference of two numbers that have an MCSE; the
    worst of their statuses is its own. pairs: only these are compared. equal: pairs that were the same in every sample.
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
            found |= {"measure": measure, "closer": 0.5}
            found |= {"difference": 0.0, "mcse": 0.0, "closer": None} if (one, other) in equal else {}
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
    assert first == "Use l1: in all 2 conditions it has the smallest mean square error, beyond the error."
    expected = (
        "Beyond the error, l1 has the smallest mean square error in all 2 conditions: 38 % below that of the next "
    )
    assert second == expected + "best."
    assert "all 6 comparisons" in third and "5 %" in third and "Holm" in third and "1,000 replications" in third


def test_winners_are_told_with_where_they_win():
    turned = FAR | {"l1": (2.0, 0.01)}
    _, cases, (_, second, _), notes = decided(FAR, FAR, turned)
    assert [case.winner for case in cases] == ["l1", "l1", "huber"]
    assert second == (
        "Beyond the error, l1 has the smallest mean square error under normal or Laplace errors (2 of 3), huber under "
        "Cauchy errors (1 of 3)."
    )
    assert "huber 1.5 to 1.8 (most under normal errors)" in notes[0]


def test_no_win_within_the_error():
    """The best two are 1.5 errors apart: both are among the best, the third is not."""
    close = {"l2": (1.0, 0.01), "l1": (0.515, 0.01), "huber": (0.5, 0.01)}
    _, (case,), (first, second, _), notes = decided(close)
    assert case.winner is None and case.why == verdicts.TIED and case.best == ("l1", "huber")
    assert first.startswith(
        "Use one of huber or l1: in the only condition they are within the error of each other by mean square error"
    )
    assert second == "In the only condition no estimator can be told to have the smallest mean square error."
    assert notes[0].startswith("In the only condition no winner can be told, as the best are within the error")
    assert "(l1 and huber)" in notes[0]


def test_holm_asks_more_of_many_comparisons():
    """3 errors apart is enough for one pair, not for the first of 40; the report counts what is not claimed."""
    near = {"l2": (0.53, 0.01), "l1": (0.5, 0.01)}
    verdict, (case,), (_, _, third), _ = decided(near)
    assert case.winner == "l1" and "the one comparison" in third
    verdict, cases, (_, second, _), notes = decided(*[near] * 40)
    assert {case.why for case in cases} == {verdicts.TIED} and verdict.alone == 40  # 0.0027 > 0.05 / 40
    assert second.startswith("In none of 40 conditions can one estimator")
    assert (
        notes[-1] == "40 more comparisons would be beyond the error were each the only one; among all 40 they are not."
    )


def test_holm_is_the_step_down_bound():
    tests = [contests.Test((0, "theta"), "a", "b", z, 1.0, False, True, False) for z in (4.0, 2.6, 2.3, 1.0)]
    p = [math.erfc(z / math.sqrt(2)) for z in (4.0, 2.6, 2.3, 1.0)]
    assert p[1] < 0.05 / 3 and 0.05 / 2 > p[2] > 0.05 / 3 and p[3] > 0.05  # by hand: the third needs the second
    assert contests.beyond(tests) == tests[:3]
    assert contests.beyond(tests[1:2] + [tests[3]] * 20) == []
    assert contests.beyond([]) == []


def test_an_infinite_loss_is_larger_than_any_other():
    """Whatever the median absolute errors are."""
    heavy = {"l2": (None, None, UNDEFINED), "l1": (0.5, 0.01), "huber": (0.8, 0.01)}
    robust = {"l2": (3.0, 0.1), "l1": (0.3, 0.01), "huber": (0.4, 0.01)}
    _, (case,), (first, second, _), notes = decided(heavy, robust=[robust])
    assert case.winner == "l1" and case.infinite == ("l2",) and case.measure == "mse" and case.next == "huber"
    assert first.startswith(
        "Use l1: in the only condition, under normal errors at n = 10, it has the smallest mean square"
    )
    assert "l1 has the smallest mean square error in the only condition" in second
    assert notes == ["A mean square error that is infinite is larger than any other: that of l2."]
    _, (case,), _, _ = decided(heavy, robust=[robust | {"l2": (0.1, 0.01)}])
    assert case.winner == "l1"
    _, (case,), (_, second, _), _ = decided({"l2": heavy["l2"], "l1": (0.5, 0.01)})
    assert case.winner == "l1" and case.margin is None and second.endswith("mean square error in the only condition.")


def test_where_nothing_has_a_moment_all_is_by_the_median_absolute_error():
    none = dict.fromkeys(("l2", "mid"), (None, None, UNDEFINED))
    _, (case,), (first, second, _), notes = decided(none, robust=[{"l2": (3.0, 0.1), "mid": (1.0, 0.1)}])
    assert case.winner == "mid" and case.measure == criteria.ROBUST and case.margin == (pytest.approx(2.0), 0.2)
    assert first.startswith("Use mid: in the only condition, under normal errors at n = 10, it has the smallest median")
    assert notes == [
        "In the only condition the median absolute error decides, as mean square errors cannot be compared there: they "
        "are infinite, or have no Monte Carlo error.",
        "A mean square error that is infinite is larger than any other: that of l2 and mid.",
    ]
    assert second == (
        "Beyond the error, where no mean square errors can be compared, mid has the smallest median absolute error in "
        "the only condition: 67 % below that of the next best."
    )
    level = {"l2": (0.319, 0.01), "mid": (0.3, 0.01)}  # less than 0.01 + 0.01 off: unpaired errors add up
    _, (case,), (_, second, _), _ = decided(none, robust=[level])
    assert case.best == ("l2", "mid") and case.why == verdicts.TIED and "no estimator can be told" in second
    _, (case,), (first, second, _), notes = decided(none)
    assert case.why == verdicts.UNKNOWN and "has no Monte Carlo error" in notes[0] and "no estimator can" in second
    assert first == "No estimator can be recommended, as nothing can be compared."


def test_a_value_without_an_error_wins_nothing():
    """And nothing wins over it; where it is the smallest of all, that measure names no one."""
    for value in (0.1, 0.6):
        _, (case,), (first, *_), _ = decided({"l2": (value, None, NO_MCSE), "l1": (0.5, 0.01)})
        assert case.winner is None and case.why == verdicts.UNKNOWN and first.endswith("as nothing can be compared.")
    cell, robust = {"l2": (0.1, None, NO_MCSE), "l1": (0.5, 0.01), "huber": (0.8, 0.01)}, {"l2": (0.9, 0.01)}
    _, (case,), *_ = decided(cell)
    assert case.why == verdicts.UNKNOWN
    _, (case,), (first, second, _), _ = decided(cell, robust=[robust | {"l1": (0.3, 0.01), "huber": (0.5, 0.01)}])
    assert case.winner == "l1" and case.measure == criteria.ROBUST and not case.unjudged
    assert "smallest median absolute error" in first and "l1 has the smallest median absolute error" in second


def test_who_cannot_be_judged_is_left_out_and_named():
    """The mean square error of l2 has no error: nothing is said of it, and l1 is the best of the others."""
    cell, robust = {"l2": (0.6, None, NO_MCSE), "l1": (0.5, 0.01), "huber": (0.8, 0.01)}, {"l2": (0.9, 0.01)}
    robust |= {"l1": (0.3, 0.01), "huber": (0.5, 0.01)}
    verdict, cases, (first, second, _), notes = decided(cell, FAR, robust=[robust])
    assert [case.winner for case in cases] == ["l1", "l1"] and [case.unjudged for case in cases] == [("l2",), ()]
    assert {case.measure for case in cases} == {"mse"} and verdict.tests == 1 + 3 and not notes
    assert second.startswith("Beyond the error, l1 has the smallest mean square error in all 2 conditions: 38 % below")
    assert second.endswith("; not judged, for want of a Monte Carlo error: l2 in 1.")
    assert "it has the smallest mean square error of all that can be judged, beyond the error" in first
    _, (case,), (first, second, _), _ = decided(cell, robust=[robust])
    assert "the smallest mean square error of all that can be judged" in first and second.endswith("error: l2.")


def test_who_beats_only_some_has_not_won():
    """l1 is beaten by none and beats huber, but not l2, which huber beats, from samples that both have fits of."""
    cell = {"l2": (0.52, 0.05), "l1": (0.5, 0.05), "huber": (0.51, 0.01)}
    summary, comparisons = made(cell)
    comparisons["mse"][["difference", "mcse"]] = [[0.02, 0.05], [0.2, 0.01], [-0.1, 0.01]]
    ((case,),) = verdicts.decide(summary, comparisons).cases.values()
    assert case.winner is None and set(case.best) == {"l1", "l2"}


def test_a_rough_error_is_told():
    """Where it is that of the difference to the next best: whoever is far behind may be rough."""
    close, far = (
        {"l2": (1.0, 0.01, ROUGH), "l1": (0.5, 0.01), "huber": (0.8, 0.01)},
        FAR | {"huber": (0.8, 0.01, ROUGH)},
    )
    _, cases, _, notes = decided(close, far, FAR, far)
    assert {case.winner for case in cases} == {"l1"} and [case.rough for case in cases] == [False, True, False, True]
    assert notes == ["2 of the wins rest on a difference to the next best whose error is itself rough (cells 1,3)."]


UNKNOWN, INFINITE = (0.9, None, NO_MCSE), (None, None, UNDEFINED)
NEAR = {"l2": (0.9, 0.01), "l1": (0.515, 0.01), "huber": (0.5, 0.01)}
STUDIES = {  # cells, and their median absolute errors
    "quickstart": ([FAR, FAR | {"l2": UNKNOWN}, FAR | {"l2": INFINITE}, NEAR, NEAR | {"l2": UNKNOWN}], ({},)),
    "single": ([NEAR | {"l2": UNKNOWN}], [NEAR]),
    "none": ([NEAR] * 3, ({},)),
    "robust": ([dict.fromkeys(FAR, INFINITE)] * 3 + [FAR], [FAR, NEAR, {}]),
    "hidden": ([FAR | {"l2": (0.1, None, NO_MCSE)}, FAR, FAR | {"l2": UNKNOWN, "huber": UNKNOWN}], [FAR, {}, NEAR]),
}


@pytest.mark.parametrize("name", STUDIES)
def test_sentences_notes_and_table_count_the_same(name):
    cells, robust = STUDIES[name]
    summary, comparisons = made(*cells, robust=robust)
    verdict = verdicts.decide(summary, comparisons)
    second, notes = sentences.told(verdict, (9, 9))[1], sentences.notes(verdict, summary)
    table = html.unescape(report_tables.winners_of(summary, verdict))
    best = [text.partition("; not judged: ") for text in re.findall(r'data-label="best">([^<]*)<', table)]
    assert len(best) == len(cells)
    wins = Counter(text for text, _, _ in best if text in FAR)
    counts = r"\b(l1|l2|huber)(?: has the smallest [a-z ]+?)? (?:in all |in |under [^;()]*\()(\d+) (?:of|conditions)"
    told = Counter(dict.fromkeys(re.findall(r"(\w+) has the smallest [a-z ]+ in the only", second), 1))
    for who, count in re.findall(counts, second):
        told[who] += int(count)
    assert told == wins
    none = sum(int(count) for count in re.findall(r"in (\d+) of \d+ conditions no one", second))
    none = len(cells) if re.search(r"In (none of|the only condition no)", second) else none
    noted = [
        re.match(r"In (?:the only condition|all (\d+) conditions|(\d+) of \d+ conditions) no winner", n) for n in notes
    ]
    assert none == len(cells) - wins.total() == sum(int(n[1] or n[2] or 1) for n in noted if n)
    out = Counter(who for *_, names in best for who in names.split(", ") if who)
    left = re.search(r"error: (.*)\.", second)
    found = re.findall(r"(\w+)(?: in (\d+))?(?: and |$)", left[1]) if left else []
    assert out == {who: int(count or 1) for who, count in found}


def test_one_estimator_has_nothing_to_win():
    cells = {"l2": (1.0, 0.01)}, {"l2": (2.0, 0.02)}, {"l2": (None, None, UNDEFINED)}
    verdict, _, (first, second, third), _ = decided(*cells)
    assert (
        first.startswith("There is one estimator, l2, and nothing to compare it with")
        and "from 1.000 ± 0.010 to 2.000 ± 0.020" in first
    )
    assert second.startswith("In 1 of 3 conditions there is no mean square error: ") and not verdict.tests
    assert "has its Monte Carlo error" in third and "beyond" not in first + second + third


def test_too_few_replications_are_not_judged():
    few = dict.fromkeys(("l2", "l1"), (None, None, INSUFFICIENT))
    _, (case,), (first, _, _), notes = decided(few)
    assert case.why == verdicts.SILENT and "too few good replications" in notes[0]
    assert first == "No estimator can be recommended, as nothing can be compared."
    _, (case,), _, notes = decided(FAR | {"lts": (None, None, INSUFFICIENT)})
    assert case.winner == "l1" and case.silent == ("lts",)
    assert "lts gave too few estimates to be judged in 1 condition." in notes


def test_different_estimands_are_no_race():
    summary, comparisons = made(FAR)
    summary["truth"] = [0.0, 0.5, 0.5]
    verdict = verdicts.decide(summary, comparisons)
    ((case,),) = verdict.cases.values()
    assert case.why == verdicts.ESTIMANDS and not verdict.tests
    assert "estimators estimate different values" in sentences.notes(verdict, summary)[0]
    assert sentences.told(verdict, (9, 9))[0] == "No estimator can be recommended, as they estimate different values."
    summary["truth"] = [0.5, 0.5 + 1e-12, 0.5]  # the same, worked out otherwise
    assert verdicts.decide(summary, comparisons).tests == 3


def test_failures_and_missed_precision_are_told():
    summary, comparisons = made(FAR)
    summary.loc[1, ["n_ok", "n_failed", "precision"]] = [750, 250, "not_met"]
    verdict = verdicts.decide(summary, comparisons)
    notes = sentences.notes(verdict, summary)
    assert notes[0].startswith("Fits failed, at most 25 % of the replications of a cell (l1, cell 0)")
    assert notes[1] == "1 number is less precise than the scenario asks for."
    first = sentences.told(verdict, (1000, 1000))[0]
    assert "beyond the error, but its fits failed in up to 25 % of the replications of a condition" in first


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
    assert sentences.told(verdict, (9, 9))[1].endswith("the largest accuracy in the only condition: by 0.1.")


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
    assert first == (
        "Use l1: it has the largest breakdown point and the smallest maximum bias under the fewest outliers of those."
    )
    assert "l1 and huber(k=1.345), which are equal," in second and "the smallest is that of l2: 0.2;" in second
    assert "that of l2: without bound" in second and third.startswith("Nothing is random")
    assert not sentences.notes(verdict, pd.DataFrame({"measure": []}))


# Which one to use


def chosen(*cells, **options):
    verdict, _, (first, *_), _ = decided(*cells, **options)
    return verdict.choices[0], first


STEADY = {"l2": (1.0, 0.001), "l1": (1.5, 0.001), "huber": (1.05, 0.001)}
HEAVY = {"l2": (9.0, 0.001), "l1": (3.0, 0.001), "huber": (3.3, 0.001)}


def test_the_least_worst_case_is_recommended_and_where_another_is_better():
    """At worst l2 has 3 times the smallest, l1 1.5 times and huber 1.1 times."""
    choice, first = chosen(STEADY, HEAVY, error=0.001)
    assert {name: round(own.size, 9) for name, own in choice.worst.items()} == {"huber": 1.1, "l1": 1.5, "l2": 3.0}
    assert choice.best == ("huber",)
    assert choice.worst["huber"].low < 1.1 - 3 * 0.0003 and choice.worst["huber"].high > 1.1 + 3 * 0.0003
    assert first == (
        "Use huber: at worst its mean square error is 1.098 to 1.102 times the smallest (most under Laplace errors), "
        "the least worst case of all 3 estimators over 2 conditions; unless you are sure that errors are "
        "normal, where that of l2 is at least 4.4 % smaller."
    )  # 1 - 1 / 1.05 = 4.8 %, less the error


def test_worst_cases_within_the_error_are_not_told_apart():
    """1.1 and 1.12 times the smallest, with errors of 0.01."""
    near = HEAVY | {"l1": (3.3, 0.03), "huber": (3.0, 0.03), "l2": (9.0, 0.03)}
    steady = STEADY | {"l1": (1.0, 0.01), "huber": (1.12, 0.01)}
    choice, first = chosen(steady, near, error=0.02)
    assert choice.best == ("l1", "huber") and choice.worst["l2"].low > choice.worst["l1"].high
    assert first.startswith("Use one of l1 or huber: over 2 conditions it cannot be told, beyond the error, whose")
    assert chosen(steady, near, error=0.0002)[0].best == ("l1",)  # differences are what counts, and these are sure


def test_who_has_no_finite_loss_is_not_recommended():
    none, unknown = (None, None, UNDEFINED), (4.0, None, NO_MCSE)
    choice, first = chosen(STEADY | {"l2": unknown}, HEAVY | {"l2": none}, robust=())
    assert choice.best == ("huber",) and math.isinf(choice.worst["l2"].size) and "of all 3 estimators" in first
    choice, first = chosen(STEADY | {"l2": unknown}, HEAVY, robust=())
    assert "l2" not in choice.worst and "of both (of 3) that can be judged over 2 conditions" in first
    choice, first = chosen(STEADY | {"l2": (0.9, None, NO_MCSE)}, HEAVY, FAR, robust=())
    assert (
        choice.left == 1 and "(1 more cannot be judged by it: no Monte Carlo error)" in first
    )  # the smallest may be the one without an error
    choice, first = chosen(STEADY | {"l2": unknown}, HEAVY | {"huber": (9.0, None, NO_MCSE)}, robust=())
    assert not choice.best and first.endswith("for all of 2 conditions, as l1 alone can be judged everywhere.")
    choice, first = chosen({"l2": none, "l1": (1.0, 0.01)}, {"l2": (1.0, 0.01), "l1": none}, robust=())
    assert not choice.best and first == (
        "No estimator can be recommended for all of 2 conditions, as the mean square error of each is infinite or "
        "without an error somewhere."
    )


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"errors": ["student_t(df=3)", "student_t(df=5)", "slash"]}, "under t errors with 3 or 5 degrees of freedom"),
        ({"n": [10, 50, 90]}, "at n = 10 or 50"),
        (
            {"contamination": ["shift(fraction=0.1, size=3)", "shift(fraction=0.2, size=3)", "none"]},
            "with 10 % or 20 % of ",
        ),
        ({"contamination": ["none", "none", "scale(fraction=0.2, ratio=3)"]}, "without contamination"),
        ({"errors": ["mine(k=3)", "scipy.nct(df=3, nc=1)", "normal"]}, "under errors mine(k=3) or errors scipy.nct("),
        ({"contamination": ["shift(fraction=0.1, size=3)", "shift(fraction=0.2, size=9)", "none"]}, "3 or 20 % of the"),
    ],
)
def test_conditions_are_said_in_words(columns, told):
    usual = {"errors": ["normal"] * 3, "contamination": ["none"] * 3, "n": [10] * 3} | columns
    places = [dict(zip(usual, values, strict=True)) for values in zip(*usual.values(), strict=True)]
    cases = [verdicts.Case(k, "theta", place, (), None, "mse", {}) for k, place in enumerate(places)]
    assert told in conditions.worded(cases[:2], cases)
    assert conditions.worded(cases[:1], cases[:1]).startswith("under ")


def test_a_phrase_names_six_levels_at_most():
    cases = [verdicts.Case(k, "theta", {"n": 10 + k}, (), None, "mse", {}) for k in range(8)]
    assert conditions.worded(cases[:6], cases) == "at n = 10, 11, 12, 13, 14 or 15"
    assert conditions.worded(cases[:7], cases) is None


def test_equals_win_together():
    """What is the same in every sample is no tie within the error, by whatever measure."""
    cell, pair = {"l2": (0.5, 0.01), "l1": (0.5, 0.01), "huber": (0.8, 0.01)}, [("l2", "l1")]
    verdict, cases, (first, second, _), notes = decided(cell, cell, equal=pair)
    assert [case.why for case in cases] == [verdicts.EQUALS] * 2 and cases[0].best == ("l2", "l1")
    assert first == "Use one of l2 or l1: in all 2 conditions they are equal."
    assert second == "L2 and l1, which are equal, have the smallest mean square error in all 2 conditions."
    assert not any("no winner" in note for note in notes)
    text = report_tables.winners(
        made(cell, cell)[0].assign(variance_reduction=None), criteria.criteria(made(cell)[0])[0], cases
    )
    assert text.count("equal: l2, l1<") == 2
    apart = {"l2": (0.5, 0.01), "l1": (0.5, 0.01), "huber": (0.505, 0.01)}
    _, (case,), (first, *_), _ = decided(apart, equal=pair)
    assert case.why == verdicts.TIED and "within the error of each other" in first
    none = {"l2": (0.4, None, NO_MCSE), "l1": (0.4, None, NO_MCSE)}
    robust = [{"l2": (1.0, 0.1), "l1": (1.0, 0.1)}] * 2
    _, _, (first, *_), _ = decided({"l2": (0.5, 0.01), "l1": (0.5, 0.01)}, none, robust=robust, equal=pair)
    assert first.startswith(
        "Use one of l2 or l1: in all 2 conditions they are equal; not by mean square error, which in 1"
    )


def test_the_measure_of_each_row_is_named_and_why_it_is_another():
    """Also where no one wins; the first one named is the one whose value is shown; infinite ones are all counted."""
    heavy = {"l2": (None, None, UNDEFINED), "l1": (0.5, None, NO_MCSE), "huber": (0.6, None, NO_MCSE)}
    robust = {"l2": (3.0, 0.1), "l1": (0.42, 0.01), "huber": (0.41, 0.01)}
    infinite = FAR | {"l2": (None, None, UNDEFINED)}
    summary, compared = made(heavy, infinite, FAR, robust=[robust, robust, robust])
    verdict = verdicts.decide(summary, compared)
    ((criterion, cases),) = verdict.cases.items()
    assert [case.measure for case in cases] == [criteria.ROBUST, "mse", "mse"]
    text = report_tables.winners(summary.assign(variance_reduction=None), criterion, cases)
    rows = [re.findall(r">([^<>]*)</t[dh]>", line) for line in text.splitlines() if line.startswith("<tr>")]
    assert rows[0][2:4] == ["within the error: huber, l1", "0.410 ± 0.010"] and rows[0][-1] == "median abs error"
    assert rows[1][-1] == "mse" and "by: the median absolute error where mean square errors cannot be compared" in text
    told = " ".join(sentences.notes(verdict, summary))
    assert "In 1 of 3 conditions the median absolute error decides, as mean square errors cannot be" in told
    assert "infinite is larger than any other: that of l2 in 2." in told
    first = sentences.told(verdict, (1000, 1000))[0]
    assert "; not by mean square error, which in 1 of 3 conditions cannot be compared: it is infinite, or" in first


def test_what_is_known_of_each_worst_case_is_told():
    """Errors that are as large as what they are of leave no upper bound."""
    near = {"l2": (0.3, 0.01), "l1": (1.0, 0.1), "huber": (0.4, 0.01)}
    start = (
        "Use one of huber, l2 or l1: over 2 conditions it cannot be told, beyond the error, whose worst case is the "
    )
    start += "least; at worst the mean square error, in multiples of the smallest, is "
    for error, told in (
        (0.02, "2 to 4 for huber, 2 to 5 for l2 and 2.9 to 3.8 for l1."),
        (
            0.3,
            "at least 1.58 (no upper bound is known) for huber, at least 1.69 (no upper bound is known) for l2 and ",
        ),
    ):
        _, _, (first, *_), _ = decided({"l2": (1.0, 0.1), "l1": (0.3, error), "huber": (0.9, 0.01)}, near, error=0.02)
        assert first.startswith(start + told)
    wide = {"l2": (1.0, 0.6), "l1": (0.9, 0.01), "huber": (0.95, 0.3)}
    _, _, (first, *_), _ = decided(wide, wide | {"l2": (0.9, 0.01), "l1": (1.0, 0.6)}, error=0.5)
    assert first == start + "not known well enough to be bounded for huber, l2 and l1."
