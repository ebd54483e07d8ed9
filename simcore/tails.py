"""The tail of a sample, where theory does not say how heavy it is."""

import math

import numpy as np

from simcore.fmath import log
from simcore.intervals import Z
from simcore.lanes import WIDTH


def hill(sizes):
    """A lower 97.5 % bound of the tail index by Hill's estimator (Hill 1975), from the sqrt(R) largest sizes.

    sizes: |e| in order (`histograms.Ranked` or `Sorted`). NaN below 25 of them. Moments of higher orders are in doubt.
    """
    most = math.isqrt(sizes.count)
    if most < 5:
        return math.nan
    largest = [sizes.at_rank(sizes.count - k) for k in range(most + 1)]
    if largest[most] <= 0.0:
        return 0.0 if largest[0] > 0.0 else math.inf
    ratios = np.array([size / largest[most] for size in largest[:most]])
    logs = log(np.pad(ratios, (0, -most % WIDTH), constant_values=1.0).reshape(-1, WIDTH))
    mean = math.fsum(logs.ravel()) / most
    return (1.0 - Z / math.sqrt(most)) / mean if mean > 0.0 else math.inf
