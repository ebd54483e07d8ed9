"""Standard normal errors."""

from simcore.jit import lane
from simcore.lanes import store
from simcore.registry import Distribution
from simcore.streams import normal_pair


@lane
def draw(stream, x, n, p):
    for i in range(0, n, 2):
        first, second, stream = normal_pair(stream)
        store(x, i, first)
        store(x, i + 1, second)


@lane
def from_normal(z, p):
    return z


@lane
def score(z, p):
    return z


@lane
def log_density(z, p):
    return -0.5 * z * z


PLUGIN = Distribution(
    "normal",
    "standard normal",
    "Box & Muller (1958)",
    draw=draw,
    from_normal=from_normal,
    score=score,
    log_density=log_density,
    information=lambda: 1.0,
    also=("gaussian", "gauss"),
)
