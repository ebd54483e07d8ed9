"""Tests of two estimators against each other, and which of them are beyond the error of all tests together.

Two estimators of a case, a parameter in a cell, are compared by the measure of a `criteria.Criterion` where that and
its error exist, from the paired differences of `comparisons`. Where they do not, as moments may be infinite, their
median absolute errors decide, whose errors are added up: that is the most that the error of a difference can be.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simcore.intervals import Z
from simcore.registry import plugins
from simcore.reporting.criteria import ROBUST, rows_of
from simcore.statuses import INSUFFICIENT, OK, ROUGH

LEVEL = 0.05
_SAME = 1e-9  # estimands that are worked out to ten digits


@dataclass(frozen=True)
class Test:
    """Of two estimators of a case: `one` has a value that is larger by `difference`.

    robust: by the median absolute error. paired: from paired differences. rough: the mcse is itself rough.
    """

    case: tuple
    one: str
    other: str
    difference: float
    mcse: float
    robust: bool
    paired: bool
    rough: bool

    @property
    def p(self):
        """Of the two-sided test that there is no difference."""
        if self.difference == 0.0:
            return 1.0
        return math.erfc(abs(self.difference) / self.mcse / math.sqrt(2.0)) if self.mcse else 0.0

    @property
    def alone(self):
        """Whether a 95 % interval of its own leaves out 0."""
        return abs(self.difference) > Z * self.mcse

    def better(self, larger):
        """(the better one, the worse one)."""
        return (self.one, self.other) if (self.difference > 0.0) == larger else (self.other, self.one)


def beyond(tests):
    """Those of some tests that are significant at LEVEL for all of them together, by the bound of Holm (1979)."""
    p = np.array([test.p for test in tests])
    order = np.argsort(p, kind="stable")
    below = p[order] <= LEVEL / (len(p) - np.arange(len(p)))
    return [tests[place] for place in order[np.logical_and.accumulate(below)]]


class Contest:
    """All that a summary and a table of comparisons say of the estimators by one criterion, case by case.

    places: case -> factor -> level. numbers: (measure, case) -> estimator -> (value, mcse, status), None where there is
    no number.
    """

    def __init__(self, summary, compared, criterion):
        self.criterion, self.places, self.numbers, self._truths = criterion, {}, {}, {}
        for row in rows_of(summary, criterion).to_dict("records"):
            case = row["cell"], row["parameter"]
            self.places.setdefault(case, place_of(row))
            self._truths.setdefault(case, {})[row["estimator"]] = or_none(row["truth"])
            self._keep(case, row)
        if criterion.loss:
            for row in summary[summary["measure"] == ROBUST].to_dict("records"):
                self._keep((row["cell"], row["parameter"]), row)
        pairs = compared.to_dict("records")
        self._pairs = {(row["cell"], row["parameter"], row["estimator"], row["other"]): row for row in pairs}

    def _keep(self, case, row):
        found = or_none(row["value"]), or_none(row["mcse"]), row["status"]
        self.numbers.setdefault((row["measure"], case), {})[row["estimator"]] = found

    def of(self, case, estimator, measure):
        """(value, mcse, status) of an estimator."""
        return self.numbers.get((measure, case), {}).get(estimator, (None, None, INSUFFICIENT))

    def alike(self, case):
        """Whether all estimators are measured against the same value, or against one drawn anew."""
        truths = [*self._truths[case].values()]
        known = [truth for truth in truths if truth is not None]
        same = all(math.isclose(known[0], truth, rel_tol=_SAME, abs_tol=_SAME) for truth in known)
        return not known or len(known) == len(truths) and same

    def judged(self, case):
        """The estimators of a case with good replications enough, and the others."""
        options = [self.criterion.measure] + [ROBUST] * self.criterion.loss
        silent = tuple(
            name
            for name in self._truths[case]
            if all(self.of(case, name, measure)[2] == INSUFFICIENT for measure in options)
        )
        return tuple(name for name in self._truths[case] if name not in silent), silent

    def tests(self, case):
        """A Test of each two estimators of a case that something can tell apart."""
        if not self.alike(case):
            return []
        found = (self._test(case, *pair) for pair in itertools.combinations(self.judged(case)[0], 2))
        return [test for test in found if test is not None]

    def _test(self, case, one, other):
        row, sign = self._pair(case, one, other)
        if row is None and (test := self._unpaired(case, one, other, self.criterion.measure)) is not None:
            return test
        if row is not None and row["status"] in (OK, ROUGH) and not pd.isna(row["mcse"]):
            difference, rough = sign * float(row["difference"]), row["status"] == ROUGH
            return Test(case, one, other, difference, float(row["mcse"]), False, True, rough)
        return self._unpaired(case, one, other, ROBUST) if self.criterion.loss else None

    def _pair(self, case, one, other):
        """What `comparisons` says of two estimators, and the sign that the difference then has."""
        for first, second, sign in ((one, other, 1.0), (other, one, -1.0)):
            if (row := self._pairs.get((*case, first, second))) is not None:
                return row, sign
        return None, 0.0

    def _unpaired(self, case, one, other, measure):
        """The Test of two numbers, whose errors add up at worst."""
        (a, a_mcse, a_state), (b, b_mcse, b_state) = (self.of(case, name, measure) for name in (one, other))
        if None in (a, a_mcse, b, b_mcse):
            return None
        robust, rough = measure != self.criterion.measure, ROUGH in (a_state, b_state)
        return Test(case, one, other, a - b, a_mcse + b_mcse, robust, False, rough)


def place_of(row):
    """Factor -> level of a row of the summary, a dict; without what the row does not depend on."""
    problem = plugins("problems")[row["problem"]]
    names = ("errors", "contamination", "n", *(setting.name for setting in problem.settings), "design")
    names = names if problem.exact is None else tuple(name for name in names if name != "contamination")
    return {name: row[name] for name in names if name in row and not pd.isna(row[name])}


def or_none(value):
    return None if pd.isna(value) else float(value)
