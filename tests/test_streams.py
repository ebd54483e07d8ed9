"""Keyed streams: published vectors, a twin in Python integers, distinct starts, and no correlation between streams."""

import functools
import math
from fractions import Fraction

import numpy as np
import pytest

from simcore import jit, streams
from simcore.lanes import WIDTH, load, splat_u64, store
from tests.oracles import streams as oracle
from tests.running import over_rows, rows_of, same_bits

PHILOX = (  # Random123, known-answer file: counter, key, result
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)
XOSHIRO = (  # from state (1, 2, 3, 4), as the authors' C program prints
    *(41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205),
    *(9973669472204895162, 14011001112246962877, 12406186145184390807, 15849039046786891736, 10450023813501588000),
)
LIMIT = 4.5  # standard errors: a false alarm once in 147000 comparisons
EXTREME = rows_of(np.array([0, 1, 4095, 4096, 2**63 - 1, 2**63, 2**64 - 4096, 2**64 - 1], "u8"))


def _philox_kernel(words, key, out):
    c0, c1, c2, c3 = streams.philox(load(words, 0), load(words, 1), load(words, 2), load(words, 3), key[0], key[1])
    store(out, 0, c0)
    store(out, 1, c1)
    store(out, 2, c2)
    store(out, 3, c3)


def _words_kernel(state, out):
    stream = (load(state, 0), load(state, 1), load(state, 2), load(state, 3))
    for i in range(out.shape[0]):
        word, stream = streams.random_bits(stream)
        store(out, i, word)


def _start_kernel(keys, purpose, first_group, out):
    for group in range(out.shape[0] // 4):
        s0, s1, s2, s3 = streams.start(keys, purpose, first_group + group)
        store(out, 4 * group, s0)
        store(out, 4 * group + 1, s1)
        store(out, 4 * group + 2, s2)
        store(out, 4 * group + 3, s3)


def _uniform_kernel(keys, purpose, first_group, out):
    for group in range(out.shape[0]):
        stream = streams.start(keys, purpose, first_group + group)
        for i in range(out.shape[1]):
            u, stream = streams.uniform(stream)
            store(out[group], i, u)


@pytest.fixture(scope="module", params=[True, False], ids=["compiled", "plain"])
def mode(request):
    """Compiles a kernel, or leaves it as it is."""
    return functools.cache(jit.compiled) if request.param else lambda kernel: kernel


@pytest.fixture(scope="module")
def uniforms():
    """uniforms(seed, cell, purpose, first_group, groups, draws): float64 (groups, draws, WIDTH)."""
    kernel = jit.compiled(_uniform_kernel)

    def draw(seed=1, cell="a", purpose=0, first_group=0, groups=2000, draws=16):
        out = np.zeros((groups, draws, WIDTH))
        kernel(streams.stream_keys(seed, cell), purpose, first_group, out)
        return out

    return draw


@pytest.mark.parametrize("counter, key, result", PHILOX)
def test_philox_known_answers(mode, counter, key, result):
    """Published vectors, in every lane; and the oracle gives them too."""
    out = np.zeros((4, WIDTH), "u8")
    mode(_philox_kernel)(np.array([[word] * WIDTH for word in counter], "u8"), np.array(key, "u8"), out)
    assert out.T.tolist() == [list(result)] * WIDTH
    assert oracle.philox(counter, key) == result


def test_xoshiro_known_answers(mode):
    """The published sequence, in every lane; and the oracle gives it too."""
    out = np.zeros((len(XOSHIRO), WIDTH), "u8")
    mode(_words_kernel)(np.array([[word] * WIDTH for word in (1, 2, 3, 4)], "u8"), out)
    assert out.T.tolist() == [list(XOSHIRO)] * WIDTH
    twin = oracle.Xoshiro((1, 2, 3, 4))
    assert [twin.word() for _ in XOSHIRO] == list(XOSHIRO)


@pytest.mark.parametrize("first_group", [0, 2**29 - 1, 2**40])
def test_streams_equal_the_oracle(mode, first_group):
    """Every lane's start state and uniforms, with replication numbers below, across and above 2^32."""
    seed, cell = 2**63 - 1, "location n=10 \u03b5"
    keys = streams.stream_keys(seed, cell)
    for row, purpose in enumerate(streams.PURPOSES):
        states, draws = np.zeros((8, WIDTH), "u8"), np.zeros((2, 20, WIDTH))
        mode(_start_kernel)(keys, row, first_group, states)
        mode(_uniform_kernel)(keys, row, first_group, draws)
        for group in range(2):
            for lane in range(WIDTH):
                twin = oracle.stream(seed, purpose, cell, (first_group + group) * WIDTH + lane)
                assert states[4 * group : 4 * group + 4, lane].tolist() == twin.s
                assert draws[group, :, lane].tolist() == [twin.unit() for _ in range(20)]


def test_start_states_are_distinct():
    """80000 replications of a cell and both purposes: no 64-bit word of a start state comes twice.

    A chance meeting among 640000 words has probability 640000^2 / 2^65, about 1e-8.
    """
    kernel, words = jit.compiled(_start_kernel), []
    for purpose in range(len(streams.PURPOSES)):
        out = np.zeros((4 * 10000, WIDTH), "u8")
        kernel(streams.stream_keys(5, "cell"), purpose, 0, out)
        words.append(out.ravel())
    words = np.concatenate(words)
    assert len(np.unique(words)) == len(words)


def test_keys_change_with_everything():
    """Seed, purpose and cell each give their own 32-bit words; the same again gives the same."""
    cells = ["a", "b", "a ", "", "n=1", "n=11"]
    keys = {(seed, cell): streams.stream_keys(seed, cell) for seed in (0, 1, 11, 2**63 - 1) for cell in cells}
    rows = [tuple(row) for key in keys.values() for row in key.tolist()]
    assert len(set(rows)) == len(rows) == 4 * len(cells) * len(streams.PURPOSES)
    assert all(0 <= word < 2**32 for row in rows for word in row)
    assert np.array_equal(streams.stream_keys(11, "a"), keys[11, "a"])


@pytest.mark.parametrize("compiled", [True, False])
def test_uniforms_at_the_extreme_words(compiled):
    """Odd multiples of 2^-53 in the open interval, exactly those that the top 52 bits name."""
    unit = over_rows(streams.to_unit, EXTREME, compiled=compiled).ravel()
    symmetric = over_rows(streams.to_symmetric, EXTREME, compiled=compiled).ravel()
    for word, u, s in zip(EXTREME.ravel().tolist(), unit, symmetric, strict=True):
        assert Fraction(u) == Fraction(2 * (word >> 12) + 1, 2**53)
        assert Fraction(s) == Fraction(u) - Fraction(1, 2) and s != 0.0
    assert unit.min() == 2.0**-53 and unit.max() == 1.0 - 2.0**-53
    assert symmetric.min() == -symmetric.max() == -0.5 + 2.0**-53


def test_normal_pair():
    """Both modes to the bit, moments of both normals and of their product, and the sign of the second is a fair bit."""

    def kernel(out):
        for i in range(out.shape[0] // 2):
            stream = (splat_u64(3) + i, streams.lane_numbers() * 977, splat_u64(12345) ^ i, splat_u64(1) << 40)
            for _ in range(20):
                word, stream = streams.random_bits(stream)
            first, second, stream = streams.normal_pair(stream)
            store(out, 2 * i, first)
            store(out, 2 * i + 1, second)

    out, plain = np.zeros((100000, WIDTH)), np.zeros((100, WIDTH))
    jit.compiled(kernel)(out)
    kernel(plain)
    assert same_bits(out[:100], plain)
    z, w = out[::2].ravel(), out[1::2].ravel()
    count = len(z)
    for value, variance in (
        *((z, 1), (w, 1), (z * w, 1), (z**2 - 1, 2), (w**2 - 1, 2), ((z**2 - 1) * (w**2 - 1), 4)),
        *((z**2 * w, 3), (z * w**2, 3), (z**4 - 3, 96), (w**4 - 3, 96), (np.sign(z) * np.sign(w), 1)),
    ):
        assert abs(value.mean()) < LIMIT * math.sqrt(variance / count)


def _worst_correlation(a, b):
    """Largest |correlation| of u, of (u - 1/2)^2 and of the two mixed, in standard errors 1 / sqrt(N)."""
    count = a.size
    forms = [np.sqrt(12.0) * (x.ravel() - 0.5) for x in (a, b)]
    squares = [np.sqrt(180.0) * (x.ravel() - 0.5) ** 2 - np.sqrt(180.0) / 12.0 for x in (a, b)]
    pairs = ((p, q) for p in (forms[0], squares[0]) for q in (forms[1], squares[1]))
    return max(abs(np.mean(p * q)) * math.sqrt(count) for p, q in pairs)


def test_neighbours_are_uncorrelated(uniforms):
    """Neighbouring draws, replications (lanes), lane groups, cells, purposes and seeds, each at the same index."""
    u = uniforms()
    others = {
        "draw": (u[:, :-1], u[:, 1:]),
        "lane": (u[..., :-1], u[..., 1:]),
        "group": (u[:-1], u[1:]),
        "last lane to first": (u[:-1, :, -1], u[1:, :, 0]),
        "cell": (u, uniforms(cell="b")),
        "purpose": (u, uniforms(purpose=1)),
        "seed": (u, uniforms(seed=2)),
    }
    worst = {name: _worst_correlation(a, b) for name, (a, b) in others.items()}
    assert max(worst.values()) < LIMIT, worst


def test_correlation_is_seen(uniforms):
    """Broken twins: the same streams, reflected ones, and a few shared replications."""
    u, v = uniforms(), uniforms(cell="b")
    shared = np.where(np.arange(len(v))[:, None, None] % 50 == 0, u, v)
    assert all(_worst_correlation(u, twin) > 10 for twin in (u, 1.0 - u, shared))


def test_uniforms_are_uniform(uniforms):
    """Each of 256 cells of (0, 1), and each low bit of the 53-bit lattice, is hit as often as it should be."""
    u = uniforms(groups=4000).ravel()
    counts = np.bincount((u * 256).astype(int), minlength=256)
    chi2 = np.sum((counts - len(u) / 256) ** 2) / (len(u) / 256)
    assert abs(chi2 - 255) < LIMIT * math.sqrt(2 * 255) + 10  # normal within 10 at this tail of chi-squared(255)
    lattice = (u * 2.0**53).astype(np.int64)
    assert np.all(lattice & 1 == 1)
    for bit in range(1, 53):
        assert abs(np.mean(lattice >> bit & 1) - 0.5) < LIMIT * 0.5 / math.sqrt(len(u))
