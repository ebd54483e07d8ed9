"""How far a run has come, cell by cell, by the names of its files. Reads no results but those that a precision depends
on: whether they are what was written is for `audit` to say."""

from dataclasses import dataclass
from pathlib import Path

from simcore import design, failures, opening, rounds, shards
from simcore.meanwhile import Changed, Vanished, settled


@dataclass(frozen=True)
class CellProgress:
    """replications: stored, from the first on without a gap. missing: blocks to be computed, with a precision those of
    the next round. failed: a Failure for each of them that was tried in vain."""

    cell: design.Cell
    replications: int
    missing: tuple[design.Block, ...]
    failed: tuple[failures.Failure, ...]

    def facts(self):
        """For JSON."""
        failed = [{"why": own.why, "replay": own.replay} for own in self.failed]
        counts = {"missing_blocks": len(self.missing), "failed_blocks": len(self.failed), "failures": failed}
        return {"cell": self.cell.number, "replications": self.replications} | counts


@dataclass(frozen=True)
class Progress:
    """The progress of a run. finished: whether nothing is left to do. shards: how many it is computed in, None where
    that is not known. unfinished: numbers of those that have something to compute."""

    path: Path
    study: object
    cells: tuple[CellProgress, ...]
    finished: bool
    shards: int | None
    unfinished: tuple[int, ...]

    @property
    def missing(self):
        """How many blocks are missing."""
        return sum(len(own.missing) for own in self.cells)

    @property
    def failed(self):
        """Every Failure."""
        return [failure for own in self.cells for failure in own.failed]

    def facts(self):
        """For JSON."""
        return {
            "path": str(self.path),
            "finished": self.finished,
            "replications": None if self.study.precision else self.study.replications,
            "cells": [own.facts() for own in self.cells],
            "shards": self.shards,
            "unfinished_shards": list(self.unfinished),
        }


@settled(Vanished, Changed)
def status(path, count=None):
    """The Progress of a run. count: of the shards to say which are unfinished. Raises UsageError, DamagedError."""
    folder = opening.open_folder(path)
    present, missing = folder.present(), {}
    blocks = rounds.missing(folder, present)
    for block in blocks:
        missing.setdefault(block.cell, []).append(block)
    cells, given_up = [], failures.of(folder.path, blocks)
    for cell in design.cells(folder.study):
        own = tuple(missing.get(cell.number, ()))
        failed = tuple(given_up[block] for block in own if block in given_up)
        cells.append(CellProgress(cell, design.reach(cell, present.get(cell.key, ())), own, failed))
    unfinished = tuple(shards.unfinished(folder.study, count, blocks)) if count else ()
    return Progress(folder.path, folder.study, tuple(cells), folder.done(blocks), count, unfinished)
