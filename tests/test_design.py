"""Cells, blocks and pairs: whatever blocks a folder holds, each replication is counted once or asked for once."""

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import simcore as sc
from simcore import design
from simcore.errors import UsageError
from simcore.registry import Quantity

FIXED = settings(max_examples=300, deadline=None, derandomize=True)
SMALL, LARGE = 20, 1_000_000  # chunks of 1024, of 256
LOSSES = [{"loss": "l2"}, {"loss": "l1"}, {"loss": "huber"}, {"loss": "tukey"}, {"estimator": "hodges_lehmann"}]


def study_with(**changes):
    entries = {
        "name": "design",
        "problem": "location",
        "replications": 5000,
        "factors": {"n": [SMALL], "errors": [{"distribution": "normal"}]},
        "estimators": LOSSES[:2],
    }
    return sc.Study(**(entries | changes))


def cell_of(n):
    return design.cells(study_with(factors={"n": [n], "errors": [{"distribution": "normal"}]}))[0]


CELLS = {n: cell_of(n) for n in (SMALL, LARGE)}
_chunks, _odd = st.integers(0, 12), st.integers(0, 255)


@st.composite
def _blocks(draw):
    """A size n and blocks that begin at chunks and end anywhere, in any order; several may begin at the same place."""
    n = draw(st.sampled_from([SMALL, LARGE]))
    chunk = design.chunk_size(n)
    places = draw(st.lists(st.tuples(_chunks, _chunks, _odd), max_size=6))
    return n, [(first * chunk, count * chunk + rest or 1) for first, count, rest in places]


_replications = st.builds(lambda chunks, rest: max(1, chunks * 256 + rest), st.integers(0, 60), _odd)


def counted(n, have, replications):
    """The replications that the nodes of these blocks stand for, as `RunFolder.read_nodes` takes them."""
    chunk = design.chunk_size(n)
    for first, count in have:
        stop = first + count
        yield from range(first, replications if stop >= replications else stop // chunk * chunk)


@FIXED
@given(_blocks(), _replications)
@example((SMALL, [(0, 3000)]), 10_000)  # ends within a chunk
@example((SMALL, [(0, 3000)]), 3000)
@example((SMALL, [(0, 3000), (2048, 952)]), 5000)  # both begin before the other ends
@example((SMALL, [(0, 2048), (4096, 1024)]), 9000)  # a hole
@example((SMALL, [(0, 1024), (0, 2048)]), 2048)
@example((LARGE, [(0, 256), (512, 256)]), 300)
def test_what_is_there_and_what_is_lacking_make_up_the_whole(given_blocks, replications):
    n, present = given_blocks
    have, lacking = design.cover(CELLS[n], present, replications)
    asked = [r for block in lacking for r in range(block.first, block.first + block.count)]
    assert sorted([*counted(n, have, replications), *asked]) == [*range(replications)]
    assert set(have) <= set(present) and have == sorted(have)
    size, chunk = CELLS[n].cut.block, design.chunk_size(n)
    for block in lacking:
        assert block.first % chunk == 0 and (block.first + block.count) % chunk in (0, replications % chunk)
        assert block.first // size == (block.first + block.count - 1) // size


@FIXED
@given(_blocks(), _replications)
@example((SMALL, [(0, 3000), (2048, 952)]), 5000)
def test_once_the_lacking_blocks_are_there_nothing_is_lacking(given_blocks, replications):
    n, present = given_blocks
    have, lacking = design.cover(CELLS[n], present, replications)
    filled = [*have, *((block.first, block.count) for block in lacking)]
    assert design.cover(CELLS[n], filled, replications)[1] == []
    assert design.reach(CELLS[n], filled) >= replications


@FIXED
@given(_blocks())
@example((SMALL, [(0, 3000), (2048, 2000), (3072, 500)]))
def test_reach_is_the_most_that_lacks_nothing(given_blocks):
    n, present = given_blocks
    reached = design.reach(CELLS[n], present)
    if reached:
        assert design.cover(CELLS[n], present, reached)[1] == []
    lengths = range(reached + 1, reached + 2 * design.chunk_size(n), 37)
    assert all(design.cover(CELLS[n], present, more)[1] for more in lengths)


@pytest.mark.parametrize(
    "present, replications, have, lacking",
    [
        ([], 3000, [], [(0, 3000)]),
        ([(0, 3000)], 12_000, [(0, 3000)], [(2048, 9952)]),  # at most a chunk is done again
        ([(0, 3000)], 2900, [(0, 3000)], []),
        ([(0, 4096)], 12_000, [(0, 4096)], [(4096, 7904)]),
        ([(0, 1024), (3072, 1000)], 4072, [(0, 1024), (3072, 1000)], [(1024, 2048)]),
        ([(0, 1024), (3072, 1000)], 5000, [(0, 1024)], [(1024, 2048), (3072, 1928)]),
        ([(0, 500)], 5000, [], [(0, 5000)]),
    ],
)
def test_extending(present, replications, have, lacking):
    got, blocks = design.cover(CELLS[SMALL], present, replications)
    assert got == have
    assert [(block.first, block.count) for block in blocks] == lacking
    assert all((block.cell, block.cell_key) == (0, CELLS[SMALL].key) for block in blocks)


def cut(n, keep=None, estimators=1, **changes):
    """The Cut of the one cell of a study."""
    losses = [{"loss": "huber", "k": k + 1.0} for k in range(estimators)]
    changes = {"factors": {"n": [n], "errors": [{"distribution": "normal"}]}, "keep": keep} | changes
    (cell,) = design.cells(study_with(estimators=losses, **changes))
    return cell.cut


@pytest.mark.parametrize(
    "n, estimators, keep, replications, block, chunk",
    [
        (1, 1, None, 600, 1 << 26, 1024),
        (1, 1, "estimates", 600, 1 << 20, 1024),
        (20, 1, None, 600, 1 << 24, 1024),  # 3 units of work an observation, 2^30 in all
        (20, 10, None, 600, 1 << 22, 1024),
        (1000, 2, None, 600, 1 << 18, 1024),
        (1000, 2, None, 10**12, 1 << 25, 1024),  # of a study that takes years, more
        (10**6, 1, None, 600, 256, 256),
        (10**6, 8, None, 600, 256, 256),
    ],
)
def test_sizes_of_blocks_and_chunks(n, estimators, keep, replications, block, chunk):
    assert (cut(n, keep, estimators, replications=replications).block, design.chunk_size(n)) == (block, chunk)


def test_costly_estimators_have_smaller_blocks():
    """Of regression, for the subsets that they search."""
    entries = {"problem": "linear", "beta": [1.0] * 4}
    entries["factors"] = {"n": [200], "errors": [{"distribution": "normal"}], "design": [{"design": "gaussian"}]}
    blocks = []
    for estimator in ({"loss": "l2"}, {"estimator": "mm"}):
        (cell,) = design.cells(study_with(**entries, estimators=[estimator]))
        blocks.append(cell.cut.block)
    assert blocks == [1 << 17, 1 << 12]


@pytest.mark.parametrize("cells, least, most", [(3, 1, 1), (900, 1, 1), (3000, 3, 5)])
def test_small_cells_share_files(cells, least, most):
    """Some seconds of work are one file, and so are a thousand blocks."""
    study = study_with(replications=64, factors={"n": [*range(2, cells + 2)], "errors": [{"distribution": "normal"}]})
    blocks = design.missing(study, {})
    bundles = design.bundles(study, blocks)
    assert [block for bundle in bundles for block in bundle] == blocks and len(blocks) == cells
    assert least <= len(bundles) <= most and max(map(len, bundles)) <= 1024
    for some in (blocks[::2], blocks[5:], blocks[:1]):  # whichever are there, a block stays with the same others
        number = design.bundle_numbers(study)
        assert all(len({*map(number, bundle)}) == 1 for bundle in design.bundles(study, some))


def test_blocks_end_at_the_multiples_of_their_size():
    cell = CELLS[LARGE]
    cut = [(block.first, block.count) for block in design.blocks_between(cell, 128, 1000)]
    assert cut == [(128, 128), (256, 256), (512, 256), (768, 232)]
    assert [*design.blocks_between(cell, 256, 256)] == []


def test_blocks_of_a_study():
    study = study_with(replications=600, factors={"n": [LARGE, SMALL], "errors": [{"distribution": "normal"}]})
    cut = [(block.cell, block.first, block.count) for block in design.missing(study, {})]
    assert cut == [(0, 0, 256), (0, 256, 256), (0, 512, 88), (1, 0, 600)]
    with pytest.raises(UsageError, match="some 217 years of work for a processor, and at most 128 can be"):
        design.count_blocks(study.with_changes(replications=490_000_000_000))


@pytest.mark.parametrize("order", [*itertools.permutations(range(5))][::17])
def test_pairs_are_the_same_way_round_whatever_the_order(order):
    def paired(study):
        keys = [choice.key for choice in study.estimators]
        return {(keys[i], keys[j]) for i, j in design.pairs(study)}

    study, turned = study_with(estimators=LOSSES), study_with(estimators=[LOSSES[k] for k in order])
    assert len(design.pairs(turned)) == len(paired(turned)) == 10
    assert paired(turned) == paired(study)
    assert all(i != j for i, j in design.pairs(turned))


@pytest.mark.parametrize("count, pairs", [(1, 0), (2, 1), (16, 120), (17, 16), (30, 29)])
def test_many_estimators_are_paired_with_the_reference_alone(count, pairs):
    estimators = [{"loss": "huber", "k": 1.0 + 0.1 * k, "label": f"huber {k}"} for k in range(count)]
    study = study_with(estimators=estimators, reference=f"huber {count // 2}")
    found = design.pairs(study)
    assert len(found) == len({frozenset(pair) for pair in found}) == pairs
    assert count <= 16 or all(count // 2 in pair for pair in found)


def test_cells_go_by_what_they_are():
    """Contamination varies fastest, n slowest; the place in the grid is in the number alone."""
    factors = {
        "n": [5, 6],
        "errors": [{"distribution": "normal"}, {"distribution": "cauchy", "loc": 3.0}],
        "contamination": [{"kind": "none"}, {"kind": "point", "fraction": 0.1, "at": 9.0}],
    }
    grid = design.cells(study_with(factors=factors))
    names = [(cell.n, cell.errors.name, cell.contamination.name) for cell in grid]
    assert names == [*itertools.product((5, 6), ("normal", "cauchy"), ("none", "point"))]
    assert [cell.number for cell in grid] == [*range(8)] and len({cell.key for cell in grid}) == 8
    assert {cell.quantities for cell in grid if cell.errors.name == "cauchy"} == {(Quantity("theta", truth=3.0),)}
    turned = design.cells(study_with(factors={key: value[::-1] for key, value in factors.items()}))
    assert [cell.key for cell in turned] == [cell.key for cell in grid][::-1]
