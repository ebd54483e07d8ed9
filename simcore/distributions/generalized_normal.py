"""Generalised normal errors, density ~ exp(-|x|^shape): Laplace at 1, normal at 2, uniform in the limit."""

from simcore.fmath import power, with_sign
from simcore.jit import lane
from simcore.lanes import magnitude, maximum, minimum, select, splat, store
from simcore.registry import Distribution, Interval, Parameter
from simcore.streams import symmetric
from simcore.variates import gamma_pair_above_1

_LEAST, _MOST = 1e-300, 1e200  # beyond which a mixture would multiply infinity by 0


@lane
def draw(stream, x, n, p):
    # A unimodal density is a mixture of uniforms: here their half widths to the power `shape` are gamma.
    shape, one = splat(p[0]), splat(1.0)
    a = 1.0 + one / shape
    for i in range(0, n, 2):
        first, second, stream = gamma_pair_above_1(stream, a, a)
        s, stream = symmetric(stream)
        store(x, i, 2.0 * s * power(first, one, shape))
        s, stream = symmetric(stream)
        store(x, i + 1, 2.0 * s * power(second, one, shape))


@lane
def score(z, p):
    return with_sign(select(z == 0.0, splat(0.0), p[0] * _power(z, p[0] - 1.0)), z)


@lane
def log_density(z, p):
    return select(z == 0.0, splat(0.0), -_power(z, p[0]))


@lane
def _power(z, y):
    size = minimum(maximum(magnitude(z), splat(_LEAST)), splat(1e300))
    return minimum(power(size, splat(y), splat(1.0)), splat(_MOST))


def features(shape):
    """The mode, and where the powers rise."""
    width = min(1.0, 1.0 / shape)
    return (0.0, 1.0), (1.0, width), (-1.0, width)


PLUGIN = Distribution(
    "generalized_normal",
    "density proportional to exp(-|x|^shape): shape 1 is Laplace, 2 normal with variance 1/2; large ones near uniform",
    "Subbotin (1923)",
    (Parameter("shape", "power of |x| in the exponent", Interval(low=0.05, high=100.0)),),
    draw=draw,
    score=score,
    no_score=lambda shape: None if shape >= 1.0 else "the score of generalized_normal errors with shape < 1 has a pole",
    log_density=log_density,
    features=features,
    stretched=lambda shape: shape < 1.0,
    also=("exponential_power", "subbotin"),
)
