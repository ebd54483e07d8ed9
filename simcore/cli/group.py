"""The command itself: what becomes of errors, signals and pipes, and the exit codes."""

import os
import re
import shlex
import sys

import click

from simcore import own, signals
from simcore.cli import guidance
from simcore.errors import ScenarioError, SimcoreError, Stopped, UsageError, always

_UNKNOWN = re.compile(r"(loss|estimator|distribution|kind|problem|design|measure): is unknown ")
_NOT_KNOWN = re.compile(r"(losses|estimators|distributions|contamination): .* is unknown, (?!write )").match


class _Command(click.Command):
    """A command that takes plugins of the user's own, before it does anything."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        told = "A Python file with plugins of your own, or the name of those of an installed package (repeatable)."
        how = {"multiple": True, "expose_value": False, "is_eager": True, "callback": _use}
        self.params.append(click.Option(["--plugin", "own_plugins"], help=told, **how))


def _hint(error):
    """A line more where a scenario names what a plugin of the user's own may define, or one cannot be compiled."""
    if "cannot be compiled" in str(error) and always:
        return f"\nwhat is wrong: {'; '.join(shlex.join(['simcore', 'check', source]) for source in always[1::2])}"
    few = isinstance(error, ScenarioError) and len(error.problems) < 10
    if few and any(_UNKNOWN.search(problem) for problem in error.problems) or _NOT_KNOWN(str(error)):
        return f"\none of your own? name its file in the command{', too' * bool(always)}: --plugin FILE.py"
    return ""


def _use(_ctx, _option, sources):
    for source in sources:
        own.use(source)


class Commands(click.Group):
    """Turns our errors into a message and an exit code, without a traceback, and tells commands apart by groups."""

    command_class = _Command

    def format_commands(self, ctx, formatter):
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        shown = {name: command.get_short_help_str() for name, command in commands.items() if not command.hidden}
        width = max(map(len, shown))
        for title, rows in guidance.grouped(shown):
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])

    def resolve_command(self, ctx, args):
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            raise UsageError(guidance.unknown_command(name, self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx):
        try:
            with signals.stoppable():
                return super().invoke(ctx)
        except Stopped as error:
            signals.leave()
            click.echo(f"{error}", err=True)
            ctx.exit(error.exit_code)
        except SimcoreError as error:
            click.echo(f"{error}{_hint(error)}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            signals.leave()
            click.echo("interrupted; finished blocks are kept, the same command goes on from there", err=True)
            ctx.exit(130)
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            click.echo(f"{error.filename or 'output'}: {error.strerror or error}", err=True)
            ctx.exit(1)
        except MemoryError:
            click.echo("out of memory; finished blocks are kept: give it more, or fewer --threads", err=True)
            ctx.exit(1)
        except Exception as error:
            if (blamed := own.blamed(error)) is None:
                raise
            click.echo(blamed, err=True)
            ctx.exit(2)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\n"
    "SCENARIO is a TOML file, RUN a run directory: results/NAME. Data goes to stdout, messages to stderr.\n"
    "Exit codes: 0 all done; 1 some work failed; 2 bad usage or bad scenario; 3 incomplete, can be\n"
    "resumed; 4 damaged or foreign data; 75 stopped by a signal, all is saved; 130 Ctrl-C.\n\n"
    + guidance.examples(
        "simcore init my_study                      # a scenario file to start from",
        "simcore run my_study.toml                  # simulate, summarise, print the table",
        "simcore plot results/my_study              # draw the curves",
        "simcore report results/my_study            # one page: the answer, figures, table, provenance",
        "simcore run --help                         # what a command does, with examples",
    ),
)
@click.version_option(package_name="simcore", prog_name="simcore")
def main():
    """Which loss should I use when errors have heavy tails or outliers, and how sure is that answer?"""
