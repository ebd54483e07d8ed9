"""The user's own regressors, from a CSV or Parquet file with a name for each column."""

import contextlib
from pathlib import Path

import numpy as np

from simcore import files
from simcore.errors import UsageError
from simcore.registry import Design, Parameter, Text

_MOST_BYTES = 1 << 29  # a million rows of twenty columns in full digits
_LONGEST = 200  # characters of what a library says of a file
_NUMBERS = ("double", "float", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


def matrix(n, columns, values):
    """All columns of the file, in its order, as float64 (n, columns). Raises UsageError."""
    path = values["path"]
    data = _bytes(path)
    table = (_of_parquet if path.endswith(".parquet") else _of_csv)(path, data, (n, columns))
    _check_shape(path, (table.num_rows, table.num_columns), (n, columns))
    _check_types(path, table.schema)
    x = np.empty((n, columns))
    for j, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if column.null_count:
            raise _wrong(path, f"column {name!r} lacks {column.null_count} values; fill them")
        x[:, j] = column.to_numpy()
    if not np.all(np.abs(x) < 1e100):
        raise _wrong(path, "all numbers must be finite, and below 1e100")
    return x


def fingerprint(values):
    """SHA-256 of the file's bytes. Raises UsageError."""
    return files.sha256(_bytes(values["path"]))


def _bytes(path):
    try:
        return files.read(Path(path), _MOST_BYTES)
    except OSError as error:
        raise _wrong(path, f"cannot be read ({error.strerror}); give the path of a CSV or Parquet file") from error


def _of_csv(path, data, shape):
    import pyarrow as pa
    from pyarrow import csv

    with _reading(path, "CSV"):  # without threads: a process must not end while one of Arrow's is starting
        return csv.read_csv(pa.BufferReader(data), csv.ReadOptions(use_threads=False))


def _of_parquet(path, data, shape):
    """Its shape and types are known before anything of it is unpacked, which may be far more than the file."""
    import pyarrow as pa
    from pyarrow import parquet

    with _reading(path, "Parquet"):
        file = parquet.ParquetFile(pa.BufferReader(data), pre_buffer=False)
        found, schema = file.metadata.num_rows, file.schema_arrow
    _check_shape(path, (found, len(schema)), shape)
    _check_types(path, schema)
    with _reading(path, "Parquet"):
        return file.read(use_threads=False)


@contextlib.contextmanager
def _reading(path, kind):
    import pyarrow as pa

    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _wrong(path, f"cannot be read as {kind} ({error})") from error


def _check_shape(path, found, asked):
    if found != asked:
        raise _wrong(
            path,
            f"must have n = {asked[0]} rows and {asked[1]} columns, one for each coefficient beside the intercept "
            f"(got {found[0]} rows and {found[1]} columns; the first line of a CSV file names them)",
        )


def _check_types(path, schema):
    for field in schema:
        if str(field.type) not in _NUMBERS:
            raise _wrong(path, f"column {field.name!r} must hold numbers only (got {field.type})")


def _wrong(path, what):
    """The error, whatever bytes of the file a library has put into its words."""
    told = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in what)
    return UsageError(f"design: {path}: {told if len(told) <= _LONGEST else told[: _LONGEST - 3] + '...'}")


PLUGIN = Design(
    "file",
    "your own columns, from a CSV file with a header or a Parquet file; relative to where simcore runs",
    parameters=(Parameter("path", "path of the file", Text()),),
    matrix=matrix,
    fingerprint=fingerprint,
)
