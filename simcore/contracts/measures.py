"""The contract of a measure: a number with an MCSE that is what the number varies by from study to study."""

import numpy as np

from simcore import design, execute, sums
from simcore.contracts.faults import Fault, cases, over
from simcore.contracts.studies import entry, study
from simcore.summaries import cell_rows

_STUDIES, _REPLICATIONS = 100, 1024
_SPREAD = 0.7, 1.45  # of an MCSE over what 100 studies vary by, 4.5 standard errors of that


def faults(measure):
    """The `Fault`s of a `registry.Measure`, in studies of two estimators under normal errors."""
    if measure.exact or measure.joint or measure.of == "values" or measure.problem not in (None, "location", "linear"):
        return
    yield from over(cases(measure), lambda values: at(measure, values))


def at(measure, values):
    """Its faults at some values of its parameters."""
    asked = {"measures": [entry(measure, values)]} if values else {}
    estimators = [{"loss": "l2"}, {"loss": "huber"}]
    chosen = study(measure.problem or "location", n=20, estimators=estimators, **asked)
    yield from _of_rows(measure, [_row(chosen.with_changes(_REPLICATIONS, k), measure.name) for k in range(_STUDIES)])


def _row(chosen, name):
    """The row of the second estimator and the first parameter."""
    (cell,) = design.cells(chosen)
    result = execute.run_block(chosen, cell, design.Block(0, cell.key, 0, _REPLICATIONS), keep=True)
    total = sums.total(result.nodes, design.chunk_size(cell.size))
    errors = [
        np.sort(own - truth) for own, truth in zip(result.estimates, design.measured_against(chosen, cell), strict=True)
    ]
    rows = cell_rows(chosen, cell, total, errors, only=(name,))
    return next(row for row in rows if row["estimator"] == chosen.estimators[1].label)


def _of_rows(measure, rows):
    values, errors = (np.array([row[name] for row in rows], dtype=float) for name in ("value", "mcse"))
    if np.all(np.isnan(values)):
        yield Fault(f"gives no value for {_REPLICATIONS} replications of normal errors")
        return
    varies = float(np.nanstd(values, ddof=1))
    if np.all(np.isnan(errors)):
        yield Fault("gives no MCSE: no value without its error", broken=False)
    elif varies > 0.0 and np.nanmean(errors) > 0.0:
        least, most = _SPREAD
        if not least < np.nanmean(errors) / varies < most:
            yield Fault(
                f"its MCSE is {np.nanmean(errors):.3g} on average, and from study to study it varies by {varies:.3g}"
            )
