"""The axes of values: their limits and their kind, from the points that they must hold."""

import math
from dataclasses import dataclass

FAR = 60  # times what is typical: more than a linear axis can show
MOST_BEYOND = 2.0  # of an axis that is cut, in sizes that half of the curves do not reach


@dataclass(frozen=True)
class Scale:
    """A y axis: its limits, its kind (linear, log or symlog) and where a symlog axis is linear."""

    limits: tuple
    kind: str = "linear"
    linear: float = 0.0  # half the width of that part


def holding(log, points, cut=False):
    """The Scale that holds the points of all panels and their bars, which may reach below a log axis; cut: some curves
    may leave it."""
    if cut:
        sizes = points["y"].abs()
        most = MOST_BEYOND * sizes.groupby(points["estimator"]).max().median()
        points = points[(sizes <= most) | ~(most > 0.0)]
    y, half = points["y"], points["half"].fillna(0.0)
    if y.isna().all():
        return Scale((0.0, 1.0))
    if log:
        low, high = (y - half).clip(lower=y / 2).min(), (y + half).max()
        margin = 1.05 * (high / low) ** 0.05
        return Scale((low / margin, high * margin), "log")
    low, high, typical = min((y - half).min(), 0.0), max((y + half).max(), 0.0), y.abs()[y != 0].median()
    if y.abs().max() > FAR * typical and not cut:
        if (y.dropna() > 0.0).all():
            return holding(True, points)
        limits = min(1.5 * low, -typical), max(1.5 * high, typical)
        return Scale(limits, "symlog", 10.0 ** math.ceil(math.log10(typical)))
    margin = 0.06 * (high - low) or 1.0
    return Scale((low - margin, high + margin))
