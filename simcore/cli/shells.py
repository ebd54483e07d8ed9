"""Commands for the shell itself."""

import click

from simcore.cli.group import main
from simcore.cli.guidance import examples

_PLACES = {
    "bash": "~/.local/share/bash-completion/completions/simcore",
    "zsh": "~/.zfunc/_simcore",
    "fish": "~/.config/fish/completions/simcore.fish",
}
_BESIDE = {"zsh": "; with `fpath+=~/.zfunc; autoload -Uz compinit; compinit` in ~/.zshrc"}


@main.command(
    epilog=examples(
        f"simcore completion bash > {_PLACES['bash']}",
        f"simcore completion zsh > {_PLACES['zsh']}",
        f"simcore completion fish > {_PLACES['fish']}",
    )
)
@click.argument("shell", type=click.Choice([*_PLACES]))
def completion(shell):
    """Print the script that makes SHELL complete commands, options, plugins, scenario files and run directories.

    Put it where the shell finds it, as below, and open a new shell. Nothing is written but to stdout.
    """
    from click.shell_completion import get_completion_class

    click.echo(get_completion_class(shell)(main, {}, "simcore", "_SIMCORE_COMPLETE").source())
    click.echo(f"goes into {_PLACES[shell]}{_BESIDE.get(shell, '')}", err=True)
