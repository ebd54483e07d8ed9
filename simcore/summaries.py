"""From merged sums to the long table: every measure with its MCSE, or the reason why there is none."""

import math

import numpy as np
import pandas as pd

from simcore.intervals import Z
from simcore.outcomes import CellOutcomes
from simcore.rarity import ENOUGH, swept_away
from simcore.registry import plugins
from simcore.tails import hill

OK, ROUGH, NO_MCSE, UNDEFINED, INSUFFICIENT = "ok", "mcse_rough", "mcse_undefined", "undefined", "insufficient"
_FROM_GOOD_TO_BAD = (OK, ROUGH, NO_MCSE, UNDEFINED)
FEWEST = 10  # good replications for an MCSE: the kurtosis of two is 1 whatever they are
_ALL_BUT_ROUNDING = 1e20  # a larger gain is none: the control variate has taken all of the error
_PLAIN = ("plain_value", "plain_mcse")


def summarise(study, parts, plain=False):
    """The long table: one row per cell x estimator x parameter x measure, in the order of the scenario.

    parts: (cell, total, errors) of each cell: its `sums.Node`, and the sorted errors of each estimator where all
    estimates were kept, else None. plain: with columns plain_value and plain_mcse, without the control variate.
    """
    rows = [row for cell, total, errors in parts for row in cell_rows(study, cell, total, errors)]
    table = _typed(pd.DataFrame(rows, columns=[*_columns(study), *_PLAIN]), study)
    return table if plain else table.drop(columns=[*_PLAIN])


def status(order, exist_below):
    """Whether the moment behind a measure exists, and its MCSE, when the estimate has moments below `exist_below`.

    order: of the moment, 1 for bias and 2 for variance; its MCSE needs twice as many, a good MCSE four times.
    """
    if order == 0:
        return OK
    if order >= exist_below:
        return UNDEFINED
    if 2 * order >= exist_below:
        return NO_MCSE
    return ROUGH if 4 * order >= exist_below else OK


def measured(choice, outcome):
    """(value, mcse, low, high) of a measure (a `scenario.Choice`); a root takes its MCSE by the delta method."""
    plugin = plugins("measures")[choice.name]
    if plugin.root_of is None:
        result = plugin.value(outcome, **choice.values)
    else:
        square, mcse, *ends = plugins("measures")[plugin.root_of].value(outcome)
        root = math.sqrt(square) if square >= 0 else math.nan
        result = root, mcse / (2 * root) if root > 0 else 0.0 * mcse, *map(math.sqrt, ends)
    value, mcse, *interval = result
    if not interval:
        interval = (None, None) if value is None or mcse is None else (value - Z * mcse, value + Z * mcse)
    return value, mcse, *interval


def cell_rows(study, cell, total, errors=None, only=None):
    """The rows of a cell as dicts, of all measures or only of those of certain names."""
    outcomes = CellOutcomes(study, cell, total, errors)
    common = {
        "study": study.name,
        "problem": study.problem,
        "cell": cell.number,
        "errors": cell.errors.label,
        "contamination": cell.contamination.label,
        **_factor_values(study, cell),
        "parameter": "theta",
        "truth": cell.truth,
    }
    all_views = [outcomes.views(row) for row in range(len(study.estimators))]
    reference = study.reference_place
    states = [
        {order: exists(study, cell, choice, order, views) for order in (0, 1, 2)}
        for choice, views in zip(study.estimators, all_views, strict=True)
    ]
    for choice, views, own in zip(study.estimators, all_views, states, strict=True):
        for measure in (measure for measure in study.measures if only is None or measure.name in only):
            plugin = plugins("measures")[measure.name]
            compared = states[reference] if plugin.compares else own
            numbers = _numbers(measure, views, worse(own[plugin.order], compared[plugin.order]))
            yield common | {
                "estimator": choice.label,
                "loss": choice.loss,
                "measure": measure.label,
                **numbers,
                "precision": _precision(study.precision, measure, numbers),
                "n_ok": views.plain.good,
                "n_failed": views.plain.failed,
            }


def _numbers(measure, views, state):
    """What the columns say of one measure; `state` is what theory says of it."""
    plugin = plugins("measures")[measure.name]
    plain = _honest(measured(measure, views.plain), state, views.plain)
    why = views.why_not_compared if plugin.compares else views.why
    adjusted = plain if why or not plugin.adjustable else _honest(measured(measure, views.adjusted), state, views.plain)
    value, mcse, low, high, state = adjusted
    gain = None
    if plugin.adjustable and not why and mcse and plain[1]:
        gain = plain[1] / mcse * (plain[1] / mcse)  # not **: its last bit depends on the CPU
        gain = gain if gain < _ALL_BUT_ROUNDING else None
    return {
        "value": value,
        "mcse": mcse,
        "status": state,
        "low": low,
        "high": high,
        "variance_reduction": (f"none: {why}" if why else "score") if plugin.adjustable else None,
        "gain": gain,
        "plain_value": plain[0],
        "plain_mcse": plain[1],
    }


def _honest(result, state, outcome):
    """(value, mcse, low, high, status) with nothing shown that does not exist or is not known."""
    value, mcse, low, high = result
    if value is None or state == UNDEFINED:
        return None, None, None, None, UNDEFINED
    if mcse is None:
        state = NO_MCSE
    elif not math.isfinite(value) or state in (OK, ROUGH) and not (math.isfinite(mcse) and outcome.good >= FEWEST):
        state = INSUFFICIENT
    if state not in (OK, ROUGH):
        mcse = low = high = None
    low, high = (end if end is not None and math.isfinite(end) else None for end in (low, high))
    return value if math.isfinite(value) else None, mcse, low, high, state


def _precision(rule, measure, numbers):
    """Whether a row meets the precision that the study asks for, where it speaks of it."""
    if rule is None or measure.name != rule.measure or numbers["status"] not in (OK, ROUGH):
        return None
    return "met" if numbers["mcse"] <= rule.relative_mcse * numbers["value"] else "not_met"


def exists(study, cell, choice, order, views):
    """The status that theory gives a moment of the estimates; where it is silent, a warning from their tail."""
    bad_needed = plugins("problems")[study.problem].carried_by(choice, cell.n)
    if order == 0:
        return OK
    if cell.tail_index is None or bad_needed is None:
        warning = status(order, hill(views.plain.errors.sizes()))
        return min(warning, NO_MCSE, key=_FROM_GOOD_TO_BAD.index)
    state = status(order, cell.tail_index * bad_needed)
    return worse(state, ROUGH) if _unseen(cell, bad_needed, order, views) else state


def _unseen(cell, bad_needed, order, views):
    """Whether samples that are swept away are too rare to be seen, and matter: see `rarity`.

    They matter from a quarter of the standard error on that the moment of a normal estimate would have.
    """
    count, variance = views.plain.good, views.plain.plain.central[2]
    if not count:
        return False
    normal_error = math.sqrt(variance / count) if order == 1 else variance * math.sqrt(2.0 / count)
    return any(
        probability * count < ENOUGH and probability * math.prod([distance] * order) > 0.25 * normal_error
        for probability, distance in swept_away(cell, bad_needed)
    )


def worse(one, other):
    """The status of a number that needs the moments of two estimators."""
    return max(one, other, key=_FROM_GOOD_TO_BAD.index)


def _factor_values(study, cell):
    tail = cell.tail_index
    return {
        "n": cell.n,
        "distribution": cell.errors.name,
        "loc": cell.errors.loc,
        "scale": cell.errors.scale,
        "tail_index": None if tail is None or math.isinf(tail) else tail,
        **cell.errors.values,
        "kind": cell.contamination.name,
        **{_contamination_column(study, name): value for name, value in cell.contamination.values.items()},
    }


def _contamination_column(study, name):
    """A parameter of a contamination, told from one of the same name of the study's errors: contamination_ratio."""
    taken = {"loc", "scale"}.union(*(choice.values for choice in study.errors))
    return f"contamination_{name}" if name in taken else name


def _columns(study):
    errors = dict.fromkeys(name for choice in study.errors for name in choice.values)
    bad = dict.fromkeys(_contamination_column(study, name) for choice in study.contamination for name in choice.values)
    return (
        *("study", "problem", "cell", "errors", "contamination", "n", "distribution", "loc", "scale", "tail_index"),
        *errors,
        *("kind", *bad, "estimator", "loss", "parameter", "truth", "measure", "value", "mcse", "status"),
        *("n_ok", "n_failed", "low", "high", "variance_reduction", "gain", "precision"),
    )


def _typed(table, study):
    strings = {"study", "problem", "errors", "contamination", "distribution", "kind"}
    strings |= {"estimator", "loss", "parameter", "measure", "status", "variance_reduction", "precision"}
    integers = {"cell": np.int32, "n": np.int64, "n_ok": np.int64, "n_failed": np.int64}
    kinds = {name: "string" if name in strings else integers.get(name, "Float64") for name in table.columns}
    return table.astype(kinds)
