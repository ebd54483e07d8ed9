"""What a contract finds, the values at which it looks, and lane functions on numbers of any count."""

import re
from typing import NamedTuple

import numpy as np

from simcore.populations import of_rows
from simcore.registry import Interval, OneOf, Vector, resolved

EPS = 2.0**-52
_NUMBER = re.compile(r"-?\d[\d.e+-]*")
SURE = 4.5  # standard errors
_KOLMOGOROV = 2.5  # exceeded by sqrt(N) times the distance with probability 7e-6


class Fault(NamedTuple):
    """What is wrong with a plugin, or where not `broken`, what could be better."""

    what: str
    broken: bool = True


def cases(plugin, conflict=lambda **values: None):
    """Values by name to look at: the typical ones, and each number halved and tripled where that can be meant."""
    usual = typical(plugin.parameters)
    domains, found = {p.name: p.domain for p in plugin.parameters}, [usual]
    for name, value in usual.items():
        if isinstance(value, float) and isinstance(domains[name], Interval) and not domains[name].integer:
            found += [usual | {name: factor * value} for factor in (0.5, 3.0)]
    inside = [values for values in found if all(_may_be(values[name], domains[name]) for name in values)]
    return [values for values in inside if not conflict(**values)] or [usual]


def typical(parameters):
    """A value for each parameter, by name: its default, the first of several, or one of its domain."""
    first = {p.name: p.default[0] if isinstance(p.default, tuple) else p.default for p in parameters}
    return resolved({p.name: _some(p) if p.default is None else first[p.name] for p in parameters})


def _some(parameter):
    domain = parameter.domain
    if isinstance(domain, Vector):
        return (_of_interval(domain.items),)
    if isinstance(domain, OneOf):
        return domain.words[0]
    return _of_interval(domain) if isinstance(domain, Interval) else False


def _of_interval(domain):
    if domain.high - domain.low <= 1.0:
        value = domain.low + 0.3 * (domain.high - domain.low)
    else:
        value = 1.0 if 1.0 in domain else domain.low + 1.0
    return float(np.ceil(value)) if domain.integer else value


def _may_be(value, domain):
    return not isinstance(domain, Interval) or isinstance(value, str) or value in domain


def over(cases, find):
    """The faults that find(values) gives, those that differ in numbers alone once, with the values that have them first
    unless all do."""
    found = {}
    for values in cases:
        for fault in find(values):
            found.setdefault((_NUMBER.sub("", fault.what), fault.broken), []).append((fault, values))
    for alike in found.values():
        (what, broken), values = alike[0]
        yield Fault(what if len(alike) == len(cases) else what + told(values), broken)


def told(values):
    """Values by name, for people."""
    said = ", ".join(
        f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}" for name, value in values.items()
    )
    return f" at {said}" if said else ""


def numbers_of(values):
    """The array p that a lane function receives."""
    return np.array([*(float(value) for value in values.values()), 0.0])


NO_NUMBER = "there is no p["  # how such an error begins


class _Counted(np.ndarray):
    """The array p, which says so where a number is asked for that is not in it: compiled code does not."""

    def __getitem__(self, key):
        if isinstance(key, int | np.integer) and not 0 <= key < len(self):
            held = "p[0] alone" if len(self) == 1 else f"p[0] to p[{len(self) - 1}]"
            known = held if len(self) else "none, for there are no parameters"
            raise IndexError(f"{NO_NUMBER}{key}]: there is {known}; another Parameter gives another")
        return super().__getitem__(key)


def counted(numbers):
    """The array p for plain functions: these numbers, and an error where another is asked for."""
    return np.array([float(number) for number in numbers]).view(_Counted)


def on_lanes(function, x, *rest):
    """What a lane function, as plain Python, makes of numbers of any shape and count; it may give one for all lanes."""
    with np.errstate(all="ignore"):
        return of_rows(lambda rows: np.broadcast_to(function(rows, *rest), rows.shape), x)


def same_bits(a, b):
    """Whether two arrays are equal to the bit, but for the payload of NaN, where all NaN count as one."""
    both_nan = np.isnan(a) & np.isnan(b) if a.dtype == np.float64 else False
    return a.shape == b.shape and a.dtype == b.dtype and bool(np.all(both_nan | (a.view("u8") == b.view("u8"))))


def apart(x, below):
    """Where sorted numbers and the shares that should be below each differ most: (number, share, claim).

    None where that may be chance (Kolmogorov-Smirnov).
    """
    shares = np.arange(1, len(x) + 1) / len(x)
    off = np.maximum(shares - below, below - shares + 1.0 / len(x))
    k = int(np.argmax(off))
    return None if off[k] * np.sqrt(len(x)) < _KOLMOGOROV else (x[k], shares[k], below[k])


def plainest(r, wrong):
    """Where, of the residuals at which something is wrong, the one is whose size is nearest to 1, that above 0 first;
    None: nowhere."""
    return min(np.flatnonzero(wrong).tolist(), key=lambda k: (abs(np.log(abs(r[k]) or 5e-324)), -r[k]), default=None)
