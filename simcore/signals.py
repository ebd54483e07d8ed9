"""SIGINT, SIGTERM, SIGHUP and SIGUSR1: work stops where it is, but not while a result is being stored.

The handler raises in the main thread as soon as the interpreter has control again, from a compilation too. What it
raises is a KeyboardInterrupt, which libraries let pass; `stoppable` turns it into `Stopped` unless it was Ctrl-C. Where
it came within a callback that lets nothing through, as the compiler has some, it comes again a moment later.
"""

import contextlib
import signal
import sys
import threading

from simcore.errors import Stopped

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
_AGAIN = 0.05  # seconds after which a stop that was lost comes again


class _State:
    """Whether handlers are ours, whether they must wait, and the signal that came."""

    installed, shielded, came = False, False, None


@contextlib.contextmanager
def stoppable():
    """Within, one of the signals raises Stopped, Ctrl-C KeyboardInterrupt, at the end if it was not heard before;
    elsewhere than in the main thread, nothing changes."""
    if _State.installed or not _heard_here():
        yield
        return
    heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # as under nohup
    before = {number: signal.signal(number, _ask) for number in heard}
    hook, sys.unraisablehook = sys.unraisablehook, _told_unless_stopped(sys.unraisablehook)
    _State.installed, _State.came = True, None
    try:
        yield
        check()
    except KeyboardInterrupt:
        if _State.came in (None, signal.SIGINT):
            raise
        raise Stopped from None
    finally:
        if signal.getsignal(signal.SIGALRM) is _ask_again:
            _set_alarm(0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        _State.installed, sys.unraisablehook = False, hook
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def shielded():
    """Within, a signal waits until the end; a second Ctrl-C does not. Threads that hear no signals need not wait."""
    if not _heard_here():
        yield
        return
    outer, _State.shielded = _State.shielded, True
    try:
        yield
    finally:
        _State.shielded = outer
    if not outer:
        check()


def leave():
    """From now on, while this process ends for a signal, others do not hinder it; Ctrl-C kills it at once. What
    libraries then say of objects that they were making is not printed."""
    sys.unraisablehook = lambda _lost: None
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGINT else signal.SIG_IGN)
    exec("")  # else `python -m` ends by SIGINT, whatever its exit code, where the signal came within an exec of text


@contextlib.contextmanager
def deaf():
    """Like `shielded`; and threads and processes that start within hear none of the signals, ever."""
    with shielded():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def check():
    """Stop now if a signal came and was not heard: while shielded, or within a callback that lets nothing through."""
    if _State.installed and _State.came is not None and _heard_here():
        _set_alarm(0)
        raise KeyboardInterrupt


def _heard_here():
    """Whether this is the thread in which Python calls handlers."""
    return threading.current_thread() is threading.main_thread()


def _told_unless_stopped(hook):
    """A hook for exceptions that callbacks, of weak references and the like, let not through: a stop is not printed,
    nor what comes of it, and comes again."""

    def tell(lost):
        if _State.came is None:
            hook(lost)
        elif lost.exc_type is KeyboardInterrupt and signal.getsignal(signal.SIGALRM) in (signal.SIG_DFL, _ask_again):
            signal.signal(signal.SIGALRM, _ask_again)
            _set_alarm(_AGAIN)

    return tell


def _set_alarm(seconds):
    """Unless alarms are somebody else's: then a stop that was lost waits for `check`."""
    if signal.getsignal(signal.SIGALRM) is _ask_again:
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _ask_again(_number, _frame):
    if not _State.shielded:
        raise KeyboardInterrupt


def _ask(number, _frame):
    again = _State.came is not None
    if not again:
        _State.came = number
    if not _State.shielded or (again and number == signal.SIGINT):
        raise KeyboardInterrupt
