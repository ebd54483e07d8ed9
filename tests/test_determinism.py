"""The same bits on any number of threads, in any order of blocks, on any CPU, compiled or not."""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

import simcore as sc
from simcore import design, execute, jit, kernels, recipes, summaries, sums
from simcore.histograms import DROPPED_BITS
from simcore.lanes import WIDTH

STUDY = {
    "name": "bits",
    "problem": "location",
    "seed": 7,
    "replications": 5000,
    "factors": {
        "n": [5, 40],
        "errors": [
            {"distribution": "student_t", "df": [2.5, 3]},
            {"distribution": "slash"},
            {"distribution": "logistic"},
            {"distribution": "uniform"},
        ],
        "contamination": [
            {"kind": "none"},
            {"kind": "scale", "fraction": 0.1, "ratio": 5.0},
            {"kind": "shift", "fraction": 0.1, "size": 3.0},
        ],
    },
    "estimators": [
        {"loss": "l2"},
        {"loss": "huber"},
        {"loss": "tukey"},
        {"estimator": "hodges_lehmann"},
        {"estimator": "trimmed_mean", "proportion": 0.1},
    ],
}
REGRESSION = {
    "name": "regressions",
    "problem": "linear",
    "seed": 7,
    "replications": 32,
    "beta": [1.0, 0.5, -0.25],
    "factors": {
        "n": [20],
        "design": [
            {"design": "gaussian"},
            {"design": "student_t", "df": 2.5, "redrawn": True},
            {"design": "ar", "order": 2},
        ],
        "errors": [{"distribution": "student_t", "df": 1.5}],
    },
    "estimators": [{"loss": "l2"}, {"loss": "l1"}, {"loss": "huber", "scale": ["mad", "proposal2"]}],
}
PROGRAM = """
from tests.test_determinism import digest_of_study
import simcore.jit as jit, sys
print(digest_of_study(int(sys.argv[1])))
"""


def bits_of(nodes, *arrays):
    """All bytes of nodes: places, sums of estimators and of pairs, histograms; and those of arrays."""
    for node in nodes:
        bins = [part for own in node.bins for part in own]
        arrays = (*arrays, np.array([node.first, node.count]), node.errors, node.pairs, *bins)
    return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)


def digest_of_study(threads, backwards=False):
    """SHA-256 over the nodes of all blocks, every estimate and state, in the order of the blocks, and the summary."""
    study = sc.Study(**STUDY)
    jit.set_threads(threads)
    cells, blocks = design.cells(study), design.missing(study, {})
    results = {}
    for block in reversed(blocks) if backwards else blocks:
        results[block.cell] = execute.run_block(study, cells[block.cell], block, keep=True)
    assert len(results) == len(blocks)
    digest = hashlib.sha256()
    for block in blocks:
        result = results[block.cell]
        digest.update(bits_of(result.nodes, result.estimates, result.states))
    parts = [(cell, sums.total(results[cell.number].nodes, design.chunk_size(cell.n)), None) for cell in cells]
    digest.update(summaries.summarise(study, parts, plain=True).to_csv().encode())
    return digest.hexdigest()


def in_a_process(threads, **environment):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(threads)], env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def reference():
    return digest_of_study(1)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(reference, threads):
    assert in_a_process(threads, NUMBA_NUM_THREADS="3") == reference


def test_the_order_of_blocks_changes_no_bit(reference):
    assert digest_of_study(2, backwards=True) == reference


def test_a_cpu_without_avx_and_fma_gives_the_same_bits(reference):
    old = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "+sse2,-avx,-fma"}
    assert in_a_process(2, GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F", **old) == reference


def digest_of_regressions():
    """Of the estimates and states of regressions on a given, a redrawn and an autoregressive design."""
    digest = hashlib.sha256()
    for cell in design.cells(study := sc.Study(**REGRESSION)):
        result = execute.run_block(study, cell, design.Block(cell.number, cell.key, 0, 32), keep=True)
        digest.update(result.estimates.tobytes() + result.states.tobytes())
    return digest.hexdigest()


def test_regressions_have_the_same_bits_on_a_cpu_without_avx_and_fma():
    program = "from tests.test_determinism import digest_of_regressions as digest; print(digest())"
    old = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "+sse2,-avx,-fma"}
    environment = os.environ | old | {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest_of_regressions()


def test_plain_kernels_give_the_same_bits_as_compiled_ones():
    study = sc.Study(**STUDY)
    groups, scores = 2, 0
    for cell in design.cells(study):
        found = []
        for simulate, compiled in ((jit.driver(kernels.simulate), True), (kernels.simulate, False)):
            shape = (len(study.estimators), groups, WIDTH)
            estimates, states, controls = np.zeros(shape), np.zeros(shape, np.uint32), np.zeros(shape[1:])
            with np.errstate(all="ignore"):
                simulate(recipes.kernel_cell(study, cell, compiled), 3, 0, groups, estimates, states, controls)
            found.append((estimates.tobytes(), states.tobytes(), controls.tobytes()))
        assert found[0] == found[1], cell
        assert np.any(controls) == (cell.errors.name != "uniform"), cell
        scores += bool(np.any(controls))
    assert scores == 24


@pytest.fixture(scope="module")
def whole():
    """A cell in one block, one span and one call, and the study it belongs to."""
    study = sc.Study(**(STUDY | {"replications": 20_000}))
    cell = design.cells(study)[8]
    assert (cell.n, cell.errors.name, cell.contamination.name) == (5, "slash", "shift")
    return study, cell, execute.run_block(study, cell, design.Block(8, cell.key, 0, 20_000), keep=True)


SMALL = {"_HELD_ESTIMATES": 1, "_CALL_SAMPLES": 5000, "HISTOGRAMS": 2, "MOST_PARTS": 2}


@pytest.mark.parametrize("limits", [{}, *({name: value} for name, value in SMALL.items()), SMALL], ids=str)
@pytest.mark.parametrize("cuts", [(), (1024,), (8192, 16384), (1024, 3072, 12288, 13312), range(1024, 20_000, 1024)])
def test_any_cut_into_blocks_spans_and_calls_makes_the_same_bits(whole, monkeypatch, limits, cuts):
    study, cell, once = whole
    for name, value in limits.items():
        monkeypatch.setattr(execute, name, value)
    if "_HELD_ESTIMATES" in limits:
        assert execute.span(cell.n, 20_000, 5) == design.chunk_size(cell.n) == 1024
    blocks = [design.Block(8, cell.key, first, stop - first) for first, stop in pairwise((0, *cuts, 20_000))]
    pieces = [execute.run_block(study, cell, block, keep=True) for block in blocks]
    for name in ("estimates", "states"):
        joined = np.concatenate([getattr(piece, name) for piece in pieces], axis=1)
        assert joined.tobytes() == getattr(once, name).tobytes()
    nodes = [node for piece in pieces for node in piece.nodes]
    assert bits_of([sums.total(nodes, 1024)]) == bits_of([sums.total(once.nodes, 1024)])


def test_many_estimators_are_paired_with_the_reference_and_counted_by_turns():
    """More than 16: histograms are taken out after each span, and only pairs with the reference are summed."""
    many = [{"loss": "huber", "k": 0.5 + 0.1 * k} for k in range(17)]
    few = [{"loss": "l2"}, many[4], many[16]]
    changes = {"factors": {"n": [10], "errors": [{"distribution": "logistic"}]}, "replications": 10_000}
    big, small = (sc.Study(**(STUDY | changes | {"estimators": [{"loss": "l2"}, *more]})) for more in (many, few[1:]))
    (cell,), count = design.cells(big), 10_000
    found = execute.run_block(big, cell, design.Block(0, cell.key, 0, count), keep=True)
    expected = execute.run_block(small, cell, design.Block(0, cell.key, 0, count), keep=True)
    assert execute.span(cell.n, count, 18) < execute.span(cell.n, count, 3) <= count + WIDTH
    total, other = (sums.total(result.nodes, 1024) for result in (found, expected))
    assert total.pairs.shape[0] == 17 and other.pairs.shape[0] == 3
    for row, same in ((0, 0), (5, 1), (17, 2)):
        assert found.estimates[row].tobytes() == expected.estimates[same].tobytes()
        assert total.errors[row].tobytes() == other.errors[same].tobytes()
    for e in range(18):
        keys, counts = np.unique(found.estimates[e].view(np.uint64) >> np.uint64(DROPPED_BITS), return_counts=True)
        np.testing.assert_array_equal(total.bins[e][0], keys)
        np.testing.assert_array_equal(total.bins[e][1], counts)
    places, few_places = design.pairs(big), design.pairs(small)
    for one, same in ((5, 1), (17, 2)):
        (row,) = (row for row, pair in enumerate(places) if set(pair) == {0, one})
        (small_row,) = (row for row, pair in enumerate(few_places) if set(pair) == {0, same})
        assert total.pairs[row].tobytes() == other.pairs[small_row].tobytes()


def test_more_replications_keep_the_first_ones():
    study = sc.Study(**STUDY)
    cell = design.cells(study)[0]
    short = execute.run_block(study, cell, design.Block(0, cell.key, 0, 1003), keep=True)
    long = execute.run_block(study, cell, design.Block(0, cell.key, 0, 4100), keep=True)
    later = execute.run_block(study, cell, design.Block(0, cell.key, 2048, 100), keep=True)
    assert short.estimates.tobytes() == np.ascontiguousarray(long.estimates[:, :1003]).tobytes()
    assert later.estimates.tobytes() == np.ascontiguousarray(long.estimates[:, 2048:2148]).tobytes()


def test_other_cells_and_estimators_change_no_estimate():
    study = sc.Study(**STUDY)
    factors = {"n": [40], "errors": [{"distribution": "slash"}]}
    alone = sc.Study(**(STUDY | {"factors": factors, "estimators": [{"loss": "huber"}]}))
    (small,) = design.cells(alone)
    (same,) = (cell for cell in design.cells(study) if cell.identity == small.identity)
    assert same.number != small.number
    one = execute.run_block(alone, small, design.Block(0, small.key, 0, 2000), keep=True)
    all_ = execute.run_block(study, same, design.Block(same.number, same.key, 0, 2000), keep=True)
    assert one.estimates[0].tobytes() == np.ascontiguousarray(all_.estimates[1]).tobytes()


@pytest.mark.parametrize("change", [{"seed": 8}, {"problem": "location", "seed": 9}])
def test_another_seed_gives_other_numbers(change):
    cell = design.cells(sc.Study(**STUDY))[0]
    block = design.Block(0, cell.key, 0, 64)
    one = execute.run_block(sc.Study(**STUDY), cell, block, keep=True)
    other = execute.run_block(sc.Study(**(STUDY | change)), cell, block, keep=True)
    assert not np.any(one.estimates[0] == other.estimates[0])
