"""The run folder: scenario, provenance and one Parquet file per finished block, each written whole or not at all.

A block file is written elsewhere, synced, then linked to its name: of two writers one wins and a killed one leaves
nothing visible. A folder belongs to one scenario content, code and stream version; anything else is refused.
"""

import dataclasses
import functools
import json
import os
import platform
import re
import uuid
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcore import codes, design, jit, scenario, sums
from simcore.errors import DamagedError, UsageError
from simcore.registry import plugins
from simcore.streams import STREAM_VERSION

FORMAT = 3


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
            folder.refuse_fewer(record["replications"])
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

    def refuse_fewer(self, replications):
        """Raise UsageError where the study asks for a number of replications that is less than what is there."""
        if self.study.precision is not None:
            return  # which goes on from whatever is there
        present = self.present()
        reached = [design.reach(cell, present.get(cell.key, ())) for cell in design.cells(self.study)]
        most = max(replications if not any(reached) else 0, *reached, 0)
        if most > self.study.replications:
            raise UsageError(
                f"{self.path}: was run with {most} replications per cell; ask for at least as many "
                f"(--replications {most}, got {self.study.replications}), or choose another --out"
            )

    def present(self, folder=None):
        """The blocks that are stored: cell key -> pairs (first, count); of those whose estimates the study asks to
        keep, only the ones that have them. Or only what stands in one `folder`."""
        names = self._files(folder or "blocks")
        if self.study.keep and folder is None:
            names &= self._files("estimates")
        found = {}
        for match in filter(None, map(_BLOCK_NAME, names)):
            found.setdefault(match[1], []).append((int(match[2]), int(match[3])))
        return found

    def blocks_stored(self):
        """How many blocks are stored."""
        return sum(map(len, self.present().values()))

    def missing(self):
        """Blocks of the first `replications` of every cell of the study that are not stored, in order."""
        present = self.present()
        cells = design.cells(self.study)
        lacking = (design.cover(cell, present.get(cell.key, ()), self.study.replications)[1] for cell in cells)
        return [block for blocks in lacking for block in blocks]

    def commit(self, result):
        """Store the result of a block for good."""
        if result.estimates is not None:
            self._put("estimates", result.block, self._estimates_table(result))
        self._put("blocks", result.block, _nodes_table(result, self._keys(), self._paired_keys()))

    def read_nodes(self, cell, present, replications):
        """The sums of the first `replications` of a cell, in order, as nodes of their tree. Raises DamagedError.

        present: what `present()` says of the cell.
        """
        chunk, nodes = design.chunk_size(cell.size), []
        for first, count in design.cover(cell, present, replications)[0]:
            found = self._read_block(design.Block(cell.number, cell.key, first, count))
            nodes += [node for node in found if node.stop == replications or node.stop % chunk == 0]
        return nodes

    def read_errors(self, cell, present, replications):
        """With kept estimates: the errors T - truth of each target's good replications, sorted."""
        names, labels, stop = design.parameters(self.study), self._labels(), 0
        truths, found = design.measured_against(self.study, cell), [[] for _ in design.targets(self.study)]
        for first, count in design.cover(cell, present, replications)[0]:
            table = self._read("estimates", design.Block(cell.number, cell.key, first, count))
            fresh = table.filter(pc.greater_equal(table["replication"], stop))
            stop = first + count
            for errors, (place, parameter), truth in zip(found, design.targets(self.study), truths, strict=True):
                own = pc.equal(fresh["estimator"], labels[place])
                own = pc.and_(own, pc.equal(fresh["parameter"], names[parameter]))
                errors.append(fresh.filter(own)["estimate"].drop_null().to_numpy() - truth)
        return [np.sort(np.concatenate(errors)) for errors in found]

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
        table = self._read("blocks", block)
        try:
            names = {(row["cell"], row["first"], row["count"]) for row in table.select(_NAMING).to_pylist()}
            if names != {(block.cell_key, block.first, block.count)}:
                raise ValueError("it belongs to another block")
            nodes = list(_nodes(table, self._keys(), self._paired_keys()))
        except (KeyError, ValueError) as error:
            raise self._damaged("blocks", block, f"unexpected contents: {error}") from error
        for node in nodes:
            if not np.all(node.errors[:, : len(codes.NAMES)].sum(axis=1) == node.count):
                raise self._damaged("blocks", block, "the counts do not add up")
        ends = [block.first, *(node.stop for node in nodes)]
        if [*(node.first for node in nodes), block.first + block.count] != ends:
            raise self._damaged("blocks", block, "its parts do not make up the block")
        return nodes

    def _read(self, folder, block):
        try:
            table = pq.read_table(
                self.path / folder / _block_name(block), page_checksum_verification=True, partitioning=None
            )
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(folder, block, error) from error
        if (table.schema.metadata or {}).get(b"simcore") != self._stamp():
            raise self._damaged(folder, block, "it belongs to another run")
        return table

    def _keys(self):
        """(estimator, parameter) of each target, the estimator as what it is."""
        keys, names = [choice.key for choice in self.study.estimators], design.parameters(self.study)
        return [(keys[place], names[parameter]) for place, parameter in design.targets(self.study)]

    def _paired_keys(self):
        """(estimator, parameter, other estimator) of each pair of targets."""
        keys = self._keys()
        return [(*keys[i], keys[j][0]) for i, j in design.target_pairs(self.study)]

    def _labels(self):
        return [choice.label for choice in self.study.estimators]

    def _stamp(self):
        """What every file of the run carries, so that a file of another run is not taken for one of this."""
        return json.dumps(self.belonging, sort_keys=True).encode()

    def _damaged(self, folder, block, why):
        path = self.path / folder / _block_name(block)
        last = block.first + block.count - 1
        return DamagedError(
            f"{path}: damaged (cell {block.cell}, replications {block.first}..{last}): {why}; remove it and run again"
        )

    def _estimates_table(self, result):
        block, count, names = result.block, len(result.estimates), design.parameters(self.study)
        place, parameter = np.array(design.targets(self.study), np.int32).T
        replication = np.arange(block.first, block.first + block.count)
        found = result.states.ravel() % codes.ITERATION
        good = found < codes.FIRST_FAILURE
        return pa.table(
            {
                "cell": pa.array(np.full(good.size, block.cell, np.int32)),
                "replication": pa.array(np.tile(replication, count)),
                "estimator": _coded(np.repeat(place, block.count), self._labels()),
                "parameter": _coded(np.repeat(parameter, block.count), names),
                "estimate": pa.array(result.estimates.ravel(), mask=~good),
                "state": _coded(found.astype(np.int32), codes.NAMES),
            }
        )

    def _put(self, folder, block, table):
        """Write a file of a block unless it is there; one that it goes on from gives up what both have."""
        before = self._before[folder].get(block.cell_key, ())
        self._link(folder, block, table)
        for first, count in before:
            if first <= block.first < first + count and (first, count) != (block.first, block.count):
                self._trim(folder, design.Block(block.cell, block.cell_key, first, count), block.first)

    @functools.cached_property
    def _before(self):
        """What stood in each folder before the first block was written, by this object."""
        return {folder: self.present(folder) for folder in ("blocks", "estimates")}

    def _trim(self, folder, block, stop):
        """Put a block that ends at `stop` in the place of a longer one, so that no replication stands in two files."""
        longer = self.path / folder / _block_name(block)
        if stop > block.first and longer.exists():
            table = self._read(folder, block)
            table = table.filter(pc.less(table["node_first" if folder == "blocks" else "replication"], stop))
            shorter = replace(block, count=stop - block.first)
            if folder == "blocks":
                count = pa.array([shorter.count] * len(table), pa.int64())
                table = table.set_column(table.column_names.index("count"), "count", count)
            self._link(folder, shorter, table)
        longer.unlink(missing_ok=True)

    def _link(self, folder, block, table):
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


def _nodes_table(result, keys, paired_keys):
    """A row for each node and target, and for each node and pair of targets; what does not apply is null."""
    nodes, whole = result.nodes, len(keys) + len(paired_keys)
    columns = [(*key, None) for key in keys] + paired_keys
    first, names, second = (list(column) for column in zip(*columns, strict=True))
    rows = whole * len(nodes)
    columns = {
        "cell": pa.array([result.block.cell_key] * rows),
        "first": pa.array([result.block.first] * rows, pa.int64()),
        "count": pa.array([result.block.count] * rows, pa.int64()),
        "node_first": pa.array(np.repeat([node.first for node in nodes], whole)),
        "node_count": pa.array(np.repeat([node.count for node in nodes], whole)),
        "estimator": pa.array(first * len(nodes)),
        "other": pa.array(second * len(nodes), pa.string()),
        "parameter": pa.array(names * len(nodes)),
    }
    of_errors = np.tile(np.arange(whole) < len(keys), len(nodes))
    for layout, part, own in ((sums.ERRORS, "errors", of_errors), (sums.PAIRS, "pairs", ~of_errors)):
        values = np.zeros((rows, len(layout.columns)))
        values[own] = np.concatenate([getattr(node, part) for node in nodes])
        for k, name in enumerate(layout.columns):
            exact = values[:, k].astype(np.int64) if k < len(layout.counts) else values[:, k]
            columns[name] = pa.array(exact, mask=~own)
    histograms = [bins for node in nodes for bins in (*node.bins, *(None,) * len(paired_keys))]
    for k, name in enumerate(_HISTOGRAM):
        columns[name] = pa.array([bins and bins[k] for bins in histograms], pa.list_(pa.int64()))
    joint = [None] * rows  # with the first target of each estimator
    for at, node in enumerate(nodes):
        step = len(keys) // max(1, len(node.joint))
        for place, own in enumerate(node.joint):
            joint[at * whole + place * step] = own.ravel()
    columns["joint"] = pa.array(joint, pa.list_(pa.float64()))
    return pa.table(columns)


def _nodes(table, keys, paired_keys):
    """The nodes in such a table, their rows in the order of the keys. Raises KeyError, ValueError."""
    place = {(*key, None): row for row, key in enumerate(keys)}
    place |= {pair: len(keys) + row for row, pair in enumerate(paired_keys)}
    table = table.sort_by("node_first")
    named = (table[name].to_pylist() for name in ("estimator", "parameter", "other"))
    rows = [place[key] for key in zip(*named, strict=True)]
    if sorted(rows) != sorted([*range(len(place))] * (len(rows) // len(place))):
        raise ValueError("not one row for each target and each pair")
    firsts, counts = table["node_first"].to_numpy(), table["node_count"].to_numpy()
    values = {
        layout: np.stack([table[name].to_numpy(zero_copy_only=False) for name in layout.columns], axis=1)
        for layout in (sums.ERRORS, sums.PAIRS)
    }
    histograms, joint = [table[name].combine_chunks() for name in _HISTOGRAM], table["joint"].combine_chunks()
    for begin in range(0, len(rows), len(place)):
        order = begin + np.argsort(rows[begin : begin + len(place)])
        own, paired = order[: len(keys)], order[len(keys) :]
        bins = tuple(tuple(part[int(row)].values.to_numpy() for part in histograms) for row in own)
        errors, pairs = values[sums.ERRORS][own].astype(float), values[sums.PAIRS][paired].astype(float)
        found = [joint[int(row)].values.to_numpy() for row in own if joint[int(row)].is_valid]
        shared = np.stack(found).reshape(len(found), -1, sums.GROUPS) if found else np.zeros((0, 0, sums.GROUPS))
        yield sums.Node(int(firsts[begin]), int(counts[begin]), errors, pairs, bins, shared)


def _coded(numbers, names):
    """A column of strings, held as numbers."""
    return pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(list(names)))


def _write_parquet(table, path):
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    strings = [field.name for field in table.schema if pa.types.is_string(field.type)]
    lists = [name for name in table.schema.names if pa.types.is_list(table.schema.field(name).type)]
    whole = [f"{name}.list.element" for name in lists if pa.types.is_integer(table.schema.field(name).type.value_type)]
    floats += [f"{name}.list.element" for name in lists if f"{name}.list.element" not in whole]
    pq.write_table(
        table,
        path,
        compression="zstd",
        use_dictionary=strings,
        column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT") | dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
        write_statistics=False,
        write_page_checksum=True,
    )


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_NAMING = ["cell", "first", "count"]
_HISTOGRAM = ("bins", "bin_counts")


def _block_name(block):
    return f"{block.cell_key}-{block.first:013d}-{block.count}.parquet"


_BLOCK_NAME = re.compile(r"([0-9a-f]{16})-(\d+)-(\d+)\.parquet").fullmatch


def _belonging(study):
    named = ((choice, plugins("designs")[choice.name].fingerprint(choice.values)) for choice in study.design)
    inputs = {choice.label: fingerprint for choice, fingerprint in named if fingerprint}
    return {
        "format": FORMAT,
        "digest": study.digest(),
        "code": jit.source_digest(),
        "stream_version": STREAM_VERSION,
        "seed": study.seed,
        **({"inputs": inputs} if inputs else {}),
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
        "precision": study.precision and dataclasses.asdict(study.precision),
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
