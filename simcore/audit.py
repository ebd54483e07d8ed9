"""Whether a run folder holds what was written, and nothing else."""

import random

import pyarrow as pa
import pyarrow.parquet as pq

from simcore import block_tables, design, execute, files, jit, opening, rounds, signals
from simcore.errors import DamagedError
from simcore.findings import Finding, Report
from simcore.meanwhile import Changed, Vanished, settled
from simcore.results import Run, rendered
from simcore.shelves import by_place
from simcore.store import FOLDERS, SCENARIO, SUMMARY


@settled(Vanished, Changed)
def verify(path, sample=3, threads=None):
    """The Report on a run folder: every file against what was written, the summary against the blocks, and `sample`
    blocks, drawn at random, against what they are when computed anew.

    Raises UsageError where there is no run, DamagedError where its run.json cannot be read.
    """
    with signals.stoppable():
        return _report(opening.open_folder(path), sample, threads)


def _report(folder, sample, threads):
    listed = {kind: folder.shelves[kind].listing() for kind in FOLDERS}
    shelves = {kind: _Checked(folder, kind, listed[kind]) for kind in FOLDERS}
    findings = [*_text(folder), *(found for shelf in shelves.values() for found in shelf.findings)]
    missing, recomputed = _missing(folder, shelves, findings), None
    if folder.summarised:
        findings += [Finding("blocks", "lacks what was there", tuple(missing))] * bool(missing)
        missing = []
    if folder.of_this_code:
        jit.set_threads(threads)
        whole = [*shelves["blocks"].whole]
        recomputed = tuple(random.sample(whole, min(sample, len(whole))))
        findings += [found for block in recomputed for found in _computed_anew(folder, shelves, block)]
    if folder.summarised and not findings:
        findings += _summary(folder)
    if findings:
        _unless_changed(folder, listed)
    count = sum(len(shelf.checked) for shelf in shelves.values())
    left = tuple(name for shelf in shelves.values() for name in shelf.left)
    finished = folder.done(missing)
    return Report(folder.path, tuple(findings), tuple(missing), count, recomputed, finished, left)


def _unless_changed(folder, listed):
    """Raise Changed where another process has worked on the run meanwhile: then what was found may be its work."""
    folder.unchanged()
    if any(folder.shelves[kind].listing() != listed[kind] for kind in FOLDERS):
        raise Changed(f"{folder.path}: another process works on this run; verify it when that has ended")


class _Checked:
    """What stands in a folder of block files: findings, places that have a file, names of files that are whole, of
    files their blocks, name -> Blocks, of whole blocks block -> name, and names of files of before an extension."""

    def __init__(self, folder, kind, listing):
        self.folder, self.kind, self.numbers = folder, kind, folder.numbers
        self.findings, self.places, self.checked, self.blocks, self.whole, self.left = [], set(), [], {}, {}, []
        for strange in listing.strange:
            self._find(strange, "is not of this run")
        for broken in listing.broken:
            self._find(broken, "is damaged: its footer does not say which blocks it has")
        for own, places in listing.own.items():
            if all(place.cell in self.numbers for place in places):
                self.places.update(places)
                self._read(own, places)
            else:
                self._find(own, "is of a cell that is not in this run")
        for own, places in listing.earlier.items():
            self.left.append(f"{self.kind}/{own}")
            self._try(own, (), lambda own=own, places=places: folder.table(self.kind, places[0], own))
        self._compare(by_place({own: listing.own[own] for own in self.checked}))

    def _read(self, name, places):
        read = self.folder.read_sums if self.kind == "blocks" else self.folder.read_estimates
        blocks = self.blocks[name] = tuple(design.Block(self.numbers[place.cell], *place) for place in places)
        if self._try(name, blocks, lambda: [read(block, name) for block in blocks]):
            self.checked.append(name)
            self.whole |= dict.fromkeys(blocks, name)

    def _try(self, name, blocks, read):
        """Whether a file can be read."""
        try:
            read()
        except DamagedError as error:
            self._find(name, f"is damaged: {error.__cause__}", blocks)
            return False
        return True

    def _compare(self, names):
        """Of files that disagree about one block, none is to be trusted in any: all that they have is found."""
        wrong = {name for place, own in names.items() if self.folder.differ(self.kind, place, own) for name in own}
        for name in sorted(wrong):
            self._find(name, "is one of different results", self.blocks[name])
        self.whole = {block: name for block, name in self.whole.items() if name not in wrong}

    def _find(self, name, what, blocks=()):
        self.findings.append(Finding(f"{self.kind}/{name}", what, blocks))


def _text(folder):
    for name, text in folder.texts().items():
        wrong = "is not the text that run.json holds" if name == SCENARIO else "is not what it was"
        try:
            wrong = None if files.read(folder.path / name) == text else wrong
        except FileNotFoundError:
            wrong = "is missing; run.json holds its text"
        except OSError as error:
            wrong = f"cannot be read ({error.strerror})"
        if wrong and folder.summarised:  # a run that was killed at its start has yet to write it
            yield Finding(name, wrong)


def _missing(folder, shelves, findings):
    """The blocks that have no file, not even a damaged one. With a precision that is known only of whole ones."""
    if folder.study.precision:
        damaged = any(found.name.startswith(FOLDERS) for found in findings)
        return [] if damaged else rounds.missing(folder)
    places, kept = (shelves[kind].places for kind in FOLDERS)  # of damaged files too
    return design.missing(folder.study, design.by_cell(places & kept if folder.study.keep else places))


def _computed_anew(folder, shelves, block):
    """Findings where the files of a block are not what they are when it is computed anew."""
    study, name = folder.study, shelves["blocks"].whole[block]
    kept = shelves["estimates"].whole.get(block)
    result = execute.run_block(study, design.cells(study)[block.cell], block, kept is not None)
    if block_tables.disagreement(block_tables.of_sums(study, result), folder.shelves["blocks"].read(name)):
        yield Finding(f"blocks/{name}", "is not what it is when computed anew", shelves["blocks"].blocks[name])
    if kept is not None:
        fresh, _ = block_tables.estimates_in(study, block, block_tables.of_estimates(study, result))
        if fresh.tobytes() != folder.read_estimates(block, kept)[0].tobytes():
            lost = shelves["estimates"].blocks[kept]
            yield Finding(f"estimates/{kept}", "is not what it is when computed anew", lost)


def _summary(folder):
    try:
        stored, fresh = files.read(folder.path / SUMMARY), rendered(Run(folder).summary())
        if stored != fresh and not _only_the_writer_differs(stored, fresh):
            yield Finding(SUMMARY, "is not what the blocks give")
    except (OSError, pa.ArrowException) as error:
        yield Finding(SUMMARY, f"cannot be read: {error}")


def _only_the_writer_differs(stored, fresh):
    """Whether two Parquet files hold the same table, written by different versions of pyarrow."""
    one, other = (pq.ParquetFile(pa.BufferReader(data), pre_buffer=False) for data in (stored, fresh))
    return one.metadata.created_by != other.metadata.created_by and _table(one).equals(_table(other))


def _table(file):
    return file.read(use_threads=False)
