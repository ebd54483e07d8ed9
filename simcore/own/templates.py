"""Python files with a plugin of one's own to start from: each works as it stands, and is there to be changed."""

_LOSS = '''\
"""A loss of my own. It works as it stands. Change it, then: simcore check NAME.py"""

from simcore.jit import lane
from simcore.lanes import minimum, splat
from simcore.registry import POSITIVE, Loss, Parameter

# r: a residual in scales, of eight samples side by side; p: the parameters, p[0] is c. + - * / and < > are as usual.
# There is no if, no ** and no NumPy: select(mask, a, b) of simcore.lanes chooses, simcore.fmath has log, exp, ...
# A plain number that a function gets, or gives back, is written splat(1.0). All are tried up to r = 1e300.


@lane
def _share(r, p):
    """(r / c)^2, at most 1."""
    u = r / p[0]
    return minimum(u * u, splat(1.0))


@lane
def rho(r, p):
    """The loss: 0 at 0, and never less farther out."""
    s = _share(r, p)
    w = 1.0 - s
    return p[0] * p[0] / 8.0 * (s * (2.0 - s) * (1.0 + w * w))


@lane
def weight(r, p):
    """psi / r: how much an observation counts."""
    w = 1.0 - _share(r, p)
    return w * w * w


@lane
def psi(r, p):
    """The derivative of rho: how much an observation pulls."""
    return r * weight(r, p)


@lane
def psi_prime(r, p):
    """The derivative of psi."""
    w = 1.0 - _share(r, p)
    return w * w * (7.0 * w - 6.0)


PLUGIN = Loss(
    "NAME",
    "triweight: no pull beyond c scales; c = 5.543 is 95 % efficient under the normal",
    parameters=(Parameter("c", "from where an observation counts for nothing, in scales", POSITIVE, 5.543),),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    monotone=lambda c: False,  # psi comes down again; leave this out where it never does
    # bounded=lambda c: False,  # psi grows without end
    # smooth=False,  # psi' jumps somewhere
    # symmetric=False,  # rho is not even
)
'''

_ESTIMATOR = '''\
"""An estimator of my own. It works as it stands. Change it, then: simcore check NAME.py"""

import numpy as np
from simcore.registry import BELOW_HALF, Estimator, Parameter


def estimate(x, p):
    """x: one sample, float64 (n,), as it was drawn and to be overwritten at will; p: the parameters, p[0] is share.

    NaN, or an exception, is a failed fit. It is compiled: whatever Numba knows can stand here, and functions that it
    calls are marked with @njit.
    """
    return 0.25 * (np.quantile(x, p[0]) + 2.0 * np.median(x) + np.quantile(x, 1.0 - p[0]))


PLUGIN = Estimator(
    "NAME",
    "trimean: the median counts twice, a quantile on either side of it once",
    parameters=(Parameter("share", "of the observations below the lower quantile", BELOW_HALF, 0.25),),
    scalar=estimate,
    equivariant=True,  # it moves along with the data; leave this out where it does not
    carried_by=lambda n, values: 1 + int(values["share"] * (n - 1)),  # so many bad ones of n carry it anywhere
)
'''

_DISTRIBUTION = '''\
"""Errors of my own. This works as it stands. Change it, then: simcore check NAME.py"""

from simcore.fmath import expm1, log, log1p, with_sign
from simcore.jit import lane
from simcore.lanes import magnitude, store
from simcore.registry import POSITIVE, Distribution, Parameter
from simcore.streams import symmetric, uniform

# Every value stands for those of eight samples side by side; p: the parameters, p[0] is a. All randomness is from the
# stream: each function of simcore.streams and simcore.variates gives numbers and the stream after them.


@lane
def draw(stream, x, n, p):
    """Fill the rows 0 to n - 1 of x, a sample."""
    for i in range(n):
        u, stream = uniform(stream)
        side, stream = symmetric(stream)
        store(x, i, with_sign(expm1(-log(u) / p[0]), side))


@lane
def log_density(z, p):
    """Up to a constant."""
    return -(p[0] + 1.0) * log1p(magnitude(z))


PLUGIN = Distribution(
    "NAME",
    "a Pareto tail on either side: P(|error| > t) is (1 + t)^-a",
    parameters=(Parameter("a", "the tail index: moments below the a-th exist", POSITIVE, 3.0),),
    draw=draw,
    log_density=log_density,
    tail_index=lambda a: a,  # leave this out where tails fall faster than any power
    mean=lambda a: 0.0 if a > 1.0 else None,
    # symmetric=lambda a: False,  # they are skewed
    # score=score,  # minus the derivative of log_density: variances are then up to ten times as precise
)
'''

_TEXTS = {"loss": _LOSS, "estimator": _ESTIMATOR, "distribution": _DISTRIBUTION}
KINDS = {"loss": "losses", "estimator": "estimators", "distribution": "distributions"}  # word -> kind of plugin


def template(word, name):
    """The text of a file that defines a plugin of this name. word: one of KINDS."""
    return _TEXTS[word].replace("NAME", name)
