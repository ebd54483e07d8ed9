"""What is found in a run folder that is not as it was written, and what was done about it: for people and as JSON."""

from dataclasses import dataclass
from pathlib import Path

from simcore import design
from simcore.errors import command
from simcore.wording import counted

QUARANTINE = "quarantine"  # the folder where what is wrong goes
_UNFINISHED = "the run is not finished: the same simcore run goes on from here"


@dataclass(frozen=True)
class Finding:
    """What is wrong with a file of the folder, and the blocks whose results are not there for that."""

    name: str
    what: str
    blocks: tuple[design.Block, ...] = ()

    def __str__(self):
        return f"{self.name} {self.what}" + (f": {design.told(self.blocks)}" if self.blocks else "")

    def facts(self):
        """For JSON."""
        return {"file": self.name, "what": self.what, "blocks": list(map(_placed, self.blocks))}


@dataclass(frozen=True)
class Report:
    """What an audit has found.

    missing: blocks that were never computed, which is no damage. whole: how many block files are. recomputed: blocks
    that were computed anew, None where this version of simcore cannot. finished: whether nothing was left to do. left:
    names of files of the study before it was extended.
    """

    path: Path
    findings: tuple[Finding, ...]
    missing: tuple[design.Block, ...]
    whole: int
    recomputed: tuple[design.Block, ...] | None
    finished: bool
    left: tuple[str, ...]

    def facts(self):
        """For JSON."""
        return {
            "path": str(self.path),
            "findings": [found.facts() for found in self.findings],
            "missing": [_placed(block) for block in self.missing],
            "whole": self.whole,
            "recomputed": None if self.recomputed is None else [_placed(block) for block in self.recomputed],
            "finished": self.finished,
        }

    def sentences(self):
        """For people, one line each."""
        yield from map(str, self.findings)
        yield f"{counted(self.whole, 'block file is', 'block files are')} what was written"
        if self.recomputed:
            yield f"computed anew, with the same bits unless told above: {design.told(self.recomputed)}"
        if self.left:
            left = counted(len(self.left), "file is", "files are")
            yield f"{left} of the study before it was extended, which a finished run removes"
        if self.missing:
            yield f"to be computed: {design.told(self.missing)}"
        if self.recomputed is None:
            yield "made by another version of simcore, which alone can compute, extend or repair it"
        elif self.findings:
            yield f"{command('repair', self.path)} moves what is wrong away and computes it anew"
        elif not self.finished:
            yield _UNFINISHED


@dataclass(frozen=True)
class Repair:
    """What was wrong with a run folder, and what was done about it.

    record: what a run.json that was made again says. restored: names of files that were made again from others. moved:
    names that went to the folder `quarantine`. computed: blocks that were computed anew. finished: whether nothing is
    left to compute.
    """

    report: Report
    record: str | None
    restored: tuple[str, ...]
    moved: tuple[str, ...]
    computed: tuple[design.Block, ...]
    finished: bool

    def facts(self):
        """For JSON."""
        return {
            "path": str(self.report.path),
            "findings": [found.facts() for found in self.report.findings],
            "record": self.record,
            "restored": self.restored,
            "moved": self.moved,
            "computed": [_placed(block) for block in self.computed],
            "finished": self.finished,
        }

    def sentences(self):
        """For people, one line each."""
        yield from map(str, self.report.findings)
        if self.record:
            yield f"run.json was written again, from what the other files say: {self.record}"
        for name in self.restored:
            yield f"{name} was written again, from what the other files say"
        for name in self.moved:
            yield f"{name} was moved to {self.report.path / QUARANTINE}"
        if self.computed:
            yield f"computed anew: {design.told(self.computed)}"
        if not (self.record or self.restored or self.moved or self.computed):
            yield "nothing to repair"
        if not self.finished:
            yield _UNFINISHED


def _placed(block):
    return {"cell": block.cell, "first": block.first, "count": block.count}
