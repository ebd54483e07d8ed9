"""What commands print: tables and JSON on stdout, what comes next on stderr."""

import json

import click

from simcore.errors import command
from simcore.wording import counted


def print_shard(result, shard, as_json):
    from simcore import progress

    found = progress.status(result.path)
    if as_json:
        click.echo(json.dumps(found.facts()))
    missing = counted(found.missing, "block of the run is missing", "blocks of the run are missing")
    left = f"{missing}; when all are stored" if found.missing else "all blocks of the run are stored; summarise it with"
    click.echo(f"{shard}: done; {left}: {command('merge', result.path)}", err=True)


def print_result(result, as_json):
    print_summary(result, result.summary(), as_json)
    if not as_json:
        print_answer(result)
    click.echo(f"results: {result.path}", err=True)
    click.echo(f"one page: {command('report', result.path)}   figures: {command('plot', result.path)}", err=True)


def print_report(report, as_json):
    click.echo(json.dumps(report.facts(), indent=2) if as_json else "\n".join(report.sentences()))


def print_summary(run, table, as_json, measures=(), plain=False):
    if as_json:
        print_json(table)
        return
    from simcore import tables

    tables.print_summary(table, measures, plain, study=run.study)


def print_answer(run):
    """The answer of a report, in its sentences: what is read last."""
    import textwrap

    from simcore.reporting.answers import Answer
    from simcore.tables import terminal

    width = min(terminal().width, 100)
    click.echo()
    for number, sentence in enumerate(Answer.of(run).sentences, 1):
        indents = {"initial_indent": f"{number}. ", "subsequent_indent": "   "}
        click.echo(textwrap.fill(sentence, width, break_on_hyphens=False, break_long_words=False, **indents))


def print_json(table):
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    click.echo(json.dumps(records, allow_nan=False))
