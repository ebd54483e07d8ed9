"""A folder of a run with one Parquet file for each finished block, listed by name and read only as it was written.

The name is the commit record, `<cell>-<first>-<count>-<series>-<sha256>.parquet`: the cell by its key, replications
first .. first + count - 1, the series of all files whose numbers depend on the same things (see `provenance`), and the
SHA-256 of the whole file. So a file and the record of it become visible in one step, equal results are one file, and
results of something else are never taken for those of a study.
"""

import contextlib
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from simcore import files
from simcore.design import Place
from simcore.errors import DamagedError, IncompleteError, SimcoreError

_NAME = re.compile(r"([0-9a-f]{16})-(\d{13,})-(\d+)-([0-9a-f]{16})-([0-9a-f]{64})\.parquet").fullmatch
_PATIENCE = 5
_ANY = ".parquet"  # what readers of the folder would take for results


class Listing(NamedTuple):
    """What stands in a folder: Place -> names, of this series and of earlier ones; and names of neither."""

    own: dict
    earlier: dict
    strange: tuple


class Broken(DamagedError):
    """A file is not what was written, or cannot be read."""


class Vanished(SimcoreError):
    """A file that was listed is gone: another process has put others in its place, unless it is lost."""

    exit_code = DamagedError.exit_code


class Changed(IncompleteError):
    """Another process has made something else of the run meanwhile."""


def settled(work):
    """The function, called again where other processes are at work on the same run and files vanish or change."""

    @functools.wraps(work)
    def again(*arguments, **options):
        for _ in range(_PATIENCE):
            with contextlib.suppress(Vanished, Changed):
                return work(*arguments, **options)
        return work(*arguments, **options)

    return again


@dataclass(frozen=True)
class Shelf:
    """A folder of block files.

    temporary: where files are written. stamp: what the numbers depend on, kept in each file. earlier: series of the run
    before it was extended.
    """

    folder: Path
    temporary: Path
    stamp: bytes
    earlier: frozenset

    @functools.cached_property
    def series(self):
        return series(self.stamp)

    def listing(self):
        """Raises Broken where the folder cannot be read."""
        own, earlier, strange = {}, {}, []
        for name in self._names():
            match = _NAME(name)
            if match and (match[4] == self.series or match[4] in self.earlier):
                kind = own if match[4] == self.series else earlier
                kind.setdefault(Place(match[1], int(match[2]), int(match[3])), []).append(name)
            elif name.endswith(_ANY):
                strange.append(name)
        return Listing(own, earlier, tuple(strange))

    def _names(self):
        try:
            return files.names(self.folder)
        except OSError as error:
            raise Broken(f"{self.folder}: cannot be read ({error.strerror})") from error

    def put(self, place, table):
        """Store the table of a block for good. Raises OSError."""
        data = parquet(table.replace_schema_metadata({"simcore": self.stamp}))
        name = f"{place.cell}-{place.first:013d}-{place.count}-{self.series}-{files.sha256(data)}{_ANY}"
        files.make_folder(self.folder)
        files.put(self.folder / name, data, self.temporary)

    def read(self, name):
        """The table in a file of this series or an earlier one. Raises Broken, Vanished."""
        match = _NAME(name)
        if not match:
            raise Broken("its name is not that of a block")
        try:
            data = files.read(self.folder / name)
        except FileNotFoundError as error:
            raise Vanished(f"{self.folder / name}: was there, and is gone") from error
        except OSError as error:
            raise Broken(f"it cannot be read ({error.strerror})") from error
        if files.sha256(data) != match[5]:
            raise Broken(f"its {len(data)} bytes are not those that were written")
        try:
            # without Arrow's threads: one that is being started when the process ends aborts it
            table = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise Broken(str(error)) from error
        if series(stamp_of(table)) != match[4]:
            raise Broken("it belongs to another run")
        return table


def stamp_of(table):
    """What the numbers of a table read from a shelf depend on."""
    return (table.schema.metadata or {}).get(b"simcore", b"")


def series(stamp):
    """The short name of what numbers depend on."""
    return files.sha256(stamp)[:16]


def parquet(table):
    """The bytes of a Parquet file of a table: the same for the same table, whatever wrote it when."""
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    strings = [field.name for field in table.schema if pa.types.is_string(field.type)]
    lists = [name for name in table.schema.names if pa.types.is_list(table.schema.field(name).type)]
    whole = [f"{name}.list.element" for name in lists if pa.types.is_integer(table.schema.field(name).type.value_type)]
    floats += [f"{name}.list.element" for name in lists if f"{name}.list.element" not in whole]
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=strings,
        column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT") | dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
        write_statistics=False,
        write_page_checksum=True,
    )
    return sink.getvalue().to_pybytes()
