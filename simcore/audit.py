"""Whether a run folder holds what was written, and nothing else."""

import random

import pyarrow as pa
import pyarrow.parquet as pq

from simcore import block_tables, design, execute, files, jit, opening, rounds, signals
from simcore.errors import DamagedError
from simcore.findings import Finding, Report
from simcore.runs import Run, as_arrow
from simcore.shelves import parquet, settled
from simcore.store import FOLDERS, SCENARIO, SUMMARY


@settled
def verify(path, sample=3, threads=None):
    """The Report on a run folder: every file against what was written, the summary against the blocks, and `sample`
    blocks, drawn at random, against what they are when computed anew.

    Raises UsageError where there is no run, DamagedError where its run.json cannot be read.
    """
    with signals.stoppable():
        return _report(opening.open_folder(path), sample, threads)


def _report(folder, sample, threads):
    shelves = {name: _Checked(folder, name) for name in FOLDERS}
    findings = [*_text(folder), *(found for shelf in shelves.values() for found in shelf.findings)]
    missing, recomputed = _missing(folder, shelves, findings), None
    if folder.finished:
        findings += [Finding("blocks", "lacks a block that was there", block) for block in missing]
        missing = []
    if folder.origin["code"] == jit.source_digest():
        jit.set_threads(threads)
        whole = [*shelves["blocks"].whole]
        recomputed = tuple(random.sample(whole, min(sample, len(whole))))
        findings += [found for block in recomputed for found in _computed_anew(folder, shelves, block)]
    if folder.finished and not findings:
        findings += _summary(folder)
    checked = sum(len(shelf.whole) for shelf in shelves.values())
    left = tuple(name for shelf in shelves.values() for name in shelf.left)
    return Report(folder.path, tuple(findings), tuple(missing), checked, recomputed, folder.finished, left)


class _Checked:
    """What stands in a folder of block files: findings, places that have a file, of whole ones block -> name, and
    names of those of before an extension."""

    def __init__(self, folder, name):
        self.name, self.findings, self.places, self.whole, self.left = name, [], set(), {}, []
        listing, numbers = folder.shelves[name].listing(), folder.numbers
        for strange in listing.strange:
            self._find(strange, "is not of this run")
        for place, names in listing.own.items():
            if place.cell in numbers:
                self.places.add(place)
                self._read(folder, design.Block(numbers[place.cell], *place), names)
            else:
                self._find(names[0], "is of a cell that is not in this run")
        for place, names in listing.earlier.items():
            for own in names:
                self._of_before(folder, place, own)

    def _of_before(self, folder, place, name):
        self.left.append(f"{self.name}/{name}")
        try:
            folder.table(self.name, place, name)
        except DamagedError as error:
            self._find(name, f"is damaged: {error.__cause__}")

    def _read(self, folder, block, names):
        whole = []
        for name in names:
            try:
                (folder.read_sums if self.name == "blocks" else folder.read_estimates)(block, name)
                whole.append(name)
            except DamagedError as error:
                self._find(name, f"is damaged: {error.__cause__}", block)
        if folder.differ(self.name, whole):
            for name in whole:
                self._find(name, "is one of different results of a block", block)
        elif whole:
            self.whole[block] = whole[0]

    def _find(self, name, what, block=None):
        self.findings.append(Finding(f"{self.name}/{name}", what, block))


def _text(folder):
    try:
        same = files.read(folder.path / SCENARIO) == folder.study.text.encode()
    except OSError:
        same = False
    if not same and folder.finished:  # a run that was killed at its start has yet to write it
        yield Finding(SCENARIO, "is not the text that run.json holds")


def _missing(folder, shelves, findings):
    """The blocks that have no file, not even a damaged one. With a precision that is known only of whole ones."""
    if folder.study.precision:
        damaged = any(found.name.startswith(FOLDERS) for found in findings)
        return [] if damaged else rounds.missing(folder)
    places, kept = (shelves[name].places for name in FOLDERS)
    return design.lacking(folder.study, design.by_cell(places & kept if folder.study.keep else places))


def _computed_anew(folder, shelves, block):
    """Findings where the files of a block are not what they are when it is computed anew."""
    study, name = folder.study, shelves["blocks"].whole[block]
    kept = shelves["estimates"].whole.get(block)
    result = execute.run_block(study, design.cells(study)[block.cell], block, kept is not None)
    if block_tables.disagreement(block_tables.of_sums(study, result), folder.shelves["blocks"].read(name)):
        yield Finding(f"blocks/{name}", "is not what it is when computed anew", block)
    if kept is not None:
        fresh = block_tables.estimates_in(study, block, block_tables.of_estimates(study, result))
        if fresh.tobytes() != folder.read_estimates(block, kept).tobytes():
            yield Finding(f"estimates/{kept}", "is not what it is when computed anew", block)


def _summary(folder):
    try:
        stored, fresh = files.read(folder.path / SUMMARY), parquet(as_arrow(Run(folder).summary()))
        if stored != fresh and not _only_the_writer_differs(stored, fresh):
            yield Finding(SUMMARY, "is not what the blocks give")
    except (OSError, pa.ArrowException) as error:
        yield Finding(SUMMARY, f"cannot be read: {error}")


def _only_the_writer_differs(stored, fresh):
    """Whether two Parquet files hold the same table, written by different versions of pyarrow."""
    one, other = (pq.ParquetFile(pa.BufferReader(data)) for data in (stored, fresh))
    return one.metadata.created_by != other.metadata.created_by and one.read().equals(other.read())
