"""The parallel loops: draw a lane group, contaminate it, sort it, fit every estimator to it; then sum up the errors.

On the way the efficient score of the whole sample is taken: its control variate (see `scores`).

A driver is compiled once for all studies. What differs between studies - distribution, contamination, estimators - is
compiled one by one to C functions of five arguments, which the driver calls through their addresses once per lane
group, so that adding one compiles that one. Every lane group has its own output slot: threads change no bit.
"""

import functools
from typing import NamedTuple

import numpy as np

from simcore import histograms, jit, sums
from simcore.codes import ITERATION, NON_FINITE, OK
from simcore.jit import call, inlined, lane, prange
from simcore.lanes import (
    WIDTH,
    any_lane,
    bits,
    borrowed,
    both,
    fma,
    from_bits,
    invert,
    keep,
    load,
    magnitude,
    numbers_in,
    select,
    splat,
    splat_u64,
    store,
    store_half,
)
from simcore.order import mad, median, padded_rows, sort
from simcore.streams import CONTAMINATION, ERRORS, KEY_WORDS, PURPOSES, start

TASK_SAMPLES = 1 << 16  # samples of a task, about: many enough to hide its start, few enough to share out


MOST_NUMBERS = 8  # numbers a C function receives at most
carray = draw = apply = score = fit = None  # open names of the entries below


class Cell(NamedTuple):
    """What the kernel needs of a cell: its samples, and C functions with the numbers each receives."""

    n: int
    keys: np.ndarray  # (purposes, KEY_WORDS) uint64
    draw: int
    draw_numbers: np.ndarray  # (k,) float64
    contaminate: int
    contaminate_numbers: np.ndarray
    score: int  # 0: none
    score_numbers: np.ndarray
    drawn: bool  # an estimator sees the samples as they were drawn, not sorted
    fits: np.ndarray  # (estimators,) addresses
    fit_numbers: np.ndarray  # (estimators, k) float64


def bare_cell(n):
    """A cell that draws nothing and fits nothing."""
    return Cell(
        n=n,
        keys=np.zeros((len(PURPOSES), KEY_WORDS), np.uint64),
        draw=0,
        draw_numbers=numbers_array(()),
        contaminate=0,
        contaminate_numbers=numbers_array(()),
        score=0,
        score_numbers=numbers_array(()),
        drawn=False,
        fits=np.zeros(1, np.uint64),
        fit_numbers=np.zeros((1, MOST_NUMBERS)),
    )


def simulate(cell, first_group, begin, end, estimates, states, controls):
    """Fit every estimator to lane groups first_group + begin, ..., first_group + end - 1, into rows begin..end-1.

    estimates: float64 (estimators, groups, WIDTH); states: uint32 of the same shape, a code of `codes` and the passes
    over the data; controls: float64 (groups, WIDTH), the control variate where the cell has a score.
    """
    task_groups = max(1, TASK_SAMPLES // (cell.n * WIDTH))
    for task in prange((end - begin + task_groups - 1) // task_groups):
        x, work = aligned_rows(sample_rows(cell.n, cell.drawn)), aligned_rows(4)
        first = begin + task * task_groups
        _simulate_groups(
            borrowed_cell(cell),
            first_group,
            first,
            min(end, first + task_groups),
            borrowed(x),
            borrowed(work),
            borrowed(estimates).reshape((-1, WIDTH)),
            borrowed(states).reshape((-1, WIDTH)),
            borrowed(controls),
            estimates.shape[1],
        )
        keep(x, work)


@inlined
def _simulate_groups(cell, first_group, begin, end, x, work, estimate_rows, state_rows, controls, groups):
    for group in range(begin, end):
        draw_sample(cell, first_group + group, x)
        if cell.score != 0:
            call(cell.score, x, cell.n, cell.score_numbers, group, controls)
        fit_group(cell, x, work, group, estimate_rows, state_rows, groups)


@inlined
def draw_sample(cell, group, x):
    """Contaminated samples of a lane group in the order in which they are drawn, finite or not: x float64
    (padded_rows(n), WIDTH)."""
    call(cell.draw, cell.keys, group, cell.n, cell.draw_numbers, x)
    call(cell.contaminate, cell.keys, group, cell.n, cell.contaminate_numbers, x)


@inlined
def borrowed_cell(cell):
    """The cell with arrays that count no references."""
    return Cell(
        cell.n,
        borrowed(cell.keys),
        cell.draw,
        borrowed(cell.draw_numbers),
        cell.contaminate,
        borrowed(cell.contaminate_numbers),
        cell.score,
        borrowed(cell.score_numbers),
        cell.drawn,
        borrowed(cell.fits),
        borrowed(cell.fit_numbers),
    )


def fit_sample(cell, x, work, estimates, states):
    """Fit to one lane group of given samples: x float64 (sample_rows(n, drawn), WIDTH), overwritten; work as in
    `fit_group`."""
    fit_group(cell, x, work, 0, estimates.reshape((-1, WIDTH)), states.reshape((-1, WIDTH)), 1)


def sum_errors(estimates, states, controls, stop, truths, pairs, chunk, counts, out, pair_out, joint):
    """Sums over replications 0..stop-1 in chunks of `chunk`, as in `sums.sum_chunk` and `sums.sum_jointly`; one out,
    pair_out and joint for each. counts: how many parameters an estimator has, and how many of them are coefficients."""
    for task in prange(out.shape[0]):
        begin, end = task * chunk, min(stop, (task + 1) * chunk)
        rows = 2 * estimates.shape[0] * ((end - begin + WIDTH - 1) // WIDTH) + 2
        errors = aligned_rows(rows)
        sums.sum_chunk(
            borrowed(estimates),
            borrowed(states),
            borrowed(controls),
            begin,
            end,
            borrowed(truths),
            borrowed(pairs),
            borrowed(errors),
            borrowed(out[task]),
            borrowed(pair_out[task]),
        )
        if joint.shape[1] > 0:
            own = borrowed(joint[task])
            sums.sum_jointly(borrowed(states), counts[0], counts[1], begin, end, borrowed(errors), own)
        keep(errors, pairs)


def count_errors(estimates, states, first, stop, truths, counts, touched):
    """Add to the histograms of the errors of targets first, first + 1, ..., one for each row of counts.

    Replications 0..stop-1; see `histograms.count_errors`.
    """
    for row in prange(counts.shape[0]):
        keys = np.empty((1, WIDTH), np.uint64)
        e = first + row
        histograms.count_errors(estimates[e], states[e], stop, truths[e], counts[row], touched[row], keys)


@lane
def aligned_rows(rows):
    """An uninitialised float64 array (rows, WIDTH) that starts on a cache line: SIMD loads never straddle two."""
    flat = np.empty(rows * WIDTH + 8)
    skip = (64 - flat.ctypes.data % 64) % 64 // 8
    return flat[skip : skip + rows * WIDTH].reshape((rows, WIDTH))


@lane
def sample_rows(n, drawn):
    """Rows of a sample: sorted, and if estimators want it as it was `drawn`, that, and a copy for them to overwrite."""
    return padded_rows(n) * (3 if drawn else 1)


@inlined
def poisoned(x, first, end, poison):
    """`poison`, 0 or NaN, and NaN in the lanes where one of the rows first..end-1 is not finite."""
    for i in range(first, end):
        poison = fma(load(x, i), splat(0.0), poison)
    return poison


@inlined
def clear(x, first, end, finite):
    """0 in the place of all that stands in rows first..end-1 of lanes that are not finite."""
    if any_lane(invert(finite)):
        for i in range(first, end):
            store(x, i, select(finite, load(x, i), splat(0.0)))


@inlined
def final_code(written, usable):
    """The code with the passes that a fit has written as a float64, or why its estimate cannot be used."""
    code = bits(written)
    return select(usable, code, code - (code & (ITERATION - 1)) + NON_FINITE)


@inlined
def fit_group(cell, x, work, group, estimate_rows, state_rows, groups):
    """Sort the samples of a lane group and fit every estimator; samples that are not finite get no estimate.

    `work` holds a row each for the median, the MAD, an estimate and its code; estimate_rows, state_rows: (estimators *
    groups, WIDTH).
    """
    n = cell.n
    finite = poisoned(x, 0, n, splat(0.0)) == 0.0
    clear(x, 0, n, finite)
    if cell.drawn:
        for i in range(n):
            store(x, padded_rows(n) + i, load(x, i))
    sort(x[: padded_rows(n)], n)
    centre = median(x, n)
    store(work, 0, centre)
    store(work, 1, mad(x, n, centre))
    for e in range(len(cell.fits)):
        call(cell.fits[e], x, n, cell.fit_numbers, e, work)
        estimate = load(work, 2)
        usable = both(finite, magnitude(estimate) < np.inf)
        store(estimate_rows, e * groups + group, estimate)
        store_half(state_rows, e * groups + group, final_code(load(work, 3), usable))


def _draw_entry(keys, group, n, p, x):
    stream = start(carray(keys, (len(PURPOSES), KEY_WORDS)), ERRORS, group)
    draw(stream, carray(x, (padded_rows(n), WIDTH)), n, carray(p, (MOST_NUMBERS,)))


def _contaminate_entry(keys, group, n, p, x):
    stream = start(carray(keys, (len(PURPOSES), KEY_WORDS)), CONTAMINATION, group)
    apply(stream, carray(x, (padded_rows(n), WIDTH)), n, carray(p, (MOST_NUMBERS,)))


def _transform_entry(keys, group, n, p, x):
    apply((), carray(x, (padded_rows(n), WIDTH)), n, carray(p, (MOST_NUMBERS,)))


def _score_entry(x, n, p, group, controls):
    sample, rows = carray(x, (padded_rows(n), WIDTH)), carray(controls, (group + 1, WIDTH))
    numbers = carray(p, (MOST_NUMBERS,))
    loc, inverse, factor, q = numbers[0], numbers[1], numbers[2], numbers[3:]
    total = splat(0.0)
    for i in range(n):
        total = total + score((load(sample, i) - loc) * inverse, q)
    store(rows, group, total * factor)


def _drawn_fit_entry(x, n, p, e, work):
    pad = padded_rows(n)
    sample, rows = carray(x, (3 * pad, WIDTH)), carray(work, (4, WIDTH))
    own = sample[2 * pad :]
    for i in range(n):
        store(own, i, load(sample, pad + i))
    estimate, code = fit(own, n, carray(p, (e + 1, MOST_NUMBERS))[e], load(rows, 0), load(rows, 1))
    store(rows, 2, estimate)
    store(rows, 3, from_bits(code))


def _fit_entry(x, n, p, e, work):
    sample, rows = carray(x, (padded_rows(n), WIDTH)), carray(work, (4, WIDTH))
    estimate, code = fit(sample, n, carray(p, (e + 1, MOST_NUMBERS))[e], load(rows, 0), load(rows, 1))
    store(rows, 2, estimate)
    store(rows, 3, from_bits(code))


def _scalar_fit_entry(x, n, p, e, work):
    pad = padded_rows(n)
    sample, rows = carray(x, (3 * pad, WIDTH)), carray(work, (4, WIDTH))
    own, numbers = numbers_in(sample, 2 * pad, n), carray(p, (e + 1, MOST_NUMBERS))[e]
    for k in range(WIDTH):
        for i in range(n):
            own[i] = sample[pad + i, k]
        try:
            rows[2, k] = fit(own, numbers)
        except Exception:  # whatever it is: this sample has no estimate
            rows[2, k] = np.nan
    store(rows, 3, from_bits(splat_u64(OK)))


FIT_ENTRIES = {"sorted": _fit_entry, "drawn": _drawn_fit_entry, "alone": _scalar_fit_entry}


def draw_function(distribution, compiled):
    """What stands in `Cell.draw` for a `registry.Distribution`: an address, or the plain function."""
    return _draw_function(distribution.family, distribution.draw, compiled)


@functools.cache
def _draw_function(name, draw, compiled):
    return link(_draw_entry, "uiidd", f"draw_{name}", compiled, draw=draw)


@functools.cache
def contaminate_function(contamination, compiled):
    """What stands in `Cell.contaminate` for a `registry.Contamination`."""
    template = _contaminate_entry if contamination.random else _transform_entry
    return link(template, "uiidd", f"contaminate_{contamination.name}", compiled, apply=contamination.apply)


@functools.cache
def score_function(name, score, open_names, compiled):
    """What stands in `Cell.score` for a score function; `open_names`: pairs of a name it leaves open and its value.

    Its numbers: loc, 1 / scale, the factor of the sum of the scores, then what the score function reads.
    """
    return link(_score_entry, "didid", f"score_{name}", compiled, score=closed(score, name, open_names))


@functools.cache
def fit_function(name, fit, open_names, compiled, sees="sorted"):
    """What stands in `Cell.fits` for a fit function. sees: samples "sorted", as they were "drawn", or each "alone", of
    the functions that know no lanes; `open_names` as for `score_function`."""
    return link(FIT_ENTRIES[sees], "didid", f"fit_{name}", compiled, fit=closed(fit, name, open_names))


def closed(function, name, open_names):
    """A lane function with its open names (pairs of a name and what stands there) bound, under a name of its own."""
    return lane(jit.rebound(function, f"{function.__name__}_{name}", **dict(open_names))) if open_names else function


def function_table(functions):
    """Functions side by side, as `Cell.fits` holds them."""
    return functions if callable(functions[0]) else np.array(functions, np.uint64)


def numbers_array(numbers):
    """The array a C function receives: the numbers, then zeros."""
    array = np.zeros(MOST_NUMBERS)
    array[: len(numbers)] = list(numbers)
    return array


_ENTRIES = []  # the owners of the compiled code: it lives as long as they do


def link(template, signature, name, compiled, **bindings):
    """What a driver calls for a template with its open names bound: an address, or not `compiled` a plain function."""
    if not compiled:
        return jit.rebound(template, name, carray=lambda array, shape: array, **bindings)
    _ENTRIES.append(jit.entry(template, signature, name, **bindings))
    return _ENTRIES[-1].address
