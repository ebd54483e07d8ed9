"""What an estimator of location estimates: its value at the distribution of the errors themselves, its estimand.

Where errors are symmetric, that is their centre for every estimator that treats both sides alike. Where they are not,
each loss has a population minimiser of its own (Huber 1967): squared error the mean, absolute error the median, Huber's
loss a point between them. An estimate is biased only against that.
"""

import functools
import math

import numpy as np

from simcore.empirical import Empirical
from simcore.errors import UsageError
from simcore.fmath import exp, log, of_numbers
from simcore.lanes import WIDTH, splat
from simcore.order import MAD_FACTOR
from simcore.quadrature import MARKS, Panels, arsinh, sinh
from simcore.registry import plugins
from simcore.roots import false_position
from simcore.scores import normal_mean_square

_SETTLED = 1e-12  # of a root, relative
_MOST_STEPS = 500
_FAR_OFF = 1e150  # beyond all errors; its square is finite
_BESIDE = 1e-6  # of a jump, in scales of the residuals
_BROKEN = 1e100  # a bias beyond all bounds
_FAR = (-345.0, -200.0, -100.0, -50.0, 50.0, 100.0, 200.0, 345.0)  # arsinh of errors in tails that no feature reaches


def _by_arsinh(log_density, t, p):
    """The density of an error by its arsinh t, but for a constant."""
    found = log_density(sinh(t), p)
    return np.where(found > -np.inf, exp(found) * (0.5 * (exp(t) + exp(-t))), 0.0)


class Unknown(UsageError):
    """An estimand that cannot be worked out; the message is half a sentence that says why."""


class Population:
    """A distribution of errors in standard form, as numbers: means, distribution function, quantiles.

    Where the error is a function of a standard normal that never decreases, that is t of `quadrature.Panels`, else
    arsinh of the error.
    """

    def __init__(self, name, parameters):
        self.distribution, self.values = plugins("distributions")[name], dict(parameters)
        self._p = np.array(tuple(self.values.values()))

    @functools.cached_property
    def _panels(self):
        if self.distribution.pieces:
            return Panels.of_pieces(*self.distribution.pieces(**self.values))
        p, log_density, from_normal = self._p, self.distribution.log_density, self.distribution.from_normal
        if from_normal is not None:
            borders = np.arange(-38.0, 38.5, 0.5)
            parts = lambda t: exp(-0.5 * t * t), lambda t: from_normal(t, p)
        elif log_density is not None:
            marks = np.concatenate([at + width * MARKS for at, width in self.distribution.features(**self.values)])
            borders = np.unique(np.concatenate((arsinh(marks).ravel(), _FAR)))
            parts = lambda t: _by_arsinh(log_density, t, p), sinh
        else:
            raise Unknown(f"the density of {self.distribution.name} errors has no closed form")
        with np.errstate(all="ignore"):
            return Panels(*parts, borders)

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

    def quantiles(self, shares):
        """The errors below which shares of them are, float64 (k,)."""
        with np.errstate(all="ignore"):
            return self._panels.quantiles(shares)

    def sample(self, count):
        """The errors below which shares of 1/2, 3/2, 5/2, ... of 1 / count are, as even as the errors: (count,)."""
        shares = (2.0 * np.arange(count) + 1.0) / (2.0 * count)
        if not self.symmetric:
            return self.quantiles(shares)
        upper = self.quantiles(shares[(count + 1) // 2 :])
        return np.concatenate((-upper[::-1], np.zeros(count % 2), upper))

    def density(self, x):
        """The density at x, float64 (k,). Raises Unknown."""
        if self.distribution.log_density is None:
            raise Unknown(f"the density of {self.distribution.name} errors has no closed form")
        with np.errstate(all="ignore"):
            found = of_rows(lambda rows: exp(self.distribution.log_density(rows, self._p)), x)
        return self._panels.mass(found)

    @functools.cached_property
    def symmetric(self):
        return self.distribution.symmetric(**self.values)

    @functools.cached_property
    def median(self):
        if self.symmetric:
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
        if share == 0.0:
            return self.mean
        low, high, centre = self.quantile(share), self.quantile(1.0 - share), self.median
        inside = self.mean_of(lambda x: np.where((x > low) & (x < high), x - centre, 0.0))
        return centre + inside / (1.0 - 2.0 * share)

    def winsorized_mean(self, share):
        """After a share was pulled in at each end."""
        if share == 0.0:
            return self.mean
        low, high, centre = self.quantile(share), self.quantile(1.0 - share), self.median
        return centre + self.mean_of(lambda x: np.clip(x, low, high) - centre)

    def median_of_averages(self):
        """The median of (X + X') / 2 of two independent errors."""

        def excess(centre):
            return self.mean_of(lambda x: self.share_below(2.0 * centre - x.ravel()).reshape(x.shape)) - 0.5

        return _root(excess, self.median, self.mad(self.median))

    # Influence functions at x, float64 (k,), of the functionals above (Huber & Ronchetti 2009, section 3.2 to 3.4)

    def quantile_influence(self, share, x):
        at = self.quantile(share) if share != 0.5 else self.median
        return (share - np.where(x < at, 1.0, np.where(x > at, 0.0, share))) / float(self.density([at])[0])

    def trimmed_influence(self, share, x):
        return self._winsorized(share, x) / (1.0 - 2.0 * share)

    def winsorized_influence(self, share, x):
        ends = (self.quantile_influence(end, x) for end in (share, 1.0 - share)) if share > 0.0 else ()
        return self._winsorized(share, x) + sum(share * end for end in ends)

    def _winsorized(self, share, x):
        """How far x, pulled in at the quantiles of share and 1 - share, is from the mean of errors pulled in."""
        low, high = (self.quantile(share), self.quantile(1.0 - share)) if share > 0.0 else (-math.inf, math.inf)
        centre = self.winsorized_mean(share) if share > 0.0 else self.mean
        return None if centre is None else np.clip(x, low, high) - centre

    def median_of_averages_influence(self, x):
        centre = 0.0 if self.symmetric else self.median_of_averages()
        crowd = self.mean_of(lambda own: of_rows(self.density, 2.0 * centre - own))
        return (0.5 - self.share_below(2.0 * centre - x)) / crowd

    def mad_influence(self, x):
        """Of the normalised MAD about the median (Huber & Ronchetti 2009, section 5.1)."""
        centre, size = self.median, self.mad(self.median) / MAD_FACTOR
        at, low, high = (float(self.density([end])[0]) for end in (centre, centre - size, centre + size))
        outside = np.where(np.abs(x - centre) > size, 0.5, np.where(np.abs(x - centre) < size, -0.5, 0.0))
        return MAD_FACTOR * (outside - (high - low) * self.quantile_influence(0.5, x)) / (high + low)


class Swept(Population):
    """A population of which a share is carried beyond all bounds, to one side: -1 or 1.

    What an estimator makes of it is the worst that such a share can do, if its psi never decreases: then no place moves
    it more than one beyond all others (Huber & Ronchetti 2009, section 1.4 and 4.2).
    """

    symmetric = False

    def __init__(self, population, share, side):
        self.distribution, self.values = population.distribution, population.values
        self._own, self._share, self._side = population, share, side

    def mean_of(self, function):
        far = float(function(np.full((1, WIDTH), self._side * _FAR_OFF))[0, 0])
        return (1.0 - self._share) * self._own.mean_of(function) + self._share * far

    def share_below(self, x):
        return (1.0 - self._share) * self._own.share_below(x) + (self._share if self._side < 0 else 0.0)

    def quantile(self, share):
        inner = (share - (self._share if self._side < 0 else 0.0)) / (1.0 - self._share)
        return self._own.quantile(inner) if 0.0 < inner < 1.0 else self._side * math.inf

    @property
    def median(self):
        return self.quantile(0.5)

    @property
    def mean(self):
        return self._side * math.inf

    def median_of_averages(self):
        whole = (1.0 - self._share) * (1.0 - self._share)  # of pairs, those of which neither is carried off
        return super().median_of_averages() if whole > 0.5 else self._side * math.inf


def of_rows(function, x):
    """What a function of lane values, or of float64 (k,), makes of numbers of any shape and count."""
    x = np.asarray(x, dtype=float)
    rows = np.resize(x, (-(-x.size // WIDTH), WIDTH))
    return function(rows).ravel()[: x.size].reshape(x.shape)


def population(name, parameters):
    """The population of errors in standard form, remembered for as long as what it is read from is the same."""
    distribution = plugins("distributions")[name]
    return _population(name, parameters, distribution.fingerprint(dict(parameters)))


@functools.lru_cache(maxsize=256)
def _population(name, parameters, _fingerprint):
    return (Empirical if plugins("distributions")[name].atoms else Population)(name, parameters)


def estimand(choice, errors, problem, which="own"):
    """What an estimator of a scenario measures under errors of a scenario, in data units: `errors.loc` where these are
    symmetric and the estimator treats both sides alike; of regression, of the intercept.

    which: "own", or "mean" or "median" of the errors whatever the estimator. None: there is none, as a mean that is
    infinite, or it is an intercept of its own that is not known: slopes do not depend on it. Raises Unknown.
    """
    fingerprint = plugins("distributions")[errors.name].fingerprint(errors.values)
    return _estimand(choice, errors, problem, which, fingerprint)


@functools.cache
def _estimand(choice, errors, problem, which, _fingerprint):
    try:
        known(choice, errors, which)
        if centred(choice, errors, which):
            return errors.loc
        standard = _standard(choice, errors, problem, which)
    except Unknown:
        if problem == "linear" and which == "own":
            return None
        raise
    return None if standard is None else errors.loc + errors.scale * standard


def known(choice, errors, which):
    """Raises Unknown where an estimand cannot be worked out."""
    distribution = plugins("distributions")[errors.name]
    if which == "mean" and _lacks_mean(errors):
        raise Unknown(f"{errors.label} errors have no mean")
    if centred(choice, errors, which) or _is_mean(choice, which):
        return
    loss = plugins("losses").get(choice.loss)
    if which == "own" and choice.scale == "proposal2" and not loss.bounded(**choice.values):
        raise Unknown(f"what {choice.label} estimates under {errors.label} errors is not known")
    if which == "own" and choice.loss is None and plugins("estimators")[choice.name].estimand is None:
        raise Unknown(f"what {choice.label} estimates under {errors.label} errors is not known")
    if distribution.log_density is None and distribution.from_normal is None and distribution.atoms is None:
        raise Unknown(f"the density of {errors.label} errors has no closed form")


def kind(errors, which):
    """All that `known` asks of errors: name, symmetry, and whether they lack a mean that is needed."""
    distribution = plugins("distributions")[errors.name]
    return errors.name, distribution.symmetric(**errors.values), which == "mean" and _lacks_mean(errors)


def _lacks_mean(errors):
    """By the tail alone, for a scenario is read before what its errors are read from."""
    tail = plugins("distributions")[errors.name].tail_index(**errors.values)
    return tail is not None and tail <= 1.0


def centred(choice, errors, which):
    """Whether symmetry alone gives the estimand."""
    even = which != "own" or _is_even(choice)
    return plugins("distributions")[errors.name].symmetric(**errors.values) and even


def _is_even(choice):
    """Whether an estimator treats both sides alike."""
    loss = plugins("losses").get(choice.loss)
    return loss is None or loss.symmetric or choice.values == {"tau": 0.5}


def _is_mean(choice, which):
    return which == "mean" or which == "own" and choice.loss == "l2"


@functools.lru_cache(maxsize=256)
def _influence(choice, errors, problem):
    """The influence function of an estimator of a scenario, of errors in standard form; None where it is not known."""
    own, loss = population(errors.name, errors.parameters), plugins("losses").get(choice.loss)
    if loss is None:
        found = plugins("estimators")[choice.name].influence
        return found and (lambda x: found(own, choice.values, x))
    centre = _at(choice, own, errors.scale, problem, "own")
    if centre is None:
        return None
    p = np.array((*choice.values.values(), 0.0))
    s = _scale(choice, own, errors.scale, problem, loss, p)(centre)
    jumps = loss.jumps(**choice.values)
    heights = [float(np.diff(of_rows(lambda r: loss.psi(r, p), [at - _BESIDE, at + _BESIDE]))[0]) for at in jumps]
    crowds = own.density([centre + s * at for at in jumps]) if jumps else ()
    slope = own.mean_of(lambda x: loss.psi_prime((x - centre) / s, p))
    slope += s * math.fsum(height * float(crowd) for height, crowd in zip(heights, crowds, strict=True))
    drift = 0.0  # of the root with the scale: 0 where errors are symmetric
    if choice.scale == "mad" and not own.symmetric:
        if problem == "linear" or jumps:
            return None
        drift = own.mean_of(lambda x: (x - centre) / s * loss.psi_prime((x - centre) / s, p))

    def influence(x):
        pull = of_rows(lambda x: loss.psi((x - centre) / s, p), x)
        return (s * pull - (drift * own.mad_influence(x) if drift else 0.0)) / slope

    return influence


def influence(choice, errors, problem, x):
    """The influence function (Hampel 1974) at x, float64 (k,), in data units; of regression, that of the intercept, for
    regressors with mean 0. None where it is not known. A scale that is estimated counts as known where errors are
    symmetric, for it then has no influence."""
    try:
        standard = _influence(choice, errors, problem)
        found = standard and standard((np.asarray(x) - errors.loc) / errors.scale)
    except Unknown:
        return None
    return None if found is None else errors.scale * found


@functools.lru_cache(maxsize=4096)
def worst_bias(choice, errors, share):
    """How far a share of the errors can carry an estimator of location, see `Swept`; None where that is beyond all
    bounds, or not known: where psi redescends, and of a scale that is estimated, where errors are not symmetric."""
    loss, even = plugins("losses").get(choice.loss), plugins("distributions")[errors.name].symmetric(**errors.values)
    if loss is not None and not (loss.bounded(**choice.values) and loss.monotone(**choice.values)):
        return None
    if loss is None and plugins("estimators")[choice.name].estimand is None or choice.scale == "mad" and not even:
        return None
    if not share < 0.5:
        return None
    own, found = population(errors.name, errors.parameters), 0.0
    with np.errstate(all="ignore"):
        for side in (1,) if even and _is_even(choice) else (-1, 1):
            moved = _at(choice, Swept(own, share, side), errors.scale, "location", "own")
            if not abs(moved) < _BROKEN:
                return None
            found = max(found, abs(moved - _at(choice, own, errors.scale, "location", "own")))
    return errors.scale * found


def _standard(choice, errors, problem, which):
    """The estimand for errors in standard form."""
    if _is_mean(choice, which):
        return population(errors.name, errors.parameters).mean
    return _at(choice, population(errors.name, errors.parameters), errors.scale, problem, which)


def _at(choice, own, scale, problem, which):
    """What an estimator makes of a population; None where it has no value there."""
    if _is_mean(choice, which):
        return own.mean
    if own.symmetric and _is_even(choice):
        return 0.0
    if which == "median" or choice.loss == "l1":
        return own.median
    if choice.loss == "quantile":
        return own.quantile(choice.values["tau"])
    if choice.loss is None:
        return plugins("estimators")[choice.name].estimand(own, choice.values)
    return _minimiser(choice, own, scale, problem)


def _minimiser(choice, errors, scale, problem):
    """Of the mean loss: the root of the mean of psi that the fit finds from the median."""
    loss, p = plugins("losses")[choice.loss], np.array((*choice.values.values(), 0.0))
    order = _growth(loss, choice.values, p) * (2.0 if choice.scale == "proposal2" else 1.0)
    if not order < errors.distribution.tail_index(**errors.values):
        return None
    scale_at = _scale(choice, errors, scale, problem, loss, p)
    if choice.scale == "mad" and scale_at(errors.median) == 0.0:
        return errors.median  # as of samples

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
    """The root of a function that grows, from `least` on if that is given: in a bracket that is widened until it holds
    one."""
    low = high = start
    at_low = at_high = function(start) if start > least else -1.0
    for _ in range(_MOST_STEPS):
        if not at_low > 0.0:
            break
        low, step = max(low - step, 0.5 * (low + least)), 2.0 * step
        at_low = function(low)
    for _ in range(_MOST_STEPS):
        if not at_high < 0.0:
            break
        high, step = high + step, 2.0 * step
        at_high = function(high)
    if not at_low <= 0.0 <= at_high:
        raise Unknown("what an estimator estimates under such errors cannot be found")
    if at_low == 0.0 or at_high == 0.0:
        return low if at_low == 0.0 else high
    return false_position(function, low, at_low, high, at_high, _SETTLED)
