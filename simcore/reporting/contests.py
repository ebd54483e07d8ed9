"""Tests of two estimators against each other, and which of them are beyond the error of all tests together.

One measure decides a case, a parameter in a cell: that of a `criteria.Criterion` where it can, from the paired
differences of `comparisons`; a loss that is infinite is larger than any that is not, and an estimator whose loss has no
error cannot be judged. Where fewer than two can, or one that cannot may have the smallest loss, the median absolute
error decides. Errors of two that were not paired are added up: that is the most that the error of a difference can be.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simcore.comparisons import equal, same_truth
from simcore.intervals import Z
from simcore.registry import plugins
from simcore.reporting.criteria import ROBUST, rows_of
from simcore.statuses import INSUFFICIENT, OK, ROUGH, UNDEFINED

LEVEL = 0.05


@dataclass(frozen=True)
class Standing:
    """How the estimators of a case stand by the `measure` that decides it. known: name -> (value, mcse, whether that is
    rough); infinite: whose loss is; unknown: those that cannot be judged."""

    measure: str
    known: dict
    infinite: tuple
    unknown: tuple


@dataclass(frozen=True)
class Test:
    """Of two estimators of a case: `one` has a value that is larger by `difference`.

    robust: by the median absolute error. paired: from paired differences. rough: the mcse is itself rough. equal: the
    two were the same in every sample.
    """

    case: tuple
    one: str
    other: str
    difference: float
    mcse: float
    robust: bool
    paired: bool
    rough: bool
    equal: bool = False

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
        self.criterion, self.places, self.numbers, self._truths, self._scales = criterion, {}, {}, {}, {}
        own = rows_of(summary, criterion)
        self._drawn = bool((own["truth"].isna() & own["value"].notna()).any())
        for row in own.to_dict("records"):
            case = row["cell"], row["parameter"]
            self.places.setdefault(case, place_of(row))
            self._truths.setdefault(case, {})[row["estimator"]] = or_none(row["truth"])
            self._scales[case] = row["scale"]
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
        first, *others = self._truths[case].values()
        return all(same_truth(first, other, self._scales[case]) for other in others)

    def judged(self, case):
        """The estimators of a case with good replications enough, and the others."""
        silent = tuple(
            name
            for name in self._truths[case]
            if all(self.of(case, name, measure)[2] == INSUFFICIENT for measure in self.measures)
        )
        return tuple(name for name in self._truths[case] if name not in silent), silent

    @property
    def measures(self):
        """Those that can decide, the first the one of the criterion."""
        return (self.criterion.measure, ROBUST)[: 1 + self.criterion.loss]

    def standing(self, case):
        """The Standing of a case, None where no measure can decide it."""
        found = (self.by(case, measure) for measure in self.measures)
        return next((own for own in found if own is not None), None)

    def infinite(self, case, measure):
        """The estimators whose loss is infinite there, a tuple. It is undefined, too, where a true value is not known
        that is not drawn anew."""
        names = self.judged(case)[0] if self.criterion.loss and self.alike(case) else ()
        known = (name for name in names if self._drawn or self._truths[case][name] is not None)
        return tuple(name for name in known if self.of(case, name, measure)[2] == UNDEFINED)

    def by(self, case, measure):
        """The Standing by a measure; None where that cannot decide: there are too few errors, or the best may be one
        without."""
        if not self.alike(case):
            return None
        found = {name: self.of(case, name, measure) for name in self.judged(case)[0]}
        infinite = self.infinite(case, measure)
        known = {name: (*own[:2], own[2] == ROUGH) for name, own in found.items() if own[1] is not None}
        unknown = tuple(name for name in found if name not in known and name not in infinite)
        if len(known) < 2 and (unknown or not known or not infinite):
            return None
        sign = -1.0 if self.criterion.larger else 1.0
        best = min(sign * value + Z * mcse for value, mcse, _ in known.values())
        values = (found[name][0] for name in unknown)
        hidden = any(value is not None and sign * value <= best for value in values)
        return None if hidden else Standing(measure, known, infinite, unknown)

    def tests(self, case):
        """A Test of each two estimators of a case whose numbers have errors."""
        standing = self.standing(case)
        pairs = itertools.combinations(standing.known, 2) if standing else ()
        return [self._test(case, standing, *pair) for pair in pairs]

    def _test(self, case, standing, one, other):
        row, sign = self._pair(case, one, other)
        robust = standing.measure != self.criterion.measure
        if row is not None and equal(row):
            return Test(case, one, other, 0.0, 0.0, robust, True, False, equal=True)
        if not robust and row is not None and row["status"] in (OK, ROUGH) and not pd.isna(row["mcse"]):
            difference, rough = sign * float(row["difference"]), row["status"] == ROUGH
            return Test(case, one, other, difference, float(row["mcse"]), False, True, rough)
        (a, a_mcse, a_rough), (b, b_mcse, b_rough) = standing.known[one], standing.known[other]
        return Test(case, one, other, a - b, a_mcse + b_mcse, robust, False, a_rough or b_rough)

    def _pair(self, case, one, other):
        """What `comparisons` says of two estimators, and the sign that the difference then has."""
        for first, second, sign in ((one, other, 1.0), (other, one, -1.0)):
            if (row := self._pairs.get((*case, first, second))) is not None:
                return row, sign
        return None, 0.0


def place_of(row):
    """Factor -> level of a row of the summary, a dict; without what the row does not depend on."""
    problem = plugins("problems")[row["problem"]]
    names = ("errors", "contamination", "n", *(setting.name for setting in problem.settings), "design")
    names = names if problem.exact is None else tuple(name for name in names if name != "contamination")
    return {name: row[name] for name in names if name in row and not pd.isna(row[name])}


def or_none(value):
    return None if pd.isna(value) else float(value)
