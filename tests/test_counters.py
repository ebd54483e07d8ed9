"""Replications whose numbers lie about 2^31, 2^32 and 2^53: their own streams, their own places, and nothing wraps."""

import functools
import itertools

import numpy as np
import pyarrow as pa
import pytest

from simcore import block_tables, design, execute, kernels, linear_kernels, recipes, streams, sums, trial_kernels
from simcore.design import Place
from simcore.lanes import WIDTH
from simcore.scenario import parse
from simcore.shelves import Shelf, by_place
from tests.oracles import streams as oracle
from tests.running import same_bits, samples

BORDERS = (2**31, 2**32, 2**34, 2**35, 2**53)  # and those of lane groups of 8 about 2^31 and 2^32
REST = 'n = [4]\nerrors = [{ distribution = "normal" }]\n'
HUBER = '[[estimators]]\nloss = "huber"\n'
STUDIES = {
    "location": 'problem = "location"\n[factors]\n' + REST + '[[estimators]]\nloss = "l2"\n' + HUBER,
    "linear": 'problem = "linear"\nbeta = [1, 2]\n[factors]\ndesign = [{ design = "gaussian", redrawn = true }]\n'
    + REST
    + '[[estimators]]\nloss = "l2"\n[[estimators]]\nloss = "l1"\n',
    "classification": 'problem = "classification"\n[factors]\nn = [4]\nerrors = [{ distribution = "gumbel" }]\n'
    '[[estimators]]\nestimator = "cross_entropy"\n',
}


@functools.cache
def _study(problem):
    study = parse(f'name = "counters"\n{STUDIES[problem]}')
    return study, design.cells(study)[0]


@functools.cache
def _about(problem, border):
    """A block of two chunks that ends with the border, and one that begins with it."""
    study, cell = _study(problem)
    chunk = design.chunk_size(cell.size)
    blocks = [design.Block(0, cell.key, first, chunk) for first in (border - chunk, border)]
    return [execute.run_block(study, cell, block, keep=True) for block in blocks]


def _bits(result):
    return result.estimates.T.copy().view("u8")


@pytest.mark.parametrize("border", BORDERS)
def test_draws_are_those_of_the_twin(border):
    """Uniforms of the lane groups before and after a border, compiled and plain, against Python's whole numbers."""
    first = border // WIDTH - 1
    for compiled in (True, False):
        found = samples("uniform", (0.0, 1.0), 4, 2, first_group=first, compiled=compiled, seed=7)
        for group, lane in itertools.product(range(2), range(WIDTH)):
            twin = oracle.stream(7, "errors", "cell", (first + group) * WIDTH + lane)
            drawn = [2.0 * (twin.unit() - 0.5) for _ in range(4)]
            assert np.array_equal(found[group, :, lane], drawn)
    assert streams.PURPOSES[0] == "errors"


@pytest.mark.parametrize("problem", STUDIES)
def test_no_two_replications_are_alike(problem):
    """Those about every border and the first ones: had a number lost its high bits, it would repeat another."""
    study, cell = _study(problem)
    start = execute.run_block(study, cell, design.Block(0, cell.key, 0, design.chunk_size(cell.size)), keep=True)
    rows = np.concatenate([_bits(start), *(_bits(own) for border in BORDERS for own in _about(problem, border))])
    assert len(np.unique(rows, axis=0)) == len(rows) > 10_000


PLAIN = {"location": kernels.simulate, "linear": linear_kernels.simulate, "classification": trial_kernels.simulate}


@pytest.mark.parametrize(
    ("problem", "border"), [("location", 2**53), ("linear", 2**32), ("linear", 2**53), ("classification", 2**53)]
)
def test_compiled_equals_plain(problem, border):
    """The lane groups on both sides of a border, estimates and states to the bit."""
    study, cell = _study(problem)
    kernel, count = recipes.kernel_cell(study, cell, False), len(design.targets(study))
    estimates, states = np.empty((count, 2, WIDTH)), np.empty((count, 2, WIDTH), np.uint32)
    controls = np.empty((2 * len(cell.quantities) if kernel.score else 0, WIDTH))
    with np.errstate(all="ignore"):
        PLAIN[problem](kernel, border // WIDTH - 1, 0, 2, estimates, states, controls)
    before, after = _about(problem, border)
    for part, found in (("estimates", estimates), ("states", states)):
        whole = np.concatenate([getattr(before, part)[:, -WIDTH:], getattr(after, part)[:, :WIDTH]], axis=1)
        assert np.array_equal(whole, found.reshape(count, -1), equal_nan=part == "estimates")


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("problem", STUDIES)
def test_a_block_is_stored_and_read_back(tmp_path, problem, border):
    """Sums and estimates, under names that say where they belong; the tree of sums has no number of its own."""
    study, _ = _study(problem)
    shelf = Shelf(tmp_path / "blocks", tmp_path / "temporary", b"stamp", frozenset())
    for result in _about(problem, border):
        place = Place(result.block.cell_key, result.block.first, result.block.count)
        for table in (block_tables.of_sums(study, result), block_tables.of_estimates(study, result)):
            shelf.put([place], table)
            assert table.schema.field("first" if "first" in table.column_names else "replication").type == pa.int64()
        names = by_place(shelf.listing().own).pop(place)
        tables = sorted(map(shelf.read, names), key=lambda table: "first" in table.column_names)
        kept, _ = block_tables.estimates_in(study, result.block, tables[0])
        assert same_bits(kept.copy(), np.where(result.states % 256 < 3, result.estimates, np.nan))
        for node, stored in zip(result.nodes, block_tables.sums_in(study, result.block, tables[1]), strict=True):
            assert (node.first, node.count) == (stored.first, stored.count)
            assert node.errors.tobytes() == stored.errors.tobytes() and node.pairs.tobytes() == stored.pairs.tobytes()
    assert len(shelf.listing().own) == 4 and not shelf.listing().strange


@pytest.mark.parametrize("border", BORDERS)
def test_nodes_join_across_a_border_as_at_zero(border):
    """Two blocks on both sides are no siblings, for the border is the end of a tree; the chunks of one block are."""
    before, after = _about("location", border)
    assert len(sums.joined([*before.nodes, *after.nodes], 1024)) == 2
    study, cell = _study("location")
    long = execute.run_block(study, cell, design.Block(0, cell.key, border, 3072))
    assert [(node.first - border, node.count) for node in long.nodes] == [(0, 2048), (2048, 1024)]
    assert [*sums.aligned_runs(border - 1, border + 3)] == [(border - 1, 1), (border, 2), (border + 2, 1)]
    assert [*design.blocks_between(cell, border - 1024, border + 8)] == [
        design.Block(0, cell.key, border - 1024, 1024),
        design.Block(0, cell.key, border, 8),
    ]
    assert design.reach(cell, {(0, border), (border, 8)}) == border + 8
