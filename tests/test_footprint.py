"""What a study takes is known before it starts: estimates against real processes and files, refusals name their key."""

import json
import math
import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

import simcore as sc
from simcore import cli, design, footprint, jit, limits, summaries
from simcore.errors import UsageError

STUDY = {
    "name": "small",
    "problem": "location",
    "seed": 3,
    "replications": 2000,
    "factors": {"n": [10], "errors": [{"distribution": "normal"}]},
    "estimators": [{"loss": "l2"}, {"loss": "l1"}],
}
HUBER = [{"loss": "huber", "k": 1.0 + 0.05 * step} for step in range(40)]
NORMAL = [{"distribution": "normal"}]
STUDENT = {"distribution": "student_t", "df": [1.0 + 0.5 * step for step in range(30)]}
GB = 10**9


def study_of(**changes):
    return sc.Study(**STUDY | changes)


def with_n(*n, errors=NORMAL):
    return {"n": list(n), "errors": errors}


@pytest.fixture
def machine(monkeypatch):
    """Sets what the machine has."""

    def has(memory=10**13, disk=10**15):
        monkeypatch.setattr(footprint, "memory", lambda: (memory, "this machine has"))
        monkeypatch.setattr(footprint, "free", lambda path: disk)

    return has


MEMORY = [
    ("factors.n", {"factors": with_n(10, 10**6)}, 1, 0.30, "n = 1000000"),
    ("threads", {"factors": with_n(10**6)}, 16, 0.40, "in each of 16"),
    ("keep", {"keep": "estimates", "replications": 10**8}, 1, 4, "200000000 estimates"),
    ("estimators", {"estimators": HUBER, "replications": 10**6}, 1, 0.28, "40 estimates"),
    ("factors", {"factors": with_n(*range(2, 3002), errors=[STUDENT]), "replications": 10}, 1, 2, "90000 cells"),
]


@pytest.mark.parametrize("key, changes, threads, have, words", MEMORY, ids=[case[0] for case in MEMORY])
def test_too_little_memory_is_refused_by_the_key_to_change(
    machine, monkeypatch, tmp_path, key, changes, threads, have, words
):
    monkeypatch.setattr(jit, "threads_of", lambda threads=None: threads or 1)
    machine(memory=int(have * GB))
    with pytest.raises(UsageError, match=rf"^{re.escape(key)}: .*needs about .* of memory; this machine has") as told:
        sc.run(study_of(**changes), tmp_path / "out", threads)
    assert words in str(told.value) and footprint._REMEDIES[key] in str(told.value)
    assert not any(tmp_path.iterdir())


def test_processes_of_the_engine_count_where_it_starts_them(machine, monkeypatch, tmp_path):
    """Those of others' schedulers are elsewhere, and this process holds what it stores."""
    monkeypatch.setattr(jit, "threads_of", lambda threads=None: threads or 1)
    study = study_of(factors=with_n(10**5))
    (tmp_path / "small.toml").write_text(study.text)
    words = "engine: a process for each of 8 threads needs about 1.4 GB of memory; this machine has 1.0 GB; ask for few"
    machine(memory=GB)
    with pytest.raises(UsageError, match=f"^{words}"):
        sc.run(study, tmp_path / "out", threads=8, engine="dask")
    plan = CliRunner().invoke(cli.main, ["plan", str(tmp_path / "small.toml"), "--threads", "8", "--engine", "dask"])
    assert plan.exit_code == 2 and words in plan.output
    machine(memory=footprint.LEAST + 1_000_000)
    with pytest.raises(UsageError, match="^factors.n: "):
        sc.run(study, tmp_path / "out", threads=1)
    with pytest.raises(UsageError, match="no scheduler of Dask answers"):
        sc.run(study, tmp_path / "out", engine="nonsense://here")
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


DISK = [
    ("keep", {"keep": "estimates", "replications": 10**7}, 30),
    ("replications", {"replications": 10**12}, 10),
    ("factors", {"factors": with_n(*range(2, 102), errors=[STUDENT]), "replications": 10}, 3),
    ("factors", {"factors": with_n(*range(2, 102), errors=[STUDENT]), "replications": 10}, 0),
    ("replications", {"replications": 10**12}, 0),
]


@pytest.mark.parametrize("key, changes, disk", DISK, ids=[f"{case[0]}, {case[2]} MB" for case in DISK])
def test_too_little_disk_is_refused_by_the_key_to_change(machine, tmp_path, key, changes, disk):
    """Where there is none at all, that is of no use."""
    machine(disk=disk * 1_000_000)
    with pytest.raises(UsageError, match=rf"^{key}: .*of disk for .*small; {disk}(,000 k| M| k)B are free") as told:
        sc.run(study_of(**changes), tmp_path / "out")
    assert str(told.value).endswith(footprint._REMEDIES[key] if disk else "choose another --out")
    assert not any(tmp_path.iterdir())


def test_just_enough_is_not_refused(machine, tmp_path):
    study = study_of(keep="estimates", replications=10**7)
    need = footprint.of(study, 1)
    machine(memory=need.memory_bytes, disk=need.disk_bytes)
    assert footprint.refusal(need, tmp_path) is None
    machine(memory=need.memory_bytes // 2, disk=need.disk_bytes)
    assert footprint.refusal(need, tmp_path).startswith("keep: ")
    machine(memory=need.memory_bytes, disk=need.disk_bytes // 2)
    assert footprint.refusal(need, tmp_path).startswith("keep: ")


def test_what_is_stored_needs_no_disk_again(machine, tmp_path):
    study = study_of(keep="estimates", replications=200_000)
    run = sc.run(study, tmp_path)
    machine(disk=100_000)
    assert sc.run(study, tmp_path).path == run.path
    with pytest.raises(UsageError, match="^keep: "):
        sc.run(study, tmp_path / "elsewhere")


def test_a_precision_is_refused_for_what_it_takes_at_least(machine, tmp_path):
    machine(disk=3_000_000)
    rule = {"measure": "mse", "relative_mcse": 0.05, "min_replications": 2000, "max_replications": 10**11}
    entries = {key: value for key, value in STUDY.items() if key != "replications"}
    assert len(sc.run(sc.Study(**entries, precision=rule), tmp_path).summary())


def test_limits_of_control_groups_are_found(tmp_path):
    for folder, name, text in (("a/b", "memory.max", "max"), ("a", "memory.max", "5000"), ("memory/c", None, "70")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / (name or "memory.limit_in_bytes")).write_text(text + "\n")
    own = tmp_path / "cgroup"
    own.write_text("4:cpu,memory:/c\n2:cpuset:/d\n0::/a/b\n")
    names = "memory", "memory.max", "memory.limit_in_bytes"
    files = limits.control_group_files(*names, tmp_path, own)
    found = [path.relative_to(tmp_path) for path in files if path.is_file()]
    texts = [(tmp_path / path).read_text().strip() for path in found]
    assert texts == ["70", "max", "5000"]
    assert list(limits.control_group_files(*names, tmp_path, tmp_path / "none")) == []


def limited(arguments, cwd, limit):
    """The command line in a process whose addresses are limited."""
    program = (
        f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, ({limit},) * 2);"
        f"sys.argv = ['simcore', *{arguments!r}]; runpy.run_module('simcore', run_name='__main__')"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=cwd)


def test_under_a_limit_run_and_plan_say_the_same(tmp_path):
    (tmp_path / "small.toml").write_text(study_of(keep="estimates", replications=10**8).text)
    run, plan = (limited([command, "small.toml", "--threads", "1"], tmp_path, 4 * GB) for command in ("run", "plan"))
    assert run.returncode == plan.returncode == 2
    assert run.stderr == plan.stderr and run.stderr.startswith("keep: ") and "RLIMIT_AS allows 4.0 GB" in run.stderr
    assert "100,000,000 per cell" in plan.stdout and "not tried out" in plan.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


def test_addresses_are_more_than_memory(tmp_path):
    """A limit that cannot do is told before anything is started, in time; one that is said to do does."""
    (tmp_path / "small.toml").write_text(study_of().text)
    done = limited(["run", "small.toml"], tmp_path, 600_000_000)
    assert done.returncode == 2 and done.stderr.startswith("RLIMIT_AS: allows 600 MB of addresses"), done.stderr
    assert not (tmp_path / "results").exists()
    needed = footprint._ADDRESSES + jit.threads_of() * footprint._THREAD_ADDRESSES + 10**8
    done = limited(["run", "small.toml"], tmp_path, needed)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("held", [0, 10**10])
def test_what_is_mapped_already_counts_against_a_limit_of_addresses(machine, monkeypatch, held):
    """And what Arrow takes at once where it finds it; without a limit nothing of it matters."""
    machine()
    need = footprint.of(study_of(keep="estimates", replications=10**7), 2)
    monkeypatch.setattr(footprint, "mapped", lambda: held)
    monkeypatch.setattr(footprint, "_LIBRARIES", {})
    mapped = footprint._ADDRESSES + jit.threads_of() * footprint._THREAD_ADDRESSES
    own = max(held, mapped) + need.memory_bytes - footprint.BASE
    for limit, fits in ((0.99 * own, False), (1.01 * (own + footprint._RESERVED), True), (math.inf, True)):
        monkeypatch.setattr(footprint, "addresses", lambda limit=limit: limit)
        why = footprint.refusal(need, ".")
        assert (why is None) == fits and (fits or "RLIMIT_AS allows" in why and why.startswith("keep: "))


def measured(study, place):
    """(peak of resident memory, bytes of the files) of a run in a process of its own."""
    (place / "study.toml").write_text(study.text)
    program = (
        "import json, simcore as sc; run = sc.run('study.toml', '.', threads=2);"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1];"
        "size = sum(path.stat().st_size for path in run.path.rglob('*.parquet'));"
        "print(json.dumps([int(peak) * 1024, size]))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=place)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


MEASURED = {
    "kept": {"keep": "estimates", "replications": 2_500_000},
    "many": {"estimators": HUBER, "replications": 300_000},
    "large": {"factors": with_n(10**6), "replications": 64},
    "cells": {"factors": with_n(5, 6, 7, errors=[STUDENT]), "replications": 1024},
}


def test_a_table_takes_less_than_a_kilobyte_a_row(tmp_path):
    """Of 1,600 cells with 66 rows each, all of the same sums; rows that are not yet in columns are not many."""
    program = (
        "import sys, simcore as sc; from simcore import design, execute, summaries, sums;"
        "study = sc.load('study.toml'); cells = design.cells(study); block = design.Block(0, cells[0].key, 0, 64);"
        "total = sums.total(execute.run_block(study, cells[0], block).nodes, design.chunk_size(10));"
        "peak = lambda: int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) * 1024;"
        "summaries.summarise(study, [(cells[0], total, None)]); before = peak();"
        "print(len(summaries.summarise(study, ((cell, total, None) for cell in cells))), peak() - before)"
    )
    estimators = [{"loss": "l2"}, {"loss": "l1"}, {"loss": "huber"}]
    errors = [STUDENT | {"df": STUDENT["df"][:16]}]
    study = study_of(factors=with_n(*range(5, 105), errors=errors), estimators=estimators)
    (tmp_path / "study.toml").write_text(study.text)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows, more = map(int, done.stdout.split())
    assert rows == 1600 * 66
    assert more <= 900 * rows + summaries.LOOSE_ROWS * 2000, more / rows


@pytest.mark.parametrize("changes", MEASURED.values(), ids=MEASURED)
def test_estimates_are_near_what_a_run_takes(tmp_path, changes):
    study = study_of(**changes)
    peak, size = measured(study, tmp_path)
    told = footprint.of(study, 2)
    assert 0.85 * peak <= told.memory_bytes <= 1.6 * peak, (told, peak)
    assert 0.8 * size <= told.disk_bytes <= 1.5 * size, (told, size)


WITH_PROCESSES = """
import pathlib, re
import simcore as sc

peaks, proc = [], pathlib.Path("/proc")

def size(name, pid, file):
    return 1024 * int(re.search(name + r":\\s*(\\d+)", (proc / pid / file).read_text())[1])

def progress(*_):
    children = [pid for path in proc.glob("self/task/*/children") for pid in path.read_text().split()]
    peaks.append(sum(size("Pss", pid, "smaps_rollup") for pid in children))

if __name__ == "__main__":
    sc.run("study.toml", ".", threads=2, engine="dask", progress=progress)
    print(max(peaks) + size("VmHWM", "self", "status"))
"""


def test_the_estimate_with_processes_is_near_what_they_take(tmp_path):
    """What processes share, as the code of libraries, counts for each in part."""
    pytest.importorskip("distributed", reason="needs Dask: pip install 'simcore[dask]'")
    study = study_of(**MEASURED["kept"])
    (tmp_path / "study.toml").write_text(study.text)
    (tmp_path / "run.py").write_text(WITH_PROCESSES)
    found = subprocess.run([sys.executable, "run.py"], capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    told = footprint.of(study, workers=2)
    assert 0.85 * int(found.stdout) <= told.memory_bytes <= 1.6 * int(found.stdout), (told, found.stdout)


def test_the_largest_grid_and_sample_are_judged_without_listing_their_blocks(monkeypatch):
    monkeypatch.setattr(design, "blocks_between", None)
    big = study_of(factors=with_n(*range(2, 3332), errors=[STUDENT]), replications=10)
    assert len(design.cells(big)) == 99_900
    assert footprint.of(big, 2).summarising["factors"] > 3 * GB
    many = study_of(replications=10**12)
    assert design.count_blocks(many) == 29_803
    assert footprint.of(many, 2).memory_bytes < GB and footprint.of(many, 2).disk_bytes > 0.2 * GB


@pytest.mark.skipif(not jit.enabled(), reason="plain kernels have one thread")
def test_threads_are_known_without_starting_them():
    assert jit.threads_of(None) == jit.set_threads(None) and jit.threads_of(1) == jit.set_threads(1) == 1
    assert jit.threads_of(10**6) == jit.set_threads(10**6) <= (os.cpu_count() or 1)
    jit.set_threads(None)
