"""Commands that show what a run has found."""

import json

import click

from simcore.cli import options, output
from simcore.cli.group import main
from simcore.cli.guidance import examples, names_of
from simcore.cli.ticker import Ticker
from simcore.drawing.sizes import STYLES
from simcore.drawing.sources import KINDS
from simcore.errors import UsageError


@main.command(
    epilog=examples(
        "simcore show results/quickstart",
        "simcore show results/quickstart --measure mse --measure quantile",
        "simcore show results/quickstart --json     # every row, for programs",
    )
)
@options.run
@options.as_json
@click.option(
    "--measure",
    "measures",
    multiple=True,
    help="Only this measure (may be repeated).",
    shell_complete=names_of("measures"),
)
@click.option("--plain", is_flag=True, help="Beside it what it would be without the control variate.")
@options.selection
def show(run, as_json, measures, plain, **selection):
    """Print the summary of RUN: a first look, or the measures that are asked for.

    Each value comes with its Monte Carlo standard error, or with why there is none. Reads what is stored and writes
    nothing. Exit code 3 where blocks are missing, 4 where some are damaged.
    """
    from simcore import results, selecting, summaries

    opened = results.open_run(run)
    chosen = [label for name in measures for label in summaries.measures_named(name, opened.study)]
    table = selecting.selected(opened.summary(plain=plain), **selection)
    if chosen:
        table = table[table["measure"].isin(chosen)]
    output.print_summary(opened, table, as_json, chosen, plain)
    if not as_json and not chosen and not any(selection.values()):
        output.print_answer(results.Run(opened.folder, table))


@main.command(
    epilog=examples(
        "simcore compare results/quickstart",
        "simcore compare results/quickstart --measure mae --json",
    )
)
@options.run
@options.as_json
@click.option("--measure", default="mse", show_default=True, help="mse, variance, mae or mean.")
@options.selection
def compare(run, as_json, measure, **selection):
    """Compare the estimators of RUN two by two: whose loss is smaller, and is that beyond the error?

    Differences are taken data set by data set, so that what estimators have in common cancels. Writes nothing.
    """
    from simcore import results, selecting, tables

    table = selecting.selected(results.open_run(run).comparisons(measure), **selection)
    if as_json:
        output.print_json(table)
    else:
        tables.print_comparisons(table)


@main.command(
    epilog=examples(
        "simcore plot results/quickstart",
        "simcore plot results/quickstart --out paper/figures",
        "simcore plot results/quickstart --kind lolly --measure bias --style slides",
    )
)
@options.run
@click.option("--out", type=click.Path(), help="Folder for the figures; default: RUN/figures.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice([*KINDS, "all"]), help="Only this kind (repeatable).")
@click.option("--measure", "measures", multiple=True, help="Only this measure (may be repeated).")
@click.option("--style", default="paper", show_default=True, type=click.Choice(STYLES), help="What they are for.")
@options.as_json
def plot(run, out, kinds, measures, style, as_json):
    """Draw the figures that suit RUN, or those of a kind, as SVG, PNG and PDF, from what is stored.

    Prints their paths; results/README.md says what each kind shows. The same run gives the same bytes.
    """
    from pathlib import Path

    from simcore import results

    opened = results.open_run(run)
    folder = Path(out) if out else opened.path / "figures"
    with Ticker(f"plot {run}", "figures") as progress:
        drawn = results.plot(opened, folder, kinds or None, measures or None, style, progress)
    files = [str(folder / f"{name}.{kind}") for name in drawn for kind in ("svg", "png", "pdf")]
    click.echo(json.dumps(files) if as_json else "\n".join(files))


@main.command(
    epilog=examples(
        "simcore report results/quickstart",
        "simcore report results/quickstart --out quickstart.html",
    )
)
@options.run
@click.option("--out", type=click.Path(), help="File to write; default: RUN/report.html.")
@options.as_json
def report(run, out, as_json):
    """Write one HTML page about the finished RUN: the answer in three sentences, figures, numbers, provenance."""
    with Ticker(f"report {run}", "figures") as progress:
        from simcore import results
        from simcore.reporting.reports import Report

        found = Report.of(results.open_run(run))
        path = str(found.write(out, progress))
    if as_json:
        click.echo(json.dumps({"path": path, "sentences": found.sentences, "notes": found.notes}))
    else:
        click.echo(path)


@main.command(
    epilog=examples(
        "simcore status results/my_study",
        "simcore status results/my_study --shards 64 --indices",
        "simcore status results/my_study --indices  # the tasks that submit.sh would submit",
    )
)
@options.run
@click.option("--shards", type=click.IntRange(min=1), help="N of --shard I/N; default: that of RUN/slurm, if any.")
@click.option("--indices", is_flag=True, help="Print only the numbers of unfinished shards, as 3,17-19.")
@options.as_json
@click.pass_context
def status(ctx, run, shards, indices, as_json):
    """Say how far RUN has come: what is stored, missing and failed of each cell, and which shards are unfinished.

    It goes by the names of files, at once, and writes nothing: simcore verify reads them. Exit code 3 while something
    is missing.
    """
    from simcore import progress, slurm, tables
    from simcore.wording import ranges

    shards = shards or slurm.tasks_of(run)
    found = progress.status(run, shards)
    if indices and not shards:
        raise UsageError(f"--indices: of how many shards? there are no scripts in {run}/slurm, give --shards N")
    if indices:
        click.echo(ranges(found.unfinished) or "none")
    elif as_json:
        click.echo(json.dumps(found.facts()))
    else:
        tables.print_progress(found)
    ctx.exit(0 if found.finished else 3)


@main.command(
    epilog=examples(
        "simcore replay my_study.toml --cell 3 --replication 17",
        "simcore replay results/my_study --cell 0 --replication 0 --json",
    )
)
@options.study
@click.option("--cell", type=int, required=True, help="Its number from 0 on, as in column `cell` of the summary.")
@click.option("--replication", type=int, required=True, help="Its number from 0 on, whether or not SCENARIO has it.")
@options.seed
@options.as_json
def replay(scenario, cell, replication, seed, as_json):
    """Show one data set of SCENARIO, or of a run directory, as the estimators saw it, and every fit to it.

    It is the same to the bit as in the run, and says what was contaminated. Any replication can be shown.
    """
    from simcore import replay_tables, replays

    found = replays.replay(scenario, cell, replication, seed)
    if as_json:
        click.echo(json.dumps(found.content(), allow_nan=False))
    else:
        replay_tables.print_replication(found)
