"""Directions that say nothing: some observations are replaced by uniform ones."""

from simcore.jit import lane
from simcore.lanes import splat
from simcore.registry import PROPORTION, Contamination, Parameter
from simcore.sphere import draw_direction
from simcore.streams import uniform


@lane
def apply(stream, x, n, p):
    d, fraction = int(p[0]), p[1]
    for i in range(n):
        u, stream = uniform(stream)
        stream = draw_direction(stream, x[i * d :], d, splat(1.0), u < fraction)


PLUGIN = Contamination(
    "diffuse",
    "with probability `fraction` a direction is replaced by a uniform one",
    parameters=(Parameter("fraction", "probability of an outlier, for each observation by itself", PROPORTION),),
    apply=apply,
    problem="direction",
)
