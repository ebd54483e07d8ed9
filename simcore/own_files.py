"""The user's own numbers, from a CSV file with a name for each column or a Parquet file."""

import contextlib
from pathlib import Path

import numpy as np

from simcore import files
from simcore.errors import UsageError

_MOST_BYTES = 1 << 29  # a million rows of twenty columns in full digits
_LONGEST = 200  # characters of what a library says of a file
_NUMBERS = ("double", "float", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


class OwnFile:
    """The bytes of a file; owner: what it is for, the first word of every message. Raises UsageError."""

    def __init__(self, owner, path):
        self._owner, self._path = owner, path
        try:
            self._data = files.read(Path(path), _MOST_BYTES)
        except OSError as error:
            told = f"cannot be read ({error.strerror}); give the path of a CSV or Parquet file"
            raise self.wrong(told) from error

    def sha256(self):
        return files.sha256(self._data)

    def columns(self, check, names=None):
        """The columns of these names, or all, in the order of the file, as float64 (rows,) each.

        check(rows, names): raises where the file has the wrong shape, before anything of a Parquet file is unpacked.
        """
        table = (self._of_parquet if self._path.endswith(".parquet") else self._of_csv)(check, names)
        for name, column in zip(table.column_names, table.columns, strict=True):
            if column.null_count:
                raise self.wrong(f"column {name!r} lacks {column.null_count} values; fill them")
        return [np.asarray(column.to_numpy(), dtype=float) for column in table.columns]

    def wrong(self, what):
        """The error, whatever bytes of the file a library has put into its words."""
        told = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in what)
        told = told if len(told) <= _LONGEST else told[: _LONGEST - 3] + "..."
        return UsageError(f"{self._owner}: {self._path}: {told}")

    def _of_csv(self, check, names):
        import pyarrow as pa
        from pyarrow import csv

        with self._reading("CSV"):  # without threads: a process must not end while one of Arrow's is starting
            table = csv.read_csv(pa.BufferReader(self._data), csv.ReadOptions(use_threads=False))
        check(table.num_rows, table.column_names)
        self._check_types(table.schema, names)
        return table.select(names) if names else table

    def _of_parquet(self, check, names):
        """Its shape and types are known before anything of it is unpacked, which may be far more than the file."""
        import pyarrow as pa
        from pyarrow import parquet

        with self._reading("Parquet"):
            file = parquet.ParquetFile(pa.BufferReader(self._data), pre_buffer=False)
            rows, schema = file.metadata.num_rows, file.schema_arrow
        check(rows, schema.names)
        self._check_types(schema, names)
        with self._reading("Parquet"):
            return file.read(columns=names, use_threads=False)

    @contextlib.contextmanager
    def _reading(self, kind):
        import pyarrow as pa

        try:
            yield
        except (OSError, ValueError, pa.ArrowException) as error:
            raise self.wrong(f"cannot be read as {kind} ({error})") from error

    def _check_types(self, schema, names):
        for field in schema:
            if (names is None or field.name in names) and str(field.type) not in _NUMBERS:
                raise self.wrong(f"column {field.name!r} must hold numbers only (got {field.type})")
