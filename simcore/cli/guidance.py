"""What helps people find their way: commands in groups, examples below each help text, and completion of what a shell
cannot know: names of plugins, scenario files, run directories."""

import contextlib
import itertools
import os
from pathlib import Path

from click.shell_completion import CompletionItem

from simcore import registry

GROUPS = {  # of `simcore --help`: commands in the order in which they are needed
    "Write a study": {
        "init": "Write a commented scenario file to start from",
        "list": "What can stand in a scenario, with parameters and meanings",
        "check": "Hold plugins of your own to the contracts of ours",
        "describe": "Say in words what a scenario does",
        "plan": "Say what a scenario would cost: cells, time, memory, disk",
    },
    "Compute it": {
        "run": "Compute what is missing, summarise it, print the table",
        "extend": "Add replications, cells or estimators to a run",
        "summarise": "Recompute the summary from what is stored",
        "verify": "Check every stored file, and some numbers by computing them anew",
        "repair": "Compute anew exactly what is damaged",
    },
    "Look at results": {
        "show": "Print the table again, or other measures",
        "compare": "Estimators two by two: is the difference beyond the error?",
        "plot": "Draw the robustness curves as SVG, PNG and PDF",
        "report": "One HTML page: the answer, figures, table, provenance",
        "export": "Write results as CSV or Parquet, for R, Stata and spreadsheets",
        "replay": "Show one data set, and every fit to it",
    },
    "On clusters": {
        "doctor": "Look at what a run depends on here, and how to mend it",
        "slurm": "Write batch scripts for a job array",
        "status": "Say what is stored, missing and failed",
        "merge": "Summarise a run whose shards are all done",
    },
    "Shell and editor": {
        "completion": "Print what makes a shell complete simcore's words",
        "schema": "Print a JSON Schema of scenarios, for editors",
    },
}
OTHERS = "More"
_MOST_LOOKED_AT = 1000  # names of a folder


def examples(*lines):
    """The end of a help text: commands to copy."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def grouped(commands):
    """Commands, {name: short help}, in the groups in which people look for them: pairs of a title and of rows."""
    left = dict(commands)
    for title, own in GROUPS.items():
        rows = [(name, text) for name, text in own.items() if left.pop(name, None) is not None]
        if rows:
            yield title, rows
    if left:
        yield OTHERS, list(left.items())


def unknown_command(name, known):
    """The message about a command that there is not."""
    return f"{name}: unknown command, {registry.unknown(name, known)}; simcore --help says what each does"


def names_of(kind):
    """A completion of the names of plugins of a kind."""
    return lambda ctx, parameter, incomplete: [
        CompletionItem(name, help=plugin.meaning)
        for name, plugin in registry.plugins(kind).items()
        if name.startswith(incomplete)
    ]


def kinds(ctx, parameter, incomplete):
    return [CompletionItem(kind) for kind in registry.KINDS if kind.startswith(incomplete)]


def scenario_files(ctx, parameter, incomplete):
    """Scenario files, and folders to look further in."""
    return _completed(incomplete, lambda path: path.suffix == ".toml" and path.is_file())


def run_directories(ctx, parameter, incomplete):
    """Run directories, those in results too, and folders to look further in."""
    found = _completed(incomplete, _is_run)
    if os.sep not in incomplete:
        found += [item for item in _completed(f"results{os.sep}", _is_run)[:-1] if incomplete in item.value]
    return found


def studies(ctx, parameter, incomplete):
    """Scenario files and run directories."""
    return [*scenario_files(ctx, parameter, incomplete), *run_directories(ctx, parameter, incomplete)]


def _is_run(path):
    return (path / "run.json").is_file()


def _completed(incomplete, fits):
    """Paths that begin so and fit; last, that the shell completes folders."""
    folder, found = Path(os.path.dirname(incomplete)), []
    with contextlib.suppress(OSError, ValueError):
        for path in itertools.islice(folder.iterdir(), _MOST_LOOKED_AT):
            if str(path).startswith(incomplete) and not path.name.startswith(".") and fits(path):
                found.append(CompletionItem(str(path)))
    return [*sorted(found, key=lambda item: item.value), CompletionItem(incomplete, type="dir")]
