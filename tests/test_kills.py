"""Whatever kills, stops or hinders a run, and whenever: what is visible is whole, and a run that is let finish has the
bytes of one that nothing happened to. See `kills`, which does it and can do more of it by hand."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import simcore as sc
from tests import cluster, kills
from tests.running import paused
from tests.test_cli import TINY, simcore

ROOT = Path(sc.__file__).parent.parent


def counted(*arguments, seconds=500):
    """What `python -m tests.kills` counts. seconds: fewer than any test may take."""
    command = [sys.executable, "-m", "tests.kills", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
    print(done.stderr[-20_000:])
    assert done.returncode == 0
    return json.loads(done.stdout)


HARMLESS = {"kills", "histories", "signals", "slowest", "faults", "refused"}


def harm(found):
    """All that was counted but what was done to the runs, and how they ended."""
    return {name: count for name, count in found.items() if count and name not in HARMLESS and name[:5] != "exit "}


def test_kills_at_random_moments():
    found = counted("random", 150)
    assert found["kills"] >= 150 and not harm(found), found


@pytest.mark.soak
def test_twenty_times_as_many_kills():
    found = counted("random", 3000, seconds=5000)
    assert found["kills"] >= 3000 and not harm(found), found


@pytest.mark.parametrize(
    "what, least",
    [
        ("operations 2", 100),
        pytest.param("operations", 200, marks=pytest.mark.soak),
        ("failing 0", 200),
        *(pytest.param(f"failing {turn}", 200, marks=pytest.mark.soak) for turn in (1, 2, 3)),
        ("reading 2", 50),
        pytest.param("reading", 100, marks=pytest.mark.soak),
    ],
)
def test_each_call_to_the_disk_in_turn(what, least):
    found = counted(*what.split())
    assert found["faults"] >= least and not harm(found), found


def test_signals_stop_a_run_soon_and_lose_nothing():
    found = counted("signals", 60)
    assert not harm(found) and found["slowest"] < 30.0, found  # some hundredths where nothing else is at work
    assert found["exit 75"] > 10 and found["exit 130"] > 5, found


def test_many_processes_on_one_run():
    found = counted("together", 10)
    assert not harm(found) and found["refused"] == 5, found


def test_clocks_decide_nothing():
    assert not harm(counted("clocks"))


COMPILING = """
import sys
from pathlib import Path
from numba.core import event
from simcore import cli

class Passes(event.Listener):
    left = int(sys.argv.pop(1))

    def on_start(self, event):
        self.left -= 1
        if not self.left:
            Path("compiling").touch()

    def on_end(self, event):
        pass

event.register("numba:run_pass", Passes())
cli.main()
"""


@pytest.mark.parametrize("passes", [1, 300])
def test_a_signal_while_kernels_are_compiled(tmp_path, passes):
    """From a cold cache, when the compiler has begun with so many of its passes: the run does not wait for it, so that
    no kernel comes into the cache any more."""
    (tmp_path / "tiny.toml").write_text(TINY)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SIMCORE_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", COMPILING, str(passes), "run", "tiny.toml"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, env=environment, text=True)
    begun = (tmp_path / "compiling").exists
    assert cluster.wait(lambda: begun() or process.poll() is not None, 120) and begun()
    with paused(process.pid):
        before = cached(tmp_path)
        process.terminate()
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 75 and "Traceback" not in messages, messages
    assert cached(tmp_path) == before
    assert not any((tmp_path / "results" / "tiny" / "blocks").iterdir())


def cached(folder):
    """The kernels in a cache."""
    return {path.name for path in (folder / "cache").rglob("*") if path.is_file()}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 400 kB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_is_told_and_freeing_it_is_enough(tmp_path, small_disk):
    (tmp_path / "tiny.toml").write_text(TINY)
    (small_disk / "ballast").write_bytes(bytes(384_000))
    done = simcore("run", "tiny.toml", "--out", small_disk, cwd=tmp_path)
    assert done.returncode == 2 and "kB are free" in done.stderr and not (small_disk / "tiny").exists()
    program = "import simcore.footprint, simcore.cli; simcore.footprint.refuse = print; simcore.cli.main()"
    command = [sys.executable, "-c", program, "run", "tiny.toml", "--out", str(small_disk)]  # it fills up on the way
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 3 and "No space left on device" in done.stderr and "Traceback" not in done.stderr
    assert not kills.damaged(small_disk)
    (small_disk / "ballast").unlink()
    assert simcore("run", "tiny.toml", "--out", small_disk, cwd=tmp_path).returncode == 0
    assert simcore("run", "tiny.toml", "--out", tmp_path / "large", cwd=tmp_path).returncode == 0
    assert kills.snapshot(small_disk) == kills.snapshot(tmp_path / "large")


def test_a_folder_that_cannot_be_written(tmp_path, small_disk):
    (tmp_path / "tiny.toml").write_text(TINY)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = simcore("run", "tiny.toml", "--out", small_disk, cwd=tmp_path)
    assert done.returncode == 2 and "Read-only file system" in done.stderr and "choose another --out" in done.stderr
    assert "Traceback" not in done.stderr and not any(small_disk.iterdir())
