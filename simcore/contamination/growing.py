"""Errors that grow along the design: the farther out, the noisier."""

from simcore.jit import lane
from simcore.lanes import load, magnitude, store
from simcore.registry import Contamination, Interval, Parameter


@lane
def apply_design(stream, e, x, n, p, first, q):
    scale, rate = q[0], q[1]
    for i in range(n):
        store(e, i, scale * load(e, i) * (1.0 + rate * magnitude(load(x, i * p + first))))


PLUGIN = Contamination(
    "growing",
    "the error is multiplied by 1 + rate * |x|, x the first regressor",
    "Goldfeld & Quandt (1965)",
    (Parameter("rate", "growth of the error's scale for each unit of the regressor", Interval(low=0.0, high=1e6)),),
    apply_design=apply_design,
    bad_at_most=lambda bad, p, values: bad,
)
