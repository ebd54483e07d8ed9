"""What an estimator of location estimates: its value at the distribution of the errors themselves, its estimand.

Where errors are symmetric, that is their centre for every estimator that treats both sides alike. Where they are not,
each loss has a population minimiser of its own (Huber 1967): squared error the mean, absolute error the median, Huber's
loss a point between them. An estimate is biased only against that.
"""

import functools
import math

import numpy as np

from simcore.fmath import exp, log, of_numbers
from simcore.lanes import splat
from simcore.order import MAD_FACTOR
from simcore.quadrature import MARKS, Panels, arsinh, sinh
from simcore.registry import plugins
from simcore.scores import normal_mean_square

_SETTLED = 1e-12  # of a root, relative
_MOST_STEPS = 500
_FAR = (-345.0, -200.0, -100.0, -50.0, 50.0, 100.0, 200.0, 345.0)  # arsinh of errors in tails that no feature reaches


def _by_arsinh(log_density, t, p):
    """The density of an error by its arsinh t, but for a constant."""
    found = log_density(sinh(t), p)
    return np.where(found > -np.inf, exp(found) * (0.5 * (exp(t) + exp(-t))), 0.0)


class Unknown(Exception):
    """An estimand that cannot be worked out; the message is half a sentence that says why."""


class Population:
    """A distribution of errors in standard form, as numbers: means, distribution function, quantiles.

    Where its density is known, t of `quadrature.Panels` is arsinh of the error, else a standard normal of which the
    error is a function that never decreases.
    """

    def __init__(self, name, parameters):
        self.distribution, self.values = plugins("distributions")[name], dict(parameters)
        self._p = p = np.array(tuple(self.values.values()))
        log_density = self.distribution.log_density
        if log_density is not None:
            marks = np.concatenate([at + width * MARKS for at, width in self.distribution.features(**self.values)])
            borders = np.unique(np.concatenate((arsinh(marks).ravel(), _FAR)))
            parts = lambda t: _by_arsinh(log_density, t, p), sinh
        elif self.distribution.from_normal is not None:
            borders = np.arange(-38.0, 38.5, 0.5)
            parts = lambda t: exp(-0.5 * t * t), lambda t: self.distribution.from_normal(t, p)
        else:
            raise Unknown(f"the density of {name} errors has no closed form")
        with np.errstate(all="ignore"):
            self._panels = Panels(*parts, borders)

    def mean_of(self, function):
        """The mean of function(errors), which may have kinks and jumps."""
        with np.errstate(all="ignore"):
            return self._panels.mean_of(function)

    def share_below(self, x):
        """The shares of errors that are at most x, float64 (k,)."""
        with np.errstate(all="ignore"):
            return self._panels.share_below(x)

    def quantile(self, share):
        """The error below which a share of them is."""
        with np.errstate(all="ignore"):
            return self._panels.quantile(share)

    @functools.cached_property
    def median(self):
        if self.distribution.symmetric(**self.values):
            return 0.0
        exact = self.distribution.from_normal
        return float(exact(splat(0.0), self._p)[0]) if exact else self.quantile(0.5)

    @functools.cached_property
    def mean(self):
        """None where there is none."""
        return self.distribution.mean(**self.values)

    def mad(self, centre, near=MAD_FACTOR):
        """Their normalised median absolute deviation about a centre; near: where to look first."""

        def excess(size):
            below, above = self.share_below(np.array([centre - size, centre + size]))
            return float(above - below) - 0.5

        first = near / MAD_FACTOR
        return MAD_FACTOR * _root(excess, first, 0.1 * first, least=0.0)

    def trimmed_mean(self, share):
        """Of what is left after a share was cut off at each end."""
        low, high = self.quantile(share), self.quantile(1.0 - share)
        inside = self.mean_of(lambda x: np.where((x > low) & (x < high), x - low, 0.0))
        return low + inside / (1.0 - 2.0 * share)

    def winsorized_mean(self, share):
        """After a share was pulled in at each end."""
        low, high = self.quantile(share), self.quantile(1.0 - share)
        return low + self.mean_of(lambda x: np.minimum(np.maximum(x - low, 0.0), high - low))

    def median_of_averages(self):
        """The median of (X + X') / 2 of two independent errors."""


        def excess(centre):
            return self.mean_of(lambda x: self.share_below(2.0 * centre - x.ravel()).reshape(x.shape)) - 0.5

        return _root(excess, self.median, self.mad(self.median))


@functools.cache
def population(name, parameters):
    return Population(name, parameters)


@functools.cache
def estimand(choice, errors, problem, which="own"):
    """What an estimator of a scenario measures under errors of a scenario, in data units: `errors.loc` where these are
    symmetric and the estimator treats both sides alike; of regression, of the intercept.

    which: "own", or "mean" or "median" of the errors whatever the estimator. None: there is none, as a mean that is
    infinite. Raises Unknown.
    """
    known(choice, errors, which)
    if _centred(choice, errors, which):
        return errors.loc
    standard = _standard(choice, errors, problem, which)
    return None if standard is None else errors.loc + errors.scale * standard


def known(choice, errors, which):
    """Raises Unknown where an estimand cannot be worked out."""
    distribution = plugins("distributions")[errors.name]
    if which == "mean" and distribution.mean(**errors.values) is None:
        raise Unknown(f"{errors.label} errors have no mean")
    if _centred(choice, errors, which) or _is_mean(choice, which):
        return
    if which == "own" and choice.loss is None and plugins("estimators")[choice.name].estimand is None:
        raise Unknown(f"what {choice.label} estimates under {errors.label} errors is not known")
    if distribution.log_density is None and distribution.from_normal is None:
        raise Unknown(f"the density of {errors.label} errors has no closed form")


def _centred(choice, errors, which):
    """Whether symmetry alone gives the estimand."""
    loss = plugins("losses").get(choice.loss)
    even = loss is None or loss.symmetric or choice.values == {"tau": 0.5}
    return plugins("distributions")[errors.name].symmetric(**errors.values) and (which != "own" or even)


def _is_mean(choice, which):
    return which == "mean" or which == "own" and choice.loss == "l2"


def _standard(choice, errors, problem, which):
    """The estimand for errors in standard form."""
    if _is_mean(choice, which):
        return plugins("distributions")[errors.name].mean(**errors.values)
    own = population(errors.name, errors.parameters)
    if which == "median" or choice.loss == "l1":
        return own.median
    if choice.loss == "quantile":
        return own.quantile(choice.values["tau"])
    if choice.loss is None:
        return plugins("estimators")[choice.name].estimand(own, choice.values)
    return _minimiser(choice, own, errors.scale, problem)


def _minimiser(choice, errors, scale, problem):
    """Of the mean loss: the root of the mean of psi that the fit finds from the median."""
    loss, p = plugins("losses")[choice.loss], np.array((*choice.values.values(), 0.0))
    if not _growth(loss, choice.values, p) < errors.distribution.tail_index(**errors.values):
        return None
    scale_at = _scale(choice, errors, scale, problem, loss, p)

    def push(mu):
        """How far the errors pull mu up, negative: it grows with mu."""
        s = scale_at(mu)
        return -errors.mean_of(lambda x: loss.psi((x - mu) / s, p))

    if loss.monotone(**choice.values):
        return _root(push, errors.median, scale_at(errors.median))
    return _descent(errors, loss, p, scale_at)


def _growth(loss, values, p):
    """The power of far residuals that psi grows like."""
    if loss.bounded(**values):
        return 0.0
    far, farther = (float(loss.psi(splat(size), p)[0]) for size in (1e50, 1e60))
    return of_numbers(log, farther / far) / of_numbers(log, 1e10)


def _scale(choice, errors, scale, problem, loss, p):
    """The scale of the residuals as a function of the estimate."""
    if not loss.scaled:
        return lambda mu: 1.0
    if isinstance(choice.scale, float):
        return lambda mu: choice.scale / scale
    if choice.scale == "proposal2":
        expected = normal_mean_square(loss.psi, tuple(choice.values.values()))

        def proposal_2(mu):
            def excess(s):
                return expected - errors.mean_of(lambda x: np.square(loss.psi((x - mu) / s, p)))

            return _root(excess, errors.mad(mu), 1.0, least=0.0)

        return proposal_2
    of_median = errors.mad(errors.median)
    return lambda mu: errors.mad(mu, of_median) if problem == "linear" else of_median


def _descent(errors, loss, p, scale_at):
    """The root that steps from the median find, none longer than twice that of reweighted means."""
    mu = errors.median
    for _ in range(_MOST_STEPS):
        s = scale_at(mu)
        pull, slope, weight = (
            errors.mean_of(lambda x, verb=verb, mu=mu, s=s: verb((x - mu) / s, p))
            for verb in (loss.psi, loss.psi_prime, loss.weight)
        )
        step = s * pull / max(slope, 0.5 * weight)
        mu += step
        if abs(step) <= _SETTLED * (abs(mu) + s):
            break
    return mu


def _root(function, start, step, least=-math.inf):
    """The root of a function that grows, from `least` on if that is given, by false position (Illinois: Dowell &
    Jarratt 1971)."""
    low = high = start
    at_low = at_high = function(start) if start > least else -1.0
    while at_low > 0.0:
        low, step = max(low - step, 0.5 * (low + least)), 2.0 * step
        at_low = function(low)
    while at_high < 0.0:
        high, step = high + step, 2.0 * step
        at_high = function(high)
    if at_low == 0.0 or at_high == 0.0:
        return low if at_low == 0.0 else high
    for _ in range(_MOST_STEPS):
        middle = high - at_high * (high - low) / (at_high - at_low)
        middle = middle if low < middle < high else 0.5 * (low + high)
        at_middle = function(middle)
        if at_middle == 0.0 or min(middle - low, high - middle) <= _SETTLED * (abs(low) + abs(high)):
            return middle
        if at_middle < 0.0:
            low, at_low, at_high = middle, at_middle, 0.5 * at_high
        else:
            high, at_high, at_low = middle, at_middle, 0.5 * at_low
    return 0.5 * (low + high)
