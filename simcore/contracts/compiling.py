"""What is said of code of a user that Numba cannot compile: at which line, and what helps."""

import dataclasses
import dis
import re
import types
from pathlib import Path

_PLAIN_NUMBER = re.compile(r" for \w+\((.*, )?float64[,)]").search
_UNDEFINED = re.compile(r"^cannot be compiled: (?:NameError: )?name '(\w+)' is not defined").match
_MODULE = re.compile(r"of type Module\(<module '([\w.]+)'.*")
_GLOBAL = re.compile(r"Untyped global name '(\w+)'").search
_MARK = "; mark functions"  # how the hint begins that helps where a function is the user's own


def explained(told, record):
    """A message of `jit.in_short` on a plugin, with the line where it has none, and a way out. record: the plugin."""
    functions = _functions(record)
    if (found := _UNDEFINED(told)) and (place := _place(found[1], functions)):
        return f"{place}: {told}; define it, or import it, above"
    if found := _MODULE.search(told):
        return f"{_MODULE.sub(f'of {found[1]}', told)}{_only_numpy(found[1])}"
    if (found := _GLOBAL(told)) and (library := _library(found[1], functions)):
        return told.partition(_MARK)[0] + _only_numpy(library)
    return told + "; a plain number there needs splat, as splat(1.0)" * bool(_PLAIN_NUMBER(told))


def _only_numpy(library):
    return f"; Numba knows math and much of NumPy, but not this of {library}: write it with those, or as loops"


def _functions(record):
    """The plain functions of a record, and those of its modules."""
    fields = (getattr(record, field.name) for field in dataclasses.fields(record))
    own = [one for one in map(_plain, fields) if one and not one.__module__.startswith("simcore.")]
    beside = [_plain(value) for one in own for value in one.__globals__.values()]
    return own + [one for one in beside if one and one.__module__ in {one.__module__ for one in own}]


def _plain(value):
    function = getattr(value, "py_func", value)
    return function if isinstance(function, types.FunctionType) else None


def _place(name, functions):
    """ "file:line" where one of some functions reads a global name; None: nowhere."""
    for function in functions:
        for step in dis.get_instructions(function):
            if step.opname.startswith("LOAD_GLOBAL") and step.argval == name:
                return f"{Path(function.__code__.co_filename).name}:{step.positions.lineno}"
    return None


def _library(name, functions):
    """The package that a global name of some functions is a function of; None: their own module."""
    for function in functions:
        module = getattr(function.__globals__.get(name), "__module__", None) or function.__module__
        if module != function.__module__ and not module.startswith("simcore."):
            return module.partition(".")[0]
    return None
