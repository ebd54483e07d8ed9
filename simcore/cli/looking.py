"""Commands that show what a run has found."""

import json

import click

from simcore.cli import options, output
from simcore.cli.group import main
from simcore.errors import UsageError


@main.command()
@options.run
@options.as_json
@click.option("--measure", "measures", multiple=True, help="Only this measure (may be repeated).")
@click.option("--plain", is_flag=True, help="Beside it what it would be without the control variate.")
@options.selection
def show(run, as_json, measures, plain, **selection):
    """Print the summary of RUN: a first look, or the measures that are asked for."""
    from simcore import runs, selecting, summaries

    opened = runs.open_run(run)
    chosen = [label for name in measures for label in summaries.measures_named(name, opened.study)]
    table = selecting.selected(opened.summary(plain=plain), **selection)
    if chosen:
        table = table[table["measure"].isin(chosen)]
    output.print_summary(opened, table, as_json, chosen, plain)


@main.command()
@options.run
@options.as_json
@click.option("--measure", default="mse", show_default=True, help="mse, variance, mae or mean.")
@options.selection
def compare(run, as_json, measure, **selection):
    """Compare the estimators of RUN two by two: whose loss is smaller, and is that beyond the error?"""
    from simcore import runs, selecting, tables

    table = selecting.selected(runs.open_run(run).comparisons(measure), **selection)
    if as_json:
        output.print_json(table)
    else:
        tables.print_comparisons(table)


@main.command()
@options.run
@click.option("--out", type=click.Path(), help="Folder for the figures; default: RUN/figures.")
@options.as_json
def plot(run, out, as_json):
    """Draw the robustness curves of RUN as SVG, PNG and PDF, from what is stored."""
    from pathlib import Path

    from simcore import runs

    opened = runs.open_run(run)
    folder = Path(out) if out else opened.path / "figures"
    files = [str(folder / f"{name}.{kind}") for name in runs.plot(opened, folder) for kind in ("svg", "png", "pdf")]
    click.echo(json.dumps(files) if as_json else "\n".join(files))


@main.command()
@options.run
@click.option("--shards", type=click.IntRange(min=1), help="N of --shard I/N; default: that of RUN/slurm, if any.")
@click.option("--indices", is_flag=True, help="Print only the numbers of unfinished shards, as 3,17-19.")
@options.as_json
@click.pass_context
def status(ctx, run, shards, indices, as_json):
    """Say how far RUN has come: what is stored, missing and failed of each cell, and which shards are unfinished.

    It goes by the names of files, at once: simcore verify reads them. Exit code 3 while something is missing.
    """
    from simcore import progress, slurm, tables
    from simcore.wording import listed

    shards = shards or slurm.tasks_of(run)
    if indices and not shards:
        raise UsageError("--indices: of how many shards? there are no scripts in RUN/slurm, give --shards N")
    found = progress.status(run, shards)
    if indices:
        click.echo(listed(found.unfinished) or "none")
    elif as_json:
        click.echo(json.dumps(found.facts()))
    else:
        tables.print_progress(found)
    ctx.exit(0 if found.finished else 3)


@main.command()
@options.scenario
@click.option("--cell", type=int, required=True, help="Its number from 0 on, as in column `cell` of the summary.")
@click.option("--replication", type=int, required=True, help="Its number from 0 on, whether or not SCENARIO has it.")
@options.seed
@options.as_json
def replay(scenario, cell, replication, seed, as_json):
    """Show one data set of SCENARIO (or a run directory) as the estimators saw it, and every fit to it."""
    from simcore import replay_tables, replays

    found = replays.replay(scenario, cell, replication, seed)
    if as_json:
        click.echo(json.dumps(found.content(), allow_nan=False))
    else:
        replay_tables.print_replication(found)
