"""The user's own regressors, from a CSV or Parquet file with a name for each column."""

import numpy as np

from simcore.own_files import OwnFile
from simcore.registry import Design, Parameter, Text


def matrix(n, columns, values):
    """All columns of the file, in its order, as float64 (n, columns). Raises UsageError."""
    file = _file(values)

    def check(rows, names):
        if (rows, len(names)) != (n, columns):
            raise file.wrong(
                f"must have n = {n} rows and {columns} columns, one for each coefficient beside the intercept (got "
                f"{rows} rows and {len(names)} columns; the first line of a CSV file names them)"
            )

    x = np.empty((n, columns))
    for j, column in enumerate(file.columns(check)):
        x[:, j] = column
    if not np.all(np.abs(x) < 1e100):
        raise file.wrong("all numbers must be finite, and below 1e100")
    return x


def _file(values):
    return OwnFile("design", values["path"])


PLUGIN = Design(
    "file",
    "your own columns, from a CSV file with a header or a Parquet file; relative to where simcore runs",
    parameters=(Parameter("path", "path of the file", Text()),),
    matrix=matrix,
    fingerprint=lambda values: _file(values).sha256(),
)
