"""Results of a run as tables for other programs, as CSV or Parquet.

Use `export`. TARGETS says which tables there are; `rsimsum` is for the R package of that name (Gasparini 2018), and for
simsum of Stata (White 2010), whose columns it has.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from simcore import codes, design, files, registry, results, summaries
from simcore.errors import UsageError, writing_to

TARGETS = {
    "csv": "the summary, a row for each measure",
    "wide": "the summary, a column for each measure",
    "rsimsum": "every estimate, as the R package rsimsum reads it",
}
_LABELS = ("cell", "errors", "contamination", "design", "n")
_AT_ONCE = 50_000  # replications


def export(run, target, out):
    """Write a table of a run to a file, and return its path.

    run: a `results.Run` or the path of one. target: of TARGETS. out: a path that ends in .csv or .parquet; a file there
    is replaced once the new one is whole. Raises UsageError, IncompleteError, DamagedError.
    """
    run = results.as_run(run)
    found, out = tables(run, target), Path(out)
    if out.suffix not in _WRITERS:
        raise UsageError(f"{out}: must end in {' or '.join(_WRITERS)}, which says what is written")
    if target == "csv" and out.suffix != ".csv":
        raise UsageError(f"{out}: must end in .csv; the summary as Parquet is {run.path / 'summary.parquet'}")
    with writing_to(out), files.replacing(out) as sink:
        write(found, sink, out.suffix)
    return out


def write(found, sink, suffix=".csv"):
    """Write tables of the same columns, one below the other, to a binary file."""
    first = next(found)
    with _WRITERS[suffix](sink, first.schema) as writer:
        writer.write_table(first)
        for table in found:
            writer.write_table(table)


_WRITERS = {
    ".csv": pyarrow.csv.CSVWriter,
    ".parquet": lambda sink, schema: pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd"),
}


def tables(run, target):
    """The table of a target in parts, each a pyarrow.Table of the same columns. Raises as `export`, at once."""
    if target not in TARGETS:
        raise UsageError(f"{target!r}: unknown target, {registry.unknown(target, TARGETS)}")
    if target == "rsimsum":
        _refuse_without_estimates(run)
        return _estimates(run)
    table = run.to_arrow() if target == "csv" else results.as_arrow(run.wide())
    return iter([table])


def rows(run, target):
    """How many rows the table of a target has, about: of a study with a precision the least."""
    study = run.study
    if target == "rsimsum":
        return len(design.cells(study)) * len(design.targets(study)) * study.replications
    return len(design.cells(study)) * len(design.targets(study)) * (1 if target == "wide" else len(study.measures))


def in_r(study, path):
    """How R reads the estimates of a study from a file and gives them to rsimsum: lines of R."""
    varying = [name for name in _factor_columns(study) if name != "cell" and name in (*_LABELS, *dict(study.settings))]
    factors = summaries.factors(study)
    by = ", ".join(f'"{name}"' for name in varying if factors[name].nunique(dropna=False) > 1)
    several = len(design.parameters(study)) > 1
    parts = [
        "data = d",
        'par = "parameter"' * several,
        'estvarname = "estimate"',
        'true = "true"' * all(truth is not None for truth in _truths(study, design.cells(study)[0])),
        'methodvar = "method"',
        f"ref = {_quoted(study.reference)}",
        f"by = c({by})" * bool(by),
    ]
    reader = "arrow::read_parquet" if Path(path).suffix == ".parquet" else "read.csv"
    name = "multisimsum" if several else "simsum"
    return [f"d <- {reader}({_quoted(str(path))})", f"rsimsum::{name}({', '.join(filter(None, parts))})"]


def _quoted(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _refuse_without_estimates(run):
    study = run.study
    if registry.plugins("problems")[study.problem].exact:
        raise UsageError(f"{study.name}: there are no estimates to export, for nothing is random; export --for csv")
    if not study.keep:
        raise UsageError(
            f"{run.path}: kept no estimates, which rsimsum needs one by one; write "
            'keep = "estimates" into the scenario, above [factors], and run it again, which draws the same samples'
        )
    split = [choice.label for choice in study.estimators if "~" in choice.label]
    if split:
        raise UsageError(f"{split[0]}: rsimsum takes labels apart at ~; give that estimator another label")


def _estimates(run):
    """Parts of the table of all estimates: rows of a method in the order of the data sets, as paired methods need."""
    study = run.study
    methods = [choice.label for choice in study.estimators for _ in design.parameters(study)]
    names = list(design.parameters(study)) * len(study.estimators)
    kept = summaries.factors(study)[_factor_columns(study)]
    factors = pa.Table.from_pandas(kept, preserve_index=False).replace_schema_metadata()
    for cell, estimates, states in run.estimates():
        truths = pa.array(_truths(study, cell), pa.float64())
        for first in range(0, estimates.shape[1], _AT_ONCE):
            part, state = (values[:, first : first + _AT_ONCE] for values in (estimates, states))
            count = part.shape[1]
            of = pa.array(np.repeat(np.arange(len(methods)), count))
            columns = {"dataset": pa.array(np.tile(np.arange(first, first + count), len(methods)))}
            own = factors.take(pa.array(np.full(part.size, cell.number)))
            columns |= {name: own[name] for name in own.column_names}
            columns |= {"method": pa.array(methods).take(of), "parameter": pa.array(names).take(of)}
            columns["estimate"] = pa.array(part.ravel(), mask=np.isnan(part.ravel()))
            columns |= {"true": truths.take(of), "status": pa.array(codes.NAMES).take(pa.array(state.ravel()))}
            yield pa.table(columns)


def _truths(study, cell):
    """Of each target; 0 where estimates are differences from a true value that is drawn, None where there is none."""
    drawn = [quantity.drawn for quantity in cell.quantities] * len(study.estimators)
    return [0.0 if own else truth for truth, own in zip(design.truths(study, cell), drawn, strict=True)]


def _factor_columns(study):
    """What says which cell a row is of: labels and settings, and those of their parameters that vary."""
    factors = summaries.factors(study)
    labels = {*_LABELS, *dict(study.settings)}
    varying = factors.nunique(dropna=False) > 1
    return [name for name in factors if name in labels or name not in ("study", "problem") and varying[name]]
