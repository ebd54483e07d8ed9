"""The same bits on any number of threads, in any order of blocks, on any CPU, compiled or not."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

import simcore as sc
from simcore import design, execute, jit, kernels, sums
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
        ],
        "contamination": [{"kind": "none"}, {"kind": "scale", "fraction": 0.1, "ratio": 5.0}],
    },
    "estimators": [
        {"loss": "l2"},
        {"loss": "huber"},
        {"loss": "tukey"},
        {"estimator": "hodges_lehmann"},
        {"estimator": "trimmed_mean", "proportion": 0.1},
    ],
}
PROGRAM = """
from tests.test_determinism import digest_of_study
import simcore.jit as jit, sys
print(digest_of_study(int(sys.argv[1])))
"""


def digest_of_study(threads, backwards=False):
    """SHA-256 over the sums of all blocks and over every estimate, in the order of the blocks."""
    study = sc.Study(**STUDY)
    jit.set_threads(threads)
    cells, blocks = design.cells(study), design.blocks(study)
    results = {}
    for block in reversed(blocks) if backwards else blocks:
        results[block] = execute.run_block(study, cells[block.cell], block, keep=True)
    digest = hashlib.sha256()
    for block in blocks:
        for part in (results[block].sums, results[block].estimates, results[block].states):
            digest.update(np.ascontiguousarray(part).tobytes())
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


def test_plain_kernels_give_the_same_bits_as_compiled_ones():
    study = sc.Study(**STUDY)
    groups = 2
    for cell in design.cells(study):
        shape = (len(study.estimators), groups, WIDTH)
        got, states = np.zeros(shape), np.zeros(shape, np.uint8)
        plain, plain_states = np.zeros(shape), np.zeros(shape, np.uint8)
        jit.driver(kernels.simulate)(execute.kernel_cell(study, cell, True), 3, 0, groups, got, states)
        with np.errstate(all="ignore"):
            kernels.simulate(execute.kernel_cell(study, cell, compiled=False), 3, 0, groups, plain, plain_states)
        assert got.tobytes() == plain.tobytes(), cell
        assert states.tobytes() == plain_states.tobytes()


def test_many_blocks_spans_and_calls_make_the_same_estimates(monkeypatch):
    """Small pieces: each cell is several blocks, each block several spans of several calls."""
    study = sc.Study(**(STUDY | {"replications": 20_000}))
    cell = design.cells(study)[5]
    whole = execute.run_block(study, cell, design.Block(5, cell.key, 0, 20_000), keep=True)
    monkeypatch.setattr(design, "_MOST_REPLICATIONS", 8192)
    monkeypatch.setattr(execute, "_CALL_SAMPLES", 5000)
    pieces = [execute.run_block(study, cell, block, keep=True) for block in design.blocks(study) if block.cell == 5]
    assert len(pieces) == 3 and execute.span(cell.n, 8192, 5) == kernels.CHUNK
    assert np.concatenate([piece.estimates for piece in pieces], axis=1).tobytes() == whole.estimates.tobytes()
    merged = sums.add(sums.add(pieces[2].sums, pieces[0].sums), pieces[1].sums)
    np.testing.assert_allclose(merged, whole.sums, rtol=1e-13, atol=1e-13)


def test_more_replications_keep_the_first_ones():
    study = sc.Study(**STUDY)
    cell = design.cells(study)[0]
    short = execute.run_block(study, cell, design.Block(0, cell.key, 0, 1003), keep=True)
    long = execute.run_block(study, cell, design.Block(0, cell.key, 0, 4100), keep=True)
    later = execute.run_block(study, cell, design.Block(0, cell.key, 1000, 100), keep=True)
    assert short.estimates.tobytes() == np.ascontiguousarray(long.estimates[:, :1003]).tobytes()
    assert later.estimates.tobytes() == np.ascontiguousarray(long.estimates[:, 1000:1100]).tobytes()


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
