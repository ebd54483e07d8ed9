"""Slash errors: a standard normal over an independent uniform on (0, 1)."""

from simcore.fmath import exp, expm1, expm1_tail, log
from simcore.jit import lane
from simcore.lanes import maximum, minimum, select, splat, store
from simcore.registry import Distribution
from simcore.streams import normal_pair, uniform


@lane
def draw(stream, x, n, p):
    for i in range(0, n, 2):
        first, second, stream = normal_pair(stream)
        u, stream = uniform(stream)
        store(x, i, first / u)
        u, stream = uniform(stream)
        store(x, i + 1, second / u)


@lane
def score(z, p):
    # z (1 / y - 1 / (exp(y) - 1)) with y = z^2 / 2, in two forms without cancellation
    y = minimum(0.5 * z * z, splat(1e300))
    near = y < 0.69
    tail, e = expm1_tail(minimum(y, splat(0.69))), exp(-y)
    above, below = select(near, tail, 1.0 - e - y * e), select(near, 1.0 + y * tail, y * (1.0 - e))
    return above / below * z


@lane
def log_density(z, p):
    y = minimum(maximum(0.5 * z * z, splat(1e-300)), splat(1e300))
    return log(-expm1(-y) / y)


PLUGIN = Distribution(
    "slash",
    "standard normal / uniform(0, 1): tails as heavy as Cauchy, a centre as flat as the normal",
    "Rogers & Tukey (1972)",
    draw=draw,
    tail_index=lambda: 1.0,
    mean=lambda: None,
    score=score,
    log_density=log_density,
    information=lambda: 0.20631215785707985,
)
