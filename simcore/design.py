"""From a study to its cells, and from a cell to its blocks.

A cell is one combination of n, errors and contamination. What generates its data, and nothing else, names its random
streams: its place in the grid, the estimators and the other cells do not.
"""

import hashlib
import json
import math
from dataclasses import dataclass

from simcore.errors import UsageError
from simcore.registry import plugins
from simcore.scenario import Choice

_MOST_REPLICATIONS = 1 << 20  # of a block
_MOST_BLOCKS = 1_000_000
_BLOCK_SAMPLES = 1 << 28  # of a block, about: a second of work


@dataclass(frozen=True)
class Cell:
    """One combination of factors; `number` is its place in the grid (contamination varies fastest, n slowest)."""

    number: int
    problem: str
    n: int
    errors: Choice
    contamination: Choice

    @property
    def truth(self):
        """The location: the centre of symmetry of the good observations."""
        return self.errors.loc

    @property
    def tail_index(self):
        """alpha with P(|error| > t) ~ t^-alpha; inf where every moment exists."""
        return plugins("distributions")[self.errors.name].tail_index(**self.errors.values)

    @property
    def identity(self):
        """Canonical text of all that generates the data."""
        parts = [self.problem, self.n, self.errors.content(), self.contamination.content()]
        return json.dumps(parts, sort_keys=True, separators=(",", ":"))

    @property
    def key(self):
        """Short name of the identity, for files."""
        return hashlib.sha256(self.identity.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Block:
    """Replications first .. first + count - 1 of a cell: the unit of work and of checkpoint."""

    cell: int
    cell_key: str
    first: int
    count: int


def cells(study):
    """The cells of a study, in the order of the scenario."""
    grid = ((n, errors, bad) for n in study.n for errors in study.errors for bad in study.contamination)
    return [Cell(number, study.problem, *factors) for number, factors in enumerate(grid)]


def block_size(n):
    """Replications of a whole block: a power of two that depends on n alone."""
    return min(_MOST_REPLICATIONS, max(64, 1 << math.floor(math.log2(_BLOCK_SAMPLES / n))))


def blocks(study):
    """Every block of a study, cell by cell; the last one of a cell may be shorter. UsageError if they are too many."""
    grid = cells(study)
    total = sum(-(-study.replications // block_size(cell.n)) for cell in grid)
    if total > _MOST_BLOCKS:
        raise UsageError(
            f"replications: {study.replications} for each of {len(grid)} cells make {total} blocks (got more than "
            f"{_MOST_BLOCKS}); ask for fewer replications or smaller n"
        )
    return [
        Block(cell.number, key, first, min(block_size(cell.n), study.replications - first))
        for cell, key in ((cell, cell.key) for cell in grid)
        for first in range(0, study.replications, block_size(cell.n))
    ]
