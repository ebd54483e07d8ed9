"""The median of the posterior: no estimate has a smaller expected absolute loss."""

from simcore.codes import OK
from simcore.lanes import load, splat_u64, store
from simcore.registry import Estimator

median = None  # open name: of the model


def fit(x, n, p, values, work):
    store(values, 0, median(x[1:], n, p) - load(x, 0))
    return splat_u64(OK)


PLUGIN = Estimator(
    "posterior_median",
    "the median of the posterior, best under absolute loss",
    "Lehmann & Casella (1998), chapter 4",
    problem="posterior",
    fit=fit,
)
