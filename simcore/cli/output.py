"""What commands print: tables and JSON on stdout, what comes next on stderr."""

import json

import click

from simcore.errors import command


def print_shard(result, shard, as_json):
    from simcore import progress

    found = progress.status(result.path)
    if as_json:
        click.echo(json.dumps(found.facts()))
    left = "all blocks of the run are stored; summarise it with"
    if found.missing:
        left = f"{found.missing} block{'s' * (found.missing > 1)} of the run are missing; when all are stored"
    click.echo(f"{shard}: done; {left}: {command('merge', result.path)}", err=True)


def print_result(result, as_json):
    print_summary(result.summary(), as_json)
    click.echo(f"results: {result.path}   curves: {command('plot', result.path)}", err=True)


def print_report(report, as_json):
    click.echo(json.dumps(report.facts(), indent=2) if as_json else "\n".join(report.sentences()))


def print_summary(table, as_json, measures=(), plain=False):
    if as_json:
        print_json(table)
        return
    from simcore import tables

    tables.print_summary(table, measures, plain)


def print_json(table):
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    click.echo(json.dumps(records, allow_nan=False))
