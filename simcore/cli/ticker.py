"""How far a command that computes has come, on stderr."""

import sys
import time

import click

_HEARTBEAT_SECONDS = 30.0


class Ticker:
    """A bar on a terminal; otherwise a heartbeat line now and then."""

    def __init__(self, name):
        self._name, self._bar, self._task, self._told = name, None, None, None
        self._start = self._last = time.monotonic()

    def __enter__(self):
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = BarColumn(), MofNCompleteColumn(), TextColumn("blocks"), TimeRemainingColumn()
            self._bar = Progress(TextColumn(self._name), *columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=None)
        return self

    def __call__(self, done, total, _block):
        now, self._told = time.monotonic(), f"{done} of {total} blocks"
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)
        elif now - self._last > _HEARTBEAT_SECONDS or done == total:
            self._last = now
            click.echo(f"{self._name}: {self._told}, {now - self._start:.0f} s", err=True)

    def __exit__(self, kind, *_):
        if self._bar is not None:
            self._bar.stop()
        if kind is not None and self._told:
            click.echo(f"{self._name}: {self._told} are stored", err=True)
