"""Commands for those who write a scenario: a file to start from, and the schema that editors check it by."""

import functools
import re
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import click

from simcore import files
from simcore.cli.group import main
from simcore.cli.guidance import examples, names_of
from simcore.errors import UsageError, command
from simcore.own import templates
from simcore.registry import plugins

_QUESTIONS = {  # field of `starters.Answers` -> what is asked
    "n": "How many observations has a data set? Several numbers are compared",
    "errors": "How are the errors distributed?",
    "contamination": "What do outliers do? none: there are none",
    "losses": "Which losses, or other estimators, are compared?",
    "replications": "How many data sets for each case? 10000 give a variance to 1 or 2 %, 1000000 to a tenth",
}
_KINDS = {"errors": "distributions", "contamination": "contamination"}


@main.command(
    epilog=examples(
        "simcore init                               # asks",
        "simcore init my_study --yes                # a study of location, ready to run",
        "simcore init lines --problem linear --yes --losses 'l2, huber(k=1.5), mm'",
        "simcore init my_loss.py                    # a loss of your own, to be changed",
        "simcore init my_mean.py --own estimator",
    )
)
@click.argument("name", required=False)
@click.option(
    "--problem",
    help="What is estimated: location, linear, ...: `simcore list problems`.",
    shell_complete=names_of("problems"),
)
@click.option("--n", help="Observations of a data set, as 20,100.")
@click.option("--errors", help="Distributions of the errors, as 'normal, student_t(df=3)'.")
@click.option("--contamination", help="What outliers do, as 'none, shift(fraction=0.1, size=10)'.")
@click.option("--losses", help="Losses, or other estimators, as 'l2, huber(k=1.5), hodges_lehmann'.")
@click.option("--replications", help="Data sets of each cell.")
@click.option("--yes", is_flag=True, help="Ask nothing: what is not given is as usual for the problem.")
@click.option("--own", type=click.Choice(list(templates.KINDS)), help="A plugin of your own instead, NAME.py.")
def init(name, problem, yes, own, **given):
    """Write a commented scenario file, NAME.toml, that is valid and can be run at once.

    Asks, on a terminal, for what is not given; elsewhere --yes takes what is usual, and what --plugin brings beside it.
    With --own, or a NAME.py, it writes a plugin instead, by default a loss: one that works and is there to be changed.
    Prints the path of the file. A file that is there is never written over: exit code 2.
    """
    from simcore import starters

    if own or Path(name or "").suffix == ".py":
        _write_own(name, own or "loss", {"problem": problem, **given})
        return
    asking = sys.stdin.isatty() and not yes
    _check(problem, given)
    if not asking and not yes and None in (problem, *given.values()):
        lacking = " ".join(f"--{key}" for key, value in {"problem": problem, **given}.items() if value is None)
        raise UsageError(f"there is no terminal to ask on: give {lacking} too, or --yes for what is usual")
    path = _asked("What is the study's name?", "my_study", _free) if asking and not name else _free(name or "my_study")
    if problem is None and asking:
        _tell_problems()
        answers = _asked("What do you estimate?", "location", starters.usual)
    else:
        answers = starters.usual(problem or "location")
    for field, left, why in starters.left_out(answers.problem):
        if given[field] is None:
            click.echo(f"{left} is left out: {why}", err=True)
    for field in _QUESTIONS:
        reader = functools.partial(_answered, answers, field)
        if given[field] is not None:
            answers = reader(given[field])
        elif asking:
            answers = _asked(_question(field, answers.problem), _as_text(getattr(answers, field)), reader)
    _write(path, starters.starter(path.stem, answers))
    click.echo(f"read it, change it, then:\n  {command('plan', path)}\n  {command('run', path)}", err=True)


def _check(problem, given):
    """Raise UsageError where what was given suits no problem, or not the one that was given."""
    from simcore import starters

    refused = []
    for one in [problem] if problem else dict.fromkeys(["location", *plugins("problems")]):
        try:
            answers = starters.usual(one)
            for field in _QUESTIONS:
                answers = answers if given[field] is None else _answered(answers, field, given[field])
            return
        except UsageError as error:
            refused.append(error)
    raise refused[0]


def _write_own(name, word, given):
    """Write a file with a plugin of the user's own, and say what to type then."""
    kind, others = templates.KINDS[word], [f"--{key}" for key, value in given.items() if value is not None]
    if others:
        raise UsageError(f"{' '.join(others)}: is for a scenario, and this writes a plugin; leave it out")
    path = _free(name or f"my_{word}", ".py")
    if path.stem in plugins(kind):
        raise UsageError(f"{path}: {kind} already has {path.stem!r}, of simcore itself; choose another NAME")
    _write(path, templates.template(word, path.stem))
    plugin = ["--plugin", path]
    lines = [("check", path), ("init", path.with_suffix(""), "--yes", *plugin)]
    lines += [("run", path.with_suffix(".toml"), *plugin), ("report", Path("results", path.stem), *plugin)]
    click.echo("it works as it stands; change it, then:", err=True)
    click.echo("\n".join(f"  {command(*words)}" for words in lines), err=True)


def _write(path, text):
    if not files.put(path, text.encode(), path.absolute().parent):
        raise _there(path)
    click.echo(str(path))


_FORMS = {  # suffix -> what the names of such files are, in letters and in words
    ".toml": (r"[a-z0-9_-]{1,64}", "a study; write 1 to 64 of a-z, 0-9, _ and -, as my_study"),
    ".py": (r"[a-z][a-z0-9_]{0,63}", "a plugin; write 1 to 64 of a-z, 0-9 and _, as my_loss"),
}


def _free(name, suffix=".toml"):
    """The path of a file that is not there, in a folder that is."""
    path, (letters, form) = Path(name), _FORMS[suffix]
    path = path if path.suffix == suffix else path.with_name(f"{path.name}{suffix}") if path.name else Path(suffix)
    if not re.fullmatch(letters, path.stem):
        raise UsageError(f"{name}: is no name for {form}")
    if path.exists() or path.is_symlink():
        raise _there(path)
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}; make it, or leave it out")
    return path


def _there(path):
    return UsageError(f"{path}: is there already and is not written over; choose another NAME, or move it away")


def _asked(question, default, reader):
    """What a reader makes of an answer; asks again while it refuses that."""

    def read(text):
        try:
            return reader(text)
        except UsageError as error:
            raise click.UsageError(str(error)) from None

    return click.prompt(question, default=default, value_proc=read, err=True)


def _tell_problems():
    for plugin in plugins("problems").values():
        click.echo(f"  {plugin.name:<18} {plugin.meaning}", err=True)


def _question(field, problem):
    """A question, and what can be answered."""
    from simcore import scenario_checks

    kinds = ("losses", "estimators") if field == "losses" else (_KINDS[field],) if field in _KINDS else ()
    known = [name for kind in kinds for name in scenario_checks.suiting(kind, problem)]
    lines = textwrap.wrap(", ".join(known), 100, initial_indent="  ", subsequent_indent="  ")
    return "\n".join([_QUESTIONS[field], *lines, " "]) if known else _QUESTIONS[field]


def _as_text(value):
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _answered(answers, field, text):
    """The answers with another one to a question. Raises UsageError where they make no study."""
    from simcore import starters

    answers = replace(answers, **{field: _read(field, text)})
    starters.starter("study", answers)
    return answers


def _read(field, text):
    from simcore import starters

    if field not in ("n", "replications"):
        return starters.split(text)
    parts = [part.strip().replace("_", "") for part in text.split(",") if part.strip()]
    if field == "replications":
        parts = ["".join(parts)]  # 10,000
    if not all(part.isascii() and part.isdigit() for part in parts):
        form = "20,100" if field == "n" else "10000"
        raise UsageError(f"--{field}: must be whole numbers (got {text!r}), as --{field} {form}")
    numbers = tuple(map(int, parts))
    return numbers if field == "n" else numbers[0]


@main.command(epilog=examples("simcore schema > simcore.schema.json"))
def schema():
    """Print a JSON Schema of scenario files, by which editors complete and check them.

    Editors with Taplo, as VS Code with Even Better TOML, use it where the first line of a scenario is
    `#:schema ./simcore.schema.json`. It is draft 7, and says what each key means.
    """
    import json

    from simcore import json_schema

    click.echo(json.dumps(json_schema.schema(), indent=1))
