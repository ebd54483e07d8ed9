"""The efficient score of an error, s(z) = -f'(z) / f(z) for its density f, and the Fisher information E[s^2].

The sum of the scores of a sample of n has covariance 1 with every equivariant estimator of location, and variance
n E[s^2]: with both known exactly it takes most of the Monte Carlo error out of a simulated variance (Johnstone &
Velleman 1985). A contaminated error has a score too, where its density is a mixture. Fisher information of location:
Huber & Ronchetti (2009), chapter 4.
"""

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simcore import jit
from simcore.fmath import exp, log, weighted
from simcore.lanes import splat
from simcore.quadrature import MARKS, NODES, WEIGHTS, arsinh, sinh
from simcore.registry import plugins

score = log_density = None  # open names: each distribution gets the functions below in which they are its own


@dataclass(frozen=True)
class Score:
    """The score s(z, q) of an error z in units of its scale, and the Fisher information of one observation.

    s is the lane function `template` with `open_names` bound, q the array of `numbers`. The score of an observation x
    is s((x - loc) / scale, q) / scale, and `information` is the mean of its square.
    """

    template: Callable
    open_names: tuple[tuple[str, Callable], ...]
    numbers: tuple[float, ...]
    information: float


def of_one(z, q):
    """Errors placed anew: q holds their shift, 1 / ratio and the parameters of the distribution."""
    return q[1] * score((z - q[0]) * q[1], q[2:])


def of_two(z, q):
    """A mixture of errors and of errors placed anew: q holds shift, 1 / ratio, log odds (of the latter), parameters."""
    p, other = q[3:], (z - q[0]) * q[1]
    log_odds = q[2] + (log_density(other, p) - log_density(z, p))
    return weighted(score(z, p), q[1] * score(other, p), log_odds)


@functools.cache
def efficient_score(errors, contamination):
    """The `Score` of an error from the two choices of a scenario; where there is none, why, as half a sentence."""
    distribution, components = plugins("distributions")[errors.name], plugins("contamination")[contamination.name]
    if reason := distribution.no_score(**errors.values):
        return reason
    if distribution.score is None:
        return f"the score of {errors.name} errors is not given"
    if components.components is None:
        return f"{contamination.name} contamination has no density"
    places = Counter()  # (shift, ratio): weight
    for weight, *place in components.components(contamination.values, errors.scale):
        if weight > 0.0:
            places[tuple(place)] += weight
    values, p, information = errors.values, tuple(errors.values.values()), _information(errors.name, errors.parameters)
    square, (shift, ratio) = errors.scale * errors.scale, list(places)[-1]
    if abs(shift) > _MOST_SHIFT * ratio * min(width for _, width in distribution.features(**values)):
        return f"{contamination.name} contamination is so far off that rounding spoils its errors"
    if len(places) == 2:
        first, second = map(_log, places.values())
        opened = ("score", distribution.score), ("log_density", distribution.log_density)
        q = (shift, 1.0 / ratio, second - first - _log(ratio), *p)
        s = jit.rebound(of_two, "of_two", **dict(opened))
        # The constant that the density lacks cancels in a ratio of two quadratures.
        gain = _mean_square(s, q, errors.name, errors.parameters, places) / _undisturbed(errors.name, errors.parameters)
        return Score(of_two, opened, q, information * gain / square)
    if (shift, ratio) == (0.0, 1.0):
        return Score(distribution.score, (), p, information / square)
    opened = (("score", distribution.score),)
    return Score(of_one, opened, (shift, 1.0 / ratio, *p), information / (ratio * ratio * square))


_IN_PLACE = {(0.0, 1.0): 1.0}


@functools.cache
def _information(name, parameters):
    """Fisher information of location of a distribution in standard form."""
    distribution = plugins("distributions")[name]
    if distribution.information:
        return distribution.information(**dict(parameters))
    return integrated_information(name, parameters)


def integrated_information(name, parameters):
    """The same by quadrature."""
    return _undisturbed(name, parameters) / _mean_square(lambda z, q: splat(1.0), (), name, parameters)


@functools.cache
def _undisturbed(name, parameters):
    """The mean square of its score, but for the constant of its density."""
    return _mean_square(plugins("distributions")[name].score, tuple(dict(parameters).values()), name, parameters)


@functools.cache
def normal_mean_square(psi, numbers):
    """E psi(z)^2 for a standard normal z."""
    one = _mean_square(lambda z, q: splat(1.0), (), "normal", ())
    return _mean_square(psi, numbers, "normal", ()) / one


def _mean_square(s, q, name, parameters, places=_IN_PLACE):
    """The mean of s(z, q)^2 over a mixture of a distribution in several places, but for the constant of its density.

    Each component is integrated by itself over t = arsinh u, where u is an undisturbed error: tails of powers fall
    exponentially in t. Beyond 3e10 widths nothing is counted: s falls like 1 / u where tails are heavy.
    """
    distribution, values = plugins("distributions")[name], dict(parameters)
    q, p = np.array(q), np.array(tuple(values.values()))
    rows = np.array([(*place, weight) for place, weight in places.items()])

    def integrand(t, component):
        shift, ratio, weight = rows[component].T[:, :, None]
        u, du = sinh(t), 0.5 * (exp(t) + exp(-t))
        mass = weight * exp(distribution.log_density(u, p)) * du
        return np.where(mass > 0.0, np.square(s(shift + ratio * u, q)) * mass, 0.0)

    # Panels end at marks spread over all orders of magnitude around the features of each component.
    features = distribution.features(**values)
    own = np.concatenate([at + width * MARKS for at, width in features])
    marks = np.concatenate([shift + ratio * own for shift, ratio in places])
    borders = [arsinh((marks - shift) / ratio) for shift, ratio in places]
    panels = [(low, high, k) for k, t in enumerate(borders) for low, high in itertools.pairwise(np.unique(t))]
    with np.errstate(all="ignore"):  # compiled code is silent too
        return _integral(integrand, *map(np.array, zip(*panels, strict=True)))


def _integral(integrand, low, high, component):
    """Integral of a function that is nowhere negative: each panel is halved until its halves add up to it."""
    whole, settled = _gauss(integrand, low, high, component), []
    while low.size:
        middle, component = 0.5 * (low + high), np.tile(component, 2)
        low, high = np.concatenate((low, middle)), np.concatenate((middle, high))
        parts = _gauss(integrand, low, high, component)
        halves = parts[: middle.size] + parts[middle.size :]
        coarse = np.abs(halves - whole) > _TOLERANCE * math.fsum((*settled, *halves))
        settled += halves[~coarse].tolist()
        again = np.tile(coarse, 2)
        low, high, component, whole = low[again], high[again], component[again], parts[again]
    return math.fsum(settled)


def _gauss(integrand, low, high, component):
    """Gauss-Legendre rule of `WIDTH` nodes, a lane each, on every panel."""
    half = 0.5 * (high - low)
    values = integrand((0.5 * (low + high))[:, None] + half[:, None] * NODES, component) * WEIGHTS
    return half * np.array([math.fsum(row) for row in values])


def _log(x):
    return float(log(splat(x))[0])


_MOST_SHIFT = 1e6  # widths: ten digits of an error are left
_TOLERANCE = 1e-10  # of the whole, for what one panel may be off by before it is halved, which divides that by 2^16
