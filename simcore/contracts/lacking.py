"""What functions of a user's plugin ask for in vain: numbers p[k] of no parameter, names that nobody defines.

Compiled code reads 0 for the one, and is not told the line of the other. So before anything is computed with a plugin,
its functions are called once as plain Python.
"""

import contextlib
import dataclasses
import types

import numpy as np

from simcore import own
from simcore.contracts.distributions import draws
from simcore.contracts.faults import NO_NUMBER, cases, counted
from simcore.contracts.losses import VERBS
from simcore.errors import UsageError
from simcore.lanes import WIDTH
from simcore.registry import KIND_OF


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
            yield from (_call(getattr(record, verb), ones, counted(values.values())) for verb in VERBS)
        elif kind == "distributions" and record.problem is None:
            plain, p = dataclasses.replace(record, draw=_plain(record.draw)), counted(record.numbers(values))
            yield lambda: draws(plain, values, 1, 2, compiled=False)
            yield from (_call(f, ones, p) for f in (record.from_normal, record.score, record.log_density) if f)
        elif kind == "estimators" and record.scalar:
            sample = np.random.default_rng(1).standard_normal(12)
            yield _call(record.scalar, sample, *([counted(record.numbers(12, values))] if values else []))


def _call(function, *arguments):
    return lambda: _plain(function)(*arguments)


def _plain(function):
    """A copy of a function that calls copies of the functions of its module, none of which Numba compiles."""
    own = getattr(function, "py_func", function)
    names = dict(own.__globals__)

    def copy(one):
        return types.FunctionType(one.__code__, names, one.__name__, one.__defaults__, one.__closure__)

    for name, value in own.__globals__.items():
        plain = getattr(value, "py_func", value)
        if isinstance(plain, types.FunctionType) and plain.__globals__ is own.__globals__:
            names[name] = copy(plain)
    return copy(own)
