"""Which part of a study each of several processes computes, whatever is stored already and whichever of them run.

The blocks of the whole study are dealt, the costliest first, each to the shard that has least so far. So any process
finds the same shares, and one that is started again has its own. With a precision, cells are dealt, not their blocks.
"""

import hashlib
import heapq
import re
from typing import NamedTuple

from simcore import design, rounds
from simcore.errors import UsageError


class Shard(NamedTuple):
    """One of `count` shares of a study; `number` counts from 1."""

    number: int
    count: int

    def __str__(self):
        return f"shard {self.number} of {self.count}"


def parse(text):
    """The Shard of a text such as "3/64". Raises UsageError."""
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
    shard = Shard(*map(int, found.groups())) if found else None
    if shard is None or not 1 <= shard.number <= shard.count:
        raise UsageError(f'--shard: must be I/N with I from 1 to N (got {text!r}), such as "3/64"')
    return shard


def missing(folder, shard):
    """The blocks of a share that are to be computed next, in order; none when it is done."""
    owner = dealt(folder.study, shard.count)
    return [block for block in rounds.missing(folder) if owner(block) == shard.number]


def unfinished(folder, count):
    """The numbers of those of `count` shards that have something to compute, sorted."""
    owner = dealt(folder.study, count)
    return sorted({owner(block) for block in rounds.missing(folder)})


def dealt(study, count):
    """A function: Block -> number of the shard, of `count`, that computes it."""
    cells = design.cells(study)
    if study.precision:
        costs = {(cell.number, 0): (cell.size, cell.key) for cell in cells}
    else:
        blocks = design.lacking(study, {})
        costs = {_unit(cells, block): (block.count * cells[block.cell].size, block.cell_key) for block in blocks}
    order = sorted(costs, key=lambda unit: (-costs[unit][0], _shuffled(costs[unit][1], unit[1])))
    loads, owners = [(0, number) for number in range(1, count + 1)], {}
    for unit in order:
        load, owners[unit] = loads[0]
        heapq.heapreplace(loads, (load + costs[unit][0], owners[unit]))
    return lambda block: owners[(block.cell, 0) if study.precision else _unit(cells, block)]


def _unit(cells, block):
    """What of a cell is dealt at once: the replications of a whole block."""
    return block.cell, block.first // design.block_size(cells[block.cell].size)


def _shuffled(key, number):
    """In no order that the grid has: cells of one kind, which take the same time, do not all go to the same shard."""
    return hashlib.sha256(f"{key} {number}".encode()).digest()


def listed(numbers):
    """Sorted numbers as Slurm writes those of an array: 3,17-19."""
    ranges = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)
