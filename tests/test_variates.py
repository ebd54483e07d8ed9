"""Gamma and beta variates against SciPy's distribution functions; a lane's numbers depend on no other lane."""

import functools
import math

import numpy as np
import pytest
from scipy import special, stats

from simcore import jit, variates
from simcore.lanes import WIDTH, load, store
from simcore.streams import random_bits, start, stream_keys
from tests.running import same_bits

FALSE_ALARM = 2 * special.ndtr(-4.5)
DRAWS, GROUPS = 100, 250
KEYS = stream_keys(5, "variates")
SHAPES = [(1.0, 1.0), (1.7, 3.0), (0.3, 12.0), (0.02, 0.05), (200.0, 0.9), (1e6, 1e6)]


def _draw(keys, first_group, shapes, out, bits):
    """Into row i of out[group] pair i and a beta; into `bits` what the stream of each group gives next."""
    for group in range(out.shape[0]):
        stream = start(keys, 0, first_group + group)
        a, b = load(shapes, 0), load(shapes, 1)
        for i in range(out.shape[1] // 3):
            x, y, stream = variates.gamma_pair(stream, a, b)
            store(out[group], 3 * i, x)
            store(out[group], 3 * i + 1, y)
            x, stream = variates.beta(stream, a, b)
            store(out[group], 3 * i + 2, x)
        word, stream = random_bits(stream)
        store(bits, group, word)


@functools.cache
def _compiled():
    return jit.compiled(_draw)


def _drawn(shapes, groups=GROUPS, draws=DRAWS, compiled=True, first_group=0):
    """(out, bits); shapes: a pair, or a row of them for each lane."""
    rows = np.ascontiguousarray(np.broadcast_to(np.reshape(shapes, (2, -1)), (2, WIDTH)), float)
    out, bits = np.empty((groups, 3 * draws, WIDTH)), np.empty((groups, WIDTH), np.uint64)
    with np.errstate(all="ignore"):
        (_compiled() if compiled else _draw)(KEYS, first_group, rows, out, bits)
    return out, bits


def _p_value(x, cdf):
    """Kolmogorov-Smirnov, by the limiting law."""
    u = np.sort(cdf(x.ravel()))
    distance = np.max(np.abs(u - (np.arange(u.size) + 0.5) / u.size)) + 0.5 / u.size
    return stats.kstwobign.sf(distance * math.sqrt(u.size))


@pytest.mark.parametrize("a, b", SHAPES)
def test_laws(a, b):
    """Of 200000 draws each, Kolmogorov-Smirnov; a beta below the smallest float64 counts as 0."""
    out, _ = _drawn((a, b))
    for k, cdf in enumerate((lambda x: special.gammainc(a, x), lambda x: special.gammainc(b, x))):
        assert _p_value(out[:, k::3], cdf) > FALSE_ALARM
    x = out[:, 2::3]
    assert np.all((x >= 0.0) & (x <= 1.0))
    beta = stats.beta(a, b)
    edge = 1e-12  # 1 - x has no digits beyond
    inside = x[(x > 1e-300) & (x < 1.0 - edge)]
    low, high = beta.cdf(1e-300), beta.cdf(1.0 - edge)
    for share, count in ((low, np.sum(x <= 1e-300)), (high - low, inside.size)):
        assert stats.binomtest(int(count), x.size, share).pvalue > FALSE_ALARM
    assert _p_value(inside, lambda x: (beta.cdf(x) - low) / (high - low)) > FALSE_ALARM
    u, v = (special.gammainc(shape, out[:, k::3]) - 0.5 for k, shape in enumerate((a, b)))
    assert abs(np.mean(u * v)) < 4.5 / 12 / math.sqrt(u.size)


def test_a_wrong_law_is_seen():
    """Broken twins: a shape 1 % off, and rejection left out."""
    x = _drawn((1.7, 3.0))[0][:, ::3]
    assert _p_value(x, lambda x: special.gammainc(1.717, x)) < FALSE_ALARM
    z = np.random.default_rng(1).standard_normal(200_000)
    d = 1.7 - 1 / 3
    v = (1 + z / math.sqrt(9 * d)) ** 3
    assert _p_value(d * v[v > 0], lambda x: special.gammainc(1.7, x)) < FALSE_ALARM


def test_compiled_equals_plain():
    """To the bit, the streams too, with another shape in each lane and for far replications."""
    shapes = np.stack([np.geomspace(0.05, 900.0, WIDTH), np.geomspace(30.0, 0.3, WIDTH)])
    for first_group in (0, 2**33):
        compiled, plain = (_drawn(shapes, 2, 10, compiled, first_group) for compiled in (True, False))
        assert all(same_bits(a, b) for a, b in zip(compiled, plain, strict=True))


def test_a_lane_depends_on_no_other():
    """Other shapes in the other lanes, which then are rejected at other times, change neither numbers nor stream."""
    alone = np.full((2, WIDTH), 1.0)
    for lane in range(WIDTH):
        mixed = np.stack([np.geomspace(1.0, 900.0, WIDTH), np.geomspace(30.0, 0.3, WIDTH)])
        mixed[:, lane] = 1.0
        one, other = _drawn(alone, 20), _drawn(mixed, 20)
        assert np.array_equal(one[0][..., lane], other[0][..., lane])
        assert np.array_equal(one[1][:, lane], other[1][:, lane])
        assert not np.array_equal(one[0][..., lane - 1], other[0][..., lane - 1])


def test_numbers_that_are_none_end():
    """A shape of NaN or infinity gives nothing of use, and does not hang."""
    shapes = np.array([[np.nan] * 4 + [np.inf] * 4, [1.0] * WIDTH])
    assert not np.any(np.isfinite(_drawn(shapes, 1, 2)[0][:, ::3]))
