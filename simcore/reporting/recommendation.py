"""The first sentence of an answer: which estimator to use, by its worst case, and where another one is better.

Use `recommended`, and `worst_cases` for all of them. They say what `regrets` has chosen, and where nothing can be
chosen, why.
"""

import math
import re
from dataclasses import replace

from simcore.reporting import conditions
from simcore.reporting.verdicts import ESTIMANDS, SILENT
from simcore.wording import between, counted, few, in_so_many, joined, listed, percent, rounded, some_of, unit

_NOT_JUDGED = {ESTIMANDS: "different estimands", SILENT: "too few good replications"}
_PLAIN = (("errors", "normal"), ("contamination", "none"))  # what people may be sure of


def recommended(verdict):
    """The sentence on a Verdict on several estimators."""
    if verdict.exact:
        return joined([_exact(verdict)])
    first, *others = verdict.choices
    return joined([_by(first, verdict), *(_by_another(own) for own in others)])


def worst_cases(verdict):
    """Sentences on how each estimator does at worst, where no single one wins everywhere."""
    for choice in verdict.choices:
        if not choice.multiples or len(choice.cases) < 2 or len({case.best for case in choice.cases}) < 2:
            continue
        known = {name: own for name, own in choice.worst.items() if own.high < math.inf}
        parts = []
        for name, own in few(known).items():
            where = conditions.worded([own.case], choice.cases)
            parts.append(f"{name} {between(own.low, own.high, choice.least)}" + (f" (most {where})" if where else ""))
        if left := len(known) - len(parts):
            parts.append(f"{left} others more")
        if parts:
            same = unit(choice.cases)
            yield f"At worst the {_noun(choice)}, in multiples of the smallest of the same {same}: {listed(parts)}."


def _by(choice, verdict):
    """The clause on the first Choice."""
    if not choice.best:
        return _none(choice, verdict)
    if len(choice.best) > 1:
        return _several(choice, verdict) + _instead(choice, verdict)
    (name,) = choice.best
    if len(choice.cases) + choice.left == 1:
        only = f"in the only {unit(choice.cases)}{_aside(conditions.worded(choice.cases, choice.cases))}"
        has = f"it has the {_least(choice)} {_won_by(choice)}, beyond the error{_fails(verdict, name)}"
        return f"use {name}: {only} {has}; that says nothing of others"
    text = f"use {name}: {_at_worst(choice, name, verdict)}{_left(choice, verdict)}{_instead(choice, verdict)}"
    return text + _fails(verdict, name) + _unless(choice, name, verdict.cases[choice.criterion])


def _fails(verdict, name):
    share = verdict.failed.get(name)
    most = percent(share, math.ceil) if share else ""
    return f", but its fits failed in up to {most} of the replications of a condition" if share else ""


def _by_another(choice):
    """The clause on a further Choice, by a loss that may matter more to someone."""
    if len(choice.best) != 1:
        return f"by {_noun(choice)}, none can be told to be the best at worst"
    own = choice.worst[choice.best[0]]
    size = f"at worst {_size(choice, own)}" if own.high > choice.least else f"with the {_least(choice)} everywhere"
    return f"by {_noun(choice)}, use {choice.best[0]}, {size}"


def _at_worst(choice, name, verdict):
    """How an estimator does where it does worst, and that no other one does as well."""
    total, least = len(choice.cases), _least(choice)
    cases = _so_many(choice.cases)
    if choice.wins_all(name):
        return f"in {'all ' * (total > 1)}{cases} it has the {least} {_won_by(choice)}, beyond the error"
    count, every = len(choice.worst), len(verdict.estimators)
    whose = "of both" if count == 2 else f"of all {count}"
    whose += " estimators" if count == every else f" (of {every}) that can be judged"
    size, rough = _size(choice, choice.worst[name]), " (by errors that are rough themselves)" * choice.rough
    where = conditions.worded([choice.worst[name].case], choice.cases) if total > 1 else None
    most = f" (most {where})" if where else ""
    return f"at worst its {_noun(choice)} is {size}{most}, the least worst case {whose} over {cases}{rough}"


def _so_many(cases):
    """How many cases have been judged, where they are not all that there are if it is only one."""
    count = len(cases)
    return f"the only {unit(cases)} that can be judged" if count == 1 else counted(count, unit(cases), unit(cases, 2))


def _left(choice, verdict):
    """How many cases could not be judged, and why."""
    judged = {id(case) for case in choice.cases}
    left = [case for case in verdict.cases[choice.criterion] if id(case) not in judged]
    reasons = dict.fromkeys(_NOT_JUDGED.get(case.why, "no Monte Carlo error") for case in left)
    return f" ({len(left):,} more cannot be judged by it: {', '.join(reasons)})" if left else ""


def _instead(choice, verdict):
    """Why the robust measure has chosen, where it has."""
    if choice.measure == choice.criterion.measure:
        return ""
    cases = verdict.cases[choice.criterion]
    count = sum(case.measure != choice.criterion.measure for case in cases)
    if not count:
        return f"; not by {choice.criterion.noun}, as that of each is infinite or has no error somewhere"
    where = in_so_many(count, cases)
    return f"; not by {choice.criterion.noun}, which {where} cannot be compared: it is infinite, or has no error"


def _aside(where):
    return f", {where}," if where else ""


def _noun(choice):
    return choice.criterion.noun if choice.measure == choice.criterion.measure else "median absolute error"


def _won_by(choice):
    """What winners everywhere win by, and among whom."""
    return _noun(choice) + " of all that can be judged" * any(case.unjudged for case in choice.cases)


def _least(choice):
    return "largest" if choice.criterion.larger else "smallest"


def _size(choice, own):
    """How far an estimator is off at worst, by the bounds for all of them together."""
    if own.high <= choice.least:
        return f"the {_least(choice)}"
    if own.low <= choice.least and math.isinf(own.high):
        return f"not known well enough to be bounded in multiples of the {_least(choice)}"
    size = _bounds(choice, own)
    return f"{size} times the smallest" if choice.multiples else f"{size} off the {_least(choice)}"


def _unless(choice, name, cases):
    """Where another estimator wins all cases, and what may be known beforehand: the level of a factor."""
    found = []
    for factor, values in conditions.levels(choice.cases).items():
        for value in values if len(values) > 1 and factor != "parameter" else ():
            own = [case for case in choice.cases if conditions.place(case).get(factor) == value]
            every = [case for case in cases if conditions.place(case).get(factor) == value]
            winners = {case.winner if case.measure == choice.measure else None for case in every}
            if len(winners) == 1 and not winners & {None, name} and (gain := _gain(own, name, choice)) > 0.0:
                found.append(((factor, value) in _PLAIN, len(own), gain, own))
    if not found:
        return ""
    *_, gain, own = max(found, key=lambda one: one[:3])
    where = conditions.worded(own, choice.cases)
    sure = "there is no contamination" if where == "without contamination" else f"all is {where}"
    sure = f"errors are {where[6:-7]}" if re.fullmatch(r"under \S+ errors", where) else sure
    better = "larger" if choice.criterion.larger else "smaller"
    much = percent(gain, math.floor) if choice.multiples else rounded(gain, 0.1 * gain, math.floor)
    return f"; unless you are sure that {sure}, where that of {own[0].winner} is at least {much} {better}"


def _gain(cases, name, choice):
    """What the best is sure to be better by in each case: a share of a loss, a difference of others."""
    lows = [choice.lows[name, case.cell, case.parameter] for case in cases]
    return 1.0 - 1.0 / min(lows) if choice.multiples else min(lows)


def _several(choice, verdict):
    """The clause where the best cannot be told apart, or are the same."""
    text, first = f"use one of {listed(some_of(choice.best), 'or')}: ", choice.worst[choice.best[0]]
    if all(case.same(choice.best) for case in choice.cases):
        at_worst = f"; at worst their {_noun(choice)} is {_size(choice, first)}" * (first.high > choice.least)
        return f"{text}{in_so_many(len(choice.cases), choice.cases)} they are equal{_left(choice, verdict)}{at_worst}"
    if len(choice.cases) == 1 and {*choice.cases[0].best} == {*choice.best}:
        only = f"the only {unit(choice.cases)}" + " that can be judged" * bool(choice.left)
        return f"{text}in {only} they are within the error of each other by {_noun(choice)}"
    which = "it cannot be told, beyond the error, whose worst case is the least"
    return f"{text}over {_so_many(choice.cases)}{_left(choice, verdict)} {which}; {_worst_of(choice)}"


def _worst_of(choice):
    """How each of the best does at worst."""
    some, told = few(dict.fromkeys(choice.best)), {}
    for name in some:
        told.setdefault(_bounds(choice, choice.worst[name]), []).append(name)
    parts = [f"{bounds} for {listed(names)}" for bounds, names in told.items()]
    if left := [choice.worst[name] for name in choice.best if name not in some]:
        most = replace(left[0], low=choice.least, high=max(own.high for own in left))
        parts.append(f"{_bounds(choice, most)} for {len(left)} others")
    if choice.multiples:
        return f"at worst the {_noun(choice)}, in multiples of the smallest, is {listed(parts)}"
    return f"at worst the {_noun(choice)} is {listed(parts)} off the {_least(choice)}"


def _bounds(choice, own):
    """What is known of a worst case, in multiples of the least or as a distance from it."""
    if own.high <= choice.least:
        return f"{choice.least:g}"
    if own.low <= choice.least and math.isinf(own.high):
        return "not known well enough to be bounded"
    return between(own.low, own.high, choice.least) + " (no upper bound is known)" * math.isinf(own.high)


def _none(choice, verdict):
    """Why nothing is recommended."""
    text = "no estimator can be recommended"
    if not choice.cases:
        different = all(case.why == ESTIMANDS for case in verdict.cases[choice.criterion])
        return f"{text}, as {'they estimate different values' if different else 'nothing can be compared'}"
    cases = "all of " * (len(choice.cases) > 1) + _so_many(choice.cases)
    if len(choice.worst) == 1 and not math.isinf(next(iter(choice.worst.values())).low):
        return f"{text} for {cases}, as {next(iter(choice.worst))} alone can be judged everywhere"
    return f"{text} for {cases}, as the {_noun(choice)} of each is infinite or without an error somewhere"


def _exact(verdict):
    """The clause where nothing is random: by the first criterion, and by the next among those that it leaves."""
    if len(verdict.estimators) == 1:
        return f"there is one estimator, {verdict.estimators[0]}, and nothing to compare it with"
    told, last = [], None
    for choice in verdict.choices:
        if not choice.best or last is not None and len(last.best) == 1:
            break
        own = choice.worst[choice.best[0]]
        what = f"a {choice.criterion.noun} at worst {own.size:.3g} off" if own.size else choice.criterion.best
        others = "" if last is None else " of those"
        told.append(f"{what}{others}" if len(choice.cases) == 1 else f"{what}{others} in every condition")
        last = choice
    if last is None:
        return "no estimator can be recommended, as none has a finite value everywhere"
    alone = len(last.best) == 1
    who = f"use {last.best[0]}: it has" if alone else f"use one of {listed(some_of(last.best), 'or')}: they have"
    return f"{who} {listed(told)}"
