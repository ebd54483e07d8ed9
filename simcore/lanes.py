"""The lane value: `WIDTH` replications side by side, one per lane of a SIMD register.

A kernel reads like scalar code, but a "number" is one value per lane, and a comparison gives a mask. This module is
the plain meaning of every operation, on NumPy arrays of shape (WIDTH,); `lanes_llvm` gives compiled kernels the same
operation as one LLVM instruction. Both follow IEEE 754 to the bit, so the bits depend neither on the width of the CPU's
registers nor on whether a kernel is compiled. Arithmetic and comparison operators work on lane values (and a scalar).

Data of a lane group is a C-contiguous array of shape (rows, WIDTH), float64 or uint64. Numbers that are the same in
every lane may stand in an array of shape (rows,), float64, which `load` and `gather` read alike.
"""

import ctypes
import math
from fractions import Fraction

import numpy as np

from simcore import jit

WIDTH = 8
_LANE = np.arange(WIDTH)

jit.lowering("simcore.lanes_llvm")  # the LLVM twin of each function below


def splat(x):
    """One float64 in every lane."""
    return np.full(WIDTH, x, np.float64)


def splat_u64(x):
    """One non-negative integer in every lane, as uint64."""
    return np.full(WIDTH, x, np.uint64)


def lane_numbers():
    """0, 1, ..., WIDTH - 1 as uint64."""
    return _LANE.astype(np.uint64)


def load(rows, i):
    """Row i of an array of shape (rows, WIDTH); number i of one of shape (rows,), in every lane."""
    return splat(rows[i]) if rows.ndim == 1 else rows[i].copy()


def store(rows, i, value):
    """Write a lane value to row i."""
    rows[i] = value


def store_half(rows, i, value):
    """Write the low 32 bits of uint64 lanes to row i of a uint32 array of shape (rows, WIDTH)."""
    rows[i] = value.astype(np.uint32)


def gather(rows, index):
    """In lane l the number rows[index[l], l], or of an array of shape (rows,) the number rows[index[l]]."""
    return rows[index.astype(np.int64)] if rows.ndim == 1 else rows[index.astype(np.int64), _LANE]


def numbers_in(rows, first, count):
    """`count` numbers from row `first` on, one after the other, as an array (count,) that shares their memory."""
    return rows.reshape(-1)[first * WIDTH : first * WIDTH + count]


def numbers_at(address, count):
    """`count` float64 in memory from an address on, both as float64, as an array (count,): something else must keep
    them alive, see `held`."""
    return np.frombuffer((ctypes.c_double * int(count)).from_address(int(address)))


def borrowed(array):
    """The same array without a share in its ownership: compiled code then counts no references, which costs atomics.

    Something else must keep the array alive; `keep` at the end of the borrower's work does.
    """
    return array


@jit.lane
def two_sum(a, b):
    """a + b rounded, and its rounding error (Knuth 1969)."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


@jit.lane
def keep(array, other):
    """Do nothing, late: the two arrays live until here."""


def select(mask, a, b):
    """a where the mask is set, else b."""
    return np.where(mask, a, b)


def both(mask, other):
    """Lanes set in both masks."""
    return mask & other


def either(mask, other):
    """Lanes set in one of the masks or in both."""
    return mask | other


def invert(mask):
    """Lanes not set in the mask."""
    return ~mask


def any_lane(mask):
    """Whether a lane is set, as a plain bool."""
    return bool(np.any(mask))


def minimum(a, b):
    """a where a < b, else b (so b where one is NaN)."""
    return np.where(a < b, a, b)


def maximum(a, b):
    """a where a > b, else b (so b where one is NaN)."""
    return np.where(a > b, a, b)


def magnitude(a):
    """|a|."""
    return np.abs(a)


def root(a):
    """Square root, correctly rounded."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(a)


def nearest(a):
    """The nearest integer as a float64, halves to even."""
    return np.rint(a)


def bits(a):
    """The 64 bits of float64 lanes as uint64."""
    return a.view(np.uint64)


def from_bits(a):
    """The float64 lanes that have the bits of uint64 lanes."""
    return a.view(np.float64)


def fma(a, b, c):
    """a * b + c rounded once (Boldo & Melquiond 2008: two-sum in round-to-odd)."""
    a, b, c = np.broadcast_arrays(a, b, c)
    with np.errstate(all="ignore"):
        product, tail = _two_product(a, b)
        low_sum, low_rest = two_sum(c, tail)
        high, rest = two_sum(product, low_sum)
        correction, lost = two_sum(rest, low_rest)
        even = (correction.view(np.int64) & 1) == 0
        toward = np.where((lost > 0) == (correction > 0), 1, -1)
        odd = (correction.view(np.int64) + np.where((lost != 0) & even, toward, 0)).view(np.float64)
        result, size = high + odd, np.abs(product)
        safe = (np.maximum(np.abs(a), np.abs(b)) < 2.0**990) & (size > 2.0**-900) & (size < 2.0**990)
        safe &= np.abs(c) < 2.0**990
        if not safe.all():
            a, b, c = a[~safe], b[~safe], c[~safe]
            exact = a * b + c  # where a product is 0
            for i in np.flatnonzero((a != 0) & (b != 0)):
                exact[i] = _exact_fma(float(a[i]), float(b[i]), float(c[i]))
            result[~safe] = exact
    return result


def _exact_fma(a, b, c):
    """One number where the splitting of `fma` would overflow or lose bits."""
    if not (math.isfinite(a) and math.isfinite(b)) or a == 0 or b == 0:
        return a * b + c
    if not math.isfinite(c):
        return c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _two_product(a, b):
    product = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _split(a):
    scaled = np.asarray(134217729.0 * a, np.float64)
    high = scaled - (scaled - a)
    return high, a - high
