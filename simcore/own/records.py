"""The records of a user's plugins: whether each field holds what it is for."""

import dataclasses
import re
import typing
from collections.abc import Callable

from simcore.errors import UsageError
from simcore.registry import KIND_OF, Flag, Interval, OneOf, Parameter, Text, Vector, unknown

_DOMAINS = Interval, Flag, OneOf, Text, Vector
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
        for wrong in _misfits(record):
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
    for parameter in record.parameters if isinstance(record.parameters, tuple) else ():
        if isinstance(parameter, Parameter) and not isinstance(parameter.domain, _DOMAINS):
            got = f"{parameter.domain!r:.60}"
            yield f"parameter {parameter.name}: third comes what it may be, such as POSITIVE (got {got})"


def known_fields(error):
    """What follows where a record was given a field that it has not."""
    found = _NO_FIELD(str(error))
    record = found and next((kind for kind in KIND_OF if kind.__name__ == found[1]), None)
    return f"; {unknown(found[2], [field.name for field in dataclasses.fields(record)])}" if record else ""
