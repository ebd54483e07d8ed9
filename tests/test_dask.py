"""Workers of Dask that are any number, die, fail, or are other code: the run is that of one process, to the byte."""

import asyncio
import contextlib
import functools
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent import futures
from pathlib import Path
from types import SimpleNamespace

import pytest

import simcore as sc
from simcore import cli, design, execute, failures, jit, own
from simcore.errors import IncompleteError, UsageError
from tests import cluster
from tests.kills import snapshot
from tests.running import cut_small, paused
from tests.test_cli import simcore

distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'simcore[dask]'")
dask = pytest.importorskip("dask")

ROOT = Path(sc.__file__).parents[1]
ENTRIES = {
    "name": "spread",
    "problem": "location",
    "seed": 3,
    "replications": 3000,
    "factors": {"n": [5, 8], "errors": [{"distribution": "normal"}, {"distribution": "cauchy"}]},
    "estimators": [{"loss": "l2"}, {"loss": "l1"}],
}
PRECISION = {"measure": "mae", "relative_mcse": 0.01, "max_replications": 20_000}
LONG = ENTRIES | {"name": "long", "replications": 60 << 18, "factors": ENTRIES["factors"] | {"n": [1000]}}
LONG |= {"estimators": [{"loss": "l2"}]}  # 120 blocks of some tenths of a second
LOST = "distributed.deploy.lost-worker-timeout"  # after which a cluster gives up a worker that has died
QUIET = {"silence_logs": 60, "scheduler_kwargs": {"allowed_failures": 2, "dashboard_address": ":0"}}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """In this process; a block has the bounds that it is sent with."""
    cut_small(monkeypatch, 1)


@pytest.fixture(scope="module")
def client():
    with workers(2, 1) as client:
        yield client


@contextlib.contextmanager
def workers(processes, threads, **options):
    with (
        dask.config.set({LOST: "1 hour"}),  # where much else is at work they may die again before they are back
        distributed.LocalCluster(n_workers=processes, threads_per_worker=threads, **QUIET, **options) as own,
        distributed.Client(own, set_as_default=False) as client,
    ):
        yield client


def study_with(**changes):
    return sc.Study(**(ENTRIES | changes))


def serial(tmp_path, study):
    return snapshot(sc.run(study, tmp_path / "serial", threads=1).path)


class Faulty(distributed.WorkerPlugin):
    """Workers, those that come later too, call `fault(block)` before they compute one."""

    name = "faulty"

    def __init__(self, fault):
        self.fault = fault

    def setup(self, worker):
        self.plain = execute.run_block
        execute.run_block = self.run_block

    def teardown(self, worker):
        execute.run_block = self.plain

    def run_block(self, study, cell, block, keep):
        self.fault(block)
        return self.plain(study, cell, block, keep)


class Other(distributed.WorkerPlugin):
    """Workers take themselves for other code."""

    name = "faulty"

    def setup(self, worker):
        self.plain, jit.source_digest = jit.source_digest, lambda: "f" * 64

    def teardown(self, worker):
        jit.source_digest = self.plain


@contextlib.contextmanager
def faulty(client, plugin):
    client.register_plugin(plugin)
    client.run(_forget)
    try:
        yield
    finally:
        client.unregister_worker_plugin("faulty")
        client.run(_forget)


def _forget():
    from simcore.engines import dask as engine

    engine._study_of.cache_clear()


def slow(_block):
    time.sleep(0.1)


def deadly(block):
    if block.cell == 1 and block.first == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def unlucky(place, block):
    """The first three times that this block is computed, its worker dies."""
    if block.cell == 1 and block.first == 0 and len([*place.iterdir()]) < 3:
        (place / str(os.getpid())).touch()
        os.kill(os.getpid(), signal.SIGKILL)


def raising(block):
    if block.cell == 2 and block.first >= 1024:
        raise (ValueError if block.first == 1024 else MemoryError)("not\ntoday")


@pytest.mark.parametrize(
    "changes",
    [{}, {"keep": "estimates"}, {"precision": PRECISION, "replications": 1024}],
    ids=["", "kept", "precision"],
)
def test_a_cluster_is_one_process(client, tmp_path, changes):
    study, told = study_with(**changes), []
    run = sc.run(study, tmp_path / "run", engine=client, progress=lambda *own: told.append(own[:2]))
    assert snapshot(run.path) == serial(tmp_path, study)
    assert [done for done, _ in told] == [*range(1, len(told) + 1)] and told[-1][1] == len(told)


def on_two_threads(_block):
    assert jit.threads() == 2


def test_workers_of_several_threads(tmp_path):
    """They compute one block at a time, for this layer of Numba would end the process otherwise."""
    environment = {"NUMBA_THREADING_LAYER": "workqueue", "NUMBA_NUM_THREADS": "3"}
    with workers(1, 2, env=environment) as client, faulty(client, Faulty(on_two_threads)):
        run = sc.run(study_with(replications=20_000), tmp_path / "run", engine=client)
    assert snapshot(run.path) == serial(tmp_path, study_with(replications=20_000))


def test_workers_of_its_own():
    from simcore.engines import dask_workers

    with dask_workers.own(2) as workers:
        workers.start()
        client = workers.client
        client.wait_for_workers(2, timeout=60)
        assert [*client.nthreads().values()] == [1, 1]
        assert {*client.run(os.getenv, "NUMBA_NUM_THREADS").values()} == {"1"}
        assert client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.allowed_failures) == 2
        pids = [*client.run(os.getpid).values()]
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_the_command_line(tmp_path):
    (tmp_path / "spread.toml").write_text(study_with().text)
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # another has taken it already
            taken.bind(("127.0.0.1", 8787))  # where Dask would show its dashboard
            taken.listen()
        done = simcore("run", "spread.toml", "--engine", "dask", "--threads", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told, shown, after = done.stderr.splitlines()
    assert told.startswith("spread: 4 of 4 blocks, ") and shown.startswith("results: ") and "report" in after
    other = simcore("run", "spread.toml", "--out", "local", cwd=tmp_path)
    assert other.stdout == done.stdout
    assert snapshot(tmp_path / "local") == snapshot(tmp_path / "results")


def test_shards_and_workers_on_one_run(client, tmp_path):
    study = study_with()
    sc.run(study, tmp_path / "run", threads=1, shard="2/3")
    sc.run(study, tmp_path / "run", engine=client, shard="3/3")
    assert sc.status(tmp_path / "run" / "spread", 3).unfinished == (1,)
    run = sc.run(study, tmp_path / "run", engine=client)
    assert snapshot(run.path) == serial(tmp_path, study)


def test_no_more_blocks_are_under_way_than_workers_need(client, tmp_path, monkeypatch):
    sent, stored, most, submit = [], [], [], distributed.Client.submit

    def counted(*arguments, **options):
        sent.append(1)
        most.append(len(sent) - len(stored))
        return submit(*arguments, **options)

    monkeypatch.setattr(distributed.Client, "submit", counted)
    sc.run(study_with(), tmp_path, engine=client, progress=lambda *_: stored.append(1))
    assert len(sent) == len(stored) == 12 and max(most) == 4


def test_a_worker_is_killed(client, tmp_path):
    victims = [*client.run(os.getpid).values()]

    def progress(done, *_):
        if done == 3:
            os.kill(victims[0], signal.SIGKILL)

    with faulty(client, Faulty(slow)):
        run = sc.run(study_with(), tmp_path / "run", engine=client, progress=progress)
    assert victims[0] not in client.run(os.getpid).values()
    assert snapshot(run.path) == serial(tmp_path, study_with())


def test_a_block_that_no_worker_survives(client, tmp_path):
    (tmp_path / "spread.toml").write_text(study_with().text)
    words = "run", "spread.toml", "--engine", "dask", "--scheduler", client.scheduler.address
    with faulty(client, Faulty(deadly)):
        done = simcore(*words, cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "distributed" not in done.stderr
    assert "1 block failed, all others are stored" in done.stderr
    line = next(line for line in done.stderr.splitlines() if "workers died" in line)
    assert line.startswith("  cell 1, replications 0..2999: 3 workers died")
    command = shlex.split(line.rpartition("; ")[2])
    assert command == ["simcore", "replay", "results/spread", "--cell", "1", "--replication", "0"]
    assert simcore(*command[1:], cwd=tmp_path).returncode == 0
    done = simcore("status", "results/spread", cwd=tmp_path)
    assert done.returncode == 3 and "failed: cell 1, replications 0..2999: 3 workers died" in done.stdout
    cells = json.loads(simcore("status", "results/spread", "--json", cwd=tmp_path).stdout)["cells"]
    assert [(cell["missing_blocks"], cell["failed_blocks"]) for cell in cells] == [(0, 0), (1, 1), (0, 0), (0, 0)]
    done = simcore(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert simcore("run", "spread.toml", "--out", "local", cwd=tmp_path).returncode == 0
    assert snapshot(tmp_path / "results") == snapshot(tmp_path / "local")


def test_a_block_is_tried_once_more_alone(client, tmp_path):
    """It may only have waited in workers that died of others."""
    (tmp_path / "deaths").mkdir()
    with faulty(client, Faulty(functools.partial(unlucky, tmp_path / "deaths"))):
        run = sc.run(study_with(), tmp_path / "run", engine=client)
    assert len([*(tmp_path / "deaths").iterdir()]) == 3
    assert snapshot(run.path) == serial(tmp_path, study_with())


@pytest.fixture
def dying(tmp_path, monkeypatch):
    """Workers of our own die three times, and each time so long that Dask would give them up."""
    from simcore.engines import dask_workers

    start = dask_workers.Own.start
    (tmp_path / "deaths").mkdir()

    def start_dying(own):
        start(own)
        own.client.register_plugin(Faulty(functools.partial(unlucky, tmp_path / "deaths")))

    monkeypatch.setattr(dask_workers.Own, "start", start_dying)
    with dask.config.set({LOST: "10ms"}):
        yield monkeypatch.setattr, dask_workers


def test_workers_of_its_own_are_replaced_as_often_as_they_die(dying, tmp_path):
    run = sc.run(study_with(), tmp_path / "run", engine="dask", threads=1)
    assert len([*(tmp_path / "deaths").iterdir()]) == 3
    assert snapshot(run.path) == serial(tmp_path, study_with())


def test_workers_of_its_own_that_are_not_replaced(dying, tmp_path):
    """It ends, and goes on later, instead of waiting for ever."""
    change, module = dying
    change(module, "_REPLACED", {})
    with pytest.raises(IncompleteError, match="the worker processes have ended, .* run the same command again"):
        sc.run(study_with(), tmp_path / "run", engine="dask", threads=1)
    run = sc.run(study_with(), tmp_path / "run", threads=1)
    assert snapshot(run.path) == serial(tmp_path, study_with())


@pytest.fixture(params=["local", "dask"])
def engine_with(request, monkeypatch):
    """A function: a fault, see `Faulty` -> a context with an engine whose blocks have it."""

    @contextlib.contextmanager
    def local(fault):
        with monkeypatch.context() as patch:
            plain = execute.run_block
            patch.setattr(
                execute, "run_block", lambda study, cell, block, keep: fault(block) or plain(study, cell, block, keep)
            )
            yield "local"

    @contextlib.contextmanager
    def cluster_of_dask(fault):
        client = request.getfixturevalue("client")
        with faulty(client, Faulty(fault)):
            yield client

    return {"local": local, "dask": cluster_of_dask}[request.param]


@pytest.mark.parametrize(
    "changes, limits",
    [
        ({}, {}),
        ({"precision": PRECISION, "replications": 1024}, {}),
        ({}, {"work": 1 << 30}),
        ({"keep": "estimates"}, {"work": 1 << 30}),
    ],
    ids=["", "precision", "one file", "one file, kept"],
)
def test_blocks_that_raise(engine_with, tmp_path, monkeypatch, changes, limits):
    """They are left out, and all others are stored, those of the same file too."""
    monkeypatch.setattr(design, "LIMITS", design.LIMITS._replace(**limits))
    study = study_with(**changes)
    with engine_with(raising) as engine, pytest.raises(failures.FailedError, match="Error: not today") as found:
        sc.run(study, tmp_path / "run", engine=engine)
    blocks = [failure.block for failure in found.value.failures]
    assert blocks and {block.cell for block in blocks} == {2}
    status = sc.status(tmp_path / "run" / "spread")
    assert {failure.block for failure in status.failed} == set(blocks)
    assert [len(own.missing) for own in status.cells] == [0, 0, len(blocks), 0]
    sc.run(study, tmp_path / "run", threads=1)  # whoever computes them
    assert snapshot(tmp_path / "run" / "spread") == serial(tmp_path, study)


@pytest.mark.parametrize("late", [False, True], ids=["at the start", "later"])
def test_workers_of_other_code_are_refused(client, tmp_path, monkeypatch, late):
    from simcore.engines import dask as engine

    if late:
        monkeypatch.setattr(engine, "_refuse_others", lambda *_: None)
    with faulty(client, Other()), pytest.raises(UsageError) as refused:
        sc.run(study_with(), tmp_path, engine=client)
    assert f"code: there {'f' * 64}, here {jit.source_digest()}" in str(refused.value)
    assert "worker at tcp://" in str(refused.value)
    assert not (tmp_path / "spread" / "blocks").exists() or not [*(tmp_path / "spread" / "blocks").iterdir()]


def test_a_design_file_that_a_worker_has_otherwise(client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("a\n1\n2\n4\n3\n")
    (tmp_path / "elsewhere").mkdir()
    factors = {"n": [4], "design": [{"design": "file", "path": "x.csv"}], "errors": [{"distribution": "normal"}]}
    study = study_with(problem="linear", beta=[1.0, 2.0], replications=64, factors=factors)
    try:
        client.run(os.chdir, str(tmp_path / "elsewhere"))
        with pytest.raises(UsageError, match="the worker at .* cannot compute this: design: x.csv: cannot be read"):
            sc.run(study, tmp_path / "run", engine=client)
        (tmp_path / "elsewhere" / "x.csv").write_text("a\n1\n2\n4\n5\n")
        with pytest.raises(UsageError, match="the worker at .* would give other numbers; inputs: there"):
            sc.run(study, tmp_path / "run", engine=client)
        client.run(os.chdir, str(tmp_path))
        run = sc.run(study, tmp_path / "run", engine=client)
    finally:
        client.run(os.chdir, str(ROOT))
    assert snapshot(run.path) == serial(tmp_path, study)


OWN = """
from numba import njit
from simcore.registry import Estimator

@njit
def fit(x):
    return {} + x.mean()

PLUGIN = Estimator("moved", "a mean that is moved", scalar=fit)
"""


def study_of_own(path, shift):
    """A study with an estimator of a file, in place of any that was in use."""
    for source in [*own._sources.values()]:
        own._drop(source)
    path.write_text(OWN.format(shift))
    sc.use(path)
    return study_with(estimators=[{"loss": "l2"}, {"estimator": "moved"}], replications=64)


def test_workers_take_the_plugins_of_one_run_after_the_other(client, tmp_path, no_plugins):
    """The same file of another name, other bytes of the same name, and another file that defines the same."""
    for number, (name, shift) in enumerate([("a.py", 1), ("b.py", 1), ("b.py", 2), ("c.py", 3), ("a.py", 1)]):
        place = tmp_path / str(number)
        place.mkdir()
        study = study_of_own(place / name, shift)
        assert snapshot(sc.run(study, place / "run", engine=client).path) == serial(place, study)


def test_a_worker_takes_plugins_only_while_it_computes_nothing(tmp_path, no_plugins):
    """Else a block would be computed with those of another study; and its event loop does not wait for that."""
    from simcore.engines import dask as engine

    order, worker = engine._order(study_of_own(tmp_path / "own.py", 1)), SimpleNamespace(address="here")
    before = own.inputs(study_of_own(tmp_path / "own.py", 2))
    with futures.ThreadPoolExecutor(1) as pool:
        with engine._alone:
            asked = pool.submit(asyncio.run, engine._able(order, worker))
            assert not futures.wait([asked], 0.3).done
            assert own._sources["own.py"].digest == before["own.py"]
        asked.result(30)
    assert own._sources["own.py"].digest == json.loads(order.origin)["inputs"]["own.py"] != before["own.py"]


def test_plugins_that_change_while_a_block_is_computed(tmp_path, monkeypatch, no_plugins):
    from simcore.engines import dask as engine

    def run_block(*arguments):
        own.use_ordered("own.py", OWN.format(2).encode())
        return plain(*arguments)

    worker, plain = SimpleNamespace(address="here", state=SimpleNamespace(nthreads=1)), execute.run_block
    monkeypatch.setattr(distributed, "get_worker", lambda: worker)
    order, block = engine._order(study_of_own(tmp_path / "own.py", 1)), design.Block(0, "key", 0, 64)
    assert engine.compute(order, block).block == block
    monkeypatch.setattr(execute, "run_block", run_block)
    with pytest.raises(UsageError, match="the worker at here was given other plugins while it computed; run the same"):
        engine.compute(order, block)


def test_a_worker_dies_before_its_result_is_fetched(tmp_path, monkeypatch):
    """Where none takes its place, it is said, and the run goes on when another comes."""
    from simcore.engines import dask as engine
    from simcore.engines import dask_workers

    each, look, told = engine._each, dask_workers.Others.look, []
    worker = "-m", "distributed.cli.dask_worker", "--no-nanny", "--nthreads", 1
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with workers(0, 1) as client, started(*worker, client.scheduler.address, cwd=tmp_path, **quiet) as victim:
        client.wait_for_workers(1, timeout=60)

        def each_lost(done, look):
            for future in each(done, look):
                if victim.poll() is None:
                    victim.kill()
                    assert cluster.wait(lambda: not client.nthreads(), 30)
                yield future

        def look_and_start(own):
            look(own)
            if own._told:
                told.append(victim.poll())
                client.cluster.scale(1)

        monkeypatch.setattr(engine, "_PATIENCE", 0.3)
        monkeypatch.setattr(engine, "_each", each_lost)
        monkeypatch.setattr(dask_workers.Others, "look", look_and_start)
        late = threading.Timer(30, client.cluster.scale, [1])  # for a test that fails, and does not wait for ever
        late.start()
        run = sc.run(study_with(), tmp_path / "run", engine=client)
        late.cancel()
    assert {*told} == {-signal.SIGKILL}
    assert snapshot(run.path) == serial(tmp_path, study_with())


def test_jobs_of_slurm_as_workers(slurm, tmp_path, monkeypatch):
    jobqueue = pytest.importorskip("dask_jobqueue", reason="needs dask-jobqueue")
    monkeypatch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
    job = {"queue": "main", "cores": 1, "processes": 1, "memory": "500MB", "walltime": "00:05:00"}
    job |= {"python": sys.executable, "job_script_prologue": [f"export PYTHONPATH={shlex.quote(str(ROOT))}"]}
    job |= {"local_directory": str(tmp_path), "log_directory": str(tmp_path / "logs"), "interface": "lo"}
    job |= {"scheduler_options": {"dashboard_address": ":0"}, "silence_logs": 60}
    with jobqueue.SLURMCluster(**job) as own, distributed.Client(own, set_as_default=False) as client:
        own.scale(jobs=2)
        run = sc.run(study_with(), tmp_path / "run", engine=client)
    assert snapshot(run.path) == serial(tmp_path, study_with())


@contextlib.contextmanager
def started(*words, cwd, **options):
    """A process of Python, killed in the end with all that it has started."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    process = subprocess.Popen(command, cwd=cwd, env=environment, **(pipes | options))
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def blocks_of(run):
    return [*(run / "blocks").glob("*")]


def living(group):
    """The processes of a group, without those that have ended and that nobody has noticed."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, own = path.read_text().rpartition(")")[2].split()[:3]
            found += [path.parent.name] * (int(own) == group and state != "Z")
    return found


@pytest.mark.parametrize("number, group, code", [(15, False, 75), (10, True, 75), (2, True, 130)])
@pytest.mark.parametrize("stored", [0, 2], ids=["starting", "at work"])
def test_a_signal_stops_all(tmp_path, number, group, code, stored):
    """Ctrl-C goes to all processes, as what Slurm sends may; some of them are just starting, or at work."""
    (tmp_path / "long.toml").write_text(sc.Study(**LONG).text)
    run = tmp_path / "results" / "long"
    with started("-m", "simcore", "run", "long.toml", "--engine", "dask", "--threads", 2, cwd=tmp_path) as process:
        assert cluster.wait(lambda: (run / "run.json").exists() and len(blocks_of(run)) >= stored, 60)
        time.sleep(0.3)
        with paused(process.pid):
            before = len(blocks_of(run))
            (os.killpg if group else os.kill)(process.pid, number)
        _, told = process.communicate(timeout=60)
        assert process.returncode == code
        assert before <= len(blocks_of(run)) <= before + 4  # what was under way: two blocks for each worker
        assert "finished blocks are kept" in told and "Traceback" not in told and "distributed" not in told
        assert cluster.wait(lambda: not living(process.pid), 30)


def lasting(place, _block):
    """A block of a worker's that does not end before the test."""
    (place / str(os.getpid())).touch()
    time.sleep(600)


BUSY = """
import functools
from pathlib import Path
import distributed
from simcore import cli
from simcore.engines import dask_workers
from tests.test_dask import Faulty, lasting

def start_busy(own, start=dask_workers.Own.start):
    start(own)
    own.client.wait_for_workers(2)
    own.client.register_plugin(Faulty(functools.partial(lasting, Path("busy").absolute())))

def close_gently(own, *_, close=distributed.Nanny.close, **options):
    return close(own, **options | {"timeout": 600})  # which a worker has to finish, not 5

dask_workers.Own.start = start_busy
distributed.Nanny.close = close_gently
cli.main()
"""


def test_a_signal_does_not_wait_for_the_workers(tmp_path):
    """They are in blocks of ten minutes, and would be given as long to end them, a minute by us: they are killed."""
    (tmp_path / "long.toml").write_text(sc.Study(**LONG).text)
    busy = tmp_path / "busy"
    busy.mkdir()
    with started("-c", BUSY, "run", "long.toml", "--engine", "dask", "--threads", 2, cwd=tmp_path) as process:
        assert cluster.wait(lambda: len([*busy.iterdir()]) == 2, 120)
        process.terminate()
        _, told = process.communicate(timeout=40)  # 0.3 s where nothing else is at work
        assert process.returncode == 75 and "Traceback" not in told
        assert cluster.wait(lambda: not living(process.pid), 30)


def test_a_scheduler_is_lost(tmp_path):
    (tmp_path / "long.toml").write_text(sc.Study(**LONG).text)
    place, quiet = tmp_path / "scheduler.json", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = "-m", "distributed.cli.dask_scheduler", "--port", 0, "--no-dashboard", "--scheduler-file", place
    worker = "-m", "distributed.cli.dask_worker", "--scheduler-file", place, "--nthreads", 1
    with started(*scheduler, cwd=tmp_path, **quiet) as victim, started(*worker, cwd=tmp_path, **quiet):
        assert cluster.wait(place.exists, 30)
        address = json.loads(place.read_text())["address"].removeprefix("tcp://")
        words = "-m", "simcore", "run", "long.toml", "--engine", "dask", "--scheduler", address
        with started(*words, cwd=tmp_path) as process:
            assert cluster.wait(lambda: blocks_of(tmp_path / "results" / "long"), 60)
            os.kill(victim.pid, signal.SIGKILL)
            _, told = process.communicate(timeout=60)
    assert process.returncode == 3 and f"the scheduler at tcp://{address} is lost" in told
    assert "Traceback" not in told and "distributed" not in told
    assert blocks_of(tmp_path / "results" / "long")


def test_workers_that_are_awaited(tmp_path):
    (tmp_path / "spread.toml").write_text(study_with().text)
    with workers(0, 1) as client, open(tmp_path / "one", "w+") as one, open(tmp_path / "two", "w+") as two:
        address = client.scheduler.address
        words = "-m", "simcore", "run", "spread.toml", "--engine", "dask", "--scheduler", address, "--out"
        with (
            started(*words, "stopped", cwd=tmp_path, stderr=one) as stopped,
            started(*words, "patient", cwd=tmp_path, stderr=two) as patient,
        ):
            told = f"waiting for workers at {address}: there is none; start some (dask worker {address})"
            for file in (one, two):
                assert cluster.wait(lambda file=file: Path(file.name).read_text().startswith(told), 60)
            stopped.send_signal(signal.SIGINT)
            assert stopped.wait(30) == 130
            client.cluster.scale(1)
            assert patient.wait(60) == 0
        assert "Traceback" not in Path(one.name).read_text() and Path(two.name).read_text().count("waiting") == 1


def test_what_killed_processes_have_left_is_removed_and_nothing_of_others(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "long.toml").write_text(sc.Study(**LONG).text)

    def folders():
        return {path.parent for path in tmp_path.glob("simcore-dask-*/workers")}

    def run(out):
        words = "-m", "simcore", "run", "long.toml", "--engine", "dask", "--threads", 1, "--out", out
        return started(*words, cwd=tmp_path)

    with run("killed") as killed:
        assert cluster.wait(folders, 60)
        left = folders()
        with run("living") as living:
            assert cluster.wait(lambda: len(folders()) == 2, 60)
            killed.kill()
            killed.wait(60)
            assert left < folders()
            sc.run(study_with(), tmp_path / "own", threads=1, engine="dask")
            assert folders() and not folders() & left
            living.terminate()
            assert living.wait(60) == 75
    assert not folders()


def test_a_script_that_would_start_itself_again(tmp_path):
    (tmp_path / "spread.toml").write_text(study_with().text)
    (tmp_path / "script.py").write_text("import simcore as sc\nsc.run('spread.toml', engine='dask', threads=1)\n")
    with started("script.py", cwd=tmp_path) as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1 and 'must do so under if __name__ == "__main__":' in told


@pytest.mark.parametrize(
    "engine, told",
    [
        *((engine, 'engine: must be "local", "dask", the address of a scheduler') for engine in ("spark", "", None, 5)),
        ("nonsense://here", "engine: no scheduler of Dask answers at nonsense://here"),
        *(
            (f"tcp://{place}", "engine: no scheduler of Dask is at tcp://.*; give the port, such as tcp://host:8786")
            for place in ("here", "127.0.0.1", "here:", "[::1]")
        ),
    ],
)
def test_what_is_no_engine(tmp_path, engine, told):
    with pytest.raises(UsageError, match=told):
        sc.run(study_with(), tmp_path, engine=engine)
    assert not [*tmp_path.iterdir()]


def test_a_scheduler_that_does_not_answer_is_told_by_its_option(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spread.toml").write_text(study_with().text)
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", "spread.toml", "--engine", "dask", "--scheduler", "nonsense://here"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("--scheduler: no scheduler of Dask answers at nonsense://here")


def test_a_scheduler_that_nobody_named_is_not_this_machine(tmp_path, monkeypatch, capsys):
    """As by a variable of the shell that is not set."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spread.toml").write_text(study_with().text)
    for engine, told in (("dask", "--scheduler: is empty; write an address"), ("local", "--scheduler: needs --engine")):
        with pytest.raises(SystemExit) as ended:
            cli.main(["run", "spread.toml", "--engine", engine, "--scheduler", ""])
        assert ended.value.code == 2 and capsys.readouterr().err.startswith(told)
    assert not (tmp_path / "results").exists()


def test_a_client_that_cannot_start_says_one_line_and_ends(tmp_path):
    """Without the wait for it, and without what Python says that it ignores, when it is cleared away."""
    (tmp_path / "spread.toml").write_text(study_with().text)
    begun = time.monotonic()
    for address in ("inproc://here", "tls://127.0.0.1:1"):
        done = simcore("run", "spread.toml", "--engine", "dask", "--scheduler", address, cwd=tmp_path)
        told = rf"--scheduler: no scheduler of Dask answers at {address} \(.*\); start one\n"
        assert done.returncode == 2 and re.fullmatch(told, done.stderr), done.stderr
    assert time.monotonic() - begun < 15


def test_what_answers_is_something_else(tmp_path):
    """As a server of pages: its first bytes are then read as numbers and sizes."""

    def answer(server):
        with server.accept()[0] as visitor:
            visitor.sendall(b"HTTP/1.1 400 Bad Request\r\n" * 100)

    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=answer, args=(server,))
        answering.start()
        with pytest.raises(UsageError, match="engine: what answers at tcp://.* is no scheduler of Dask; give the port"):
            sc.run(study_with(), tmp_path, engine=f"tcp://127.0.0.1:{server.getsockname()[1]}")
        answering.join()


def test_what_goes_with_no_engine(client, tmp_path):
    with pytest.raises(UsageError, match="threads: are those of the workers"):
        sc.run(study_with(), tmp_path, engine=client, threads=2)
    closed = distributed.Client(client.scheduler.address, set_as_default=False)
    closed.close()
    with pytest.raises(UsageError, match="engine: must be"):
        sc.run(study_with(), tmp_path, engine=closed)
    (tmp_path / "spread.toml").write_text(study_with().text)
    done = simcore("run", "spread.toml", "--scheduler", "host:1", cwd=tmp_path)
    assert done.returncode == 2 and "--scheduler: needs --engine dask" in done.stderr


@pytest.mark.parametrize("how", ["cancelled", "closed"])
def test_work_that_is_taken_away(client, tmp_path, how):
    with distributed.Client(client.scheduler.address, set_as_default=False) as own:

        def progress(*_):
            if how == "closed":
                own.close()
            else:
                own.cancel([distributed.Future(key, own) for key in [*own.futures]])

        with faulty(client, Faulty(slow)), pytest.raises(IncompleteError, match="cancelled the work"):
            sc.run(study_with(), tmp_path / "run", engine=own, progress=progress)
    assert snapshot(sc.run(study_with(), tmp_path / "run", engine=client).path) == serial(tmp_path, study_with())


def test_errors_from_a_file(client, tmp_path):
    """Every worker reads it by itself; one that has another file, or none, is told from the others."""
    path = tmp_path / "my.csv"
    path.write_text("y\n" + "".join(f"{k * k}\n" for k in range(9)))
    study = study_with(factors={"n": [5], "errors": [{"data": str(path), "column": "y"}, {"scipy": "gumbel_r"}]})
    run = sc.run(study, tmp_path / "dask", engine=client)
    assert snapshot(run.path) == serial(tmp_path, study)
