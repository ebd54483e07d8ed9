"""The command itself: what becomes of errors, signals and pipes, and the exit codes."""

import os
import sys

import click

from simcore import own, signals
from simcore.errors import SimcoreError, Stopped


class _Command(click.Command):
    """A command that takes plugins of the user's own, before it does anything."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        told = "A Python file with plugins of your own, or the name of those of an installed package (repeatable)."
        how = {"multiple": True, "expose_value": False, "is_eager": True, "callback": _use}
        self.params.append(click.Option(["--plugin", "own_plugins"], help=told, **how))


def _use(_ctx, _option, sources):
    for source in sources:
        own.use(source)


class Commands(click.Group):
    """Turns our errors into a message and an exit code, without a traceback."""

    command_class = _Command

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
        except Exception as error:
            if (blamed := own.blamed(error)) is None:
                raise
            click.echo(blamed, err=True)
            ctx.exit(2)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
