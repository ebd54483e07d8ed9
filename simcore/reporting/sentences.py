"""A verdict in three sentences: who is best where and by how much, where that cannot be told, how sure all of it is.

Use `told` and `notes`. Nothing is decided here.
"""

from collections import Counter

from simcore.reporting.contests import LEVEL
from simcore.reporting.verdicts import ESTIMANDS, SILENT, TIED, UNKNOWN, ratios
from simcore.tables import with_error
from simcore.wording import counted, few, joined, listed, named, of_all, percent, span, unit

_MOST_LEVELS = 6  # that tell where a winner wins


def told(verdict, replications):
    """Three sentences. replications: the fewest and the most of a cell."""
    last = _how_sure(verdict, replications)
    if not verdict.cases:
        return [
            "No measure in the table of this study says which estimator is better than another.",
            "What they do stands in the figures and in the table.",
            last,
        ]
    if len(verdict.estimators) == 1 and not verdict.exact:
        return [*_of_one(verdict), last]
    (first, cases), *others = verdict.cases.items()
    opening, rest = _winners(verdict, first, cases), _undecided(verdict, cases)
    if others:
        second, more = others[0]
        rest_of_second = _undecided(verdict, more)
        return [joined([opening, *rest]), joined([_winners(verdict, second, more), *rest_of_second]), last]
    nothing_left = f"Every {unit(cases)} has a winner, and every moment and error that this takes exists"
    return [joined([opening]), joined(rest or [nothing_left]), last]


def notes(verdict, summary):
    """What else must be known to read the verdict aright: any number of sentences."""
    cases = [case for own in verdict.cases.values() for case in own]
    found = [] if verdict.exact else [*_over_all(verdict)]
    if rough := sum(case.rough for case in cases):
        found.append(f"{counted(rough, 'of these wins rests', 'of these wins rest')} on an error that is itself rough.")
    if not verdict.exact and summary["n_failed"].any():
        shares = summary["n_failed"] / (summary["n_failed"] + summary["n_ok"])
        worst = summary.loc[shares.idxmax()]
        found.append(
            f"Fits failed, at most {percent(shares.max())} of the replications of a cell ({worst['estimator']}, cell "
            f"{worst['cell']}): two estimators are compared where both gave an estimate."
        )
    for name, count in Counter(name for case in cases for name in case.silent).items():
        found.append(f"{name} gave too few estimates to be judged in {counted(count, unit(cases))}.")
    if verdict.unpaired:
        found.append(
            "Of so many estimators only those with the reference were compared in pairs; between others both errors "
            "are added up, so that small differences between them are not seen."
        )
    if "precision" in summary and (missed := int((summary["precision"] == "not_met").sum())):
        found.append(f"{counted(missed, 'number is', 'numbers are')} less precise than the scenario asks for.")
    return found


# Who is best


def _winners(verdict, criterion, cases):
    """The clause on who is best by a criterion."""
    if verdict.exact:
        return _exact_winners(criterion, cases)
    wins = _by(cases, lambda case: None if case.stood_in else case.winner)
    total = of_all(len(cases), cases)
    where = f"in the only {unit(cases)}" if len(cases) == 1 else f"in all {total}"
    if not wins:
        no_one = "no estimator can" if len(cases) == 1 else "can one estimator"
        where = where if len(cases) == 1 else f"in none of {total}"
        return f"{where} {no_one} be told to have {criterion.best}"
    some = few(wins)
    (first, own), *rest = some.items()
    where = where if len(own) == len(cases) else f"in {len(own):,} of {total}"
    text = f"{where} {first} has {criterion.best}, beyond the error{_by_how_much(criterion, own)}{_where(own, cases)}"
    for name, others in rest:
        text += f"; in {len(others):,} it is {name}{_by_how_much(criterion, others)}{_where(others, cases)}"
    if left := [len(own) for name, own in wins.items() if name not in some]:
        text += f"; in {sum(left):,} it is one of {len(left)} others"
    return text


def _exact_winners(criterion, cases):
    text, total = "", of_all(len(cases), cases)
    wins = _by(cases, lambda case: case.best or None)
    for names, own in few(wins).items():
        values = span([case.values[names[0]][0] for case in own])
        who = listed(names) + ("" if len(names) == 1 else ", all equal,")
        if text:
            text += f"; in {len(own):,} {'it is' if len(names) == 1 else 'these are'} {who.rstrip(',')}: {values}"
        else:
            where = "everywhere" if len(own) == len(cases) else f"in {len(own):,} of {total}"
            text = f"{where} {who} {'has' if len(names) == 1 else 'have'} {criterion.best}: {values}"
        text += _where(own, cases)
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
    least, most = percent(min(shares)), percent(max(shares))
    return f": {least if least == most else f'{least} to {most}'} below that of the next best"


def _where(own, cases):
    """The levels of the factors that set some cases apart from all others, in brackets; nothing where none do."""
    mine, every = _levels(own), _levels(cases)
    inside = [case for case in cases if all(_place(case).get(name) in mine[name] for name in mine)]
    telling = {name: values for name, values in mine.items() if len(values) < len(every[name])}
    if len(inside) != len(own) or not telling or sum(map(len, telling.values())) > _MOST_LEVELS:
        return ""
    return f" ({'; '.join(_level(*item) for item in telling.items())})"


def _place(case):
    return {**case.place, "parameter": case.parameter}


def _levels(cases):
    """Factor -> its levels in some cases, in their order."""
    names = dict.fromkeys(name for case in cases for name in _place(case))
    return {name: list(dict.fromkeys(_place(case).get(name) for case in cases)) for name in names}


def _level(name, values):
    texts = listed([value if isinstance(value, str) else f"{value:g}" for value in values if value is not None], "or")
    return f"{name} {texts}" if name in ("errors", "contamination", "design") else f"{name} = {texts}"


def _over_all(verdict):
    """How each estimator does at worst, where no single one wins everywhere."""
    for criterion, cases in verdict.cases.items():
        found = ratios(cases) if criterion.loss and len(cases) > 1 and len({case.best for case in cases}) > 1 else {}
        parts = [
            f"{name} at most {with_error(ratio, mcse)} times (cell {cell})"
            for name, (ratio, mcse, cell) in few(found).items()
        ]
        if left := len(found) - len(parts):
            parts.append(f"{left} others more")
        if parts:
            yield f"Over all {unit(cases, 2)}, in multiples of {criterion.best} of each: {listed(parts)}."


# Where it cannot be told


def _undecided(verdict, cases):
    """Clauses on the cases without a winner, and on estimators whose moments do not exist."""
    found = []
    for why, reason in _REASONS.items():
        own = [case for case in cases if case.why == why]
        if own and not (verdict.exact and why == TIED):
            found.append(f"{_so_many(own, cases)} {reason}{_among(own, cases, len(verdict.estimators), why)}")
    if missing := Counter(name for case in cases for name in case.robust):
        stand = "where a loss or its Monte Carlo error does not exist, the median absolute error stands in"
        best = Counter(case.winner for case in cases if case.stood_in)
        found.append(
            f"{stand} ({named(missing)})" + (f", and judged with it the best is {named(best)}" if best else "")
        )
    return found


_REASONS = {
    TIED: "no winner can be told, as the best are within the error of each other",
    UNKNOWN: "no winner can be told, as what they would be compared by has no Monte Carlo error",
    ESTIMANDS: "no winner is named, as errors are not symmetric and estimators estimate different values (estimand = "
    '"mean" or "median" in the scenario measures all against one)',
    SILENT: "no winner can be told, as there are too few good replications",
}


def _so_many(own, cases):
    if len(cases) == 1:
        return f"in the only {unit(cases)}"
    return (
        f"in all {of_all(len(cases), cases)}"
        if len(own) == len(cases)
        else f"in {len(own):,} of {of_all(len(cases), cases)}"
    )


def _among(own, cases, count, why):
    """The estimators that are among the best in cases without a winner; where there are but two that is clear."""
    names = Counter(name for case in own for name in case.best)
    if count < 3 or why not in (TIED, UNKNOWN):
        return ""
    return f" ({named(names, len(own) > 1)})"


def _of_one(verdict):
    (name,), ((criterion, cases), *_) = verdict.estimators, verdict.cases.items()
    known = [case.values[name] for case in cases if name in case.values and case.measure == criterion.measure]
    text = f"There is one estimator, {name}, and nothing to compare it with"
    if known:
        ends = min(known, key=lambda own: own[0]), max(known, key=lambda own: own[0])
        texts = [_with_error(*own) for own in ends]
        text += f"; its {criterion.noun} is {texts[0] if len(known) == 1 else f'from {texts[0]} to {texts[1]}'}"
    wanting = len(cases) - len(known)
    second = f"In {wanting:,} of {of_all(len(cases), cases)} its {criterion.noun} does not exist."
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
    counts = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    if not verdict.tests:
        return f"Every number has its Monte Carlo error, of {counts} replications, or the reason why it has none."
    family = f"for all {verdict.tests:,} comparisons of two estimators together, the chance of even one false claim"
    family = family if verdict.tests > 1 else "for the one comparison of two estimators, the chance of a false claim"
    alone = f"; {verdict.alone:,} more would seem so by an interval of their own" if verdict.alone else ""
    return (
        f"“Beyond the error” means that, {family} is at most {percent(LEVEL)} (Holm's bound; {counts} replications of "
        f"each cell){alone}."
    )
