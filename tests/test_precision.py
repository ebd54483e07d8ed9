"""Studies with a [precision]: they stop where it is met, go on after any stop as if there had been none, and the
forecast foretells them. Most tests make blocks small, so that a round has several files."""

import dataclasses
import json
import tomllib

import pytest

import simcore as sc
from simcore import design, forecast, rounds
from simcore.errors import IncompleteError, UsageError
from tests.running import cut_small
from tests.test_cli import simcore

ERRORS = [{"distribution": "normal"}, {"distribution": "student_t", "df": 3}, {"distribution": "cauchy"}]


def study_of(target=0.02, measure="variance", least=2048, most=None, **changes):
    precision = {"measure": measure, "relative_mcse": target, "min_replications": least, "max_replications": most}
    entries = {
        "name": "precise",
        "problem": "location",
        "seed": 8,
        "factors": {"n": [20], "errors": ERRORS},
        "estimators": [{"loss": "l2"}, {"loss": "l1"}, {"loss": "huber"}],
        "variance_reduction": "none",
        "precision": {key: value for key, value in precision.items() if value is not None},
    }
    return sc.Study(**(entries | changes))


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of two chunks: 2,048 replications of n = 20."""
    cut_small(monkeypatch, 2)
    assert design.chunk_size(20) == 1024


def files_of(run):
    return {path.name: path.read_bytes() for path in (run.path / "blocks").iterdir()}


def replications_of(table):
    """Of each cell; all its rows agree."""
    counts = (table["n_ok"] + table["n_failed"]).groupby(table["cell"]).unique()
    return [int(count) for (count,) in counts]


class Killed(Exception):
    pass


def killer(after):
    """A progress callback that dies after some blocks have been stored."""
    left = [after]

    def progress(_done, _total, _block):
        left[0] -= 1
        if left[0] <= 0:
            raise Killed

    return progress


def counted():
    blocks = []
    return blocks, lambda _done, _total, block: blocks.append(block)


@pytest.mark.parametrize("measure, reduction", [("variance", "none"), ("variance", "score"), ("mae", "none")])
def test_it_stops_at_the_first_round_that_meets_it(tmp_path, measure, reduction):
    """Every row of the measure with an MCSE says met and is; half of the replications would not have done."""
    study = study_of(0.01, measure, variance_reduction=reduction)
    table = sc.run(study, tmp_path).summary()
    told = table[table["measure"] == measure]
    asked = told[told["status"].isin(["ok", "mcse_rough"])]
    assert len(asked) > 5 and set(asked["precision"]) == {"met"} and (asked["mcse"] <= 0.01 * asked["value"]).all()
    assert table["precision"].notna().sum() == len(asked)
    for cell, count in zip(design.cells(study), replications_of(table), strict=True):
        if count > 2048:
            assert count % 1024 == 0
            worst = (asked["mcse"] / asked["value"])[asked["cell"] == cell.number].max()
            # rounds aim 2 % beyond what the one before foretells, and end on whole chunks
            assert count < 1.15 * count * (worst / 0.01) ** 2 + 1024
            fixed = fixed_study(study, cell, count - 1024)
            before = sc.run(fixed, tmp_path / str(cell.number)).summary()
            before = before[(before["measure"] == measure) & before["status"].isin(["ok", "mcse_rough"])]
            assert (before["mcse"] / before["value"]).max() > 0.97 * 0.01
    assert len(set(replications_of(table))) > 1, "cells stop at different numbers"


def fixed_study(study, cell, replications):
    """A fixed number of replications of one cell of the study."""
    entries = json_of(study) | {"replications": replications}
    entries.pop("precision")
    entries["factors"] = {"n": [cell.n], "errors": [ERRORS[cell.number]]}
    return sc.Study(**entries)


def json_of(study):
    from simcore import toml_text

    return toml_text.parse(study.text, "s")[0]


def test_the_rounds_are_those_of_the_rule(small_blocks, tmp_path):
    """From the stored sums alone: no earlier round of the rule meets it, the last one does."""
    study = study_of(0.01)
    run = sc.run(study, tmp_path)
    reached, present = replications_of(run.summary()), run.folder.present()
    for cell, count in zip(design.cells(study), reached, strict=True):
        ends, target = [], rounds.first_target(study, 1024)
        while target <= count:
            ends.append(target)
            nodes = run.folder.read_nodes(cell, present[cell.key], target)
            from simcore import sums

            ratio = rounds.relative_error(study, cell, sums.total(nodes, 1024)) / 0.01
            if ratio <= 1:
                break
            assert target < rounds.next_target(target, ratio, 1024) <= max(2 * target, target + 1024)
            target = rounds.next_target(target, ratio, 1024)
        assert ends[-1] == count
        assert {first for first, _ in present[cell.key]} >= {*ends[:-1]}, "each round begins a block"


def test_the_most_replications_are_honoured_and_the_rows_say_not_met(tmp_path):
    study = study_of(0.002, most=5000)
    table = sc.run(study, tmp_path).summary()
    assert replications_of(table) == [5000, 5000, 5000]
    told = table[table["precision"].notna()]
    assert set(told["precision"]) == {"not_met"} and set(told["measure"]) == {"variance"}
    more = sc.run(study_of(0.002, most=9000), tmp_path).summary()
    fresh = sc.run(study_of(0.002, most=9000), tmp_path / "fresh").summary()
    assert replications_of(more) == [9000, 9000, 9000] and more.equals(fresh)


def test_estimators_without_an_mcse_are_left_out_of_the_rule(tmp_path):
    """The mean of t(3) and of Cauchy errors has no MCSE of the variance: alone, it asks for no second round."""
    study = study_of(0.001, estimators=[{"loss": "l2"}], factors={"n": [20], "errors": ERRORS[1:]})
    table = sc.run(study, tmp_path).summary()
    assert replications_of(table) == [2048, 2048] and table["precision"].isna().all()
    both = sc.run(study_of(0.01, estimators=[{"loss": "l2"}, {"loss": "l1"}]), tmp_path / "both").summary()
    alone = sc.run(study_of(0.01, estimators=[{"loss": "l1"}]), tmp_path / "alone").summary()
    assert replications_of(both)[1:] == replications_of(alone)[1:] != [2048, 2048]
    asked = both[both["precision"].notna()]
    assert set(asked[asked["cell"] > 0]["estimator"]) == {"l1"} and set(asked[asked["cell"] == 0]["estimator"]) == {
        "l1",
        "l2",
    }


def test_a_study_that_sees_too_little_goes_on(tmp_path):
    """Fewer than ten replications have no MCSE: that is no precision."""
    study = study_of(0.05, least=5, factors={"n": [2000], "errors": ERRORS[:1]})
    assert replications_of(sc.run(study, tmp_path).summary())[0] > 500


def test_killed_anywhere_it_ends_with_the_same_bytes(small_blocks, tmp_path):
    """After each number of stored blocks: killed, told as incomplete, gone on with; summary and files are the same."""
    study = study_of(0.02)
    blocks, progress = counted()
    whole = sc.run(study, tmp_path / "whole", progress=progress)
    files, summary = files_of(whole), (whole.path / "summary.parquet").read_bytes()
    assert len(blocks) > 10 and len({block.first for block in blocks if block.cell == 0}) > 2
    for after in range(1, len(blocks)):
        with pytest.raises(Killed):
            sc.run(study, tmp_path / "killed", progress=killer(after))
        opened = sc.open(tmp_path / "killed" / "precise")
        if after in (1, len(blocks) // 2, len(blocks) - 1):
            with pytest.raises(IncompleteError, match="missing: [0-9]+ block"):
                opened.summary()
        blocks_now, progress = counted()
        again = sc.run(study, tmp_path / "killed", progress=progress)
        assert len(blocks_now) == len(blocks) - after, "what was stored is not computed again"
        assert files_of(again) == files and (again.path / "summary.parquet").read_bytes() == summary
        for path in (again.path / "blocks").iterdir():
            path.unlink()


@pytest.mark.parametrize("gone", [slice(-1, None), slice(-2, -1), slice(-3, None), slice(0, 1), slice(None, None, 2)])
def test_lost_blocks_are_made_again(small_blocks, tmp_path, gone):
    """Files of the last round, of the first and every other one of a cell: the same bytes come back."""
    study = study_of(0.01)
    run = sc.run(study, tmp_path)
    files, summary = files_of(run), (run.path / "summary.parquet").read_bytes()
    cell = design.cells(study)[2]
    own = sorted(name for name in files if name.startswith(cell.key))
    assert len(own) > 5
    for name in own[gone]:
        (run.path / "blocks" / name).unlink()
    again = sc.run(study, tmp_path)
    assert (again.path / "summary.parquet").read_bytes() == summary and files_of(again) == files


def test_a_tighter_precision_keeps_what_is_there(small_blocks, tmp_path):
    """Files of whole blocks stay as they are; cells of equal replications have the values of a fresh run to the bit."""
    loose, tight = study_of(0.02), study_of(0.008)
    run = sc.run(loose, tmp_path)
    before, counts = files_of(run), replications_of(run.summary())
    blocks, progress = counted()
    table = sc.run(tight, tmp_path, progress=progress).summary()
    after = files_of(run)
    whole = {name: digest for name, digest in before.items() if name.split("-")[2] == "2048"}
    assert len(whole) > 5 and whole.items() <= after.items()
    assert min(block.first for block in blocks) == min(counts)
    fresh = sc.run(tight, tmp_path / "fresh").summary()
    equal = [a == b for a, b in zip(replications_of(table), replications_of(fresh), strict=True)]
    assert sum(equal) >= 2
    for number, same in enumerate(equal):
        one, other = (found[found["cell"] == number].reset_index(drop=True) for found in (table, fresh))
        assert one.equals(other) or not same
    assert set(table["precision"].dropna()) == {"met"}
    assert sc.run(loose, tmp_path).summary()["value"].equals(table["value"]), "a looser one takes nothing away"


def test_a_last_block_within_a_chunk_is_replaced_and_no_replication_lost(small_blocks, tmp_path):
    """`max_replications` is no whole chunk; beyond it the run goes on, and equals the fresh one of that length."""
    run = sc.run(study_of(0.001, most=3000), tmp_path)
    before = files_of(run)
    table = sc.run(study_of(0.001, most=6000), tmp_path).summary()
    assert table.equals(sc.run(study_of(0.001, most=6000), tmp_path / "fresh").summary())
    kept = [name for name in files_of(run) if name in before]
    assert len(kept) == 3 and all(files_of(run)[name] == before[name] for name in kept)


def test_more_replications_on_a_precision_study(tmp_path):
    """`--replications N` is then the least, even beyond `max_replications`; fewer than there were are refused."""
    study = study_of(0.02, most=4096)
    changed = study.with_changes(replications=6000)
    assert (changed.replications, changed.precision.max_replications) == (6000, 6000)
    assert study.with_changes(replications=3000).precision == study.precision
    first = replications_of(sc.run(study, tmp_path).summary())
    assert max(first) <= 4096
    (tmp_path / "precise.toml").write_text(study.text)
    done = simcore("run", "precise.toml", "--replications", "6000", "--out", ".", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {row["n_ok"] for row in rows} == {6000}
    assert {row["precision"] for row in rows if row["measure"] == "mse"} == {None}
    opened = sc.open(tmp_path / "precise")
    assert opened.study == changed and len(opened.summary()) == len(rows)
    again = sc.run(study, tmp_path).summary()  # the first rule once more: it goes on from what is there
    assert set(replications_of(again)) == {6000}
    entries = tomllib.loads(study.text)
    del entries["precision"]
    with pytest.raises(UsageError, match="6000"):  # a number of replications is meant as it stands
        sc.run(sc.Study(**entries | {"replications": 3000}), tmp_path)


@pytest.mark.parametrize("measure", ["variance", "mae", "efficiency_mse", "median_abs_error"])
@pytest.mark.parametrize("reduction", ["none", "score"])
def test_the_plan_foretells_the_replications(tmp_path, measure, reduction):
    """At 1 %, every cell within 20 % or the one chunk to which rounds are rounded."""
    study = study_of(0.01, measure, variance_reduction=reduction, factors={"n": [8, 20], "errors": ERRORS})
    facts = forecast.forecast(study, threads=2)
    taken = replications_of(sc.run(study, tmp_path).summary())
    assert facts["replications"] == sum(cell["replications"] for cell in facts["precision"])
    for told, count in zip(facts["precision"], taken, strict=True):
        assert abs(told["replications"] - count) <= max(0.2 * count, 1024), told
        assert told["met"]
    assert max(taken) > 2048 or (measure, reduction) == ("efficiency_mse", "score")
    lines = dict(forecast.sentences(study, facts))
    for words in (f"{facts['replications']:,} in all", f"0.01 of the {measure}"):
        assert words in lines["replications"]


@pytest.mark.parametrize("n, blocks", [(1, [8, 65536]), (10**6, [8, 32, 128, 512])])
def test_a_pilot_grows_until_it_takes_long_enough_or_is_a_block(monkeypatch, n, blocks):
    """Clock: a microsecond for each observation, and a hundredth of a second for each call."""
    study, ran, now = study_of(0.01, factors={"n": [n], "errors": ERRORS[:1]}), [], [0.0]
    (cell,) = design.cells(study)
    cell = dataclasses.replace(cell, cut=cell.cut._replace(block=65536))

    def run_block(_study, _cell, block):
        ran.append(block.count)
        now[0] += 0.01 + 1e-6 * block.count * n

    monkeypatch.setattr(forecast.execute, "run_block", run_block)
    monkeypatch.setattr(forecast.time, "perf_counter", lambda: now[0])
    rate = forecast._seconds_per_replication(study, cell, 1 << 20, 200.0)
    assert ran == blocks and rate == pytest.approx(1e-6 * n + 0.01 / ran[-1])


def test_the_plan_says_what_will_not_be_met(tmp_path):
    study, told = study_of(0.0001, most=5000), []
    facts = forecast.forecast(study, threads=2, progress=lambda done, total, _: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]  # of each cell its precision, then its time
    assert [(cell["replications"], cell["met"]) for cell in facts["precision"]] == [(5000, False)] * 3
    assert sum("not met" in text for _, text in forecast.sentences(study, facts)) == 3
    assert not any(tmp_path.iterdir())


def test_a_finished_run_is_finished_also_when_its_rounds_are_one_file(tmp_path):
    """Rounds end at 10240 and 20480; put together their sums are those of 16384 and of 4096 replications, and the first
    16384 alone would ask for 21504."""
    study = study_of(
        0.01,
        "mse",
        least=None,
        seed=5,
        factors={
            "n": [50],
            "errors": [{"distribution": "lognormal", "sigma": 1.0}],
            "contamination": [{"kind": "shift", "fraction": 0.2, "size": 5.0}],
        },
        estimators=[{"loss": "l2"}, {"loss": "huber"}, {"loss": "tukey"}],
        variance_reduction="score",
    )
    run = sc.run(study, tmp_path)
    assert replications_of(run.summary()) == [20480]
    before = files_of(run)
    assert len(before) == 1
    assert files_of(sc.run(study, tmp_path)) == before and rounds.missing(run.folder) == []


def test_threads_change_nothing(small_blocks, tmp_path):
    study = study_of(0.015, variance_reduction="score", measure="mae")
    one, two = (sc.run(study, tmp_path / str(threads), threads=threads) for threads in (1, 2))
    assert files_of(one) == files_of(two) and len(files_of(one)) > 5
    assert (one.path / "summary.parquet").read_bytes() == (two.path / "summary.parquet").read_bytes()


def test_the_precision_is_no_part_of_what_a_run_belongs_to():
    study = study_of()
    assert dataclasses.astuple(study.precision) == ("variance", 0.02, 10_000_000) and study.replications == 2048
    assert study.digest() == study_of(0.5, "mse", 7, 8).digest()
