"""How far each estimator is off the best one at worst, and whose worst case is the least: the minimax choice.

Use `choose` and `choose_exact`. The distance is a multiple of the smallest loss of the same case, or, of what is no
loss, a difference. Bounds hold for all estimators and cases together (multiple comparisons with the best, Hsu 1984,
with Bonferroni's bound): one worst case is called less than another only where their bounds do not meet. A largest
value of many has no Monte Carlo error of its own that could be shown, it has these bounds.
"""

import math
from dataclasses import dataclass, field
from statistics import NormalDist

from simcore.reporting.contests import LEVEL

EQUAL = 1e-9  # exact values but for rounding, relative


@dataclass(frozen=True)
class Off:
    """How far an estimator is off the best of a case: its loss in multiples of the smallest, or how much worse it is;
    inf where its loss is infinite. size: as seen; low, high: bounds. rough: an error that this rests on is."""

    case: object
    size: float
    low: float
    high: float
    rough: bool = False


@dataclass(frozen=True)
class Choice:
    """By a `measure`, that of a criterion or the robust one.

    cases: those that were judged; left: how many were not. worst: estimator -> its Off at worst, of the case where it
    is farthest off, from the smallest on; those without a number or error in some case, and finite in all, have none.
    best: those whose worst case cannot be told from the least. rough: an error that this rests on is itself rough.
    lows: (estimator, cell, parameter) -> what it is off the best there, at least.
    """

    criterion: object
    measure: str
    cases: tuple
    left: int
    worst: dict
    best: tuple
    rough: bool = False
    lows: dict = field(default_factory=dict)

    @property
    def finite(self):
        """Whether the worst case of anyone is."""
        return any(own.low < math.inf for own in self.worst.values())

    def wins_all(self, name):
        """Whether the tests of two estimators say so, by this measure."""
        return _wins(self.cases, name, self.measure)

    @property
    def multiples(self):
        return self.criterion.loss

    @property
    def least(self):
        """What an estimator is off that is the best."""
        return 1.0 if self.multiples else 0.0


def choose(contest, cases, tests, level=LEVEL):
    """The Choice by a contest's criterion, or, where that leaves nobody with a finite worst case, or more cases without
    a judgement, by the robust measure; but that chooses nobody whose loss is infinite while others' are finite. tests:
    (cell, parameter) -> Tests of two estimators. level: of all bounds together."""
    first, *others = (_choice(contest, measure, cases, tests, level) for measure in contest.measures)
    infinite = {name for name, own in first.worst.items() if math.isinf(own.low)}
    for other in others:
        more = len(other.cases) > len(first.cases) and not infinite & {*other.best}
        if other.finite and (more or not first.finite) or other.cases and not first.cases:
            return other
    return first


def _choice(contest, measure, cases, tests, level):
    fields, infinite = [], {}
    for case in cases:
        key = case.cell, case.parameter
        infinite |= {name: Off(case, *[math.inf] * 3) for name in contest.infinite(key, measure)}
        if (standing := contest.by(key, measure)) is not None:
            fields.append(_Field.of(case, standing, tests[key], contest.criterion))
    count = sum(len(own.numbers) * (len(own.numbers) + 1) // 2 for own in fields)
    z = NormalDist().inv_cdf(1.0 - level / (2.0 * count)) if count else 0.0
    offs = {}  # estimator -> its Off in each case that is judged
    for own in fields:
        for name in own.numbers:
            offs.setdefault(name, []).append(own.off(name, z, contest.criterion.loss))
    worst = {name: _worst(own) for name, own in offs.items() if len(own) == len(fields)} | infinite
    worst = dict(sorted(worst.items(), key=lambda item: item[1].size))
    judged = tuple(own.case for own in fields)
    left = len(cases) - len(judged)
    best = _least(worst, judged, left, measure)
    rough = bool(best) and any(off.rough for off in worst.values())
    lows = {(name, off.case.cell, off.case.parameter): off.low for name, own in offs.items() for off in own}
    return Choice(contest.criterion, measure, judged, left, worst, best, rough, lows)


def _worst(offs):
    """The Off of the case where an estimator is farthest off, with bounds of the largest of all cases."""
    first = max(offs, key=lambda own: own.size)
    lowest, highest = max(offs, key=lambda own: own.low), max(offs, key=lambda own: own.high)
    return Off(first.case, first.size, lowest.low, highest.high, lowest.rough or highest.rough)


def _least(worst, cases, left, measure):
    """The estimators whose worst case cannot be told from the least: of a single case, or where one wins everywhere, as
    the tests of two say."""
    finite = {name: own for name, own in worst.items() if own.low < math.inf}
    if (winner := next((name for name in finite if _wins(cases, name, measure)), None)) is not None:
        return (winner,)
    if not finite or len(worst) == 1:  # nothing that it could be better than
        return ()
    if len(cases) == 1 and not left and cases[0].measure == measure and {*cases[0].best} <= finite.keys():
        return tuple(name for name in finite if name in cases[0].best)
    least = min(own.high for own in finite.values())
    return tuple(name for name, own in finite.items() if own.low <= least)


def _wins(cases, name, measure):
    return all(case.winner == name and case.measure == measure for case in cases)


@dataclass(frozen=True)
class _Field:
    """The estimators of a case that have numbers: name -> (value, mcse, rough), a larger value being worse.
    differences: (one, other) -> (value of one less that of the other, mcse, rough)."""

    case: object
    numbers: dict
    differences: dict

    @classmethod
    def of(cls, case, standing, tests, criterion):
        sign, robust = -1.0 if criterion.larger else 1.0, standing.measure != criterion.measure
        numbers = {name: (sign * value, mcse, rough) for name, (value, mcse, rough) in standing.known.items()}
        own = [test for test in tests if test.robust == robust or test.equal]
        differences = {(test.one, test.other): (sign * test.difference, test.mcse, test.rough) for test in own}
        return cls(case, numbers, differences)

    @property
    def best(self):
        return min(self.numbers, key=lambda name: self.numbers[name][0])

    def off(self, name, z, multiples):
        """The Off of an estimator that has a number and an error here."""
        least, best = self.numbers[self.best][0], self.best
        apart = [self._less(name, other)[:2] for other in self.numbers]
        low, size, high = (max(0.0, *(value + by * z * error for value, error in apart)) for by in (-1.0, 0.0, 1.0))
        rough = self._less(name, best)[2] or self.numbers[name][2] or self.numbers[best][2]
        if not multiples:
            return Off(self.case, size, low, high, rough)
        over, under = self._smallest(z), min(self._at_least(other, z) for other in self.numbers)
        return Off(self.case, _times(size, least), _times(low, over), _times(high, under), rough)

    def _smallest(self, z):
        """An upper bound of the smallest number."""
        return min(value + z * error for value, error, _ in self.numbers.values())

    def _at_least(self, name, z):
        """A lower bound of a number: of its own, or by how far it is above the best."""
        value, error, _ = self.numbers[name]
        least, own, _ = self.numbers[self.best]
        more, between, _ = self._less(name, self.best)
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


def _times(more, least):
    """In multiples of the least what is so much more."""
    if more <= 0.0:
        return 1.0
    return 1.0 + more / least if least > 0.0 else math.inf


def choose_exact(criterion, cases, among):
    """The same of a problem where nothing is random, of some estimators."""
    judged, worst = tuple(case for case in cases if case.best), {}
    for name in among:
        every = [_exactly_off(case, name, criterion.larger) for case in judged]
        if every and None not in every:
            worst[name] = max(every, key=lambda one: one.size)
    worst = dict(sorted(worst.items(), key=lambda item: item[1].size))
    least = next((own.size for own in worst.values()), math.inf)
    equal = [name for name, own in worst.items() if math.isclose(own.size, least, rel_tol=EQUAL)]
    best = tuple(equal) if least < math.inf else ()
    return Choice(criterion, criterion.measure, judged, len(cases) - len(judged), worst, best)


def _exactly_off(case, name, larger):
    if name not in case.values:
        return None
    values = [value for value, _ in case.values.values()]
    best, own = max(values) if larger else min(values), case.values[name][0]
    size = 0.0 if name in case.best or own == best else abs(own - best)
    return Off(case, size, size, size)
