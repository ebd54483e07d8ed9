"""Von Mises-Fisher directions: density proportional to exp(kappa mu'x), the normal distribution of the sphere."""

from simcore.fmath import exp, expm1, log, sin_pi
from simcore.jit import lane
from simcore.lanes import any_lane, either, fma, invert, minimum, root, select, splat, store
from simcore.registry import Distribution, Interval, Parameter
from simcore.sphere import draw_direction
from simcore.streams import symmetric, uniform
from simcore.variates import held


@lane
def draw(stream, x, n, p):
    """Rotations about mu change nothing: draw 1 - mu'x, then a uniform direction at right angles to mu."""
    d, kappa, every = int(p[0]), p[1], splat(1.0) > 0.0
    for i in range(n):
        versine, stream = _inverted(stream, kappa) if d == 3 else _accepted(stream, d, kappa)
        versine = minimum(versine, splat(2.0))
        store(x, i * d, 1.0 - versine)
        sine = root(versine * (2.0 - versine))
        stream = draw_direction(stream, x[i * d + 1 :], d - 1, sine, every)


@lane
def _inverted(stream, kappa):
    """The inverse distribution function of 1 - mu'x, which has a closed form on S^2."""
    u, stream = uniform(stream)
    return log(fma(1.0 - u, exp(splat(-2.0 * kappa)), u)) * (-1.0 / kappa), stream


@lane
def _accepted(stream, d, kappa):
    """By rejection (Wood 1994; on the circle Best & Fisher 1979). A lane whose draw is accepted draws no more: its
    stream does not depend on its neighbours."""
    inner = float(d - 1)
    b = splat(inner) / (2.0 * kappa + root(splat(4.0 * kappa * kappa + inner * inner)))
    x0 = (1.0 - b) / (1.0 + b)
    most = fma(splat(kappa), x0, inner * log(4.0 * b / ((1.0 + b) * (1.0 + b))))
    versine, done = splat(0.0), splat(0.0) > 0.0
    while any_lane(invert(done)):
        s, after = symmetric(stream)
        t = 2.0 * sin_pi(s) * sin_pi(s) - 1.0  # the cosine of a uniform angle
        if d > 2:  # a coordinate of a uniform direction, from its square radius with another one
            u, after = uniform(after)
            t = t * root(-expm1(log(u) * (2.0 / (inner - 1.0))))
        u, after = uniform(after)
        found = b * (1.0 + t) / (1.0 - 0.5 * (1.0 - b) * (1.0 + t))
        height = fma(splat(kappa), 1.0 - found, inner * log(fma(x0, found, 2.0 * b / (1.0 + b)))) - most
        versine = select(done, versine, found)
        stream = held(done, stream, after)
        done = either(done, height >= log(u))
    return versine, stream


PLUGIN = Distribution(
    "von_mises_fisher",
    "directions with density proportional to exp(kappa mu'x): the normal distribution of the sphere",
    "Fisher (1953); Wood (1994)",
    (Parameter("kappa", "concentration about mu", Interval(1e-6, 1e6)),),
    draw=draw,
    problem="direction",
)
