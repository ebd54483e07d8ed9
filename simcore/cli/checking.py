"""The command that holds plugins of users to the contracts of ours."""

import json

import click

from simcore.cli import options
from simcore.cli.group import main
from simcore.cli.guidance import examples


@main.command(
    epilog=examples(
        "simcore check my_losses.py",
        "simcore run my_study.toml --plugin my_losses.py",
    )
)
@click.argument("source", metavar="PLUGIN")
@options.as_json
@click.pass_context
def check(ctx, source, as_json):
    """Hold every plugin of PLUGIN, a Python file or an installed package's, to the contract that ours keep.

    Each function is compiled and compared with its plain self, and what the plugin says of itself with what it does. Of
    a loss it says how efficient that is under the normal, and which constant makes it 95 %.
    Exit code 1 where a contract is broken; remarks are no reason.
    """
    from simcore import contracts

    checked = contracts.check(source)
    if as_json:
        facts = [one._asdict() | {"faults": [fault._asdict() for fault in one.faults]} for one in checked]
        click.echo(json.dumps(facts, indent=2))
    else:
        for one in checked:
            click.echo(f"{'ok' if one.sound else 'broken':<8} {one.kind:<14} {one.name}")
            if one.about:
                click.echo(f"{'':<8} {one.about}")
            for fault in one.faults:
                click.echo(f"{'':<8} {'' if fault.broken else 'remark: '}{fault.what}")
    ctx.exit(0 if all(one.sound for one in checked) else 1)
