"""The first sentence of an answer: which estimator to use, by its worst case, and where another one is better.

Use `recommended`, and `worst_cases` for all of them. They say what `regrets` has chosen, and where nothing can be
chosen, why.
"""

import math
import re

from simcore.reporting import conditions
from simcore.reporting.verdicts import ESTIMANDS
from simcore.tables import with_error
from simcore.wording import counted, few, joined, listed, percent, unit

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
            parts.append(f"{name} {with_error(own.size, own.mcse)}" + (f" ({where})" if where else ""))
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
        return _several(choice)
    (name,) = choice.best
    if len(choice.cases) + choice.left == 1:
        only = f"in the only {unit(choice.cases)}{_aside(conditions.worded(choice.cases, choice.cases))}"
        has = f"it has the {_least(choice)} {_won_by(choice)}, beyond the error{_fails(verdict, name)}"
        return f"use {name}: {only} {has}; that says nothing of others"
    text = f"use {name}: {_at_worst(choice, name, verdict)}"
    text += f" ({choice.left:,} more cannot be judged by it)" if choice.left else ""
    return text + _fails(verdict, name) + _unless(choice, name)


def _fails(verdict, name):
    share = verdict.failed.get(name)
    return f", but its fits failed in up to {percent(share)} of the replications of a condition" if share else ""


def _by_another(choice):
    """The clause on a further Choice, by a loss that may matter more to someone."""
    if len(choice.best) != 1:
        return f"by {_noun(choice)}, none can be told to be the best at worst"
    return f"by {_noun(choice)}, use {choice.best[0]}, at worst {_size(choice, choice.worst[choice.best[0]])}"


def _at_worst(choice, name, verdict):
    """How an estimator does where it does worst, and that no other one does as well."""
    total, least = len(choice.cases), _least(choice)
    where = conditions.worded([choice.worst[name].case], choice.cases)
    cases = counted(total, unit(choice.cases), unit(choice.cases, total))
    if all(case.winner == name for case in choice.cases):
        which = f"all {cases}" if total > 1 else f"one {unit(choice.cases)}"
        return f"in {which} it has the {least} {_won_by(choice)}, beyond the error"
    count, every = len(choice.worst), len(verdict.estimators)
    whose = "of both" if count == 2 else f"of all {count}"
    whose += " estimators" if count == every else f" (of {every}) that can be judged"
    size = _size(choice, choice.worst[name])
    return f"at worst{_aside(where)} its {_noun(choice)} is {size} there, the least worst case {whose} over {cases}"


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
    number, _, error = with_error(own.size, own.mcse).partition(" ± ")
    error = f"(MCSE {error}{', itself rough' * own.rough})"
    return f"{number} times {error} the smallest" if choice.multiples else f"{number} {error} off the {_least(choice)}"


def _unless(choice, name):
    """Where another estimator wins, and what may be known beforehand: the level of a factor."""
    found = []
    for factor, values in conditions.levels(choice.cases).items():
        for value in values if len(values) > 1 and factor != "parameter" else ():
            own = [case for case in choice.cases if conditions.place(case).get(factor) == value]
            winners = {case.winner for case in own}
            if len(winners) == 1 and not winners & {None, name} and (gain := _gain(own, name, choice)) > 0.0:
                found.append(((factor, value) in _PLAIN, len(own), gain, own))
    if not found:
        return ""
    *_, gain, own = max(found, key=lambda one: one[:3])
    where = conditions.worded(own, choice.cases)
    sure = "there is no contamination" if where == "without contamination" else f"all is {where}"
    sure = f"errors are {where[6:-7]}" if re.fullmatch(r"under \S+ errors", where) else sure
    better = "larger" if choice.criterion.larger else "smaller"
    much = percent(gain) if choice.multiples else f"{gain:.2g}"
    return f"; unless you are sure that {sure}, where that of {own[0].winner} is at least {much} {better}"


def _gain(cases, name, choice):
    """What the best is sure to be better by in each case: a share of a loss, a difference of others."""
    lows = [choice.lows[name, case.cell, case.parameter] for case in cases]
    return 1.0 - 1.0 / min(lows) if choice.multiples else min(lows)


def _several(choice):
    """The clause where the best cannot be told apart."""
    some = few(dict.fromkeys(choice.best))
    names = [*some, *([f"{len(choice.best) - len(some)} others"] if len(some) < len(choice.best) else [])]
    text = f"use one of {listed(names, 'or')}: "
    if len(choice.cases) == 1:
        return f"{text}in the only {unit(choice.cases)} their {_noun(choice)}s are within the error of each other"
    cases = counted(len(choice.cases), unit(choice.cases), unit(choice.cases, 2))
    left = f" ({choice.left:,} more cannot be judged so)" if choice.left else ""
    own, noun = choice.worst[names[0]], _noun(choice)
    size = f"then {_size(choice, own)}" if own.mcse else f"the {_least(choice)} everywhere, though within the error"
    which = f"it cannot be told, beyond the error, which {noun} is the least at worst"
    return f"{text}over {cases}{left} {which}; that of {names[0]} is {size}"


def _none(choice, verdict):
    """Why nothing is recommended."""
    text = "no estimator can be recommended"
    if not choice.cases:
        different = all(case.why == ESTIMANDS for case in verdict.cases[choice.criterion])
        return f"{text}, as {'they estimate different values' if different else 'nothing can be compared'}"
    cases = counted(len(choice.cases), unit(choice.cases), unit(choice.cases, 2))
    if len(choice.worst) == 1:
        return f"{text} for all of {cases}, as {next(iter(choice.worst))} alone can be judged everywhere"
    return f"{text} for all of {cases}, as the {_noun(choice)} of each is infinite or without an error somewhere"


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
    some = few(dict.fromkeys(last.best))
    names = [*some, *([f"{len(last.best) - len(some)} others"] if len(some) < len(last.best) else [])]
    who = f"use {names[0]}: it has" if len(names) == 1 else f"use one of {listed(names, 'or')}: they have"
    return f"{who} {listed(told)}"
