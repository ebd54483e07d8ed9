"""S-estimate of regression (Rousseeuw & Yohai 1984): the plane whose residuals have the least M-scale."""

from simcore.jit import lane
from simcore.registry import Estimator
from simcore.s_regression import decisive_rows, s_estimate, scale
from simcore.subsets import SUBSETS, number_of_starts


@lane
def fit(q, y, r, n, p, numbers, gamma, work):
    v, code, without = s_estimate(q, y, n, p, number_of_starts(p, int(numbers[0])), gamma, work)
    return code, scale(v, without)


PLUGIN = Estimator(
    "s",
    "least M-scale of the residuals, with Tukey's biweight: half of the observations may be bad",
    "Rousseeuw & Yohai (1984)",
    (SUBSETS,),
    problem="linear",
    fit=fit,
    carried_by=lambda best: best,
    decisive_rows=lambda n, p, values: decisive_rows(n, p),
    equivariant=True,
    work=lambda q: 60 * q * q,
)
