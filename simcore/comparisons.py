"""Which of two estimators is better in a cell, and is it beyond the error: paired, as both saw the same samples."""

import math

import numpy as np
import pandas as pd

from simcore import design
from simcore.errors import UsageError
from simcore.intervals import Z, difference_error, share
from simcore.outcomes import CellOutcomes
from simcore.registry import plugins, unknown
from simcore.statuses import INSUFFICIENT, NO_MCSE, OK, ROUGH, UNDEFINED, worse
from simcore.summaries import FEWEST, ROUNDING, moments, same

_SAME = 1e-9  # scales of the errors: estimands are worked out to ten digits of these
# What to compare by, and the moment that each needs: losses, and of quantities without a true value their means.
ORDERS = {"mse": 2, "variance": 2, "mae": 1, "mean": 1}


def compare(study, parts, measure="mse"):
    """A row for every pair of estimators of a cell that were summed together; parts as for `summaries.summarise`.

    difference: the measure of `estimator` less that of `other`, with mcse, low and high; verdict: "smaller" or "larger"
    where the 95 % interval leaves out 0, else "within error"; of losses that are infinite in theory too, and "neither"
    where both are; "different estimands" where the two are measured against
    different values, so that none is better; null where nothing is known. closer: of the
    samples in which one was nearer to the truth (Pitman 1937), the share in which `estimator` was, closer_mcse its
    error; null where none was. Of two that were the same in every sample but for rounding the difference is 0, with the
    error 0, and neither was nearer. truth, other_truth: what the two are measured against.
    """
    if measure not in ORDERS:
        raise UsageError(f"measure: cannot be compared (got {measure!r}), {unknown(measure, ORDERS)}")
    if not any(_compared(quantity, measure) for quantity in design.cells(study)[0].quantities):
        fitting = (name for name in ORDERS if any(_compared(q, name) for q in design.cells(study)[0].quantities))
        right = " or ".join(fitting)
        raise UsageError(f"measure: there is nothing to compare by it (got {measure!r}); write {right}")
    rows = [row for cell, total, errors in parts for row in _cell_rows(study, cell, total, errors, measure)]
    types = {name: kind for name, kind in _TYPES.items() if name != "design" or study.design}
    types |= {name: "string" if isinstance(values[0], str) else "Float64" for name, values in study.settings}
    return pd.DataFrame(rows, columns=[*types]).astype(types)


def _compared(quantity, measure):
    """Whether a quantity is compared by a measure: by the mean if it has no true value, else by a loss."""
    return plugins("measures")[measure].suits(quantity) and (measure == "mean") == (quantity.of == "values")


def _cell_rows(study, cell, total, errors, measure):
    outcomes = CellOutcomes(study, cell, total, errors)
    targets, quantities = design.targets(study), cell.quantities
    views, truths = [outcomes.views(row) for row in range(len(targets))], design.truths(study, cell)
    states = [own[ORDERS[measure]] for own in moments(study, cell, views)]
    for i, (place, parameter) in enumerate(targets):
        if not _compared(quantities[parameter], measure):
            continue
        for j in range(i + len(quantities), len(targets), len(quantities)):
            sums = outcomes.pair(i, j)
            if sums is None:
                continue
            one, other, state = study.estimators[place], study.estimators[targets[j][0]], worse(states[i], states[j])
            adjusted = measure not in ("mae", "mean") and not views[i].why and not views[j].why
            own = [view.adjusted if adjusted else view.plain for view in (views[i], views[j])]
            alike = same(views[i].plain, views[j].plain, outcomes.shared(i, j), truths[i], cell.errors.scale)
            found = (0.0, 0.0, 0.0) if alike else _difference(measure, *own, outcomes.shared(i, j, adjusted))
            if views[i].plain.failed or views[j].plain.failed:
                state = worse(state, ROUGH)  # not quite the same samples
            unknown = None in (truths[i], truths[j]) and measure in ("mse", "mae") and not quantities[parameter].drawn
            state = UNDEFINED if unknown else state
            judged = _judged(*found, state, int(sums["both"]))
            if state == UNDEFINED and measure != "mean" and not unknown:
                judged["verdict"] = _INFINITE[states[i] == UNDEFINED, states[j] == UNDEFINED]
            if not same_truth(truths[i], truths[j], cell.errors.scale):
                judged["verdict"] = judged["verdict"] and "different estimands"
            smaller, larger = int(sums["smaller"]), int(sums["larger"])
            told = measure != "mean" and not unknown and not alike
            closer, closer_mcse, *_ = share(smaller, smaller + larger) if told else (None, None)
            yield {
                "cell": cell.number,
                "errors": cell.errors.label,
                "contamination": cell.contamination.label,
                "n": cell.n,
                **cell.setting,
                **({"design": cell.design.label} if cell.design else {}),
                "parameter": quantities[parameter].name,
                "estimator": one.label,
                "other": other.label,
                "truth": truths[i],
                "other_truth": truths[j],
                "measure": measure,
                **judged,
                "closer": closer,
                "closer_mcse": closer_mcse,
            }


def equal(row):
    """Whether the two estimators of a row of the table were the same in every sample, but for rounding."""
    no_difference = pd.notna(row["difference"]) and row["difference"] == 0.0 and pd.isna(row["closer"])
    return bool(no_difference and (row["measure"] != "mean" or row["mcse"] == 0.0))


def _difference(measure, a, b, shared):
    """(difference, mcse, the most that the mcse may be), all NaN where there are too few replications."""
    both = shared.count
    if both < 2:
        return math.nan, math.nan, math.nan
    of, values, variances, cov = _ingredients(measure, a, b, shared)
    unit = math.sqrt(both - 1)
    unbiased = both / (both - 1) if measure == "variance" else 1.0
    return (values[0] - values[1]) * unbiased, *shared.error(of, difference_error(*variances, cov) / unit, unit)


def _ingredients(measure, a, b, shared):
    """What `Pair.error` calls the losses, their means of both, and variances and the covariance as floats have them."""
    if measure == "mae":
        values = [own.mean_size for own in (a, b)]
        variances = [own.plain.raw[2] - own.mean_size * own.mean_size for own in (a, b)]
        return "sizes", values, variances, shared.size - values[0] * values[1]
    if measure == "mean":
        values = [own.plain.mean for own in (a, b)]
        return "values", values, [own.plain.central[2] for own in (a, b)], shared.product - values[0] * values[1]
    of, place, moments = ("squares", 1, "raw") if measure == "mse" else ("central", 0, "central")
    second, fourth = ([getattr(own.moments, moments)[k] for own in (a, b)] for k in (2, 4))
    variances = [m4 - m2 * m2 for m2, m4 in zip(second, fourth, strict=True)]
    return of, second, variances, shared.squares[place] - second[0] * second[1]


def same_truth(one, other, scale):
    """Whether two true values are the same, or neither is known; rounding is no difference. scale: of the errors."""
    if pd.isna(one) or pd.isna(other):
        return pd.isna(one) and pd.isna(other)
    return abs(one - other) <= _SAME * scale + ROUNDING * max(abs(one), abs(other))


# Which of two losses are infinite -> the verdict
_INFINITE = {(True, False): "larger", (False, True): "smaller", (True, True): "neither"}


def _judged(difference, mcse, most, state, count):
    columns = dict.fromkeys(("difference", "mcse", "low", "high", "verdict"))
    if state in (INSUFFICIENT, UNDEFINED):
        return columns | {"status": state}
    if not math.isfinite(difference) or state in (OK, ROUGH) and count < FEWEST:
        return columns | {"status": INSUFFICIENT}
    columns |= {"difference": difference, "status": state}
    if state in (OK, ROUGH) and not math.isfinite(mcse):
        within = abs(difference) <= Z * most
        return columns | {"status": NO_MCSE, "verdict": "within error" if within else None}
    if state in (OK, ROUGH):
        low, high = difference - Z * mcse, difference + Z * mcse
        verdict = "smaller" if high < 0.0 else "larger" if low > 0.0 else "within error"
        columns |= {"mcse": mcse, "low": low, "high": high, "verdict": verdict}
    return columns


_TYPES = {
    "cell": np.int32,
    **dict.fromkeys(("errors", "contamination"), "string"),
    "n": np.int64,
    **dict.fromkeys(("design", "parameter"), "string"),
    **dict.fromkeys(("estimator", "other"), "string"),
    **dict.fromkeys(("truth", "other_truth"), "Float64"),
    "measure": "string",
    **dict.fromkeys(("difference", "mcse"), "Float64"),
    "status": "string",
    **dict.fromkeys(("low", "high"), "Float64"),
    "verdict": "string",
    **dict.fromkeys(("closer", "closer_mcse"), "Float64"),
}
