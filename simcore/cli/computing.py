"""Commands that compute: what is missing, what was added, what is damaged."""

from pathlib import Path

import click

from simcore.cli import options, output
from simcore.cli.group import main
from simcore.cli.guidance import examples
from simcore.cli.ticker import Ticker
from simcore.errors import UsageError


@main.command(
    epilog=examples(
        "simcore run scenarios/quickstart.toml",
        "simcore run my_study.toml --replications 1000000 --threads 8",
        "simcore run my_study.toml --shard 3/64     # then: simcore merge results/my_study",
        "simcore run my_study.toml --engine dask --scheduler tcp://host:8786",
    )
)
@options.scenario
@options.out
@options.replications
@options.seed
@options.threads
@click.option("--shard", help="I/N: only shard I of N, a part of the work; simcore merge summarises them.")
@options.engine
@click.option("--scheduler", help="Address of a scheduler of Dask, such as tcp://host:8786.")
@options.as_json
def run(scenario, out, replications, seed, threads, shard, engine, scheduler, as_json):
    """Compute what is missing of SCENARIO, summarise it and print the table.

    Writes the run directory, results/NAME: finished blocks, summary.parquet, the scenario as given. A run that was
    stopped goes on from there; no number depends on threads, shards or engine. Exit code 1 where some of it failed, 3
    where it cannot go on now, 4 where the directory holds something else or is damaged, 75 or 130 when stopped.
    """
    if scheduler is not None and engine != "dask":
        raise UsageError("--scheduler: needs --engine dask")
    if scheduler == "":
        raise UsageError("--scheduler: is empty; write an address, such as tcp://host:8786, or leave it out")
    study = options.load(scenario, replications, seed)
    from simcore import runs, shards

    shard = shard and shards.parse(shard)
    if scheduler:
        engine = scheduler if "://" in scheduler else f"tcp://{scheduler}"
    told = f"{study.name}, {shard}" if shard else study.name
    with options.renamed("engine", "--scheduler" if scheduler else "--engine"), Ticker(told) as progress:
        result = runs.run(study, out, threads, progress=progress, shard=shard, engine=engine, file=scenario)
    if shard:
        output.print_shard(result, shard, as_json)
    else:
        output.print_result(result, as_json)


@main.command(
    epilog=examples(
        "simcore merge results/my_study",
        "simcore status results/my_study            # which shards are missing?",
    )
)
@options.run
@options.as_json
def merge(run, as_json):
    """Summarise RUN, whose shards are all done, and print the table.

    Writes summary.parquet. Exit code 3 while blocks are missing.
    """
    from simcore import runs

    output.print_result(runs.merge(run), as_json)


@main.command(
    epilog=examples(
        "simcore extend my_study.toml               # which has more cells or estimators now",
        "simcore extend results/my_study --replications 1000000",
    )
)
@options.study
@options.out
@options.replications
@options.threads
@options.as_json
def extend(scenario, out, replications, threads, as_json):
    """Go on from the results of a study that SCENARIO only adds to: replications, cells, estimators.

    What was there keeps every bit, and only what is new is computed. SCENARIO may be the run directory itself, with
    --replications. Exit code 4 where SCENARIO does more than add.
    """
    from simcore import runs

    with Ticker(f"{Path(scenario).stem}, extended") as progress:
        result = runs.extend(scenario, out, threads, replications, progress)
    if progress.idle:
        click.echo(f"{result.study.name}: nothing to add, {result.path} has all of it", err=True)
    output.print_result(result, as_json)


@main.command(
    epilog=examples(
        "simcore summarise results/my_study",
        "simcore summarise results/my_study --json > table.json",
    )
)
@options.run
@options.as_json
def summarise(run, as_json):
    """Recompute the summary of RUN from what is stored, and print it.

    Writes summary.parquet; simulates nothing. Exit code 3 where blocks are missing, 4 where some are damaged.
    """
    from simcore import results

    opened = results.open_run(run)
    output.print_summary(opened, opened.write_summary(), as_json)


@main.command(
    epilog=examples(
        "simcore verify results/my_study",
        "simcore verify results/my_study --sample 20",
    )
)
@options.run
@options.sample
@options.threads
@options.as_json
@click.pass_context
def verify(ctx, run, sample, threads, as_json):
    """Check that every file of RUN is what was written, and that some blocks, computed anew, have the same bits.

    Reads every file and writes nothing. Exit code 4 where something is wrong, 3 where the run is not finished.
    """
    from simcore import audit

    report = audit.verify(run, sample, threads)
    output.print_report(report, as_json)
    ctx.exit(4 if report.findings else 0 if report.finished else 3)


@main.command(
    epilog=examples(
        "simcore repair results/my_study",
        "simcore repair results/my_study --sample 0 --threads 8",
    )
)
@options.run
@options.sample
@options.threads
@options.as_json
@click.pass_context
def repair(ctx, run, sample, threads, as_json):
    """Move what is wrong with RUN to its folder quarantine, and compute exactly that anew.

    What was right keeps every bit. Exit code 3 where the run is not finished after that.
    """
    from simcore import repairs

    with Ticker(f"repair {run}") as progress:
        done = repairs.repair(run, sample, threads, progress)
    output.print_report(done, as_json)
    ctx.exit(0 if done.finished else 3)
