"""What functions of a user's plugin ask for in vain: numbers p[k] of no parameter, names that nobody defines.

Compiled code reads 0 for the one, and is not told the line of the other. So before a plugin is used at all, its
functions are called once as plain Python.
"""

import contextlib

import numpy as np

from simcore import own
from simcore.contracts.distributions import draws
from simcore.contracts.faults import NO_NUMBER, cases, counted
from simcore.contracts.losses import VERBS
from simcore.errors import UsageError
from simcore.lanes import WIDTH
from simcore.registry import KIND_OF


def use(source):
    """Take in the plugins of a Python file, or those that an installed package offers under a name: their records.

    source: a path that ends in .py, or the name of an entry point of the group "simcore.plugins". A file that has
    changed since it was used takes the place of what it was. Raises UsageError.
    """
    records = own.use(source)
    for record in records:
        refuse(record)
    return records


def refuse(record):
    """Raise UsageError where a plugin asks for what is not there; all else that may go wrong is for `check`."""
    for call in _calls(record):
        try:
            with np.errstate(all="ignore"):
                call()
        except (IndexError, NameError) as error:
            told = own.blamed(error)
            if told and (isinstance(error, NameError) or str(error).startswith(NO_NUMBER)):
                raise UsageError(told) from error
        except Exception:
            continue


def _calls(record):
    """Calls of the functions of a plugin as plain Python, at usual values of its parameters."""
    kind, ones = KIND_OF[type(record)], np.ones(WIDTH)
    with contextlib.suppress(Exception):
        values = cases(record)[0]
        if kind == "losses":
            yield from (_of(getattr(record, verb), ones, counted(values.values())) for verb in VERBS)
        elif kind == "distributions" and record.problem is None:
            p = counted(record.numbers(values))
            yield lambda: draws(record, values, 1, 2, compiled=False)
            yield from (_of(f, ones, p) for f in (record.from_normal, record.score, record.log_density) if f)
        elif kind == "estimators" and record.scalar:
            sample = np.random.default_rng(1).standard_normal(12)
            yield _of(record.scalar, sample, *([counted(record.numbers(12, values))] if values else []))


def _of(function, *arguments):
    return lambda: getattr(function, "py_func", function)(*arguments)
