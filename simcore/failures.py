"""Blocks of a run that could not be computed: a small file in its folder `failed` for each, until the run is finished.

They are for people, who are told those of blocks that are still missing, and decide nothing: whoever computes the run
next tries them again.
"""

import json
from pathlib import Path
from typing import NamedTuple

from simcore import files
from simcore.design import Block
from simcore.errors import SimcoreError, command
from simcore.wording import counted

FOLDER = "failed"
_MOST_TOLD = 10


class Failure(NamedTuple):
    """A block of the run in a folder, and why it could not be computed."""

    path: Path
    block: Block
    why: str

    def __str__(self):
        return f"{self.block}: {self.why}; {self.replay}"

    @property
    def replay(self):
        """The command that shows its first replication. Cells have other numbers when a study was extended."""
        return command("replay", self.path, "--cell", self.block.cell, "--replication", self.block.first)


class FailedError(SimcoreError):
    """Blocks of a run could not be computed, and all others are stored. failures: a Failure each."""

    def __init__(self, path, failures):
        self.failures = tuple(failures)
        count, more = len(self.failures), len(self.failures) > _MOST_TOLD
        told = "".join(f"  {failure}\n" for failure in self.failures[:_MOST_TOLD]) + "  ...\n" * more
        super().__init__(
            f"{path}: {counted(count, 'block')} failed, all others are stored:\n{told}"
            "the same command tries again; each line ends with a command that shows the first replication of its block"
        )


def record(path, block, why):
    """Write down that a block of the run in a folder failed, and return the Failure. Raises OSError."""
    failure = Failure(path, block, " ".join(why.split()))
    entries = {"cell": block.cell_key, "first": block.first, "count": block.count, "why": failure.why}
    files.make_folder(path / FOLDER)
    files.replace(path / FOLDER / _name(block), json.dumps(entries, indent=2).encode() + b"\n", path / "temporary")
    return failure


def clear(path):
    """Remove what is written down of any block. Raises OSError."""
    files.clear(path / FOLDER)


def of(path, blocks):
    """Block -> Failure, of those blocks that have failed."""
    try:
        there = set(files.names(path / FOLDER))
    except OSError:  # of no importance to the run
        there = set()
    return {block: _read(path, block) for block in blocks if _name(block) in there}


def _read(path, block):
    try:
        why = str(json.loads(files.read(path / FOLDER / _name(block)))["why"])
    except (OSError, ValueError, TypeError, KeyError):  # of no importance to the run
        why = f"{path / FOLDER / _name(block)} cannot be read"
    return Failure(path, block, why)


def _name(block):
    return f"{block.cell_key}-{block.first:013d}-{block.count}.json"
