"""Mergeable sums of errors T - truth, in double-double, along one binary tree over the replications.

Sums of pieces add up to the sums of the whole; every addition keeps its rounding error (Knuth 1969, two-sum), so
moments lose no digits to the number of replications, and bias may exceed the spread a millionfold. Addition still
rounds, so it follows a fixed tree: chunks of replications are its leaves, and two siblings become one node. However
the work was cut into pieces, the same chunks give the same bits.
"""

from dataclasses import dataclass, field

import numpy as np

from simcore import codes
from simcore.histograms import merge_bins
from simcore.jit import lane
from simcore.lanes import WIDTH, fma, load, magnitude, maximum, minimum, select, splat, store, two_sum


@dataclass(frozen=True)
class Layout:
    """A row of sums: counts, numbers of which the largest is kept, and double-doubles (a high and a low part)."""

    counts: tuple[str, ...]
    largest: tuple[str, ...]
    reals: tuple[str, ...]

    @property
    def columns(self):
        parts = (f"{name}_{part}" for name in self.reals for part in ("high", "low"))
        return (*self.counts, *self.largest, *parts)

    @property
    def first_real(self):
        return len(self.counts) + len(self.largest)

    def add(self, a, b):
        """Sums of two pieces together: arrays (..., len(columns))."""
        largest = slice(len(self.counts), self.first_real)
        highs, lows = slice(self.first_real, None, 2), slice(self.first_real + 1, None, 2)
        with np.errstate(invalid="ignore", over="ignore"):
            result = a + b
            result[..., largest] = np.maximum(a[..., largest], b[..., largest])
            total, rest = two_sum(a[..., highs], b[..., highs])
            result[..., highs], result[..., lows] = two_sum(total, rest + (a[..., lows] + b[..., lows]))
        return result


# Of a target: e = T - truth of the good replications, a = |e|, u = e less its control variate; powers 1 to 6, and
# the largest of e, -e, u and -u.
ERRORS = Layout(
    (*codes.NAMES, "iterations", "iterations_squared"),
    ("most_iterations", "e_high", "e_low", "u_high", "u_low"),
    ("e1", "e2", "e3", "e4", "e5", "e6", "a1", "u1", "u2", "u3", "u4", "u5", "u6"),
)
# Of two targets, errors e and f where both are good: how often |e| is the smaller or the larger; e21 sums e^2 f.
PAIRS = Layout(
    ("both", "smaller", "larger"),
    (),
    ("e11", "e21", "e12", "e22", "a11", "u11", "u21", "u12", "u22"),
)

_ITERATIONS, _MOST, _E_HIGH, _U_HIGH, _E1, _A1, _U1 = (
    ERRORS.columns.index(name)
    for name in ("iterations", "most_iterations", "e_high", "u_high", "e1_high", "a1_high", "u1_high")
)
_E11, _A11, _U11 = (PAIRS.columns.index(name) for name in ("e11_high", "a11_high", "u11_high"))


@lane
def sum_chunk(estimates, states, controls, begin, stop, truths, pairs, errors, out, pair_out):
    """Sums over replications begin..stop-1 (begin a multiple of WIDTH) as in ERRORS and PAIRS.

    estimates: float64 (targets, groups, WIDTH), a target being a parameter of an estimator, all parameters of the
    first estimator before those of the next; states: uint32 of the same shape; controls: float64 (parameters * groups,
    WIDTH), or (0, WIDTH) where there is no control variate; truths: (targets,); pairs: int64 (pairs, 2); errors:
    float64 (rows, WIDTH) to work in, 2 targets * groups of the chunk + 2 rows; out: (targets, columns); pair_out:
    (pairs, columns).
    """
    count, groups = estimates.shape[0], estimates.shape[1]
    rows, first = (stop - begin + WIDTH - 1) // WIDTH, begin // WIDTH
    controlled = controls.shape[0] > 0
    parameters = max(1, controls.shape[0] // groups)
    estimate_rows = estimates.reshape((-1, WIDTH))
    spill = 2 * count * rows
    out[:] = 0.0
    pair_out[:] = 0.0
    for e in range(count):
        for g in range(rows):
            error = load(estimate_rows, e * groups + first + g) - truths[e]
            store(errors, e * rows + g, error)
            if controlled:
                store(errors, (count + e) * rows + g, error - load(controls, e % parameters * groups + first + g))
        _count_states(states, e, begin, stop, out)
        if out[e, codes.OK] < rows * WIDTH:
            _clear_failures(states, e, begin, stop, rows, errors)
        _powers(errors, e * rows, rows, spill, out, e, _E1)
        _sizes(errors, e * rows, rows, spill, out, e)
        _extremes(states, e, begin, stop, errors, e * rows, spill, out, _E_HIGH)
        if controlled:
            _powers(errors, (count + e) * rows, rows, spill, out, e, _U1)
            _extremes(states, e, begin, stop, errors, (count + e) * rows, spill, out, _U_HIGH)
    for pair in range(pairs.shape[0]):
        i, j = pairs[pair, 0], pairs[pair, 1]
        _compare(errors, i * rows, j * rows, rows, spill, pair_out, pair)
        if min(out[i, codes.OK], out[j, codes.OK]) < rows * WIDTH:
            _compare_some(states, i, j, begin, stop, rows, errors, pair_out, pair)
        _products(errors, i * rows, j * rows, rows, spill, pair_out, pair, _E11)
        if controlled:
            _products(errors, (count + i) * rows, (count + j) * rows, rows, spill, pair_out, pair, _U11)


@lane
def failed(state):
    """Whether there is no estimate: the code is the low byte of the state, the passes over the data stand above it."""
    return state % codes.ITERATION >= codes.FIRST_FAILURE


@lane
def _count_states(states, e, begin, stop, out):
    good, total, squares, most = 0, 0, 0, 0
    for r in range(begin, stop):
        state = np.int64(states[e, r // WIDTH, r % WIDTH])
        passes = state // codes.ITERATION
        good += state % codes.ITERATION == codes.OK
        total += passes
        squares += passes * passes
        most = max(most, passes)
    if good < stop - begin:
        for r in range(begin, stop):
            out[e, np.int64(states[e, r // WIDTH, r % WIDTH]) % codes.ITERATION] += 1.0
    else:
        out[e, codes.OK] = good
    out[e, _ITERATIONS] = total
    out[e, _ITERATIONS + 1] = squares
    out[e, _MOST] = most


@lane
def _clear_failures(states, e, begin, stop, rows, errors):
    """Zero instead of the errors of failures, and of lanes beyond the last replication."""
    adjusted = (errors.shape[0] - 2) // 2
    for r in range(rows * WIDTH):
        row, i = e * rows + r // WIDTH, r % WIDTH
        if begin + r >= stop or failed(states[e, begin // WIDTH + r // WIDTH, i]):
            errors[row, i] = 0.0
            errors[adjusted + row, i] = 0.0


@lane
def _product(a, b):
    """a * b rounded, and its rounding error."""
    product = a * b
    return product, fma(a, b, -product)


@lane
def _times(a, tail, b):
    """(a + tail) * b as a product and what it lacks."""
    product, lost = _product(a, b)
    return product, fma(tail, b, lost)


@lane
def _plus(high, low, value):
    """A double-double of every lane, and a value added."""
    high, lost = two_sum(high, value)
    return high, low + lost


@lane
def _close(high, low, errors, spill, out, row, column):
    """The double-doubles of all lanes added up in order; rows `spill` and `spill + 1` of errors are free for it."""
    store(errors, spill, high)
    store(errors, spill + 1, low)
    total, rest = 0.0, 0.0
    for i in range(WIDTH):
        total, lost = two_sum(total, errors[spill, i])
        rest += lost + errors[spill + 1, i]
    out[row, column], out[row, column + 1] = two_sum(total, rest)


@lane
def _powers(errors, begin, rows, spill, out, row, column):
    zero = splat(0.0)
    h1, h2, h3, h4, h5, h6 = zero, zero, zero, zero, zero, zero
    l1, l2, l3, l4, l5, l6 = zero, zero, zero, zero, zero, zero
    for g in range(begin, begin + rows):
        e = load(errors, g)
        e2, t2 = _product(e, e)
        e3, t3 = _times(e2, t2, e)
        e4, t4 = _times(e3, t3, e)
        e5, t5 = _times(e4, t4, e)
        e6, t6 = _times(e5, t5, e)
        h1, l1 = _plus(h1, l1, e)
        h2, l2 = _plus(h2, l2 + t2, e2)
        h3, l3 = _plus(h3, l3 + t3, e3)
        h4, l4 = _plus(h4, l4 + t4, e4)
        h5, l5 = _plus(h5, l5 + t5, e5)
        h6, l6 = _plus(h6, l6 + t6, e6)
    _close(h1, l1, errors, spill, out, row, column)
    _close(h2, l2, errors, spill, out, row, column + 2)
    _close(h3, l3, errors, spill, out, row, column + 4)
    _close(h4, l4, errors, spill, out, row, column + 6)
    _close(h5, l5, errors, spill, out, row, column + 8)
    _close(h6, l6, errors, spill, out, row, column + 10)


@lane
def _extremes(states, e, begin, stop, errors, first, spill, out, column):
    """The largest of the good errors and of their negatives; -inf where there is none."""
    high, low = -np.inf, -np.inf
    if out[e, codes.OK] == stop - begin and (stop - begin) % WIDTH == 0:
        most, least = load(errors, first), load(errors, first)
        for g in range(first + 1, first + (stop - begin) // WIDTH):
            most, least = maximum(most, load(errors, g)), minimum(least, load(errors, g))
        store(errors, spill, most)
        store(errors, spill + 1, least)
        for k in range(WIDTH):
            high, low = max(high, errors[spill, k]), max(low, -errors[spill + 1, k])
    else:
        for r in range(stop - begin):
            if not failed(states[e, begin // WIDTH + r // WIDTH, r % WIDTH]):
                error = errors[first + r // WIDTH, r % WIDTH]
                high, low = max(high, error), max(low, -error)
    out[e, column], out[e, column + 1] = high, low


@lane
def _sizes(errors, begin, rows, spill, out, row):
    high, low = splat(0.0), splat(0.0)
    for g in range(begin, begin + rows):
        high, low = _plus(high, low, magnitude(load(errors, g)))
    _close(high, low, errors, spill, out, row, _A1)


@lane
def _products(errors, i, j, rows, spill, out, row, column):
    """Sums of products, each rounded: they serve standard errors alone, which need fewer digits than values."""
    zero = splat(0.0)
    h11, h21, h12, h22 = zero, zero, zero, zero
    l11, l21, l12, l22 = zero, zero, zero, zero
    for g in range(rows):
        a, b = load(errors, i + g), load(errors, j + g)
        ab = a * b
        h11, l11 = _plus(h11, l11, ab)
        h21, l21 = _plus(h21, l21, ab * a)
        h12, l12 = _plus(h12, l12, ab * b)
        h22, l22 = _plus(h22, l22, ab * ab)
    _close(h11, l11, errors, spill, out, row, column)
    _close(h21, l21, errors, spill, out, row, column + 2)
    _close(h12, l12, errors, spill, out, row, column + 4)
    _close(h22, l22, errors, spill, out, row, column + 6)


@lane
def _compare(errors, i, j, rows, spill, out, row):
    """How often which error is the smaller, and the sum of |ef|."""
    smaller, larger, high, low = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    for g in range(rows):
        a, b = magnitude(load(errors, i + g)), magnitude(load(errors, j + g))
        smaller = smaller + select(a < b, splat(1.0), splat(0.0))
        larger = larger + select(a > b, splat(1.0), splat(0.0))
        high, low = _plus(high, low, a * b)
    _close(high, low, errors, spill, out, row, _A11)
    store(errors, spill, smaller)
    store(errors, spill + 1, larger)
    out[row, 0] = rows * WIDTH
    for k in range(WIDTH):
        out[row, 1] += errors[spill, k]
        out[row, 2] += errors[spill + 1, k]


@lane
def _compare_some(states, i, j, begin, stop, rows, errors, out, row):
    """The counts of `_compare` where some replications failed or lie beyond the last one."""
    out[row, :3] = 0.0
    for r in range(stop - begin):
        g, k = r // WIDTH, r % WIDTH
        at = begin // WIDTH + g
        if not failed(states[i, at, k]) and not failed(states[j, at, k]):
            a, b = abs(errors[i * rows + g, k]), abs(errors[j * rows + g, k])
            out[row, 0] += 1.0
            out[row, 1] += a < b
            out[row, 2] += a > b


GROUPS = 4 * WIDTH  # a replication's group is its number modulo this: for the jackknife


def joint_columns(coefficients, controlled):
    """Numbers of an estimator's joint sums of a group: how many replications, then the sums of e and of the products of
    any two e, of all coefficients; with a control variate the same of u. 0 where there is but one coefficient."""
    if coefficients < 2:
        return 0
    views = 2 if controlled else 1
    return 1 + views * (coefficients + coefficients * (coefficients + 1) // 2)


@lane
def sum_jointly(states, parameters, coefficients, begin, stop, errors, joint):
    """Joint sums of each estimator's coefficients, by groups of replications, as `joint_columns` names them.

    errors: as `sum_chunk` leaves them, the coefficients being the first of an estimator's `parameters`; joint: float64
    (estimators * columns * 4, WIDTH).
    """
    rows, count = (stop - begin + WIDTH - 1) // WIDTH, states.shape[0]
    columns = joint.shape[0] // 4 // (count // parameters)
    views = 1 if columns == 1 + coefficients + coefficients * (coefficients + 1) // 2 else 2
    joint[:] = 0.0
    for e in range(count // parameters):
        target, at = e * parameters, e * columns * 4
        for r in range(stop - begin):
            if not failed(states[target, begin // WIDTH + r // WIDTH, r % WIDTH]):
                joint[at + r // WIDTH % 4, r % WIDTH] += 1.0
        for view in range(views):
            for j in range(coefficients):
                first, at = (view * count + target + j) * rows, at + 4
                for g in range(rows):
                    store(joint, at + g % 4, load(joint, at + g % 4) + load(errors, first + g))
            for j in range(coefficients):
                for k in range(j + 1):
                    one, other = (view * count + target + j) * rows, (view * count + target + k) * rows
                    at += 4
                    for g in range(rows):
                        product = load(errors, one + g) * load(errors, other + g)
                        store(joint, at + g % 4, load(joint, at + g % 4) + product)


@dataclass(frozen=True)
class Node:
    """Everything that is summed over replications first .. first + count - 1 of a cell.

    errors: float64 (targets, len(ERRORS.columns)), a target being a parameter of an estimator; pairs: float64 (pairs of
    targets, len(PAIRS.columns)); bins: for each target the histogram of its errors, as in `histograms`; joint: float64
    (estimators, columns, GROUPS), see `joint_columns`.
    """

    first: int
    count: int
    errors: np.ndarray
    pairs: np.ndarray
    bins: tuple
    joint: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, GROUPS)))

    @property
    def stop(self):
        return self.first + self.count

    def bits(self):
        """All that makes two nodes the same, bytes."""
        arrays = (self.errors, self.pairs, self.joint, *(part for own in self.bins for part in own))
        return self.first, self.count, *(part.tobytes() for part in arrays)

    def followed_by(self, other):
        """The node of both together; `other` starts where this one stops."""
        errors, pairs = ERRORS.add(self.errors, other.errors), PAIRS.add(self.pairs, other.pairs)
        bins = tuple(merge_bins(own) for own in zip(self.bins, other.bins, strict=True))
        return Node(self.first, self.count + other.count, errors, pairs, bins, self.joint + other.joint)


def aligned_runs(first, stop):
    """first..stop-1 cut into the fewest runs (start, length) that are nodes of the tree: their length is a power of
    two, and their start a multiple of it."""
    while first < stop:
        length = 1 << ((stop - first).bit_length() - 1)
        if first:
            length = min(length, first & -first)
        yield first, length
        first += length


def fold(layout, leaves):
    """The sums of a node from those of its leaves, an array (leaves, ...) of a power of two of them."""
    while len(leaves) > 1:
        leaves = layout.add(leaves[0::2], leaves[1::2])
    return leaves[0]


def fold_joint(leaves):
    """The joint sums of a node from those of its leaves, as `fold`."""
    while len(leaves) > 1:
        leaves = leaves[0::2] + leaves[1::2]
    return leaves[0]


def joined(nodes, chunk):
    """Nodes in order, adjacent siblings of the tree over chunks joined to their parent wherever both are there."""
    stack = []
    for node in nodes:
        stack.append(node)
        while len(stack) > 1 and _siblings(stack[-2], stack[-1], chunk):
            second = stack.pop()
            stack.append(stack.pop().followed_by(second))
    return stack


def total(nodes, chunk):
    """One node of all that are given, without gaps from the first replication on; bits depend on the end alone."""
    first, *rest = joined(nodes, chunk)
    for node in rest:
        first = first.followed_by(node)
    return first


def _siblings(node, other, chunk):
    whole = node.count == other.count and node.count % chunk == 0 and node.stop == other.first
    return whole and node.first % (2 * node.count) == 0
