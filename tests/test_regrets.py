"""Whose worst case is the least: bounds that hold, and choices that nothing contradicts."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from simcore import wording
from simcore.reporting import criteria, regrets, sentences, verdicts
from simcore.statuses import NO_MCSE, ROUGH, UNDEFINED
from tests.test_verdicts import chosen, decided, made

NAMES = ("a", "b", "c", "d")


def table_of(random):
    """True values of some estimators in some cells, and (value, mcse) as they may be seen: each value, and each
    difference of two, is off by at most as many errors as the bounds allow for."""
    names = NAMES[: random.integers(2, 5)]
    cells, count = random.integers(1, 5), len(names) * (len(names) + 1) // 2
    z = NormalDist().inv_cdf(1.0 - 0.05 / (2.0 * count * cells))
    truths, seen = [], []
    for _ in range(cells):
        truth = dict(zip(names, random.uniform(0.5, 2.0, len(names)), strict=True))
        error = random.choice([0.0, 0.003, 0.05])
        off = {name: random.choice([-1.0, 0.0, 1.0]) * 0.4999 * z * error for name in names}
        truths.append(truth)
        seen.append({name: (truth[name] + off[name], error) for name in names})
    return truths, seen


def measured(truth, name, larger):
    best = (max if larger else min)(truth.values())
    return abs(truth[name] - best) if larger else truth[name] / best


@pytest.mark.parametrize("larger", [False, True], ids=["multiples", "differences"])
@pytest.mark.parametrize("paired", [True, False])
def test_bounds_hold_whenever_no_error_is_larger_than_is_allowed(larger, paired):
    """Of 300 made studies each; where nothing has an error the bounds are what is true."""
    random, columns, exact = np.random.default_rng(3), {}, 0
    if larger:
        columns = {"problem": "classification", "parameter": "accuracy", "truth": None, "measure": "mean"}
    for _ in range(300):
        truths, seen = table_of(random)
        summary, comparisons = made(*seen, pairs=None if paired else [], **columns)
        (table,) = comparisons.values()
        if len(table):
            errors = [seen[cell][one][1] for cell, one in zip(table["cell"], table["estimator"], strict=True)]
            table["mcse"], table["parameter"] = errors, summary["parameter"].iloc[0]
        else:
            no_pairs = table.reindex(columns=["cell", "parameter", "estimator", "other"])
            comparisons = dict.fromkeys(comparisons, no_pairs)
        choice = verdicts.decide(summary, comparisons).choices[0]
        for name, own in choice.worst.items():
            true = max(measured(truth, name, larger) for truth in truths)
            assert own.low <= true * (1 + 1e-9) and true <= own.high * (1 + 1e-9) + 1e-12, (seen, name, own)
            if all(error == 0.0 for cell in seen for _, error in cell.values()):
                assert own.low == own.high == own.size == pytest.approx(true, abs=1e-12)
                exact += 1
    assert exact > 50


def test_equal_worst_cases_are_told_apart_no_more_often_than_said():
    """Each of two estimators is 20 % off in a cell in which the other is best: of 400 studies at most 5 % name one;
    where one is 40 % off instead, nearly all do."""
    random, claims, found = np.random.default_rng(7), 0, 0

    def study(other):
        cells = [{"a": 1.0, "b": 1.2}, {"a": other, "b": 1.0}]
        noise = random.standard_normal((2, 2)) * 0.015
        seen = [{name: (own[name] + noise[k, j], 0.015) for j, name in enumerate(own)} for k, own in enumerate(cells)]
        return chosen(*seen, error=0.015 * math.sqrt(2.0))[0].best

    for _ in range(400):
        claims += len(study(1.2)) == 1
        found += study(1.4) == ("b",)
    assert claims <= 20 and found > 360, (claims, found)


def test_a_smallest_number_is_bounded_by_how_far_others_are_above_it_too():
    """The errors of the numbers are large and those of the differences small: b is 2 above a, which is at least 0.9."""
    cell = {"a": (1.0, 0.01), "b": (3.0, 0.9)}
    choice, _ = chosen(cell, cell, error=0.01)
    z = NormalDist().inv_cdf(1.0 - 0.05 / (2 * 6))
    assert choice.worst["b"].high == pytest.approx(1.0 + (2.0 + z * 0.01) / (1.0 - z * 0.01))
    assert choice.worst["b"].low == pytest.approx(1.0 + (2.0 - z * 0.01) / (1.0 + z * 0.01))


NONE = (None, None, UNDEFINED)


def test_who_is_infinite_in_a_case_that_is_not_judged_is_not_recommended():
    """Under normal errors l2 is better; elsewhere both, or the other one, have nothing to be judged by."""
    normal = {"l2": (1.0, 0.01), "l1": (1.5, 0.01)}
    choice, first = chosen(normal, {"l2": NONE, "l1": (3.0, None, NO_MCSE)}, robust=())
    assert math.isinf(choice.worst["l2"].low) and choice.best == ("l1",) and choice.left == 1
    robust = [{"l2": (0.67, 0.01), "l1": (0.8, 0.01)}, *[{"l2": (3.0, 0.01), "l1": (1.0, 0.01)}] * 9]
    choice, first = chosen(normal, *[{"l2": NONE, "l1": NONE}] * 9, robust=robust)
    assert choice.measure == criteria.ROBUST and choice.best == ("l1",) and len(choice.cases) == 10
    assert first.startswith("Use l1: at worst its median absolute error is 1.0 to 1.4 times the smallest, the least")
    choice, _ = chosen(normal, *[{"l2": (9.0, None, NO_MCSE), "l1": (3.0, None, NO_MCSE)}] * 9, robust=robust)
    assert choice.measure == criteria.ROBUST and choice.best == ("l1",)  # not l2 for the one case of ten


def test_a_winner_by_another_measure_in_the_only_case_is_not_looked_for():
    """The mean square error of neither has an error: all is by the other measure."""
    cell = {"trimmed": (9.0, None, NO_MCSE), "l1": (3.0, 0.01)}
    robust = [{"trimmed": (0.5, 0.01), "l1": (1.0, 0.01)}] * 2
    choice, first = chosen(cell, {"trimmed": NONE, "l1": NONE}, robust=robust)
    assert choice.best == ("trimmed",) and choice.measure == criteria.ROBUST
    assert "in all 2 conditions it has the smallest median absolute error" in first


def test_a_case_of_many_that_is_judged_is_not_called_the_only_one():
    near = {"l2": (1.0, 0.01), "l1": (1.001, 0.01)}
    unknown = {"l2": (1.0, 0.01), "l1": (0.5, None, NO_MCSE)}
    choice, first = chosen(near, unknown, robust=())
    assert choice.left == 1 and "in the only condition that can be judged they are within the error" in first
    _, first = chosen({"l2": (1.0, 0.01), "l1": (2.0, 0.01)}, unknown, robust=())
    assert first.startswith("Use l2: in the only condition that can be judged it has the smallest mean square error")
    assert "(1 more cannot be judged by it: no Monte Carlo error)" in first


def test_a_value_without_an_error_that_may_be_the_smallest_leaves_its_case():
    steady = {"l2": (1.0, 0.01), "l1": (1.5, 0.01), "huber": (1.2, 0.01)}
    for value, left in ((1.001, 1), (1.019, 1), (1.03, 0)):  # 1.96 errors off the smallest
        assert chosen(steady, steady | {"huber": (value, None, NO_MCSE)}, robust=())[0].left == left


def test_two_losses_share_the_level():
    """As the posterior mean and median have: bounds are then wider than with one."""
    cells = [{"a": (1.0, 0.01), "b": (1.2, 0.01)}, {"a": (1.5, 0.01), "b": (1.0, 0.01)}]
    summary, compared = made(*cells)
    one = verdicts.decide(summary, compared).choices[0].worst["a"]
    summary["problem"] = "posterior"
    more, again = made(*cells, measure="mae", problem="posterior")
    both = verdicts.decide(summary.merge(more, how="outer"), compared | again)
    assert [choice.criterion.measure for choice in both.choices] == ["mse", "mae"]
    half = NormalDist().inv_cdf(1.0 - 0.025 / 12) / NormalDist().inv_cdf(1.0 - 0.05 / 12)
    assert half > 1.05 and 1.5 - both.choices[0].worst["a"].low == pytest.approx(half * (1.5 - one.low), rel=0.02)


def test_rough_errors_that_decide_are_told():
    steady = {"l2": (1.0, 0.001), "l1": (1.5, 0.001)}
    heavy = {"l2": (9.0, 0.001, ROUGH), "l1": (3.0, 0.001)}
    choice, first = chosen(steady, heavy, error=0.001)
    assert choice.best == ("l1",) and choice.rough and "errors that are rough themselves" in first
    choice, first = chosen(steady, heavy | {"l2": (9.0, 0.001)}, error=0.001)
    assert not choice.rough and "rough" not in first


def test_the_best_everywhere_but_for_the_error_is_not_told_to_be_it():
    tied = {"l2": (1.0, 0.01), "l1": (1.001, 0.01), "huber": (2.0, 0.01)}
    choice, first = chosen({"l2": (1.0, 0.01), "l1": (2.0, 0.01), "huber": (1.5, 0.01)}, tied)
    assert choice.best == ("l2",) and choice.worst["l2"].size == 1.0 and choice.worst["l2"].high > 1.02
    assert "its mean square error is at most 1.0" in first


def test_exact_values_that_differ_by_rounding_are_equal_at_any_scale():
    case = verdicts.Case(0, "theta", {}, ("l1",), None, "max_bias", {"l1": (1e-10, 0.0), "l2": (2e-10, 0.0)})
    choice = regrets.choose_exact(criteria.Criterion("max_bias", "maximum bias"), [case, case], ("l1", "l2"))
    assert choice.best == ("l1",) and choice.worst["l2"].size == 1e-10


def test_bounds_of_a_worst_case_are_of_all_cases():
    """Where b is farthest off as seen it is not known well, and in the other case it is."""
    cells = [{"a": (1.0, 0.1), "b": (1.5, 0.1)}, {"a": (1.0, 0.0), "b": (1.4, 0.0)}]
    summary, compared = made(*cells)
    compared["mse"]["mcse"] = [0.1, 0.0]
    worst = verdicts.decide(summary, compared).choices[0].worst["b"]
    assert worst.size == 1.5 and worst.case.cell == 0 and worst.low == pytest.approx(1.4) and worst.high > 1.6


def test_who_may_be_less_far_off_at_worst_is_named():
    """a is 1.10 times off, at most 1.13, and b 1.14, at least 1.11."""
    cells = [{"a": (1.10, 0.0), "b": (1.0, 0.0)}, {"a": (1.0, 0.0), "b": (1.14, 0.0)}]
    choice, _ = chosen(*cells, error=0.012)
    assert choice.worst["b"].low > choice.worst["a"].size and choice.best == ("a", "b")
    assert chosen(*cells, error=0.004)[0].best == ("a",)


def test_each_is_infinite_somewhere():
    choice, first = chosen({"l2": NONE, "l1": (1.0, 0.01)}, {"l2": (1.0, 0.01), "l1": NONE}, robust=())
    assert not choice.best and first.startswith("No estimator can be recommended for all of 2 conditions")
    robust = [{"l2": (9.0, 0.01), "l1": (1.0, 0.01)}, {"l2": (1.0, 0.01), "l1": (2.0, 0.01)}]
    choice, _ = chosen({"l2": NONE, "l1": (1.0, 0.01)}, {"l2": (1.0, 0.01), "l1": NONE}, robust=robust)
    assert choice.measure == criteria.ROBUST and choice.best == ("l1",)


def test_wins_by_another_measure_are_not_wins():
    """By the mean square error l1 wins the one case that has it; by the median absolute error l2 wins it."""
    robust = [{"l2": (0.5, 0.01), "l1": (0.8, 0.01)}, *[{"l2": (0.8, 0.01), "l1": (0.7, 0.01)}] * 2]
    normal, none = {"l2": (1.0, 0.01), "l1": (0.5, 0.01)}, {"l2": NONE, "l1": NONE}
    _, cases, (first, *_), _ = decided(normal, none, none, robust=robust)
    assert [case.winner for case in cases] == ["l1"] * 3
    assert first.startswith("Use l2: at worst its median absolute error is 1.0 to 1.3 times the smallest (most under L")
    assert "errors are normal" not in first


def test_a_smallest_loss_of_nothing_has_no_multiples():
    choice, _ = chosen({"a": (0.0, 0.0), "b": (0.5, 0.01)}, {"a": (0.1, 0.001), "b": (0.3, 0.001)}, error=0.0)
    assert choice.best == ("a",) and math.isinf(choice.worst["b"].low) and choice.worst["a"].high == 1.0


def test_where_another_is_better_it_is_so_by_the_least_of_all_cases():
    """Under normal errors l2 has 1 / 1.1 of the loss of huber in one cell, and 1 / 1.3 in another."""
    cells = [{"l2": (1.0, 0.0), "huber": (1.1, 0.0)}, {"l2": (9.0, 0.0), "huber": (3.0, 0.0)}]
    cells += [{"l2": (9.0, 0.0), "huber": (3.0, 0.0)}, {"l2": (1.0, 0.0), "huber": (1.3, 0.0)}]
    _, first = chosen(*cells, error=0.0)
    assert first.startswith("Use huber: at worst") and first.endswith("that of l2 is at least 9.0 % smaller.")


def test_exact_values_are_equal_but_for_rounding():
    values = {"l1": (0.3, 0.0), "l2": (0.1 + 0.2, 0.0), "huber": (0.5, 0.0)}
    case = verdicts.Case(0, "theta", {}, ("l1", "l2"), verdicts.TIED, "max_bias", values)
    choice = regrets.choose_exact(criteria.Criterion("max_bias", "maximum bias"), [case], ("l2", "l1", "huber"))
    assert {*choice.best} == {"l1", "l2"}


def test_an_unknown_true_value_is_no_infinite_loss():
    """As of an intercept under skewed errors, whose value is not the same number for all and not known."""
    cell = {"l2": (1.0, 0.01), "l1": (0.5, 0.01)}
    for unknown, best in ((False, ()), (True, ("l1",))):
        summary, comparisons = made(cell, dict.fromkeys(cell, NONE), robust=())
        if unknown:
            summary.loc[2:, "truth"] = None
        verdict = verdicts.decide(summary, comparisons)
        assert verdict.choices[0].best == best and len(verdict.choices[0].cases) == 1
    assert sentences.told(verdict, (9, 9))[0].startswith("Use l1: in the only condition that can be judged")


def test_the_other_measure_chooses_nobody_whose_loss_is_infinite():
    cells = [{"l1": (3.0, None, NO_MCSE), "l2": NONE}, *[{"l1": (1.5, 0.01), "l2": NONE}] * 5]
    choice, first = chosen(*cells, robust=[{"l1": (0.8, 0.01), "l2": (0.6, 0.01)}] * 6)
    assert choice.best == ("l1",) and choice.measure == "mse" and "in all 5 conditions it has the smallest" in first


def test_what_can_be_compared_by_one_measure_is_not_called_nothing():
    none = {"l2": (1.0, None, NO_MCSE), "l1": (2.0, None, NO_MCSE), "huber": (2.0, None, NO_MCSE)}
    robust = [{"l2": (1.0, 0.01), "l1": (0.5, 0.01)}, {"l2": (1.0, 0.01), "huber": (0.5, 0.01)}]
    choice, first = chosen(none, none, robust=robust)
    assert choice.measure == criteria.ROBUST and len(choice.cases) == 2
    assert first.endswith("for all of 2 conditions, as l2 alone can be judged everywhere.")


def test_who_wins_everywhere_is_named_though_others_are_not_judged_everywhere():
    cells = [{"a": (1.0, 0.01), "b": (2.0, 0.01), "c": (3.0, None, NO_MCSE)}]
    cells += [{"a": (1.0, 0.01), "b": (3.0, None, NO_MCSE), "c": (2.0, 0.01)}]
    choice, first = chosen(*cells, robust=())
    assert choice.best == ("a",)
    assert "Use a: in all 2 conditions it has the smallest mean square error of all that can be judged" in first


def test_the_distance_is_that_of_paired_samples_as_its_bounds_are():
    """Where fits fail, values are of more samples than differences, and may say otherwise."""
    summary, comparisons = made({"a": (1.0, 0.01), "b": (1.02, 0.01)}, {"a": (1.0, 0.01), "b": (1.2, 0.01)})
    comparisons["mse"]["difference"] = [0.25, -0.2]
    worst = verdicts.decide(summary, comparisons).choices[0].worst
    assert worst["a"].size == pytest.approx(1.25) and all(own.low <= own.size <= own.high for own in worst.values())


def test_a_clause_on_what_one_may_be_sure_of_holds_in_every_case_of_it():
    cells = [{"l2": (1.0, 0.01), "l1": (1.5, 0.01)}, *[{"l2": (9.0, 0.01), "l1": (3.0, 0.01)}] * 2]
    assert "unless you are sure that errors are normal" in chosen(*cells, robust=())[1]
    assert "unless" not in chosen(*cells, {"l2": NONE, "l1": (3.0, None, NO_MCSE)}, robust=())[1]


def test_who_is_left_of_one_case_is_not_said_to_be_tied():
    """b and c are 3.3 errors apart, and a, the best there, is infinite elsewhere."""
    only = {"a": (0.5, 0.01), "b": (1.0, 0.01), "c": (1.033, 0.01)}
    unknown = {"a": NONE, "b": (1.0, None, NO_MCSE), "c": (1.0, None, NO_MCSE)}
    choice, first = chosen(only, unknown, robust=())
    assert "a" not in choice.best and "within the error of each other" not in first


def test_no_margin_that_the_values_contradict():
    summary, comparisons = made({"a": (1.3, 0.01), "b": (1.0, 0.01)})
    comparisons["mse"]["difference"] = -0.3
    ((case,),) = verdicts.decide(summary, comparisons).cases.values()
    assert case.winner == "a" and case.margin is None
    summary, comparisons = made({"a": (0.0, 0.0), "b": (0.0, 0.0)})
    comparisons["mse"]["difference"] = -0.5
    verdict = verdicts.decide(summary, comparisons)
    assert sentences.told(verdict, (9, 9))[1].endswith("a has the smallest mean square error in the only condition.")


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ((1.2189, 1.2691, 1.0), "1.21 to 1.27"),
        ((1.0, 1.0216, 1.0), "at most 1.022"),
        ((1.24, math.inf, 1.0), "at least 1.24"),
        ((1.1, 1.1, 1.0), "1.1"),
        ((0.0, 0.0038, 0.0), "at most 0.0038"),
        ((971725133708.0, 1029807221190.0, 1.0), "9.71e+11 to 1.03e+12"),
    ],
)
def test_bounds_are_rounded_outwards(bounds, said):
    assert wording.between(*bounds) == said


def test_shares_that_are_bounds_are_rounded_the_safe_way():
    assert wording.percent(0.1266, math.floor) == "12 %" and wording.percent(0.1266, math.ceil) == "13 %"
    assert wording.percent(0.0476, math.floor) == "4.7 %" and wording.percent(0.0476) == "4.8 %"
