"""The contract of a contamination of errors: what it does to samples is what its components and outliers say."""

import math

import numpy as np

from simcore.contracts.faults import SURE, Fault, apart, cases, over
from simcore.contracts.studies import bits_faults, draws, entry, study
from simcore.populations import population

_LOC, _SCALE = -2.5, 3.7


def faults(contamination):
    """The `Fault`s of a `registry.Contamination`. Raises UsageError where it cannot be compiled."""
    yield from over(cases(contamination), lambda values: at(contamination, values))


def at(contamination, values):
    """Its faults at some values of its parameters."""
    yield from bits_faults(contamination, values)
    if contamination.problem is None and contamination.apply:
        yield from _of_errors(contamination, values)


def _of_errors(contamination, values):
    errors = {"distribution": "normal", "loc": _LOC, "scale": _SCALE}
    chosen = study("location", n=50, errors=errors, contamination=entry(contamination, values))
    clean, bad = draws(chosen, clean=True), draws(chosen)
    if contamination.components is not None:
        yield from _components(contamination.components(values, _SCALE), (np.sort(bad.ravel()) - _LOC) / _SCALE)
    if contamination.outliers is not None:
        probability, _ = contamination.outliers(values, _LOC, _SCALE, 1)
        share, error = np.mean(bad != clean), math.sqrt(max(probability * (1.0 - probability), 1e-9) / bad.size)
        if share and abs(share - probability) > SURE * error:  # a ratio of 1, say, changes nothing
            yield Fault(f"{share:.5f} of the observations are changed, outliers says a share of {probability:.5f}")


def _components(components, z):
    total = math.fsum(weight for weight, _, _ in components)
    if len(components) > 2 or abs(total - 1.0) > 1e-12:
        yield Fault(f"components must be one or two whose weights add up to 1 (got {len(components)}, {total:.6g})")
        return
    normal = population("normal", ())
    below = sum(weight * normal.share_below((z - shift) / ratio) for weight, shift, ratio in components if weight)
    if where := apart(z, below):
        yield Fault("{1:.4f} of the observations are below {0:.5g} scales, components says {2:.4f}".format(*where))
