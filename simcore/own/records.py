"""The records of a user's plugins: whether each field holds what it is for."""

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable

from simcore.errors import UsageError
from simcore.registry import (
    KIND_OF,
    Derived,
    Distribution,
    Estimator,
    Flag,
    Interval,
    Loss,
    OneOf,
    Parameter,
    Text,
    Vector,
    resolved,
    unknown,
)

_DOMAINS = Interval, Flag, OneOf, Text, Vector
_OF_VALUES = {  # record -> its functions that take the parameters by name, as f(**values)
    Loss: ("monotone", "bounded", "jumps", "conflict"),
    Distribution: (
        *("tail_index", "symmetric", "mean", "no_score", "information", "features", "stretched", "outliers"),
        *("parts", "conflict", "atoms", "pieces"),
    ),
}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}").fullmatch
_NO_FIELD = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'").match


def of_module(module, where):
    """The records that a module defines. where: what messages name it by. Raises UsageError."""
    found = vars(module).get("PLUGINS", vars(module).get("PLUGIN"))
    if found is None:
        kinds = ", ".join(kind.__name__ for kind in KIND_OF)
        raise UsageError(f"{where}: defines no PLUGIN; write PLUGIN = one of {kinds}, or PLUGINS = [...]")
    return checked(found, where)


def checked(found, where):
    """A record, or a list of records, as a tuple of what can stand beside ours. Raises UsageError."""
    records = tuple(found) if isinstance(found, list | tuple) else (found,)
    for record in records:
        if type(record) not in KIND_OF:
            kinds = ", ".join(kind.__name__ for kind in KIND_OF)
            raise UsageError(f"{where}: PLUGIN must be one of {kinds}, or a list of them (got {record!r:.80})")
        if not isinstance(record.name, str) or not _NAME(record.name):
            raise UsageError(f"{where}: a name must be 1 to 64 of a-z, 0-9 and _ (got {record.name!r:.80})")
        for find in (_misfits, _wrong_parameters, _other_names, _other_keys):
            for wrong in find(record):
                raise UsageError(f"{where}: {record.name}: {wrong}")
    names = [(type(record), record.name) for record in records]
    if len(set(names)) < len(names):
        raise UsageError(f"{where}: two plugins have the same name and kind")
    return records


def _misfits(record):
    """What of a record is not of the kind that its field is for, as half sentences."""
    for field in dataclasses.fields(record):
        value, kinds = getattr(record, field.name), typing.get_args(field.type) or (field.type,)
        if field.name == "parameters":
            if not isinstance(value, tuple) or not all(isinstance(one, Parameter) for one in value):
                yield "parameters: must be a tuple of Parameter, (Parameter(...),) for one, with the comma"
        elif Callable in kinds and value is not None and not callable(getattr(value, "py_func", value)):
            yield f"{field.name}: must be a function (got {value!r:.60}), such as {field.name}=lambda **values: ..."
        elif field.type in (str, bool) and not isinstance(value, field.type):
            kind = "text" if field.type is str else "True or False"
            yield f"{field.name}: must be {kind} (got {value!r:.60}); name what you give, as in parameters=(...)"


def _wrong_parameters(record):
    for parameter in record.parameters:
        domain, default = parameter.domain, parameter.default
        if not isinstance(domain, _DOMAINS):
            got = f"{domain!r:.60}"
            yield f"parameter {parameter.name}: third comes what it may be, such as POSITIVE (got {got})"
            continue
        for value in default if isinstance(default, tuple) else (default,):
            if not (value is None or isinstance(value, Derived) or value in parameter.words or _may_be(value, domain)):
                yield f"parameter {parameter.name}: its default must be {domain} (got {value!r:.60})"


def _may_be(value, domain):
    domain = domain.items if isinstance(domain, Vector) else domain
    return value in domain if isinstance(value, int | float) or not isinstance(domain, Interval) else False


def _other_names(record):
    """Functions of the parameters by name that take other names."""
    names = [parameter.name for parameter in record.parameters]
    for field in _OF_VALUES.get(type(record), ()):
        function = getattr(record, field)
        taken = _arguments(function)
        if taken is not None and not _takes(taken, **dict.fromkeys(names)):
            head, said = " ".join(["lambda", ", ".join(names)]).strip(), ", ".join(taken.parameters) or "nothing"
            are = f"the parameters are {', '.join(names)}" if names else "there are no parameters"
            yield f"{field} takes {said}, {are}: write {field}={head}: ..."


def _other_keys(record):
    """Functions of an estimator that ask for a value which no parameter has."""
    if not isinstance(record, Estimator):
        return
    values = {p.name: (*p.default, 0.5)[0] if isinstance(p.default, tuple) else p.default for p in record.parameters}
    values = resolved({name: 0.5 if value is None else value for name, value in values.items()})
    for field in ("numbers", "carried_by") if record.problem == "location" else ("numbers",):
        function = getattr(record, field)
        taken = _arguments(function)
        if taken is None:
            continue
        if not _takes(taken, 20, values):
            yield f"{field} takes {', '.join(taken.parameters) or 'nothing'}: write {field}=lambda n, values: ..."
        elif (key := _lacking(function, values)) is not None:
            known = ", ".join(values) or "none"
            yield f"{field} asks for values[{key!r}], the parameters are {known}: write their names"


def _arguments(function):
    """The signature of a function; None where there is none, or Python cannot tell it."""
    try:
        return None if function is None else inspect.signature(getattr(function, "py_func", function))
    except (TypeError, ValueError):
        return None


def _takes(signature, *given, **named):
    try:
        signature.bind(*given, **named)
    except TypeError:
        return False
    return True


def _lacking(function, values):
    """The key that a function of n and the values asks for in vain; None where there is none."""
    try:
        function(20, values)
    except KeyError as error:
        return None if error.args[0] in values else error.args[0]
    except Exception:  # of these values, or of this n: told where it is used
        return None


def known_fields(error):
    """What follows where a record was given a field that it has not."""
    found = _NO_FIELD(str(error))
    record = found and next((kind for kind in KIND_OF if kind.__name__ == found[1]), None)
    return f"; {unknown(found[2], [field.name for field in dataclasses.fields(record)])}" if record else ""
