"""Normal prior and normal observations of known standard deviation: a normal posterior, all three estimates in one."""

from simcore.jit import lane
from simcore.lanes import fma, load, root, splat, store
from simcore.registry import SIZE, Distribution, Parameter
from simcore.streams import normal_pair


@lane
def draw(stream, x, n, p):
    """Theta and the mean of the n observations, which is sufficient: normal with their variance over n."""
    first, second, _ = normal_pair(stream)
    theta = p[0] * first
    store(x, 0, theta)
    store(x, 1, fma(second / root(splat(float(n))), splat(p[1]), theta))


@lane
def centre(x, n, p):
    """The mean of the observations, drawn towards that of the prior."""
    return load(x, 0) * (n * p[0] * p[0] / (n * p[0] * p[0] + p[1] * p[1]))


PLUGIN = Distribution(
    "normal_prior",
    "theta is normal with mean 0 and observations are normal around it: a symmetric posterior",
    "Lehmann & Casella (1998), chapter 4",
    (
        Parameter("sd", "standard deviation of theta", SIZE, 1.0),
        Parameter("noise", "standard deviation of an observation", SIZE, 1.0),
    ),
    draw=draw,
    problem="posterior",
    parts=lambda **values: {
        "opened": (("mean", centre), ("median", centre), ("mode", centre)),
        "data": lambda x, n, settings: {"theta": x[0], "mean": x[1]},
    },
)
