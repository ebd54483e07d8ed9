"""Workers of Dask: of a cluster on this machine for one run, or of one that was there before."""

import contextlib
import fcntl
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from concurrent import futures
from multiprocessing import resource_tracker
from pathlib import Path

import dask
import distributed

from simcore import signals
from simcore.errors import IncompleteError, UsageError

_DEATHS = 3  # of workers of our own, before a block is given up; others' schedulers have a number of their own
_SCHEDULER = {"allowed_failures": _DEATHS - 1, "dashboard": False, "dashboard_address": "127.0.0.1:0"}
_REPLACED = {"distributed.deploy.lost-worker-timeout": "1000 days"}  # else one that soon dies again is not replaced
_ENDED = (distributed.Status.failed, distributed.Status.closed)
_SECONDS = 10  # to reach a scheduler
_WITH_PORT = ("tcp", "tls", "ucx")  # kinds of addresses
_CLOSING_SECONDS = 60  # after which a cluster of our own is left as it is, its workers killed
_FOLDER = "simcore-dask-"


class Own:
    """So many workers on this machine, each a process of one thread."""

    def __init__(self, cluster, client, nannies, count):
        self._cluster, self.client, self._nannies, self._count = cluster, client, nannies, count

    def start(self):
        """Start them, and wait for the first. Raises UsageError where none comes."""
        self._cluster.scale(self._count)
        while not self.client.nthreads():
            signals.check()
            if self._all_ended():
                raise UsageError(
                    'engine: the worker processes do not start; a script that uses engine="dask" must do so under '
                    'if __name__ == "__main__":, because each of them reads the script, too'
                )
            time.sleep(0.02)

    def look(self):
        """Raises IncompleteError where none is left: one that dies is replaced, unless that fails."""
        if self._all_ended():
            raise IncompleteError(
                "the worker processes have ended, and others do not start; what is finished is kept: run the same "
                "command again"
            )

    def _all_ended(self):
        return self._nannies and all(nanny.status in _ENDED for nanny in self._nannies)


class Others:
    """The workers of a cluster that was there before. Some clusters start them only when work has been sent."""

    def __init__(self, client):
        self.client, self._told = client, False

    def start(self):
        pass

    def look(self):
        """Say once on stderr that it is workers that are awaited, whenever there is none."""
        lacking = not self.client.nthreads()
        if lacking and not self._told:
            address = self.client.scheduler.address
            remedy = f"start some (dask worker {address}), or stop with Ctrl-C"
            print(f"waiting for workers at {address}: there is none; {remedy}", file=sys.stderr, flush=True)
        self._told = lacking


class _Client(distributed.Client):
    """One that is given up at once where it reaches nobody: Dask would wait, and Python say what it ignores."""

    def start(self, **options):
        try:
            super().start(**options)
        except BaseException:
            with contextlib.suppress(Exception):
                self.close(timeout=1)
            self.status = "closed"
            raise


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
def own(count):
    """So many workers on this machine, not yet started."""
    with contextlib.ExitStack() as closing:
        scratch = closing.enter_context(_scratch())
        with signals.deaf():
            resource_tracker.ensure_running()  # first, because afterwards this thread hears signals again
        nannies = []
        closing.enter_context(dask.config.set(_REPLACED))
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
        yield Own(cluster, client, nannies, count)


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


def _close(cluster, nannies):
    """Close a cluster at once: workers that are told to would first finish their blocks, or their start."""
    with signals.shielded(), futures.ThreadPoolExecutor(1) as pool:
        closed = pool.submit(cluster.close, timeout=_CLOSING_SECONDS)
        while not closed.done():
            for nanny in [*nannies]:
                nanny.kill_now()
            futures.wait([closed], 0.02)


@contextlib.contextmanager
def connected(address):
    """The workers of the scheduler at an address. Raises UsageError."""
    kind, _, place = address.partition("://")
    if kind in _WITH_PORT and not re.search(r":[0-9]+/?$", place):
        raise UsageError(f"engine: no scheduler of Dask is at {address}; give the port, such as tcp://host:8786")
    try:
        distributed.comm.registry.get_backend(kind)
        client = _Client(address, timeout=_SECONDS, set_as_default=False)
    except MemoryError as error:  # for frames of a size that is none
        raise UsageError(f"engine: what answers at {address} is no scheduler of Dask; give the port of one") from error
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"engine: no scheduler of Dask answers at {address} ({error}); start one") from error
    with client:
        yield Others(client)


@contextlib.contextmanager
def hushed():
    """Within, Dask writes nothing to the terminal: what matters is raised."""
    handlers = [(handler, handler.level) for handler in logging.getLogger("distributed").handlers]
    for handler, _ in handlers:
        handler.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for handler, level in handlers:
            handler.setLevel(level)
