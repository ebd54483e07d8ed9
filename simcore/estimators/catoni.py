"""Catoni's estimator of a mean (Catoni 2012): the root of sum psi(a (x - theta)) = 0 with a psi like a logarithm.

psi(z) = sign(z) log(1 + |z| + z^2 / 2). With the variance v (or a bound of it) and L = log(1 / delta), a^2 = 2 L / (n v
(1 + 2 L / (n - 2 L))), which is 2 L (n - 2 L) / (n^2 v): the estimate is then off by more than sqrt(2 v L / (n - 2 L))
with a probability of at most 2 delta. As n comes down to 2 L, a falls to 0 and psi to a line, so for n <= 2 L, where
there is no such promise, the estimate is the mean.

How many bad observations carry it away, of a known variance: m of them at distances M move the root to M^(m / (n - m)),
as far as T with the probability of T^(-alpha (n - m)): the least power is that of half of the observations. Of the
sample variance: one, for it is the unit, and grows in proportion.
"""

from simcore import jit
from simcore.codes import OK
from simcore.fmath import log, log1p, with_sign
from simcore.jit import lane
from simcore.lanes import fma, load, magnitude, root, splat, splat_u64
from simcore.m_location import descend
from simcore.registry import SIZE, Estimator, Interval, Parameter


@lane
def psi(z, p):
    size = magnitude(z)
    return with_sign(log1p(fma(0.5 * size, size, size)), z)


@lane
def psi_prime(z, p):
    size = magnitude(z)
    return (1.0 + size) / fma(size, fma(splat(0.5), size, splat(1.0)), splat(1.0))


_solve = lane(
    jit.rebound(descend, "descend_catoni", psi=psi, psi_prime=psi_prime, weight=psi_prime, monotone=True, smooth=True)
)


@lane
def fit(x, n, p, median, mad):
    """p[0]: a^2 v; p[1]: v, 0 for that of the sample, which if it is 0 is a degenerate scale."""
    total = splat(0.0)
    for i in range(n):
        total = total + (load(x, i) - median)
    mean = total / float(n)
    if p[0] <= 0.0:
        return median + mean, splat_u64(OK)
    squares = splat(0.0)
    for i in range(n):
        off = (load(x, i) - median) - mean
        squares = fma(off, off, squares)
    v = splat(p[1]) if p[1] > 0.0 else squares / max(1.0, n - 1.0)
    return _solve(x, n, p, median, root(v / p[0]))


def numbers(n, values):
    double = -2.0 * float(log(splat(values["delta"]))[0])
    known = values["variance"] if isinstance(values["variance"], float) else 0.0
    return max(0.0, double * (n - double) / (float(n) * n)), known


def carried_by(n, values):
    square, known = numbers(n, values)
    return (n + 1) // 2 if known and square else 1


PLUGIN = Estimator(
    "catoni",
    "mean with a logarithmic psi, near it with probability 1 - 2 delta whatever the tails; the mean for n <= "
    "2 log(1 / delta)",
    "Catoni (2012)",
    (
        Parameter("variance", "of an observation, or a bound", SIZE, "sample", ("sample",), quiet=True, power=2),
        Parameter("delta", "half the probability to be farther off", Interval(1e-50, 0.5), 0.05),
    ),
    fit=fit,
    numbers=numbers,
    carried_by=carried_by,
    equivariant=True,
    estimand=lambda population, values: population.mean,
    work=lambda q: 4,
)
