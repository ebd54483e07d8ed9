"""A second cluster of directions: some observations are turned away from the true one, all to the same side."""

from simcore.fmath import sin_pi
from simcore.jit import lane
from simcore.lanes import fma, load, select, splat, store
from simcore.registry import PROPORTION, Contamination, Interval, Parameter
from simcore.streams import uniform


@lane
def apply(stream, x, n, p):
    d, fraction, half_turns = int(p[0]), p[1], p[2] / 180.0
    cosine, sine = sin_pi(splat(0.5 - half_turns)), sin_pi(splat(min(half_turns, 1.0 - half_turns)))
    for i in range(n):
        u, stream = uniform(stream)
        bad, first, second = u < fraction, load(x, i * d), load(x, i * d + 1)
        store(x, i * d, select(bad, fma(cosine, first, -sine * second), first))
        store(x, i * d + 1, select(bad, fma(sine, first, cosine * second), second))


PLUGIN = Contamination(
    "cluster",
    "with probability `fraction` a direction is turned by `angle` from the first axis towards the second",
    "Collett (1980)",
    (
        Parameter("fraction", "probability of an outlier, for each observation by itself", PROPORTION),
        Parameter("angle", "between the true direction and the centre of the outliers, in degrees", Interval(0, 180)),
    ),
    apply=apply,
    problem="direction",
)
