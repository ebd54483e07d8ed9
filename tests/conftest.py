"""What several test files need that must be started once."""

import os
import signal

import pytest

from simcore import errors, own
from simcore.registry import KINDS, plugins
from tests import cluster

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # in the background of a shell; tests send themselves Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def slurm():
    """A real Slurm of two nodes, a `cluster.Cluster`: one for all processes of this test run.

    Skips where Slurm is not installed; with SIMCORE_TEST_SLURM=required, as in CI, it fails.
    """
    why = cluster.missing()
    if why:
        (pytest.fail if os.environ.get("SIMCORE_TEST_SLURM") == "required" else pytest.skip)(f"needs Slurm: {why}")
    with cluster.shared(os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"process-{os.getpid()}") as started:
        yield started


@pytest.fixture
def own_slurm(slurm):
    """A cluster of a test's own, in which it may do harm."""
    with cluster.shared(f"harmed-{os.getpid()}", node_timeout=3) as started:
        yield started


@pytest.fixture
def no_plugins():
    """No plugins of a user's own are in use before a test, nor after it."""
    known = {kind: dict(plugins(kind)) for kind in KINDS}
    yield
    for kind, records in known.items():
        plugins(kind).clear()
        plugins(kind).update(records)
    own._sources.clear()
    own._forget()
    errors.always.clear()
