"""Which part of a study each of several processes computes, whatever is stored already and whichever of them run.

The files of the whole study are dealt, the costliest first, each to the shard that has least so far. So any process
finds the same shares, and one that is started again has its own. With a precision, whole cells are dealt.
"""

import hashlib
import heapq
import re
from dataclasses import replace
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


def unfinished(study, count, blocks):
    """The numbers of those of `count` shards that have some of these blocks to compute, sorted."""
    return sorted(set(map(dealt(study, count), blocks)))


def most(study):
    """How many shards can have something to compute, at most: pieces of some seconds of work are dealt whole."""
    return len(set(map(_dealt_with(study), design.lacking(study, {}))))


def _dealt_with(study):
    """A function: Block -> what names the piece of work that it is dealt with."""
    number = design.bundle_numbers(study)
    return lambda block: number(replace(block, first=0) if study.precision else block)


def dealt(study, count):
    """A function: Block -> number of the shard, of `count`, that computes it."""
    cells, dealt_with, costs = design.cells(study), _dealt_with(study), {}
    for block in design.lacking(study, {}):
        costs[dealt_with(block)] = costs.get(dealt_with(block), 0) + design.cost(cells[block.cell], block)
    loads, owners = [(0, shard) for shard in range(1, count + 1)], {}
    for bundle in sorted(costs, key=lambda bundle: (-costs[bundle], _shuffled(bundle))):
        load, owners[bundle] = loads[0]
        heapq.heapreplace(loads, (load + costs[bundle], owners[bundle]))
    return lambda block: owners[dealt_with(block)]


def _shuffled(bundle):
    """In no order that the grid has: cells of one kind, which take the same time, do not all go to the same shard."""
    return hashlib.sha256(b"%d %d" % bundle).digest()
