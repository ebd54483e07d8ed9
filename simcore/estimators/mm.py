"""MM-estimate of regression (Yohai 1987): breakdown point 1/2 from an S-estimate, efficiency from a second M-estimate.

The S-estimate gives the scale s and the start; the M-estimate with Tukey's biweight and a larger c, at that scale, is
the local minimum below the start.
"""

from simcore.codes import NOT_CONVERGED
from simcore.jit import lane
from simcore.lanes import select, splat_u64
from simcore.registry import POSITIVE, Estimator, Parameter
from simcore.s_regression import S_TUNING, decisive_rows, descend, s_estimate, scale
from simcore.subsets import SUBSETS, number_of_starts


@lane
def fit(q, y, r, n, p, numbers, gamma, work):
    v, code, without = s_estimate(q, y, n, p, number_of_starts(p, int(numbers[1])), gamma, work)
    ratio = S_TUNING / numbers[0]
    _, converged, passes = descend(q, y, n, p, v * (ratio * ratio), 0.0, without, gamma, work)
    return select(converged, code, splat_u64(NOT_CONVERGED)) + passes, scale(v, without)


PLUGIN = Estimator(
    "mm",
    "high breakdown and high efficiency: Tukey's biweight from an S-estimate; c = 4.685 is 95 % efficient",
    "Yohai (1987)",
    (Parameter("c", "from where an observation counts for nothing, in scales", POSITIVE, 4.685), SUBSETS),
    problem="linear",
    fit=fit,
    carried_by=lambda best: best,
    decisive_rows=lambda n, p, values: decisive_rows(n, p),
    equivariant=True,
    loss="tukey",
    work=lambda q: 60 * q * q,
    also=("mm_estimator",),
)
