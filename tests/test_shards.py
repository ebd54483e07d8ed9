"""Shards of a study, computed by anyone in any order, again or at once, are one run of all of it, to the byte."""

import json
import random
import re
from collections import Counter
from dataclasses import replace

import pytest

import simcore as sc
from simcore import cli, design, opening, shards, tables
from simcore.errors import DamagedError, IncompleteError, UsageError
from simcore.wording import ranges
from tests.kills import snapshot
from tests.running import cut_small, typed
from tests.test_cli import simcore

ENTRIES = {
    "name": "split",
    "problem": "location",
    "seed": 3,
    "replications": 3000,
    "factors": {"n": [5, 8], "errors": [{"distribution": "normal"}, {"distribution": "cauchy"}]},
    "estimators": [{"loss": "l2"}, {"loss": "l1"}],
}
PRECISION = {"measure": "mae", "relative_mcse": 0.05, "max_replications": 20_000}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    cut_small(monkeypatch, 1)


def study_with(**changes):
    return sc.Study(**(ENTRIES | changes))


def dealt(study, count):
    """The blocks of each shard."""
    owner, found = shards.dealt(study, count), {number: [] for number in range(1, count + 1)}
    for block in design.missing(study, {}):
        found[owner(block)].append(block)
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 7, 16, 100])
def test_shards_make_up_the_study_and_are_as_equal_as_blocks_allow(count):
    study = study_with()
    found, cells = dealt(study, count), design.cells(study)
    blocks = [block for own in found.values() for block in own]
    assert sorted(map(str, blocks)) == sorted(map(str, design.missing(study, {}))) and len(blocks) == 12
    loads = [sum(design.cost(cells[block.cell], block) for block in own) for own in found.values()]
    largest = max(design.cost(cells[block.cell], block) for block in blocks)
    assert max(loads) - min(loads) <= largest
    assert dealt(study, count) == found


def test_what_an_extension_adds_is_shared_out_evenly_too(monkeypatch):
    """Twice as many replications, in bundles of the usual size: the largest load against the mean."""
    monkeypatch.setattr(design, "LIMITS", design.Limits())
    errors = [{"distribution": "normal"}, {"distribution": "student_t", "df": [3, 5, 10]}, {"distribution": "cauchy"}]
    study, half = (
        study_with(factors={"n": [10, 100, 1000], "errors": errors}, replications=count)
        for count in (10**8, 10**8 // 2)
    )
    cells, owner = design.cells(study), shards.dealt(study, 64)
    stored = design.by_cell(block.place for block in design.missing(half, {}))
    for present, bound in (({}, 1.03), (stored, 1.1)):
        loads = Counter()
        for block in design.missing(study, present):
            loads[owner(block)] += design.cost(cells[block.cell], block)
        assert max(loads.values()) < bound * loads.total() / 64


def test_how_many_shards_have_work_at_most():
    for study in (study_with(), study_with(precision=PRECISION)):
        found = dealt(study, 100)
        assert shards.most(study) == sum(map(bool, found.values())) == (4 if study.precision else 12)


def test_with_a_precision_cells_are_dealt_one_by_one(monkeypatch):
    """Though all of their first rounds together are one piece of work."""
    monkeypatch.setattr(design, "LIMITS", design.Limits())
    factors = ENTRIES["factors"] | {"n": [*range(5, 35)]}
    study = study_with(precision=PRECISION, factors=factors, replications=1024)
    assert shards.most(study) == 60 and shards.most(study_with(factors=factors, replications=1024)) == 1
    assert [len(own) for own in dealt(study, 60).values()] == [1] * 60
    cells, owner = design.cells(study), shards.dealt(study, 7)
    costs = [[design.cost(cells[block.cell], block) for block in own] for own in dealt(study, 7).values()]
    loads = [*map(sum, costs)]
    assert max(loads) - min(loads) <= max(map(max, costs))
    assert all(owner(replace(block, first=1024)) == owner(block) for block in design.missing(study, {}))


def test_cells_of_one_kind_do_not_all_go_to_the_same_shard():
    """Of as many shards as there are kinds of errors, in a grid where each has blocks of the same cost."""
    errors = [{"distribution": "student_t", "df": df} for df in (3, 4, 5, 6)]
    study = study_with(factors={"n": [5], "errors": errors}, replications=40 * 1024)
    for own in dealt(study, 4).values():
        kinds = [block.cell for block in own]
        assert len(kinds) == 40 and all(4 <= kinds.count(cell) <= 16 for cell in range(4))


@pytest.mark.parametrize(
    "changes",
    [{}, {"keep": "estimates"}, {"precision": PRECISION, "replications": 1024}],
    ids=["", "kept", "precision"],
)
def test_any_mix_of_shards_is_one_run(tmp_path, changes):
    """Of 3 and of 5, in any order, some again, some while another is at work, some never."""
    study, chance = study_with(**changes), random.Random(5)
    whole = snapshot(sc.run(study, tmp_path / "whole", threads=1).path)
    work = [f"{number}/3" for number in (1, 2, 3)] + [f"{number}/5" for number in (2, 4, 4)]
    for k in range(3):
        chance.shuffle(work)
        out = tmp_path / str(k)
        for shard in work:
            sc.run(study, out, threads=1, shard=shard, progress=_another(study, out))
        assert not (out / "split" / "summary.parquet").exists()
        assert sc.status(out / "split").missing == 0
        assert sc.merge(out / "split").summary().equals(sc.open(tmp_path / "whole" / "split").summary())
        assert snapshot(out / "split") == whole


def _another(study, out):
    """Once, another process computes a shard of the run."""
    todo = ["2/4"]

    def progress(*_):
        if todo:
            sc.run(study, out, threads=1, shard=todo.pop())

    return progress


def test_a_shard_is_the_same_whatever_is_stored(tmp_path):
    study = study_with()
    own = {number: [*map(str, blocks)] for number, blocks in dealt(study, 4).items()}
    for number in (3, 1, 4, 2):
        folder = opening.create(tmp_path, study)
        assert [*map(str, shards.missing(folder, shards.Shard(number, 4)))] == own[number]
        sc.run(study, tmp_path, threads=1, shard=f"{number}/4")
        assert shards.missing(folder, shards.Shard(number, 4)) == []


def test_more_replications_are_shared_too(tmp_path):
    sc.run(study_with(), tmp_path / "run", threads=1)
    longer = study_with(replications=7000)
    for number in (2, 1, 3):
        sc.run(longer, tmp_path / "run", threads=1, shard=f"{number}/3")
    merged = sc.merge(tmp_path / "run" / "split")
    sc.run(study_with(), tmp_path / "serial", threads=1)
    assert snapshot(merged.path) == snapshot(sc.run(longer, tmp_path / "serial", threads=1).path)


def test_merging_what_is_not_there(tmp_path):
    run = sc.run(study_with(), tmp_path, threads=1, shard="1/2").path
    with pytest.raises(IncompleteError, match=r"missing: 6 blocks \(.*finish with: simcore extend"):
        sc.merge(run)
    (run / "slurm").mkdir()
    left = f"see what is left with: simcore status {run}; when no task is at work: bash {run}/slurm/submit.sh"
    with pytest.raises(IncompleteError, match=re.escape(left)):
        sc.merge(run)
    (run / "slurm").rmdir()
    sc.run(study_with(), tmp_path, threads=1, shard="2/2")
    sc.merge(run)
    before = snapshot(run)
    assert sc.merge(run) and snapshot(run) == before
    next((run / "blocks").iterdir()).unlink()
    with pytest.raises(DamagedError, match="lost: 1 block"):
        sc.merge(run)


NO_SHARDS = ["", "0/3", "4/3", "1/0", "-1/3", "1", "1/2/3", "a/b", "1.0/2", f"1/{10**10}", (1, 3), 2]


@pytest.mark.parametrize("text", NO_SHARDS)
def test_what_is_no_shard(text):
    with pytest.raises(UsageError, match="--shard: must be I/N with I from 1 to N"):
        shards.parse(text)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_what_is_no_number_of_threads(tmp_path, threads):
    said = "threads: must be a whole number, at least 1 .got"
    with pytest.raises(UsageError, match=said):
        sc.run(study_with(), tmp_path, threads=threads)
    assert not any(tmp_path.iterdir())
    sc.run(study_with(), tmp_path)
    with pytest.raises(UsageError, match=said):
        sc.extend(study_with(), tmp_path, threads=threads)


def test_what_is_not_random_is_not_shared_out(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    factors = {"n": [9], "at": [-4.0, 0.5], "errors": [{"distribution": "normal"}]}
    study = sc.Study(name="exact", problem="sensitivity", factors=factors, estimators=[{"loss": "l1"}])
    (tmp_path / "exact.toml").write_text(study.text)
    for words, option in (("run exact.toml --shard 2/3", "--shard"), ("slurm exact.toml --tasks 3", "--tasks")):
        with pytest.raises(SystemExit) as ended:
            cli.main(words.split())
        told = f"{option}: nothing is random in problem 'sensitivity'; simcore run does it at once\n"
        assert ended.value.code == 2 and capsys.readouterr() == ("", told)
    assert [path.name for path in tmp_path.iterdir()] == ["exact.toml"]
    sc.run(study, tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main(["status", "exact"])
    assert ended.value.code == 0 and capsys.readouterr().out.startswith("finished, by the names of its files; ")
    row = sc.open(tmp_path / "exact").summary().dropna(subset="at").iloc[0]
    assert tables.cell_title(row).count("at = -4") == 1  # which more than one problem has


@pytest.mark.parametrize(
    "numbers, text", [([], ""), ([3], "3"), ([1, 2], "1-2"), ([3, 17, 18, 19], "3,17-19"), ([1, 3, 5], "1,3,5")]
)
def test_numbers_as_slurm_writes_them(numbers, text):
    assert ranges(numbers) == text


def test_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setattr(design, "LIMITS", design.Limits())  # of the processes, too
    (tmp_path / "split.toml").write_text(study_with().text)
    done = simcore("run", "split.toml", "--shard", "2/2", cwd=tmp_path)
    assert done.returncode == 0 and not done.stdout
    told = "shard 2 of 2: done; 4 blocks of the run are missing; when all are stored: simcore merge results/split\n"
    assert done.stderr == told
    done = typed("status", "results/split", "--shards", 2, cwd=tmp_path)
    assert done.returncode == 3 and "blocks are missing, of shards 1 of 2" in done.stdout
    assert typed("status", "results/split", "--shards", 2, "--indices", cwd=tmp_path).stdout == "1\n"
    done = typed("status", "results/split", "--indices", cwd=tmp_path)
    assert done.returncode == 2 and "no scripts in results/split/slurm, give --shards N" in done.stderr
    done = typed("status", "results/splot", "--indices", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("results/splot: not a run directory"), done.stderr
    assert typed("merge", "results/split", cwd=tmp_path).returncode == 3
    done = typed("run", "split.toml", "--shard", "1/2", "--json", cwd=tmp_path)
    assert "; all blocks of the run are stored; summarise it with: simcore merge results/split\n" in done.stderr
    facts = json.loads(done.stdout)
    assert not facts["finished"] and [own["missing_blocks"] for own in facts["cells"]] == [0] * 4
    done = typed("status", "results/split", cwd=tmp_path)
    assert done.returncode == 3 and "simcore merge results/split summarises it" in done.stdout
    merged = simcore("merge", "results/split", cwd=tmp_path)
    assert merged.returncode == 0 and merged.stdout == typed("run", "split.toml", cwd=tmp_path).stdout
    done = typed("status", "results/split", "--shards", 2, cwd=tmp_path)
    assert done.returncode == 0 and "finished" in done.stdout and "3,000 of 3,000" in done.stdout
    done = typed("run", "split.toml", "--shard", "3/2", cwd=tmp_path)
    assert done.returncode == 2 and "--shard" in done.stderr and "Traceback" not in done.stderr
