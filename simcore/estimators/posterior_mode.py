"""The mode of the posterior, the "maximum a posteriori": best only in the limit of a loss that counts hits."""

from simcore.codes import OK
from simcore.lanes import load, splat_u64, store
from simcore.registry import Estimator

mode = None  # open name: of the model


def fit(x, n, p, values, work):
    store(values, 0, mode(x[1:], n, p) - load(x, 0))
    return splat_u64(OK)


PLUGIN = Estimator(
    "posterior_mode",
    "the highest point of the posterior density",
    "Berger (1985), section 4.3",
    problem="posterior",
    fit=fit,
)
