"""The plain mean of the coordinates: the least squares answer in the space around the sphere, which it leaves."""

from simcore.codes import OK
from simcore.jit import lane
from simcore.lanes import splat_u64
from simcore.registry import Estimator
from simcore.sphere import mean, norm, report


@lane
def fit(x, n, p, values, work):
    d = int(p[0])
    mean(x, n, d, work)
    report(work, d, norm(work, d), values)
    return splat_u64(OK)


PLUGIN = Estimator(
    "euclidean_mean",
    "the mean of the coordinates, which is shorter than 1: it minimises mean |x - a|^2 over all a",
    "Mardia & Jupp (2000)",
    problem="direction",
    fit=fit,
)
