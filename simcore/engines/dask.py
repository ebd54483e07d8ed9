"""Blocks computed by the workers of a Dask cluster; their sums come back to this process, which stores them.

A worker is sent the text of the scenario and a block. Where, in which order and how often blocks are computed is left
to Dask and changes no bit. A worker that dies is replaced by another; a block that raises, or that no worker survives,
is given up, and the rest goes on.
"""

import contextlib
import fcntl
import functools
import itertools
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import uuid
from concurrent import futures
from multiprocessing import resource_tracker
from pathlib import Path
from typing import NamedTuple

import distributed

from simcore import design, execute, jit, own, provenance, scenario, signals
from simcore.errors import IncompleteError, UsageError

_AHEAD = 2  # blocks sent out for each thread of the workers, so that none waits while a result is stored
_DEATHS = 3  # of workers of our own, before a block is given up; others' schedulers have a number of their own
_SCHEDULER = {"allowed_failures": _DEATHS - 1, "dashboard": False, "dashboard_address": "127.0.0.1:0"}
_ENDED = (distributed.Status.failed, distributed.Status.closed)
_SECONDS = 10  # to reach a scheduler
_PATIENCE = 5  # seconds without a worker, before that is told
_FOLDER = "simcore-dask-"
_GONE = (distributed.CancelledError, OSError)
_alone = threading.Lock()  # in a worker: not every threading layer of Numba takes two callers


class Order(NamedTuple):
    """What a worker must know of a study. origin: what its numbers depend on (see `provenance`), as JSON. plugins: the
    user's own: the name and the bytes of a file each, None of an installed package."""

    text: str
    replications: int
    seed: int
    origin: str
    plugins: tuple


def is_ready(engine):
    """Whether that is a Client whose workers can be used."""
    return isinstance(engine, distributed.Client) and not engine.asynchronous and engine.status == "running"


@contextlib.contextmanager
def opened(engine, threads=None):
    """Within, `run` of an engine: "dask", an address, or a Client that `is_ready`. Raises UsageError."""
    if engine == "dask":
        with _hushed(), _own(jit.threads_of(threads)) as (client, start):
            yield functools.partial(run, client, start)
        return
    if threads is not None:
        raise UsageError(f"threads: are those of the workers that are there; leave it out (got {threads})")
    if isinstance(engine, str):
        with _hushed(), _connected(engine) as client:
            yield functools.partial(run, client, None)
    else:
        yield functools.partial(run, engine, None)


class _Nanny(distributed.Nanny):
    """The keeper of a worker of our own. nannies: a list to which it is added at once; the cluster names it only when
    all have started."""

    def __init__(self, *arguments, nannies, **options):
        super().__init__(*arguments, **options)
        nannies.append(self)

    def kill_now(self):
        """Kill the worker for good, if there is one at this moment."""
        self.auto_restart = False
        keeper = self.process
        process = keeper and keeper.process
        if process and process.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _own(count):
    """A client of a cluster on this machine, and what starts its workers: so many processes of one thread."""
    with contextlib.ExitStack() as closing:
        scratch = closing.enter_context(_scratch())
        with signals.deaf():
            resource_tracker.ensure_running()  # first, because afterwards this thread hears signals again
        nannies = []
        with signals.deaf():
            cluster = distributed.LocalCluster(
                n_workers=0,
                threads_per_worker=1,
                worker_class=_Nanny,
                nannies=nannies,
                memory_limit=None,  # what cannot fit has been refused
                silence_logs=logging.CRITICAL + 1,
                local_directory=scratch,
                env={"NUMBA_NUM_THREADS": "1"},
                scheduler_kwargs=_SCHEDULER,
            )
            closing.callback(_close, cluster, nannies)
            client = closing.enter_context(distributed.Client(cluster, set_as_default=False))
        yield client, functools.partial(_start, cluster, client, nannies, count)


@contextlib.contextmanager
def _scratch():
    """A folder for the workers of this process, removed in the end. What killed processes have left is removed first:
    whoever lives holds a lock on the folder in which that of the workers is."""
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*/workers"):
        with contextlib.suppress(OSError), _locked(left.parent):
            shutil.rmtree(left.parent)
    with tempfile.TemporaryDirectory(prefix=_FOLDER, ignore_cleanup_errors=True) as own, _locked(own):
        workers = Path(own, "workers")
        workers.mkdir()
        yield str(workers)


@contextlib.contextmanager
def _locked(folder):
    """Raises OSError where another process has it locked, or where it is another user's."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise PermissionError(f"{folder}: is another user's")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _start(cluster, client, nannies, count):
    """Start workers, and wait for the first. Raises UsageError where none comes."""
    cluster.scale(count)
    while not client.nthreads():
        if nannies and all(nanny.status in _ENDED for nanny in nannies):
            raise UsageError(
                'engine: the worker processes do not start; a script that uses engine="dask" must do so under '
                'if __name__ == "__main__":, because each of them reads the script, too'
            )
        time.sleep(0.02)


def _close(cluster, nannies):
    """Close a cluster at once: workers that are told to would first finish their blocks, or their start."""
    with signals.shielded(), futures.ThreadPoolExecutor(1) as pool:
        closed = pool.submit(cluster.close)
        while not closed.done():
            for nanny in [*nannies]:
                nanny.kill_now()
            futures.wait([closed], 0.02)


def _connected(address):
    try:
        distributed.comm.registry.get_backend(address.partition("://")[0])
        return distributed.Client(address, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"engine: no scheduler of Dask answers at {address} ({error}); start one") from error


@contextlib.contextmanager
def _hushed():
    """Within, Dask writes nothing to the terminal: what matters is raised."""
    handlers = [(handler, handler.level) for handler in logging.getLogger("distributed").handlers]
    for handler, _ in handlers:
        handler.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for handler, level in handlers:
            handler.setLevel(level)


def run(client, start, study, missing, commit, fail):
    """Let the workers of a client compute the missing blocks; see `engines`. start: what gets workers, if they are to
    be got. Raises UsageError where they are other code than this, IncompleteError where the scheduler is lost."""
    if not missing:
        return
    plugins = tuple((source.name, source.text) for source in own.needed(study))
    order = Order(study.text, study.replications, study.seed, _origin(study), plugins)
    address = client.scheduler.address
    try:
        if start:
            start()
        _refuse_others(client, order)
        suspects = []
        with _telling(client, address):
            collected = _Collected(study, missing, commit)
            yield from _pass(client, order, collected, _AHEAD, fail, lambda block, _: suspects.append(block))
        # Whatever waited in a worker that died is under suspicion. Once more, with nothing waiting.
        yield from _pass(client, order, _Collected(study, suspects, commit), 1, fail, fail)
    except _GONE as error:
        raise IncompleteError(
            f"the scheduler at {address} is lost, or it has cancelled the work; what is finished is "
            "kept: run the same command again"
        ) from error


@contextlib.contextmanager
def _telling(client, address):
    """Within, if there is no worker after some seconds, a line on stderr says that it is workers that are awaited: some
    clusters start them only when work has been sent."""

    def tell():
        with contextlib.suppress(*_GONE):
            if not client.nthreads():
                remedy = f"start some (dask worker {address}), or stop with Ctrl-C"
                print(f"waiting for workers at {address}: there is none yet; {remedy}", file=sys.stderr, flush=True)

    timer = threading.Timer(_PATIENCE, tell)
    timer.daemon = True
    with signals.deaf():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Collected:
    """Results that have come back, until those of a bundle are all there."""

    def __init__(self, study, blocks, commit):
        self.blocks, self.commit, self.results = blocks, commit, {}
        bundles = design.bundles(study, blocks)
        self.bundle = {block: number for number, bundle in enumerate(bundles) for block in bundle}
        self.awaited = [len(bundle) for bundle in bundles]

    def add(self, block, result=None):
        """A block has come back, or it never will: the blocks that were stored for that."""
        number = self.bundle[block]
        self.awaited[number] -= 1
        if result is not None:
            self.results.setdefault(number, []).append(result)
        return [] if self.awaited[number] else self.store(number)

    def store(self, number):
        """Store what there is of a bundle: its blocks."""
        results = sorted(self.results.pop(number, ()), key=lambda result: (result.block.cell, result.block.first))
        if results:
            self.commit(*results)
        return [result.block for result in results]

    def store_rest(self):
        """Store what there is of any bundle."""
        for number in [*self.results]:
            self.store(number)


def _pass(client, order, collected, ahead, fail, died):
    """Compute the blocks of a _Collected, so many `ahead` for each thread there is; yields each one that is stored.
    died: is called like `fail`, for those that no worker survives."""
    blocks, sent = iter(collected.blocks), {}
    done = distributed.as_completed(loop=client.loop)

    def send():
        if client.status != "running":
            raise ConnectionError(f"the client is {client.status}")
        free = ahead * max(1, sum(client.nthreads().values())) - len(sent)
        for block in itertools.islice(blocks, max(0, free)):
            future = client.submit(compute, order, block, key=f"simcore-block-{uuid.uuid4().hex}")
            sent[future] = block
            done.add(future)

    try:
        send()
        for future in done:
            block = sent.pop(future)
            error = future.exception()
            if isinstance(error, UsageError):
                raise error
            if isinstance(error, distributed.scheduler.KilledWorker):
                died(block, f"{error.allowed_failures + 1} workers died of it")
            elif error is not None:
                fail(block, f"{type(error).__name__}: {error}")
            yield from collected.add(block, future.result() if error is None else None)
            send()
    finally:
        if client.status == "running":
            client.cancel([*sent])
        collected.store_rest()


def compute(order, block):
    """In a worker: the result of a block, on as many threads as the worker has."""
    with _alone:
        worker = distributed.get_worker()
        study, cells = _study_of(order, worker.address)
        jit.set_threads(worker.state.nthreads)
        return execute.run_block(study, cells[block.cell], block, study.keep == "estimates")


@functools.lru_cache(maxsize=4)
def _study_of(order, address):
    """(the study, its cells) that are ordered. Raises UsageError where they would have other numbers here."""
    asked, here = json.loads(order.origin), {"code": jit.source_digest()}
    if here["code"] == asked["code"]:  # else the scenario may mean nothing here
        try:
            for name, text in order.plugins:
                own.use_text(name, text) if text else own.use(name)
            study = scenario.parse(order.text).with_changes(order.replications, order.seed)
            here = json.loads(_origin(study))
        except UsageError as error:
            raise UsageError(f"the worker at {address} cannot compute this: {error}") from None
    differ = [f"{name}: there {here[name]}, here {asked.get(name)}" for name in here if here[name] != asked.get(name)]
    if differ:
        raise UsageError(f"the worker at {address} would give other numbers; {'; '.join(differ)}; give it this simcore")
    return study, design.cells(study)


def _origin(study):
    return json.dumps(provenance.origin(study), sort_keys=True)


def _refuse_others(client, order):
    """Raise UsageError unless all workers that are there can do what is ordered. Those that come later see to it when
    they are sent a block."""
    for address, answer in client.run(_able, order, on_error="return").items():
        if isinstance(answer, UsageError):
            raise answer
        if isinstance(answer, Exception) and not isinstance(answer, OSError):  # else it is gone
            raise UsageError(f"the worker at {address} cannot run simcore ({answer!r}); install this simcore there")


def _able(order, dask_worker):
    _study_of(order, dask_worker.address)
