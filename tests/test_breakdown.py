"""How many bad responses carry a fit away: known designs, and the fits themselves with so many responses moved off."""

import itertools

import numpy as np
import pytest

import simcore as sc
from simcore.breakdown import bad_responses, bad_responses_at_best

FAR = 1e9


def carried(x, count, **fit):
    """Whether some `count` responses, moved off in the worst direction found, carry the fit away."""
    y = np.zeros(len(x))
    for rows in itertools.combinations(range(len(x)), count):
        for signs in itertools.product((-1.0, 1.0), repeat=count - 1):
            for slope in np.eye(x.shape[1]):  # on a plane of their own, through the rows that moved
                moved = y.copy()
                moved[list(rows)] = FAR * (x[list(rows)] @ slope) * np.array([1.0, *signs])
                if np.abs(sc.fit(moved, X=x, intercept=False, **fit).estimate).max() > FAR / 100:
                    return True
    return False


@pytest.mark.parametrize("n, expected", [(10, 5), (11, 6)])
def test_location_is_a_regression_on_ones(n, expected):
    """n / 2, or its next whole number: those of the median."""
    assert bad_responses(np.ones((n, 1))) == bad_responses_at_best(np.ones((n, 1))) == expected


@pytest.mark.parametrize("seed", range(4))
def test_least_absolute_deviations_break_at_that_number(seed):
    """One column: fewer responses never carry the fit, so many do."""
    x = np.random.default_rng(seed).standard_cauchy((7, 1))
    fewest = bad_responses(x)
    assert carried(x, fewest, loss="l1")
    assert fewest == 1 or not carried(x, fewest - 1, loss="l1")


def test_two_columns():
    x = np.random.default_rng(5).normal(size=(8, 2))
    fewest = bad_responses(x)
    assert fewest == 1 or not carried(x, fewest - 1, loss="l1")


def test_a_column_of_few_ones_is_carried_by_few():
    """Three observations know of the third coefficient: two of them decide it, for whatever estimator."""
    rng = np.random.default_rng(6)
    x = np.column_stack([np.ones(20), rng.normal(size=20), np.arange(20) < 3]).astype(float)
    assert bad_responses(x) == bad_responses_at_best(x) == 2
    assert bad_responses_at_best(x[:, :2]) == (20 - 2 + 2) // 2


def test_leverage_makes_it_less():
    x = np.column_stack([np.ones(30), np.r_[np.linspace(-1, 1, 29), 1000.0]])
    assert bad_responses(x) == 1 and bad_responses_at_best(x) == 15
