"""How far each estimator is off the best one at worst, and whose worst case is the least: the minimax choice.

Use `choose` and `choose_exact`. The distance is a multiple of the smallest loss of the same case, or, of what is no
loss, a difference. Bounds hold for all estimators and cases together (multiple comparisons with the best, Hsu 1984,
with Bonferroni's bound): one worst case is called less than another only where their bounds do not meet.
"""

import math
from dataclasses import dataclass, field
from statistics import NormalDist

from simcore.reporting.contests import LEVEL
from simcore.reporting.criteria import ROBUST

_EQUAL = 1e-9


@dataclass(frozen=True)
class Worst:
    """Where an estimator is farthest off the best of a case. size: its loss in multiples of the smallest, or how much
    worse it is; inf where its loss is infinite. low, high: bounds of the largest size of all cases. rough: the MCSE is.
    """

    case: object
    size: float
    mcse: float
    low: float
    high: float
    rough: bool = False


@dataclass(frozen=True)
class Choice:
    """By a criterion, or, where no case has a number of that, by the robust `measure`.

    cases: those that were judged; left: how many were not. worst: estimator -> its Worst, from the smallest on; those
    without a number or error in some case, and finite in all, have none. best: those whose worst case cannot be told
    from the least. lows: (estimator, cell, parameter) -> what it is off the best there, at least.
    """

    criterion: object
    measure: str
    cases: tuple
    left: int
    worst: dict
    best: tuple
    lows: dict = field(default_factory=dict)

    @property
    def multiples(self):
        return self.criterion.loss


def choose(contest, cases, tests):
    """The Choice by a contest's criterion. tests: (cell, parameter) -> Tests of two estimators."""
    criterion = contest.criterion
    standings = [(case, own) for case in cases if (own := contest.standing((case.cell, case.parameter))) is not None]
    measures = {own.measure for _, own in standings}
    measure = ROBUST if measures == {ROBUST} else criterion.measure
    standings = [(case, own) for case, own in standings if own.measure == measure]
    fields = [_field(case, own, tests[case.cell, case.parameter], criterion.larger) for case, own in standings]
    count = sum(len(own.numbers) * (len(own.numbers) + 1) // 2 for own in fields)
    z = NormalDist().inv_cdf(1.0 - LEVEL / (2.0 * count)) if count else 0.0
    names, worst, lows = dict.fromkeys(name for own in fields for name in (*own.numbers, *own.infinite)), {}, {}
    for name in names:
        every = [one for own in fields if (one := own.off(name, z, criterion)) is not None]
        lows |= {(name, one.case.cell, one.case.parameter): one.low for one in every}
        first = max(every, key=lambda one: (one.size, one.low))
        if len(every) == len(fields) or math.isinf(first.low):
            bounds = max(one.low for one in every), max(one.high for one in every)
            worst[name] = Worst(first.case, first.size, first.mcse, *bounds, first.rough)
    worst = dict(sorted(worst.items(), key=lambda item: item[1].size))
    judged = tuple(own.case for own in fields)
    return Choice(criterion, measure, judged, len(cases) - len(judged), worst, _least(worst, judged), lows)


def _least(worst, cases):
    """The estimators whose worst case cannot be told from the least: of a single case, or where one wins everywhere, as
    the tests of two say."""
    first = next(iter(worst), None)
    if first is None or math.isinf(worst[first].size):
        return ()
    if len(cases) == 1:
        return tuple(sorted(cases[0].best, key=[*worst, *cases[0].best].index))
    if len({case.winner for case in cases}) == 1 and cases[0].winner in worst:
        return cases[0].best
    if len(worst) == 1:
        return ()  # there is nothing that it is better than
    return tuple(name for name, own in worst.items() if name == first or own.low <= worst[first].high)


@dataclass(frozen=True)
class _Field:
    """The estimators of a case. numbers: name -> (value, mcse, rough), a larger value being worse; infinite: those
    whose loss is infinite; differences: (one, other) -> (value of one less that of the other, mcse, rough)."""

    case: object
    numbers: dict
    infinite: tuple
    differences: dict

    def off(self, name, z, criterion):
        """The Worst of an estimator here, None where it has no number."""
        if name in self.infinite:
            return Worst(self.case, *(math.inf, 0.0, math.inf, math.inf))
        if name not in self.numbers:
            return None
        best = min(self.numbers, key=lambda other: self.numbers[other][0])
        size, mcse, rough = self._less(name, best)
        others = [self._less(name, other)[:2] for other in self.numbers]
        low, high = (max(0.0, *(value + sign * z * error for value, error in others)) for sign in (-1.0, 1.0))
        if not criterion.loss:
            return Worst(self.case, size, mcse, low, high, rough)
        least, error, _ = self.numbers[best]
        over = min(value + z * own for value, own, _ in self.numbers.values())
        under = min(self._at_least(other, best, z) for other in self.numbers)
        if not least > 0.0:
            return Worst(self.case, *((1.0, 0.0, 1.0, 1.0) if size == 0.0 else (math.inf, 0.0, 1.0, math.inf)))
        high = 1.0 if high == 0.0 else 1.0 + high / under if under > 0.0 else math.inf
        mcse = mcse / least + size / least * (error / least)
        return Worst(self.case, 1.0 + size / least, mcse, 1.0 + low / over, high, rough)

    def _at_least(self, name, best, z):
        """A lower bound of a number: of its own, or by how far it is above the best."""
        value, error, _ = self.numbers[name]
        least, own, _ = self.numbers[best]
        more, between, _ = self._less(name, best)
        return max(value - z * error, least - z * own + more - z * between)

    def _less(self, one, other):
        """(the value of one less that of the other, its error, whether that is rough)."""
        if one == other:
            return 0.0, 0.0, False
        for pair, sign in (((one, other), 1.0), ((other, one), -1.0)):
            if (found := self.differences.get(pair)) is not None:
                return sign * found[0], *found[1:]
        (a, a_error, a_rough), (b, b_error, b_rough) = self.numbers[one], self.numbers[other]
        return a - b, a_error + b_error, a_rough or b_rough


def _field(case, standing, tests, larger):
    """The _Field of a case."""
    sign = -1.0 if larger else 1.0
    numbers = {name: (sign * value, mcse, rough) for name, (value, mcse, rough) in standing.known.items()}
    differences = {(test.one, test.other): (sign * test.difference, test.mcse, test.rough) for test in tests}
    return _Field(case, numbers, standing.infinite, differences)


def choose_exact(criterion, cases, among):
    """The same of a problem where nothing is random, of some estimators."""
    judged, worst = tuple(case for case in cases if case.best), {}
    for name in among:
        every = [_off(case, name, criterion.larger) for case in judged]
        if every and None not in every:
            first = max(every, key=lambda one: one.size)
            worst[name] = Worst(first.case, first.size, *(0.0, first.size, first.size))
    worst = dict(sorted(worst.items(), key=lambda item: item[1].size))
    least = min((own.size for own in worst.values()), default=math.inf)
    best = tuple(name for name, own in worst.items() if own.size <= least + _EQUAL and not math.isinf(own.size))
    return Choice(criterion, criterion.measure, judged, len(cases) - len(judged), worst, best)


def _off(case, name, larger):
    if name not in case.values:
        return None
    values = [value for value, _ in case.values.values()]
    best, own = max(values) if larger else min(values), case.values[name][0]
    size = 0.0 if name in case.best or own == best else abs(own - best)
    return Worst(case, *(size, 0.0, size, size))
