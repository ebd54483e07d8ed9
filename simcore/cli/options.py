"""Arguments and options that several commands take."""

import contextlib
import os

import click

from simcore import scenario as scenarios
from simcore.cli import guidance
from simcore.errors import UsageError, command

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
scenario = click.argument("scenario", type=click.Path(), shell_complete=guidance.scenario_files)
study = click.argument("scenario", type=click.Path(), shell_complete=guidance.studies)
out = click.option("--out", default="results", show_default=True, type=click.Path(), help="Folder of run directories.")
sample = click.option(
    "--sample", default=3, show_default=True, type=click.IntRange(min=0), help="Blocks to compute anew."
)
run = click.argument("run", type=click.Path(), shell_complete=guidance.run_directories)
replications = click.option("--replications", type=int, help="Replications per cell, instead of the scenario's.")
seed = click.option("--seed", type=int, help="Seed, instead of the scenario's.")
threads = click.option("--threads", type=click.IntRange(min=1), help="Threads; default: every CPU of this process.")
engine = click.option(
    "--engine",
    type=click.Choice(["local", "dask"]),
    default="local",
    show_default=True,
    help="dask: in a process for each thread, or, of a run, by the workers of --scheduler.",
)

_LABELS = "Only this label (may be repeated; of comparisons, several choose the pairs among them)."
_SELECTION = (
    click.option("--cell", "cells", multiple=True, type=int, help="Only this cell, by number (may be repeated)."),
    click.option("--estimator", "estimators", multiple=True, help=_LABELS),
    click.option("--parameter", "parameters", multiple=True, help="Only this one, such as beta1 (may be repeated)."),
    click.option("--where", multiple=True, help="Only where COLUMN=VALUE, such as errors=cauchy (may be repeated)."),
)


def selection(function):
    """What `selecting.selected` takes."""
    for option in reversed(_SELECTION):
        function = option(function)
    return function


@contextlib.contextmanager
def renamed(argument, option):
    """Within, a message about an argument is one about the option that gave it."""
    try:
        yield
    except UsageError as error:
        if not str(error).startswith(f"{argument}:"):
            raise
        raise UsageError(option + str(error).removeprefix(argument)) from error


def load(path, replications, seed):
    if os.path.isfile(os.path.join(path, "run.json")):
        raise UsageError(
            f"{path}: is the directory of a run, not a scenario file; {command('extend', path)} --replications N goes "
            f"on from it, {command('show', path)} prints it"
        )
    study = scenarios.load(path)
    return study if replications is None and seed is None else study.with_changes(replications, seed)
