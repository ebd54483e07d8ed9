"""Blocks of a run that could not be computed: a small file in its folder `failed` for each, until the block is stored.

They are for people, and decide nothing: whoever computes the run next tries them again.
"""

import json
from typing import NamedTuple

from simcore import files
from simcore.design import Block
from simcore.errors import SimcoreError, command

FOLDER = "failed"
_MOST_TOLD = 10


class Failure(NamedTuple):
    """A block, why it could not be computed, and the command that shows its first replication."""

    block: Block
    why: str
    replay: str

    def __str__(self):
        return f"{self.block}: {self.why}; {self.replay}"


class FailedError(SimcoreError):
    """Blocks of a run could not be computed, and all others are stored. failures: a Failure each."""

    def __init__(self, path, failures):
        self.failures = tuple(failures)
        count, more = len(self.failures), len(self.failures) > _MOST_TOLD
        told = "".join(f"  {failure}\n" for failure in self.failures[:_MOST_TOLD]) + "  ...\n" * more
        super().__init__(
            f"{path}: {count} block{'s' * (count != 1)} failed, all others are stored:\n{told}"
            "the same command tries again; each line ends with a command that shows the first replication of its block"
        )


def record(path, block, why):
    """Write down that a block of the run in a folder failed, and return the Failure. Raises OSError."""
    replay = command("replay", path, "--cell", block.cell, "--replication", block.first)
    failure = Failure(block, " ".join(why.split()), replay)
    entries = {"cell": block.cell, "first": block.first, "count": block.count, "why": failure.why, "replay": replay}
    files.make_folder(path / FOLDER)
    files.replace(path / FOLDER / _name(block), json.dumps(entries, indent=2).encode() + b"\n", path / "temporary")
    return failure


def forget(path, block):
    """Remove what is written down of a block. Raises OSError."""
    files.remove(path / FOLDER / _name(block))


def of(path, blocks):
    """Block -> Failure, of those blocks that have failed."""
    try:
        there = set(files.names(path / FOLDER))
    except OSError:  # of no importance to the run
        there = set()
    return {block: _read(path, block) for block in blocks if _name(block) in there}


def _read(path, block):
    try:
        entries = json.loads(files.read(path / FOLDER / _name(block)))
        return Failure(block, str(entries["why"]), str(entries["replay"]))
    except (OSError, ValueError, TypeError, KeyError):  # of no importance to the run
        return Failure(block, "its file cannot be read", str(path / FOLDER / _name(block)))


def _name(block):
    return f"{block.cell_key}-{block.first:013d}-{block.count}.json"
