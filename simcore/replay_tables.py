"""A replication for people: the data set, long ones cut in the middle, and a row for every fit."""

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from simcore import codes, tables
from simcore.replays import spread

_ENDS = 5  # rows of a long array at each of its ends
_MOST_COLUMNS = 4  # of one array
_MOST_LISTED = 10
_MOST_SPREADS = 25  # columns of an array, each with a row of its own; of more, one row for all
_WIDEST = 17  # letters of a column
_DIGITS = ".7g"


def print_replication(found, console=None):
    """Print a heading, the data and the fits of a `replays.Replication`."""
    console = console or tables.terminal()
    head = f"{found.study}   cell {found.cell.number}   replication {found.replication:,}   seed {found.seed}"
    console.print(Text(f"{head}\n{tables.cell_title(pd.Series(found.labels()))}", style="bold"), soft_wrap=True)
    lengths = sorted({len(values) for values in found.data.values() if values.ndim}, reverse=True)
    for length in lengths:
        beside = {name: values for name, values in found.data.items() if values.ndim and len(values) == length}
        _print_rows(beside, found.contaminated, length, console)
    _print_spreads(found, console)
    _print_fits(found.fits, console)
    if found.note:
        console.print(Text(found.note, style="dim"))


def _print_rows(arrays, contaminated, length, console):
    """The first and last rows of arrays of one length, in several tables where one has no room."""
    columns = [column for name, values in arrays.items() for column in _columns(name, values)]
    beside = max(1, (console.width - _WIDEST) // _WIDEST)
    marked = {name: set(rows) for name, rows in contaminated.items()}
    shown = _shown_rows(length, sorted(set().union(*(marked.get(name, ()) for name in arrays))))
    for first in range(0, len(columns), beside):
        own = columns[first : first + beside]
        printed = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for heading in ("row", *(heading for heading, *_ in own)):
            printed.add_column(Text(heading), justify="right", no_wrap=True)
        for row in shown:
            if row is None:
                printed.add_row("…", *("…" for _ in own))
                continue
            texts = [_number(values[row], row in marked.get(name, ())) for _, name, values in own]
            printed.add_row(str(row), *texts)
        console.print(printed)
    hidden = length - sum(row is not None for row in shown)
    if hidden:
        console.print(Text(f"{hidden:,} of {length:,} rows not shown; --json has them all", style="dim"))


def _shown_rows(length, contaminated):
    """The first and last rows and the first of those contaminated, in order; None where some are left out."""
    rows = {*range(length)} if length <= 2 * _ENDS + 1 else {*range(_ENDS), *range(length - _ENDS, length)}
    shown, before = [], -1
    for row in sorted(rows | {*contaminated[:_MOST_LISTED]}):
        shown += [None] * (row != before + 1) + [row]
        before = row
    return shown


def _columns(name, values):
    """(heading, name, values) of each column of an array, as many as there is room for."""
    if values.ndim == 1:
        return [(name, name, values)]
    count = values.shape[1]
    found = [(f"{name}[{j}]", name, values[:, j]) for j in range(min(count, _MOST_COLUMNS))]
    if count > _MOST_COLUMNS:
        found[-1] = (f"{found[-1][0]} … {count - 1}", *found[-1][1:])
    return found


def _number(value, marked=False):
    return Text(f"{value:{_DIGITS}}{'*' if marked else ' '}", style="yellow" if marked else "")


def _print_spreads(found, console):
    printed = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for k, name in enumerate(("data", "min", "median", "max", "not finite", "contaminated rows *")):
        printed.add_column(name, justify="right" if k else "left", no_wrap=k < 5)
    for name, values in found.data.items():
        several = values.ndim == 2 and values.shape[1] <= _MOST_SPREADS
        columns = [(f"{name}[{j}]", values[:, j]) for j in range(values.shape[1])] if several else [(name, values)]
        for place, (heading, column) in enumerate(columns):
            own = spread(column)
            numbers = [_number(own[key]) for key in ("min", "median", "max")]
            failed = f"{own['not_finite']:,}" if own["not_finite"] else ""
            rows = _listed(found.contaminated.get(name, ())) if place == 0 else ""
            printed.add_row(Text(heading), *numbers, failed, rows)
    console.print(printed)


def _listed(rows):
    """The numbers of some rows, or of the first and how many there are."""
    shown = ", ".join(map(str, rows[:_MOST_LISTED])) or "none"
    return shown if len(rows) <= _MOST_LISTED else f"{shown}, … ({len(rows):,} in all)"


def _print_fits(fits, console):
    printed = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("estimator", "parameter"):
        printed.add_column(name, no_wrap=True)
    for name in ("estimate", "truth", "error", "status", "passes"):
        printed.add_column(name, justify="right", no_wrap=True)
    failures = codes.NAMES[codes.FIRST_FAILURE :]
    for fit in fits:
        numbers = [Text("") if value is None else _number(value) for value in (fit.estimate, fit.truth, fit.error)]
        style = "yellow" if fit.status in failures else ""
        names = Text(fit.estimator), Text(fit.parameter)
        printed.add_row(*names, *numbers, fit.status, f"{fit.iterations:,}", style=style)
    console.print(printed)
