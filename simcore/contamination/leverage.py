"""Bad leverage points: some observations stand far off in the design, and off the plane."""

from simcore.jit import lane
from simcore.lanes import load, select, splat, store
from simcore.registry import PROPORTION, SIZE, Contamination, Parameter
from simcore.streams import uniform


@lane
def apply_design(stream, e, x, n, p, first, q):
    scale, fraction, distance, size = q[0], q[1], q[2], q[3]
    for i in range(n):
        u, stream = uniform(stream)
        bad, error = u < fraction, scale * load(e, i)
        store(e, i, select(bad, error + size, error))
        for j in range(first, p):
            store(x, i * p + j, select(bad, splat(distance), load(x, i * p + j)))


def _bad_at_most(bad, p, values):
    """Where all rows but p - 1 have moved to one point, each of these alone decides along some direction."""
    if values["fraction"] == 0.0:
        return bad
    return None if values["fraction"] == 1.0 else 1 if p > 1 else bad


PLUGIN = Contamination(
    "leverage",
    "with probability `fraction` all regressors are replaced by `distance`, and `size` is added to the error",
    "Rousseeuw & Leroy (1987)",
    (
        Parameter("fraction", "probability of an outlier, for each observation by itself", PROPORTION),
        Parameter("distance", "where its regressors stand", SIZE),
        Parameter("size", "what is added to the error: how far the point is off the plane"),
    ),
    apply_design=apply_design,
    bad_at_most=_bad_at_most,
)
