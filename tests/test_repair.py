"""A repair throws nothing away, computes exactly what is lost, says what it did, and never guesses what a run was."""

import errno
import json
import os
import shutil

import pyarrow.compute as pc
import pytest

import simcore as sc
from simcore import (
    audit,
    cli,
    design,
    execute,
    files,
    meanwhile,
    opening,
    provenance,
    repairs,
    restoring,
    results,
    rounds,
    runs,
    shelves,
    tidying,
)
from simcore.errors import DamagedError, IncompleteError, UsageError
from tests.kills import snapshot
from tests.running import cut_small
from tests.test_damage import ENTRIES, changed, first_block, in_other_bytes

MORE = [{"loss": "l2"}, *ENTRIES["estimators"]]
PRECISION = {"measure": "mae", "relative_mcse": 0.02, "max_replications": 100_000}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    cut_small(monkeypatch, 1)


def study_with(**changes):
    return sc.Study(**(ENTRIES | changes))


@pytest.fixture
def run(tmp_path):
    return sc.run(study_with(), tmp_path, threads=1).path


def whole(path):
    """A snapshot without what was moved away."""
    return {name: own for name, own in snapshot(path).items() if not name.startswith("quarantine")}


def spoil(path):
    path.write_bytes(path.read_bytes()[:-9])


def started(study, out, blocks=0):
    """The folder of a run that was killed after so many blocks."""

    class Killed(Exception):
        pass

    def stop(done, *_):
        if done == blocks:
            raise Killed

    with pytest.raises(Killed):
        sc.run(study, out, threads=1, progress=stop)
    return out / study.name


def blocks_of(path, name="blocks"):
    return sorted((path / name).iterdir())


def test_with_a_precision_it_goes_on_until_all_is_there(tmp_path):
    run = sc.run(study_with(precision=PRECISION), tmp_path, threads=1).path
    before, victims = snapshot(run), [blocks_of(run)[0], blocks_of(run)[-1], blocks_of(run, "estimates")[2]]
    for victim in victims:
        spoil(victim)
    done = repairs.repair(run, threads=1)
    assert done.finished and len(done.moved) == 3 and whole(run) == before
    blocks_of(run)[1].unlink()
    done = repairs.repair(run, threads=1)
    assert done.finished and not done.moved and len(done.computed) == 1 and whole(run) == before
    spoil(blocks_of(run)[0])
    blocks_of(run)[-1].unlink()  # a precision says that it is missing only when the other one is there
    done = repairs.repair(run, threads=1)
    assert done.finished and len(done.moved) == 1 and len(done.computed) == 2 and whole(run) == before


def test_of_an_unfinished_run_only_what_was_there_is_computed(tmp_path, monkeypatch, capsys):
    run = started(study_with(), tmp_path, blocks=2)
    spoil(blocks_of(run)[0])
    done = repairs.repair(run, threads=1)
    assert not done.finished and [block.first for block in done.computed] == [0]
    assert "not finished" in [*done.sentences()][-1]
    with pytest.raises(SystemExit) as exit_:
        cli.main(["repair", str(run)])
    assert exit_.value.code == 3 and "nothing to repair" in capsys.readouterr().out
    sc.run(study_with(), tmp_path, threads=1)
    assert whole(run) == whole(sc.run(study_with(), tmp_path / "fresh", threads=1).path)


def test_files_that_disagree_about_one_block_lose_all_of_theirs(tmp_path, monkeypatch):
    """Of an unfinished run: what stood in the same file as that block is computed anew with it."""
    monkeypatch.setattr(design, "LIMITS", design.Limits(summed=1))  # many blocks in one file
    sc.run(study_with(keep=None, replications=6 * 1024), tmp_path, threads=1)
    path = opening.create(tmp_path, study_with(keep=None, replications=9000)).path
    before = whole(path)
    shelf, (place, _), table = first_block(path, "blocks")
    shelf.put([place], changed(table.filter(pc.equal(table["first"], 0)), "e1_high"))
    assert {len(places) for places in shelf.listing().own.values()} == {1, 6}
    done = repairs.repair(path, threads=1)
    assert len(done.report.findings) == len(done.moved) == 2 and not done.finished
    assert [block.first for block in done.computed] == [*range(0, 6 * 1024, 1024)]
    assert whole(path) == before and sc.status(path).missing == 3


def test_another_process_tidies_while_a_block_is_computed_anew(run, monkeypatch):
    """The file that is found wrong is gone from the folder: what was in it is known from the first look."""
    shelf, (place, name), table = first_block(run, "blocks")
    shelf.put([place], changed(table, "e1_high"))
    (run / "blocks" / name).unlink()
    disagreement = audit.block_tables.disagreement

    def tidied(*tables):
        if found := disagreement(*tables):
            for path in blocks_of(run):
                path.unlink()
        return found

    monkeypatch.setattr(audit.block_tables, "disagreement", tidied)
    assert [found.what for found in audit.verify(run, 3, 1).findings] == ["lacks what was there"]


def test_what_was_done_is_told(run, capsys):
    victim = blocks_of(run)[0]
    spoil(victim)
    (run / "scenario.toml").unlink()
    with pytest.raises(SystemExit):
        cli.main(["verify", str(run), "--sample", "0"])
    assert f"simcore repair {run} moves" in capsys.readouterr().out
    with pytest.raises(SystemExit) as exit_:
        cli.main(["repair", str(run), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert exit_.value.code == 0 and told["finished"] and told["moved"] == [f"blocks/{victim.name}"]
    assert told["restored"] == ["scenario.toml"] and told["computed"] == [{"cell": 0, "first": 0, "count": 1024}]
    assert {found["file"] for found in told["findings"]} == {"scenario.toml", f"blocks/{victim.name}"}


def test_a_record_that_was_damaged_twice(run):
    before = snapshot(run)
    for _ in range(2):
        spoil(run / "run.json")
        assert repairs.repair(run, threads=1).record == "of seed 3 and 3000 replications per cell"
        assert whole(run) == before
    assert {path.name for path in (run / "quarantine").iterdir()} == {"run.json", "run.json.1"}


def test_where_there_is_nothing_to_save(tmp_path):
    run = started(study_with(), tmp_path, blocks=1)
    for path in (*blocks_of(run), *blocks_of(run, "estimates")):
        path.unlink()
    spoil(run / "run.json")
    with pytest.raises(DamagedError, match="nothing to save: remove that directory"):
        repairs.repair(run)
    (run / "run.json").unlink()
    with pytest.raises(UsageError, match="not a run directory"):
        repairs.repair(run)


def test_another_format_is_no_damage(run):
    before = snapshot(run)
    record, _ = provenance.read(run / "run.json")
    (run / "run.json").write_bytes(provenance.rendered(record | {"format": 3}))
    for read in (sc.open, audit.verify, repairs.repair):
        with pytest.raises(DamagedError, match="another version of simcore; use that one"):
            read(run)
    assert snapshot(run).items() - before.items() == {("run.json", snapshot(run)["run.json"])}


def test_both_texts_lost(run):
    for name in ("run.json", "scenario.toml"):
        (run / name).unlink()
    with pytest.raises(DamagedError, match="copy the scenario file there as scenario.toml"):
        repairs.repair(run)
    (run / "scenario.toml").write_text(study_with(seed=4).text)  # the seed is in the files, too
    assert repairs.repair(run, threads=1).record
    assert sc.open(run).study.seed == 3


def test_a_restored_record_knows_what_an_extension_left_behind(run):
    fresh = sc.run(study_with(estimators=MORE), run.parent / "fresh", threads=1).path
    folder = opening.extend(run, study_with(estimators=MORE))
    folder.commit(execute.run_block(folder.study, *design.cells(folder.study), rounds.missing(folder)[0], True))
    before = snapshot(run)
    (run / "run.json").unlink()
    assert restoring.restore(run) and snapshot(run) == before
    assert audit.verify(run).findings == ()
    sc.extend(study_with(estimators=MORE), run.parent, threads=1)
    assert {path.name for path in blocks_of(run)} == {path.name for path in blocks_of(fresh)}


def test_files_of_before_an_extension_are_checked_too(run):
    victim = blocks_of(run)[0]
    opening.extend(run, study_with(estimators=MORE))
    report = audit.verify(run)
    assert report.findings == () and len(report.left) == 6
    assert any("6 files are of the study before it was extended" in line for line in report.sentences())
    spoil(victim)
    (found,) = audit.verify(run).findings
    assert found.name == f"blocks/{victim.name}"
    with pytest.raises(DamagedError, match=f"{victim.name}: damaged"):
        sc.extend(study_with(estimators=MORE), run.parent, threads=1)
    assert not repairs.repair(run, threads=1).report.finished
    assert sc.extend(study_with(estimators=MORE), run.parent, threads=1).folder.summarised


def extending(run, function):
    """The function, with another process that extends the run just before."""

    def first(*arguments, **options):
        opening.extend(run, study_with(estimators=MORE))
        return function(*arguments, **options)

    return first


@pytest.mark.parametrize(
    "module, name, work",
    [
        (audit, "_summary", lambda run: repairs.repair(run, threads=1)),
        (tidying, "files", None),
        (results, "rendered", None),
    ],
    ids=["while it is verified", "before it is tidied", "before its summary is written"],
)
def test_a_run_that_is_extended_meanwhile(run, monkeypatch, module, name, work):
    """What was to be written for the shorter study is not: no summary of it, and nothing is moved away."""
    if name == "files":
        monkeypatch.setattr(runs.tidying, "tidy", extending(run, tidying.tidy))
    else:
        monkeypatch.setattr(module, name, extending(run, getattr(module, name)))
    with pytest.raises(meanwhile.Changed, match="another process has changed what this run is"):
        (work or (lambda run: sc.run(study_with(), run.parent, threads=1)))(run)
    assert [choice.label for choice in sc.open(run).study.estimators] == ["l2", "l1"]
    assert not (run / "summary.parquet").exists() and not (run / "quarantine").exists()
    monkeypatch.undo()
    cut_small(monkeypatch, 1)
    sc.extend(study_with(estimators=MORE), run.parent, threads=1)
    assert audit.verify(run).findings == () and audit.verify(run).finished


def test_a_record_that_changes_before_it_is_replaced_is_read_again(run, monkeypatch):
    """Of two processes that change it at once, none writes over what it has not read."""
    refuse = opening._refuse_fewer
    monkeypatch.setattr(opening, "_refuse_fewer", once(extending(run, refuse), refuse))
    with pytest.raises(DamagedError, match="estimators: there also l2"):
        sc.run(study_with(title="another"), run.parent, threads=1)
    assert [choice.label for choice in sc.open(run).study.estimators] == ["l2", "l1"]


def once(first, then):
    todo = [first]
    return lambda *arguments: (todo.pop() if todo else then)(*arguments)


def test_files_that_another_process_replaces_while_they_are_read(run, monkeypatch):
    table, read = sc.open(run).summary(), shelves.Shelf.read
    name = blocks_of(run)[1].name

    def gone(_shelf, wanted):
        raise meanwhile.Vanished(f"{wanted}: was there, and is gone")

    turns = once(gone, read)
    monkeypatch.setattr(shelves.Shelf, "read", lambda shelf, own: turns(shelf, own))
    assert sc.open(run).summary().equals(table)
    monkeypatch.setattr(shelves.Shelf, "read", lambda shelf, own: (gone if own == name else read)(shelf, own))
    with pytest.raises(meanwhile.Vanished, match=name):
        sc.open(run).summary()


def test_a_file_that_goes_while_it_is_compared_with_another(run, monkeypatch):
    """By the listing alone, which reads what is there twice."""
    in_other_bytes(run)
    expected, read = sc.open(run).folder.present(), shelves.Shelf.read

    def gone(_shelf, wanted):
        raise meanwhile.Vanished(f"{wanted}: was there, and is gone")

    turns = once(gone, read)
    monkeypatch.setattr(shelves.Shelf, "read", lambda shelf, own: turns(shelf, own))
    assert sc.open(run).folder.present() == expected


def test_two_that_tidy_at_once_take_the_same_away(tmp_path, monkeypatch):
    """Whatever one finds of what the other has done."""
    cut_small(monkeypatch, 4)
    folder = sc.run(study_with(), tmp_path, threads=1).folder
    folder = opening.create(tmp_path, study_with(replications=9000))
    for block in rounds.missing(folder):
        folder.commit(execute.run_block(folder.study, *design.cells(folder.study), block, True))
    shutil.copytree(folder.path, tmp_path / "before" / "rotten")
    tidying.tidy(folder)
    after = snapshot(folder.path)
    changes = after.keys() ^ snapshot(tmp_path / "before" / "rotten").keys()
    assert len(changes) == 6  # two files are one: of sums and of estimates
    added, gone = sorted(after.keys() & changes), sorted(changes - after.keys())
    for halfway in ([], added[:1], added[1:], added, *([*added, own] for own in gone), [*added, *gone[:2]]):
        path = shutil.copytree(tmp_path / "before" / "rotten", tmp_path / str(len(os.listdir(tmp_path))) / "rotten")
        for name in halfway:
            (path / name).unlink() if name in gone else shutil.copy(folder.path / name, path / name)
        tidying.tidy(opening.open_folder(path))
        assert snapshot(path) == after


def test_names_in_both_folders_are_those_of_one_moment(tmp_path, monkeypatch):
    """Another process tidies between the listings."""
    cut_small(monkeypatch, 4)
    sc.run(study_with(), tmp_path, threads=1)
    folder = opening.create(tmp_path, study_with(replications=9000))
    for block in rounds.missing(folder):
        folder.commit(execute.run_block(folder.study, *design.cells(folder.study), block, True))
    listing = shelves.Shelf.listing

    def tidied(shelf):
        if shelf.folder.name == "estimates":
            monkeypatch.setattr(shelves.Shelf, "listing", listing)
            tidying.tidy(folder)
        return listing(shelf)

    monkeypatch.setattr(shelves.Shelf, "listing", tidied)
    assert rounds.missing(folder) == []


def failing(number, names):
    class Failing:
        def __getattr__(self, name):
            def fail(*_):
                raise OSError(number, os.strerror(number))

            return fail if name in names else getattr(os, name)

    return Failing()


def test_a_disk_that_is_full_when_a_run_goes_on(run, monkeypatch):
    """There is a run already: to choose another place for it is not the remedy."""
    monkeypatch.setattr(files, "system", failing(errno.ENOSPC, ["write"]))
    for work in (
        lambda: sc.run(study_with(title="another"), run.parent),
        lambda: sc.extend(study_with(estimators=MORE), run.parent),
        lambda: spoil(run / "run.json") or repairs.repair(run),
    ):
        with pytest.raises(IncompleteError, match="No space left on device.*run the same command again"):
            work()


def test_a_folder_among_the_drafts_is_left_alone(run):
    (run / "temporary" / "folder").mkdir()
    blocks_of(run)[0].unlink()
    sc.run(study_with(), run.parent, threads=1)
    assert (run / "temporary" / "folder").is_dir()


def test_sums_within_others_must_agree_with_them(run):
    """More than one file of a replication: as long as they are there, they are compared."""
    study = study_with(keep=None, name="sums")
    path = sc.run(study, run.parent, threads=1).path
    shelf, (place, _), table = first_block(path, "blocks")
    shelf.put([place._replace(count=512)], changed(table, "e1_high"))
    with pytest.raises(DamagedError, match="different results of cell 0, replications 0..1023"):
        sc.run(study, run.parent, threads=1)
