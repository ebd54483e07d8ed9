"""Mergeable sums: counts and power sums of errors T - truth, in double-double, and the moments they give.

Sums of any pieces add up to the sums of the whole; every addition keeps its rounding error (Knuth 1969, two-sum), so
moments lose no digits to the number of replications, and bias may exceed the spread a millionfold.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from simcore import codes
from simcore.jit import lane
from simcore.lanes import WIDTH, fma, load, splat, store

POWERS = 4
COUNTS = len(codes.NAMES)
COLUMNS = (*codes.NAMES, *(f"s{k}_{part}" for k in range(1, POWERS + 1) for part in ("high", "low")))


@lane
def two_sum(a, b):
    """a + b rounded, and its rounding error."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


@lane
def power_sums(estimates, states, first, stop, truth, out):
    """Sums over replications first..stop-1 (`first` a multiple of WIDTH) of one estimator into out, as in COLUMNS.

    estimates: float64 (groups, WIDTH); states: uint8 of the same shape; out: float64 (len(COLUMNS),).
    """
    high = np.zeros((POWERS, WIDTH))
    low = np.zeros((POWERS, WIDTH))
    errors = np.zeros((1, WIDTH))
    for k in range(COUNTS):
        out[k] = 0.0
    for group in range(first // WIDTH, (stop + WIDTH - 1) // WIDTH):
        good = 0
        for i in range(min(WIDTH, stop - group * WIDTH)):
            good += states[group, i] == codes.OK
        if good == WIDTH:
            out[0] += WIDTH
            error = load(estimates, group) - truth
        else:
            for i in range(WIDTH):
                errors[0, i] = 0.0
            for i in range(min(WIDTH, stop - group * WIDTH)):
                state = states[group, i]
                out[state] += 1.0
                if state < codes.FIRST_FAILURE:
                    errors[0, i] = estimates[group, i] - truth
            error = load(errors, 0)
        power, tail = error, splat(0.0)  # error^(k + 1) and what its rounding lost
        for k in range(POWERS):
            total, rest = two_sum(load(high, k), power)
            store(high, k, total)
            store(low, k, load(low, k) + (rest + tail))
            product = power * error
            tail = fma(tail, error, fma(power, error, -product))
            power = product
    for k in range(POWERS):
        total, rest = 0.0, 0.0
        for i in range(WIDTH):
            total, lost = two_sum(total, high[k, i])
            rest += lost + low[k, i]
        out[COUNTS + 2 * k], out[COUNTS + 2 * k + 1] = two_sum(total, rest)


def add_chunks(total, chunks):
    """Add the sums of chunks, float64 (estimators, chunks, len(COLUMNS)), to those in total, in order."""
    for estimator in range(chunks.shape[0]):
        for chunk in range(chunks.shape[1]):
            for k in range(COUNTS):
                total[estimator, k] += chunks[estimator, chunk, k]
            for k in range(COUNTS, COUNTS + 2 * POWERS, 2):
                high, rest = two_sum(total[estimator, k], chunks[estimator, chunk, k])
                rest += total[estimator, k + 1] + chunks[estimator, chunk, k + 1]
                total[estimator, k], total[estimator, k + 1] = two_sum(high, rest)


def add(a, b):
    """Sums of two pieces together: arrays (..., len(COLUMNS))."""
    result = a + b
    highs, lows = slice(COUNTS, None, 2), slice(COUNTS + 1, None, 2)
    with np.errstate(invalid="ignore", over="ignore"):
        total, rest = two_sum(a[..., highs], b[..., highs])
        result[..., highs], result[..., lows] = two_sum(total, rest + (a[..., lows] + b[..., lows]))
    return result


@dataclass(frozen=True)
class Moments:
    """What the measures read: counts, and moments of the errors e = T - truth of the good replications.

    good, failed: number of replications. mean: of e. central[k], raw[k]: mean of (e - mean)^k and of e^k, k = 2, 3, 4;
    NaN where there is no good replication or where a sum overflowed.
    """

    good: int
    failed: int
    mean: float
    central: dict
    raw: dict


def moments(row):
    """Moments from one row of sums (see COLUMNS); the arithmetic is exact, only the results are rounded."""
    counts = [int(count) for count in row[:COUNTS]]
    good, failed = sum(counts[: codes.FIRST_FAILURE]), sum(counts[codes.FIRST_FAILURE :])
    if good == 0 or not np.all(np.isfinite(row)):
        nothing = dict.fromkeys((2, 3, 4), math.nan)
        return Moments(good, failed, math.nan, nothing, nothing)
    pairs = np.asarray(row[COUNTS:]).reshape(POWERS, 2)
    m1, m2, m3, m4 = ((Fraction(float(high)) + Fraction(float(low))) / good for high, low in pairs)
    central = {
        2: m2 - m1**2,
        3: m3 - 3 * m1 * m2 + 2 * m1**3,
        4: m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4,
    }
    raw = {2: m2, 3: m3, 4: m4}
    for k in (2, 4):  # equal errors leave a rounding of the double-double sums, which may be negative
        central[k], raw[k] = max(central[k], 0), max(raw[k], 0)
    return Moments(
        good, failed, float(m1), {k: float(v) for k, v in central.items()}, {k: float(v) for k, v in raw.items()}
    )
