"""Which estimator is best where, and is that beyond the Monte Carlo error of all comparisons of a study together.

Use `decide`. `criteria` says what is better, `contests` holds the tests, `sentences` puts a verdict in words.
"""

import itertools
import math
from dataclasses import dataclass, field, replace

from simcore.registry import plugins
from simcore.reporting.contests import LEVEL, Contest, beyond, or_none, place_of
from simcore.reporting.criteria import criteria, rows_of
from simcore.reporting.regrets import EQUAL, choose, choose_exact
from simcore.statuses import UNDEFINED

# Why a case has no winner: the best are within the error; they are the same; no measure has errors by which to compare
# them; estimators estimate different values; there are too few good replications.
TIED, EQUALS, UNKNOWN, ESTIMANDS, SILENT = "tied", "equal", "unknown", "estimands", "silent"


@dataclass(frozen=True)
class Case:
    """One parameter in one cell. place: factor -> level.

    best: the estimators that cannot be told from the best one; a single one is the winner. why: there is no winner;
    None where there is. values: estimator -> (value, mcse or None) by the `measure` that decides, that of the criterion
    or the robust one, from best to worst. next: the best but for the winner; margin: how far it is off the winner, with
    the MCSE; rough: that is itself rough. infinite: estimators whose loss is; unjudged: those whose measure has no
    error, of which nothing is claimed; silent: those with too few good replications to be judged. equal: pairs that
    were the same in every sample.
    """

    cell: int
    parameter: str
    place: dict
    best: tuple
    why: str | None
    measure: str
    values: dict
    next: str | None = None
    margin: tuple | None = None
    rough: bool = False
    infinite: tuple = ()
    unjudged: tuple = ()
    silent: tuple = ()
    equal: frozenset = frozenset()

    @property
    def winner(self):
        return self.best[0] if self.why is None else None

    def same(self, names):
        """Whether some estimators were the same here."""
        return all(frozenset(pair) in self.equal for pair in itertools.combinations(names, 2))


@dataclass(frozen=True)
class Verdict:
    """cases: Criterion -> its cases. choices: a `regrets.Choice` by each criterion that says which estimator to use:
    the first one and other losses; where nothing is random, by each among those that the one before leaves. tests:
    comparisons of two estimators, a family; alone: those of them that a 95 % interval of their own finds, and the
    family does not; unpaired: some estimators were not summed in pairs. failed: estimator -> the largest share of the
    replications of a cell in which its fit failed."""

    estimators: tuple
    cases: dict
    choices: tuple = ()
    tests: int = 0
    alone: int = 0
    unpaired: bool = False
    exact: bool = False
    failed: dict = field(default_factory=dict)

    @property
    def compares(self):
        """Whether there is something to compare: several estimators, or exact values, which say something alone."""
        return self.exact or len(self.estimators) > 1


def decide(summary, comparisons):
    """The Verdict on a summary table. comparisons: measure -> table of `comparisons`, of each criterion's."""
    estimators, asked = tuple(summary["estimator"].unique()), criteria(summary)
    if plugins("problems")[summary["problem"].iloc[0]].exact:
        return _exact_verdict(estimators, {own: _exact_cases(summary, own) for own in asked})
    contests = [Contest(summary, comparisons[own.measure], own) for own in asked]
    tests = [{case: own.tests(case) for case in own.places} for own in contests]
    family = [test for own in tests for found in own.values() for test in found]
    sure = {id(test) for test in beyond(family)}
    cases = {
        contest.criterion: [_case(contest, case, found, sure) for case, found in own.items()]
        for contest, own in zip(contests, tests, strict=True)
    }
    alone = sum(test.alone and id(test) not in sure for test in family)
    unpaired = any(not test.paired and not test.robust for test in family)
    failed = shares_failed(summary).groupby(summary["estimator"]).max().to_dict()
    chosen = [k for k, own in enumerate(asked) if k == 0 or own.loss]
    choices = tuple(choose(contests[k], cases[asked[k]], tests[k], LEVEL / len(chosen)) for k in chosen)
    return Verdict(estimators, cases, choices, len(family), alone, unpaired, failed=failed)


def _case(contest, case, tests, sure):
    standing, (judged, silent) = contest.standing(case), contest.judged(case)
    if standing is None:
        why = ESTIMANDS if not contest.alike(case) else SILENT if len(judged) < 2 else UNKNOWN
        measure, best = contest.criterion.measure, judged if why == UNKNOWN else ()
        values, infinite = _values(contest, case, measure), contest.infinite(case, measure)
        return Case(*case, contest.places[case], best, why, measure, values, infinite=infinite, silent=silent)
    beats = {test.better(contest.criterion.larger) for test in tests if id(test) in sure}
    best, values = _best([*standing.known], beats), _values(contest, case, standing.measure)
    infinite = contest.infinite(case, contest.criterion.measure)
    found = {"infinite": infinite, "unjudged": standing.unknown, "silent": silent}
    found["equal"] = frozenset(frozenset((test.one, test.other)) for test in tests if test.equal)
    if len(best) == 1:
        found |= _margin(best[0], [name for name in values if name in standing.known], tests)
    own = Case(*case, contest.places[case], best, None, standing.measure, values, **found)
    return own if len(best) == 1 else replace(own, why=EQUALS if own.same(best) else TIED)


def _best(judged, beats):
    """The estimators that cannot be told from the best: those that none beats, and, if that is but one, those that it
    does not beat."""
    beaten = {worse for _, worse in beats}
    unbeaten = [name for name in judged if name not in beaten]
    if len(unbeaten) == 1:
        unbeaten += [name for name in judged if name != unbeaten[0] and (unbeaten[0], name) not in beats]
    return tuple(unbeaten or judged)  # each of three may beat the next on the samples that both have fits of


def _values(contest, case, measure):
    """Estimator -> (value, mcse), from best to worst."""
    found = {name: contest.of(case, name, measure)[:2] for name in contest.judged(case)[0]}
    known = [item for item in found.items() if item[1][0] is not None]
    return dict(sorted(known, key=lambda item: item[1][0], reverse=contest.criterion.larger))


def _margin(winner, ordered, tests):
    """The next best of those that can be judged, and how far it is off the winner."""
    if ordered[0] != winner:  # on samples that both have fits of; the values are of more
        return {}
    second = next((name for name in ordered if name != winner), None)
    test = next((test for test in tests if {test.one, test.other} == {winner, second}), None)
    return {"next": second, "margin": (abs(test.difference), test.mcse), "rough": test.rough} if test else {}


def shares_failed(summary):
    """The share of the replications in which the fit failed, of each row of a summary: a Series."""
    return summary["n_failed"] / (summary["n_failed"] + summary["n_ok"])


def _exact_verdict(estimators, cases):
    choices, left = [], estimators
    for criterion, own in cases.items():
        choices.append(choose_exact(criterion, own, left))
        left = choices[-1].best
    return Verdict(estimators, cases, tuple(choices), exact=True)


def _exact_cases(summary, criterion):
    """The cases of a problem where nothing is random: equal values are ties. Of a curve against the number of outliers,
    its first point."""
    own, found = rows_of(summary, criterion), {}
    if "outliers" in own and own["outliers"].notna().any():
        own = own[own["outliers"] == own["outliers"].min()]
    for row in own.to_dict("records"):
        value = math.inf if row["status"] == UNDEFINED else or_none(row["value"])
        value = 0.0 if value is not None and abs(value) <= EQUAL * row["scale"] else value
        place = place_of(row)
        key = (tuple(place.items()), row["parameter"])
        found.setdefault(key, (row["cell"], place, {}))[2][row["estimator"]] = value
    return [_exact_case(criterion, parameter, *own) for (_, parameter), own in found.items()]


def _exact_case(criterion, parameter, cell, place, values):
    known = {name: value for name, value in values.items() if value is not None}
    ordered = dict(sorted(known.items(), key=lambda item: item[1], reverse=criterion.larger))
    first = next(iter(ordered.values()), None)
    best = tuple(name for name, value in ordered.items() if math.isclose(value, first, rel_tol=EQUAL))
    shown = {name: (value, 0.0) for name, value in ordered.items()}
    silent = tuple(name for name in values if name not in known)
    why = SILENT if not best else TIED if len(best) > 1 else None
    return Case(cell, parameter, place, best, why, criterion.measure, shown, silent=silent)
