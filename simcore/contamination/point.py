"""Gross errors in one place: some observations are replaced by one value."""

from simcore.jit import lane
from simcore.lanes import load, select, splat, store
from simcore.registry import PROPORTION, Contamination, Parameter
from simcore.streams import uniform


@lane
def apply(stream, x, n, p):
    loc, scale, fraction, at = p[0], p[1], p[2], splat(p[3])
    for i in range(n):
        u, stream = uniform(stream)
        store(x, i, select(u < fraction, at, loc + scale * load(x, i)))


PLUGIN = Contamination(
    "point",
    "with probability `fraction` an observation is replaced by the value `at`",
    "Hampel (1974)",
    (
        Parameter("fraction", "probability of an outlier, for each observation by itself", PROPORTION),
        Parameter("at", "the value of an outlier, whatever loc and scale are"),
    ),
    apply=apply,
    outliers=lambda values, loc, scale, m: (values["fraction"], abs(values["at"] - loc)),
)
