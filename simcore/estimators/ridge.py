"""Ridge regression (Hoerl & Kennard 1970): least squares with a price on large slopes, the remedy for collinearity."""

import math

from simcore.codes import NOT_CONVERGED, OK
from simcore.dense import cholesky_solve
from simcore.jit import lane
from simcore.lanes import fma, load, select, splat, splat_u64, store
from simcore.m_regression import INTERCEPT
from simcore.registry import Estimator, Interval, Parameter


@lane
def fit(q, y, r, n, p, numbers, gamma, work):
    """Minimise sum (y - X beta)^2 + penalty * (sum of squared slopes): solve (R'R + penalty D) beta = R'gamma.

    D is the identity but for the intercept, which is free: numbers[INTERCEPT] says whether there is one. The estimate
    goes back as gamma = R beta.
    """
    gram, beta = work[: p * p], work[p * p : p * p + p]
    free = int(numbers[INTERCEPT])
    for j in range(p):
        for k in range(j + 1):
            total = splat(numbers[0]) if j == k and j >= free else splat(0.0)
            for i in range(k + 1):
                total = fma(load(r, i * p + j), load(r, i * p + k), total)
            store(gram, j * p + k, total)
        total = splat(0.0)
        for i in range(j + 1):
            total = fma(load(r, i * p + j), load(gamma, i), total)
        store(beta, j, total)
    definite = cholesky_solve(gram, beta, p)
    for j in range(p):
        total = splat(0.0)
        for k in range(j, p):
            total = fma(load(r, j * p + k), load(beta, k), total)
        store(gamma, j, total)
    return select(definite, splat_u64(OK), splat_u64(NOT_CONVERGED)), splat(0.0)


PLUGIN = Estimator(
    "ridge",
    "least squares plus `penalty` times the sum of squared slopes; the intercept is free",
    "Hoerl & Kennard (1970)",
    (Parameter("penalty", "price of a squared slope, in units of squared residuals", Interval(low=0.0, high=1e50)),),
    problem="linear",
    fit=fit,
    carried_by=lambda best: 1,
    decisive_rows=lambda n, p, values: math.inf if values["penalty"] > 0.0 else n,
    scaled=False,
    estimand=lambda population, values: population.mean,
    work=lambda q: 4 * q,
)
