"""The sphere S^{d-1} on lanes: uniform directions, angles, steps on it and off it, and what is said of an answer.

A point is d rows of lanes of length 1, a data set n points one after the other. The true direction is the first axis.
The distance of two points is the angle between them, in radians.
"""

from simcore.fmath import atan2, sin_pi, with_sign
from simcore.jit import lane
from simcore.lanes import fma, from_bits, load, magnitude, minimum, root, select, splat, store
from simcore.streams import normal_pair, random_bits, to_symmetric


@lane
def draw_direction(stream, x, d, length, chosen):
    """A uniform direction of the given length into the d rows x, in the chosen lanes; returns the stream after it."""
    if d <= 2:
        word, stream = random_bits(stream)
        s, sign = to_symmetric(word), from_bits(word << 63)  # `to_symmetric` leaves the lowest bit out
        if d == 1:
            store(x, 0, select(chosen, with_sign(length, sign), load(x, 0)))
        else:
            store(x, 0, select(chosen, length * with_sign(sin_pi(0.5 - magnitude(s)), sign), load(x, 0)))
            store(x, 1, select(chosen, length * sin_pi(s), load(x, 1)))
        return stream
    square = splat(0.0)
    for j in range(0, d, 2):
        first, second, stream = normal_pair(stream)
        square = fma(first, first, square)
        store(x, j, select(chosen, first, load(x, j)))
        if j + 1 < d:
            square = fma(second, second, square)
            store(x, j + 1, select(chosen, second, load(x, j + 1)))
    factor = select(chosen, length / root(square), splat(1.0))
    for j in range(d):
        store(x, j, factor * load(x, j))
    return stream


@lane
def mean(x, n, d, a):
    """The mean of the n points into a."""
    for j in range(d):
        total = splat(0.0)
        for i in range(n):
            total = total + load(x, i * d + j)
        store(a, j, total / float(n))


@lane
def norm(a, d):
    square = splat(0.0)
    for j in range(d):
        square = fma(load(a, j), load(a, j), square)
    return root(square)


@lane
def scale(a, d, factor):
    for j in range(d):
        store(a, j, factor * load(a, j))


@lane
def clear(a, d):
    for j in range(d):
        store(a, j, splat(0.0))


@lane
def project(a, d):
    """Put a back on the sphere; returns its norm before."""
    length = norm(a, d)
    scale(a, d, 1.0 / length)
    return length


@lane
def step(x, v, d):
    """x + v in the place of x: a step off the sphere, even where v is tangent to it."""
    for j in range(d):
        store(x, j, load(x, j) + load(v, j))


@lane
def tangent(x, v, d):
    """Take from v its part along x, in place: from the gradient off the sphere to that on it."""
    along = splat(0.0)
    for j in range(d):
        along = fma(load(x, j), load(v, j), along)
    for j in range(d):
        store(v, j, fma(-along, load(x, j), load(v, j)))


@lane
def exponential(x, v, d, still):
    """Go from x along the great circle in the direction of v, tangent at x, as far as v is long, at most to the
    antipode; lanes that are still stay. In place of x."""
    length = norm(v, d)
    half_turns = minimum(length * 0.3183098861837907, splat(1.0))
    cosine, sine = sin_pi(0.5 - half_turns), sin_pi(minimum(half_turns, 1.0 - half_turns))
    sine = select(length > 0.0, sine / length, splat(1.0))
    square = splat(0.0)
    for j in range(d):
        moved = fma(cosine, load(x, j), sine * load(v, j))
        square = fma(moved, moved, square)
    inverse = 1.0 / root(square)  # 1 but for rounding, which would add up over many steps
    for j in range(d):
        moved = fma(cosine, load(x, j), sine * load(v, j)) * inverse
        store(x, j, select(still, load(x, j), moved))


@lane
def between(x, i, m, d):
    """(angle, its sine, 1 - its cosine) of point i of x and m, accurate also where they are near or opposite (Kahan
    2006)."""
    apart, together = splat(0.0), splat(0.0)
    for j in range(d):
        difference, total = load(x, i * d + j) - load(m, j), load(x, i * d + j) + load(m, j)
        apart, together = fma(difference, difference, apart), fma(total, total, together)
    apart, together = root(apart), root(together)
    return 2.0 * atan2(apart, together), 0.5 * apart * together, 0.5 * apart * apart


@lane
def add_tangent(x, i, m, d, versine, factor, v):
    """Add to v the part of point i of x that is tangent at m, x - cos m, times a factor; versine: 1 - cos."""
    for j in range(d):
        part = fma(versine, load(m, j), load(x, i * d + j) - load(m, j))
        store(v, j, fma(factor, part, load(v, j)))


@lane
def report(a, d, length, values):
    """The quantities of an answer that is `length` long and has the direction of a, of whatever length that is."""
    square = splat(0.0)
    for j in range(1, d):
        square = fma(load(a, j), load(a, j), square)
    off = root(square)
    angle = atan2(off, load(a, 0))
    chord, short = 2.0 * sin_pi(angle * 0.15915494309189535), length - 1.0
    store(values, 0, select(off > 0.0, load(a, 1) / off * angle, 0.0 * angle))
    store(values, 1, angle)
    store(values, 2, angle * angle)
    store(values, 3, length)
    store(values, 4, root(fma(length * chord, chord, short * short)))


@lane
def scratch_rows(d):
    """Rows of scratch that any fit may ask for."""
    return d * (d + 6)
