"""Relative efficiency of all coefficients together: by the determinant of their covariance, for one coefficient."""

import math

from simcore.intervals import nth_root
from simcore.registry import Measure


def joint(v, reference):
    """(det reference / det v)^(1/p): how many times as many observations T needs."""
    exponents = [math.frexp(row[j])[1] // 2 for j, row in enumerate(v)]
    own, other = (determinant(_in_units(matrix, exponents)) for matrix in (v, reference))
    return nth_root(other / own, len(v)) if own > 0.0 else math.nan


def _in_units(v, exponents):
    """A covariance matrix in units of powers of two: products of variances then neither overflow nor vanish."""
    of_rows = zip(v, exponents, strict=True)
    return [[math.ldexp(x, -j - k) for x, k in zip(row, exponents, strict=True)] for row, j in of_rows]


def determinant(v):
    """Of a covariance matrix, by elimination; 0 where rounding has left it indefinite."""
    rows, product = [list(row) for row in v], 1.0
    for j, pivot in enumerate(rows):
        if not pivot[j] > 0.0:
            return 0.0
        product *= pivot[j]
        for row in rows[j + 1 :]:
            factor = row[j] / pivot[j]
            row[j:] = [a - factor * b for a, b in zip(row[j:], pivot[j:], strict=True)]
    return product


PLUGIN = Measure(
    "efficiency_det",
    "p-th root of: determinant of the covariance of p coefficients of the reference estimator / that of T",
    "Pukelsheim (1993), chapter 6",
    joint=joint,
    formula="jackknife over 32 groups of replications, both estimators in the same groups",
    adjustable=True,
    compares=True,
    problem="linear",
)
