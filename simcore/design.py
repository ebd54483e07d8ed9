"""From a study to its cells, from a cell to its blocks, and to bundles of blocks.

A cell is one combination of n, errors, contamination and, in regression, design. What generates its data, and nothing
else, names its random streams: its place in the grid, the estimators and the other cells do not. A bundle is the blocks
that are stored in one file.
"""

import functools
import hashlib
import itertools
import json
from dataclasses import dataclass, replace
from typing import NamedTuple

from simcore.errors import UsageError
from simcore.populations import estimand
from simcore.registry import Quantity, plugins
from simcore.scenario import MOST_PAIRED, Choice, Model
from simcore.wording import counted

_MOST_BLOCKS = 1_000_000
_MOST_WORK = 1 << 60
_YEAR = 1 << 53  # of work, about
_MOST_TOLD = 5  # blocks in a message
_DRAWING = 2  # work of an observation before any estimator has seen it
_FITTING = 8  # and of a regression by each estimator, for each coefficient
_STORING = 1 << 20  # work of storing a block
_KEEPING = 1 << 8  # and of each estimate that is kept


class Limits(NamedTuple):
    """Of the pieces that work is cut into: replications of a chunk, and samples of them in all; replications of a block
    where estimates are kept, and where they are not; chunks of a block, at least; work of a bundle, some seconds;
    bundles of a run, about."""

    chunk: int = 1024
    samples: int = 1 << 28
    kept: int = 1 << 20
    summed: int = 1 << 26
    least: int = 1
    work: int = 1 << 30
    bundles: int = 1 << 14


LIMITS = Limits()


class Cut(NamedTuple):
    """How the replications of a cell are cut into blocks, and blocks put into bundles: by work, foretold from the study
    alone. The unit is what one location estimator does with an observation, some nanoseconds.

    work: of a replication. before: of the cells before this one. of_bundle: of a bundle. block: replications of a
    block.
    """

    work: int
    before: int
    of_bundle: int
    block: int


@dataclass(frozen=True)
class Cell:
    """One combination of factors; `number` is its place in the grid (contamination varies fastest, n slowest).

    settings: of the problem, pairs of name and value. design, model: of a regression, else None. cut: see `cells`.
    """

    number: int
    problem: str
    n: int
    errors: Choice
    contamination: Choice
    settings: tuple[tuple[str, float | str], ...] = ()
    design: Choice | None = None
    model: Model | None = None
    cut: Cut | None = None

    @property
    def setting(self):
        return dict(self.settings)

    @functools.cached_property
    def simulation(self):
        """The `registry.Simulation` of its problem, with what its errors bring; None of location and regression."""
        simulation, errors = plugins("problems")[self.problem].simulation, plugins("distributions")[self.errors.name]
        return simulation and replace(simulation, **errors.parts(**self.errors.values))

    @property
    def size(self):
        """How many samples of a location problem a replication costs as much as, about."""
        return self.simulation.work(self.n, self.setting) if self.simulation else self.n

    @property
    def quantities(self):
        """What an estimator gives, a `registry.Quantity` each: theta, the parameters of a regression, or what a problem
        says. Their truths are those of symmetric errors, see `truths`."""
        if exact := plugins("problems")[self.problem].exact:
            return exact.quantities
        if self.simulation:
            return self.simulation.quantities(self.setting, self.errors)
        if self.model:
            pairs = zip(self.model.parameters, self.model.truths, strict=True)
            return tuple(Quantity(name, truth=truth) for name, truth in pairs)
        return (Quantity("theta", truth=self.errors.loc),)

    @property
    def coefficients(self):
        """How many of the quantities are coefficients of one model, and not fitted values at points."""
        return len(self.model.beta) if self.model else 1

    @property
    def tail_index(self):
        """alpha with P(|error| > t) ~ t^-alpha; inf where every moment exists."""
        return plugins("distributions")[self.errors.name].tail_index(**self.errors.values)

    @property
    def identity(self):
        """Canonical text of all that generates the data."""
        parts = [self.problem, self.n, self.errors.content(), self.contamination.content()]
        if self.settings:
            parts.append(self.setting)
        if self.model:
            parts += [self.design.content(), list(self.model.beta), self.model.intercept]
        return json.dumps(parts, sort_keys=True, separators=(",", ":"))

    @property
    def design_identity(self):
        """Canonical text of all that generates the design: cells that differ in errors and contamination share it."""
        parts = [self.problem, self.n, self.design.content(), self.model.columns]
        return json.dumps(parts, sort_keys=True, separators=(",", ":"))

    @functools.cached_property
    def key(self):
        """Short name of the identity, for files."""
        return hashlib.sha256(self.identity.encode()).hexdigest()[:16]


class Place(NamedTuple):
    """Where the results of a block belong: its cell by key, its first replication and how many there are."""

    cell: str
    first: int
    count: int

    def overlaps(self, other):
        """Whether some replications of this cell are in both."""
        return max(self.first, other.first) < min(self.first + self.count, other.first + other.count)


@dataclass(frozen=True)
class Block:
    """Replications first .. first + count - 1 of a cell: the unit of work and of checkpoint."""

    cell: int
    cell_key: str
    first: int
    count: int

    def __str__(self):
        return f"cell {self.cell}, replications {self.first}..{self.first + self.count - 1}"

    @property
    def place(self):
        return Place(self.cell_key, self.first, self.count)


def cells(study):
    """The cells of a study, in the order of the scenario, each with its Cut."""
    return list(_cut_up(study, LIMITS))


@functools.lru_cache(maxsize=2)
def _cut_up(study, limits):
    found = list(_cells(study))
    works = [_work(study, cell) for cell in found]
    of_bundle, before = max(limits.work, sum(works) * study.replications // limits.bundles), 0
    for cell, work in zip(found, works, strict=True):
        cut = Cut(work, before, of_bundle, _block_size(study, cell, of_bundle // work))
        object.__setattr__(cell, "cut", cut)
        before += work * study.replications + -(-study.replications // cut.block) * _STORING
    return found


def _work(study, cell):
    """Work of a replication, foretold: see `Cut`."""
    fitting = _DRAWING + sum(_fitting(choice, cell.coefficients) for choice in study.estimators)
    kept = len(study.estimators) * len(cell.quantities) if study.keep else 0
    return cell.size * fitting + kept * _KEEPING


def _fitting(choice, coefficients):
    plugin = None if choice.loss else plugins("estimators")[choice.name]
    if plugin is not None and plugin.work:
        return plugin.work(coefficients)
    return 1 if coefficients == 1 else _FITTING * coefficients


def _block_size(study, cell, share):
    """A power of two, whole chunks."""
    most = LIMITS.kept if study.keep else LIMITS.summed
    least = LIMITS.least * chunk_size(cell.size)
    return max(least, min(most, 1 << max(1, share).bit_length() - 1))


def _cells(study):
    settings = itertools.product(*([(name, value) for value in values] for name, values in study.settings))
    grid = itertools.product(study.n, settings, study.design or (None,), study.errors, study.contamination)
    for number, (n, setting, plan, errors, bad) in enumerate(grid):
        yield Cell(number, study.problem, n, errors, bad, setting, plan, study.model)


def parameters(study):
    """The names of what an estimator gives."""
    return tuple(quantity.name for quantity in next(_cells(study)).quantities)


def targets(study):
    """Every parameter of every estimator, as pairs (place of the estimator, place of the parameter), in the order of
    the rows that kernels fill."""
    return list(itertools.product(range(len(study.estimators)), range(len(parameters(study)))))


def truths(study, cell):
    """The true value of each target, None where it has none; where errors are not symmetric, each loss has its own, see
    `populations`. Raises `populations.Unknown`."""
    return [truth for choice in study.estimators for truth in truths_of(study, cell, choice)]


def truths_of(study, cell, choice):
    """As `truths`, of one estimator."""
    plain = [quantity.truth for quantity in cell.quantities]
    if cell.simulation:
        return plain
    centre = estimand(choice, cell.errors, cell.problem, study.estimand)
    return [centre] if cell.model is None else _shifted(cell.model, plain, centre)


def _shifted(model, plain, centre):
    """The truths of a regression whose errors have this centre: it moves the intercept, and with it fitted values."""
    if not model.intercept or centre == 0.0:
        return plain
    moved = range(1, len(model.beta))
    return [value if j in moved else None if centre is None else value + centre for j, value in enumerate(plain)]


def measured_against(study, cell):
    """What is taken from each target before its errors are summed: its true value, or 0."""
    return [0.0 if truth is None else truth for truth in truths(study, cell)]


def target_pairs(study):
    """Which targets are compared: the same parameter of two estimators, as pairs of rows."""
    count = len(parameters(study))
    return [(i * count + k, j * count + k) for i, j in pairs(study) for k in range(count)]


def pairs(study):
    """Which estimators are compared: pairs of their places, each the same way round whatever their order."""
    keys, reference = [choice.key for choice in study.estimators], study.reference_place
    every = [
        (i, j) if keys[i] < keys[j] else (j, i) for i in range(len(keys)) for j in range(i + 1, len(keys))
    ]
    return every if len(keys) <= MOST_PAIRED else [pair for pair in every if reference in pair]


def chunk_size(size):
    """Replications of a leaf of the tree of sums (see `sums`): a power of two that depends on the cell's size alone."""
    return min(LIMITS.chunk, max(64, 1 << max(1, LIMITS.samples // size).bit_length() - 1))


def count_blocks(study):
    """How many blocks a study has at most. Raises UsageError if they are too many, or too much work."""
    grid = cells(study)
    most = study.precision.max_replications if study.precision else study.replications
    total = sum(-(-most // cell.cut.block) for cell in grid)
    if total > _MOST_BLOCKS:
        raise UsageError(
            f"replications: {most} for each of {len(grid)} cells make {total} blocks, and at most {_MOST_BLOCKS} can "
            "be; ask for fewer replications or smaller n"
        )
    work = most * sum(cell.cut.work for cell in grid)
    if work > _MOST_WORK:
        raise UsageError(
            f"replications: {most} for each of {len(grid)} cells are some {work // _YEAR:,} years of work for a "
            f"processor, and at most {_MOST_WORK // _YEAR} can be; ask for fewer replications or smaller n"
        )
    return total


def blocks_between(cell, first, stop):
    """Blocks of replications first..stop-1 of a cell, cut at the multiples of its block size."""
    key, size = cell.key, cell.cut.block
    while first < stop:
        end = min(stop, (first // size + 1) * size)
        yield Block(cell.number, key, first, end - first)
        first = end


def missing(study, present, counts=None):
    """The blocks of all replications of a study that are not present, cell by cell; the last one of a cell may be
    shorter. present: cell key -> pairs (first, count). counts: replications of each cell, None for those of the
    study."""
    grid = cells(study)
    counts = [study.replications] * len(grid) if counts is None else counts
    lists = (cover(cell, present.get(cell.key, ()), count)[1] for cell, count in zip(grid, counts, strict=True))
    return [block for blocks in lists for block in blocks]


def bundles(study, blocks):
    """Blocks in their bundles, lists of Blocks: each has some seconds of work, and what is in it depends on the study
    alone, if all of its blocks are there."""
    return [list(group) for _, group in itertools.groupby(blocks, bundle_numbers(study))]


def bundle_numbers(study):
    """A function: Block -> what names its bundle: a pair of numbers, the first the same for all of a cell."""
    cuts = [cell.cut for cell in cells(study)]

    def number(block):
        cut = cuts[block.cell]
        own = block.first // cut.block * (cut.block * cut.work + _STORING)
        return cut.before // cut.of_bundle, (cut.before + own) // cut.of_bundle

    return number


def cost(cell, block):
    """Work of computing and storing a block of a cell, foretold: see `Cut`."""
    return block.count * cell.cut.work + _STORING


def cut_at(study, blocks, before):
    """Blocks, cut where those of `before`, cell key -> pairs (first, count), end at the end of a chunk: so that their
    sums can be compared."""
    chunks, found = [chunk_size(cell.size) for cell in cells(study)], []
    for block in blocks:
        chunk, first, stop = chunks[block.cell], block.first, block.first + block.count
        ends = {end // chunk * chunk for pair in before.get(block.cell_key, ()) for end in (pair[0], sum(pair))}
        for end in [*sorted(end for end in ends if first < end < stop), stop]:
            found.append(Block(block.cell, block.cell_key, first, end - first))
            first = end
    return found


def told(blocks):
    """Blocks in words: how many, and the first of them, those that go on from each other as one."""
    joined = []
    for block in blocks:
        if joined and (last := joined[-1]).cell == block.cell and last.first + last.count == block.first:
            joined[-1] = replace(last, count=last.count + block.count)
        else:
            joined.append(block)
    shown = [*map(str, joined[:_MOST_TOLD]), *["..."] * (len(joined) > _MOST_TOLD)]
    return f"{counted(len(blocks), 'block')} ({'; '.join(shown)})"


def by_cell(places):
    """Cell key -> pairs (first, count), of Places."""
    found = {}
    for place in places:
        found.setdefault(place.cell, []).append(place[1:])
    return found


def cover(cell, present, replications):
    """Which of the present blocks of a cell make up its first replications, and which blocks are lacking.

    present: pairs (first, count). Where a block ends within a chunk, that chunk counts only if the cell ends there too.
    """
    chunk, longest = chunk_size(cell.size), _longest(present)
    have, lacking, at = [], [], 0
    for first in [*sorted(longest), replications]:
        if first > at:
            lacking += blocks_between(cell, at, min(first, replications))
            at = min(first, replications)
        end = first + longest.get(first, 0)
        end = end if end >= replications else end // chunk * chunk
        if first == at < min(end, replications):
            have.append((first, longest[first]))
            at = end
    return have, lacking


def reach(cell, present):
    """How many replications from the first on the present blocks of a cell make up without a gap."""
    chunk, longest = chunk_size(cell.size), _longest(present)
    at = reached = 0
    while at in longest:
        end = at + longest[at]
        reached = max(reached, end)
        if end // chunk * chunk == at:
            break
        at = end // chunk * chunk
    return reached


def _longest(present):
    return dict(sorted(present))
