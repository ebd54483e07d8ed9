"""The contract of an estimator that is no loss: a function of the sample that moves along with it where it says so, and
that bears as many bad observations as it says."""

import dis
import numbers
from pathlib import Path

import numpy as np

from simcore import batches, kernels, scenario
from simcore.contracts.faults import NO_NUMBER, Fault, cases, counted, over, same_bits
from simcore.contracts.studies import bits_faults, entry
from simcore.lanes import WIDTH

_SIZES = (1, 2, 3, 4, 5, 8, 20, 33)
_MOVED = 12.375  # a shift that rounds nothing away
_FAR = 1e9
_LIBM = {  # names of functions that CPUs and libraries round differently
    *("exp", "log", "log10", "log1p", "expm1", "sin", "cos", "tan", "arctan", "tanh"),
    *("pow", "power", "dot", "matmul"),
}


def faults(estimator):
    """The `Fault`s of a `registry.Estimator`. Raises UsageError where it cannot be compiled."""
    if found := [*_no_number(estimator)]:
        yield from found
        return
    yield from over(cases(estimator), lambda values: at(estimator, values))
    yield from _other_bits(estimator)


def _no_number(estimator):
    """That what `scalar` gives is no number, and at which line; an exception is a failed fit, and none of this."""
    if estimator.scalar is None:
        return
    function, values = getattr(estimator.scalar, "py_func", estimator.scalar), cases(estimator)[0]
    found = _once(function, estimator.numbers(12, values) if values else None)
    if found is not None and not isinstance(found[0], numbers.Real):
        code = function.__code__
        ends = {step.positions.lineno for step in dis.get_instructions(code) if step.opname.startswith("RETURN_")}
        line = ends.pop() if len(ends) == 1 else code.co_firstlineno
        yield Fault(
            f"{Path(code.co_filename).name}:{line}: {function.__name__} returns a {type(found[0]).__name__}; it must "
            "return one number, the estimate"
        )


def _once(function, p):
    """(What a plain function gives for a sample,); None where it raises. Raises IndexError where p is too short."""
    for make in (counted, kernels.numbers_array):  # functions that Numba compiled take but plain arrays
        try:
            x = np.random.default_rng(1).standard_normal(12)
            return (function(x) if p is None else function(x, make(p)),)
        except IndexError as error:
            if str(error).startswith(NO_NUMBER):
                raise
        except Exception:
            continue
    return None


def at(estimator, values):
    """Its faults at some values of its parameters."""
    yield from (found := [*bits_faults(estimator, values, exactly=estimator.scalar is None)])
    if not found and estimator.problem == "location":
        yield from _of_location(estimator, values)
    if not found and estimator.problem == "linear":
        yield from _of_regression(estimator, values)


def _of_location(estimator, values):
    choice = scenario.estimator(entry(estimator, values), "location")
    rng = np.random.default_rng(1)
    moves, worst = [], (0.0,)
    for n in _SIZES:
        x = rng.standard_t(3, (8 * WIDTH, n))
        fitted = _fit(choice, x)
        if n >= 8 and (lacking := np.count_nonzero(np.isnan(fitted))):
            yield Fault(f"gives no estimate for {lacking} of {len(x)} samples of {n}", broken=lacking == len(x))
        if not same_bits(fitted, _fit(choice, np.roll(x, 3, axis=0))[_rolled_back(len(x))]):
            yield Fault(f"the estimate of a sample of {n} depends on the samples beside it")
            return
        moved = _fit(choice, x + _MOVED) - fitted
        off = np.abs(moved - _MOVED)
        moves.append(bool(np.nanmax(off, initial=0.0) < 1e-9))
        if not moves[-1]:
            worst = max(worst, (np.nanmax(off), n, moved[np.nanargmax(off)]))
    if estimator.equivariant and not all(moves):
        yield Fault(
            f"does not move along with the data: where {worst[1]} observations all move by {_MOVED}, it moves by "
            f"{worst[2]:.6g}; leave equivariant=True out, or mend it so that T(x + c) = T(x) + c"
        )
    if not estimator.equivariant and all(moves):
        yield Fault("moves along with the data: equivariant=True gives its variance ten times as precise", broken=False)
    if estimator.carried_by is None:
        yield Fault("carried_by(n, values) is not given: under heavy tails errors are then called rough", broken=False)
    else:
        yield from _breakdown(choice, estimator, values, rng)


def _rolled_back(count):
    return (np.arange(count) + 3) % count


def _breakdown(choice, estimator, values, rng):
    """One bad observation fewer than `carried_by` says does not carry the estimate away."""
    for n in (9, 20):
        most = estimator.carried_by(n, values)
        if not (isinstance(most, int | np.integer) and 1 <= most <= n):
            yield Fault(f"carried_by({n}, values) must be a whole number from 1 to {n} (got {most!r})")
            return
        x = rng.standard_normal((WIDTH, n))
        x[:, : most - 1] = _FAR
        if most > 1 and not np.nanmax(np.abs(_fit(choice, x))) < 1e-3 * _FAR:
            yield Fault(f"{most - 1} of {n} bad observations carry it away, carried_by says {most}")
            return


def _fit(choice, x):
    return batches.fit_location([choice], x)[0, 0]


def _of_regression(estimator, values):
    choice = scenario.estimator(entry(estimator, values), "linear")
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((20, 3)), rng.standard_t(3, (2 * WIDTH, 20))
    x[:, 0] = 1.0
    b = np.array([3.0, -2.0, 1.5])
    fitted = batches.fit_regression([choice], x, y)[0].T
    if not same_bits(fitted, batches.fit_regression([choice], x, np.roll(y, 3, axis=0))[0].T[_rolled_back(len(y))]):
        yield Fault("the estimate of a sample depends on the samples beside it")
        return
    off = np.nanmax(np.abs(batches.fit_regression([choice], x, y + x @ b)[0].T - fitted - b))
    if estimator.equivariant and not off < 1e-8:
        yield Fault("does not move along with the data, T(y + X b) = T(y) + b, though it is said to be equivariant")
    if not estimator.equivariant and off < 1e-8:
        yield Fault("moves along with the data: equivariant=True gives its variance more precisely", broken=False)
    if estimator.carried_by is None:
        yield Fault("carried_by(best) is not given: under heavy tails errors are then called rough", broken=False)


def _other_bits(estimator):
    """That it uses functions of _LIBM."""
    function = getattr(estimator.scalar, "py_func", estimator.scalar)
    if function is not None and (names := sorted(_LIBM.intersection(function.__code__.co_names))):
        yield Fault(f"uses {', '.join(names)}, whose last bits differ between kinds of CPUs", broken=False)
