"""Hampel's three-part loss (Andrews et al. 1972): squared, then absolute, then down to no pull. Not convex."""

from simcore.fmath import with_sign
from simcore.jit import lane
from simcore.lanes import magnitude, maximum, minimum, select, splat
from simcore.registry import POSITIVE, Loss, Parameter


@lane
def _pull(size, p):
    """|psi| at |r|: the lowest of three lines, and 0 beyond."""
    falling = (p[0] / (p[2] - p[1])) * (p[2] - size)
    return maximum(minimum(minimum(size, splat(p[0])), falling), splat(0.0))


@lane
def rho(r, p):
    a, b, c, size = p[0], p[1], p[2], magnitude(r)
    left = maximum(c - size, splat(0.0)) / (c - b)
    falling = a * (b - 0.5 * a) + (0.5 * a * (c - b)) * (1.0 - left * left)
    return select(size <= a, 0.5 * r * r, select(size <= b, a * (size - 0.5 * a), falling))


@lane
def psi(r, p):
    return with_sign(_pull(magnitude(r), p), r)


@lane
def psi_prime(r, p):
    size, slope = magnitude(r), p[0] / (p[2] - p[1])
    falls = select(size < p[2], splat(-slope), splat(0.0))
    return select(size <= p[0], splat(1.0), select(size <= p[1], splat(0.0), falls))


@lane
def weight(r, p):
    size = magnitude(r)
    inside = size <= p[0]
    return select(inside, splat(1.0), _pull(size, p) / select(inside, splat(1.0), size))


def conflict(a, b, c):
    if a <= b < c:
        return None
    return f"has a = {a:g}, b = {b:g}, c = {c:g}", "must be a <= b < c: the ends of its three parts"


PLUGIN = Loss(
    "hampel",
    "squared up to a scales, absolute up to b, falls to no pull at c; a = 1.3522 with b, c in the ratio "
    "1.5 : 3.5 : 8 is 95 % efficient under the normal",
    "Hampel, in Andrews, Bickel, Hampel, Huber, Rogers & Tukey (1972)",
    (
        Parameter("a", "up to where psi grows, in scales", POSITIVE, 1.3522),
        Parameter("b", "up to where psi stays, in scales", POSITIVE, 3.1551),
        Parameter("c", "from where an observation counts for nothing, in scales", POSITIVE, 7.2116),
    ),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    monotone=lambda **values: False,
    conflict=conflict,
    smooth=False,
)
