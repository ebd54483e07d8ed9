"""Symmetric outliers: some errors are wider than the others."""

import math

from simcore.jit import lane
from simcore.lanes import load, select, store
from simcore.registry import PROPORTION, SIZE, Contamination, Parameter
from simcore.streams import uniform


@lane
def apply(stream, x, n, p):
    loc, scale, fraction, ratio = p[0], p[1], p[2], p[3]
    for i in range(n):
        u, stream = uniform(stream)
        error = scale * load(x, i)
        store(x, i, loc + select(u < fraction, error * ratio, error))


def components(values, scale):
    fraction = values["fraction"]
    return (1.0 - fraction, 0.0, 1.0), (fraction, 0.0, values["ratio"])


PLUGIN = Contamination(
    "scale",
    "with probability `fraction` the error is multiplied by `ratio`",
    "Tukey (1960)",
    (
        Parameter("fraction", "probability of an outlier, for each observation by itself", PROPORTION),
        Parameter("ratio", "what its error is multiplied by", SIZE),
    ),
    apply=apply,
    components=components,
    outliers=lambda values, loc, scale, m: (values["fraction"], values["ratio"] * scale / math.sqrt(m)),
)
