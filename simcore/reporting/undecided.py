"""Sentences on where no winner can be told, and why, and on whose loss is infinite.

Use `undecided`.
"""

from collections import Counter

from simcore.reporting.verdicts import ESTIMANDS, SILENT, TIED, UNKNOWN
from simcore.wording import in_so_many, joined, named


def undecided(verdict):
    """A sentence on each kind of cases without a winner; of several criteria with which."""
    for criterion, cases in verdict.cases.items():
        by = [f"by {criterion.noun}"] if len(verdict.cases) > 1 else []
        yield from (joined([", ".join([*by, clause])]) for clause in _clauses(verdict, criterion, cases))


def _clauses(verdict, criterion, cases):
    """Clauses on the cases without a winner, and on estimators whose loss is infinite."""
    found = []
    for why, reason in _REASONS.items():
        own = [case for case in cases if case.why == why]
        if own and not (verdict.exact and why == TIED):
            found.append(f"{in_so_many(len(own), cases)} {reason}{_among(own, len(verdict.estimators), why)}")
    if instead := sum(case.measure != criterion.measure for case in cases):
        where = in_so_many(instead, cases)
        found.append(
            f"{where} the median absolute error decides, as {criterion.noun}s cannot be compared there: they are "
            "infinite, or have no Monte Carlo error"
        )
    if infinite := Counter(name for case in cases for name in case.infinite):
        found.append(
            f"a {criterion.noun} that is infinite is larger than any other: that of {named(infinite, len(cases) > 1)}"
        )
    return found


_REASONS = {
    TIED: "no winner can be told, as the best are within the error of each other",
    UNKNOWN: "no winner can be told, as what they would be compared by does not exist or has no Monte Carlo error",
    ESTIMANDS: "no winner is named, as errors are not symmetric and estimators estimate different values (estimand = "
    '"mean" or "median" in the scenario measures all against one)',
    SILENT: "no winner can be told, as there are too few good replications",
}


def _among(own, count, why):
    """The estimators that are among the best in cases without a winner; where there are but two that is clear."""
    names = Counter(name for case in own for name in case.best)
    if count < 3 or why not in (TIED, UNKNOWN):
        return ""
    return f" ({named(names, len(own) > 1)})"
