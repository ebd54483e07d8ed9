"""Blocks computed by the workers of a Dask cluster; their sums come back to this process, which stores them.

A worker is sent the text of the scenario and a block. Where, in which order and how often blocks are computed is left
to Dask and changes no bit. A worker that dies is replaced by another; a block that raises, or that no worker survives,
is given up, and the rest goes on.
"""

import asyncio
import contextlib
import functools
import itertools
import json
import threading
import time
import uuid
from typing import NamedTuple

import distributed

from simcore import design, execute, jit, own, provenance, scenario, signals
from simcore.engines import dask_workers
from simcore.errors import IncompleteError, UsageError

_AHEAD = 2  # blocks sent out for each thread of the workers, so that none waits while a result is stored
_PATIENCE = 5  # seconds without a result, before it is looked whether there are workers at all
_GONE = (distributed.CancelledError, OSError)
_alone = threading.Lock()  # in a worker: it has the plugins of one study, and not every layer of Numba two callers


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
    if engine != "dask" and threads is not None:
        raise UsageError(f"threads: are those of the workers that are there; leave it out (got {threads})")
    if not isinstance(engine, str):
        yield functools.partial(run, dask_workers.Others(engine))
        return
    found = dask_workers.own(jit.threads_of(threads)) if engine == "dask" else dask_workers.connected(engine)
    with dask_workers.hushed(), found as workers:
        yield functools.partial(run, workers)


def run(workers, study, missing, commit, fail):
    """Let workers, see `dask_workers`, compute the missing blocks; see `engines`. Raises UsageError where they are
    other code than this, IncompleteError where they or the scheduler are lost."""
    if not missing:
        return
    order, address = _order(study), workers.client.scheduler.address
    try:
        workers.start()
        _refuse_others(workers.client, order)
        suspects = []
        collected = _Collected(study, missing, commit)
        yield from _pass(workers, order, collected, _AHEAD, fail, lambda block, _: suspects.append(block))
        # Whatever waited in a worker that died is under suspicion. Once more, with nothing waiting.
        yield from _pass(workers, order, _Collected(study, suspects, commit), 1, fail, fail)
    except _GONE as error:
        raise IncompleteError(
            f"the scheduler at {address} is lost, or it has cancelled the work; what is finished is "
            "kept: run the same command again"
        ) from error


def _order(study):
    plugins = tuple((source.name, source.text) for source in own.needed(study))
    return Order(study.text, study.replications, study.seed, _origin(study), plugins)


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


def _pass(workers, order, collected, ahead, fail, died):
    """Compute the blocks of a _Collected, so many `ahead` for each thread there is; yields each one that is stored.
    died: is called like `fail`, for those that no worker survives."""
    client, blocks, sent = workers.client, iter(collected.blocks), {}
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
        for future in _each(done, workers.look):
            block = sent.pop(future)
            error, result = _outcome(future, workers.look)
            if isinstance(error, UsageError):
                raise error
            if isinstance(error, distributed.scheduler.KilledWorker):
                died(block, f"{error.allowed_failures + 1} workers died of it")
            elif error is not None:
                fail(block, f"{type(error).__name__}: {error}")
            yield from collected.add(block, result)
            send()
    finally:
        if client.status == "running":
            client.cancel([*sent])
        collected.store_rest()


def _each(done, look):
    """The futures of an as_completed, which may get more meanwhile, as they come. look: is called when none does for
    some seconds."""
    since = time.monotonic()
    while not done.is_empty():
        signals.check()
        if done.has_ready():
            yield next(done)
            since = time.monotonic()
        elif time.monotonic() - since > _PATIENCE:
            look()
            since = time.monotonic()
        else:
            time.sleep(0.01)


def _outcome(future, look):
    """(error, result) of a future, either None. Where the worker that has the result dies first, another computes it
    anew; look: is called again and again meanwhile."""
    patience = _PATIENCE
    while True:
        try:
            error = future.exception(patience)
            return error, None if error else future.result(patience)
        except distributed.TimeoutError:
            look()
            patience *= 2  # what is large, on its way here, needs some time and begins again
        except Exception:
            if future.status != "error":  # else it has failed since it was looked at
                raise


def compute(order, block):
    """In a worker: the result of a block, on as many threads as the worker has. Raises UsageError."""
    with _alone:
        worker = distributed.get_worker()
        study, cells = _ready(order, worker.address)
        plugins = own.inputs(study)
        jit.set_threads(worker.state.nthreads)
        result = execute.run_block(study, cells[block.cell], block, study.keep == "estimates")
        if own.inputs(study) != plugins:  # a cluster may be threads of a process in which others work
            told = "was given other plugins while it computed; run the same command again"
            raise UsageError(f"the worker at {worker.address} {told}")
        return result


def _ready(order, address):
    """As `_study_of`, and the study's plugins are in use until `_alone`, which the caller holds, is given up."""
    if json.loads(order.origin)["code"] == jit.source_digest():
        with _refusing(address):
            for name, text in order.plugins:
                own.use_ordered(name, text)
    return _study_of(order, address)


@functools.lru_cache(maxsize=4)
def _study_of(order, address):
    """(the study, its cells) that are ordered. Raises UsageError where they would have other numbers here."""
    asked, here = json.loads(order.origin), {"code": jit.source_digest()}
    if here["code"] == asked["code"]:  # else the scenario may mean nothing here
        with _refusing(address):
            study = scenario.parse(order.text).with_changes(order.replications, order.seed)
            here = json.loads(_origin(study))
    differ = [f"{name}: there {here[name]}, here {asked.get(name)}" for name in here if here[name] != asked.get(name)]
    if differ:
        raise UsageError(f"the worker at {address} would give other numbers; {'; '.join(differ)}; give it this simcore")
    return study, design.cells(study)


@contextlib.contextmanager
def _refusing(address):
    try:
        yield
    except UsageError as error:
        raise UsageError(f"the worker at {address} cannot compute this: {error}") from None


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


async def _able(order, dask_worker):
    """In a worker's event loop, which goes on while a block of another study, with plugins of its own, is computed."""
    await asyncio.to_thread(_look_at, order, dask_worker.address)


def _look_at(order, address):
    with _alone:
        _ready(order, address)
