"""Blocks computed by the workers of a Dask cluster; their sums come back to this process, which stores them.

A worker is sent the text of the scenario and a block. Where, in which order and how often blocks are computed is left
to Dask and changes no bit. A worker that dies is replaced by another; a block that raises, or that no worker survives,
is given up, and the rest goes on.
"""

import contextlib
import functools
import itertools
import json
import threading
import time
import uuid
from typing import NamedTuple

import distributed

from simcore import design, execute, jit, own, provenance, scenario
from simcore.engines import dask_workers
from simcore.errors import IncompleteError, UsageError

_AHEAD = 2  # blocks sent out for each thread of the workers, so that none waits while a result is stored
_PATIENCE = 5  # seconds without a result, before it is looked whether there are workers at all
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
    plugins = tuple((source.name, source.text) for source in own.needed(study))
    order = Order(study.text, study.replications, study.seed, _origin(study), plugins)
    address = workers.client.scheduler.address
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


def _each(done, look):
    """The futures of an as_completed, which may get more meanwhile, as they come. look: is called when none does for
    some seconds."""
    since = time.monotonic()
    while not done.is_empty():
        if done.has_ready():
            yield next(done)
            since = time.monotonic()
        elif time.monotonic() - since > _PATIENCE:
            look()
            since = time.monotonic()
        else:
            time.sleep(0.01)


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
