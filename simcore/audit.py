"""Whether a run folder holds what was written and nothing else; and putting right what does not."""

import random
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from simcore import block_tables, design, execute, files, jit, restoring, rounds, signals
from simcore.engines import local
from simcore.errors import DamagedError
from simcore.runs import Run, as_arrow
from simcore.shelves import parquet
from simcore.store import FOLDERS, RunFolder

_SUMMARY, _SCENARIO = "summary.parquet", "scenario.toml"


@dataclass(frozen=True)
class Finding:
    """What is wrong with a file of the folder, and the block whose results are not there for that."""

    name: str
    what: str
    block: design.Block | None = None


@dataclass(frozen=True)
class Report:
    """What an audit has found.

    missing: blocks that were never computed, which is no damage. checked: how many block files are whole. recomputed:
    blocks that were computed anew, None where this version of simcore cannot. summarised: whether there is a summary.
    """

    path: Path
    findings: tuple[Finding, ...]
    missing: tuple[design.Block, ...]
    checked: int
    recomputed: tuple[design.Block, ...] | None
    summarised: bool

    @property
    def finished(self):
        """Whether nothing is left to compute."""
        return self.summarised and not self.missing

    def facts(self):
        """For JSON."""
        return {
            "path": str(self.path),
            "findings": [{"file": own.name, "what": own.what, **_placed(own.block)} for own in self.findings],
            "missing": [_placed(block) for block in self.missing],
            "whole": self.checked,
            "recomputed": None if self.recomputed is None else [_placed(block) for block in self.recomputed],
            "finished": self.finished,
        }

    def sentences(self):
        """For people, one line each."""
        for found in self.findings:
            yield f"{found.name} {found.what}" + (f" ({found.block})" if found.block else "")
        yield f"{self.checked} block files are what was written"
        if self.recomputed is None:
            yield "made by another version of simcore: no block was computed anew"
        elif self.recomputed:
            yield f"computed anew, with the same bits unless told above: {'; '.join(map(str, self.recomputed))}"
        if self.missing:
            yield f"{len(self.missing)} blocks are to be computed: {design.told(self.missing)}"
        if not self.summarised:
            yield "the run is not finished: the same simcore run goes on from here"


def _placed(block):
    return {} if block is None else {"cell": block.cell, "first": block.first, "count": block.count}


def verify(path, sample=3, threads=None):
    """The Report on a run folder: every file against what was written, the summary against the blocks, and `sample`
    blocks, drawn at random, against what they are when computed anew.

    Raises UsageError where there is no run, DamagedError where its run.json cannot be read.
    """
    with signals.stoppable():
        folder = RunFolder.open(path)
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
        return Report(folder.path, tuple(findings), tuple(missing), checked, recomputed, folder.finished)


def repair(path, sample=3, threads=None, progress=None):
    """Verify, move what is wrong to the folder `quarantine`, compute exactly that anew, and write the summary again.

    Returns the Report on what was wrong. Raises DamagedError where it cannot be known what the results are of, or
    another version of simcore made them; UsageError where there is no run.
    """
    path = Path(path)
    with signals.stoppable():
        restored = [Finding("run.json", "was damaged or lost")] if restoring.restore(path) else []
        folder = RunFolder.open(path)
        if folder.origin["code"] != jit.source_digest():
            raise DamagedError(f"{path}: was made by another version of simcore; repair it with that one")
        report = verify(path, sample, threads)
        for name in {found.name for found in report.findings} - {_SCENARIO, *FOLDERS}:
            files.move(path / name, path / "quarantine" / name)
        folder.update(_SCENARIO, folder.study.text.encode())
        blocks = sorted({found.block for found in report.findings if found.block}, key=lambda b: (b.cell, b.first))
        for done, block in enumerate(local.run(folder.study, blocks, folder.commit, threads), 1):
            if progress is not None:
                progress(done, len(blocks), block)
        if not rounds.missing(folder):
            folder.tidy()
            Run(folder).write_summary()
        return replace(report, findings=(*restored, *report.findings))


class _Checked:
    """What stands in a folder of block files: findings, places that have a file, and of whole ones block -> name."""

    def __init__(self, folder, name):
        self.name, self.findings, self.places, self.whole = name, [], set(), {}
        listing, numbers = folder.shelves[name].listing(), folder.numbers
        for strange in listing.strange:
            self._find(strange, "is not of this run")
        for place, names in listing.own.items():
            if place.cell in numbers:
                self.places.add(place)
                self._read(folder, design.Block(numbers[place.cell], *place), names)
            else:
                self._find(names[0], "is of a cell that is not in this run")

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
        same = files.read(folder.path / _SCENARIO) == folder.study.text.encode()
    except OSError:
        same = False
    if not same and folder.finished:  # a run that was killed at its start has yet to write it
        yield Finding(_SCENARIO, "is not the text that run.json holds")


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
        stored, fresh = files.read(folder.path / _SUMMARY), parquet(as_arrow(Run(folder).summary()))
        if stored != fresh and not _only_the_writer_differs(stored, fresh):
            yield Finding(_SUMMARY, "is not what the blocks give")
    except (OSError, pa.ArrowException) as error:
        yield Finding(_SUMMARY, f"cannot be read: {error}")


def _only_the_writer_differs(stored, fresh):
    """Whether two Parquet files hold the same table, written by different versions of pyarrow."""
    one, other = (pq.ParquetFile(pa.BufferReader(data)) for data in (stored, fresh))
    return one.metadata.created_by != other.metadata.created_by and one.read().equals(other.read())
