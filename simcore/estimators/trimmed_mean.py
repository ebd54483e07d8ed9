"""Trimmed mean (Tukey & McLaughlin 1963): the mean of what is left after cutting off both ends."""

from simcore.codes import OK
from simcore.jit import lane
from simcore.lanes import load, splat, splat_u64
from simcore.order import tail_count
from simcore.registry import BELOW_HALF, Estimator, Parameter


@lane
def fit(x, n, p, median, mad):
    g = int(p[0])
    total = splat(0.0)
    for i in range(g, n - g):
        total = total + (load(x, i) - median)
    return median + total / (n - 2.0 * g), splat_u64(OK)


PLUGIN = Estimator(
    "trimmed_mean",
    "mean without the `proportion` smallest and the `proportion` largest observations",
    "Tukey & McLaughlin (1963)",
    (Parameter("proportion", "share cut off at each end", BELOW_HALF),),
    fit=fit,
    numbers=lambda n, values: (tail_count(n, values["proportion"]),),
    carried_by=lambda n, values: tail_count(n, values["proportion"]) + 1,
    equivariant=True,
    estimand=lambda population, values: population.trimmed_mean(values["proportion"]),
    influence=lambda population, values, x: population.trimmed_influence(values["proportion"], x),
)
