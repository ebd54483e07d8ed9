"""The batch scripts on a real Slurm: signals, requeues, kills and failures, with a stand-in for simcore."""

import itertools
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from simcore import scenario
from simcore import slurm as batches
from tests import cluster
from tests.test_cli import TINY

ROOT = Path(__file__).parents[1]


class Job:
    """A study of so many shards on a cluster, its scripts written by simcore. plan: shard -> what it does."""

    def __init__(self, slurm, folder, tasks, **plan):
        self.slurm, self.folder = slurm, folder / "with a blank"
        self.folder.mkdir(parents=True)
        shutil.copy(Path(__file__).with_name("fake_simcore.py"), self.folder)
        named = {f"{shard.removeprefix('shard')}/{tasks}": behaviour for shard, behaviour in plan.items()}
        (self.folder / "plan.json").write_text(json.dumps(named))
        (self.folder / "tiny.toml").write_text(TINY)
        study = scenario.load(self.folder / "tiny.toml")
        command = (sys.executable, str(self.folder / "fake_simcore.py"))
        batch = batches.Batch(study.name, command, self.folder, self.folder, tasks=tasks, cpus=1, memory="200M")
        *_, self.script = batches.write(batch, study)
        self.every = f"1-{tasks}"

    def submit(self, *tasks, **environment):
        """Hand the scripts to Slurm; `array` and `merge` are their numbers then."""
        done = self.slurm.ask("bash", self.script, *(tasks or [self.every]), env=os.environ | environment)
        self.array, self.merge = (int(line.split()[1]) for line in done.splitlines())

    def notes(self, word=""):
        """What the stand-ins noted that begins with a word."""
        path = self.folder / "notes.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(word)]

    def starts(self, shard):
        return len(self.notes(f"start {shard}/"))

    def started(self, *shards):
        """Wait until these have started; the processes of their last starts."""
        assert cluster.wait(lambda: all(map(self.starts, shards)), 60), self.told()
        return [int(self.notes(f"start {shard}/")[-1].split()[2]) for shard in shards]

    def ended(self):
        """States of the tasks that were submitted, in order, and of the merge, once they have ended."""
        states = self.slurm.finished(self.array)
        tasks = sorted(states, key=lambda name: int(name.partition("_")[2]))
        return [*(states[task] for task in tasks), *self.slurm.finished(self.merge).values()]

    def told(self):
        logs = sorted((self.folder / "tiny" / "slurm" / "logs").iterdir())
        return "\n".join([*self.notes(), *(f"{path.name}: {path.read_text()}" for path in logs)])


def test_an_array_computes_every_shard_once_then_they_are_merged(slurm, tmp_path):
    job = Job(slurm, tmp_path, 3)
    job.submit()
    assert job.ended() == ["COMPLETED"] * 4
    assert sorted(job.notes("done")) == ["done 1/3", "done 2/3", "done 3/3"]
    assert job.notes()[-1] == "merged" and len(job.notes("merged")) == 1
    assert all(line.endswith(" 1 1") for line in job.notes("start"))  # threads


def test_before_the_time_is_up_a_task_saves_and_queues_again(slurm, tmp_path):
    job = Job(slurm, tmp_path, 1, shard1="long at first")
    job.submit(SBATCH_TIMELIMIT="1")  # so it is told at once
    assert job.ended() == ["COMPLETED", "COMPLETED"], job.told()
    assert [line.split()[0] for line in job.notes()] == ["start", "saved", "start", "done", "merged"]
    (log,) = (job.folder / "tiny" / "slurm" / "logs").glob("*_1.log")
    assert "start 0" in log.read_text() and "start 1" in log.read_text()


def test_a_task_that_gets_nowhere_does_not_queue_again_for_ever(slurm, tmp_path):
    """Its first start may store nothing, no other; one that stores something each time queues as often as it must."""
    stuck = Job(slurm, tmp_path / "stuck", 1, shard1="long")
    slow = Job(slurm, tmp_path / "slow", 1, shard1="stores, long twice")
    for job in (stuck, slow):
        job.submit()
    for start, job in itertools.product((1, 2), (stuck, slow)):
        assert cluster.wait(lambda job=job, start=start: job.starts(1) == start, 60), job.told()
        slurm.ask("scancel", "--signal=USR1", "--batch", f"{job.array}_1")
    assert stuck.ended() == ["FAILED", "CANCELLED"] and stuck.starts(1) == 2, stuck.told()
    assert "s of start 1: the time is too short for one block\n" in stuck.told()
    assert f"\nraise --time in {stuck.script.parent / 'array.sbatch'}, and submit again\n" in stuck.told()
    assert slow.ended() == ["COMPLETED", "COMPLETED"] and slow.starts(1) == 3, slow.told()


def test_a_signal_requeues_the_task_that_got_it_and_no_other(slurm, tmp_path):
    """The last task of an array to start has the number of the array as its own."""
    job = Job(slurm, tmp_path, 3, shard1="waits", shard2="waits", shard3="long at first")
    job.submit()
    job.started(1, 2, 3)
    slurm.ask("scancel", "--signal=USR1", "--batch", f"{job.array}_3")
    assert cluster.wait(lambda: job.starts(3) == 2, 60), job.told()
    assert job.starts(1) == job.starts(2) == 1 and job.notes("saved") == ["saved 3/3"]
    (job.folder / "go").touch()
    assert job.ended() == ["COMPLETED"] * 4
    assert job.starts(1) == job.starts(2) == 1 and job.notes()[-1] == "merged"


def test_a_task_that_is_cancelled_saves_and_does_not_come_back(slurm, tmp_path):
    job = Job(slurm, tmp_path, 2, shard2="long")
    job.submit()
    job.started(1, 2)
    slurm.ask("scancel", f"{job.array}_2")
    assert job.ended() == ["COMPLETED", "CANCELLED", "CANCELLED"]
    assert job.notes("saved") == ["saved 2/2"] and job.starts(2) == 1 and not job.notes("merged")


@pytest.mark.parametrize("how", ["fails", "is killed"])
def test_after_a_failure_there_is_no_merge_until_that_task_has_succeeded(slurm, tmp_path, how):
    job = Job(slurm, tmp_path, 2, shard2="fails" if how == "fails" else "long at first")
    job.submit()
    if how == "is killed":
        os.kill(*job.started(2), signal.SIGKILL)
    assert job.ended() == ["COMPLETED", "FAILED", "CANCELLED"]
    assert job.starts(2) == 1 and not job.notes("merged")
    (job.folder / "plan.json").write_text("{}")
    job.submit("2")
    assert job.ended() == ["COMPLETED", "COMPLETED"]
    assert job.starts(1) == 1 and job.starts(2) == 2 and job.notes()[-1] == "merged"


def test_a_task_that_is_preempted_saves_and_comes_back(own_slurm, tmp_path):
    job = Job(own_slurm, tmp_path, 1, shard1="long at first")
    job.submit(SBATCH_PARTITION="spare")
    job.started(1)
    (tmp_path / "urgent.sh").write_text("#!/bin/bash\nsleep 1\n")
    own_slurm.ask("sbatch", "--nodes=2", "--exclusive", "--output=/dev/null", tmp_path / "urgent.sh")
    assert job.ended() == ["COMPLETED", "COMPLETED"], job.told()
    assert [line.split()[0] for line in job.notes()] == ["start", "saved", "start", "done", "merged"]


def test_the_template_does_the_same(slurm, tmp_path):
    program = tmp_path / "simcore"
    shutil.copy(Path(__file__).with_name("fake_simcore.py"), program)
    program.chmod(0o755)
    (tmp_path / "plan.json").write_text('{"63/64": "waits", "64/64": "long at first"}')
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    options = ["--array=63,64", "--mem=200M", "--cpus-per-task=1", f"--chdir={tmp_path}", "--parsable"]
    job = slurm.ask("sbatch", *options, ROOT / "scripts" / "slurm_array.sh", env=os.environ | path)
    notes = tmp_path / "notes.txt"
    notes.touch()
    assert cluster.wait(lambda: all(f"start {shard}/64" in notes.read_text() for shard in (63, 64)), 60)
    slurm.ask("scancel", "--signal=USR1", "--batch", f"{job}_64")
    assert cluster.wait(lambda: notes.read_text().count("start 64/64") == 2, 60)
    (tmp_path / "go").touch()
    assert slurm.finished(job) == {f"{job}_63": "COMPLETED", f"{job}_64": "COMPLETED"}
    words = [line.split()[:2] for line in notes.read_text().splitlines()]
    assert [word for word, shard in words if shard == "64/64"] == ["start", "saved", "start", "done"]
    assert [word for word, shard in words if shard == "63/64"] == ["start", "done"]


def test_the_command_line_submits(slurm, tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    options = ["--tasks=3", "--cpus=1", "--json", "--submit"]
    command = [sys.executable, "-m", "simcore", "slurm", "tiny.toml", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    jobs = json.loads(slurm.ask(*command, "--sbatch=--hold", cwd=tmp_path, env=environment))["jobs"]
    found = slurm.jobs()
    assert found[f"{jobs['array']}_1"] == found[str(jobs["merge"])] == "PENDING"
    assert not {f"{jobs['array']}_{task}" for task in (2, 3)} & found.keys()  # which would have nothing to do
    slurm.ask("scancel", jobs["array"], jobs["merge"])
    refused = slurm.run(*command, "--partition=none", cwd=tmp_path, env=environment)
    assert refused.returncode == 1
    assert "\n--submit: Slurm refused the scripts: sbatch: error: invalid partition" in refused.stderr
    refused = slurm.run(*command, "--tasks=1001", cwd=tmp_path, env=environment)
    assert refused.returncode == 2 and "--tasks: an array has at most 1000 tasks (this cluster" in refused.stderr
