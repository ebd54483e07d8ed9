"""The log-cosh loss (Green 1990): psi is a hyperbolic tangent, that of the likelihood of logistic errors."""

from simcore.fmath import exp, log1p, tanh
from simcore.jit import lane
from simcore.lanes import fma, magnitude, select, splat
from simcore.registry import POSITIVE, Loss, Parameter

_LN2 = 0.6931471805599453


@lane
def rho(r, p):
    size = magnitude(r) * (1.0 / p[0])
    t = tanh(size)  # near the centre cosh^2 = 1 + t^2 / (1 - t^2), far out cosh u = e^u (1 + e^-2u) / 2
    square = t * t
    near = 0.5 * log1p(square / select(size < 1.0, 1.0 - square, splat(1.0)))
    far = size + (log1p(exp(-2.0 * size)) - _LN2)
    return (p[0] * p[0]) * select(size < 1.0, near, far)


@lane
def psi(r, p):
    return p[0] * tanh(r * (1.0 / p[0]))


@lane
def psi_prime(r, p):
    t = tanh(r * (1.0 / p[0]))
    return fma(-t, t, splat(1.0))


@lane
def weight(r, p):
    size = magnitude(r)
    return select(size > 0.0, p[0] * tanh(size * (1.0 / p[0])) / select(size > 0.0, size, splat(1.0)), splat(1.0))


PLUGIN = Loss(
    "logcosh",
    "logarithm of the hyperbolic cosine, a smooth Huber; c = 1.2047 is 95 % efficient under the normal",
    "Green (1990)",
    (Parameter("c", "bound of psi, about where the loss turns linear, in scales", POSITIVE, 1.2047),),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
)
