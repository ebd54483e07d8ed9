"""A signal stops work where it is, but waits while a result is being stored; a second Ctrl-C does not wait."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import simcore as sc
from simcore import design, opening, rounds, shelves, signals
from simcore.engines import local
from simcore.errors import Stopped

ENTRIES = {
    "name": "signals",
    "problem": "location",
    "seed": 3,
    "replications": 64,
    "keep": "estimates",
    "factors": {"n": [5], "errors": [{"distribution": "cauchy"}]},
    "estimators": [{"loss": "l1"}],
}


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_stops_at_once(number):
    with pytest.raises(Stopped), signals.stoppable():
        send(number)
        pytest.fail("it went on")


def test_ctrl_c_is_told_apart():
    with pytest.raises(KeyboardInterrupt), signals.stoppable():
        send(signal.SIGINT)
        pytest.fail("it went on")


@pytest.mark.parametrize(
    "sent, heard, raised",
    [
        ([signal.SIGTERM, signal.SIGTERM, signal.SIGUSR1], 3, Stopped),
        ([signal.SIGINT, signal.SIGTERM], 2, KeyboardInterrupt),
        ([signal.SIGINT, signal.SIGINT, signal.SIGINT], 1, KeyboardInterrupt),
    ],
    ids=["others wait", "Ctrl-C waits", "a second one does not"],
)
def test_while_a_result_is_stored(sent, heard, raised):
    done = []
    with pytest.raises(raised), signals.stoppable():
        with signals.shielded():
            for number in sent:
                send(number)
                done.append(number)
        pytest.fail("it went on")
    assert len(done) == heard


def test_a_block_that_is_being_stored_is_stored_whole(tmp_path, monkeypatch):
    """Its estimates, and then its sums."""
    study = sc.Study(**ENTRIES)
    folder = opening.create(tmp_path, study)
    (block,) = rounds.missing(folder)
    result = local.execute.run_block(study, *design.cells(study), block, True)
    put = shelves.Shelf.put
    monkeypatch.setattr(shelves.Shelf, "put", lambda *arguments: send(signal.SIGTERM) or put(*arguments))
    with pytest.raises(Stopped), signals.stoppable():
        folder.commit(result)
        pytest.fail("it went on")
    assert rounds.missing(folder) == []


def test_what_was_ignored_stays_so_as_under_nohup():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.stoppable():
            send(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


class Last:
    """Calls a function when it is forgotten, and lets no exception through."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __del__(self):
        function, arguments = self.call
        function(*arguments)


def test_a_signal_within_a_callback_is_heard_at_the_next_check_and_not_printed(monkeypatch):
    printed = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: printed.append(lost.exc_type))
    with pytest.raises(Stopped), signals.stoppable():
        Last(int, "no number")
        Last(send, signal.SIGTERM)
        Last(int, "a number that the stop has left half made")
        assert printed == [ValueError]
        signals.check()
        pytest.fail("it went on")
    Last(int, "no number")
    assert printed == [ValueError] * 2


@pytest.fixture
def no_alarms():
    """Nobody uses alarms, and nobody does afterwards."""
    before = signal.signal(signal.SIGALRM, signal.SIG_DFL)
    yield
    used = signal.signal(signal.SIGALRM, before)
    assert used == signal.SIG_DFL and signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def swallow(number):
    """A signal in a callback of C, as those of a compiler, which can let no exception through."""
    ctypes.CFUNCTYPE(None)(lambda: send(number))()


@pytest.mark.parametrize("number, raised", [(signal.SIGTERM, Stopped), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_that_a_callback_swallowed_comes_again(no_alarms, number, raised):
    with pytest.raises(raised), signals.stoppable():
        swallow(number)
        time.sleep(10)
        pytest.fail("it went on")


def test_a_signal_that_was_swallowed_again_comes_once_more(no_alarms):
    with pytest.raises(Stopped), signals.stoppable():
        swallow(signal.SIGTERM)
        ctypes.CFUNCTYPE(None)(lambda: time.sleep(10))()
        time.sleep(10)
        pytest.fail("it went on")


def test_a_signal_that_was_swallowed_waits_while_a_result_is_stored(no_alarms):
    done = []
    with pytest.raises(Stopped), signals.stoppable():
        swallow(signal.SIGTERM)
        with signals.shielded():
            done.append(time.sleep(0.2))
        pytest.fail("it went on")
    assert done == [None]


def test_a_stop_on_its_way_does_not_come_again(no_alarms):
    done = []
    with pytest.raises(Stopped), signals.stoppable():
        swallow(signal.SIGTERM)
        try:
            signals.check()
        finally:
            done.append(time.sleep(0.2))
    assert done == [None]


def test_alarms_of_others_stay_theirs():
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(None))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(Stopped), signals.stoppable():
            swallow(signal.SIGTERM)
            time.sleep(0.5)
            heard.append("until here")
            signals.check()
            pytest.fail("it went on")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert heard == [None, "until here"]


def test_threads_that_store_neither_delay_a_stop_nor_hasten_it():
    """Two that store for longer and shorter than this one."""
    begun, end, done = threading.Barrier(2), threading.Event(), []

    def store():
        with signals.shielded():
            begun.wait(10)
            end.wait(10)

    other = threading.Thread(target=store)
    with pytest.raises(Stopped), signals.stoppable():
        with signals.shielded():
            other.start()
            begun.wait(10)
            end.set()
            other.join()
            send(signal.SIGTERM)  # the other one has ended
            done.append("stored")
        pytest.fail("it went on")
    assert done == ["stored"]
    begun, end = threading.Barrier(2), threading.Event()
    other = threading.Thread(target=store)
    with pytest.raises(Stopped), signals.stoppable():
        other.start()
        begun.wait(10)
        try:
            send(signal.SIGTERM)  # the other one is at work
            pytest.fail("it went on")
        finally:
            end.set()
            other.join()


def test_after_threads_have_stored_in_turn_a_signal_is_heard():
    within, leave = threading.Event(), threading.Event()

    def store():
        with signals.shielded():
            within.set()
            leave.wait(10)

    other = threading.Thread(target=store)
    other.start()
    within.wait(10)
    with signals.shielded():
        leave.set()
        other.join()
    test_a_signal_stops_at_once(signal.SIGTERM)


def test_a_signal_that_nobody_heard_is_heard_at_the_end(no_alarms, monkeypatch):
    monkeypatch.setattr(signals, "_AGAIN", 1000.0)
    with pytest.raises(Stopped), signals.stoppable():
        swallow(signal.SIGTERM)


ENDING = """
import os, sys
from simcore import signals
from simcore.errors import Stopped

class Half:
    def __del__(self):
        raise AttributeError("half made")

half = Half()
try:
    with signals.stoppable():
        exec("os.kill(os.getpid(), 15)\\npass")
except Stopped:
    signals.leave()
    sys.exit(75)
"""


def test_the_exit_code_where_a_signal_came_within_an_exec(tmp_path):
    """As in the making of a dataclass, while modules are imported; and nothing is said of what was being made."""
    (tmp_path / "ending.py").write_text(ENDING)
    places = [str(tmp_path), str(Path(sc.__file__).parents[1])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, "-m", "ending"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (75, "")
