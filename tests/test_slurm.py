"""Batch scripts as text: against golden files, whatever stands in a path; what is refused, and in which words."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import simcore as sc
from simcore import slurm
from simcore.errors import UsageError
from tests.test_cli import TINY, simcore

GOLDEN = Path(__file__).parent / "slurm"
HOME = Path("/home/ann")
PLAIN = slurm.Batch("tiny", ("/opt/simcore/bin/simcore",), HOME, HOME / "results", tasks=64, cpus=4)
FULL = slurm.Batch(
    study="tiny",
    command=("/opt/my python/bin/python", "-m", "simcore"),
    folder=Path("/home/ann/it's here; rm -rf $HOME"),
    out=Path("/scratch/a b/`c`"),
    tasks=1000,
    cpus=8,
    time="1-12:00:00",
    memory="16G",
    partition="long,short",
    account="stat_42",
    array_limit=100,
    sbatch=("--qos=high", "--constraint=avx512"),
    replications=1_000_000,
    seed=7,
)
BATCHES = {"plain": PLAIN, "full": FULL}


@pytest.mark.parametrize("name", BATCHES)
def test_scripts_are_the_golden_ones(name):
    slurm.check(BATCHES[name])
    texts = slurm.scripts(BATCHES[name])
    assert texts == {file: (GOLDEN / name / file).read_text() for file in texts}


@pytest.mark.parametrize("checker", [("bash", "-n"), ("shellcheck", "--exclude=SC2016")], ids=lambda words: words[0])
def test_scripts_are_sound_bash(checker):
    if shutil.which(checker[0]) is None:
        pytest.skip(f"needs {checker[0]}")
    files = [*sorted(GOLDEN.glob("*/*")), GOLDEN.parents[1] / "scripts" / "slurm_array.sh"]
    assert len(files) == 7
    for file in files:
        done = subprocess.run([*checker, file], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr


def test_words_reach_simcore_as_they_are():
    """As the shell itself reads them."""
    (line,) = [line for line in slurm.scripts(FULL)["array.sbatch"].splitlines() if line.startswith("arguments=(")]
    script = line + "\nprintf '%s\\0' \"${arguments[@]}\""
    told = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    run = FULL.out / "tiny"
    wanted = ["run", run / "scenario.toml", "--out", FULL.out, "--replications", 1_000_000, "--seed", 7]
    assert told.split("\0") == [*map(str, wanted), ""]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"tasks": 1001}, "--tasks: an array has at most 1000 tasks (Slurm's default; --submit asks the cluster; got"),
        ({"time": "4:59"}, "--time: must be at least 5 minutes (got '4:59')"),
        ({"time": "0-0"}, "--time: must be at least 5 minutes (got '0-0')"),
        ({"time": "1h"}, "--time: must be a time as sbatch takes it (got '1h'), such as"),
        ({"time": "1:00:00\n"}, "--time: must be a time as sbatch takes it (got '1:00:00\\n'), such as"),
        ({"memory": "4 GB"}, "--memory: must be a size as sbatch takes it (got '4 GB'), such as"),
        ({"partition": "a b"}, "--partition: must be a name (got 'a b') of letters, digits and"),
        ({"account": "a\n#SBATCH --uid=0"}, "--account: must be a name (got 'a\\n#SBATCH --uid=0') of letters"),
        ({"sbatch": ("qos=high",)}, "--sbatch: must be one long option of sbatch (got 'qos=high'), such as"),
        ({"sbatch": ("--qos=high\nrm",)}, "--sbatch: must be one long option of sbatch (got '--qos=high\\nrm')"),
    ],
)
def test_what_slurm_would_not_take_is_refused(changes, message):
    with pytest.raises(UsageError) as caught:
        slurm.check(replace(PLAIN, **changes))
    assert str(caught.value).startswith(message)


def test_all_mistakes_are_told_at_once_and_the_cluster_has_the_last_word():
    with pytest.raises(UsageError) as caught:
        slurm.check(replace(PLAIN, tasks=11, time="x", memory="x"), most_tasks=10)
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["--tasks", "--time", "--memory"]
    assert "at most 10 tasks (this cluster; got 11)" in str(caught.value)
    slurm.check(replace(PLAIN, tasks=100_000), most_tasks=100_000)


@pytest.mark.parametrize(
    "time, seconds",
    [("5", 300), ("5:01", 301), ("1:00:01", 3601), ("2-1", 176_400), ("2-1:30", 178_200), ("2-1:30:05", 178_205)],
)
def test_every_form_of_a_time_limit_is_understood(time, seconds):
    assert slurm._seconds(time) == seconds


def test_the_command_line_writes_them_beside_the_run(tmp_path):
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "tiny.toml").write_text(TINY)
    options = ("--tasks", 3, "--cpus", 2, "--partition", "long", "--sbatch=--qos=x", "--replications", 4000)
    done = simcore("slurm", "tiny.toml", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    place = folder / "results" / "tiny" / "slurm"
    assert done.stdout.split("\n")[:-1] == [str(place / name) for name in ("array.sbatch", "merge.sbatch", "submit.sh")]
    idle, submit = done.stderr.splitlines()
    told = "the study makes 1 piece of work of some seconds, so 2 of 3 tasks have nothing to do; ask for --tasks 1"
    assert idle == f"--tasks: {told}"
    assert submit == f"submit with: bash '{place / 'submit.sh'}'"
    text = (place / "array.sbatch").read_text()
    for line in ("mem=1G", "array=1-3", "partition=long", "qos=x"):
        assert f"\n#SBATCH --{line}\n" in text
    assert f"\ncd -- '{folder}' ||" in text
    assert "--replications 4000)" in text and (place / "logs").is_dir()
    assert sc.open(folder / "results" / "tiny").study.replications == 4000
    assert (folder / "results" / "tiny" / "scenario.toml").read_text() == TINY
    again = simcore("slurm", "tiny.toml", *options, "--json", cwd=folder)
    assert json.loads(again.stdout) == {"scripts": done.stdout.split("\n")[:-1], "jobs": {}}
    assert (place / "array.sbatch").read_text() == text


def test_a_time_limit_that_a_block_may_not_end_in_is_told(tmp_path):
    entries = {"name": "slow", "problem": "linear", "beta": [1.0, 2.0], "seed": 1, "replications": 10_000}
    entries |= {"factors": {"n": [10**6], "design": [{"design": "gaussian"}], "errors": [{"distribution": "normal"}]}}
    study = sc.Study(**entries, estimators=[{"loss": "l2"}] + [{"loss": "huber", "k": 1 + step} for step in range(9)])
    told = "--time: a block may take 3 minutes on 1 CPUs, and a task that is told to stop before it has stored one does"
    assert slurm.too_short(replace(PLAIN, cpus=1, time="5"), study).startswith(told)
    assert slurm.too_short(replace(PLAIN, cpus=1, time="7"), study) is None
    assert slurm.too_short(replace(PLAIN, cpus=2, time="5"), study) is None
    assert slurm.too_short(replace(PLAIN, cpus=1, time="5"), study.with_changes(100, None)) is None
    (tmp_path / "slow.toml").write_text(study.text)
    done = simcore("slurm", "slow.toml", "--tasks", 2, "--cpus", 1, "--time", 5, cwd=tmp_path)
    assert done.returncode == 0 and told in done.stderr, done.stderr


def test_nothing_is_written_where_something_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "tiny.toml").write_text(TINY)
    for options in (["--time", "1"], ["--submit"]):
        done = simcore("slurm", "tiny.toml", "--tasks", 2, *options, cwd=tmp_path)
        assert done.returncode == 2 and done.stderr.startswith(options[0]) and not done.stdout, done.stderr
        assert os.listdir(tmp_path) == ["tiny.toml"]
