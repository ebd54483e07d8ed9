"""A mixture of two normals as the prior, normal observations: the posterior is one too, often with two modes.

The posterior's components have one standard deviation s. Its lower mean is 0 below and the upper one `gap` standard
deviations above it, so that all is known by the gap and the log odds of the upper component.
"""

from simcore.fmath import exp, log, weighted
from simcore.jit import lane
from simcore.lanes import (
    any_lane,
    both,
    either,
    fma,
    invert,
    load,
    magnitude,
    maximum,
    root,
    select,
    splat,
    store,
)
from simcore.registry import SIZE, Distribution, Interval, Parameter
from simcore.special import normal_cdf
from simcore.streams import normal_pair, uniform

_MOST_STEPS = 200  # never reached: halving alone would end sooner
_DENSITY_AT_0 = 0.3989422804014327


@lane
def draw(stream, x, n, p):
    """Theta and the mean of the n observations, which is sufficient: normal with their variance over n."""
    u, stream = uniform(stream)
    first, second, _ = normal_pair(stream)
    centre = select(u < p[1], splat(0.5 * p[0]), splat(-0.5 * p[0]))
    theta = fma(splat(p[2]), first, centre)
    store(x, 0, theta)
    store(x, 1, fma(second / root(splat(float(n))), splat(p[3]), theta))


@lane
def _posterior(x, n, p):
    """(the lower mean, s, the gap, the log odds of the upper component)."""
    noise = p[3] * p[3] / n
    variance = p[2] * p[2] + noise
    kept = p[2] * p[2] / variance
    s = root(splat(kept * noise))
    low = load(x, 0) * kept - 0.5 * p[0] * (1.0 - kept)
    odds = fma(load(x, 0), splat(p[0] / variance), log(splat(p[1])) - log(splat(1.0 - p[1])))
    return low, s, (p[0] * (1.0 - kept)) / s, odds


@lane
def mean(x, n, p):
    low, s, gap, odds = _posterior(x, n, p)
    return fma(s, weighted(splat(0.0), gap, odds), low)


@lane
def _placed(from_heavier, low, s, gap, odds):
    """A point by its distance from the heavier mean, towards the other."""
    return fma(s, select(odds > 0.0, gap - from_heavier, from_heavier), low)


@lane
def median(x, n, p):
    """Newton steps kept in a bracket: from the heavier mean to the middle, as the middle leaves it more than half."""
    low, s, gap, odds = _posterior(x, n, p)
    lighter = weighted(splat(0.0), splat(1.0), -magnitude(odds))
    z, left, right = splat(0.0), splat(0.0), 0.5 * gap
    done = gap < 0.0
    for _ in range(_MOST_STEPS):
        beyond = z - gap
        excess = normal_cdf(z) - 0.5 + lighter * (normal_cdf(beyond) - normal_cdf(z))
        left, right = select(excess < 0.0, z, left), select(excess > 0.0, z, right)
        density = fma(1.0 - lighter, exp(-0.5 * z * z), lighter * exp(-0.5 * beyond * beyond)) * _DENSITY_AT_0
        target = z - excess / density
        inside = both(target >= left, target <= right)
        target = select(inside, target, 0.5 * (left + right))
        step = magnitude(target - z)
        z = select(done, z, target)
        done = either(done, step <= 1e-8)  # of Newton's, which leaves an error of the order of its square
        if not any_lane(invert(done)):
            break
    return _placed(z, low, s, gap, odds)


@lane
def mode(x, n, p):
    """The highest mode is on the heavier side: of the share u of the way to the other mean, u = 1 / (1 + exp(-t)) with
    t = log odds + gap^2 (u - 1/2). Up to the middle u less the right side is concave, and Newton steps from 0 rise to
    its only root there."""
    low, s, gap, odds = _posterior(x, n, p)
    square = gap * gap
    u = splat(0.0)
    done = gap < 0.0
    for _ in range(_MOST_STEPS):
        share = weighted(splat(0.0), splat(1.0), fma(square, u - 0.5, -magnitude(odds)))
        slope = 1.0 - square * share * (1.0 - share)
        step = select(slope > 0.0, maximum(share - u, splat(0.0)) / slope, splat(0.0))
        step = select(u + step > 0.5, 0.5 - u, step)
        u = select(done, u, u + step)
        done = either(done, step <= 1e-9)
        if not any_lane(invert(done)):
            break
    return _placed(u * gap, low, s, gap, odds)


PLUGIN = Distribution(
    "mixture_prior",
    "theta is a mixture of two normals and observations are normal around it: a posterior of two modes",
    "Lehmann & Casella (1998), chapter 4",
    (
        Parameter("distance", "between the means of the two components", SIZE, 4.0),
        Parameter("weight", "probability of the upper one", Interval(0.0, 1.0, open_low=True, open_high=True), 0.5),
        Parameter("sd", "standard deviation of each component", SIZE, 1.0),
        Parameter("noise", "standard deviation of an observation", SIZE, 1.0),
    ),
    draw=draw,
    problem="posterior",
    parts=lambda **values: {
        "opened": (("mean", mean), ("median", median), ("mode", mode)),
        "data": lambda x, n, settings: {"theta": x[0], "mean": x[1]},
    },
)
