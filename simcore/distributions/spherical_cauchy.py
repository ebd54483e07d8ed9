"""Spherical Cauchy directions: a uniform direction moved towards mu by a Möbius map, with the tails of Cauchy's law."""

from simcore.jit import lane
from simcore.lanes import fma, load, splat, store
from simcore.registry import BELOW_ONE, Distribution, Parameter
from simcore.sphere import draw_direction, project


@lane
def draw(stream, x, n, p):
    """(1 - rho^2) / |u + rho mu|^2 (u + rho mu) + rho mu, for a uniform direction u."""
    d, rho = int(p[0]), p[1]
    gap, one = 1.0 - rho, splat(1.0)
    for i in range(n):
        own = x[i * d :]
        stream = draw_direction(stream, own, d, one, one > 0.0)
        factor = gap * (1.0 + rho) / fma(splat(2.0 * rho), 1.0 + load(own, 0), splat(gap * gap))
        store(own, 0, fma(factor, load(own, 0) + rho, splat(rho)))
        for j in range(1, d):
            store(own, j, factor * load(own, j))
        project(own, d)  # where rho is near 1, rounding leaves other lengths


PLUGIN = Distribution(
    "spherical_cauchy",
    "directions with density proportional to |x - rho mu|^(2 - 2 dimension); on the circle the wrapped Cauchy",
    "Kato & McCullagh (2020)",
    (Parameter("rho", "concentration about mu: 0 is uniform; on the circle the mean resultant length", BELOW_ONE),),
    draw=draw,
    problem="direction",
)
