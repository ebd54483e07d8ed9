"""The random streams of simcore in plain Python integers, from the definitions (naive twin; imports no simcore).

Philox4x32-10: Salmon, Moraes, Dror & Shaw (2011). xoshiro256++: Blackman & Vigna (2021).
"""

import hashlib

M32, M64 = 2**32 - 1, 2**64 - 1


def philox(counter, key):
    """Philox4x32-10: four counter words and two key words of 32 bits to four words."""
    x0, x1, x2, x3 = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * x0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * x2, 2**32)
        x0, x1, x2, x3 = high1 ^ x1 ^ k0, low1, high0 ^ x3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) & M32, (k1 + 0xBB67AE85) & M32
    return x0, x1, x2, x3


def rotate(x, k):
    """Rotation of a 64-bit word to the left."""
    return ((x << k) | (x >> (64 - k))) & M64


class Xoshiro:
    """xoshiro256++ from a state of four 64-bit words."""

    def __init__(self, state):
        self.s = list(state)

    def word(self):
        """The next 64 bits."""
        s = self.s
        result = (rotate((s[0] + s[3]) & M64, 23) + s[0]) & M64
        t = (s[1] << 17) & M64
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 45)
        return result

    def unit(self):
        """The next uniform: (2 k + 1) / 2^53 for the top 52 bits k of a word."""
        return (2 * (self.word() >> 12) + 1) / 2**53


def key_words(seed, purpose, cell, version=1):
    """Three 32-bit words: the first twelve bytes of a SHA-256, little-endian."""
    digest = hashlib.sha256(f"simcore stream {version}\n{seed}\n{purpose}\n{cell}".encode()).digest()
    return [int.from_bytes(digest[4 * i : 4 * i + 4], "little") for i in range(3)]


def start_state(words, replication):
    """Two Philox blocks of the replication number; the third key word is the last counter word."""
    low, high = replication & M32, replication >> 32
    blocks = [w for block in (0, 1) for w in philox((low, high, block, words[2]), words[:2])]
    return [blocks[2 * i] | blocks[2 * i + 1] << 32 for i in range(4)]


def stream(seed, purpose, cell, replication):
    """The stream of one replication for one purpose."""
    return Xoshiro(start_state(key_words(seed, purpose, cell), replication))
