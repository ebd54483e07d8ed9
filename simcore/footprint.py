"""What a run will take of memory and of the disk, what there is of both, and which key to change where it cannot fit.

Constants are measured, see tests/test_footprint.py. An estimate is the peak: a run computes first, block by block, and
then summarises, cell by cell.
"""

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

from simcore import design, execute, histograms, jit, recipes, summaries, sums
from simcore.errors import UsageError
from simcore.lanes import WIDTH
from simcore.limits import addresses, free, mapped, memory
from simcore.registry import plugins

BASE = 390_000_000  # a process that compiles, whatever the study
LEAST = 250_000_000  # a process that finds everything compiled
_WORKER = 130_000_000  # a process that an engine starts, beside what it shares with the others
_ADDRESSES, _THREAD_ADDRESSES = 900_000_000, 76_000_000  # that a process maps, and each thread that Numba starts
_LIBRARIES = {"pyarrow": 240_000_000, "numba": 180_000_000}  # what each still maps where it is not loaded
_RESERVED = 1 << 30  # addresses that Arrow takes at once, if they are there
_HELD = 8 + 4  # bytes of an estimate and its state
_RESULTS = 4  # that a worker holds: the one it computes, and those that it hands over
_KEPT_BLOCK = 70  # of a kept estimate, while its block is written
_KEPT_READ = 36  # of a kept estimate, while its block is read
_KEPT_CELL = 40  # of a kept estimate, while its cell is summarised
_BIN = 60  # of a bin of a histogram, while its block is written
_NODE_BIN = 16  # of a bin of a sum that was read
_PARTS = 2.5  # sums of chunks: as they come, and together while they are added up
_ROW = 750  # of a row of the summary
_LOOSE_ROW = 1_600  # of a row that is not yet in columns
_FILE, _FILE_ROW, _FILE_BIN, _FILE_KEPT = 15_500, 150, 0.85, 8.3  # on the disk
_SUMMARY, _SUMMARY_ROW = 6_000, 24
_SURE = 0.8  # of the disk that is estimated, this much at least is taken
_REMEDIES = {
    "engine": "ask for fewer threads, or leave it out",
    "factors.n": "ask for smaller n",
    "threads": "ask for fewer threads",
    "replications": "ask for fewer replications",
    "keep": "leave it out, or ask for fewer replications",
    "estimators": "ask for fewer estimators",
    "factors": "cross fewer values, or make several studies of them",
}


@dataclass(frozen=True)
class Footprint:
    """Bytes that a run takes.

    computing, summarising: of memory in each of the two parts of a run, beside BASE: key of the scenario (or `threads`,
    `engine`) -> bytes. sample: of one thread. disk: key -> bytes. values: key -> what the scenario says, in words.
    processes: that share the work.
    """

    computing: dict
    summarising: dict
    sample: int
    disk: dict
    values: dict
    processes: int = 1

    @property
    def memory_bytes(self):
        return BASE + max(sum(self.computing.values()), sum(self.summarising.values()))

    @property
    def disk_bytes(self):
        return sum(self.disk.values())


def of(study, threads=None, replications=None, workers=None):
    """The Footprint of a study. threads: None for every CPU of this process. replications: of each cell in turn; None
    for as many as there will be at least. workers: processes of one thread that compute here in place of this one, see
    `engines.workers`; None where it computes."""
    cells, targets = design.cells(study), len(design.targets(study))
    if recipes.problem_of(study).exact:
        return Footprint({}, {}, 0, {}, {})
    threads, processes = (jit.threads_of(threads), 1) if workers is None else (1, workers)
    workers = workers or 0
    counts = [study.replications] * len(cells) if replications is None else replications
    sample = max(recipes.sample_rows(study, cell) for cell in cells) * WIDTH * 8
    sizes = set(zip((cell.size for cell in cells), (cell.cut.block for cell in cells), counts, strict=True))
    longest = max(min(count, block) for _, block, count in sizes)
    rows = len(cells) * _summary_rows(study, cells[0])
    kept = targets if study.keep else 0
    work = max(_work(study, cells[0], size, min(count, block), threads) for size, block, count in sizes)
    files = {cut: _files(study, cells[0], *cut) for cut in sizes}
    first = len(cells) * _file(study, cells[0], [1])  # what as many cells take, however few their replications are
    return Footprint(
        computing={
            "engine": workers * _WORKER,
            "threads": processes * threads * sample,
            "estimators": processes * work,
            "keep": kept * longest * (_KEPT_BLOCK + workers * _RESULTS * _HELD),
        },
        summarising={
            "engine": workers * _WORKER,
            "keep": kept * (max(counts) * _KEPT_CELL + longest * _KEPT_READ),
            "replications": max(_nodes(study, targets, *cut[1:]) for cut in sizes),
            "factors": rows * _ROW + min(rows, summaries.LOOSE_ROWS) * _LOOSE_ROW,
        },
        sample=sample,
        disk={
            "replications": sum(
                files[cell.size, cell.cut.block, count] for cell, count in zip(cells, counts, strict=True)
            )
            - first
            + _FILE * (_count_files(cells, counts) - 1),
            "keep": int(kept * sum(counts) * _FILE_KEPT),
            "factors": first + _FILE + _SUMMARY + rows * _SUMMARY_ROW,
        },
        values={
            "engine": f"a process for each of {workers} threads",
            "factors.n": f"a sample of n = {max(study.n)} in each of {processes * threads} threads",
            "threads": f"a sample of n = {max(study.n)} in each of {processes * threads}",
            "replications": f"{max(counts)} of each of {len(cells)} cells",
            "keep": f"{sum(counts) * targets} estimates, {max(counts) * targets} of them of one cell,",
            "estimators": f"{targets} estimates of a replication",
            "factors": f"{len(cells)} cells, {rows} rows of the summary,",
        },
        processes=max(1, processes),
    )


def refusal(footprint, folder):
    """Why a run cannot fit, a message that names the key to change; None where it may. folder: of the run, or where it
    will be. What is stored there needs no more disk."""
    return _too_little_memory(footprint) or _too_little_disk(footprint, Path(folder))


def refuse(study, threads, folder, workers=None):
    """Raise UsageError where a run of the study in a folder cannot fit into the memory or onto the disk, or where files
    that it reads are not as they must be. workers: as of `of`."""
    why = refusal(of(study, threads, workers=workers), folder)
    if why:
        raise UsageError(why)
    recipes.check_inputs(study, design.cells(study))


def _too_little_memory(footprint):
    parts = max(footprint.computing, footprint.summarising, key=lambda parts: sum(parts.values()))
    if not parts:
        return None
    (have, source), need = memory(), LEAST + sum(parts.values())
    if need <= have:
        return _too_few_addresses(footprint, parts)
    key = max(parts, key=parts.get)
    if key == "threads" and need - parts[key] + footprint.sample > have:
        key = "factors.n"
    return _message(footprint, key, need, "memory", f"{source} {told(have)}")


def _too_few_addresses(footprint, parts):
    """A limit of addresses, as of `ulimit -v`, counts what is mapped, of each process: far more than what is in
    memory."""
    still = sum(size for name, size in _LIBRARIES.items() if name not in sys.modules)
    least = max(_ADDRESSES + jit.threads_of() * _THREAD_ADDRESSES, mapped() + still)  # all threads are started
    need, limit = least + sum(parts.values()) // footprint.processes, addresses()
    need += _RESERVED if limit > least + _RESERVED else 0
    if need <= limit:
        return None
    if least > limit:
        remedy = "raise it (ulimit -v), or set NUMBA_NUM_THREADS lower"
        return f"RLIMIT_AS: allows {told(limit)} of addresses, a run maps {told(least)} or more; {remedy}"
    return _message(footprint, max(parts, key=parts.get), need, "addresses", f"RLIMIT_AS allows {told(limit)}")


def _too_little_disk(footprint, folder):
    have = free(folder)
    need = footprint.disk_bytes - _stored(folder)
    if need * _SURE <= have:
        return None
    key = max(footprint.disk, key=footprint.disk.get)
    least = _FILE + _SUMMARY if key == "factors" else footprint.disk["factors"]  # however little of the key there is
    remedy = "choose another --out" if have < _SURE * least else None
    return _message(footprint, key, need, f"disk for {folder}", f"{told(have)} are free", remedy)


def _message(footprint, key, need, what, there, remedy=None):
    return f"{key}: {footprint.values[key]} needs about {told(need)} of {what}; {there}; {remedy or _REMEDIES[key]}"


def told(size):
    """So many bytes, in words."""
    if size < 1e7:
        return f"{size / 1e3:,.0f} kB"
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def _stored(folder):
    """Bytes of the files of blocks in the folder of a run."""
    found = itertools.chain.from_iterable((folder / name).glob("*.parquet") for name in ("blocks", "estimates"))
    return sum(map(_size, found))


def _size(path):
    try:
        return path.stat().st_size
    except FileNotFoundError:  # another process has just put a longer block in its place
        return 0


def _work(study, cell, size, count, threads):
    """Bytes that `execute.Work` holds, and what is made of it when a block is stored."""
    targets, pairs, chunk = len(design.targets(study)), len(design.target_pairs(study)), design.chunk_size(size)
    span = execute.span(size, count, targets, threads)
    lengths = _node_lengths(count, chunk)
    columns = targets * len(sums.ERRORS.columns) + pairs * len(sums.PAIRS.columns) + _joint_numbers(study, cell)
    chunks = -(-max(lengths) // chunk)
    work = 2 * threads * targets * chunk * 8 + min(targets, execute.HISTOGRAMS) * histograms.BINS * 4
    parts = min(execute.MOST_PARTS, -(-count // span)) * bins(span) * 12 if targets > execute.HISTOGRAMS else 0
    stored = sum(bins(length) for length in lengths) * _BIN + parts
    return int(targets * (span * _HELD + stored) + work + _PARTS * chunks * columns * 8)


def _count_files(cells, counts):
    """Files of sums, about."""
    blocks = sum(-(-count // cell.cut.block) for cell, count in zip(cells, counts, strict=True))
    work = sum(count * cell.cut.work for cell, count in zip(cells, counts, strict=True))
    return min(blocks, 1 + work // cells[0].cut.of_bundle)


def _nodes(study, targets, longest, count):
    """Bytes of the sums of a cell that are held while it is summarised: with a precision all, else one by one."""
    blocks = -(-count // longest) if study.precision else max(1, count // longest).bit_length() + 1
    return targets * blocks * (bins(min(count, longest)) * _NODE_BIN + len(sums.ERRORS.columns) * 8)


def _files(study, cell, size, longest, count):
    """Bytes of the files of the sums of a cell."""
    chunk = design.chunk_size(size)
    whole, rest = divmod(count, longest)
    last = _file(study, cell, _node_lengths(rest, chunk)) if rest else 0
    return whole * _file(study, cell, [longest]) + last


def _file(study, cell, lengths):
    targets, pairs = len(design.targets(study)), len(design.target_pairs(study))
    rows = _FILE_ROW * (targets + pairs) + 8 * _joint_numbers(study, cell)
    return int(sum(rows + targets * bins(length) * _FILE_BIN for length in lengths))


def _node_lengths(count, chunk):
    """Replications of each node of the tree of sums that make up a block that starts where a node does."""
    return [length for _, length in execute.node_runs(design.Block(0, "", 0, count), chunk)]


def _joint_numbers(study, cell):
    """Numbers of the joint sums of coefficients."""
    controlled = not isinstance(recipes.control(study, cell), str)
    return len(study.estimators) * sums.joint_columns(cell.coefficients, controlled) * sums.GROUPS


def bins(count):
    """Bins that are not empty, about, of a histogram of so many errors: every octave has 256, and fewer of them occur
    the farther they are from the bulk."""
    return min(count, 700 + 300 * max(0, count.bit_length() - 11))


def _summary_rows(study, cell):
    """Rows of a cell, about: a measure does not apply to every parameter."""
    measures = [plugins("measures")[measure.name] for measure in study.measures]
    of_targets = sum(
        plugin.suits(quantity) for plugin in measures if not plugin.joint for quantity in cell.quantities
    )
    p = cell.coefficients
    jointly = sum(p * (p - 1) // 2 if plugin.pairwise else 1 for plugin in measures if plugin.joint) if p > 1 else 0
    return len(study.estimators) * (of_targets + jointly)
