"""Samples with so many outliers that they carry the estimate away, and yet so rare that a study has not seen them.

Their moments all exist, but a study of R replications that expects a handful of them, or none, can neither see their
part of the variance nor know how uncertain it is. Theory knows how often they come.
"""

import math

from simcore.registry import plugins

ENOUGH = 30.0  # of them are expected in a study that shows what they do
_MOST_OBSERVATIONS = 1000  # beyond, more outliers than a robust estimator bears are next to impossible, or the rule


def swept_away(cell, bad_needed):
    """(probability, distance) for each source of outliers: how often a sample of a cell holds at least `bad_needed` of
    them, and about how far, in units of the data, they then carry an estimate."""
    errors, bad = cell.errors, cell.contamination
    sources = []
    if (outliers := plugins("distributions")[errors.name].outliers) is not None:
        probability, deviation = outliers(**errors.values)
        sources.append((probability, deviation * errors.scale / math.sqrt(bad_needed)))
    if (outliers := plugins("contamination")[bad.name].outliers) is not None:
        sources.append(outliers(bad.values, errors.loc, errors.scale, bad_needed))
    return [(binomial_tail(cell.n, probability, bad_needed), distance) for probability, distance in sources]


def binomial_tail(n, p, m):
    """P(at least m of n), each with probability p <= 1/2; 0 for a large n and 1 for a larger p, see the module."""
    if p > 0.5 or m <= 0:
        return 1.0
    if n > _MOST_OBSERVATIONS or p == 0.0:
        return 0.0
    term, total, odds = 1.0, 0.0, p / (1.0 - p)
    for _ in range(n):
        term *= 1.0 - p
    for k in range(n + 1):
        total += term if k >= m else 0.0
        term *= (n - k) / (k + 1) * odds
    return total
