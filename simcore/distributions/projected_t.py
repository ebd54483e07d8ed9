"""Projected t directions: those of kappa mu + noise, for noise with the tails of Student's t in whatever dimension."""

from simcore.jit import lane
from simcore.lanes import root, splat, store
from simcore.registry import Distribution, Interval, Parameter
from simcore.sphere import project
from simcore.streams import normal_pair
from simcore.variates import gamma_pair


@lane
def draw(stream, x, n, p):
    """Multivariate t noise is normal noise over a root of chi^2 / df, which here multiplies kappa instead."""
    d, kappa, df = int(p[0]), p[1], p[2]
    shape = splat(0.5 * df)
    for i in range(0, n, 2):
        first, second, stream = gamma_pair(stream, shape, shape)
        stream = _draw_about(stream, x[i * d :], d, kappa * root(first * (2.0 / df)))
        if i + 1 < n:
            stream = _draw_about(stream, x[(i + 1) * d :], d, kappa * root(second * (2.0 / df)))


@lane
def _draw_about(stream, x, d, centre):
    """The direction of centre mu + standard normal noise."""
    for j in range(0, d, 2):
        first, second, stream = normal_pair(stream)
        store(x, j, centre + first if j == 0 else first)
        if j + 1 < d:
            store(x, j + 1, second)
    project(x, d)
    return stream


PLUGIN = Distribution(
    "projected_t",
    "the direction of kappa mu + multivariate t noise; with many df nearly the projected normal",
    "Presnell, Morrison & Littell (1998), of the normal; Kotz & Nadarajah (2004), of the noise",
    (
        Parameter("kappa", "length of the mean, in scales of the noise", Interval(0.0, 1e6)),
        Parameter("df", "degrees of freedom of the noise, not only whole ones", Interval(0.1, 1e6)),
    ),
    draw=draw,
    problem="direction",
)
