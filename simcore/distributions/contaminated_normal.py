"""Contaminated normal errors: standard normal, but with probability epsilon `ratio` times as wide."""

from simcore.jit import lane
from simcore.lanes import select, store
from simcore.registry import PROPORTION, SIZE, Distribution, Parameter
from simcore.streams import normal_pair, uniform


@lane
def draw(stream, x, n, p):
    epsilon, ratio = p[0], p[1]
    for i in range(0, n, 2):
        first, second, stream = normal_pair(stream)
        u, stream = uniform(stream)
        store(x, i, select(u < epsilon, first * ratio, first))
        u, stream = uniform(stream)
        store(x, i + 1, select(u < epsilon, second * ratio, second))


PLUGIN = Distribution(
    "contaminated_normal",
    "normal with standard deviation 1, or with probability epsilon `ratio`",
    "Tukey (1960)",
    (
        Parameter("epsilon", "probability of the wide component", PROPORTION),
        Parameter("ratio", "its standard deviation", SIZE),
    ),
    draw=draw,
)
