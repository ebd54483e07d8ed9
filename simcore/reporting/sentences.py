"""A verdict in three sentences: which estimator to use, who is best where, how sure all of it is; and notes on it.

Use `told` and `notes`. Nothing is decided here.
"""

import math
from collections import Counter

from simcore.reporting import conditions
from simcore.reporting.contests import LEVEL
from simcore.reporting.recommendation import recommended, worst_cases
from simcore.reporting.undecided import undecided
from simcore.reporting.verdicts import EQUALS, shares_failed
from simcore.tables import with_error
from simcore.wording import counted, few, in_so_many, joined, named, of_all, percent, ranges, span, together, unit


def told(verdict, replications):
    """Three sentences. replications: the fewest and the most of a cell."""
    last = _how_sure(verdict, replications)
    if not verdict.cases:
        return [
            "No measure in the table of this study says which estimator is better than another.",
            "What they do stands in the figures and in the table.",
            last,
        ]
    if not verdict.compares:
        return [*_of_one(verdict), last]
    first, *others = list(verdict.cases.items())[:2]
    winners = [_winners(verdict, *first, "beyond the error, "), *(_winners(verdict, *own) for own in others)]
    return [recommended(verdict), joined(winners), last]


def notes(verdict, summary):
    """What else must be known to read the verdict aright: any number of sentences."""
    cases = [case for own in verdict.cases.values() for case in own]
    found = [*worst_cases(verdict), *undecided(verdict)] if len(verdict.estimators) > 1 else []
    if verdict.alone:
        more = counted(verdict.alone, "more comparison", "more comparisons")
        each = "were it the only one" if verdict.alone == 1 else "were each the only one"
        not_so = "it is not" if verdict.alone == 1 else "they are not"
        found.append(f"{more} would be beyond the error {each}; among all {verdict.tests:,} {not_so}.")
    if rough := [case for case in cases if case.rough]:
        wins = counted(len(rough), "of the wins rests", "of the wins rest")
        found.append(f"{wins} on a difference to the next best whose error is itself rough ({_cells(rough)}).")
    if not verdict.exact and summary["n_failed"].any():
        shares = shares_failed(summary)
        worst = summary.loc[shares.idxmax()]
        found.append(
            f"Fits failed, at most {percent(shares.max(), math.ceil)} of the replications of a cell "
            f"({worst['estimator']}, cell {worst['cell']}): two estimators are compared where both gave an estimate."
        )
    for name, count in Counter(name for case in cases for name in case.silent).items():
        found.append(f"{name} gave too few estimates to be judged in {counted(count, unit(cases))}.")
    if verdict.unpaired:
        found.append(
            "Some estimators were not compared in pairs (of many, only those with the reference are): both errors are "
            "then added up, so that small differences between them are not seen."
        )
    if "precision" in summary and (missed := int((summary["precision"] == "not_met").sum())):
        found.append(f"{counted(missed, 'number is', 'numbers are')} less precise than the scenario asks for.")
    return found


# Who is best


def _winners(verdict, criterion, cases, opening=""):
    """The clause on who is best by a criterion, and under which conditions."""
    if verdict.exact:
        return _exact_winners(criterion, cases)
    wins = _by(cases, lambda case: _holders(case) if case.measure == criterion.measure else None)
    others = _by(cases, lambda case: _holders(case) if case.measure != criterion.measure else None)
    parts = []
    if wins:
        parts.append(_who(wins, cases, criterion, criterion.best))
    if others:
        instead = f"where no {criterion.noun}s can be compared, "
        parts.append(instead + _who(others, cases, criterion, "the smallest median absolute error", brief=True))
    opening = opening if any(case.winner for case in cases) else ""
    none = sum(_holders(case) is None for case in cases)
    if none and parts:
        parts.append(f"{in_so_many(none, cases)} no one can be told to have it")
    elif none:
        no_one = "no estimator can" if len(cases) == 1 else "can one estimator"
        where = f"in the only {unit(cases)}" if len(cases) == 1 else f"in none of {of_all(len(cases), cases)}"
        parts, opening = [f"{where} {no_one} be told to have {criterion.best}"], ""
    if left := Counter(name for case in cases for name in case.unjudged):
        parts.append(f"not judged, for want of a Monte Carlo error: {named(left, len(cases) > 1)}")
    return opening + "; ".join(parts)


def _holders(case):
    """Who has the best number of a case: the winner, or several that are equal; None where that cannot be told."""
    return case.best if case.why in (None, EQUALS) else None


def _who(wins, cases, criterion, best, brief=False):
    """Who has the best numbers, and under which conditions. wins: estimators -> cases; brief: only how many."""
    some = few(wins)
    (first, own), *rest = some.items()
    text = f"{together(first)} {'has' if len(first) == 1 else 'have'} {best} {_where(own, cases, brief)}"
    text += _by_how_much(criterion, own) if len(own) == len(cases) else ""
    text += "".join(f", {together(names)} {_where(others, cases, brief)}" for names, others in rest)
    if left := [len(own) for names, own in wins.items() if names not in some]:
        text += f", and one of {len(left)} others in {sum(left):,}"
    return text


def _where(own, cases, brief):
    """Under which conditions some cases are, in words, and how many they are."""
    if len(own) == len(cases):
        return in_so_many(len(own), cases)
    count = f"{len(own):,} of {len(cases):,}"
    if brief:
        return f"in {count}"
    if words := conditions.worded(own, cases):
        return f"{words} ({count})"
    example = max(own, key=lambda case: case.margin[0] / case.values[case.next][0] if _known(case) else 0.0)
    text = conditions.worded([example], cases)
    return f"in {count}" + (f" (most clearly {text})" if text and _known(example) else "")


def _known(case):
    """Whether it is known how far its winner is off the next best, as a share."""
    return case.margin is not None and case.values[case.next][0] > 0.0


def _exact_winners(criterion, cases):
    text, total = "", of_all(len(cases), cases)
    wins = _by(cases, lambda case: case.best or None)
    for names, own in few(wins).items():
        values = span([case.values[names[0]][0] for case in own])
        who = together(names)
        if text:
            text += f"; in {len(own):,} {'it is' if len(names) == 1 else 'these are'} {who.rstrip(',')}: {values}"
        else:
            where = "everywhere" if len(own) == len(cases) else f"in {len(own):,} of {total}"
            text = f"{where} {who} {'has' if len(names) == 1 else 'have'} {criterion.best}: {values}"
        if len(own) < len(cases) and (words := conditions.worded(own, cases)):
            text += f" ({words})"
    worst = {list(case.values)[-1] for case in cases if len(case.values) > len(case.best)}
    if len(worst) == 1:
        (name,) = worst
        text += f"; the {'smallest' if criterion.larger else 'largest'} is that of {name}: "
        text += span([case.values[name][0] for case in cases if name in case.values])
    return text or f"no estimator has a {criterion.noun}"


def _by(cases, key):
    """key(case) -> its cases, the most frequent first; cases without one are left out."""
    found = {}
    for case in cases:
        if (name := key(case)) is not None:
            found.setdefault(name, []).append(case)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def _by_how_much(criterion, cases):
    """How far a winner is from the next best: shares of losses, differences of others."""
    margins = [(case.margin[0], case.values[case.next][0]) for case in cases if case.margin]
    if not margins:
        return ""
    if not criterion.loss:
        return f": by {span([difference for difference, _ in margins])}"
    shares = [difference / value for difference, value in margins if value > 0]
    if not shares:
        return ""
    least, most = percent(min(shares)), percent(max(shares))
    return f": {least if least == most else f'{least} to {most}'} below that of the next best"


# Other sentences


def _cells(cases):
    """Where some cases are, by number."""
    numbers = sorted({case.cell for case in cases})
    return f"cell{'s' * (len(numbers) > 1)} {ranges(numbers)}"


def _of_one(verdict):
    (name,), ((criterion, cases), *_) = verdict.estimators, verdict.cases.items()
    known = [case.values[name] for case in cases if name in case.values and case.measure == criterion.measure]
    text = f"There is one estimator, {name}, and nothing to compare it with"
    if known:
        ends = min(known, key=lambda own: own[0]), max(known, key=lambda own: own[0])
        texts = [_with_error(*own) for own in ends]
        text += f"; its {criterion.noun} is {texts[0] if len(known) == 1 else f'from {texts[0]} to {texts[1]}'}"
    wanting = len(cases) - len(known)
    where = f"{wanting:,} of {of_all(len(cases), cases)}" if len(cases) > 1 else f"the only {unit(cases)}"
    second = f"In {where} there is no {criterion.noun}: it does not exist, or too few fits succeeded."
    return [text + ".", second if wanting else f"Its {criterion.noun} exists in every {unit(cases)}."]


def _with_error(value, mcse):
    if mcse is not None and mcse <= 1e-13 * abs(value):
        return f"{value:.4g} exact"  # the control variate has taken all of the error but rounding
    return f"{value:.4g} ± ?" if mcse is None else with_error(value, mcse)


# How sure it is


def _how_sure(verdict, replications):
    if verdict.exact:
        return (
            "Nothing is random: every value is exact but for rounding, that of a search but for its grid, so that "
            "there is no Monte Carlo error, and equal values are ties."
        )
    fewest, most = replications
    counts = counted(most, "replication") if fewest == most else f"{fewest:,} to {most:,} replications"
    if not verdict.tests:
        return f"Every number has its Monte Carlo error, of {counts}, or the reason why it has none."
    family = f"for all {verdict.tests:,} comparisons of two estimators together, the chance of even one false claim"
    family = family if verdict.tests > 1 else "for the one comparison of two estimators, the chance of a false claim"
    worst = any(len(own.cases) > 1 for own in verdict.choices)
    also = f"; what is said of worst cases is a second family of claims, with {percent(LEVEL)} of its own" * worst
    return (
        f"“Beyond the error” means that, {family} is at most {percent(LEVEL)} (Holm's bound; {counts} of each "
        f"condition){also}."
    )
