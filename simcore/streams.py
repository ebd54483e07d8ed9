"""Keyed randomness: a draw is a pure function of (seed, stream version, cell, replication, purpose, index).

The key of a cell and purpose, and the replication number as counter, go through Philox4x32-10 (Salmon et al. 2011),
a bijection of the counter, so no two replications of a cell share a start state. The 256 bits it gives start one
xoshiro256++ stream (Blackman & Vigna 2021) per replication, whose outputs are the draws in order of their index.
"""

import hashlib

import numpy as np

from simcore.fmath import log, sin_pi, with_sign
from simcore.jit import lane
from simcore.lanes import WIDTH, from_bits, lane_numbers, magnitude, root, splat_u64

STREAM_VERSION = 1
PURPOSES = ("errors", "contamination", "design")
ERRORS, CONTAMINATION, DESIGN = range(len(PURPOSES))
KEY_WORDS = 3


def stream_keys(seed, cell_identity):
    """Key words of every purpose of a cell, uint64 of shape (len(PURPOSES), KEY_WORDS), 32 bits in each.

    `cell_identity` is the canonical text of what generates the cell's data.
    """
    keys = np.empty((len(PURPOSES), KEY_WORDS), np.uint64)
    for row, purpose in enumerate(PURPOSES):
        text = f"simcore stream {STREAM_VERSION}\n{seed}\n{purpose}\n{cell_identity}"
        digest = hashlib.sha256(text.encode()).digest()
        keys[row] = np.frombuffer(digest[: 4 * KEY_WORDS], "<u4")
    return keys


@lane
def philox(c0, c1, c2, c3, key0, key1):
    """Philox4x32-10 of four 32-bit counter words under two 32-bit key words, each in uint64 lanes."""
    k0 = splat_u64(key0)
    k1 = splat_u64(key1)
    for _ in range(10):
        product0 = (c0 & 0xFFFFFFFF) * 0xD2511F53
        product1 = (c2 & 0xFFFFFFFF) * 0xCD9E8D57
        c0 = (product1 >> 32) ^ c1 ^ k0
        c1 = product1 & 0xFFFFFFFF
        c2 = (product0 >> 32) ^ c3 ^ k1
        c3 = product0 & 0xFFFFFFFF
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


@lane
def start(keys, purpose, group, column=0):
    """Start state of the streams of lane group `group`: replications group * WIDTH + lane; `column`: of a design."""
    replication = splat_u64(group) * WIDTH + lane_numbers()
    low = replication & 0xFFFFFFFF
    high = replication >> 32
    third = splat_u64(keys[purpose, 2])
    a0, a1, a2, a3 = philox(low, high, splat_u64(2 * column), third, keys[purpose, 0], keys[purpose, 1])
    b0, b1, b2, b3 = philox(low, high, splat_u64(2 * column + 1), third, keys[purpose, 0], keys[purpose, 1])
    return (a0 | (a1 << 32), a2 | (a3 << 32), b0 | (b1 << 32), b2 | (b3 << 32))


@lane
def random_bits(stream):
    """64 random bits per lane and the stream after them (xoshiro256++)."""
    s0, s1, s2, s3 = stream
    total = s0 + s3
    result = ((total << 23) | (total >> 41)) + s0
    shifted = s1 << 17
    s2 = s2 ^ s0
    s3 = s3 ^ s1
    s1 = s1 ^ s2
    s0 = s0 ^ s3
    s2 = s2 ^ shifted
    s3 = (s3 << 45) | (s3 >> 19)
    return result, (s0, s1, s2, s3)


@lane
def to_unit(word):
    """The odd multiple of 2^-53 in (0, 1) that the top 52 bits of a word name."""
    return from_bits((word >> 12) | 0x3FF0000000000000) - 0.9999999999999999


@lane
def to_symmetric(word):
    """The odd multiple of 2^-53 in (-1/2, 1/2) that the top 52 bits of a word name."""
    return (from_bits((word >> 12) | 0x3FF0000000000000) - 1.5) + 1.1102230246251565e-16


@lane
def uniform(stream):
    """One uniform on (0, 1) per lane, and the stream after it."""
    word, stream = random_bits(stream)
    return to_unit(word), stream


@lane
def symmetric(stream):
    """One uniform on (-1/2, 1/2) per lane, and the stream after it."""
    word, stream = random_bits(stream)
    return to_symmetric(word), stream


@lane
def normal_pair(stream):
    """Two independent standard normals per lane, and the stream after them (Box & Muller 1958)."""
    u, stream = uniform(stream)
    word, stream = random_bits(stream)
    s = to_symmetric(word)
    radius = root(-2.0 * log(u))
    # cos(pi s) is positive: its sign comes from the lowest bit of the word, which to_symmetric leaves out.
    cosine = with_sign(sin_pi(0.5 - magnitude(s)), from_bits(word << 63))
    return radius * sin_pi(s), radius * cosine, stream
