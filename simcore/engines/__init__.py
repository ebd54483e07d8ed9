"""Who computes the missing blocks of a study: this process, or the workers of a Dask cluster.

An engine is a generator function `run(study, missing, commit, fail)`. It hands the results of each bundle of blocks
(see `design`) to `commit`, and yields these blocks; one whose computation raises, whatever that is but a UsageError, it
hands to `fail`, with the reason, and goes on. Whatever ends it, what is finished is stored first.
"""

import contextlib
import functools
import sys

from simcore import jit
from simcore.engines import local
from simcore.errors import UsageError


def workers(engine, threads=None):
    """How many processes of one thread an engine starts on this machine; none where others' workers compute, None where
    this process does."""
    if engine == "local":
        return None
    return jit.threads_of(threads) if engine == "dask" else 0


@contextlib.contextmanager
def opened(engine="local", threads=None):
    """Within, `run` of an engine: "local"; "dask", a process for each CPU here; or others' workers, those of a
    distributed.Client or of the scheduler at an address. threads: of this machine, None for every CPU.

    Raises UsageError.
    """
    if engine == "local":
        yield functools.partial(local.run, threads=threads)
        return
    if not (_is_address(engine) or _is_client(engine)):
        raise UsageError(
            'engine: must be "local", "dask", the address of a scheduler such as "tcp://host:8786", or a running '
            f"distributed.Client that is not asynchronous (got {engine!r})"
        )
    with _dask().opened(engine, threads) as run:
        yield run


def _is_address(engine):
    return isinstance(engine, str) and (engine == "dask" or "://" in engine)


def _is_client(engine):
    """Without Dask, nothing is one."""
    return sys.modules.get("distributed") is not None and _dask().is_ready(engine)


def _dask():
    try:
        from simcore.engines import dask
    except ModuleNotFoundError as error:
        raise UsageError(
            f"engine: {error.name} is not installed here; install it with: pip install 'simcore[dask]'"
        ) from error
    return dask
