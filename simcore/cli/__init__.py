"""The command line. Data goes to stdout, messages to stderr; exit codes are those of `errors`."""

from simcore.cli import asking, checking, computing, exporting, looking, machines, shells, starting
from simcore.cli.group import main

__all__ = ["asking", "checking", "computing", "exporting", "looking", "machines", "main", "shells", "starting"]
