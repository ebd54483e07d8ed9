"""Winsorized mean (Dixon 1960): the mean after both ends were pulled in to their nearest neighbours."""

from simcore.codes import OK
from simcore.jit import lane
from simcore.lanes import load, splat_u64
from simcore.order import tail_count
from simcore.registry import BELOW_HALF, Estimator, Parameter


@lane
def fit(x, n, p, median, mad):
    g = int(p[0])
    total = float(g) * ((load(x, g) - median) + (load(x, n - 1 - g) - median))
    for i in range(g, n - g):
        total = total + (load(x, i) - median)
    return median + total / float(n), splat_u64(OK)


PLUGIN = Estimator(
    "winsorized_mean",
    "mean after the `proportion` smallest and largest observations took the value of their nearest neighbour",
    "Dixon (1960)",
    (Parameter("proportion", "share pulled in at each end", BELOW_HALF),),
    fit=fit,
    numbers=lambda n, values: (tail_count(n, values["proportion"]),),
    carried_by=lambda n, values: tail_count(n, values["proportion"]) + 1,
    equivariant=True,
    estimand=lambda population, values: population.winsorized_mean(values["proportion"]),
    influence=lambda population, values, x: population.winsorized_influence(values["proportion"], x),
)
