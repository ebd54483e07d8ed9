"""The command line. Data goes to stdout, messages to stderr; exit codes are those of `errors`."""

import json
import os
import shlex
import sys
import time

import click

from simcore import registry, scenario, signals
from simcore.errors import SimcoreError, Stopped, UsageError, command

_HEARTBEAT_SECONDS = 30.0


class _Commands(click.Group):
    """Turns our errors into a message and an exit code, without a traceback."""

    def invoke(self, ctx):
        try:
            with signals.stoppable():
                return super().invoke(ctx)
        except Stopped as error:
            signals.leave()
            click.echo(f"{error}", err=True)
            ctx.exit(error.exit_code)
        except SimcoreError as error:
            click.echo(f"{error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            signals.leave()
            click.echo("interrupted; finished blocks are kept, the same command goes on from there", err=True)
            ctx.exit(130)
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            click.echo(f"{error.filename or 'files'}: {error.strerror or error}", err=True)
            ctx.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="simcore", prog_name="simcore")
def main():
    """Which loss should I use when errors have heavy tails or outliers, and how sure is that answer?

    \b
    simcore run scenarios/quickstart.toml      simulate, summarise, print the table
    simcore plot results/quickstart            draw the curves
    simcore compare results/quickstart         estimators two by two: is the difference beyond the error?
    simcore describe scenarios/quickstart.toml the study in words
    simcore list                               what can stand in a scenario
    """


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
_scenario = click.argument("scenario", type=click.Path())
_out = click.option(
    "--out", default="results", show_default=True, type=click.Path(), help="Folder of run directories."
)
_sample = click.option(
    "--sample", default=3, show_default=True, type=click.IntRange(min=0), help="Blocks to compute anew."
)
_run = click.argument("run", type=click.Path())
_replications = click.option("--replications", type=int, help="Replications per cell, instead of the scenario's.")
_seed = click.option("--seed", type=int, help="Seed, instead of the scenario's.")
_threads = click.option("--threads", type=click.IntRange(min=1), help="Threads; default: every CPU of this process.")
_engine = click.option(
    "--engine",
    type=click.Choice(["local", "dask"]),
    default="local",
    show_default=True,
    help="dask: in a process for each thread, or, of a run, by the workers of --scheduler.",
)


@main.command()
@_scenario
@_out
@_replications
@_seed
@_threads
@click.option("--shard", help="I/N: only the I-th of N shares of the work; simcore merge summarises them.")
@_engine
@click.option("--scheduler", help="Address of a scheduler of Dask, such as tcp://host:8786.")
@_as_json
def run(scenario, out, replications, seed, threads, shard, engine, scheduler, as_json):
    """Compute what is missing of SCENARIO, summarise it and print the table. Exit code 1 where some of it failed."""
    if scheduler and engine != "dask":
        raise UsageError("--scheduler: needs --engine dask")
    study = _load(scenario, replications, seed)
    from simcore import runs, shards

    shard = shard and shards.parse(shard)
    if scheduler:
        engine = scheduler if "://" in scheduler else f"tcp://{scheduler}"
    with _Progress(f"{study.name}, {shard}" if shard else study.name) as progress:
        result = runs.run(study, out, threads, progress=progress, shard=shard, engine=engine)
    if shard:
        _print_shard(result, shard, as_json)
    else:
        _print_result(result, as_json)


@main.command()
@_run
@_as_json
def merge(run, as_json):
    """Summarise RUN, whose shards are all done, and print the table. Exit code 3 while blocks are missing."""
    from simcore import runs

    _print_result(runs.merge(run), as_json)


@main.command()
@_run
@click.option("--shards", type=click.IntRange(min=1), help="N of --shard I/N; default: that of RUN/slurm, if any.")
@click.option("--indices", is_flag=True, help="Print only the numbers of unfinished shards, as 3,17-19.")
@_as_json
@click.pass_context
def status(ctx, run, shards, indices, as_json):
    """Say how far RUN has come: what is stored, missing and failed of each cell, and which shards are unfinished.

    Exit code 3 while something is missing.
    """
    from simcore import progress, slurm, tables
    from simcore.shards import listed

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
@_scenario
@_out
@_replications
@_threads
@_as_json
def extend(scenario, out, replications, threads, as_json):
    """Go on from the results of a study that SCENARIO only adds to: replications, cells, estimators.

    What was there keeps every bit. SCENARIO may be the run directory itself, with --replications.
    """
    from simcore import runs

    with _Progress(f"extend {scenario}") as progress:
        result = runs.extend(scenario, out, threads, replications, progress)
    _print_result(result, as_json)


@main.command()
@_run
@_sample
@_threads
@_as_json
@click.pass_context
def verify(ctx, run, sample, threads, as_json):
    """Check that every file of RUN is what was written, and that some blocks, computed anew, have the same bits.

    Exit code 4 where something is wrong, 3 where the run is not finished.
    """
    from simcore import audit

    report = audit.verify(run, sample, threads)
    _print_report(report, as_json)
    ctx.exit(4 if report.findings else 0 if report.finished else 3)


@main.command()
@_run
@_sample
@_threads
@_as_json
@click.pass_context
def repair(ctx, run, sample, threads, as_json):
    """Move what is wrong with RUN to its folder quarantine, and compute exactly that anew.

    Exit code 3 where the run is not finished after that.
    """
    from simcore import repairs

    with _Progress(f"repair {run}") as progress:
        done = repairs.repair(run, sample, threads, progress)
    _print_report(done, as_json)
    ctx.exit(0 if done.finished else 3)


@main.command()
@_scenario
@_out
@_replications
@_seed
@_threads
@_engine
@_as_json
def plan(scenario, out, replications, seed, threads, engine, as_json):
    """Say what SCENARIO would cost: cells, blocks, time from a short pilot, memory, disk. Writes nothing.

    Exit code 2 where it cannot fit into the memory or onto the disk.
    """
    study = _load(scenario, replications, seed)
    from simcore import forecast

    facts = forecast.forecast(study, threads, out, engine)
    lines = [f"{name:<14} {value}" for name, value in forecast.sentences(study, facts)]
    click.echo(json.dumps(facts, indent=2) if as_json else "\n".join(lines))
    if facts["refused"]:
        raise UsageError(facts["refused"])


@main.command()
@_run
@_as_json
def summarise(run, as_json):
    """Recompute the summary of RUN from what is stored, and print it."""
    from simcore import runs

    _print_summary(runs.open_run(run).write_summary(), as_json)


@main.command()
@_run
@_as_json
@click.option("--measure", "measures", multiple=True, help="Only this measure (may be repeated).")
@click.option("--plain", is_flag=True, help="Beside it what it would be without the control variate.")
def show(run, as_json, measures, plain):
    """Print the summary of RUN: a first look, or the measures that are asked for."""
    from simcore import runs

    table = runs.open_run(run).summary(plain)
    labels = list(dict.fromkeys(table["measure"]))
    chosen = [label for name in measures for label in _of_name(name, labels)]
    if chosen:
        table = table[table["measure"].isin(chosen)]
    _print_summary(table, as_json, chosen, plain)


def _of_name(name, labels):
    """The measures of a name: quantile stands for quantile(p=0.05) and its like."""
    found = [label for label in labels if name in (label, label.partition("(")[0])]
    if not found:
        raise UsageError(f"--measure: unknown measure (got {name!r}), {registry.unknown(name, labels)}")
    return found


@main.command()
@_run
@_as_json
@click.option("--measure", default="mse", show_default=True, help="mse, variance, mae or mean.")
def compare(run, as_json, measure):
    """Compare the estimators of RUN two by two: whose loss is smaller, and is that beyond the error?"""
    from simcore import runs, tables

    table = runs.open_run(run).comparisons(measure)
    if as_json:
        _print_json(table)
    else:
        tables.print_comparisons(table)


@main.command()
@click.argument("scenario", type=click.Path())
@_as_json
def describe(scenario, as_json):
    """Say in words what SCENARIO (or a run directory) does: aims, data, estimands, methods, measures (ADEMP)."""
    from pathlib import Path

    if Path(scenario).is_dir():
        from simcore import runs

        study = runs.open_run(scenario).study
    else:
        study = _load(scenario, None, None)
    from simcore import describe

    text = describe.describe(study)
    click.echo(json.dumps({"study": study.name, "text": text}) if as_json else text, nl=as_json)


@main.command()
@_run
@click.option("--out", type=click.Path(), help="Folder for the figures; default: RUN/figures.")
@_as_json
def plot(run, out, as_json):
    """Draw the robustness curves of RUN as SVG, PNG and PDF, from what is stored."""
    from pathlib import Path

    from simcore import runs

    opened = runs.open_run(run)
    folder = Path(out) if out else opened.path / "figures"
    files = [str(folder / f"{name}.{kind}") for name in runs.plot(opened, folder) for kind in ("svg", "png", "pdf")]
    click.echo(json.dumps(files) if as_json else "\n".join(files))


@main.command()
@_scenario
@click.option("--cell", type=int, required=True, help="Its number from 0 on, as in column `cell` of the summary.")
@click.option("--replication", type=int, required=True, help="Its number from 0 on, whether or not SCENARIO has it.")
@_seed
@_as_json
def replay(scenario, cell, replication, seed, as_json):
    """Show one data set of SCENARIO (or a run directory) as the estimators saw it, and every fit to it."""
    from simcore import replay_tables, replays

    found = replays.replay(scenario, cell, replication, seed)
    if as_json:
        click.echo(json.dumps(found.content(), allow_nan=False))
    else:
        replay_tables.print_replication(found)


@main.command()
@_scenario
@click.option("--tasks", required=True, type=click.IntRange(min=1), help="Tasks of the array, one shard each.")
@click.option("--cpus", default=4, show_default=True, type=click.IntRange(min=1), help="CPUs, and threads, of a task.")
@click.option("--time", default="1:00:00", show_default=True, help="Time limit of a task; it queues again for more.")
@click.option("--memory", help="Memory of a task, such as 4G; default: what is estimated, half as much again.")
@click.option("--partition", help="As sbatch takes it.")
@click.option("--account", help="As sbatch takes it.")
@click.option("--array-limit", type=click.IntRange(min=1), help="Tasks that run at the same time, at most.")
@click.option("--sbatch", multiple=True, help="Another option of sbatch, such as --sbatch=--qos=long (repeatable).")
@_out
@_replications
@_seed
@click.option("--submit", "submitting", is_flag=True, help="Hand the scripts to Slurm at once.")
@_as_json
def slurm(scenario, out, replications, seed, submitting, as_json, **options):
    """Write batch scripts that compute SCENARIO as a job array, then merge it, into the run directory.

    Submit them with the submit.sh among them, or with --submit. They may be edited.
    """
    from pathlib import Path

    from simcore import shards, slurm

    study = _load(scenario, replications, seed)
    options["memory"] = options["memory"] or slurm.memory(study, options["cpus"])
    places = {"command": slurm.command(), "folder": Path.cwd(), "out": Path(out).absolute()}
    batch = slurm.Batch(study.name, replications=replications, seed=seed, **places, **options)
    slurm.check(batch, slurm.most_tasks() if submitting else None)
    *scripts, submit = map(str, slurm.write(batch, study))
    if (busy := shards.most(study)) < batch.tasks:
        idle = batch.tasks - busy
        told = f"{idle} of {batch.tasks} will find nothing to do, for there are {busy} files of some seconds to compute"
        click.echo(f"--tasks: {told}", err=True)
    if told := slurm.too_short(batch, study):
        click.echo(told, err=True)
    jobs = slurm.submit(submit) if submitting else {}
    if as_json:
        click.echo(json.dumps({"scripts": [*scripts, submit], "jobs": jobs}))
        return
    click.echo("\n".join([*scripts, submit, *(f"{name} {job}" for name, job in jobs.items())]))
    if not jobs:
        click.echo(f"submit with: bash {shlex.quote(submit)}", err=True)


@main.command()
@_out
@_threads
@_as_json
@click.pass_context
def doctor(ctx, out, threads, as_json):
    """Look at all that a run depends on here: versions, threads, cache, file system, memory, Slurm; and how to mend it.

    Exit code 1 where something is wrong; a warning is no reason.
    """
    from simcore import doctor

    found = doctor.examine(out, threads)
    if as_json:
        click.echo(json.dumps([finding.facts() for finding in found], indent=2))
    else:
        for finding in found:
            remedy = f"\n{'':<20} remedy: {finding.remedy}" if finding.remedy else ""
            click.echo(f"{finding.level:<8} {finding.name:<11} {finding.found}{remedy}")
    ctx.exit(1 if any(finding.level == "wrong" for finding in found) else 0)


@main.command("list")
@click.argument("kind", required=False)
@_as_json
def list_(kind, as_json):
    """What can stand in a scenario: problems, designs, distributions, contamination, losses, estimators, measures."""
    if kind is not None and kind not in registry.KINDS:
        raise UsageError(f"list: unknown kind (got {kind!r}), {registry.unknown(kind, registry.KINDS)}")
    kinds = [kind] if kind else registry.KINDS
    if as_json:
        click.echo(json.dumps({kind: [_described(kind, p) for p in registry.plugins(kind).values()] for kind in kinds}))
        return
    for kind in kinds:
        click.echo(click.style(kind, bold=True))
        for plugin in registry.plugins(kind).values():
            only, source = registry.only_for(plugin), plugin.source
            about = f"{plugin.meaning}{f' ({only} only)' if only else ''}{f'  [{source}]' if source else ''}"
            click.echo(f"  {plugin.name:<20} {about}")
            for parameter in scenario.parameters_of(kind, plugin):
                default = "required" if parameter.default is None else f"default {_short(parameter.default)}"
                words = "".join(f' or "{word}"' for word in parameter.words)
                click.echo(f"  {'':<20}   {parameter.name}: {parameter.meaning}; {parameter.domain}{words}, {default}")


def _short(default):
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, str | registry.Derived):
        return str(default)
    return ", ".join(f"{value:g}" for value in scenario.as_values(default))


def _plain(default):
    return str(default) if isinstance(default, registry.Derived) else default


def _described(kind, plugin):
    parameters = [
        {"name": p.name, "meaning": p.meaning, "domain": str(p.domain), "default": _plain(p.default)}
        for p in scenario.parameters_of(kind, plugin)
    ]
    own = {"name": plugin.name, "meaning": plugin.meaning, "source": plugin.source, "parameters": parameters}
    return own | {"problem": registry.only_for(plugin)}


def _load(path, replications, seed):
    if os.path.isfile(os.path.join(path, "run.json")):
        raise UsageError(
            f"{path}: is the directory of a run, not a scenario file; {command('extend', path)} --replications N goes "
            f"on from it, {command('show', path)} prints it"
        )
    study = scenario.load(path)
    return study if replications is None and seed is None else study.with_changes(replications, seed)


def _print_shard(result, shard, as_json):
    from simcore import progress

    found = progress.status(result.path)
    if as_json:
        click.echo(json.dumps(found.facts()))
    left = f"{found.missing} blocks of the run are missing" if found.missing else "all blocks of the run are stored"
    click.echo(f"{shard}: done; {left}; when none is: {command('merge', result.path)}", err=True)


def _print_result(result, as_json):
    _print_summary(result.summary(), as_json)
    click.echo(f"results: {result.path}   curves: {command('plot', result.path)}", err=True)


def _print_report(report, as_json):
    click.echo(json.dumps(report.facts(), indent=2) if as_json else "\n".join(report.sentences()))


def _print_summary(table, as_json, measures=(), plain=False):
    if as_json:
        _print_json(table)
        return
    from simcore import tables

    tables.print_summary(table, measures, plain)


def _print_json(table):
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    click.echo(json.dumps(records, allow_nan=False))


class _Progress:
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
