"""Relative efficiency of all coefficients together: by the sum of their variances."""

import math

from simcore.registry import Measure


def joint(v, reference):
    own, other = (math.fsum(matrix[j][j] for j in range(len(v))) for matrix in (v, reference))
    return other / own if own > 0.0 else math.nan


PLUGIN = Measure(
    "efficiency_trace",
    "sum of the variances of all coefficients of the reference estimator / that of T",
    "Pukelsheim (1993), chapter 6",
    joint=joint,
    formula="jackknife over 32 groups of replications, both estimators in the same groups",
    adjustable=True,
    compares=True,
    problem="linear",
)
