"""One replication of a cell alone: its data set as the estimators saw it, and every fit to it, to the bit.

It runs the kernels on the lane group that holds the replication and on nothing else, so any one costs the same.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcore import codes, design, jit, linear_kernels, populations, recipes, results, scenario, scenario_checks
from simcore.errors import UsageError
from simcore.fitting import checked_whole
from simcore.lanes import WIDTH
from simcore.order import padded_rows

_WITHOUT_ESTIMATE = ("rank_deficient", "non_finite")  # what the kernel leaves then means nothing
_OTHER_CODE = "the run was computed by another version of simcore: its numbers may differ in bits from these"


@dataclass(frozen=True)
class ReplayedFit:
    """What an estimator made of one parameter.

    estimate: of "not_converged" the last iterate, NaN of other failures. truth: None where there is none, or where it
    is not known. error: None without a truth, NaN where the fit failed. status: one of `codes.NAMES`. iterations:
    passes over the data.
    """

    estimator: str
    parameter: str
    estimate: float
    truth: float | None
    error: float | None
    status: str
    iterations: int


@dataclass(frozen=True, eq=False)
class Replication:
    """A data set, as drawn, and all fits to it.

    data: name -> float64 array: of location x (n,), of regression X (n, p) with the column of the intercept, y (n,) and
    the errors (n,), of others see their `Simulation.data`; samples that are not finite are shown, but get no estimate.
    contaminated: name -> rows of that array that differ from the same draw without contamination. note: what else must
    be said, or nothing.
    """

    study: str
    seed: int
    cell: design.Cell
    replication: int
    data: dict[str, np.ndarray]
    contaminated: dict[str, tuple[int, ...]]
    fits: tuple[ReplayedFit, ...]
    note: str = ""

    def labels(self):
        """What the cell is, by the names of the factors."""
        own = {"errors": self.cell.errors.label, "contamination": self.cell.contamination.label}
        if self.cell.design:
            own["design"] = self.cell.design.label
        return own | {"n": self.cell.n} | self.cell.setting

    def content(self):
        """All of it as values for JSON: NaN as None, infinity as "inf" or "-inf"."""
        found = {"study": self.study, "problem": self.cell.problem, "seed": self.seed, "cell": self.cell.number}
        found |= {**self.labels(), "replication": self.replication, "note": self.note}
        found["data"] = {name: _plain(values.tolist()) for name, values in self.data.items()}
        found["spread"] = {name: _plain(spread(values)) for name, values in self.data.items()}
        found["contaminated"] = {name: list(rows) for name, rows in self.contaminated.items()}
        found["fits"] = [_plain(vars(fit)) for fit in self.fits]
        return found


def replay(study, cell, replication, seed=None):
    """The Replication of a cell by its number, as in column `cell` of the summary.

    study: a Study, a Run, or the path of a scenario or of a run directory. replication: from 0 on, whether or not the
    study has as many. seed: instead of its own. Raises UsageError.
    """
    study, note = _study_of(study)
    if recipes.problem_of(study).exact:
        raise UsageError(f"{study.name}: has no replications, for nothing is random in problem {study.problem!r}")
    study = study if seed is None else study.with_changes(seed=seed)
    cells = design.cells(study)
    cell = cells[checked_whole("cell", cell, 0, len(cells) - 1)]
    replication = checked_whole("replication", replication, 0, scenario_checks.MOST_REPLICATIONS - 1)
    group, column = divmod(replication, WIDTH)
    kernel = recipes.kernel_cell(study, cell, jit.enabled())._replace(score=0)
    with np.errstate(all="ignore"):
        data = _drawn(cell, kernel, group, column)
        if cell.contamination.name == "none":
            contaminated = {}
        else:
            before = _drawn(cell, recipes.clean(kernel, cell, jit.enabled()), group, column)
            contaminated = {name: rows for name in data if (rows := _different(data[name], before[name]))}
        fits = _fits(study, cell, _simulated(study, cell, kernel, group, column), data)
    return Replication(study.name, study.seed, cell, replication, data, contaminated, fits, note)


def _study_of(source):
    """(the Study, a note) of what stands for it."""
    if isinstance(source, scenario.Study):
        return source, ""
    if not isinstance(source, results.Run):
        if not Path(source).is_dir():
            return scenario.load(source), ""
        source = results.open_run(source)
    return source.study, "" if source.folder.origin["code"] == jit.source_digest() else _OTHER_CODE


def _drawn(cell, kernel, group, column):
    """The data set of a column, that is a lane, of a lane group."""
    draw, n = recipes.draw_sample(cell), cell.n
    if cell.simulation:
        x = np.zeros((kernel.rows, WIDTH))
        draw(kernel, group, x)
        found = cell.simulation.data(x[:, column].copy(), n, cell.setting)
    elif cell.model:
        p, at = kernel.p, linear_kernels.places(n, kernel.p)
        x, errors = np.zeros((2, linear_kernels.sample_rows(n, p), WIDTH))
        draw(kernel, group, x)
        draw(kernel._replace(beta=np.zeros(p)), group, errors)
        found = {"X": x[at.q : at.r, column].reshape(n, p), "y": x[:n, column], "errors": errors[:n, column]}
    else:
        x = np.zeros((padded_rows(n), WIDTH))
        draw(kernel, group, x)
        found = {"x": x[:n, column]}
    return {name: np.array(values) for name, values in found.items()}


def _simulated(study, cell, kernel, group, column):
    """(estimates, states) of every target, as `kernels.simulate` gives them."""
    shape = len(design.targets(study)), 1, WIDTH
    estimates, states = np.empty(shape), np.empty(shape, np.uint32)
    recipes.simulate(cell)(kernel, group, 0, 1, estimates, states, np.empty((0, WIDTH)))
    return estimates[:, 0, column].tolist(), states[:, 0, column].tolist()


def _fits(study, cell, simulated, data):
    truths = [truth for choice in study.estimators for truth in _known(study, cell, choice)]
    named = [(choice.label, quantity) for choice in study.estimators for quantity in cell.quantities]
    return tuple(_fit(*own, data) for own in zip(named, *simulated, truths, strict=True))


def _known(study, cell, choice):
    try:
        return design.truths_of(study, cell, choice)
    except populations.Unknown:
        return [None] * len(cell.quantities)


def _fit(named, value, state, truth, data):
    """One ReplayedFit; where a true value is drawn, kernels give the difference from it."""
    (estimator, quantity), status = named, codes.NAMES[state % codes.ITERATION]
    if quantity.drawn:
        truth, error = float(data[quantity.name]), value
        value = truth + error
    else:
        error = None if truth is None else value - truth
    if error is not None and codes.NAMES.index(status) >= codes.FIRST_FAILURE:
        error = math.nan
    value = math.nan if status in _WITHOUT_ESTIMATE else value
    return ReplayedFit(estimator, quantity.name, value, truth, error, status, state // codes.ITERATION)


def _different(one, other):
    """Numbers of the rows of two arrays that are not the same."""
    differ = ~((one == other) | np.isnan(one) & np.isnan(other))
    return tuple(np.flatnonzero(differ.reshape(len(one), -1).any(axis=1)).tolist()) if differ.ndim else ()


def spread(values):
    """Smallest, middle and largest of the numbers of an array that are finite (NaN without any), and how many are
    not."""
    finite = values[np.isfinite(values)]
    ends = [float(take(finite)) if finite.size else math.nan for take in (np.min, np.median, np.max)]
    return dict(zip(("min", "median", "max"), ends, strict=True)) | {"not_finite": values.size - finite.size}


def _plain(value):
    """A value for JSON."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
