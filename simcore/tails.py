"""The tail of a sample, where theory does not say how heavy it is."""

import functools
import math

import numpy as np

from simcore.fmath import log, of_numbers
from simcore.intervals import Z
from simcore.lanes import WIDTH
from simcore.roots import false_position
from simcore.special import normal_cdf

_ABOUT = 0.25  # so much of 1 / index more is still about that of a normal: t with 30 degrees of freedom has 0.2
_STEPS = 64 * WIDTH  # of an integral over what a normal has beyond a limit, none of it beyond 10 more


def hill(sizes):
    """A lower 97.5 % bound of the tail index by Hill's estimator (Hill 1975), from the sqrt(R) largest sizes.

    sizes: |e| in order (`histograms.Ranked` or `Sorted`). NaN below 25 of them; inf where the tail is, but for chance,
    no heavier than about that of as many normals, for which the estimator finds an index too. Moments of higher orders
    are in doubt.
    """
    most = math.isqrt(sizes.count)
    if most < 5:
        return math.nan
    largest = [sizes.at_rank(sizes.count - k) for k in range(most + 1)]
    if largest[most] <= 0.0:
        return 0.0 if largest[0] > 0.0 else math.inf
    ratios = np.array([size / largest[most] for size in largest[:most]])
    logs = log(np.pad(ratios, (0, -most % WIDTH), constant_values=1.0).reshape(-1, WIDTH))
    mean, chance = math.fsum(logs.ravel()) / most, Z / math.sqrt(most)
    if mean <= (1.0 + _ABOUT + chance) * normal_excess(sizes.count):
        return math.inf
    return (1.0 - chance) / mean


@functools.lru_cache(maxsize=256)
def normal_excess(count):
    """The mean of log(|z| / limit) over the sqrt(count) largest of so many standard normals z, the limit being what
    that share of them exceeds: 1 / index for Hill's estimator."""
    share = math.isqrt(count) / count

    def missing(limit):
        return share - _beyond(limit)

    limit = false_position(missing, 0.0, share - 1.0, 40.0, share, 1e-12)
    step = 10.0 / _STEPS
    x = limit + step * (np.arange(_STEPS) + 0.5)
    return step * math.fsum((2.0 * normal_cdf(-x.reshape(-1, WIDTH)) / x.reshape(-1, WIDTH)).ravel()) / share


def _beyond(limit):
    """P(|z| > limit)."""
    return 2.0 * of_numbers(normal_cdf, -limit)
