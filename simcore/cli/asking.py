"""Commands about a study before it is run: what can stand in it, what it says, what it will cost."""

import json

import click

from simcore import choices, registry
from simcore.cli import options
from simcore.cli.group import main
from simcore.cli.guidance import examples, kinds
from simcore.cli.ticker import Ticker
from simcore.errors import UsageError


@main.command(
    "list",
    epilog=examples(
        "simcore list                               # everything",
        "simcore list losses                        # one kind",
        "simcore list distributions --json          # for programs",
    ),
)
@click.argument("kind", required=False, shell_complete=kinds)
@options.as_json
def list_(kind, as_json):
    """Print what can stand in a scenario, with its parameters, their domains and defaults.

    KIND is problems, designs, distributions, contamination, losses, estimators or measures; without it, all.
    """
    if kind is not None and kind not in registry.KINDS:
        raise UsageError(f"list: unknown kind (got {kind!r}), {registry.unknown(kind, registry.KINDS)}")
    kinds = [kind] if kind else registry.KINDS
    if as_json:
        click.echo(json.dumps({kind: [_described(kind, p) for p in _listed(kind)] for kind in kinds}))
        return
    for kind in kinds:
        click.echo(click.style(kind, bold=True))
        for plugin in _listed(kind):
            only, source = registry.only_for(plugin), plugin.source
            about = f"{plugin.meaning}{f' ({only} only)' if only else ''}{f'  [{source}]' if source else ''}"
            click.echo(f"  {plugin.name:<20} {about}")
            for parameter in _parameters(kind, plugin):
                default = "required" if parameter.default is None else f"default {_short(parameter.default)}"
                words = "".join(f' or "{word}"' for word in parameter.words)
                click.echo(f"  {'':<20}   {parameter.name}: {parameter.meaning}; {parameter.domain}{words}, {default}")


def _listed(kind):
    """All plugins of a kind, and a line for each family of them."""
    families = registry.families(kind).values()
    return [*registry.plugins(kind).values(), *(registry.Plugin(family.key, family.meaning) for family in families)]


def _parameters(kind, plugin):
    return () if plugin.name in registry.families(kind) else choices.parameters_of(kind, plugin)


def _short(default):
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, str | registry.Derived):
        return str(default)
    return ", ".join(f"{value:g}" for value in choices.as_values(default))


def _plain(default):
    return str(default) if isinstance(default, registry.Derived) else default


def _described(kind, plugin):
    parameters = [
        {"name": p.name, "meaning": p.meaning, "domain": str(p.domain), "default": _plain(p.default)}
        for p in _parameters(kind, plugin)
    ]
    own = {"name": plugin.name, "meaning": plugin.meaning, "source": plugin.source, "parameters": parameters}
    return own | {"problem": registry.only_for(plugin)}


@main.command(
    epilog=examples(
        "simcore describe scenarios/quickstart.toml",
        "simcore describe results/quickstart --full > methods.txt",
    )
)
@options.study
@click.option("--full", is_flag=True, help="What each measure is, too, and the formula of its MCSE.")
@options.as_json
def describe(scenario, full, as_json):
    """Say in words what SCENARIO, or a run directory, does: a draft of the methods section of a paper.

    Aims, data, estimands, methods and measures (ADEMP). Computes and writes nothing.
    """
    from pathlib import Path

    if Path(scenario).is_dir():
        from simcore import results

        study = results.open_run(scenario).study
    else:
        study = options.load(scenario, None, None)
    from simcore import describe

    text = describe.describe(study, full)
    click.echo(json.dumps({"study": study.name, "text": text}) if as_json else text, nl=as_json)


@main.command(
    epilog=examples(
        "simcore plan my_study.toml",
        "simcore plan my_study.toml --replications 1000000 --threads 16",
        "simcore plan my_study.toml --json",
    )
)
@options.scenario
@options.out
@options.replications
@options.seed
@options.threads
@options.engine
@options.as_json
def plan(scenario, out, replications, seed, threads, engine, as_json):
    """Say what SCENARIO would cost: cells, blocks, time from a short pilot, memory, disk.

    Runs for some seconds and writes nothing. Exit code 2 where it cannot fit into the memory or onto the disk; the
    message names the key to change.
    """
    study = options.load(scenario, replications, seed)
    from simcore import forecast

    with Ticker(f"plan {study.name}", "pilots") as progress:
        facts = forecast.forecast(study, threads, out, engine, progress)
    lines = [f"{name:<14} {value}" for name, value in forecast.sentences(study, facts)]
    click.echo(json.dumps(facts, indent=2) if as_json else "\n".join(lines))
    if facts["refused"]:
        raise UsageError(facts["refused"])
