"""Numbers from the covariance of all coefficients of an estimator, with errors by the jackknife.

A smooth function of covariances has no simple formula for its error. Replications fall into groups by their number;
leaving out one group at a time shows how much the function owes to chance (Efron & Stein 1981).
"""

import functools
import math

import numpy as np

from simcore.moments import LEAST
from simcore.sums import GROUPS

_HIDDEN = 1e-11  # of the mean square: rounding of plain sums leaves no digits of a variance below
_MOST = math.ldexp(1.0, 1000)  # of a sum of squares: as many of them as there are groups can be added up
_T = 2.0395134463964077  # quantile 0.975 of Student's t with GROUPS - 1 degrees of freedom


class Covariances:
    """Of one estimator in one cell: covariance matrices from the joint sums of its groups.

    sums: float64 (columns, GROUPS) of p coefficients, see `sums.joint_columns`. explained: (p, p), what the control
    variate explains, or None to leave it out.
    """

    def __init__(self, sums, p, explained=None):
        columns = p + p * (p + 1) // 2
        begin = 1 + columns if explained is not None else 1
        self.p, self.explained = p, explained
        self.counts, own = sums[0], sums[begin : begin + columns]
        self.first, self.second = own[:p], own[p:]
        self._overflowed = not np.all(np.abs(own) < _MOST)

    @functools.cached_property
    def whole(self):
        """Rows of the covariance matrix of all groups."""
        return self._matrix(range(GROUPS))

    @functools.cached_property
    def parts(self):
        """The same with one group left out, for each group."""
        return [self._matrix([group for group in range(GROUPS) if group != without]) for without in range(GROUPS)]

    def _matrix(self, kept):
        """Of the groups that are kept; NaN where the bias is so large that rounding hides the spread, or where squares
        of the errors are larger or smaller than floats are."""
        if self._overflowed:
            return [[math.nan] * self.p for _ in range(self.p)]
        kept = list(kept)
        count = math.fsum(self.counts[kept])
        means = [math.fsum(row[kept]) / count for row in self.first]
        rows = [[0.0] * self.p for _ in range(self.p)]
        at = 0
        for j in range(self.p):
            for k in range(j + 1):
                raw = math.fsum(self.second[at][kept]) / count
                spread = (raw - means[j] * means[k]) * count / (count - 1.0)
                known = 0.0 if self.explained is None else self.explained[j][k]
                hidden = raw > 0.0 and not spread + known > _HIDDEN * raw
                if j == k and (hidden or raw * count < LEAST and means[j] != 0.0):
                    spread = math.nan
                rows[j][k] = rows[k][j] = spread + known
                at += 1
        known = [not math.isnan(row[j]) for j, row in enumerate(rows)]
        return [[x if known[j] and known[k] else math.nan for k, x in enumerate(row)] for j, row in enumerate(rows)]


def jackknife(function, *covariances):
    """(value, mcse, low, high) of a function of the matrices of some `Covariances` of the same replications."""
    if any(min(own.counts) < 2 for own in covariances):
        return math.nan, math.nan, math.nan, math.nan
    value = function(*(own.whole for own in covariances))
    parts = [function(*matrices) for matrices in zip(*(own.parts for own in covariances), strict=True)]
    if not all(map(math.isfinite, (value, *parts))):
        return math.nan, math.nan, math.nan, math.nan
    mean = math.fsum(parts) / GROUPS
    apart = [part - mean for part in parts]
    exponent = math.frexp(max(map(abs, apart)))[1]  # of a unit in which squares neither overflow nor vanish
    spread = math.fsum(math.ldexp(part, -exponent) * math.ldexp(part, -exponent) for part in apart)
    mcse = math.ldexp(math.sqrt((GROUPS - 1) / GROUPS * spread), exponent)
    return value, mcse, value - _T * mcse, value + _T * mcse


def explained_matrix(r, information):
    """(X'X)^-1 / information for X = Q R."""
    inverse = np.zeros_like(r)
    for k in range(len(r)):  # R^-1 by back substitution, column by column
        for j in range(k, -1, -1):
            unit = 1.0 if j == k else 0.0
            rest = math.fsum(float(r[j, i] * inverse[i, k]) for i in range(j + 1, k + 1))
            inverse[j, k] = (unit - rest) / r[j, j]
    products = [[math.fsum((a * b).tolist()) for b in inverse] for a in inverse]
    return [[value / information for value in row] for row in products]
