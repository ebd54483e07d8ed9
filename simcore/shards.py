"""Which part of a study each of several processes computes, whatever is stored already and whichever of them run.

The bundles of the whole study are dealt, in the order of their first replications and of those the costliest first,
each to the shard that has least so far. So any process finds the same shards, one that is started again has its own,
and what an extension adds is as even as the whole. With a precision whole cells are dealt, by the cost of their first
replications: that of the others is not known yet.
"""

import hashlib
import heapq
import re
from typing import NamedTuple

from simcore import design, rounds
from simcore.errors import UsageError
from simcore.registry import plugins


class Shard(NamedTuple):
    """One of the `count` parts that a study is dealt out to; `number` counts from 1."""

    number: int
    count: int

    def __str__(self):
        return f"shard {self.number} of {self.count}"


def parse(text):
    """The Shard of a text such as "3/64", or the one that is given. Raises UsageError."""
    if isinstance(text, Shard):
        return text
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII) if isinstance(text, str) else None
    shard = Shard(*map(int, found.groups())) if found else None
    if shard is None or not 1 <= shard.number <= shard.count:
        raise UsageError(f'--shard: must be I/N with I from 1 to N (got {text!r}), such as "3/64"')
    return shard


def refuse_exact(study, option):
    """Raise UsageError where a study has no work to share out, for an option that asks for that."""
    if plugins("problems")[study.problem].exact:
        raise UsageError(f"{option}: nothing is random in problem {study.problem!r}; simcore run does it at once")


def missing(folder, shard, present=None):
    """The blocks of a shard that are to be computed next, in order; none when it is done. present: see
    `rounds.missing`."""
    owner = dealt(folder.study, shard.count)
    return [block for block in rounds.missing(folder, present) if owner(block) == shard.number]


def unfinished(study, count, blocks):
    """The numbers of those of `count` shards that have some of these blocks to compute, sorted."""
    return sorted(set(map(dealt(study, count), blocks)))


def most(study):
    """How many shards can have something to compute, at most: bundles, or with a precision cells, are dealt whole."""
    return len(set(map(_dealt_with(study), design.missing(study, {}))))


def _dealt_with(study):
    """A function: Block -> what names the piece of work that it is dealt with, a pair of numbers."""
    return (lambda block: (block.cell, 0)) if study.precision else design.bundle_numbers(study)


def dealt(study, count):
    """A function: Block -> number of the shard, of `count`, that computes it."""
    cells, dealt_with, costs, firsts = design.cells(study), _dealt_with(study), {}, {}
    for block in design.missing(study, {}):
        bundle = dealt_with(block)
        costs[bundle] = costs.get(bundle, 0) + design.cost(cells[block.cell], block)
        firsts.setdefault(bundle, block.first)
    loads, owners = [(0, shard) for shard in range(1, count + 1)], {}
    for bundle in sorted(costs, key=lambda bundle: (firsts[bundle], -costs[bundle], _shuffled(bundle))):
        load, owners[bundle] = loads[0]
        heapq.heapreplace(loads, (load + costs[bundle], owners[bundle]))
    return lambda block: owners[dealt_with(block)]


def _shuffled(bundle):
    """In no order that the grid has: cells of one kind, which take the same time, do not all go to the same shard."""
    return hashlib.sha256(b"%d %d" % bundle).digest()
