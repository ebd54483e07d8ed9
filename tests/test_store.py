"""Blocks come back as they were stored, damage is told, and a run that goes on is the run that never stopped."""

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import simcore as sc
from simcore import codes, design, execute, opening, rounds, runs, sums, tidying
from simcore.errors import DamagedError, UsageError
from simcore.shelves import by_place
from tests.kills import snapshot

STUDY = {
    "name": "store",
    "problem": "location",
    "seed": 5,
    "replications": 5000,
    "factors": {
        "n": [4],
        "errors": [{"distribution": "slash", "loc": 2.0}],
        "contamination": [{"kind": "point", "fraction": 0.7, "at": 1.0}],
    },
    "estimators": [{"loss": "l2"}, {"loss": "tukey"}, {"loss": "huber", "label": "mine"}],
}
TURNED = {"estimators": [{"loss": "huber"}, {"loss": "l2", "label": "the mean"}, {"loss": "tukey"}]}
ORDER = (2, 0, 1)  # of the estimators of STUDY in TURNED


def study_with(**changes):
    return sc.Study(**(STUDY | changes))


def result_of(study, first, count):
    (cell,) = design.cells(study)
    return execute.run_block(study, cell, design.Block(0, cell.key, first, count), study.keep == "estimates")


def stored(folder, study, *places):
    """The run folder of a study with these blocks (first, count), and their results."""
    run = opening.create(folder, study)
    results = [result_of(study, *place) for place in places]
    for result in results:
        run.commit(result)
    return run, results


def read(run, replications):
    (cell,) = design.cells(run.study)
    return list(run.read_nodes(cell, run.present().get(cell.key, ()), replications))


def same(node, other, order=(0, 1, 2)):
    """Whether a node has the same bits as another one whose estimators stand in the places `order`."""
    rows = [node.errors.tobytes() == other.errors[[*order]].tobytes(), node.first == other.first]
    for own, place in zip(node.bins, order, strict=True):
        rows += [np.array_equal(a, b) for a, b in zip(own, other.bins[place], strict=True)]
    return all([*rows, node.count == other.count, len(node.bins) == len(other.bins) == len(order)])


def pair_bits(run_study, node):
    """The bytes of the sums of each pair, by the keys of the two estimators."""
    keys = [choice.key for choice in run_study.estimators]
    found = zip(design.pairs(run_study), node.pairs, strict=True)
    return {(keys[i], keys[j]): row.tobytes() for (i, j), row in found}


def places(run, folder="blocks"):
    """(first, count) of each file."""
    return sorted(place[1:] for place in by_place(run.shelves[folder].listing().own))


def test_nodes_come_back_to_the_bit(tmp_path):
    run, (result,) = stored(tmp_path, study_with(), (0, 5000))
    assert result.nodes[0].errors[:, codes.DEGENERATE_SCALE].max() > 0  # several codes
    back = read(run, 5000)
    assert [(node.first, node.count) for node in back] == [(0, 4096), (4096, 904)]
    for node, other in zip(back, result.nodes, strict=True):
        assert same(node, other) and node.pairs.tobytes() == other.pairs.tobytes()
        assert len(node.bins[0][0]) > 100
    assert [*(run.path / "temporary").iterdir()] == []
    (path,) = (run.path / "blocks").iterdir()
    assert path.stem.rpartition("-")[2] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_another_order_and_other_labels_read_the_same_sums(tmp_path):
    run, (result,) = stored(tmp_path, study_with(), (0, 5000))
    turned = opening.create(tmp_path, study_with(**TURNED))
    assert turned.path == run.path
    for node, other in zip(read(turned, 5000), result.nodes, strict=True):
        assert same(node, other, ORDER)
        assert pair_bits(turned.study, node) == pair_bits(run.study, other)
        assert not same(node, other)


def test_nodes_of_several_blocks_add_up_to_the_bits_of_one(tmp_path):
    study = study_with()
    run, _ = stored(tmp_path, study, (3072, 1928), (0, 1024), (1024, 2048))
    once = sums.total(result_of(study, 0, 5000).nodes, 1024)
    total = sums.total(read(run, 5000), 1024)
    assert same(total, once) and total.pairs.tobytes() == once.pairs.tobytes()


def changed(name, row, value):
    def change(table):
        values = table[name].to_pylist()
        values[row] = value(values[row])
        return table.set_column(table.column_names.index(name), name, pa.array(values, table[name].type))

    return change


def truncated(data):
    return data[:-100]


def bit_flipped(data):
    place = len(data) // 3
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


DAMAGE = {
    "a row removed": lambda table: table.slice(1),
    "a row twice": lambda table: pa.concat_tables([table, table.slice(2, 1)]),
    "an estimator in the place of another": changed("estimator", 0, lambda _: "l5"),
    "a count changed": changed("ok", 1, lambda count: count + 1),
    "another block": changed("first", 0, lambda first: first + 1024),
    "another cell": changed("cell", 0, lambda key: key[::-1]),
    "a node missing": lambda table: table.slice(6),
    "the last node missing": lambda table: table.slice(0, 6),
    "a column missing": lambda table: table.drop_columns(["u11_high"]),
    "of another run": lambda table: table.replace_schema_metadata({"simcore": "{}"}),
}


REPAIR = r"damaged: .*: 1 block \(cell 0, replications 0\.\.4999\); simcore repair .* computes it anew"


@pytest.mark.parametrize("what", [truncated, bit_flipped, lambda data: b"", lambda data: b"x" * 9000])
def test_damage_is_told(tmp_path, what):
    run, _ = stored(tmp_path, study_with(), (0, 5000))
    (path,) = (run.path / "blocks").iterdir()
    path.write_bytes(what(path.read_bytes()))
    with pytest.raises(DamagedError, match=REPAIR):
        read(run, 5000)


@pytest.mark.parametrize("what", DAMAGE)
def test_whole_files_with_other_contents_are_told(tmp_path, what):
    """Of the right name and SHA-256, as only another program could write them."""
    run, _ = stored(tmp_path, study_with(), (0, 5000))
    (path,) = (run.path / "blocks").iterdir()
    table = pq.read_table(path)
    broken = DAMAGE[what](table)
    if what != "of another run":
        broken = broken.replace_schema_metadata(table.schema.metadata)
    pq.write_table(broken, path)
    path.rename(path.with_stem(f"{path.stem[:-64]}{hashlib.sha256(path.read_bytes()).hexdigest()}"))
    with pytest.raises(DamagedError, match=REPAIR):
        read(run, 5000)


def test_an_extension_takes_from_the_block_before_what_both_have(tmp_path):
    study = study_with(keep="estimates")
    run, _ = stored(tmp_path, study, (0, 3000))
    assert [(block.first, block.count) for block in rounds.missing(run)] == [(2048, 2952)]
    run = opening.create(tmp_path, study)  # another process goes on
    run.commit(result_of(study, 2048, 2952))
    assert rounds.missing(run) == [] and places(run) == [(0, 3000), (2048, 2952)]
    tidying.tidy(run)
    assert places(run) == places(run, "estimates") == [(0, 5000)] and rounds.missing(run) == []
    fresh, (once,) = stored(tmp_path / "fresh", study, (0, 5000))
    for folder in ("blocks", "estimates"):
        assert snapshot(run.path / folder) == snapshot(fresh.path / folder)
    total = sums.total(read(run, 5000), 1024)
    assert same(total, sums.total(once.nodes, 1024))
    found = pq.read_table(run.path / "estimates", partitioning=None)
    kept = sorted(zip(*(found[name].to_pylist() for name in ("estimator", "replication")), strict=True))
    assert kept == sorted(itertools.product(("l2", "tukey(c=4.685)", "mine"), range(5000)))


@pytest.mark.parametrize("folders", [("blocks",), ("estimates",), ("blocks", "estimates")], ids=str)
def test_a_run_killed_before_the_older_block_was_removed(tmp_path, folders):
    """Both files are there: each replication counts once, and the rest of the run is the same."""
    study = study_with(keep="estimates")
    run, _ = stored(tmp_path / "run", study, (0, 3000))
    for folder in folders:
        shutil.copytree(run.path / folder, tmp_path / "before" / folder)
    run = opening.create(tmp_path / "run", study)
    run.commit(result_of(study, 2048, 2952))
    tidying.tidy(run)
    for folder in folders:
        shutil.copytree(tmp_path / "before" / folder, run.path / folder, dirs_exist_ok=True)
        assert places(run, folder) == [(0, 3000), (0, 5000)]
    assert rounds.missing(run) == []
    (cell,), once = design.cells(study), result_of(study, 0, 5000)
    present = run.present()[cell.key]
    assert design.reach(cell, present) == 5000
    assert same(sums.total(read(run, 5000), 1024), sums.total(once.nodes, 1024))
    for errors, other in zip(run.read_errors(cell, present, 5000), once.estimates, strict=True):
        assert errors.tobytes() == np.sort(other - 2.0).tobytes()
    tidying.tidy(run)
    assert places(run) == places(run, "estimates") == [(0, 5000)]


def test_reading_starts_no_thread(tmp_path):
    """Arrow aborts a process that ends while one of its threads is being started, whatever the exit code should be."""
    run, _ = stored(tmp_path, study_with(keep="estimates"), (0, 5000))
    program = f"""
import os
from simcore import opening
run = opening.open_folder({str(run.path)!r})
before = len(os.listdir("/proc/self/task"))
for shelf in run.shelves.values():
    (name,) = shelf.listing().own
    shelf.read(name)
print(len(os.listdir("/proc/self/task")) - before)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(sc.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.stdout == "0\n", done.stderr


def test_kept_errors_are_all_there_in_order(tmp_path):
    """Of several blocks, without failures, less the truth, and of the estimator that is asked for."""
    study = study_with(keep="estimates")
    run, results = stored(tmp_path, study, (0, 1024), (1024, 2048), (3072, 1928))
    (cell,) = design.cells(study)
    found = run.read_errors(cell, run.present()[cell.key], 5000)
    estimates = np.concatenate([result.estimates for result in results], axis=1)
    states = np.concatenate([result.states for result in results], axis=1)
    for row, errors in enumerate(found):
        good = states[row] % codes.ITERATION < codes.FIRST_FAILURE
        assert errors.tobytes() == np.sort(estimates[row][good] - cell.errors.loc).tobytes()


def test_failures_have_no_kept_error(tmp_path):
    study = study_with(keep="estimates")
    run = opening.create(tmp_path, study)
    result = result_of(study, 0, 64)
    result.states[1, :5] = codes.NOT_CONVERGED + 7 * codes.ITERATION
    run.commit(result)
    (cell,) = design.cells(study)
    errors = run.read_errors(cell, run.present()[cell.key], 64)
    assert [len(own) for own in errors] == [64, 59, 64]
    assert errors[1].tobytes() == np.sort(result.estimates[1, 5:] - 2.0).tobytes()


def test_blocks_without_their_kept_estimates_are_computed_again(tmp_path):
    run, _ = stored(tmp_path, study_with(), (0, 5000))
    keeping = opening.create(tmp_path, study_with(keep="estimates"))
    assert rounds.missing(run) == [] and [(b.first, b.count) for b in rounds.missing(keeping)] == [(0, 5000)]
    keeping.commit(result_of(keeping.study, 0, 5000))
    assert rounds.missing(keeping) == [] and places(keeping) == places(keeping, "estimates")


def test_fewer_replications_than_before_are_refused(tmp_path):
    stored(tmp_path, study_with())
    with pytest.raises(UsageError, match="5000"):
        opening.create(tmp_path, study_with(replications=4999))


@pytest.mark.parametrize("misses", [1, 5])
def test_a_run_that_another_process_makes_at_this_moment(tmp_path, monkeypatch, misses):
    """It is seen to be not there, and then to have results already: that is no damage."""
    study, see = study_with(), opening.there_is_a_run
    stored(tmp_path / "made", study, (0, 5000))
    seen = []

    def late(path):
        seen.append(path)
        return len(seen) % 2 == 0 and see(path) if len(seen) <= 2 * misses else see(path)

    shutil.copytree(tmp_path / "made", tmp_path / "out")
    monkeypatch.setattr(opening, "there_is_a_run", late)
    folder = opening.create(tmp_path / "out", study)
    assert rounds.missing(folder) == [] and len(seen) > 2 * misses
    (folder.path / "run.json").unlink()
    with pytest.raises(DamagedError, match="has results, but no run.json; simcore repair"):
        opening.create(tmp_path / "out", study)


@pytest.mark.parametrize("keep", [None, "estimates"])
@pytest.mark.parametrize("n, most", [(4, 1 << 20), (37, 1 << 20), (4, 2048), (11, 1024), (5, 256)])
def test_going_on_is_the_same_as_a_fresh_run(tmp_path, monkeypatch, n, most, keep):
    """From R to 4 R: the summary has the same bytes, and at most a chunk is simulated twice."""
    monkeypatch.setattr(design, "LIMITS", design.Limits(kept=most, summed=most, chunk=min(1024, most)))
    simulated = []
    run_block = execute.run_block

    def counting(study, cell, block, *rest, **options):
        simulated.append(block.count)
        return run_block(study, cell, block, *rest, **options)

    monkeypatch.setattr(execute, "run_block", counting)
    factors = {"n": [n], "errors": [{"distribution": "student_t", "df": 5.0}]}
    small, large = (study_with(factors=factors, replications=r, keep=keep) for r in (3000, 12_000))
    runs.run(small, tmp_path / "extended", threads=1)
    assert sum(simulated) == 3000
    before = (tmp_path / "extended" / "store" / "summary.parquet").read_bytes()
    simulated.clear()
    runs.run(large, tmp_path / "extended", threads=1)
    cell = design.cells(large)[0]
    again = 3000 % design.chunk_size(n)
    assert sum(simulated) == 9000 + again <= 9000 + design.chunk_size(n)
    fresh = runs.run(large, tmp_path / "fresh", threads=1)
    one, other = ((tmp_path / name / "store" / "summary.parquet").read_bytes() for name in ("extended", "fresh"))
    assert one == other != before
    assert snapshot(tmp_path / "extended" / "store" / "blocks") == snapshot(fresh.path / "blocks")
    simulated.clear()
    runs.run(large, tmp_path / "extended", threads=1)
    assert simulated == [] and rounds.missing(fresh.folder) == []
    covered = sorted(opening.open_folder(tmp_path / "extended" / "store").present()[cell.key])
    assert sum(count for _, count in covered) == 12_000
