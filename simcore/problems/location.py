"""Location: one number for the centre of a sample, under each loss.

The sample arrives sorted, with its median and MAD; residuals are taken from the median first, so that a large offset
costs no digits.
"""

from fractions import Fraction

from simcore.codes import DEGENERATE_SCALE, ITERATION, NOT_CONVERGED, OK
from simcore.jit import lane
from simcore.lanes import (
    any_lane,
    both,
    either,
    fma,
    invert,
    load,
    magnitude,
    select,
    splat,
    splat_u64,
)
from simcore.order import MAD_FACTOR
from simcore.registry import Problem, plugins

_MOST_STEPS = 1000
psi = psi_prime = weight = monotone = smooth = None  # open names: each loss gets a fit_loss in which they are its own


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


def fit_loss(x, n, p, median, mad):
    """M-estimate with fixed scale: p[0] scales, or the normalised MAD where p[0] is 0; the loss has p[1:].

    Newton steps on sum psi((x - mu) / s) = 0 from the median. Where psi never decreases, the root is kept in a bracket,
    and a step that leaves it goes to the middle. Where psi redescends, no step is longer than twice that of iteratively
    reweighted means: twice the way to the minimum of a quadratic majoriser still descends, so the steps end in the root
    that reweighting from the median finds (Huber & Ronchetti 2009, section 7.8).
    """
    q = p[1:]
    scale = splat(p[0]) if p[0] > 0.0 else mad * MAD_FACTOR
    degenerate = scale <= 0.0
    inverse = 1.0 / select(degenerate, splat(1.0), scale)
    mu = splat(0.0)  # in scales, from the median
    low, high = (load(x, 0) - median) * inverse, (load(x, n - 1) - median) * inverse
    done = degenerate
    passes = splat_u64(0)
    for _ in range(_MOST_STEPS):
        passes = select(done, passes, passes + ITERATION)
        pull, slope, weights, r = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        for i in range(n):
            r = fma(load(x, i) - median, inverse, -mu)
            pull = pull + psi(r, q)
            slope = slope + psi_prime(r, q)
            if not monotone:
                weights = weights + weight(r, q)
        tolerance = 1e-13 + 4e-16 * magnitude(mu)
        if monotone:
            # Without slope every psi is at its bound: the sum is 0 but for rounding, or a bound or more. Where it is 0,
            # every mu between the two middle observations' flat parts is a root, and the median is their middle.
            flat = both(slope == 0.0, magnitude(pull) < 0.5 * magnitude(psi(r, q)))
            pull = select(flat, splat(0.0), pull)
            low, high = select(pull > 0.0, mu, low), select(pull < 0.0, mu, high)
            target = mu + pull / slope
            newton = either(both(target > low, target < high), magnitude(target - mu) <= tolerance)
            target = select(newton, target, 0.5 * low + 0.5 * high)
        else:
            newton = slope > 0.5 * weights
            target = mu + pull / select(newton, slope, 0.5 * weights)
        target = select(either(done, pull == 0.0), mu, target)
        step = magnitude(target - mu)
        mu = target
        tiny = step <= tolerance
        if smooth:  # a Newton step this short leaves an error of the order of its square
            tiny = either(tiny, both(newton, step <= 1e-8))
        done = either(done, tiny)
        if not any_lane(invert(done)):
            break
    estimate = select(degenerate, median, median + mu * scale)
    code = select(degenerate, splat_u64(DEGENERATE_SCALE), splat_u64(OK))
    return estimate, select(done, code, splat_u64(NOT_CONVERGED)) + passes


_CLOSED_FORMS = {"l2": fit_mean, "l1": fit_median, "quantile": fit_quantile}


def fit(choice):
    """The fit function of an estimator of a scenario, and pairs of each name it leaves open and what stands there."""
    if choice.loss is None:
        return plugins("estimators")[choice.name].fit, ()
    if choice.loss in _CLOSED_FORMS:
        return _CLOSED_FORMS[choice.loss], ()
    loss = plugins("losses")[choice.loss]
    return fit_loss, tuple((name, getattr(loss, name)) for name in ("psi", "psi_prime", "weight", "monotone", "smooth"))


def numbers(choice, n):
    """The array p that the fit function reads: for a loss its scale (0: MAD) and its parameters."""
    if choice.loss is None:
        return plugins("estimators")[choice.name].numbers(n, choice.values)
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
    """How many of n observations must go bad to carry the estimate away: 1 for the mean, half for the other losses."""
    if choice.loss is None:
        return plugins("estimators")[choice.name].carried_by(n, choice.values)
    if choice.loss == "quantile":
        low, high = _quantile_places(n, **choice.values)
        return min(low + 1, n - high)
    return 1 if choice.loss == "l2" else (n + 1) // 2


PLUGIN = Problem(
    "location",
    "the centre of a sample: x = theta + error",
    fit=fit,
    numbers=numbers,
    carried_by=carried_by,
    estimand="theta, the loc of the errors that are not contaminated: the centre of those that are symmetric",
)
