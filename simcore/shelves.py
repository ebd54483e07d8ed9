"""A folder of a run with Parquet files of finished blocks, listed by name and read only as they were written.

The name is the commit record, `<cell>-<first>-<count>-<series>-<sha256>.parquet`: the cell by its key, replications
first .. first + count - 1, the series of all files whose numbers depend on the same things (see `provenance`), and the
SHA-256 of the whole file. So a file and the record of it become visible in one step, equal results are one file, and
results of something else are never taken for those of a study. Several blocks are one file,
`blocks-<SHA-256 of their places>-<how many>-<series>-<sha256>.parquet`, which says in its footer which they are.
"""

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from simcore import files
from simcore.design import Place
from simcore.errors import DamagedError
from simcore.meanwhile import Vanished

_NAME = re.compile(
    r"(?:(?P<cell>[0-9a-f]{16})-(?P<first>\d{13,})|blocks-(?P<places>[0-9a-f]{16}))-(?P<count>\d+)"
    r"-(?P<series>[0-9a-f]{16})-(?P<sha>[0-9a-f]{64})\.parquet"
).fullmatch
_TAIL = 8  # bytes at the end of a Parquet file: how long its footer is, and a mark
_SUFFIX = ".parquet"  # what readers of the folder would take for results


class Listing(NamedTuple):
    """What stands in a folder: name -> Places, of this series and of earlier ones; names of neither; and those of which
    it cannot be read what is in them."""

    own: dict
    earlier: dict
    strange: tuple
    broken: tuple


def by_place(named):
    """Place -> names of the files that have it, from name -> Places."""
    found = {}
    for name, places in named.items():
        for place in places:
            found.setdefault(place, []).append(name)
    return found


class Broken(DamagedError):
    """A file is not what was written, or cannot be read."""


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
        own, earlier, strange, broken = {}, {}, [], []
        for name in self._names():
            match = _NAME(name)
            if match and (match["series"] == self.series or match["series"] in self.earlier):
                try:
                    (own if match["series"] == self.series else earlier)[name] = places_in(self.folder, name)
                except Broken:
                    broken.append(name)
            elif name.endswith(_SUFFIX):
                strange.append(name)
        return Listing(own, earlier, tuple(strange), tuple(broken))

    def _names(self):
        try:
            return files.names(self.folder)
        except OSError as error:
            raise Broken(f"{self.folder}: cannot be read ({error.strerror})") from error

    def put(self, places, table):
        """Store the table of some blocks for good; the name of the file. Raises OSError."""
        first, several = places[0], len(places) > 1
        listed = {"places": _written(places)} if several else {}
        data = parquet(table.replace_schema_metadata({"simcore": self.stamp} | listed))
        what = f"blocks-{files.sha256(_written(places))[:16]}-{len(places)}"
        what = what if several else f"{first.cell}-{first.first:013d}-{first.count}"
        name = f"{what}-{self.series}-{files.sha256(data)}{_SUFFIX}"
        files.make_folder(self.folder)
        files.put(self.folder / name, data, self.temporary)
        return name

    def read(self, name):
        """The table in a file of this series or an earlier one. Raises Broken, Vanished."""
        match = _NAME(name)
        if not match:
            raise Broken("its name is not that of a block")
        try:
            data = files.read(self.folder / name)
        except FileNotFoundError as error:
            raise _gone(self.folder / name) from error
        except (OSError, MemoryError) as error:
            raise Broken(f"it cannot be read ({getattr(error, 'strerror', None) or 'too long'})") from error
        if files.sha256(data) != match["sha"]:
            raise Broken(f"its {len(data)} bytes are not those that were written")
        try:
            # without Arrow's threads: one that is being started when the process ends aborts it
            table = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise Broken(str(error)) from error
        if series(stamp_of(table)) != match["series"]:
            raise Broken("it belongs to another run")
        return table


def _gone(path):
    """What to raise where a file that was listed is not found."""
    if os.path.islink(path):
        return Broken("it is a link to nothing")
    return Vanished(f"{path}: was there, and is gone; once no other process works on that run, do the same again")


def _written(places):
    return " ".join(f"{place.cell}:{place.first}:{place.count}" for place in places).encode()


@functools.lru_cache(maxsize=1 << 16)
def places_in(folder, name):
    """The Places in a file, from its name or its footer, which never change. Raises Broken, Vanished."""
    match = _NAME(name)
    if match["cell"]:
        return (Place(match["cell"], int(match["first"]), int(match["count"])),)
    try:
        length = int.from_bytes(files.end(folder / name, _TAIL)[:4], "little")
        metadata = pq.read_metadata(pa.BufferReader(files.end(folder / name, length + _TAIL))).metadata or {}
        written = metadata.get(b"places", b"")
        if files.sha256(written)[:16] != match["places"]:
            raise Broken("its footer does not say which blocks it has")
        parts = (entry.split(":") for entry in written.decode().split(" "))
        return tuple(Place(cell, int(first), int(count)) for cell, first, count in parts)
    except FileNotFoundError as error:
        raise _gone(folder / name) from error
    except (OSError, pa.ArrowException) as error:
        raise Broken(str(error)) from error


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
