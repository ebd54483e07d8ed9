"""The parallel loop of regression: errors, design and contamination of a lane group, then every fit to it.

Like `kernels.simulate`, with a design: y = X beta + error, where X is the same in every sample (`fresh` is false: its
orthonormal basis is then made once for many lane groups) or made anew for each lane group. Fits see X as Q R, see
`dense`. Parameters are the coefficients, then the fitted values at some points.
"""

import functools
from typing import NamedTuple

import numpy as np

from simcore.codes import RANK_DEFICIENT
from simcore.dense import back_substitute, orthonormalise, project, work_rows
from simcore.jit import call, inlined, lane, prange
from simcore.kernels import MOST_NUMBERS, TASK_SAMPLES, aligned_rows, clear, closed, final_code, link, poisoned
from simcore.lanes import (
    WIDTH,
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
from simcore.order import padded_rows
from simcore.streams import CONTAMINATION, DESIGN, KEY_WORDS, PURPOSES, start

DESIGN_NUMBERS = 32  # numbers that make a design
carray = draw = recur = apply_design = score = fit = basis = None  # open names of the entries below


class Regression(NamedTuple):
    """What the kernel needs of a cell: its samples, and C functions with the numbers each receives."""

    n: int
    p: int  # coefficients
    keys: np.ndarray  # (purposes, KEY_WORDS) uint64
    draw: int
    draw_numbers: np.ndarray  # (k,) float64
    contaminate: int
    contaminate_numbers: np.ndarray
    design: int  # 0: X is given
    design_numbers: np.ndarray  # (DESIGN_NUMBERS,)
    late: bool  # the design is made of contaminated errors
    fresh: bool  # X is made, and its basis found, for each lane group
    x: np.ndarray  # float64 (n, p); (0, p) where X is not given
    beta: np.ndarray  # (p,)
    points: np.ndarray  # (points, p)
    score: int  # 0: none
    score_numbers: np.ndarray
    fits: np.ndarray  # (estimators,) addresses
    fit_numbers: np.ndarray  # (estimators, k) float64


class Places(NamedTuple):
    """Where in the rows of a sample, which begin with the errors or responses, its other parts begin."""

    q: int  # X, then Q
    r: int
    gamma: int
    scale: int
    code: int
    dependent: int  # 1 where columns depend on each other, else 0
    beta: int
    squares: int  # gamma of least squares
    scratch: int


@lane
def places(n, p):
    q = padded_rows(n)
    r = q + n * p
    gamma = r + p * p
    scale = gamma + p
    beta = scale + 3
    return Places(q, r, gamma, scale, scale + 1, scale + 2, beta, beta + p, beta + 2 * p)


@lane
def sample_rows(n, p):
    """Rows of a sample and all that is worked out from it."""
    return places(n, p).scratch + work_rows(n, p)


def simulate(cell, first_group, begin, end, estimates, states, controls):
    """Fit every estimator to lane groups first_group + begin, ..., first_group + end - 1, into rows begin..end-1.

    estimates: float64 (targets, groups, WIDTH), the parameters of the first estimator, then those of the next; states:
    uint32 of the same shape, a code of `codes` and the passes over the data; controls: float64 (parameters * groups,
    WIDTH), the control variates where the cell has a score.
    """
    task_groups = max(1, TASK_SAMPLES // (cell.n * WIDTH))
    for task in prange((end - begin + task_groups - 1) // task_groups):
        sample = aligned_rows(sample_rows(cell.n, cell.p))
        first = begin + task * task_groups
        _simulate_groups(
            _borrowed(cell),
            first_group,
            first,
            min(end, first + task_groups),
            borrowed(sample),
            borrowed(estimates).reshape((-1, WIDTH)),
            borrowed(states).reshape((-1, WIDTH)),
            borrowed(controls),
            estimates.shape[1],
        )
        keep(sample, sample)


def fit_sample(cell, sample, estimates, states):
    """Fit to one lane group of given responses and the cell's X: sample float64 (sample_rows(n, p), WIDTH)."""
    _fill(cell, sample)
    _orthonormalise(cell, sample)
    everywhere = splat(0.0) == 0.0
    _fit_group(cell, sample, everywhere, 0, estimates.reshape((-1, WIDTH)), states.reshape((-1, WIDTH)), 1)


def draw_sample(cell, group, sample):
    """Responses and X of a lane group as they are drawn, finite or not: sample float64 (sample_rows(n, p), WIDTH)."""
    _fill(cell, sample)
    _draw_group(cell, group, sample)
    _respond(cell, sample)


def draw_design(cell, sample, x):
    """The design of replication 0 into x, float64 (n, p)."""
    q = padded_rows(cell.n)
    _fill(cell, sample)
    call(cell.design, cell.keys, 0, cell.n, cell.design_numbers, sample)
    for i in range(cell.n):
        for j in range(cell.p):
            x[i, j] = sample[q + i * cell.p + j, 0]


def factor_design(cell, sample, r):
    """R of the cell's X = Q R into r, float64 (p, p); returns whether columns are dependent."""
    _fill(cell, sample)
    _orthonormalise(cell, sample)
    at = places(cell.n, cell.p)
    for j in range(cell.p * cell.p):
        r[j // cell.p, j % cell.p] = sample[at.r + j, 0]
    return sample[at.dependent, 0] > 0.0


@inlined
def _simulate_groups(cell, first_group, begin, end, sample, estimate_rows, state_rows, controls, groups):
    if not cell.fresh:
        _fill(cell, sample)
        _orthonormalise(cell, sample)
    for group in range(begin, end):
        _draw_group(cell, first_group + group, sample)
        finite = _cleared(sample, cell.n, cell.p, cell.fresh)
        if cell.score != 0:
            call(cell.score, sample, cell.n, cell.score_numbers, cell.p, 0)
            _store_controls(cell, sample, group, groups, controls)
        _respond(cell, sample)
        if cell.fresh:
            _orthonormalise(cell, sample)
        _fit_group(cell, sample, finite, group, estimate_rows, state_rows, groups)


@inlined
def _borrowed(cell):
    """The cell with arrays that count no references."""
    return Regression(
        cell.n,
        cell.p,
        borrowed(cell.keys),
        cell.draw,
        borrowed(cell.draw_numbers),
        cell.contaminate,
        borrowed(cell.contaminate_numbers),
        cell.design,
        borrowed(cell.design_numbers),
        cell.late,
        cell.fresh,
        borrowed(cell.x),
        borrowed(cell.beta),
        borrowed(cell.points),
        cell.score,
        borrowed(cell.score_numbers),
        borrowed(cell.fits),
        borrowed(cell.fit_numbers),
    )


@inlined
def _fill(cell, sample):
    """X into the sample: as it is given, or ones for the intercept to stand beside."""
    q = padded_rows(cell.n)
    for i in range(cell.n):
        for j in range(cell.p):
            store(sample, q + i * cell.p + j, splat(cell.x[i, j] if cell.x.shape[0] > 0 else 1.0))


@inlined
def _draw_group(cell, number, sample):
    """Contaminated errors, and a fresh design."""
    call(cell.draw, cell.keys, number, cell.n, cell.draw_numbers, sample)
    if cell.fresh:
        _fill(cell, sample)
        if cell.design != 0 and not cell.late:
            call(cell.design, cell.keys, number, cell.n, cell.design_numbers, sample)
    call(cell.contaminate, cell.keys, number, cell.n, cell.contaminate_numbers, sample)
    if cell.late:
        call(cell.design, cell.keys, number, cell.n, cell.design_numbers, sample)


@inlined
def _cleared(sample, n, p, fresh):
    """The lanes where errors and a fresh design are finite; 0 stands in the others from now on."""
    at = places(n, p)
    first = at.q if fresh else at.r
    finite = poisoned(sample, first, at.r, poisoned(sample, 0, n, splat(0.0))) == 0.0
    clear(sample, 0, n, finite)
    clear(sample, first, at.r, finite)
    return finite


@inlined
def _respond(cell, sample):
    """Responses X beta + error in the place of the errors."""
    q = padded_rows(cell.n)
    for i in range(cell.n):
        y = load(sample, i)
        if cell.fresh:
            for j in range(cell.p):
                y = fma(splat(cell.beta[j]), load(sample, q + i * cell.p + j), y)
        else:
            mean = 0.0
            for j in range(cell.p):
                mean += cell.beta[j] * cell.x[i, j]
            y = y + mean
        store(sample, i, y)


@lane
def _orthonormalise(cell, sample):
    """Q in the place of X, R beside it; a Q that all lanes share is written there once, as numbers in a row."""
    at = places(cell.n, cell.p)
    dependent = orthonormalise(sample[at.q : at.r], cell.n, cell.p, sample[at.r : at.gamma])
    store(sample, at.dependent, select(dependent, splat(1.0), splat(0.0)))
    if not cell.fresh:
        shared = given_basis(sample, cell.n, cell.p)
        for i in range(cell.n * cell.p):
            shared[i] = sample[at.q + i, 0]  # never behind what is still to be read


@lane
def fresh_basis(sample, n, p):
    """Q of each sample: float64 (n * p, WIDTH)."""
    return sample[padded_rows(n) : padded_rows(n) + n * p]


@lane
def given_basis(sample, n, p):
    """Where Q stands that is the same in every sample: float64 (n * p,)."""
    return numbers_in(sample, padded_rows(n), n * p)


@inlined
def _store_controls(cell, sample, group, groups, controls):
    """(X'X)^-1 X's for the scores s in the scratch of the sample, times the factor of the score."""
    at = places(cell.n, cell.p)
    project(given_basis(sample, cell.n, cell.p), sample[at.scratch :], cell.n, cell.p, sample[at.gamma :])
    back_substitute(sample[at.r :], sample[at.gamma :], cell.p, sample[at.beta :])
    for t in range(cell.p + cell.points.shape[0]):
        store(controls, t * groups + group, _parameter(cell, sample, at.beta, t) * cell.score_numbers[2])


@inlined
def _parameter(cell, sample, beta, t):
    """Parameter t: a coefficient, or from p on the fitted value at a point."""
    if t < cell.p:
        return load(sample, beta + t)
    value = splat(0.0)
    for j in range(cell.p):
        value = fma(splat(cell.points[t - cell.p, j]), load(sample, beta + j), value)
    return value


@inlined
def _fit_group(cell, sample, finite, group, estimate_rows, state_rows, groups):
    """Fit every estimator to the responses and Q of a sample, from the least squares fit; store all its parameters.

    estimate_rows, state_rows: (targets * groups, WIDTH).
    """
    n, p = cell.n, cell.p
    at = places(n, p)
    parameters = p + cell.points.shape[0]
    independent = load(sample, at.dependent) == 0.0
    if cell.fresh:
        project(sample[at.q :], sample, n, p, sample[at.squares :])
    else:
        project(given_basis(sample, n, p), sample, n, p, sample[at.squares :])
    for e in range(len(cell.fits)):
        for j in range(p):
            store(sample, at.gamma + j, load(sample, at.squares + j))
        call(cell.fits[e], sample, n, cell.fit_numbers, e, p)
        back_substitute(sample[at.r :], sample[at.gamma :], p, sample[at.beta :])
        usable = finite
        for j in range(p):
            usable = both(usable, magnitude(load(sample, at.beta + j)) < np.inf)
        code = final_code(load(sample, at.code), usable)
        code = select(both(finite, invert(independent)), splat_u64(RANK_DEFICIENT), code)
        for t in range(parameters):
            row = (e * parameters + t) * groups + group
            store(estimate_rows, row, _parameter(cell, sample, at.beta, t))
            store_half(state_rows, row, code)


def _design_entry(keys, group, n, numbers, sample):
    q = carray(numbers, (DESIGN_NUMBERS,))
    p, first = int(q[0]), int(q[1])
    words = carray(keys, (len(PURPOSES), KEY_WORDS))
    rows, at = carray(sample, (sample_rows(n, p), WIDTH)), places(n, p)
    x, common, column = rows[at.q :], rows[at.scratch :], rows[at.scratch + padded_rows(n) :]
    if q[3] != 0.0:
        draw(start(words, DESIGN, group, 0), common, n, q[4:])
    for j in range(first, p):
        draw(start(words, DESIGN, group, j - first + 1), column, n, q[4:])
        for i in range(n):
            value = q[2] * load(column, i)
            if q[3] != 0.0:
                value = fma(splat(q[3]), load(common, i), value)
            store(x, i * p + j, value)


def _recur_entry(keys, group, n, numbers, sample):
    q = carray(numbers, (DESIGN_NUMBERS,))
    p, first = int(q[0]), int(q[1])
    rows = carray(sample, (sample_rows(n, p), WIDTH))
    recur(rows, rows[padded_rows(n) :], n, p, first, q[2:])


def _contaminate_entry(keys, group, n, numbers, sample):
    q = carray(numbers, (MOST_NUMBERS,))
    p, first = int(q[0]), int(q[1])
    rows = carray(sample, (sample_rows(n, p), WIDTH))
    stream = start(carray(keys, (len(PURPOSES), KEY_WORDS)), CONTAMINATION, group)
    apply_design(stream, rows, rows[padded_rows(n) :], n, p, first, q[2:])


def _scores_entry(sample, n, numbers, p, _unused):
    rows, q = carray(sample, (sample_rows(n, p), WIDTH)), carray(numbers, (MOST_NUMBERS,))
    scratch = places(n, p).scratch
    for i in range(n):
        store(rows, scratch + i, score((load(rows, i) - q[0]) * q[1], q[3:]))


def _fit_entry(sample, n, numbers, e, p):
    rows, at = carray(sample, (sample_rows(n, p), WIDTH)), places(n, p)
    own = carray(numbers, (e + 1, MOST_NUMBERS))[e]
    code, scale = fit(basis(rows, n, p), rows, rows[at.r :], n, p, own, rows[at.gamma :], rows[at.scratch :])
    store(rows, at.scale, scale)
    store(rows, at.code, from_bits(code))


@functools.cache
def design_function(design, compiled):
    """What stands in `Regression.design` for a `registry.Design` whose columns are random or past responses."""
    if design.recur:
        return link(_recur_entry, "uiidd", f"recur_{design.name}", compiled, recur=design.recur)
    return link(_design_entry, "uiidd", f"design_{design.name}", compiled, draw=design.draw)


@functools.cache
def contaminate_function(contamination, compiled):
    """What stands in `Regression.contaminate` for a `registry.Contamination` that sees the design."""
    bound = {"apply_design": contamination.apply_design}
    return link(_contaminate_entry, "uiidd", f"contaminate_design_{contamination.name}", compiled, **bound)


@functools.cache
def score_function(name, score, open_names, compiled):
    """What stands in `Regression.score`, as `kernels.score_function`."""
    return link(_scores_entry, "didii", f"scores_{name}", compiled, score=closed(score, name, open_names))


@functools.cache
def fit_function(name, fit, open_names, fresh, compiled):
    """What stands in `Regression.fits`, as `kernels.fit_function`, for cells that are `fresh` or not."""
    bound = {"fit": closed(fit, name, open_names), "basis": fresh_basis if fresh else given_basis}
    return link(_fit_entry, "didii", f"regress_{name}", compiled, **bound)
