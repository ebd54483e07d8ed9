"""The user's own regressors, from a CSV or Parquet file with a name for each column."""

import hashlib
from pathlib import Path

import numpy as np

from simcore.errors import UsageError
from simcore.registry import Design, Parameter, Text


def matrix(n, columns, values):
    """All columns of the file, in its order, as float64 (n, columns). Raises UsageError."""
    path = values["path"]
    table = _read(path)
    found = table.num_rows, table.num_columns
    if found != (n, columns):
        raise UsageError(
            f"design: {path} must have n = {n} rows and {columns} columns, one for each coefficient beside the "
            f"intercept (got {found[0]} rows and {found[1]} columns; the first line of a CSV file names them)"
        )
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count:
            raise UsageError(f"design: {path}: column {name!r} lacks {column.null_count} values; fill them")
        if str(column.type) not in _NUMBERS:
            raise UsageError(f"design: {path}: column {name!r} must hold numbers only (got {column.type})")
    x = np.stack([column.to_numpy().astype(np.float64) for column in table.columns], axis=1)
    if not (np.isfinite(x).all() and np.abs(x).max() < 1e100):
        raise UsageError(f"design: {path}: all numbers must be finite, and below 1e100")
    return x


_NUMBERS = ("double", "float", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


def fingerprint(values):
    """SHA-256 of the file's bytes. Raises UsageError."""
    try:
        return hashlib.sha256(Path(values["path"]).read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"design: {values['path']}: cannot be read ({error.strerror})") from error


def _read(path):
    import pyarrow as pa
    from pyarrow import csv, parquet

    kind, read = ("Parquet", parquet.read_table) if path.endswith(".parquet") else ("CSV", csv.read_csv)
    try:
        return read(path)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"design: {path}: cannot be read as {kind} ({error})") from error


PLUGIN = Design(
    "file",
    "your own columns, from a CSV file with a header or a Parquet file; relative to where simcore runs",
    parameters=(Parameter("path", "path of the file", Text()),),
    matrix=matrix,
    fingerprint=fingerprint,
)
