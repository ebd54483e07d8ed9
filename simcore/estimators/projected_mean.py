"""The mean direction: the mean of the coordinates put back on the sphere."""

from simcore.codes import OK
from simcore.jit import lane
from simcore.lanes import splat, splat_u64
from simcore.registry import Estimator
from simcore.sphere import mean, report


@lane
def fit(x, n, p, values, work):
    d = int(p[0])
    mean(x, n, d, work)
    report(work, d, splat(1.0), values)
    return splat_u64(OK)


PLUGIN = Estimator(
    "projected_mean",
    "the mean direction: least squares |x - a|^2 on the sphere, maximum likelihood of von Mises-Fisher",
    "Fisher (1953)",
    problem="direction",
    fit=fit,
)
