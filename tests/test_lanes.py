"""Lane operations: compiled code and the plain NumPy meaning agree to the bit, also on awkward values."""

import inspect
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simcore import jit, lanes
from simcore.lanes import (
    WIDTH,
    any_lane,
    bits,
    both,
    either,
    fma,
    from_bits,
    gather,
    invert,
    lane_numbers,
    load,
    magnitude,
    maximum,
    minimum,
    nearest,
    numbers_in,
    root,
    select,
    splat,
    splat_u64,
    store,
    store_half,
)
from tests.running import over_rows, rows_of, same_bits

_SIZES = (
    *(0.0, 5e-324, 2.0**-1060, 2.0**-1022, 1e-200, 2.0**-53, 0.3, 0.5, 0.75, 1.0, 1.0 + 2.0**-52, 1.5, 2.5, 3.5),
    *(math.pi, 2.0**51 - 0.5, 2.0**51 + 0.5, 2.0**52 - 0.5, 2.0**52 + 1.0, 2.0**53, 1e200, 1.7976931348623157e308),
)
AWKWARD = np.array([sign * size for size in (*_SIZES, math.inf) for sign in (1.0, -1.0)] + [math.nan])
WORDS = np.array([0, 1, 2, 0xFF, 0x100, 2**31, 2**32 - 1, 2**32, 2**52, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1], "u8")

# One kernel for each kind of value: operation k of NAMES writes rows k, k + len(NAMES), ...
FLOAT_NAMES = (
    *("a+b", "a-b", "a*b", "a/b", "a+1.5", "2-a", "3.0*a", "a/3", "1/a", "-a", "splat", "minimum", "maximum"),
    *("magnitude", "root", "select", "any_lane", "bits and back"),
)
MASK_NAMES = (
    *("a<b", "a<=b", "a>b", "a>=b", "a==b", "a<1.0", "1.0<=a", "a>0", "0>=a", "a==1"),
    *("both", "either", "invert", "any_lane"),
)
WORD_NAMES = (
    *("a+b", "a-b", "a*b", "a&b", "a|b", "a^b", "a<<b%64", "a>>b%64", "a+3", "a-1", "a*5", "a&255", "a<<7", "a>>12"),
    *("a^12345678901", "a|big", "splat_u64", "lane_numbers", "select", "a<b", "a>=b", "a==b"),
)


def _float_operations(a, b, out):
    i = 0
    for row in range(a.shape[0]):
        x, y = load(a, row), load(b, row)
        store(out, i, x + y)
        store(out, i + 1, x - y)
        store(out, i + 2, x * y)
        store(out, i + 3, x / y)
        store(out, i + 4, x + 1.5)
        store(out, i + 5, 2 - x)
        store(out, i + 6, 3.0 * x)
        store(out, i + 7, x / 3)
        store(out, i + 8, 1 / x)
        store(out, i + 9, -x)
        store(out, i + 10, splat(a[row, 3]))
        store(out, i + 11, minimum(x, y))
        store(out, i + 12, maximum(x, y))
        store(out, i + 13, magnitude(x))
        store(out, i + 14, root(x))
        store(out, i + 15, select(x < y, x, y))
        store(out, i + 16, splat(1.0) if any_lane(x > y) else splat(-0.0))
        store(out, i + 17, from_bits(bits(x)))
        i += 18


def _mask_operations(a, b, out):
    yes, no = splat_u64(1), splat_u64(0)
    i = 0
    for row in range(a.shape[0]):
        x, y = load(a, row), load(b, row)
        store(out, i, select(x < y, yes, no))
        store(out, i + 1, select(x <= y, yes, no))
        store(out, i + 2, select(x > y, yes, no))
        store(out, i + 3, select(x >= y, yes, no))
        store(out, i + 4, select(x == y, yes, no))
        store(out, i + 5, select(x < 1.0, yes, no))
        store(out, i + 6, select(1.0 <= x, yes, no))  # noqa: SIM300
        store(out, i + 7, select(x > 0, yes, no))
        store(out, i + 8, select(0 >= x, yes, no))  # noqa: SIM300
        store(out, i + 9, select(x == 1, yes, no))
        store(out, i + 10, select(both(x < y, y > 0.0), yes, no))
        store(out, i + 11, select(either(x < y, y > 0.0), yes, no))
        store(out, i + 12, select(invert(x < y), yes, no))
        store(out, i + 13, yes if any_lane(x == y) else no)
        i += 14


def _word_operations(a, b, out):
    i = 0
    for row in range(a.shape[0]):
        x, y = load(a, row), load(b, row)
        store(out, i, x + y)
        store(out, i + 1, x - y)
        store(out, i + 2, x * y)
        store(out, i + 3, x & y)
        store(out, i + 4, x | y)
        store(out, i + 5, x ^ y)
        store(out, i + 6, x << (y & 63))
        store(out, i + 7, x >> (y & 63))
        store(out, i + 8, x + 3)
        store(out, i + 9, x - 1)
        store(out, i + 10, x * 5)
        store(out, i + 11, x & 255)
        store(out, i + 12, x << 7)
        store(out, i + 13, x >> 12)
        store(out, i + 14, x ^ 12345678901)
        store(out, i + 15, x | 0x8000000000000000)
        store(out, i + 16, splat_u64(a[row, 2]))
        store(out, i + 17, lane_numbers())
        store(out, i + 18, select(x < y, x, y))
        store(out, i + 19, select(x < y, splat_u64(1), splat_u64(0)))
        store(out, i + 20, select(x >= y, splat_u64(1), splat_u64(0)))
        store(out, i + 21, select(x == y, splat_u64(1), splat_u64(0)))
        i += 22


def _memory_operations(rows, index, words, taken, narrow):
    for i in range(index.shape[0]):
        store(taken, i, gather(rows, load(index, i)))
        store_half(narrow, i, load(words, i))


def _pairs(values):
    return rows_of(np.repeat(values, len(values))), rows_of(np.tile(values, len(values)))


CASES = {
    "floats": (_float_operations, FLOAT_NAMES, AWKWARD, np.float64),
    "masks": (_mask_operations, MASK_NAMES, AWKWARD, np.uint64),
    "words": (_word_operations, WORD_NAMES, WORDS, np.uint64),
}


def _differing(case, **mutation):
    """Names of the operations whose compiled and plain results differ; `mutation` replaces names in the plain one."""
    kernel, names, values, dtype = CASES[case]
    a, b = _pairs(values)
    results = []
    for run in (jit.compiled(kernel), jit.rebound(kernel, "mutant", **mutation)):
        out = np.zeros((len(names) * len(a), WIDTH), dtype)
        with np.errstate(all="ignore"):
            run(a, b, out)
        results.append(out)
    return [name for k, name in enumerate(names) if not same_bits(*(out[k :: len(names)] for out in results))]


@pytest.mark.parametrize("case", CASES)
def test_compiled_equals_plain(case):
    """All pairs of awkward values."""
    assert _differing(case) == []


def test_a_difference_is_seen():
    """Broken twins: an operation that is wrong only on ties of zeros or only in one lane is named."""
    assert _differing("floats", minimum=lambda a, b: np.where(a <= b, a, b)) == ["minimum"]
    assert _differing("masks", both=lambda a, b: a) == ["both"]
    assert _differing("words", lane_numbers=lambda: np.arange(WIDTH, dtype="u8") & 6) == ["lane_numbers"]


def test_every_operation_is_compared():
    """A new operation of `lanes` needs a place here."""
    public = {name for name, member in inspect.getmembers(lanes, inspect.isfunction) if not name.startswith("_")}
    kernels = (*(case[0] for case in CASES.values()), _memory_operations, _columns, test_nearest, _exact_fma)
    compared = set().union(*(kernel.__code__.co_names for kernel in kernels))
    ownership = {"borrowed", "keep"}  # change no value; every kernel runs through them
    ownership |= {"numbers_at"}  # an array that is there; test_data_errors draws from it in both ways
    composed = {"two_sum"}  # of operations above; test_sums holds it to exact fractions
    assert public - compared - ownership - composed == set()


def test_minimum_and_maximum_with_nan():
    """The second argument where one is NaN, as documented."""
    nan, one = splat(math.nan), splat(1.0)
    for function in (minimum, maximum):
        assert np.all(function(nan, one) == 1.0) and np.all(np.isnan(function(one, nan)))


@pytest.mark.parametrize("compiled", [True, False])
def test_nearest(compiled):
    """The nearest integer, halves to even, against exact arithmetic (`round` of a Fraction); the sign of 0 is open."""
    rng = np.random.default_rng(1)
    halves = np.arange(-9.5, 10.0)
    sizes = 10.0 ** rng.uniform(-3, 17, 400) * rng.choice([-1.0, 1.0], 400)
    beside = (*np.nextafter(halves, 0.0), *np.nextafter(halves, 99.0))
    finite = AWKWARD[np.isfinite(AWKWARD)]
    between = (np.abs(finite) >= 2.0**51) & (np.abs(finite) < 2.0**52)  # see the next test
    x = rows_of([*finite[~between], *halves, *beside, *sizes])
    got = over_rows(nearest, x, compiled=compiled)
    assert [int(value) for value in got.ravel()] == [round(Fraction(value)) for value in x.ravel()]


@pytest.mark.parametrize("value", [-0.0, -0.3, -0.5, -5e-324, 2.0**52 - 0.5, 2.0**51 + 0.5])
def test_nearest_everywhere(value):
    """To the bit, like every operation."""
    x = rows_of([value])
    assert same_bits(over_rows(nearest, x, compiled=True), over_rows(nearest, x, compiled=False))


def test_memory():
    """`gather` takes row index[l] of lane l; `store_half` keeps the low half: both modes, against indexing."""
    rng = np.random.default_rng(2)
    rows, index = rng.standard_normal((37, WIDTH)), rng.integers(0, 37, (50, WIDTH), dtype="u8")
    words = rng.integers(0, 2**64, (50, WIDTH), dtype="u8")
    for run in (jit.compiled(_memory_operations), _memory_operations):
        taken, narrow = np.zeros((50, WIDTH)), np.zeros((50, WIDTH), np.uint32)
        run(rows, index, words, taken, narrow)
        assert same_bits(taken, np.take_along_axis(rows, index.astype(int), axis=0))
        assert np.array_equal(narrow, words % 2**32)


def _columns(flat, index, taken, rows):
    for i in range(index.shape[0]):
        store(taken, 2 * i, load(flat, i))
        store(taken, 2 * i + 1, gather(flat, load(index, i)))
    seen = numbers_in(rows, 1, 5)
    for i in range(5):
        store(taken, 2 * index.shape[0] + i, load(seen, i))


@pytest.mark.parametrize("compiled", [True, False])
def test_numbers_that_all_lanes_share(compiled):
    """`load` and `gather` of an array (rows,), and `numbers_in` rows: both modes, against indexing."""
    rng = np.random.default_rng(2)
    flat, rows = rng.normal(size=40), rng.normal(size=(3, WIDTH))
    index = rng.integers(0, 40, (6, WIDTH)).astype(np.uint64)
    taken = np.zeros((17, WIDTH))
    (jit.compiled(_columns) if compiled else _columns)(flat, index, taken, rows)
    assert np.array_equal(taken[0:12:2], np.repeat(flat[:6, None], WIDTH, axis=1))
    assert np.array_equal(taken[1:12:2], flat[index])
    assert np.array_equal(taken[12:], np.repeat(rows.ravel()[WIDTH : WIDTH + 5, None], WIDTH, axis=1))


def test_load_copies():
    """Writing a row later does not change what was loaded."""
    rows = np.zeros((2, WIDTH))
    value = load(rows, 1)
    store(rows, 1, splat(1.0))
    assert np.all(value == 0.0) and np.all(rows[1] == 1.0) and np.all(rows[0] == 0.0)


def _exact_fma(a, b, c):
    """a * b + c rounded once (division of integers rounds correctly), and what `fma` gives."""
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    return float(exact), fma(splat(a), splat(b), splat(c))[0]


# The stated domain of the plain fma: no factor so large that splitting it overflows, no product whose rounding error
# would be subnormal.
_factor = st.builds(math.ldexp, st.integers(-(2**53), 2**53).map(float), st.integers(-400, 400))
_addend = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(_factor, _factor, _addend)
@example(1.0 + 2.0**-52, 1.0 - 2.0**-52, -1.0)
@example(1.0 + 2.0**-30, 1.0 + 2.0**-23, -(2.0**-107))
def test_plain_fma_is_rounded_once(a, b, c):
    """Against exact fractions."""
    expected, got = _exact_fma(a, b, c)
    assert got == expected


@settings(max_examples=500, deadline=None, derandomize=True)
@given(_factor, _factor, st.integers(-3, 3), st.sampled_from((0, 1, 27, 52, 53, 54, 55, 100, 106, 107)), st.booleans())
def test_plain_fma_where_rounding_is_hard(a, b, ulps, shift, cancel):
    """Addends that cancel the product, or that stand just beside half an ulp of it."""
    product = a * b
    c = -product + ulps * math.ulp(product) if cancel else math.ulp(product) * 2.0**-shift * (ulps + 0.5)
    expected, got = _exact_fma(a, b, c)
    assert got == expected


def test_compiled_fma_equals_plain():
    """On 40000 random triples of the domain, half of which nearly cancel."""
    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal((2500, WIDTH)) * 2.0 ** rng.integers(-300, 300, (2500, WIDTH)) for _ in range(2))
    for c in (-a * b * (1 + rng.integers(-2, 3, a.shape) * 2.0**-52), a * b * 2.0 ** rng.integers(-60, 60, a.shape)):
        assert same_bits(over_rows(fma, a, b, c, compiled=True), over_rows(fma, a, b, c, compiled=False))
        assert not same_bits(a * b + c, over_rows(fma, a, b, c, compiled=True))


@pytest.mark.parametrize(
    "a, b, c",
    [
        (-1.0, 0.0, -0.0),
        (-4.069988409132877e305, 8.357516932008012e-140, 1.2772316608616705e166),
        (2.8886444826947187e-154, -1.791557930844465e-149, 5.1751739323618276e-303),
        (1e200, 1e200, -math.inf),
    ],
)
def test_fma_everywhere(a, b, c):
    """Compiled and plain agree to the bit, also for the largest and the smallest numbers."""
    rows = [rows_of([value]) for value in (a, b, c)]
    assert same_bits(over_rows(fma, *rows, compiled=True), over_rows(fma, *rows, compiled=False))
