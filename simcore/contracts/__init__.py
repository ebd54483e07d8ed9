"""What every plugin must keep, ours and those of users: the tests hold ours to it, `simcore check` those of users."""

import inspect
from typing import NamedTuple

from simcore import jit, own
from simcore.contracts import contamination, distributions, efficiency, estimators, losses, measures, studies
from simcore.contracts.compiling import explained
from simcore.contracts.faults import Fault
from simcore.errors import UsageError
from simcore.registry import KIND_OF

__all__ = ["Checked", "Fault", "check", "contamination", "distributions", "estimators", "faults", "losses", "measures"]
_ROUNDING = 1e5  # eps that functions of a user's loss may be off
_REQUIRED = {  # functions of a record, with how many arguments each is called
    "losses": {"rho": 2, "psi": 2, "psi_prime": 2, "weight": 2},
    "distributions": {"draw": 4},
}


class Checked(NamedTuple):
    """A plugin and what is wrong with it. about: of a sound one, a sentence on what it is worth; None: nothing."""

    kind: str
    name: str
    faults: tuple
    about: str | None = None

    @property
    def sound(self):
        return not any(fault.broken for fault in self.faults)


def check(source):
    """Take in the plugins of a file or a package, as `own.use`, and hold each to its contract: a list of `Checked`.

    Raises UsageError where they cannot even be read.
    """
    return [_checked(record) for record in own.use(source)]


def _checked(record):
    found = Checked(KIND_OF[type(record)], record.name, tuple(_found(record)))
    return found._replace(about=efficiency.said(record)) if found.sound and found.kind == "losses" else found


def _found(record):
    yield from (lacking := [*_lacking(record)])
    if not any(fault.broken for fault in lacking):
        try:
            yield from faults(record)
        except UsageError as error:
            yield Fault(explained(str(error), record))
        except Exception as error:
            blamed = own.blamed(error)
            if blamed is None and type(error).__module__.startswith("numba"):
                blamed = explained(jit.in_short(str(error)), record)
            if blamed is None:
                raise
            yield Fault(blamed)


def faults(record):
    """The `Fault`s of a plugin. Raises UsageError where it cannot be compiled."""
    kind = KIND_OF[type(record)]
    if kind == "losses":
        yield from losses.faults(record, _ROUNDING)
    elif kind == "distributions" and record.problem is None:
        yield from distributions.faults(record)
    elif kind in _OF_KIND:
        yield from _OF_KIND[kind].faults(record)
    else:
        yield from studies.bits_faults(record)


_OF_KIND = {"contamination": contamination, "estimators": estimators, "measures": measures}


def _lacking(record):
    """What a record must have, before anything of it can be run."""
    kind = KIND_OF[type(record)]
    if len(record.meaning) < 10:
        yield Fault("meaning: say in ten letters or more what it is, as `simcore list` shows it", broken=False)
    for name, arguments in _REQUIRED.get(kind, {}).items():
        function = getattr(record, name)
        if not callable(function):
            yield Fault(f"{name}: is missing; it is a function of {arguments} arguments")
        elif len(inspect.signature(getattr(function, "py_func", function)).parameters) != arguments:
            yield Fault(f"{name}: must take {arguments} arguments")
    if kind == "estimators" and not (callable(record.fit) or callable(record.scalar)):
        yield Fault("fit: is missing; give a function of lanes, or scalar=, a function of one sample")
    if kind == "estimators" and record.scalar and record.problem != "location":
        yield Fault("scalar: is for estimators of location; one of another problem needs fit=")
    if kind == "measures" and not (callable(record.value) or record.root_of or callable(record.joint)):
        yield Fault("value: is missing; it takes an outcome and gives (value, MCSE)")
    if kind == "contamination" and not (callable(record.apply) or callable(record.apply_design)):
        yield Fault("apply: is missing")
