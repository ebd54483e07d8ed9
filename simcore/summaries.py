"""From merged sums to the long table: every measure with its MCSE, or the reason why there is none."""

import functools
import itertools
import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from simcore import design, joint, recipes, robustness
from simcore.choices import labelled
from simcore.errors import UsageError
from simcore.intervals import Z, difference_error
from simcore.outcomes import CellOutcomes
from simcore.rarity import ENOUGH, swept_away
from simcore.registry import plugins, unknown
from simcore.statuses import FROM_GOOD_TO_BAD, INSUFFICIENT, NO_MCSE, OK, ROUGH, UNDEFINED, worse
from simcore.tails import hill

FEWEST = 10  # good replications for an MCSE: the kurtosis of two is 1 whatever they are
_ALL_BUT_ROUNDING = 1e20  # a larger gain is none: the control variate has taken all of the error
LOOSE_ROWS = 1 << 14  # rows that are not yet in columns, at most: they take twice the memory
_LEFT_OUT = "it is left out"
_PLAIN = ("plain_value", "plain_mcse")
EXACT = 1e-13  # of a value or its unit: a smaller error is rounding, where a control variate has taken all else
ROUNDING = 1e-15  # of a true value: estimates, and true values, that are far from 0 are rounded so
_EQUAL = (1.0, 0.0, 1.0, 1.0)  # what measures say that compare two that were the same in every sample
UNITS = {"bias": 1, "empirical_se": 1, "rmse": 1, "variance": 2, "mse": 2}  # powers of the data's unit, if any


def summarise(study, parts, plain=False):
    """The long table: one row per cell x estimator x parameter x measure, in the order of the scenario.

    parts: (cell, total, errors) of each cell: its `sums.Node`, and the sorted errors of each estimator where all
    estimates were kept, else None; of an exact problem there are none. plain: with columns plain_value and plain_mcse,
    without the control variate.
    """
    if plugins("problems")[study.problem].exact:
        rows = robustness.rows(study, functools.partial(_cell_columns, study))
    else:
        rows = (row for cell, total, errors in parts for row in cell_rows(study, cell, total, errors))
    names = (*_columns(study), *_PLAIN) if plain else _columns(study)
    batches = [_typed(pd.DataFrame(batch, columns=names), study) for batch in _batched(rows, LOOSE_ROWS)]
    return _in_one(batches or [_typed(pd.DataFrame(columns=names), study)])


def measures_named(name, study):
    """Labels of the measures of a study by a name: quantile stands for quantile(p=0.05) and its like. Raises
    UsageError."""
    labels = [choice.label for choice in study.measures]
    if found := labelled(name, labels):
        return found
    plugin = plugins("measures").get(str(name).partition("(")[0])
    if plugin and plugin.name != name and plugin.parameters and any(own.name == plugin.name for own in study.measures):
        own = ", ".join(label for label in labels if label.startswith(f"{plugin.name}("))
        given = ", ".join(f"{p.name} = [...]" for p in plugin.parameters)
        raise UsageError(
            f"measure: is not in this study, which has {own} (got {name!r}); add [[measures]] with "
            f'measure = "{plugin.name}" and {given} to the scenario, which takes the place of those, and run it again: '
            "nothing is simulated anew"
        )
    raise UsageError(f"measure: is unknown here (got {name!r}), {unknown(name, labels)}")


def _batched(rows, size):
    """Lists of so many rows; the last is shorter."""
    rows = iter(rows)
    while batch := list(itertools.islice(rows, size)):
        yield batch


def _in_one(batches):
    """One table of typed tables, which it takes apart column by column."""
    if len(batches) == 1:
        return batches[0]
    names = [*batches[0]]
    columns = {name: pd.concat([batch.pop(name) for batch in batches], ignore_index=True) for name in names}
    return pd.DataFrame(columns, copy=False)


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
    """(value, mcse, low, high) of a measure (a `choices.Choice`); a root takes its MCSE by the delta method."""
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


def same(one, other, shared, truth, scale):
    """Whether two `outcomes.Outcome`s were the same in every sample, but for rounding: so are their means, sizes and
    squares, and no more is left of e - f, or so little that rounding hides it. shared: their `pairs.Pair` of plain
    errors; scale: of the data's errors."""
    a, b = one.plain, other.plain
    if not a.exact or not b.exact or not one.good == other.good == shared.count >= FEWEST:
        return False
    size = np.min([scale, math.sqrt(a.central[2]), math.sqrt(b.central[2])])  # NaN where rounding has left no spread
    rounding = EXACT * size + ROUNDING * abs(truth or 0.0)
    apart = (a.mean - b.mean, one.mean_size - other.mean_size, (a.raw[2] - b.raw[2]) / (math.sqrt(a.raw[2]) or 1.0))
    left = difference_error(a.central[2], b.central[2], shared.product - a.mean * b.mean)
    return all(abs(x) <= rounding for x in apart) and not shared.error("values", left, 1.0)[0] > rounding


def cell_rows(study, cell, total, errors=None, only=None, plain=False):
    """The rows of a cell as dicts, of all measures or only of those of certain names; plain: without the control
    variate."""
    outcomes = CellOutcomes(study, cell, total, errors)
    common = _cell_columns(study, cell)
    targets, quantities = design.targets(study), cell.quantities
    all_views = [outcomes.views(row) for row in range(len(targets))]
    if plain:
        all_views = [replace(views, adjusted=None, why=_LEFT_OUT, why_not_compared=_LEFT_OUT) for views in all_views]
    states, truths = moments(study, cell, all_views), design.truths(study, cell)
    equal = [_as_reference(own.plain, truth, cell.errors.scale) for own, truth in zip(all_views, truths, strict=True)]
    unknown = [truth is None and not quantities[t].drawn for (_, t), truth in zip(targets, truths, strict=True)]
    for row, ((place, parameter), views, own, truth) in enumerate(zip(targets, all_views, states, truths, strict=True)):
        choice, quantity = study.estimators[place], quantities[parameter]
        for measure in (measure for measure in study.measures if only is None or measure.name in only):
            plugin = plugins("measures")[measure.name]
            if plugin.joint or not plugin.suits(quantity):
                continue
            reference, against = outcomes.reference_of(row), plugin.of == "errors"
            state = UNDEFINED if against and unknown[row] else own[plugin.order]
            if plugin.compares:
                other = UNDEFINED if against and unknown[reference] else states[reference][plugin.order]
                state = _compared(state, other, views.plain)
            numbers = _numbers(measure, views, state, cell.errors.scale, plugin.compares and equal[row])
            yield common | {
                "parameter": quantity.name,
                "truth": truth,
                "estimator": choice.label,
                "loss": choice.loss,
                "measure": measure.label,
                **numbers,
                "precision": _precision(study.precision, measure, numbers),
                "n_ok": views.plain.good,
                "n_failed": views.plain.failed,
            }
    if only is None and len(total.joint):
        for row in _joint_rows(study, cell, total, all_views, states, equal):
            yield common | row


def factors(study):
    """A row for each cell, in order: the columns of the long table that say what its data are, a pandas.DataFrame."""
    names = list(itertools.takewhile(lambda name: name != "estimator", _columns(study)))
    rows = [_cell_columns(study, cell) for cell in design.cells(study)]
    return _typed(pd.DataFrame(rows, columns=names), study)


def _cell_columns(study, cell):
    """What all rows of a cell say."""
    return {
        "study": study.name,
        "problem": study.problem,
        "cell": cell.number,
        "errors": cell.errors.label,
        "contamination": cell.contamination.label,
        **_factor_values(study, cell),
    }


def _joint_rows(study, cell, total, all_views, states, equal):
    """The rows of measures of all coefficients together, of each estimator; parameter: "beta", or two of them."""
    count, names, p = len(cell.quantities), design.parameters(study), cell.coefficients
    explained = recipes.explained_matrix(study, cell)
    views = all_views[::count]
    plain = [joint.Covariances(sums, p) for sums in total.joint]
    adjusted = [
        joint.Covariances(sums, p, explained) if not own.why else None
        for sums, own in zip(total.joint, views, strict=True)
    ]
    worst = [functools.reduce(worse, (own[2] for own in states[place * count :][:p])) for place in range(len(plain))]
    reference = study.reference_place
    for place, choice in enumerate(study.estimators):
        for measure in (measure for measure in study.measures if plugins("measures")[measure.name].joint):
            plugin, own = plugins("measures")[measure.name], views[place]
            state = worst[place]
            if plugin.compares:
                state = _compared(state, worst[reference], own.plain)
            why = own.why_not_compared if plugin.compares else own.why
            chosen = plain if why else adjusted
            pairs = [(j, k) for j in range(p) for k in range(j)] if plugin.pairwise else [()]
            for pair in pairs:
                result = joint.jackknife(
                    functools.partial(_of_pair, plugin.joint, pair), chosen[place], chosen[reference]
                )
                if plugin.compares and all(equal[place * count :][:p]):
                    result = _EQUAL
                value, mcse, low, high, now = _honest(result, state, own.plain.good, plugin.order)
                yield {
                    "parameter": ",".join(names[j] for j in reversed(pair)) or "beta",
                    "estimator": choice.label,
                    "loss": choice.loss,
                    "measure": measure.label,
                    **{"value": value, "mcse": mcse, "status": now, "low": low, "high": high},
                    "variance_reduction": f"none: {why}" if why else "score",
                    "n_ok": own.plain.good,
                    "n_failed": own.plain.failed,
                }


def _of_pair(function, pair, v, reference):
    return function(v, reference, *pair)


def _compared(state, other, outcome):
    """The status of a number that compares an outcome, whose moment has a status, with its reference."""
    if outcome.reference is None:  # 1, whatever the moment is
        return OK if state != UNDEFINED else UNDEFINED
    state = worse(state, other)
    return worse(state, ROUGH) if outcome.failed or outcome.reference.failed else state  # not quite the same samples


def _as_reference(outcome, truth, scale):
    return outcome.reference is not None and same(outcome.reference, outcome, outcome.shared, truth, scale)


def _numbers(measure, views, state, scale, equal):
    """What the columns say of one measure; `state` is what theory says of it, scale that of the errors. equal: it
    compares two that were the same in every sample."""
    plugin = plugins("measures")[measure.name]
    good = views.plain.good + (views.plain.failed if plugin.of_all else 0)

    def found(outcome):
        result = _EQUAL if equal else measured(measure, outcome)
        return _honest(result, state, good, plugin.order)

    plain, why = found(views.plain), views.why_not_compared if plugin.compares else views.why
    adjusted = plain if why or not plugin.adjustable else found(views.adjusted)
    value, mcse, low, high, state = adjusted
    gain = None
    if plugin.adjustable and not why and mcse and plain[1]:
        gain = plain[1] / mcse * (plain[1] / mcse)  # not **: its last bit depends on the CPU
        gain = gain if gain < _ALL_BUT_ROUNDING else None
        rounding = EXACT * unit(measure.name, scale)
        if mcse <= max(EXACT * abs(value), rounding):
            value = value if abs(value) > rounding else 0.0
            mcse, low, high = 0.0, value, value
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


def unit(measure, scale):
    """The size of errors of a scale in the unit of a measure; 0 where it has none, as an efficiency."""
    return math.prod([scale] * UNITS[measure]) if measure in UNITS else 0.0


def _honest(result, state, good, order):
    """(value, mcse, low, high, status) with nothing shown that does not exist or is not known: also not the error of a
    number made from moments, of an order above 0, that rounding hides."""
    value, mcse, low, high = result
    if value is None or state in (INSUFFICIENT, UNDEFINED):
        return None, None, None, None, state if state == INSUFFICIENT else UNDEFINED
    hidden = order and state in (OK, ROUGH) and good >= FEWEST and math.isfinite(value)
    if mcse is None or hidden and not math.isfinite(mcse):
        state = NO_MCSE
    elif not math.isfinite(value) or state in (OK, ROUGH) and not (math.isfinite(mcse) and good >= FEWEST):
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


def moments(study, cell, all_views):
    """The status of the moments 0, 1 and 2 of each target of a cell, as dicts; all_views: of each target, in order."""
    known = [_known(study, cell, choice) for choice in study.estimators]
    light = [quantity.light for quantity in cell.quantities]
    return [
        {order: OK if light[t] else _exists(cell, known[place], order, views) for order in (0, 1, 2)}
        for (place, t), views in zip(design.targets(study), all_views, strict=True)
    ]


class _Known(NamedTuple):
    """What theory knows of an estimator in a cell. bad_needed, bad_at_most: how many bad observations carry it away,
    and how many may; None where that is not known. design_index: as `recipes.design_index`."""

    bad_needed: int | None
    bad_at_most: int | None
    design_index: float


def _known(study, cell, choice):
    bad = (recipes.carried_by(study, cell, choice, at_most) for at_most in (False, True))
    return _Known(*bad, recipes.design_index(cell, choice))


def _exists(cell, known, order, views):
    """The status that theory gives a moment of the estimates; where it is silent, a warning from their tail."""
    if order == 0:
        return OK
    return worse(_of_errors(cell, known, order, views), status(order, known.design_index))


def _of_errors(cell, known, order, views):
    """What the errors leave of a moment, whatever the design."""
    bad_needed = known.bad_needed
    light = cell.tail_index is not None and math.isinf(cell.tail_index)  # then every moment exists
    stretched = plugins("distributions")[cell.errors.name].stretched(**cell.errors.values)
    if light and (bad_needed is None or stretched):
        state = _SHOWN[_seen(order, views)]
        if not stretched or cell.contamination.name != "none" and bad_needed != 1:
            state = min(state, ROUGH, key=FROM_GOOD_TO_BAD.index)  # samples that break down make a bounded tail
    elif cell.tail_index is None or bad_needed is None:
        if cell.tail_index is not None and known.bad_at_most and order >= cell.tail_index * known.bad_at_most:
            return UNDEFINED
        return min(_seen(order, views), NO_MCSE, key=FROM_GOOD_TO_BAD.index)
    else:
        state = status(order, cell.tail_index * bad_needed)
    return worse(state, ROUGH) if bad_needed is not None and _unseen(cell, bad_needed, order, views) else state


# Of a moment that exists, which the sample need not show: what its tail says
_SHOWN = {OK: OK, ROUGH: ROUGH, NO_MCSE: ROUGH, UNDEFINED: INSUFFICIENT}


def _seen(order, views):
    """What the tail of the estimates themselves says of a moment."""
    index = hill(views.plain.errors.sizes())
    return ROUGH if math.isnan(index) else status(order, index)


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


def _factor_values(study, cell):
    tail = cell.tail_index
    return {
        "n": cell.n,
        **cell.setting,
        "distribution": cell.errors.name,
        "loc": cell.errors.loc,
        "scale": cell.errors.scale,
        "tail_index": None if tail is None or math.isinf(tail) else tail,
        **{_column(study, "errors", name): value for name, value in cell.errors.values.items()},
        "kind": cell.contamination.name,
        **{_column(study, "contamination", name): value for name, value in cell.contamination.values.items()},
        **_design_values(study, cell),
    }


def _design_values(study, cell):
    if cell.design is None:
        return {}
    named = {
        _column(study, "design", name): value if isinstance(value, float | bool) else str(value)
        for name, value in cell.design.values.items()
    }
    return {"design": cell.design.label, "regressors": cell.design.name, **named}


def _column(study, factor, name):
    """A parameter of a factor, told from others of its name: errors_n from n, contamination_ratio, design_df."""
    taken = {"n", *dict(study.settings)}
    if factor != "errors":
        taken = taken.union(("loc", "scale"), *(choice.values for choice in study.errors))
    if factor == "design":
        taken = taken.union(*(choice.values for choice in study.contamination))
    return f"{factor}_{name}" if name in taken else name


def _columns(study):
    errors, bad, planned = (
        dict.fromkeys(_column(study, factor, name) for choice in getattr(study, factor) for name in choice.values)
        for factor in ("errors", "contamination", "design")
    )
    planned = ("design", "regressors", *planned) if study.design else ()
    return (
        *("study", "problem", "cell", "errors", "contamination", "n", *(name for name, _ in study.settings)),
        *("distribution", "loc", "scale", "tail_index", *errors),
        *("kind", *bad, *planned, "estimator", "loss", "parameter", "truth", "measure", "value", "mcse", "status"),
        *("n_ok", "n_failed", "low", "high", "variance_reduction", "gain", "precision"),
    )


def _typed(table, study):
    strings = {"study", "problem", "errors", "contamination", "distribution", "kind"}
    strings |= {"estimator", "loss", "parameter", "measure", "status", "variance_reduction", "precision"}
    strings |= {"design", "regressors"}
    strings |= {name for name, values in study.settings if isinstance(values[0], str)}
    others = {"cell": np.int32, "n": np.int64, "n_ok": np.int64, "n_failed": np.int64}
    for factor in ("errors", "design"):
        for name, value in (pair for choice in getattr(study, factor) for pair in choice.parameters):
            kind = {bool: "boolean", float: "Float64"}.get(type(value), "string")
            others[_column(study, factor, name)] = kind
    kinds = {name: "string" if name in strings else others.get(name, "Float64") for name in table.columns}
    return table.astype(kinds)
