"""From the sums of a cell to what the measures read: moments, order statistics, counts, bound and reference.

With the efficient-score control variate (Johnstone & Velleman 1985) an estimator has two sets of moments. An estimator
T that moves along with the data has Cov(T, S) = 1 with the score S of the whole sample, whose variance is the
information I. So T - S / I has the mean of T, and Var(T) = 1 / I + Var(T - S / I): what is known needs no simulation.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from simcore import codes, design, recipes
from simcore.histograms import Ranked, Sorted
from simcore.moments import Moments, means, moments
from simcore.pairs import Pair
from simcore.registry import moves_along
from simcore.sums import ERRORS, PAIRS


@dataclass(frozen=True)
class Outcome:
    """What became of one target, a parameter of an estimator, in one cell: all that a measure may read.

    good, failed: replications with and without an estimate. codes: how many of each of `codes.NAMES`. plain: moments of
    the errors e = T - truth; mean_size: mean of |e|, exact_size: as a fraction; errors: e in order
    (`histograms.Ranked` or `Sorted`).
    moments: plain, or those of e less its control variate, which explains the variance `explained`.
    bound: of Cramér and Rao for the variance, None where there is none. reference: the Outcome of the same parameter of
    the reference estimator, None if it is this one; shared: the `pairs.Pair` of its errors and these.
    """

    good: int
    failed: int
    codes: dict
    iterations: float
    iterations_squared: float
    most_iterations: float
    plain: Moments
    mean_size: float
    exact_size: Fraction | None
    errors: object
    moments: Moments
    explained: float
    bound: float | None
    reference: "Outcome | None" = None
    shared: Pair | None = None


@dataclass(frozen=True)
class Views:
    """A target without and with the control variate; `adjusted` is None where it cannot stand in.

    why, why_not_compared: the reason for that, for measures of the estimator alone and for those that compare it.
    """

    plain: Outcome
    adjusted: Outcome | None
    why: str | None
    why_not_compared: str | None


class CellOutcomes:
    """The targets of one cell. total: the `sums.Node` of it; errors: each target's, sorted, if they were kept."""

    def __init__(self, study, cell, total, errors=None):
        self._total, self._parameters = total, len(cell.quantities)
        self._first_reference = study.reference_place * self._parameters
        self._places = {pair: row for row, pair in enumerate(design.target_pairs(study))}
        control, bounds = recipes.control(study, cell), recipes.explained(study, cell)
        self._plain = [
            self._alone(row, bounds[parameter], errors) for row, (_, parameter) in enumerate(design.targets(study))
        ]
        movers = [moves_along(study.estimators[place]) for place, _ in design.targets(study)]
        self._why = [_why_plain(control, *own) for own in zip(movers, self._plain, strict=True)]
        self._adjusted = [
            None if why else replace(own, moments=self._moments(row, own.good, "u"), explained=own.bound)
            for row, (why, own) in enumerate(zip(self._why, self._plain, strict=True))
        ]

    def views(self, row):
        """Both views of a target, each with its reference."""
        adjusted, why, why_other = self._adjusted[row], self._why[row], self._why[self.reference_of(row)]
        why_not_compared = why or (f"reference: {why_other}" if why_other else None)
        if not why_not_compared:
            adjusted = self._compared(row, self._adjusted, adjusted=True)
        return Views(self._compared(row, self._plain, adjusted=False), adjusted, why, why_not_compared)

    def reference_of(self, row):
        """The row of the same parameter of the reference estimator."""
        return self._first_reference + row % self._parameters

    def pair(self, row, other):
        """The sums of two targets as a dict of PAIRS, e the errors of the first, or None if they were not paired."""
        turned = (row, other) not in self._places
        place = self._places.get((other, row) if turned else (row, other))
        if place is None:
            return None
        sums = dict(zip(PAIRS.columns, self._total.pairs[place].tolist(), strict=True))
        if not turned:
            return sums
        exchanged = {"smaller": "larger", "larger": "smaller"}
        for first, second in (("e21", "e12"), ("u21", "u12")):
            for part in ("_high", "_low"):
                exchanged |= {first + part: second + part, second + part: first + part}
        return {exchanged.get(name, name): value for name, value in sums.items()}

    def shared(self, row, other, adjusted=False):
        """The `pairs.Pair` of two targets that were paired."""
        outcomes = self._adjusted if adjusted else self._plain
        a, b = outcomes[row], outcomes[other]
        sizes = a.exact_size, b.exact_size
        return Pair(a.moments, b.moments, sizes, self.pair(row, other), "u" if adjusted else "e")

    def _alone(self, row, bound, errors):
        sums = dict(zip(ERRORS.columns, self._total.errors[row].tolist(), strict=True))
        counts = [int(sums[name]) for name in codes.NAMES]
        good = sum(counts[: codes.FIRST_FAILURE])
        plain = self._moments(row, good, "e")
        return Outcome(
            good=good,
            failed=sum(counts) - good,
            codes=dict(zip(codes.NAMES, counts, strict=True)),
            iterations=sums["iterations"],
            iterations_squared=sums["iterations_squared"],
            most_iterations=sums["most_iterations"],
            plain=plain,
            mean_size=(sums["a1_high"] + sums["a1_low"]) / good if good else math.nan,
            exact_size=means(good, [sums["a1_high"], sums["a1_low"]])[0] if plain.exact else None,
            errors=Ranked(*self._total.bins[row]) if errors is None else Sorted(errors[row]),
            moments=plain,
            explained=0.0,
            bound=bound,
        )

    def _moments(self, row, good, letter):
        """Of the errors e, or of u, those less the control variate."""
        sums, at = self._total.errors[row], ERRORS.columns.index(f"{letter}1_high")
        high, low = (sums[ERRORS.columns.index(f"{letter}_{end}")] for end in ("high", "low"))
        return moments(good, sums[at : at + 12], -float(low), float(high))

    def _compared(self, row, outcomes, adjusted):
        reference = self.reference_of(row)
        own, other = outcomes[row], outcomes[reference]
        if row == reference:
            return own
        return replace(own, reference=other, shared=self.shared(reference, row, adjusted))


def _why_plain(control, equivariant, outcome):
    """Why the control variate does not stand in for a target, or None."""
    if isinstance(control, str):
        return control
    if not equivariant:
        return "the estimator does not move along with the data"
    if outcome.bound is None:
        return "columns of the design depend on each other"
    if outcome.failed:
        return "some fits failed"
    return None if outcome.plain.exact else "there are no finite moments"
