"""Commands that hand results to other programs."""

import sys

import click

from simcore.cli import options
from simcore.cli.group import main
from simcore.cli.guidance import examples
from simcore.errors import UsageError

_MOST_ON_A_TERMINAL = 1000  # rows


@main.command(
    epilog=examples(
        "simcore export results/quickstart > quickstart.csv",
        "simcore export results/quickstart --for wide --out wide.parquet",
        "simcore export results/my_study --for rsimsum --out estimates.csv",
    )
)
@options.run
@click.option(
    "--for",
    "target",
    type=click.Choice(["csv", "wide", "rsimsum"]),
    default="csv",
    show_default=True,
    help="csv: the summary, a row for each measure. wide: a column for each measure. rsimsum: every estimate.",
)
@click.option("--out", type=click.Path(), help="A file that ends in .csv or .parquet; default: CSV to stdout.")
def export(run, target, out):
    """Write results of RUN as CSV or Parquet for spreadsheets, R, Stata and others.

    rsimsum takes every estimate by itself, so the scenario needs keep = "estimates"; simsum of Stata reads the same
    file. Without --out the table goes to stdout. A file at --out is replaced once the new one is whole.
    """
    from simcore import exports, results

    opened = results.open_run(run)
    if out:
        click.echo(str(exports.export(opened, target, out)))
    else:
        found = exports.tables(opened, target)
        if sys.stdout.isatty() and (rows := exports.rows(opened, target)) > _MOST_ON_A_TERMINAL:
            raise UsageError(f"{rows:,} rows are too many for a terminal; write them to a file with --out FILE.csv")
        exports.write(found, sys.stdout.buffer)
    if target == "rsimsum":
        lines = "\n  ".join(exports.in_r(opened.study, out or "FILE.csv"))
        click.echo(f"in R:\n  {lines}", err=True)
