"""The real Slurm that other tests use: it does what they rely on, many processes share it, and nothing of it stays."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import cluster, conftest

ROOT = Path(__file__).parents[1]
USER = """
import sys
from tests import cluster
with cluster.shared(*sys.argv[1:]) as started:
    print(*(started.pid(daemon) for daemon in ("munged", "slurmctld", "slurmd-w1", "slurmd-w2")), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder():
    """An empty one whose path is short, as the name of a socket must be."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)
        for left in Path(name).glob("*/*/slurm.conf"):  # of a test that failed
            cluster.Cluster(left.parent).stop()


def submit(slurm, folder, body, *options):
    """The number of a job with this body, whose output goes to `folder/<job>_<task>.log`."""
    (folder / "job.sh").write_text(f"#!/bin/bash\n{body}\n")
    output = f"--output={folder}/%A_%a.log"
    return slurm.ask("sbatch", "--parsable", "--open-mode=append", output, *options, folder / "job.sh")


def test_an_array_runs_on_both_nodes(slurm, tmp_path):
    together = 'touch $SLURM_ARRAY_TASK_ID; until [ -e 1 ] && [ -e 2 ]; do sleep 0.1; done; echo "$SLURMD_NODENAME"'
    job = submit(slurm, tmp_path, together, "--array=1-2", "--cpus-per-task=5", f"--chdir={tmp_path}")
    assert slurm.finished(job) == {f"{job}_1": "COMPLETED", f"{job}_2": "COMPLETED"}
    assert {(tmp_path / f"{job}_{task}.log").read_text() for task in (1, 2)} == {"w1\n", "w2\n"}


def test_a_task_that_is_requeued_starts_again(slurm, tmp_path):
    body = '[ "${SLURM_RESTART_COUNT:-0}" = 1 ] || scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"'
    job = submit(slurm, tmp_path, f'echo "start ${{SLURM_RESTART_COUNT:-0}}"; {body}', "--array=7", "--requeue")
    assert slurm.finished(job) == {f"{job}_7": "COMPLETED"}
    lines = (tmp_path / f"{job}_7.log").read_text().splitlines()
    assert [line for line in lines if line.startswith("start")] == ["start 0", "start 1"]


def test_a_signal_reaches_the_batch_script(slurm, tmp_path):
    job = submit(slurm, tmp_path, "trap 'echo came; exit' USR1; echo ready; sleep 60 & wait", "--array=1")
    log = tmp_path / f"{job}_1.log"
    assert cluster.wait(lambda: log.exists() and "ready" in log.read_text(), 20)
    slurm.ask("scancel", "--signal=USR1", "--batch", job)
    assert slurm.finished(job) == {f"{job}_1": "COMPLETED"}
    assert log.read_text() == "ready\ncame\n"


def test_what_depends_on_a_failed_job_is_cancelled(slurm, tmp_path):
    failed = submit(slurm, tmp_path, "sleep 1; exit 1", "--array=1-2")
    then = submit(slurm, tmp_path, "echo", f"--dependency=afterok:{failed}", "--kill-on-invalid-dep=yes")
    assert set(slurm.finished(failed).values()) == {"FAILED"}
    assert slurm.finished(then) == {then: "CANCELLED"}


def test_users_share_a_cluster_and_the_last_one_stops_it_unless_it_is_killed(slurm, folder):
    first, second = enter("shared", folder), enter("shared", folder)
    assert first.pids == second.pids
    assert leave(first) == 0
    assert all(map(runs, second.pids))
    other = enter("other", folder)
    second.kill()
    second.communicate(timeout=60)
    assert all(map(runs, second.pids + other.pids))
    assert leave(other) == 0
    assert not any(map(runs, second.pids + other.pids))
    assert [path.name for path in (folder / f"simcore-slurm-{os.getuid()}").iterdir()] == ["lock"]


def test_a_cluster_of_others_that_does_not_end_hinders_nobody(slurm, folder, monkeypatch, capsys):
    stop = cluster.Cluster.stop

    def fail(self):
        if self.folder.name == "stale":
            raise cluster.ClusterError(f"{self.folder}: processes [1] do not end")
        stop(self)

    monkeypatch.setattr(cluster.Cluster, "stop", fail)
    home = folder / f"simcore-slurm-{os.getuid()}"
    (home / "stale").mkdir(parents=True)
    with cluster.shared("own", folder) as own:
        pid = own.pid("slurmctld")
        assert runs(pid)
    assert not runs(pid) and sorted(path.name for path in home.iterdir()) == ["lock", "stale"]
    assert capsys.readouterr().err.count(f"nobody uses is left: {home}/stale: processes [1] do not end") == 2
    with pytest.raises(cluster.ClusterError, match="do not end"), cluster.shared("stale", folder):
        pytest.fail("it is used")
    monkeypatch.undo()


def test_daemons_that_were_killed_are_started_again(slurm):
    with cluster.shared(f"harmed-{os.getpid()}") as own:
        before = own.pid("slurmd-w1"), own.pid("slurmd-w2")
        os.kill(before[0], signal.SIGKILL)
        own.start()
        assert own.pid("slurmd-w1") != before[0] and own.pid("slurmd-w2") == before[1]


@pytest.mark.parametrize("required, outcome", [("", "skipped"), ("required", "failed")])
def test_without_slurm_tests_skip_with_the_reason_and_fail_where_it_is_required(monkeypatch, required, outcome):
    monkeypatch.setenv("SIMCORE_TEST_SLURM", required)
    monkeypatch.setattr(cluster, "missing", lambda: "no sbatch")
    with pytest.raises(BaseException, match="needs Slurm: no sbatch") as caught:
        next(conftest.slurm.__wrapped__())
    assert isinstance(caught.value, {"skipped": pytest.skip.Exception, "failed": pytest.fail.Exception}[outcome])


def enter(name, folder):
    """A process that uses a cluster, `.pids` those of its daemons."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    user = subprocess.Popen([sys.executable, "-c", USER, name, folder], env=environment, **pipes)
    user.pids = list(map(int, user.stdout.readline().split()))
    assert len(user.pids) == 4
    return user


def leave(user):
    user.communicate(timeout=60)
    return user.returncode


def runs(pid):
    """Whether there is such a process, and it isn't one that has ended and only waits to be asked how."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
