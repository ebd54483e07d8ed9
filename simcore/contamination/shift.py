"""Asymmetric outliers: some observations stand off by a fixed amount."""

from simcore.jit import lane
from simcore.lanes import load, select, store
from simcore.registry import PROPORTION, Contamination, Parameter
from simcore.streams import uniform


@lane
def apply(stream, x, n, p):
    loc, scale, fraction, size = p[0], p[1], p[2], p[3]
    for i in range(n):
        u, stream = uniform(stream)
        error = scale * load(x, i)
        store(x, i, loc + select(u < fraction, error + size, error))


def components(values, scale):
    fraction = values["fraction"]
    return (1.0 - fraction, 0.0, 1.0), (fraction, values["size"] / scale, 1.0)


PLUGIN = Contamination(
    "shift",
    "with probability `fraction` an observation is replaced by its error + `size`",
    "Huber (1964)",
    (
        Parameter("fraction", "probability of an outlier, for each observation by itself", PROPORTION),
        Parameter("size", "what is added to the error"),
    ),
    apply=apply,
    components=components,
    outliers=lambda values, loc, scale, m: (values["fraction"], abs(values["size"])),
)
