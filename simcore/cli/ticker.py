"""How far a command that takes long has come, on stderr."""

import sys
import threading
import time

import click

from simcore import signals

_HEARTBEAT_SECONDS = 30.0
_COMPILING = "compiling kernels (once for each version)"
_COMPILING_SECONDS = 3.0  # until a line says so where there is no bar
_LOOK_SECONDS = 0.2


class Ticker:
    """A bar on a terminal; otherwise a heartbeat line now and then. Both say when kernels are being compiled.

    unit: what is counted; blocks are stored when a command is stopped.
    """

    def __init__(self, name, unit="blocks"):
        self._name, self._unit, self._bar, self._task = name, unit, None, None
        self._so_far, self._before = None, None
        self._start = self._last = time.monotonic()
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = BarColumn(), MofNCompleteColumn(), TextColumn(self._unit), TimeRemainingColumn()
            what = TextColumn("{task.description}", markup=False)
            self._bar = Progress(what, *columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=None)
        with signals.deaf():  # signals are for the thread that works
            self._looking.start()
        return self

    def _look(self):
        """Say that kernels are being compiled while that lasts, or once where there is no bar."""
        from simcore import jit

        spent = 0.0
        while not self._over.wait(_LOOK_SECONDS):
            compiling = jit.compiling()
            spent += _LOOK_SECONDS * compiling
            if self._bar is not None:
                self._bar.update(self._task, description=f"{self._name}: {_COMPILING}" if compiling else self._name)
            elif spent >= _COMPILING_SECONDS:
                click.echo(f"{self._name}: {_COMPILING}", err=True)
                return

    @property
    def idle(self):
        """Whether there was nothing to compute."""
        return self._so_far is None

    def __call__(self, done, total, _last):
        now, self._so_far = time.monotonic(), f"{done:,} of {total:,} {self._unit}"
        self._before = done - 1 if self._before is None else self._before
        told = f"{done - self._before:,} of {total - self._before:,} new {self._unit}, {self._before:,} were there"
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)
        elif now - self._last > _HEARTBEAT_SECONDS or done == total:
            self._last = now
            told = told if self._before else self._so_far
            click.echo(f"{self._name}: {told}, {now - self._start:.0f} s", err=True)

    def __exit__(self, kind, *_):
        self._over.set()
        self._looking.join()
        if self._bar is not None:
            self._bar.stop()
        if kind is not None and self._so_far and self._unit == "blocks":
            click.echo(f"{self._name}: {self._so_far} are stored", err=True)
