"""Median of means (Nemirovsky & Yudin 1983): the median of the means of blocks, in the order of the sample."""

from simcore.codes import OK
from simcore.jit import lane
from simcore.lanes import load, splat, splat_u64, store
from simcore.order import median as median_of
from simcore.order import padded_rows, sort
from simcore.registry import Estimator, Interval, Parameter


@lane
def fit(x, n, p, median, mad):
    """Of n observations block b holds those from b n / blocks on; its mean takes the place of what was read before."""
    blocks = int(p[0])
    for b in range(blocks):
        first, end = b * n // blocks, (b + 1) * n // blocks
        total = splat(0.0)
        for i in range(first, end):
            total = total + (load(x, i) - median)
        store(x, b, total / float(end - first))
    sort(x[: padded_rows(blocks)], blocks)
    return median + median_of(x, blocks), splat_u64(OK)


def number_of_blocks(n, values):
    return min(int(values["blocks"]), n)


PLUGIN = Estimator(
    "median_of_means",
    "median of the means of `blocks` runs of the sample, of sizes that differ by 1 at most (more than n are n: the "
    "median)",
    "Nemirovsky & Yudin (1983)",
    (Parameter("blocks", "how many means", Interval(low=1, high=1e6, integer=True)),),
    fit=fit,
    numbers=lambda n, values: (number_of_blocks(n, values),),
    carried_by=lambda n, values: (number_of_blocks(n, values) + 1) // 2,
    equivariant=True,
    drawn=True,
    estimand=lambda population, values: population.mean,
    also=("mom",),
)
