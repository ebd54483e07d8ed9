"""simcore itself on a real Slurm: whatever becomes of the tasks, the run is that of one process, to the byte."""

import contextlib
import functools
import os
import re
import signal
import sys
from pathlib import Path

import pytest

import simcore as sc
from simcore import slurm as batches
from tests import cluster
from tests.kills import snapshot
from tests.test_cli import simcore

SMALL = {
    "name": "small",
    "problem": "location",
    "seed": 5,
    "replications": 20_000,
    "keep": "estimates",
    "factors": {"n": [5, 20], "errors": [{"distribution": "normal"}, {"distribution": "cauchy"}]},
    "estimators": [{"loss": "l2"}, {"loss": "huber"}],
}
LONG = SMALL | {  # six blocks of some seconds
    "name": "long",
    "keep": None,
    "replications": 6 << 18,
    "factors": {"n": [1000], "errors": [{"distribution": "student_t", "df": 3}]},
}
LOST = LONG | {"name": "lost", "replications": 8 << 18, "estimators": [{"loss": "l2"}]}  # eight of a second
PRECISE = SMALL | {  # four cells, of which one has many rounds
    "name": "precise",
    "replications": 1024,
    "precision": {"measure": "mae", "relative_mcse": 0.01, "max_replications": 50_000},
}
STUDIES = {study["name"]: study for study in (SMALL, LONG, LOST, PRECISE)}


class Array:
    """A study of so many shards on a cluster, with this simcore."""

    def __init__(self, slurm, out, entries, tasks):
        self.slurm, self.run = slurm, out / entries["name"]
        study = sc.Study(**entries)
        root = Path(sc.__file__).parents[1]
        command = ("env", f"PYTHONPATH={root}", sys.executable, "-m", "simcore")
        batch = batches.Batch(study.name, command, out, out, tasks=tasks, cpus=1, memory="500M")
        self.script = batches.write(batch, study)[-1]

    def submit(self, *tasks):
        done = self.slurm.ask("bash", self.script, *tasks)
        self.array, self.merge = (int(line.split()[1]) for line in done.splitlines())

    def ended(self):
        """How the tasks and the merge ended."""
        return [*self.slurm.finished(self.array).values(), *self.slurm.finished(self.merge).values()]

    def blocks(self):
        return len([*(self.run / "blocks").iterdir()])

    def processes(self, task):
        """The processes of simcore in a task of two."""
        found, words = set(), {b"--shard", os.fsencode(f"{task}/2"), os.fsencode(self.run / "scenario.toml")}
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it has just ended
                found |= {int(path.parent.name)} if words.issubset(path.read_bytes().split(b"\0")) else set()
        return found

    def told(self):
        return "\n".join(path.read_text() for path in sorted((self.run / "slurm" / "logs").iterdir()))


def results(path):
    """A snapshot without the scripts."""
    return {name: own for name, own in snapshot(path).items() if not name.startswith("slurm")}


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """A function: the name of a study -> its files, where one process has run it."""
    out = tmp_path_factory.mktemp("serial")
    return functools.cache(lambda name: snapshot(sc.run(sc.Study(**STUDIES[name]), out, threads=2).path))


@pytest.mark.parametrize("entries, tasks", [(SMALL, ["1-3"]), (PRECISE, [])], ids=["all", "what is left"])
def test_an_array_is_one_serial_run(slurm, tmp_path, serial, entries, tasks):
    array = Array(slurm, tmp_path, entries, 3)
    array.submit(*tasks)
    assert array.ended() == ["COMPLETED"] * 4, array.told()
    assert results(array.run) == serial(entries["name"])


def test_two_arrays_at_once_on_one_run(slurm, tmp_path, serial):
    arrays = []
    for tasks in (3, 4):
        arrays.append(Array(slurm, tmp_path, SMALL, tasks))
        arrays[-1].submit(f"1-{tasks}")
    assert [*arrays[0].ended(), *arrays[1].ended()] == ["COMPLETED"] * 9, arrays[0].told()
    assert results(arrays[0].run) == serial("small")


def test_a_task_is_killed_another_told_to_stop_and_what_is_left_is_submitted(slurm, tmp_path, serial):
    array = Array(slurm, tmp_path, LONG, 2)
    array.submit()
    assert cluster.wait(lambda: array.blocks() >= 2 and array.processes(1), 90), array.told()
    slurm.ask("scancel", "--signal=USR1", "--batch", f"{array.array}_2")
    os.kill(*array.processes(1), signal.SIGKILL)
    assert sorted(array.ended()) == ["CANCELLED", "COMPLETED", "FAILED"], array.told()
    assert re.search("shard 2 of 2.*start 0.*stopped by a signal.*shard 2 of 2.*start 1", array.told(), re.DOTALL)
    done = simcore("status", array.run, "--indices", cwd=tmp_path)
    assert done.stdout == "1\n" and done.returncode == 3
    array.submit()
    assert array.ended() == ["COMPLETED", "COMPLETED"], array.told()
    assert results(array.run) == serial("long")
    assert simcore("status", array.run, "--indices", cwd=tmp_path).stdout == "none\n"
    assert "nothing" in slurm.ask("bash", array.script) and "nothing" in slurm.ask("bash", array.script, "none")


def test_a_slurmd_is_killed_and_one_of_its_tasks(own_slurm, tmp_path, serial):
    """Slurm takes the node for dead and starts both tasks on the other: the one that is, and one that works on."""
    array = Array(own_slurm, tmp_path, LOST, 2)
    array.submit()
    assert cluster.wait(lambda: array.blocks() and array.processes(1) and array.processes(2), 90), array.told()
    (dead,), (left,) = array.processes(1), array.processes(2)
    os.kill(left, signal.SIGSTOP)  # it goes on when Slurm has started the task again
    (node,) = set(own_slurm.ask("squeue", "--noheader", "--format=%N", f"--jobs={array.array}").split())
    own_slurm.kill_slurmd(node)
    script = parent(dead)
    for pid in (parent(script), script, dead):  # the keeper first, which would tell Slurm
        os.kill(pid, signal.SIGKILL)
    assert cluster.wait(lambda: len(array.processes(1)) == 1 and len(array.processes(2)) == 2, 60), array.told()
    os.kill(left, signal.SIGCONT)
    assert array.ended() == ["COMPLETED"] * 3, array.told()
    assert cluster.wait(lambda: not array.processes(2), 60), array.told()
    assert array.told().count("shard 2 of 2: done") == 2  # Slurm hears nothing of the first
    assert results(array.run) == serial("lost")


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
