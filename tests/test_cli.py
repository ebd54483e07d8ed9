"""The command line as a user meets it: exit codes, streams, resume, refusal, and what is on disk."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import simcore as sc
from simcore import audit, design
from simcore.errors import UsageError
from simcore.wording import counted
from tests.running import paused, typed

TINY = """
name = "tiny"
title = "A tiny study"
problem = "location"
seed = 5
replications = 2000
[factors]
n = [5, 8]
errors = [ { distribution = "normal" }, { distribution = "cauchy" } ]
[[estimators]]
loss = "l2"
[[estimators]]
loss = "l1"
"""


def simcore(*arguments, cwd, **options):
    command = [sys.executable, "-m", "simcore", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(Path(sc.__file__).parent.parent)}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, timeout=300, **options)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a scenario and its finished run."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "tiny.toml").write_text(TINY)
    done = simcore("run", "tiny.toml", "--threads", "2", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "run_stdout.txt").write_text(done.stdout)
    return folder


def test_what_reads_a_damaged_file_names_all_of_its_blocks_and_status_says_that_it_read_none(place, tmp_path):
    run = shutil.copytree(place / "results" / "tiny", tmp_path / "tiny")
    (victim,) = (run / "blocks").iterdir()
    data = victim.read_bytes()
    victim.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    (finding,) = audit.verify(run, sample=0).findings
    assert len(finding.blocks) == 4
    done = simcore("show", "tiny", cwd=tmp_path)
    assert done.returncode == 4 and f"{design.told(finding.blocks)}; simcore repair tiny" in done.stderr
    done = simcore("status", "tiny", cwd=tmp_path)
    assert done.returncode == 0 and "finished, by the names of its files; simcore verify tiny" in done.stdout


def test_one_measure_of_a_run_in_python(place):
    run = sc.open(place / "results" / "tiny")
    assert set(run.summary("mse")["measure"]) == {"mse"} and len(run.summary("mse")) == 8
    labels = {f"quantile(p={p})" for p in (0.05, 0.25, 0.75, 0.95)}
    assert set(run.summary("quantile", plain=True)["measure"]) == labels
    for name, told in (("rms", "^measure: is unknown here .*'rmse'"), (True, "^measure: is unknown")):
        with pytest.raises(UsageError, match=told):
            run.summary(name)
    with pytest.raises(UsageError, match="^measure: cannot be compared"):
        run.comparisons("rmse")
    done = simcore("show", "results/tiny", "--measure", "quantile(p=0.9)", cwd=place)
    assert done.returncode == 2 and "add [[measures]]" in done.stderr and "did you mean" not in done.stderr


def test_a_design_is_given_by_name():
    with pytest.raises(UsageError, match="write fit.y, X=X, "):
        sc.fit([1.0, 2.0], [[3.0], [4.0]], loss="l2")


def test_verify_tells_a_scenario_that_is_gone_and_counts_in_good_grammar(place, tmp_path):
    run = shutil.copytree(place / "results" / "tiny", tmp_path / "tiny")
    (run / "scenario.toml").unlink()
    report = audit.verify(run, sample=0)
    told = [*report.sentences()]
    assert told[:2] == ["scenario.toml is missing; run.json holds its text", "1 block file is what was written"]
    (run / "scenario.toml").write_text("other")
    assert [str(own) for own in audit.verify(run, sample=0).findings] == [
        "scenario.toml is not the text that run.json holds"
    ]
    assert [counted(n, "block is", "blocks are") for n in (0, 1, 2000)] == [
        "0 blocks are",
        "1 block is",
        "2,000 blocks are",
    ]


def test_run_prints_the_table_and_leaves_the_files(place):
    text = (place / "run_stdout.txt").read_text()
    assert "does not exist" in text and "l1" in text and "±" in text
    run = place / "results" / "tiny"
    assert (run / "scenario.toml").read_text() == TINY
    assert len(list((run / "blocks").iterdir())) == 1  # of four cells, whose blocks are small
    assert not list((run / "temporary").iterdir())
    record = json.loads((run / "run.json").read_text())
    assert record["seed"] == 5 and record["versions"]["numba"]
    schema = pq.read_schema(run / "summary.parquet")
    assert str(schema.field("cell").type) == "int32" and str(schema.field("value").type) == "double"
    table = pq.read_table(run / "summary.parquet")
    labels = {choice.label for choice in sc.load(place / "tiny.toml").measures}
    assert set(table.column("measure").to_pylist()) == labels and table.num_rows == 4 * 2 * len(labels)
    values = table.filter(pc.equal(table["status"], "undefined")).column("value")
    assert len(values) == values.null_count == table.column("value").null_count > 0


def test_a_second_run_computes_nothing_and_changes_nothing(place):
    run = place / "results" / "tiny"
    before = {path: path.read_bytes() for path in run.rglob("*.parquet")}
    times = {path: path.stat().st_mtime_ns for path in (run / "blocks").iterdir()}
    done = typed("run", "tiny.toml", cwd=place)
    assert done.returncode == 0 and done.stdout == (place / "run_stdout.txt").read_text()
    assert {path: path.read_bytes() for path in run.rglob("*.parquet")} == before
    assert {path: path.stat().st_mtime_ns for path in (run / "blocks").iterdir()} == times


def test_a_missing_block_is_told_then_mended_with_the_same_bytes(place, tmp_path):
    assert typed("run", "tiny.toml", "--out", tmp_path, cwd=place).returncode == 0
    victim = sorted((tmp_path / "tiny" / "blocks").iterdir())[0]
    data = victim.read_bytes()
    victim.unlink()
    done = typed("show", tmp_path / "tiny", cwd=place)
    told = "lost: 4 blocks (cell 0, replications 0..1999; cell 1, replications 0..1999; "
    assert done.returncode == 4 and told in done.stderr and not done.stdout
    assert typed("run", "tiny.toml", "--out", tmp_path, cwd=place).returncode == 0
    assert victim.read_bytes() == data


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_block_is_named_and_stops(place, tmp_path, damage):
    assert typed("run", "tiny.toml", "--out", tmp_path, cwd=place).returncode == 0
    victim = sorted((tmp_path / "tiny" / "blocks").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:-100] if damage is None else damage)
    done = typed("show", tmp_path / "tiny", cwd=place)
    assert done.returncode == 4 and victim.name in done.stderr and "Traceback" not in done.stderr


def test_a_block_of_another_run_is_refused(place, tmp_path):
    for seed in (5, 6):
        assert typed("run", "tiny.toml", "--seed", seed, "--out", tmp_path / str(seed), cwd=place).returncode == 0
    own, other = (tmp_path / str(seed) / "tiny" for seed in (5, 6))
    names = [sorted(path.name for path in (run / "blocks").iterdir()) for run in (own, other)]
    victim, data = own / "blocks" / names[0][0], (own / "blocks" / names[0][0]).read_bytes()
    foreign = (other / "blocks" / names[1][0]).read_bytes()
    disguised = f"{victim.stem[:-64]}{hashlib.sha256(foreign).hexdigest()}.parquet"
    for name, told in ((names[1][0], "not of this run"), (disguised, "it belongs to another run")):
        (own / "blocks" / name).write_bytes(foreign)
        victim.unlink()
        done = typed("show", own, cwd=place)
        assert done.returncode == 4 and told in done.stderr
        (own / "blocks" / name).unlink()
        victim.write_bytes(data)
    table = pq.read_table(victim)  # the results of other cells of the same run under the name of these
    short = table.slice(0, len(table) // 4 * 3).replace_schema_metadata(table.schema.metadata)
    pq.write_table(short, own / "short")
    swapped = f"{victim.stem[:-64]}{hashlib.sha256((own / 'short').read_bytes()).hexdigest()}.parquet"
    (own / "short").rename(own / "blocks" / swapped)
    victim.unlink()
    done = typed("show", own, cwd=place)
    assert done.returncode == 4 and "belongs to another block" in done.stderr
    (own / "blocks" / swapped).unlink()
    victim.write_bytes(data)
    assert typed("show", own, cwd=place).returncode == 0


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", "5"])
def test_a_damaged_record_is_no_traceback(place, tmp_path, text):
    assert typed("run", "tiny.toml", "--out", tmp_path, cwd=place).returncode == 0
    (tmp_path / "tiny" / "run.json").write_text(text)
    for arguments in (["show", tmp_path / "tiny"], ["run", "tiny.toml", "--out", tmp_path]):
        done = typed(*arguments, cwd=place)
        assert done.returncode == 4 and "Traceback" not in done.stderr, done.stderr


def test_another_scenario_of_the_same_name_is_refused(place, tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY.replace("n = [5, 8]", "n = [5, 9]"))
    done = typed("run", tmp_path / "tiny.toml", "--out", place / "results", cwd=place)
    assert done.returncode == 4 and "something else" in done.stderr
    done = typed("run", "tiny.toml", "--seed", "6", cwd=place)
    assert done.returncode == 4 and "seed" in done.stderr


def test_comments_titles_and_order_are_no_difference(place, tmp_path):
    text = TINY.replace("A tiny study", "Another title").replace("n = [5, 8]", "n = [8, 5]  # turned round")
    (tmp_path / "tiny.toml").write_text(text)
    done = typed("run", tmp_path / "tiny.toml", "--out", tmp_path, cwd=place)
    assert done.returncode == 0
    one = sc.open(place / "results" / "tiny").summary()
    other = sc.open(tmp_path / "tiny").summary()
    keys = ["errors", "n", "estimator", "measure"]
    assert one.set_index(keys)["value"].sort_index().equals(other.set_index(keys)["value"].sort_index())


def test_more_replications_go_on_in_the_same_folder(place, tmp_path):
    assert typed("run", "tiny.toml", "--out", tmp_path, cwd=place).returncode == 0
    done = typed("run", "tiny.toml", "--out", tmp_path, "--replications", "3000", cwd=place)
    assert done.returncode == 0
    assert set(sc.open(tmp_path / "tiny").summary()["n_ok"]) == {3000}
    stored = pq.ParquetDataset(tmp_path / "tiny" / "blocks").read().to_pandas()
    alone = stored[stored["other"].isna()]  # no replication stands in two files: no glob counts twice
    assert set(alone.groupby(["cell", "estimator"])["node_count"].sum()) == {3000}
    fresh = typed("run", "tiny.toml", "--out", tmp_path / "fresh", "--replications", "3000", cwd=place)
    assert fresh.returncode == 0 and fresh.stdout == done.stdout
    tables = [(folder / "tiny" / "summary.parquet").read_bytes() for folder in (tmp_path, tmp_path / "fresh")]
    assert tables[0] == tables[1]
    done = typed("run", "tiny.toml", "--out", tmp_path, cwd=place)
    assert done.returncode == 2 and "3000" in done.stderr
    assert set(sc.open(tmp_path / "tiny").summary()["n_ok"]) == {3000}


def test_a_bad_scenario_writes_nothing_and_tells_all(place, tmp_path):
    (tmp_path / "bad.toml").write_text(TINY.replace('loss = "l2"', 'loss = "hubber"').replace("seed = 5", "seed = -1"))
    done = simcore("run", "bad.toml", "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 2 and not done.stdout and not (tmp_path / "out").exists()
    lines = done.stderr.strip().splitlines()
    assert lines[0].startswith("bad.toml:5: seed:") and any("estimators[0].loss" in line for line in lines)
    assert "huber" in done.stderr and "Traceback" not in done.stderr


def test_more_blocks_than_can_be_meant_are_refused_and_nothing_is_written(place, tmp_path):
    (tmp_path / "huge.toml").write_text(TINY.replace("[5, 8]", "[1_000_000]"))
    done = typed("run", "huge.toml", "--replications", 10**12, cwd=tmp_path)
    assert done.returncode == 2 and "replications" in done.stderr and "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["huge.toml"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["show", "nowhere"], "not a run directory"),
        (["run", "nowhere.toml"], "nowhere.toml"),
        (["run", "results/tiny"], "simcore extend results/tiny --replications N goes"),
        (["show", "a" * 300], "File name too long"),
        (["list", "loses"], "losses"),
        (["show", "results/tiny", "--measure", "varianse"], "variance"),
        (["run", "tiny.toml", "--replications", "0"], "replications"),
        (["run", "tiny.toml", "--threads", "0"], "threads"),
    ],
)
def test_bad_usage_is_exit_code_2(place, arguments, words):
    done = typed(*arguments, cwd=place)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_json_is_json(place):
    for arguments in (["show", "results/tiny"], ["plan", "tiny.toml"], ["list"], ["list", "losses"]):
        done = typed(*arguments, "--json", cwd=place)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)


def test_json_loses_no_digit(place):
    rows = json.loads(typed("show", "results/tiny", "--json", cwd=place).stdout)
    table = pq.read_table(place / "results" / "tiny" / "summary.parquet").to_pylist()
    assert [(row["value"], row["mcse"]) for row in rows] == [(row["value"], row["mcse"]) for row in table]


def test_list_names_every_plugin(place):
    done = typed("list", cwd=place)
    for word in ("student_t", "huber", "hodges_lehmann", "shift", "location", "rmse", "default 1.345"):
        assert word in done.stdout


def test_plan_writes_nothing(place, tmp_path):
    done = simcore("plan", place / "tiny.toml", cwd=tmp_path)
    assert done.returncode == 0 and "4 x 2 estimators" in done.stdout and "not stored" not in done.stdout
    assert re.search(r"plan tiny: 4 of 4 pilots, \d+ s\n$", done.stderr)
    assert not list(tmp_path.iterdir())


def test_plan_counts_what_is_stored(place):
    for replications, expected in ((None, 0), (3000, 4)):
        more = ["--replications", replications] if replications else []
        facts = json.loads(typed("plan", "tiny.toml", "--json", *more, cwd=place).stdout)
        assert facts["blocks"] == 4 and facts["to_compute"] == expected
        assert (facts["seconds"] > 0) == (expected > 0)
    done = typed("plan", "tiny.toml", cwd=place)
    assert "4, of which 0 are not stored yet" in done.stdout


def test_asking_for_estimates_later_computes_them(place, tmp_path):
    assert typed("run", "tiny.toml", "--out", tmp_path, cwd=place).returncode == 0
    summary = (tmp_path / "tiny" / "summary.parquet").read_bytes()
    (tmp_path / "tiny.toml").write_text('keep = "estimates"\n' + TINY)
    assert typed("run", tmp_path / "tiny.toml", "--out", tmp_path, cwd=place).returncode == 0
    assert len(list((tmp_path / "tiny" / "estimates").iterdir())) == 1
    before, after = pq.read_table(pa.BufferReader(summary)), pq.read_table(tmp_path / "tiny" / "summary.parquet")
    moments = pc.is_in(before["measure"], pa.array(["bias", "variance", "mse", "efficiency", "iterations"]))
    assert after.filter(moments).equals(before.filter(moments))  # order statistics become exact


def test_keep_estimates_writes_a_row_per_fit(place, tmp_path):
    (tmp_path / "kept.toml").write_text('keep = "estimates"\n' + TINY.replace('"tiny"', '"kept"'))
    assert typed("run", "kept.toml", cwd=tmp_path).returncode == 0
    files = sorted((tmp_path / "results" / "kept" / "estimates").iterdir())
    rows = sum(pq.read_metadata(path).num_rows for path in files)
    assert rows == 4 * 2 * 2000
    table = pq.ParquetDataset(files).read().to_pandas()
    own = table[(table["cell"] == 0) & (table["estimator"] == "l2")]
    summary = sc.open(tmp_path / "results" / "kept").summary(plain=True)
    estimates = own["estimate"]
    exact = summary[(summary["cell"] == 0) & (summary["estimator"] == "l2")].set_index("measure")
    assert estimates.var() == pytest.approx(exact.loc["variance", "plain_value"], rel=1e-12)
    assert estimates.median() == pytest.approx(exact.loc["median_bias", "value"], rel=1e-12)
    assert estimates.quantile(0.95) == pytest.approx(exact.loc["quantile(p=0.95)", "value"], rel=1e-12)
    assert estimates.abs().median() == pytest.approx(exact.loc["median_abs_error", "value"], rel=1e-12)
    assert (estimates.abs() > 1.0).mean() == exact.loc["tail_probability(c=1)", "value"]


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_stops_soon_and_the_run_goes_on_later(place, tmp_path, number, code):
    text = TINY.replace('"tiny"', '"long"').replace("2000", "5_000_000")
    (tmp_path / "long.toml").write_text('keep = "estimates"\n' + text)  # files of some tenths of a second each
    environment = os.environ | {"PYTHONPATH": str(Path(sc.__file__).parent.parent)}
    command = [sys.executable, "-m", "simcore", "run", "long.toml"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, env=environment, text=True)
    blocks = tmp_path / "results" / "long" / "blocks"
    end = time.monotonic() + 120
    while not (blocks.is_dir() and any(blocks.iterdir())):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    with paused(process.pid):
        before = len(os.listdir(blocks))
        process.send_signal(number)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == code and "Traceback" not in messages
    assert before <= len(os.listdir(blocks)) <= before + 1  # what was under way is stored, and no more is begun
    assert not (tmp_path / "results" / "long" / "summary.parquet").exists()


def test_dask_is_not_installed(place, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "simcore.engines.dask", raising=False)
    monkeypatch.delattr("simcore.engines.dask", raising=False)
    with pytest.raises(UsageError, match=r"distributed is not installed here; .* pip install 'simcore\[dask\]'"):
        sc.run(place / "tiny.toml", tmp_path, engine="dask")
    for engine in ("spark", 5):  # which Dask is no remedy for
        with pytest.raises(UsageError, match="engine: must be"):
            sc.run(place / "tiny.toml", tmp_path, engine=engine)
    assert not [*tmp_path.iterdir()]
