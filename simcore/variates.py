"""Random numbers of laws that several plugins draw from, one per lane, and the stream after them.

Where numbers are rejected, a lane that has its number keeps it and its stream while the others go on: what it gets, and
what comes after, depends on no other lane.
"""

import numpy as np

from simcore.fmath import exp, log, power, root_expm1, sin_pi
from simcore.jit import inlined, lane
from simcore.lanes import any_lane, both, either, invert, root, select, splat, store
from simcore.streams import normal_pair, symmetric, uniform

_MOST_TRIES = 64  # never reached: one in twenty fails, at most


@lane
def normals(stream, x, count, size):
    """Independent normals with standard deviation `size` into `count` rows of x; an odd last one has no twin."""
    for i in range(0, count, 2):
        first, second, stream = normal_pair(stream)
        store(x, i, size * first)
        if i + 1 < count:
            store(x, i + 1, size * second)
    return stream


@inlined
def student_t(stream, df):
    """Student's t with any number df > 0, by polar methods (Bailey 1994): a radius and the sine of a uniform angle."""
    u, stream = uniform(stream)
    s, stream = symmetric(stream)
    return np.sqrt(df) * root_expm1(log(u) * (-2.0 / df)) * sin_pi(s), stream


@inlined
def gamma_pair_above_1(stream, a, b):
    """Two independent gamma variates with shapes a, b >= 1 (lane values) and scale 1, by rejection.

    d v with v = (1 + z / sqrt(9 d))^3 is nearly one of shape a, with d = a - 1/3 and a standard normal z (Marsaglia &
    Tsang 2000); z comes in pairs.
    """
    d, other_d = a - 1.0 / 3.0, b - 1.0 / 3.0
    slope, other_slope = 1.0 / root(9.0 * d), 1.0 / root(9.0 * other_d)
    first, second = splat(0.0), splat(0.0)
    done, other_done = first > 0.0, second > 0.0
    for _ in range(_MOST_TRIES):
        z, other_z, after = normal_pair(stream)
        u, after = uniform(after)
        w, after = uniform(after)
        v, accepted = _proposal(z, u, d, slope)
        other_v, other_accepted = _proposal(other_z, w, other_d, other_slope)
        stream = held(both(done, other_done), stream, after)
        first, second = select(done, first, d * v), select(other_done, second, other_d * other_v)
        done, other_done = either(done, accepted), either(other_done, other_accepted)
        if not any_lane(invert(both(done, other_done))):
            break
    return first, second, stream


@inlined
def gamma_pair(stream, a, b):
    """Two independent gamma variates with shapes a, b > 0 (lane values) and scale 1.

    Below 1, one with the shape raised by 1, times u^(1 / shape).
    """
    small, other_small = a < 1.0, b < 1.0
    x, y, stream = gamma_pair_above_1(stream, select(small, a + 1.0, a), select(other_small, b + 1.0, b))
    u, stream = uniform(stream)
    w, stream = uniform(stream)
    one = splat(1.0)
    return select(small, x * power(u, one, a), x), select(other_small, y * power(w, one, b), y), stream


@inlined
def beta(stream, a, b):
    """Beta with shapes a, b > 0 (lane values): x / (x + y) with gamma x and y.

    The powers of uniforms that small shapes bring are divided as logarithms: both may be too small for a float64.
    """
    small, other_small = a < 1.0, b < 1.0
    x, y, stream = gamma_pair_above_1(stream, select(small, a + 1.0, a), select(other_small, b + 1.0, b))
    u, stream = uniform(stream)
    w, stream = uniform(stream)
    zero = splat(0.0)
    ratio = exp(select(other_small, log(w) / b, zero) - select(small, log(u) / a, zero))
    return x / (x + y * ratio), stream


@inlined
def _proposal(z, u, d, slope):
    """v of `gamma_pair_above_1`, and where it is accepted."""
    t = 1.0 + slope * z
    v = t * t * t
    inside = v > 0.0
    return v, both(inside, log(u) < 0.5 * z * z + d * (1.0 - v + log(select(inside, v, splat(1.0)))))


@inlined
def held(done, stream, after):
    """The stream of each lane: where it was in those that are done."""
    return (
        select(done, stream[0], after[0]),
        select(done, stream[1], after[1]),
        select(done, stream[2], after[2]),
        select(done, stream[3], after[3]),
    )
