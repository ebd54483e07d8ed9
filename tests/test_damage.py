"""Nothing that rots in a run folder stays unnoticed, what is found is named, and a repair gives the bytes back."""

import hashlib
import random
import shutil

import pyarrow.parquet as pq
import pytest

import simcore as sc
from simcore import audit, repairs, results
from simcore.errors import DamagedError
from simcore.shelves import by_place
from tests.kills import snapshot
from tests.running import cut_small

ENTRIES = {
    "name": "rotten",
    "problem": "location",
    "seed": 3,
    "replications": 3000,
    "keep": "estimates",
    "factors": {"n": [5], "errors": [{"distribution": "cauchy"}]},
    "estimators": [{"loss": "l1"}],
}
MORE = [{"loss": "l2"}, *ENTRIES["estimators"], {"loss": "huber"}]


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        cut_small(patch, 2)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run of two blocks, with kept estimates."""
    return sc.run(sc.Study(**ENTRIES), tmp_path_factory.mktemp("whole"), threads=1).path


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "rotten")


def stored(path):
    """The files of a run that hold something."""
    return sorted(own for own in path.rglob("*") if own.is_file())


def flipped(chance, data):
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


MUTATIONS = {
    "a bit flipped": flipped,
    "truncated": lambda chance, data: data[: chance.randrange(len(data))],
    "empty": lambda chance, data: b"",
    "garbage": lambda chance, data: chance.randbytes(chance.randrange(1, 2 * len(data))),
    "garbage within": lambda chance, data: data[: len(data) // 2] + chance.randbytes(16) + data[len(data) // 2 + 16 :],
    "longer": lambda chance, data: data + chance.randbytes(chance.randrange(1, 100)),
    "zeros at the end": lambda chance, data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "a byte lost": lambda chance, data: data[: (place := chance.randrange(len(data)))] + data[place + 1 :],
}


def findings(path):
    """What is told of a folder, as text."""
    try:
        report = audit.verify(path, sample=0)
        return [str(found) for found in report.findings] + ["summary.parquet is missing"] * (not report.finished)
    except DamagedError as error:
        return [str(error)]


def damage(path, chance):
    """Change one file; its name, and what to do to undo it."""
    victim = chance.choice(stored(path))
    data, kind = victim.read_bytes(), chance.choice([*MUTATIONS, "removed", "swapped", "copied"])
    if kind == "removed":
        victim.unlink()
    elif kind == "swapped":
        other = chance.choice([own for own in stored(path) if own != victim])
        victim.write_bytes(other.read_bytes())
    elif kind == "copied":
        added = path / "blocks" / f"{chance.randbytes(8).hex()}{victim.name[16:]}"
        if len(victim.name) < 100:
            added = added.with_name("copy.parquet")
        added.write_bytes(data)
        return added, kind, added.unlink
    else:
        victim.write_bytes(MUTATIONS[kind](chance, data))
    return victim, kind, lambda: victim.write_bytes(data)


def test_no_mutation_stays_unnoticed(run):
    """Of 2,000: each one is found, and in the file it is in, or in one that is compared with it."""
    chance, before, silent = random.Random(6), snapshot(run), []
    for _ in range(2000):
        victim, kind, undo = damage(run, chance)
        changed = snapshot(run) != before
        found = findings(run)
        if changed and not any(victim.name in own or "lacks what was there" in own for own in found):
            silent.append((kind, victim.name, found))
        undo()
    assert not silent, silent[:5]
    assert snapshot(run) == before and findings(run) == []


def test_a_repair_gives_every_byte_back(whole, tmp_path):
    """After several damages at once."""
    chance, before = random.Random(7), snapshot(whole)
    for k in range(20):
        run = shutil.copytree(whole, tmp_path / f"{k}" / "rotten")
        names = {damage(run, chance)[0].name for _ in range(3)}
        if {"run.json", "scenario.toml"} <= names:
            continue  # then nothing says what the results are of
        assert repairs.repair(run, threads=1).finished and findings(run) == []
        assert len(audit.verify(run, sample=2).recomputed) == 2
        after = snapshot(run)
        assert {name: data for name, data in after.items() if not name.startswith("quarantine")} == before


def first_block(path, name):
    """The shelf, (place, name of the file) and table of the first block."""
    shelf = results.open_run(path).folder.shelves[name]
    place, (own,) = min(by_place(shelf.listing().own).items())
    return shelf, (place, own), shelf.read(own)


def changed(table, column):
    values = table[column].to_pylist()
    values[0] += 1e-9
    return table.set_column(table.column_names.index(column), column, [values])


@pytest.mark.parametrize("kept", [True, False])
def test_numbers_that_are_not_what_they_should_be(run, kept):
    """Files that are whole, of this run and in order, but do not hold what these replications give: as a machine would
    write that computes wrongly. Only computing them anew can tell."""
    name, column = ("estimates", "estimate") if kept else ("blocks", "e1_high")
    shelf, (place, own), table = first_block(run, name)
    shelf.put([place], changed(table, column))
    (run / name / own).unlink()
    (run / "summary.parquet").unlink()
    results.open_run(run).write_summary()
    assert findings(run) == []
    (found,) = audit.verify(run, sample=2).findings
    assert found.name.startswith(name) and found.what == "is not what it is when computed anew"
    assert repairs.repair(run, sample=2, threads=1).report.findings == (found,)
    assert audit.verify(run, sample=2).findings == ()


def test_two_different_results_of_a_block_are_an_alarm(run):
    before = snapshot(run)
    shelf, (place, own), table = first_block(run, "blocks")
    shelf.put([place], changed(table, "e1_high"))
    with pytest.raises(DamagedError, match=r"different results of cell 0, .* and .*; simcore repair"):
        sc.open(run).summary()
    assert len(audit.verify(run, sample=0).findings) == 2
    repairs.repair(run, threads=1)
    assert {name: data for name, data in snapshot(run).items() if not name.startswith("quarantine")} == before


def in_other_bytes(run):
    """A second file of the first block, as another version of pyarrow writes it."""
    _, (_, own), stored = first_block(run, "blocks")
    other = run / "blocks" / "other"
    pq.write_table(stored, other, compression="gzip")
    return other.rename(other.with_name(f"{own[:-72]}{hashlib.sha256(other.read_bytes()).hexdigest()}.parquet"))


def test_the_same_results_in_other_bytes_are_none(run):
    before, table = snapshot(run), sc.open(run).summary()
    other = in_other_bytes(run)
    assert len(stored_in(run)) == 3 and audit.verify(run, sample=0).findings == ()
    assert sc.open(run).summary().equals(table)
    sc.run(sc.Study(**ENTRIES), run.parent)
    assert len(stored_in(run)) == 2 and snapshot(run).keys() - before.keys() in (set(), {f"blocks/{other.name}"})


def stored_in(run):
    return [*(run / "blocks").iterdir()]


def test_a_stray_file_beside_a_run_with_a_precision(tmp_path):
    precision = {"measure": "mae", "relative_mcse": 0.05, "max_replications": 100_000}
    run = sc.run(sc.Study(**(ENTRIES | {"precision": precision})), tmp_path, threads=1).path
    (run / "blocks" / "stray.parquet").write_bytes(b"stray")
    (found,) = audit.verify(run, sample=0).findings
    assert found.name == "blocks/stray.parquet"
    repairs.repair(run, threads=1)
    assert audit.verify(run, sample=0).findings == () and (run / "quarantine" / "blocks" / "stray.parquet").exists()
