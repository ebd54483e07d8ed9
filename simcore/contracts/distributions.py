"""The contract of a distribution of errors: its draws are what its density, score, mean, symmetry and tail say.

Draws are compared with claims at bounds that chance exceeds once in some hundred thousand times.
"""

import math

import numpy as np

from simcore import jit, kernels
from simcore.contracts.faults import SURE, Fault, apart, cases, counted, on_lanes, over, same_bits
from simcore.contracts.studies import drawn
from simcore.errors import UsageError
from simcore.populations import Population, Unknown
from simcore.registry import plugins
from simcore.scores import integrated_information
from simcore.streams import stream_keys

_LARGEST = 400  # draws that tell a tail
_LIGHT = 3.5  # Hill's index of them where tails are lighter than any power: normal 11, Laplace 6
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


def faults(distribution):
    """The `Fault`s of a `registry.Distribution` of errors. Raises UsageError where its draw cannot be compiled."""
    yield from over(cases(distribution), lambda values: at(distribution, values))


def at(distribution, values):
    """Its faults at some values of its parameters."""
    plain = draws(distribution, values, 4, compiled=False)
    found = draws(distribution, values)
    if not same_bits(found[:4], draws(distribution, values, 4)):
        yield Fault("gives other draws when asked again: all randomness must come from the stream it is given")
        return
    if not same_bits(found[:4], plain):
        yield Fault("gives other bits compiled than as plain Python")
    x = np.sort(found.ravel())
    if not np.all(np.isfinite(x)):
        yield Fault(f"{np.count_nonzero(~np.isfinite(x))} of {len(x)} draws are not finite")
        return
    yield from _symmetry(distribution, values, x)
    yield from _tail(distribution, values, x)
    yield from _mean(distribution, values, x)
    yield from _density(distribution, values, x)
    yield from _score(distribution, values, x)


def draws(distribution, values, groups=250, n=100, compiled=True):
    """Errors as the kernel draws them, float64 (groups, n, WIDTH)."""
    compiled, numbers = compiled and jit.enabled(), distribution.numbers(values)
    recipe = kernels.bare_cell(n)._replace(
        keys=stream_keys(1, "contract"),
        draw=kernels.draw_function(distribution, compiled),
        draw_numbers=kernels.numbers_array(numbers) if compiled else counted(numbers),
        contaminate=kernels.contaminate_function(plugins("contamination")["none"], compiled),
        contaminate_numbers=kernels.numbers_array((0.0, 1.0)),
    )
    return drawn(recipe, groups, compiled)


def _symmetry(distribution, values, x):
    if not distribution.symmetric(**values):
        return
    for share in (0.5, 0.1, 0.01, 0.001):
        t = 0.0 if share == 0.5 else np.quantile(np.abs(x), 1.0 - 2.0 * share)
        above, below = np.count_nonzero(x > t), np.count_nonzero(x < -t)
        if abs(above - below) > SURE * math.sqrt(above + below + 1.0):
            yield Fault(
                f"{above} draws are above {t:.4g} and {below} below {-t:.4g}: symmetric(**values) must be False"
            )
            return


def _tail(distribution, values, x):
    """Hill's estimate of the largest draws against the tail index; light tails it cannot tell apart."""
    claimed = distribution.tail_index(**values)
    if not claimed > 0.0:
        yield Fault(f"tail_index(**values) must be above 0 (got {claimed})")
        return
    sizes = np.sort(np.abs(x))[-_LARGEST - 1 :]
    found = 1.0 / np.mean(np.log(sizes[1:] / sizes[0])) if sizes[0] > 0.0 else math.inf
    heavier = found < _LIGHT if math.isinf(claimed) else 2.5 * found < claimed
    if heavier and not distribution.stretched(**values):
        yield Fault(f"the largest draws have a tail index of about {found:.2g}, tail_index(**values) says {claimed:g}")
    if math.isfinite(claimed) and found > 2.0 * claimed + 1.0:
        yield Fault(f"tail_index(**values) says {claimed:g}, and the largest draws show {found:.2g}", broken=False)


def _mean(distribution, values, x):
    mean, index = distribution.mean(**values), distribution.tail_index(**values)
    if mean is None:
        if index > 1.0:
            yield Fault(f"mean(**values) is None, though with a tail index of {index:g} there is one")
        return
    if not index > 1.0:
        yield Fault(f"mean(**values) is {mean:g}, though with a tail index of {index:g} there is none: say None")
    elif index > 2.0 and not distribution.stretched(**values):
        error = np.std(x) / math.sqrt(len(x))
        if abs(np.mean(x) - mean) > SURE * error:
            yield Fault(f"the draws have mean {np.mean(x):.6g} +- {error:.2g}, mean(**values) says {mean:.6g}")


def _density(distribution, values, x):
    if distribution.log_density:
        on_lanes(distribution.log_density, x[:1], counted(values.values()))  # raises where it asks for another number
    try:
        population = Population(distribution.name, tuple(values.items()))
        below = population.share_below(x)
    except Unknown:
        yield Fault(
            "has neither log_density nor from_normal: estimands under skewed errors are then unknown, and there is no "
            "control variate",
            broken=False,
        )
        return
    except UsageError as error:
        yield Fault(f"the density cannot be integrated ({error}); features(**values) must name where it is narrow")
        return
    if where := apart(x, below):
        what = "from_normal" if distribution.from_normal else "log_density, integrated,"
        yield Fault(f"{{1:.4f}} of the draws are below {{0:.5g}}, {what} says {{2:.4f}}".format(*where))


def _score(distribution, values, x):
    """The score as the derivative of the log density: by integrals between quantiles."""
    if distribution.score is None or distribution.no_score(**values):
        return
    if distribution.log_density is None:
        yield Fault("a score needs a log_density")
        return
    p = counted(values.values())
    ends = np.unique(x[np.linspace(0, len(x) - 1, 400).astype(int)])
    ends = np.unique(np.concatenate([ends, [at for at, _ in distribution.features(**values)]]))
    half, middle = 0.5 * np.diff(ends), 0.5 * (ends[1:] + ends[:-1])
    scores = on_lanes(distribution.score, middle[:, None] + half[:, None] * _NODES, p)
    logs = on_lanes(distribution.log_density, ends, p)
    off = np.abs(np.diff(logs) + half * (scores @ _WEIGHTS))
    k = int(np.argmax(np.median(off[np.isfinite(off)]) <= off)) if np.isfinite(off).any() else 0
    if not np.median(off) <= 1e-7:
        yield Fault(
            f"score is not minus the derivative of log_density: from {ends[k]:.5g} to {ends[k + 1]:.5g} that grows by "
            f"{np.diff(logs)[k]:.9g}, and minus the integral of score is {-half[k] * (scores[k] @ _WEIGHTS):.9g}"
        )
    elif distribution.information:
        found, said = (
            integrated_information(distribution.name, tuple(values.items())),
            distribution.information(**values),
        )
        if not abs(found - said) <= 1e-4 * abs(said):
            yield Fault(f"information(**values) is {said:.9g}, the mean of score^2 {found:.9g}")
