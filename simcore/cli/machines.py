"""Commands for where studies run: this machine, and clusters."""

import json
import shlex

import click

from simcore.cli import options
from simcore.cli.group import main
from simcore.cli.guidance import examples


@main.command(
    epilog=examples(
        "simcore doctor",
        "simcore doctor --out /scratch/results --threads 16",
    )
)
@options.out
@options.threads
@options.as_json
@click.pass_context
def doctor(ctx, out, threads, as_json):
    """Look at all that a run depends on here: versions, threads, cache, file system, memory, Slurm; and how to mend it.

    Exit code 1 where something is wrong; a warning is no reason.
    """
    from simcore import doctor

    found = doctor.examine(out, threads)
    if as_json:
        click.echo(json.dumps([check.facts() for check in found], indent=2))
    else:
        for check in found:
            remedy = f"\n{'':<20} remedy: {check.remedy}" if check.remedy else ""
            click.echo(f"{check.level:<8} {check.name:<11} {check.found}{remedy}")
    ctx.exit(1 if any(check.level == "wrong" for check in found) else 0)


@main.command(
    epilog=examples(
        "simcore slurm my_study.toml --tasks 64 --cpus 4 --time 1:00:00",
        "simcore slurm my_study.toml --tasks 8 --partition short --sbatch=--qos=long --submit",
        "simcore slurm more_cells.toml --tasks 64 --extend",
        "simcore status results/my_study            # how far is it?",
    )
)
@options.scenario
@click.option("--tasks", required=True, type=click.IntRange(min=1), help="Tasks of the array, one shard each.")
@click.option("--cpus", default=4, show_default=True, type=click.IntRange(min=1), help="CPUs, and threads, of a task.")
@click.option("--time", default="1:00:00", show_default=True, help="Time limit of a task; it queues again for more.")
@click.option("--memory", help="Memory of a task, such as 4G; default: what is estimated, half as much again.")
@click.option("--partition", help="As sbatch takes it.")
@click.option("--account", help="As sbatch takes it.")
@click.option("--array-limit", type=click.IntRange(min=1), help="Tasks that run at the same time, at most.")
@click.option("--sbatch", multiple=True, help="Another option of sbatch, such as --sbatch=--qos=long (repeatable).")
@options.out
@options.replications
@options.seed
@click.option("--extend", "extending", is_flag=True, help="Add what SCENARIO has more to the run that is there.")
@click.option("--submit", "submitting", is_flag=True, help="Hand the scripts to Slurm at once.")
@options.as_json
def slurm(scenario, out, replications, seed, extending, submitting, as_json, **wanted):
    """Write batch scripts that compute SCENARIO as a job array, then merge it, into the run directory.

    Prints the paths of the scripts, in results/NAME/slurm. Submit them with the submit.sh among them, or with --submit.
    They may be edited. Exit code 4 where the directory holds something else, or less and there is no --extend.
    """
    from pathlib import Path

    from simcore import own, slurm

    study = options.load(scenario, replications, seed)
    wanted["memory"] = wanted["memory"] or slurm.memory(study, wanted["cpus"])
    places = {"command": slurm.command(), "folder": Path.cwd(), "out": Path(out).absolute()}
    plugins = tuple(own.words(study, places["out"] / study.name))
    batch = slurm.Batch(study.name, replications=replications, seed=seed, plugins=plugins, **places, **wanted)
    slurm.check(batch, slurm.most_tasks() if submitting else None)
    *scripts, submit = map(str, slurm.write(batch, study, scenario, extending))
    for told in filter(None, (slurm.idle(batch, study), slurm.too_short(batch, study))):
        click.echo(told, err=True)
    jobs = slurm.submit(submit) if submitting else {}
    if as_json:
        click.echo(json.dumps({"scripts": [*scripts, submit], "jobs": jobs}))
        return
    click.echo("\n".join([*scripts, submit, *(f"{name} {job}" for name, job in jobs.items())]))
    if submitting and not jobs:
        click.echo("--submit: all shards are done, there is nothing to submit", err=True)
    elif not submitting:
        click.echo(f"submit with: bash {shlex.quote(submit)}", err=True)
