"""simcore doctor: each fault that it looks for, brought about, is told with its remedy; and nothing it writes stays."""

import errno
import importlib
import importlib.metadata
import json
import os
import subprocess
import sys

import pytest

from simcore import doctor, jit, limits
from tests.test_cli import TINY, simcore

NAMES = ["versions", "kernels", "threads", "threading", "temporary", "cache", "results", "disk", "memory", "slurm"]
CPUS = len(os.sched_getaffinity(0))


@pytest.fixture
def sinfo(tmp_path_factory, monkeypatch):
    """A script in place of Slurm's, beside an sbatch."""
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("sbatch", "sinfo"):
        (folder / name).write_text("#!/bin/sh\nexit 0\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder / "sinfo"


@pytest.fixture
def look(tmp_path, monkeypatch, sinfo):
    """What is found under a name, in a healthy place but for what a test does to it."""
    for name in [name for name in os.environ if name.startswith(("SLURM_", "NUMBA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIMCORE_CACHE_DIR", str(tmp_path / "cache"))

    def found(name, **options):
        jit.kernel_cache.cache_clear()
        return {check.name: check for check in doctor.examine(tmp_path / "results", **options)}[name]

    yield found
    jit.kernel_cache.cache_clear()


def test_a_healthy_place_has_nothing_amiss_and_stays_as_it_was(look, tmp_path):
    done = simcore("doctor", cwd=tmp_path)
    assert done.returncode == 0 and not done.stderr, done.stdout
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["ok", name] for name in NAMES]
    facts = json.loads(simcore("doctor", "--json", cwd=tmp_path).stdout)
    assert [fact["name"] for fact in facts] == NAMES and {fact["level"] for fact in facts} == {"ok"}
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("out", ["/proc/results", "file/results"])
def test_where_nothing_can_be_stored_is_wrong_and_the_exit_code_1(look, tmp_path, out):
    (tmp_path / "file").touch()
    done = simcore("doctor", "--out", out, cwd=tmp_path)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    (place,) = [number for number, line in enumerate(lines) if line.startswith("wrong")]
    assert lines[place].startswith("wrong    results") and "nothing can be stored there" in lines[place]
    assert lines[place + 1].strip() == "remedy: choose another --out, or make it writable"


@pytest.mark.parametrize(
    "call, number, lacking", [("link", errno.EPERM, "no hard links"), ("fsync", errno.EINVAL, "no syncs of folders")]
)
def test_what_a_file_system_cannot_do_is_told(look, tmp_path, monkeypatch, call, number, lacking):
    real = getattr(os, call)

    def refuse(*args):
        if call == "fsync" and not os.path.isdir(f"/proc/self/fd/{args[0]}"):
            return real(*args)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    found = look("results")
    assert found.level == "warning" and f"{tmp_path} has {lacking}:" in found.found and "--out" in found.remedy
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_fails_is_wrong(look, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", fail)
    found = look("results")
    assert found.level == "wrong" and os.strerror(number) in found.found


def test_little_disk_and_little_memory(look, monkeypatch):
    monkeypatch.setattr(limits, "free", lambda _: 5_000_000)
    monkeypatch.setattr(limits, "memory", lambda: (100_000_000, "the control group allows"))
    assert look("disk").level == "warning" and look("disk").found.startswith("5,000 kB free")
    found = look("memory")
    assert found.level == "wrong" and found.found.startswith("the control group allows 100 MB; a run takes 250 MB")


def test_where_no_kernel_can_be_kept(look, tmp_path, monkeypatch):
    monkeypatch.setenv("SIMCORE_CACHE_DIR", "/proc/cache")
    found = look("cache")
    assert found.level == "warning" and "/proc/cache" in found.found and "is of no use" in found.found
    for name in ("SIMCORE_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    found = look("cache")
    assert found.level == "warning" and "no home folder" in found.found and found.remedy == "set SIMCORE_CACHE_DIR"
    done = simcore("doctor", cwd=tmp_path)
    assert done.returncode == 0 and not done.stderr and "\nwarning  cache" in done.stdout


def test_kept_kernels_are_counted_and_damaged_ones_told(look):
    assert look("cache").found.startswith("0 kernels of this version")
    cache = jit.kernel_cache()
    for function in (look, simcore):
        (cache.unseal(function) / "code").write_bytes(b"code")
        cache.seal(function)
    assert look("cache").found.startswith("2 kernels of this version")
    sealed = sorted(cache.folder.iterdir())[0]
    sealed.write_bytes(sealed.read_bytes()[:-1])
    found = look("cache")
    assert found.level == "warning" and found.found.startswith("1 of 2 kernels in ")


@pytest.mark.parametrize(
    "environment, threads, level, told, remedy",
    [
        ({}, None, "ok", f"{CPUS} (CPUs: {CPUS} by affinity", None),
        ({}, 1, "ok", f"1 (CPUs: {CPUS} by affinity", None),
        ({}, 4000, "warning", f"4000 threads share {CPUS} CPUs", f"give --threads {CPUS}"),
        ({"NUMBA_NUM_THREADS": "4000"}, None, "warning", f"4000 threads share {CPUS} CPUs", f"give --threads {CPUS}"),
        ({"NUMBA_NUM_THREADS": "many"}, None, "wrong", "NUMBA_NUM_THREADS: must be", "unset it"),
        ({"NUMBA_NUM_THREADS": "0"}, None, "wrong", "NUMBA_NUM_THREADS: must be", "unset it"),
        ({"SLURM_CPUS_PER_TASK": "1"}, CPUS + 1, "warning", f"{CPUS + 1} threads share 1 CPUs", "give --threads 1"),
    ],
)
def test_threads_are_held_against_cpus(look, monkeypatch, environment, threads, level, told, remedy):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = look("threads", threads=threads)
    assert (found.level, found.remedy) == (level, remedy) and found.found.startswith(told)


@pytest.mark.parametrize(
    "setting, said",
    [
        ("NUMBA_NUM_THREADS=many", "NUMBA_NUM_THREADS: must be a number of threads (got 'many'); unset it"),
        ("NUMBA_NUM_THREADS=0", "NUMBA_NUM_THREADS: must be a number of threads (got '0'); unset it"),
        ("NUMBA_THREADING_LAYER=none", "NUMBA_THREADING_LAYER: none of those that it allows can be loaded; unset it"),
    ],
)
def test_a_run_and_the_doctor_say_the_same_of_settings_of_numba(tmp_path, setting, said):
    (tmp_path / "tiny.toml").write_text(TINY)
    environment = os.environ | dict([setting.split("=")])
    for words, exit_code in ((["run", "tiny.toml"], 2), (["doctor"], 1)):
        command = [sys.executable, "-W", "ignore", "-m", "simcore", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == exit_code and "Traceback" not in done.stderr, done.stderr
        told = done.stderr if words[0] == "run" else done.stdout
        assert all(part in told for part in said.split("; "))


def test_the_affinity_and_control_groups_of_a_process_count(look, tmp_path, monkeypatch):
    files = tmp_path / "cpu.max", tmp_path / "none", tmp_path / "cpu.cfs_quota_us"
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(limits, "control_group_files", lambda *_: iter(files))
    files[0].write_text("max 100000\n")
    assert look("threads").found == "8 (CPUs: 8 by affinity)"
    files[0].write_text("250000 100000\n")
    assert look("threads").found.endswith("3 CPUs and wait for each other (CPUs: 8 by affinity, 3 by control group)")
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    files[2].write_text("50000\n")
    assert look("threads").remedy == "give --threads 1"
    files[2].write_text("-1\n")
    assert look("threads").remedy == "give --threads 3"


@pytest.mark.parametrize(
    "granted, level, told",
    [
        ("100", "wrong", "Slurm has granted 105 MB; a run takes"),
        ("1024", "ok", "Slurm has granted 1.1 GB"),
        ("0", "ok", "this machine has 8.0 GB"),
        ("10000", "ok", "this machine has 8.0 GB"),
    ],
)
def test_memory_that_slurm_grants_is_counted(look, monkeypatch, granted, level, told):
    """In MiB; 0 is all that the node has."""
    monkeypatch.setattr(limits, "memory", lambda: (8_000_000_000, "this machine has"))
    monkeypatch.setenv("SLURM_MEM_PER_NODE", granted)
    found = look("memory")
    assert found.level == level and found.found.startswith(told), found


@pytest.mark.parametrize(
    "environment, level, told",
    [
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "64"}, "warning", "job 7 does not say how many CPUs a task has"),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "4000"}, "warning", "job 7 has 4000 CPUs for each task"),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "1"}, "ok", "job 7, 1 CPUs for each task"),
        ({}, "ok", "not in a job"),
    ],
)
def test_slurm_must_have_been_asked_for_cpus(look, monkeypatch, environment, level, told):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = look("slurm")
    assert found.level == level and found.found.startswith(told)
    assert (found.remedy is None) == (level == "ok") and (found.remedy is None or "--cpus-per-task" in found.remedy)


@pytest.mark.parametrize(
    "script, told",
    [
        ("echo 'slurm_load_partitions: Unable to contact slurm controller' >&2; exit 1", "Unable to contact slurm"),
        ("exit 3", "sinfo ended with 3"),
        ("sleep 10", "has not ended in 0.1 s"),
    ],
)
def test_a_slurm_whose_controller_does_not_answer_takes_no_jobs(look, sinfo, monkeypatch, script, told):
    assert look("slurm").found == "not in a job; jobs can be submitted from here"
    sinfo.write_text(f"#!/bin/sh\n{script}\n")
    monkeypatch.setattr(doctor, "_PATIENCE", 0.1 if "sleep" in script else 20)
    found = look("slurm")
    assert found.level == "warning" and told in found.found and "sinfo" in found.remedy


def test_threading_layers_that_cannot_be_loaded(look, monkeypatch):
    real, absent = importlib.import_module, set()

    def load(name, *rest):
        if name.rpartition(".")[2] in absent:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", load)
    absent |= {"tbbpool", "omppool"}
    assert look("threading").level == "warning" and "tbb" in look("threading").remedy
    absent |= {"workqueue"}
    assert look("threading").level == "wrong"


def test_libraries_that_are_missing_or_too_old(look, tmp_path, monkeypatch):
    real = importlib.metadata.version

    def version(name):
        if name == "pyarrow":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.9.5" if name == "numba" else real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    (found,) = doctor.examine(tmp_path)
    assert found.level == "wrong" and found.remedy.startswith("install simcore with pip")
    assert "pyarrow is not installed" in found.found and "numba 0.9.5 is older than 0." in found.found


def test_plain_kernels_are_told(look, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert look("kernels").level == "warning" and look("kernels").remedy == "unset it"
    assert look("cache").found == "not used"


def test_without_a_temporary_folder_each_process_compiles(look, monkeypatch):
    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none)
    assert look("temporary").level == "warning" and "TMPDIR" in look("temporary").remedy
