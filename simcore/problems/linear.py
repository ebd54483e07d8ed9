"""Linear regression: y = X beta + error, fitted under each loss.

Fits see the design as Q R with orthonormal Q and start from the least squares coefficients Q'y: see `m_regression` for
what they receive and return.
"""

import functools
import math

import numpy as np

from simcore import jit, lad, lp_regression
from simcore.codes import OK
from simcore.jit import lane
from simcore.lanes import WIDTH, load, splat, splat_u64, store
from simcore.m_regression import KNOWN, MAD, PROPOSAL_2, START_TAU, descend
from simcore.order import MAD_FACTOR
from simcore.registry import Problem, own_fit, own_numbers, plugins

descent = None  # open name of `fit_redescending`: `descend` for its loss


@lane
def fit_squares(q, y, r, n, p, numbers, gamma, work):
    """L2: the least squares fit, where every fit starts."""
    return splat_u64(OK), splat(0.0)


@lane
def fit_insensitive(q, y, r, n, p, numbers, gamma, work):
    """The epsilon-insensitive loss, numbers[0] being epsilon in the units of y and numbers[2] the scale.

    2 max(|r| - e, 0) = |r - e| + |r + e| - 2 e: least absolute deviations of y - e and y + e, with numbers[1] = 1/2.
    """
    rows, responses = np.empty((2 * n * p, WIDTH)), np.empty((2 * n, WIDTH))
    for i in range(n):
        store(responses, i, load(y, i) - numbers[0])
        store(responses, n + i, load(y, i) + numbers[0])
    for i in range(n * p):
        store(rows, i, load(q, i))
        store(rows, n * p + i, load(q, i))
    code, _ = lad.fit(rows, responses, r, 2 * n, p, numbers[1:], gamma, work)
    return code, splat(numbers[2])


def fit_redescending(q, y, r, n, p, numbers, gamma, work):
    """M-estimate of a loss whose psi redescends: the root below the least absolute deviations fit."""
    lad.fit(q, y, r, n, p, numbers[START_TAU:], gamma, work)
    return descent(q, y, r, n, p, numbers, gamma, work)


@functools.cache
def fit(choice):
    """The fit function of an estimator of a scenario, and pairs of each name it leaves open and what stands there."""
    if choice.loss is None:
        return own_fit(choice)
    if choice.loss in _OWN_WAYS:
        return _OWN_WAYS[choice.loss], ()
    loss = plugins("losses")[choice.loss]
    opened = tuple((name, getattr(loss, name)) for name in ("psi", "psi_prime", "weight", "smooth"))
    if loss.monotone(**choice.values):
        return descend, opened
    return fit_redescending, (("descent", lane(jit.rebound(descend, f"descend_{loss.name}", **dict(opened)))),)


_OWN_WAYS = {
    "l2": fit_squares,
    "l1": lad.fit,
    "quantile": lad.fit,
    "epsilon_insensitive": fit_insensitive,
    "lp": lp_regression.fit,
}


def numbers(choice, n, normal_square):
    """The array that the fit function reads.

    Of a loss: the kind of its scale, and the scale, or what proposal 2 needs: normal_square(), E psi^2 under the
    normal; then its parameters.
    """
    if choice.loss is None:
        return own_numbers(choice, n)
    if choice.loss == "epsilon_insensitive":
        return choice.values["epsilon"] * choice.scale, 0.5, choice.scale
    if choice.loss in _OWN_WAYS:
        return tuple(choice.values.values()) or (0.5,)
    kinds = {"mad": (MAD, 0.0), "proposal2": (PROPOSAL_2, normal_square() if choice.scale == "proposal2" else 0.0)}
    kind = kinds[choice.scale] if isinstance(choice.scale, str) else (KNOWN, choice.scale)
    own = (*kind, *choice.values.values())
    return own + (0.0,) * (START_TAU - len(own)) + (0.5,)


def carried_by(choice, bounded, best, n, normal_square):
    """How many bad responses carry a fit away: `bounded` where psi is (None: not known), else 1, and an estimator's own
    number of the `best` that there can be (see `breakdown`). None: not known.

    A scale that is estimated along lets go sooner: as the fit moves off, the good residuals become the scale, and each
    of the m bad ones pulls with the bound of psi, each of the others with no more than psi(0.67) for the MAD. Of
    proposal 2 the same balance gives a share b / (b + bound^2), b = E psi^2 (Huber & Ronchetti 2009, section 7.7).
    """
    if choice.loss is None:
        own = plugins("estimators")[choice.name].carried_by
        return own and own(best)
    loss = plugins("losses")[choice.loss]
    if not loss.bounded(**choice.values):
        return 1
    if bounded is None or not loss.scaled or isinstance(choice.scale, float) or not loss.monotone(**choice.values):
        return bounded
    p = np.array((*choice.values.values(), 0.0))
    most, at_mad = (float(loss.psi(splat(r), p)[0]) for r in (1e50, 1.0 / MAD_FACTOR))
    share = at_mad / (at_mad + most) if choice.scale == "mad" else normal_square() / (normal_square() + most * most)
    return min(bounded, math.ceil(share * n))


PLUGIN = Problem(
    "linear",
    "the coefficients of a linear regression: y = X beta + error",
    fit=fit,
    numbers=numbers,
    carried_by=carried_by,
    scales=("mad", "proposal2"),
    designed=True,
    estimand="the coefficients (beta0 is the intercept)",
    shown_contaminated=("bias", "variance", "rmse", "efficiency_mse", "median_abs_error", "efficiency"),
    also=("regression", "linear_regression", "ols"),
)
