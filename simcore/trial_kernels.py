"""The parallel loop of every problem but location and regression: make a lane group of data sets, fit each estimator.

A problem says how its data sets come about and what its fits give (see `registry.Simulation`); here they meet. Data
sets of a lane group are rows of lanes, whatever they hold; behind them stand the values that a fit gives, its code, and
its scratch.
"""

import functools
from typing import NamedTuple

import numpy as np

from simcore.jit import call, inlined, lane, prange
from simcore.kernels import TASK_SAMPLES, aligned_rows, clear, closed, final_code, link, poisoned
from simcore.lanes import (
    WIDTH,
    borrowed,
    both,
    from_bits,
    keep,
    load,
    magnitude,
    splat,
    store,
    store_half,
)
from simcore.streams import CONTAMINATION, KEY_WORDS, PURPOSES, start

NUMBERS = 40  # that a C function receives
# Where those begin that make a data set: settings, of errors, of what contaminates errors or data sets. Before them
# stands how many rows and values there are.
_SETTINGS, _ERRORS, _PLACE, _BAD = 2, 10, 18, 26
carray = sample = corrupt = fit = None  # open names of the entries below


class Trial(NamedTuple):
    """What the kernel needs of a cell: its data sets, and C functions with the numbers each receives."""

    n: int
    size: int  # samples of a location problem that cost as much, about
    rows: int  # of a data set
    values: int  # that a fit gives
    scratch: int  # rows
    keys: np.ndarray  # (purposes, KEY_WORDS) uint64
    sample: int
    sample_numbers: np.ndarray  # (NUMBERS,) float64
    fits: np.ndarray  # (estimators,) addresses
    fit_numbers: np.ndarray  # (estimators, NUMBERS) float64
    score: int = 0  # none


def simulate(cell, first_group, begin, end, estimates, states, controls):
    """Fit every estimator to lane groups first_group + begin, ..., first_group + end - 1, into rows begin..end-1.

    estimates: float64 (targets, groups, WIDTH), the values of the first estimator, then those of the next; states:
    uint32 of the same shape, a code of `codes` and the passes over the data; controls: not used.
    """
    task_groups = max(1, TASK_SAMPLES // (cell.size * WIDTH))
    for task in prange((end - begin + task_groups - 1) // task_groups):
        x = aligned_rows(_all_rows(cell))
        first = begin + task * task_groups
        _simulate_groups(
            _borrowed(cell),
            first_group,
            first,
            min(end, first + task_groups),
            borrowed(x),
            borrowed(estimates).reshape((-1, WIDTH)),
            borrowed(states).reshape((-1, WIDTH)),
            estimates.shape[1],
        )
        keep(x, x)


@lane
def _all_rows(cell):
    return cell.rows + cell.values + 1 + cell.scratch


@inlined
def _borrowed(cell):
    """The cell with arrays that count no references."""
    return Trial(
        cell.n,
        cell.size,
        cell.rows,
        cell.values,
        cell.scratch,
        borrowed(cell.keys),
        cell.sample,
        borrowed(cell.sample_numbers),
        borrowed(cell.fits),
        borrowed(cell.fit_numbers),
        cell.score,
    )


@inlined
def _simulate_groups(cell, first_group, begin, end, x, estimate_rows, state_rows, groups):
    for group in range(begin, end):
        draw_sample(cell, first_group + group, x)
        finite = poisoned(x, 0, cell.rows, splat(0.0)) == 0.0
        clear(x, 0, cell.rows, finite)
        for e in range(len(cell.fits)):
            call(cell.fits[e], x, cell.n, cell.fit_numbers, e, _all_rows(cell))
            usable = finite
            for t in range(cell.values):
                usable = both(usable, magnitude(load(x, cell.rows + t)) < np.inf)
            code = final_code(load(x, cell.rows + cell.values), usable)
            for t in range(cell.values):
                row = (e * cell.values + t) * groups + group
                store(estimate_rows, row, load(x, cell.rows + t))
                store_half(state_rows, row, code)


@inlined
def draw_sample(cell, group, x):
    """Data sets of a lane group as they are drawn, finite or not: x float64 (rows, WIDTH)."""
    call(cell.sample, cell.keys, group, cell.n, cell.sample_numbers, x)


def fit_data(fit, x, n, numbers):
    """Fit to one lane group of given data sets: x, their rows, then those of the values, the code and the scratch."""
    call(fit, x, n, numbers, 0, x.shape[0])


def _sample_entry(keys, group, n, numbers, x):
    words, p = carray(keys, (len(PURPOSES), KEY_WORDS)), carray(numbers, (NUMBERS,))
    rows = carray(x, (int(p[0]), WIDTH))
    sample(words, group, rows, n, p[_SETTINGS:_ERRORS], p[_ERRORS:_PLACE], p[_PLACE:_BAD])
    corrupt(start(words, CONTAMINATION, group), rows, n, p[_BAD:])


@lane
def _leave(stream, x, n, p):
    """What stands in `corrupt` where errors are contaminated, not data sets."""


def _fit_entry(x, n, numbers, e, all_rows):
    p, rows = carray(numbers, (e + 1, NUMBERS))[e], carray(x, (all_rows, WIDTH))
    data, values = int(p[0]), int(p[1])
    code = fit(rows[:data], n, p[_SETTINGS:], rows[data : data + values], rows[data + values + 1 :])
    store(rows, data + values, from_bits(code))


def sample_function(sample, distribution, contamination, placed, compiled):
    """What stands in `Trial.sample` for the sample function of a `registry.Simulation`.

    contamination: of the problem's data sets, or of errors; `placed`: the contamination that only places errors.
    """
    return _sample_function(sample, distribution.family, distribution.draw, contamination, placed, compiled)


@functools.cache
def _sample_function(sample, errors, draw, contamination, placed, compiled):
    own = contamination.problem is not None
    name = f"{errors}_{contamination.name}"
    opened = ("draw", draw), ("apply", (placed if own else contamination).apply)
    bound = {"sample": closed(sample, name, opened), "corrupt": contamination.apply if own else _leave}
    return link(_sample_entry, "uiidd", f"sample_{name}", compiled, **bound)


@functools.cache
def fit_function(name, fit, open_names, compiled):
    """What stands in `Trial.fits` for a fit function."""
    return link(_fit_entry, "didii", f"fit_{name}", compiled, fit=closed(fit, name, open_names))


def sample_numbers(rows, settings, errors, place, bad):
    """The array that a sample function receives."""
    return _array(rows, 0, (_SETTINGS, settings), (_ERRORS, errors), (_PLACE, place), (_BAD, bad))


def fit_numbers(rows, values, own):
    """The array that a fit function receives."""
    return _array(rows, values, (_SETTINGS, own))


def _array(rows, values, *parts):
    array = np.zeros(NUMBERS)
    array[:2] = rows, values
    for (place, numbers), end in zip(parts, [*(place for place, _ in parts[1:]), NUMBERS], strict=True):
        if len(numbers) > end - place:
            raise ValueError(f"{len(numbers)} numbers do not fit in {end - place} places")
        array[place : place + len(numbers)] = numbers
    return array
