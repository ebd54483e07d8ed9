"""From merged sums to the long table: every measure with its MCSE, or the reason why there is none."""

import math

import numpy as np
import pandas as pd

from simcore import design
from simcore.registry import plugins
from simcore.sums import moments

OK, ROUGH, NO_MCSE, UNDEFINED, INSUFFICIENT = "ok", "mcse_rough", "mcse_undefined", "undefined", "insufficient"
FEWEST = 10  # good replications for an MCSE: the kurtosis of two is 1 whatever they are


def summarise(study, merged):
    """The long table: one row per cell x estimator x parameter x measure, in the order of the scenario.

    merged: cell number -> sums of its estimators, as `store.RunFolder.read_sums` gives them.
    """
    rows = [
        row
        for cell in design.cells(study)
        if cell.number in merged
        for row in _cell_rows(study, cell, merged[cell.number])
    ]
    return _typed(pd.DataFrame(rows, columns=[*_columns(study)]), study)


def status(order, bad_needed, tail_index):
    """Whether the moment behind a measure exists, and its MCSE, when the estimate has moments below tail * bad_needed.

    order: of the moment, 1 for bias and 2 for variance; its MCSE needs twice as many, a good MCSE four times.
    """
    exist_below = tail_index * bad_needed
    if order >= exist_below:
        return UNDEFINED
    if 2 * order >= exist_below:
        return NO_MCSE
    return ROUGH if 4 * order >= exist_below else OK


def measure(name, values):
    """(value, mcse) of a measure from `sums.Moments`; a root measure takes its MCSE by the delta method."""
    plugin = plugins("measures")[name]
    if plugin.root_of is None:
        return plugin.value(values)
    square, mcse = measure(plugin.root_of, values)
    root = math.sqrt(square) if square >= 0 else math.nan
    return root, mcse / (2 * root) if root > 0 else 0.0 * mcse


def _cell_rows(study, cell, sums_of_cell):
    problem = plugins("problems")[study.problem]
    factors = _factor_values(study, cell)
    for choice, row in zip(study.estimators, sums_of_cell, strict=True):
        values = moments(row)
        bad_needed = problem.carried_by(choice, cell.n)
        for name, plugin in plugins("measures").items():
            state = status(plugin.order, bad_needed, cell.tail_index)
            value, mcse = measure(name, values)
            if values.good < FEWEST:
                mcse = math.nan
            if not math.isfinite(value) and state != UNDEFINED or not math.isfinite(mcse) and state in (OK, ROUGH):
                state = INSUFFICIENT
            yield {
                "study": study.name,
                "problem": study.problem,
                "cell": cell.number,
                "errors": cell.errors.label,
                "contamination": cell.contamination.label,
                **factors,
                "estimator": choice.label,
                "loss": choice.loss,
                "parameter": "theta",
                "truth": cell.truth,
                "measure": name,
                "value": value if state != UNDEFINED and math.isfinite(value) else None,
                "mcse": mcse if state in (OK, ROUGH) else None,
                "status": state,
                "n_ok": values.good,
                "n_failed": values.failed,
            }


def _factor_values(study, cell):
    tail = cell.tail_index
    return {
        "n": cell.n,
        "distribution": cell.errors.name,
        "loc": cell.errors.loc,
        "scale": cell.errors.scale,
        "tail_index": None if math.isinf(tail) else tail,
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
        *("n_ok", "n_failed"),
    )


def _typed(table, study):
    strings = {"study", "problem", "errors", "contamination", "distribution", "kind"}
    strings |= {"estimator", "loss", "parameter", "measure", "status"}
    integers = {"cell": np.int32, "n": np.int64, "n_ok": np.int64, "n_failed": np.int64}
    kinds = {name: "string" if name in strings else integers.get(name, "Float64") for name in table.columns}
    return table.astype(kinds)
