"""Location: one number for the centre of a sample, under each loss.

See `m_location` for what fits receive and return.
"""

import functools
from fractions import Fraction

from simcore import jit
from simcore.codes import OK
from simcore.jit import lane
from simcore.lanes import load, splat, splat_u64
from simcore.m_location import descend, fit_insensitive, fit_loss, fit_power
from simcore.registry import Problem, own_fit, own_numbers, plugins


@lane
def fit_mean(x, n, p, median, mad):
    """L2: the mean, as the median plus the mean deviation from it."""
    total = splat(0.0)
    for i in range(n):
        total = total + (load(x, i) - median)
    return median + total / float(n), splat_u64(OK)


@lane
def fit_median(x, n, p, median, mad):
    """L1: the median."""
    return median, splat_u64(OK)


@lane
def fit_quantile(x, n, p, median, mad):
    """Check loss: an order statistic, or the middle between the two that are both minimisers; p holds their places."""
    return 0.5 * load(x, int(p[0])) + 0.5 * load(x, int(p[1])), splat_u64(OK)


estimate = None  # open name of `fit_one` and `fit_one_with_numbers`
_OWN_WAYS = {
    "l2": fit_mean,
    "l1": fit_median,
    "quantile": fit_quantile,
    "epsilon_insensitive": fit_insensitive,
    "lp": fit_power,
}


def fit(choice):
    """The fit function of an estimator of a scenario, and pairs of each name it leaves open and what stands there."""
    if choice.loss is None:
        estimator = plugins("estimators")[choice.name]
        return _of_one_sample(estimator) if estimator.scalar else own_fit(choice)
    if choice.loss in _OWN_WAYS:
        return _OWN_WAYS[choice.loss], ()
    return _fit_loss(choice.loss, plugins("losses")[choice.loss].monotone(**choice.values))


@functools.cache
def _fit_loss(name, monotone):
    """Names say how it goes about: compiled functions are found again by their names."""
    loss, way = plugins("losses")[name], "monotone" if monotone else "redescending"
    own = {verb: getattr(loss, verb) for verb in ("psi", "psi_prime", "weight", "smooth")}
    solve = lane(jit.rebound(descend, f"descend_{way}_{name}", monotone=monotone, **own))
    return jit.rebound(fit_loss, f"fit_{way}"), (("solve", solve),)


def fit_one(x, p):
    """An estimator that is a function of one sample, without parameters."""
    return estimate(x)


def fit_one_with_numbers(x, p):
    """The same with parameters."""
    return estimate(x, p)


def _of_one_sample(estimator):
    function = getattr(estimator.scalar, "py_func", estimator.scalar)  # of a compiled one: to be compiled our way
    return fit_one_with_numbers if estimator.parameters else fit_one, (("estimate", lane(function)),)


def numbers(choice, n):
    """The array p that the fit function reads: for a loss its scale (0: MAD) and its parameters."""
    if choice.loss is None:
        return own_numbers(choice, n)
    if choice.loss == "quantile":
        return _quantile_places(n, **choice.values)
    scale = choice.scale if isinstance(choice.scale, float) else 0.0
    return (scale, *choice.values.values())


def _quantile_places(n, tau):
    """Of the two order statistics between which a share tau is below, from 0 on; tau as the decimal it was typed."""
    below = Fraction(repr(tau)) * n
    whole = int(below)
    return (whole - 1, whole) if whole == below else (whole, whole)


def carried_by(choice, n):
    """How many of n observations must go bad to carry the estimate away: half where psi is bounded, else 1; None: not
    known."""
    if choice.loss is None:
        own = plugins("estimators")[choice.name].carried_by
        return own and own(n, choice.values)
    if choice.loss == "quantile":
        low, high = _quantile_places(n, **choice.values)
        return min(low + 1, n - high)
    return (n + 1) // 2 if plugins("losses")[choice.loss].bounded(**choice.values) else 1


PLUGIN = Problem(
    "location",
    "the centre of a sample: x = theta + error",
    fit=fit,
    numbers=numbers,
    carried_by=carried_by,
    estimand="theta, the location of the errors that are not contaminated: the centre of those that are symmetric",
    shown_contaminated=("bias", "variance", "rmse", "efficiency_mse", "median_abs_error", "efficiency"),
    also=("mean", "univariate"),
)
