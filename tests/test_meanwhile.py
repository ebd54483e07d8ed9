"""Readers and repairs of a run that another process works on at the same time: what they have of a cell is of one
moment, and what is only elsewhere now is no damage."""

import shutil

import pytest

import simcore as sc
from simcore import design, meanwhile, repairs, shelves
from simcore.drawing import slices
from simcore.errors import DamagedError
from tests.kills import snapshot

ENTRIES = {
    "name": "busy",
    "problem": "location",
    "seed": 3,
    "replications": 1310,
    "factors": {"n": [5, 6], "errors": [{"distribution": "normal"}]},
    "estimators": [{"loss": "l1"}, {"loss": "l2"}],
}
SMALL, LARGER = (design.Limits(chunk=64, kept=1, summed=1, least=chunks, work=1) for chunks in (1, 4))
NAMES = {"variance"}


@pytest.fixture(scope="module", params=[None, "estimates"])
def runs(request, tmp_path_factory):
    """The paths of a run, and of it extended and in other files, none of which the first has."""
    folder, study = tmp_path_factory.mktemp("runs"), sc.Study(**ENTRIES, keep=request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(design, "LIMITS", SMALL)
        before = sc.run(study, folder / "before", threads=1).path
        after = shutil.copytree(before, folder / "after" / "busy")
        patch.setattr(design, "LIMITS", LARGER)
        sc.extend(after, replications=2620, threads=1)
    assert not {*(before / "blocks").iterdir()} & {*(after / "blocks").iterdir()}
    return before, after


@pytest.fixture
def run(runs, tmp_path):
    return shutil.copytree(runs[0], tmp_path / "busy")


@pytest.fixture(autouse=True)
def chunks(monkeypatch):
    monkeypatch.setattr(design, "LIMITS", SMALL)


def before_read(monkeypatch, number, act):
    """Do something once, before a block file is read after so many others."""
    read, left = shelves.Shelf.read, [*range(number + 1)]

    def later(shelf, name):
        if left:
            left.pop()
            if not left:
                act()
        return read(shelf, name)

    monkeypatch.setattr(shelves.Shelf, "read", later)


def become(run, after):
    """What another process does to the files of a run that it extends."""
    shutil.copytree(after, run, dirs_exist_ok=True)
    for path in run.glob("*/*.parquet"):
        if not (after / path.relative_to(run)).exists():
            path.unlink()


def estimates(run):
    if run.study.keep:
        for _, *found in run.estimates():
            yield [own.tobytes() for own in found]


def parts(run):
    for _, total, errors in run.parts():
        yield total.bits(), errors and [own.tobytes() for own in errors]


def growing(run):
    for cell in design.cells(run.study):
        yield repr([*slices.growing(run, cell, NAMES)])


def batches(run):
    for cell in design.cells(run.study):
        yield repr(slices.batches(run, cell, NAMES))


@pytest.mark.parametrize("number", [0, 15, 30])
@pytest.mark.parametrize("reader", [estimates, parts, growing, batches])
def test_what_is_read_of_a_cell_is_of_one_moment(runs, run, monkeypatch, reader, number):
    """Before its first file, in its midst, in the next cell: the files become others."""
    old, new = ([*reader(sc.open(path))] for path in runs)
    before_read(monkeypatch, number, lambda: become(run, runs[1]))
    found = [*reader(sc.open(run))]
    assert len(found) == len(old)
    assert all(own in pair for own, *pair in zip(found, old, new, strict=True))
    assert not found or found[-1] == new[-1] != old[-1]


@pytest.mark.parametrize("runs", ["estimates"], indirect=True)
def test_estimates_go_on_while_a_run_is_extended(run):
    found = sc.open(run).estimates()
    (cell, first, _) = next(found)
    sc.extend(run, replications=2620, threads=1)
    ((_, second, _),) = found
    assert cell.number == 0 and first.shape == (2, 1310) and second.shape == (2, 2620)


def test_what_is_lost_meanwhile_is_told_as_lost(run, monkeypatch):
    """Not left out, and not what is only in other files."""
    victim = sorted((run / "blocks").iterdir())[-1]
    before_read(monkeypatch, 3, victim.unlink)
    with pytest.raises(DamagedError, match="lost: 1 block.*simcore repair"):
        [*sc.open(run).parts()]


def test_a_file_that_stays_away_comes_with_what_to_do(run):
    shelf, name = sc.open(run).folder.shelves["blocks"], sorted((run / "blocks").iterdir())[0].name
    (run / "blocks" / name).unlink()
    with pytest.raises(meanwhile.Vanished, match=f"{name}: was there, and is gone.*do the same again"):
        shelf.read(name)


@pytest.mark.parametrize("moment", ["before a file is moved", "while the record is restored"])
def test_a_repair_that_another_one_is_ahead_of(runs, run, monkeypatch, moment):
    """The other has moved what was found, and is killed before it computes that anew."""

    class Killed(Exception):
        pass

    def killed(*_):
        raise Killed

    def ahead():
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(repairs, "compute", killed)
            repairs.repair(run, threads=1)
        assert not victim.exists()

    victim = sorted((run / "blocks").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:-9])
    if moment == "before a file is moved":
        before_moving(monkeypatch, ahead)
    else:
        (run / "run.json").unlink()
        before_read(monkeypatch, 0, ahead)
    done = repairs.repair(run, threads=1)
    assert done.finished and not done.moved and [block.first for block in done.computed] == [0]
    shutil.rmtree(run / "quarantine")
    assert snapshot(run) == snapshot(runs[0])


def before_moving(monkeypatch, act):
    """Do something once, before the first file is moved away."""
    moved = repairs._moved

    def later(*arguments):
        monkeypatch.setattr(repairs, "_moved", moved)
        act()
        return moved(*arguments)

    monkeypatch.setattr(repairs, "_moved", later)
