"""What commands print: tables and JSON on stdout, progress on stderr."""

import json
import sys
import time

import click

from simcore.errors import command

_HEARTBEAT_SECONDS = 30.0


def print_shard(result, shard, as_json):
    from simcore import progress

    found = progress.status(result.path)
    if as_json:
        click.echo(json.dumps(found.facts()))
    left = f"{found.missing} blocks of the run are missing" if found.missing else "all blocks of the run are stored"
    click.echo(f"{shard}: done; {left}; when none is: {command('merge', result.path)}", err=True)


def print_result(result, as_json):
    print_summary(result, result.summary(), as_json)
    click.echo(f"results: {result.path}   curves: {command('plot', result.path)}", err=True)


def print_report(report, as_json):
    click.echo(json.dumps(report.facts(), indent=2) if as_json else "\n".join(report.sentences()))


def print_summary(run, table, as_json, measures=(), plain=False):
    if as_json:
        print_json(table)
        return
    from simcore import tables

    tables.print_summary(table, measures, plain, study=run.study)


def print_json(table):
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    click.echo(json.dumps(records, allow_nan=False))


class Progress:
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
