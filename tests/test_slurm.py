"""Batch scripts as text: against golden files, whatever stands in a path; what is refused, and in which words."""

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import simcore as sc
from simcore import slurm
from simcore.errors import UsageError
from simcore.slurm.batch import seconds_of
from tests.kills import snapshot
from tests.running import typed
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
        ({"sbatch": ("--qos high",)}, "--sbatch: must be one long option of sbatch (got '--qos high'), such as"),
        ({"sbatch": ("--qos=high --hold",)}, "--sbatch: must be one long option of sbatch (got '--qos=high --hold')"),
        ({"sbatch": ("--array=1-3",)}, "--sbatch: give --tasks and --array-limit instead (got '--array=1-3')"),
        ({"sbatch": ("--arr=1-3",)}, "--sbatch: give --tasks and --array-limit instead (got '--arr=1-3')"),
        ({"sbatch": ("--cpus-per-task=2",)}, "--sbatch: give --cpus instead (got '--cpus-per-task=2')"),
        ({"sbatch": ("--time=5",)}, "--sbatch: give --time instead (got '--time=5')"),
        ({"sbatch": ("--mem-per-cpu=1G",)}, "--sbatch: give --memory instead (got '--mem-per-cpu=1G')"),
        *(
            ({"sbatch": (option,)}, f"--sbatch: simcore sets that itself (got '{option}')")
            for option in ("--output=x", "--no-requeue", "--signal=INT", "--depend=singleton", "--chdir=/", "--job=x")
        ),
        ({"out": Path("/tmp/%A")}, "--out: Slurm puts numbers in place of % in the names of logs (got /tmp/%A/tiny)"),
    ],
)
def test_what_slurm_would_not_take_is_refused(changes, message):
    with pytest.raises(UsageError) as caught:
        slurm.check(replace(PLAIN, **changes))
    assert str(caught.value).startswith(message)


def test_an_option_of_sbatch_stays_one_word():
    """As Slurm reads a directive: quotes as a shell does, but backslashes within them too."""
    given = ("--comment=it's my \\ study", "--time-min=5", "--qos=a")
    slurm.check(replace(PLAIN, sbatch=given))
    for text in list(slurm.scripts(replace(PLAIN, sbatch=given)).values())[:2]:
        lines = text.splitlines()
        (comment,) = [line for line in lines if "comment" in line]
        assert shlex.split(comment)[1:] == [given[0].replace("\\", "\\\\")]
        assert "#SBATCH --time-min=5" in lines and "#SBATCH --qos=a" in lines


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
    assert seconds_of(time) == seconds


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


def test_with_a_precision_tasks_share_cells(tmp_path):
    (tmp_path / "tiny.toml").write_text(f"{TINY}[precision]\nmeasure = 'mae'\nrelative_mcse = 0.01\n")
    done = typed("slurm", "tiny.toml", "--tasks", 6, cwd=tmp_path)
    told = "--tasks: the study has 4 cells, of which a precision lets no two tasks share one, so 2 of 6 tasks have noth"
    assert done.returncode == 0 and done.stderr.startswith(told), done.stderr
    assert "--tasks:" not in typed("slurm", "tiny.toml", "--tasks", 4, cwd=tmp_path).stderr


def test_new_cells_and_estimators_are_added_by_an_array(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    more = TINY.replace("n = [5, 8]", "n = [5, 8, 13]") + '[[estimators]]\nloss = "huber"\n'
    (tmp_path / "more.toml").write_text(more)
    words, run = ("slurm", "more.toml", "--tasks", 2), tmp_path / "results" / "tiny"
    done = typed(*words, "--extend", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr == f"--extend: there is no run {run} to extend; leave it out\n"
    for out in ("results", "alone"):
        sc.run(tmp_path / "tiny.toml", tmp_path / out, threads=1)
    before = snapshot(run)
    refused = typed(*words, cwd=tmp_path)
    told = f"add what is new with --extend or simcore extend more.toml --out {run.parent}, or choose another --out"
    assert refused.returncode == 4 and told in refused.stderr and snapshot(run) == before, refused.stderr

    done = typed(*words, "--extend", cwd=tmp_path)
    assert done.returncode == 0 and (run / "slurm" / "submit.sh").exists(), done.stderr
    assert sc.status(run).missing and snapshot(run)["scenario.toml"] != before["scenario.toml"]
    kept = {name: own for name, own in before.items() if name.startswith("blocks")}
    assert kept.items() <= snapshot(run).items()
    for number in (2, 1):
        sc.run(run / "scenario.toml", run.parent, threads=1, shard=f"{number}/2")  # as the tasks do
    sc.merge(run)
    shutil.rmtree(run / "slurm")
    alone = sc.extend(tmp_path / "more.toml", tmp_path / "alone", threads=1)
    assert snapshot(run) == snapshot(alone.path)


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
