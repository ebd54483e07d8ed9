"""The run folder: scenario, provenance and one Parquet file per finished block, each written whole or not at all.

A block file is written elsewhere, synced, then linked to its name: of two writers one wins and a killed one leaves
nothing visible. A folder belongs to one scenario content, code and stream version; anything else is refused.
"""

import json
import os
import platform
import uuid
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simcore import codes, design, jit, scenario, sums
from simcore.errors import DamagedError, UsageError
from simcore.streams import STREAM_VERSION

FORMAT = 1


@dataclass(frozen=True)
class RunFolder:
    """A run directory and the study it belongs to."""

    path: Path
    study: scenario.Study
    belonging: dict  # what the run belongs to, and each of its files says

    @classmethod
    def create(cls, out, study):
        """The folder `out/<study name>`, new or of the same content; DamagedError where it belongs to another."""
        path = Path(out) / study.name
        folder = cls(path, study, _belonging(study))
        if (path / "run.json").exists():
            record = _read_json(path / "run.json")
            order = {"order": _order(study)} if study.keep and "order" in record else {}
            _refuse_other_content(record, _belonging(study) | order, path)
            if record["replications"] > study.replications:
                raise UsageError(
                    f"{path}: was run with {record['replications']} replications per cell; ask for at least as many "
                    f"(--replications {record['replications']}, got {study.replications}), or choose another --out"
                )
        try:
            for name in ("blocks", "temporary", "figures"):
                (path / name).mkdir(parents=True, exist_ok=True)
            folder.replace("scenario.toml", study.text.encode())
            folder.replace("run.json", json.dumps(_provenance(study), indent=2, ensure_ascii=False).encode() + b"\n")
        except OSError as error:
            raise UsageError(f"{path}: cannot write results here ({error.strerror}); choose another --out") from error
        return folder

    @classmethod
    def open(cls, path):
        """The folder of an earlier run. Raises UsageError where there is none."""
        path = Path(path)
        if not (path / "run.json").is_file():
            raise UsageError(f"{path}: not a run directory (no run.json); give results/<study name>")
        record = _read_json(path / "run.json")
        try:
            study = scenario.load(path / "scenario.toml").with_changes(record["replications"], record["seed"])
        except UsageError as error:
            raise DamagedError(f"{path}: its scenario.toml cannot be read\n{error}") from error
        own = _belonging(study) | {"code": record["code"]}  # results of an older simcore stay readable
        _refuse_other_content(record, own, path)
        return cls(path, study, own)

    def missing(self):
        """Blocks of the study that have no file, or lack the estimates the study asks to keep, in order."""
        present = self._files("blocks")
        if self.study.keep:
            present &= self._files("estimates")
        return [block for block in design.blocks(self.study) if _block_name(block) not in present]

    def commit(self, result):
        """Store the result of a block for good; a shorter block it goes on from is removed."""
        columns = {
            "cell": pa.array([result.block.cell_key] * len(result.sums)),
            "first": pa.array([result.block.first] * len(result.sums), pa.int64()),
            "count": pa.array([result.block.count] * len(result.sums), pa.int64()),
            "estimator": pa.array([_key(choice) for choice in self.study.estimators]),
            "parameter": pa.array(["theta"] * len(result.sums)),
        }
        for name, values in zip(sums.COLUMNS, result.sums.T, strict=True):
            columns[name] = pa.array(values.astype(np.int64) if name in codes.NAMES else values)
        if result.estimates is not None:
            self._put("estimates", result.block, self._estimates_table(result))
        self._put("blocks", result.block, pa.table(columns))

    def read_sums(self):
        """Merged sums: cell number -> float64 (estimators, len(sums.COLUMNS)). Raises DamagedError."""
        order = {_key(choice): row for row, choice in enumerate(self.study.estimators)}
        merged = {}
        for block in design.blocks(self.study):
            table = self._read_block(block)
            rows = np.empty((len(order), len(sums.COLUMNS)))
            try:
                target = [order[key] for key in table.column("estimator").to_pylist()]
                if sorted(target) != list(range(len(order))):
                    raise KeyError("estimator")
                for k, name in enumerate(sums.COLUMNS):
                    rows[target, k] = table.column(name).to_numpy()
            except (KeyError, ValueError) as error:
                raise self._damaged(block, f"unexpected contents: {error}") from error
            if not np.all(rows[:, : sums.COUNTS].sum(axis=1) == block.count):
                raise self._damaged(block, "the counts do not add up")
            merged[block.cell] = sums.add(merged[block.cell], rows) if block.cell in merged else rows
        return merged

    def replace(self, name, data):
        """Write a file of the folder whole, over an older one."""
        temporary = self._write_temporary(lambda path: path.write_bytes(data))
        os.replace(temporary, self.path / name)
        _sync(self.path)

    def write_table(self, name, table):
        """Write a Parquet file of the folder whole, over an older one."""
        os.replace(self._write_temporary(lambda path: _write_parquet(table, path)), self.path / name)
        _sync(self.path)

    def _files(self, folder):
        return set(os.listdir(self.path / folder)) if (self.path / folder).is_dir() else set()

    def _read_block(self, block):
        path = self.path / "blocks" / _block_name(block)
        try:
            table = pq.read_table(path, page_checksum_verification=True, partitioning=None)
            names = {(row["cell"], row["first"], row["count"]) for row in table.select(_NAMING).to_pylist()}
        except (OSError, pa.ArrowException, KeyError) as error:
            raise self._damaged(block, error) from error
        if (table.schema.metadata or {}).get(b"simcore") != self._stamp() or names != {_naming(block)}:
            raise self._damaged(block, "it belongs to another run or another block")
        return table

    def _stamp(self):
        """What every file of the run carries, so that a file of another run is not taken for one of this."""
        return json.dumps(self.belonging, sort_keys=True).encode()

    def _damaged(self, block, why):
        path = self.path / "blocks" / _block_name(block)
        last = block.first + block.count - 1
        return DamagedError(
            f"{path}: damaged (cell {block.cell}, replications {block.first}..{last}): {why}; remove it and run again"
        )

    def _estimates_table(self, result):
        block, count = result.block, len(result.estimates)
        replication = np.arange(block.first, block.first + block.count)
        good = (result.states < codes.FIRST_FAILURE).ravel()
        labels = [choice.label for choice in self.study.estimators]
        return pa.table(
            {
                "cell": pa.array(np.full(good.size, block.cell, np.int32)),
                "replication": pa.array(np.tile(replication, count)),
                "estimator": _coded(np.repeat(np.arange(count, dtype=np.int32), block.count), labels),
                "parameter": _coded(np.zeros(good.size, np.int32), ["theta"]),
                "estimate": pa.array(result.estimates.ravel(), mask=~good),
                "state": _coded(result.states.ravel().astype(np.int32), codes.NAMES),
            }
        )

    def _put(self, folder, block, table):
        """Write a file of a block unless it is there, then remove the file of a shorter block it goes on from."""
        (self.path / folder).mkdir(exist_ok=True)
        table = table.replace_schema_metadata({"simcore": self._stamp()})
        temporary = self._write_temporary(lambda path: _write_parquet(table, path))
        try:
            os.link(temporary, self.path / folder / _block_name(block))
        except FileExistsError:
            pass  # another process finished the same block: same bits
        finally:
            temporary.unlink()
        _sync(self.path / folder)
        for path in (self.path / folder).glob(f"{_block_stem(block)}*.parquet"):
            if int(path.stem.rpartition("-")[2]) < block.count:
                path.unlink(missing_ok=True)

    def _write_temporary(self, write):
        (self.path / "temporary").mkdir(exist_ok=True)
        path = self.path / "temporary" / uuid.uuid4().hex
        try:
            write(path)
            _sync(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path


def _coded(numbers, names):
    """A column of strings, held as numbers."""
    return pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(list(names)))


def _write_parquet(table, path):
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    strings = [field.name for field in table.schema if pa.types.is_string(field.type)]
    pq.write_table(
        table,
        path,
        compression="zstd",
        use_dictionary=strings,
        column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
        write_page_checksum=True,
    )


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_NAMING = ["cell", "first", "count"]


def _naming(block):
    return block.cell_key, block.first, block.count


def _block_stem(block):
    return f"{block.cell_key}-{block.first:013d}-"


def _block_name(block):
    return f"{_block_stem(block)}{block.count}.parquet"


def _key(choice):
    """What an estimator is, whatever its label."""
    return json.dumps(choice.content(), sort_keys=True)


def _belonging(study):
    return {
        "format": FORMAT,
        "digest": study.digest(),
        "code": jit.source_digest(),
        "stream_version": STREAM_VERSION,
        "seed": study.seed,
    }


def _order(study):
    """What kept estimates, which carry numbers of cells and labels, depend on beyond the content."""
    return [[cell.key for cell in design.cells(study)], [choice.label for choice in study.estimators]]


def _provenance(study):
    versions = {name: metadata.version(name) for name in ("numpy", "numba", "llvmlite", "pandas", "pyarrow")}
    order = {"order": _order(study)} if study.keep else {}
    return _belonging(study) | order | {
        "name": study.name,
        "title": study.title,
        "replications": study.replications,
        "scenario": study.content(),
        "versions": {"python": platform.python_version(), **versions},
    }


def _read_json(path):
    try:
        record = json.loads(path.read_bytes())
        if not {"digest", "code", "seed", "replications"} <= set(record):
            raise ValueError("entries are missing")
        return record
    except (OSError, ValueError, TypeError) as error:
        raise DamagedError(f"{path}: cannot be read ({error}); restore it, or choose another --out") from error


def _refuse_other_content(found, wanted, path):
    differing = [key for key, value in wanted.items() if found.get(key) != value]
    if differing:
        lines = [f"  {key}: there {found.get(key)!r}, here {wanted[key]!r}" for key in differing]
        raise DamagedError(
            f"{path}: holds results of another scenario or of another version of simcore\n"
            + "\n".join(lines)
            + "\nchoose another --out, another name, or remove that directory"
        )
