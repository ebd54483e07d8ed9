"""Whether the functions of a loss are finite from 0 to 1e300, and right where something overflows on the way."""

import traceback
from pathlib import Path

import numpy as np

from simcore.contracts.faults import Fault, counted, plainest
from simcore.lanes import WIDTH

_DECADES = 10  # between the sizes at which courses are compared
_BENT = 1.0  # decades that a function may be off the straight line, in logarithms, through its neighbours
_MOST = 290.0  # beyond that size, or below its inverse, numbers may well overflow, or vanish
_HALVINGS = 30
_CUBE = 1e100  # beyond it, cubes overflow
_REMEDY = "r goes up to 1e300: divide before you multiply, or select(magnitude(r) > 1e100, ...) a limit"


def faults(loss, values, verbs, residuals):
    """The `Fault`s of a loss at some values of its parameters. verbs: name -> its function of r, at these values.

    residuals: the r to look at beside 0, float64 (k,).
    """
    p, overflows = counted(values.values()), {}
    for verb, function in verbs.items():
        bends = ((sign, k) for sign in (1.0, -1.0) for k in _bends(function, sign, verb == "rho"))
        found = next(filter(None, (_overflow(getattr(loss, verb), p, sign, k) for sign, k in bends)), None)
        if found:
            overflows.setdefault(found, []).append(verb)
        else:
            yield from _not_finite(verb, verbs, residuals)
    for (place, line), wrong in overflows.items():
        yield Fault(f"{', '.join(wrong)}: wrong from r = {place:.3g} on, where {line} overflows; {_REMEDY}")
    for verb in ("rho", "psi"):
        centre = verbs[verb](np.zeros(1))[0]
        if centre != 0.0 and np.isfinite(centre):
            yield Fault(f"rho(0) and psi(0) must be 0: {verb}(0) = {centre:.6g}")


def _not_finite(verb, verbs, residuals):
    """But for the weight of a psi that jumps at 0, and for rho far out, which may overflow; it is never NaN."""
    jumps = verb == "weight" and abs(verbs["psi"](np.array([1e-300]))[0]) > 1e-3
    r = residuals if jumps else np.concatenate([[0.0, -0.0, 5e-324], residuals])
    own = verbs[verb](r)
    wrong = ~np.isfinite(own)
    if verb == "rho":
        wrong &= np.isnan(own) | (np.abs(r) < _CUBE)
    if (at := plainest(r, wrong)) is not None:
        what = "not a number" if np.isnan(own[at]) else "infinite"
        limit = ", whose limit there is psi'(0) or 0" if verb == "weight" and abs(r[at]) < 1e-300 else ""
        yield Fault(f"{verb} is {what} at r = {r[at]:g}{limit}: give another value there, as select(mask, a, b) can")


def _bends(function, sign, may_overflow):
    """The exponents of ten at which a function leaves the course that it had until then, from 1e10 on."""
    exponents = range(_DECADES, 301, _DECADES)
    own = np.abs(function(sign * np.array([float(f"1e{k}") for k in exponents])))
    with np.errstate(all="ignore"):
        logs = np.log10(own)
        ahead = 2.0 * logs[1:-1] - logs[:-2]
        off = (np.abs(ahead) < _MOST) & ~(np.abs(logs[2:] - ahead) <= _BENT)
    lost = np.isnan(own[2:]) | np.isinf(own[2:]) & (not may_overflow)
    return [exponents[2 + k] for k in np.flatnonzero(off | lost).tolist()]


def _overflow(function, p, sign, exponent):
    """(r, "file:line") of the first overflow within two steps before 10^exponent; None where there is none."""
    low, high = exponent - 2.0 * _DECADES, float(exponent)
    if _line(function, p, sign, low) or not _line(function, p, sign, high):
        return None
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if _line(function, p, sign, middle) else (middle, high)
    return sign * 10.0**high, _line(function, p, sign, high)


def _line(function, p, sign, exponent):
    """Where a function overflows at 10^exponent, in its own file; None: nowhere."""
    try:
        with np.errstate(all="ignore", over="raise"):
            function(np.full(WIDTH, sign * 10.0**exponent), p)
    except FloatingPointError as error:
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _file(function)]
        return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else function.__name__
    return None


def _file(function):
    return function.__code__.co_filename
