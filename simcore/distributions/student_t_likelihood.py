"""Normal prior and observations with Student's t errors: no closed form, a posterior on a grid; outliers give it modes.

All is in units of `noise`. Behind theta a data set holds the observations (n rows), where its grid begins and how many
nodes it has (a row each), and at the nodes the log of the posterior density, then the density, 1 at the highest node.

The step makes the trapezoidal rule and the sinc expansion (Stenger 1993) exact to some 1e-11: 0.45 s, s being the
standard deviation that the posterior has where all observations agree, or a tenth of the distance of the likelihood's
singularities from the real line. The grid is the part that matters of one that leaves out a share of 2e-17 of what the
prior draws, so of an average posterior. Between nodes d apart the log density nowhere exceeds the higher of the two by
more than d^2 / (8 s^2), so a coarse grid tells which part that is.
"""

import numpy as np

from simcore.fmath import exp, log, polynomial
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
    minimum,
    nearest,
    select,
    splat,
    store,
)
from simcore.registry import Distribution, Interval, Parameter
from simcore.streams import normal_pair
from simcore.variates import student_t

_REACH = 8.5  # of the whole grid, in standard deviations of the prior
_STRIDE = 16  # of the coarse grid: 7.2 s at most
_BETWEEN = 6.5  # how far the log density between its nodes exceeds both
_LEFT_OUT = 30.0  # below the highest log density known: 1e-13 of it
_FACTORS = 8  # of the likelihood whose product cannot overflow: none exceeds 1e33
_MOST_STEPS = 100  # never reached: halving alone would end sooner
_HEAD = 2  # rows between observations and densities
# (-1)^d d (1/2 - Si(pi d) / pi) in 1 / d^2, at whole d from 1 on: least squares
_SINE_INTEGRAL = (
    10.857009805428866,
    -17.62752562502065,
    8.552586402757271,
    -2.1005628774076186,
    0.37718900431145935,
    -0.07495164492478242,
    0.02495555764367558,
    -0.020531934168762794,
    0.10132118361662464,
)
_NODES = (-0.906179845938664, -0.5384693101056831, 0.0, 0.5384693101056831, 0.906179845938664)  # of Gauss and Legendre
_WEIGHTS = (0.2369268850561891, 0.47862867049936647, 0.5688888888888889, 0.47862867049936647, 0.2369268850561891)


@lane
def _grid(n, df, ratio):
    """(intervals of the whole grid on each side of 0, their length); ratio: sd over noise."""
    narrowest = 1.0 / np.sqrt(1.0 / (ratio * ratio) + n * (df + 1.0) / df)
    step = min(0.45 * narrowest, 0.1 * np.sqrt(df))
    return int(np.ceil(_REACH * ratio / (step * _STRIDE))) * _STRIDE, step


@lane
def draw(stream, x, n, p):
    df, ratio = p[0], p[1] / p[2]
    first, _, stream = normal_pair(stream)
    centre = ratio * first
    store(x, 0, p[2] * centre)
    own = x[1:]
    for i in range(n):
        error, stream = student_t(stream, df)
        store(own, i, centre + error)
    half, step = _grid(n, df, ratio)
    logs, densities = own[n + _HEAD :], own[n + _HEAD + 2 * half + 1 :]
    low, last, nodes = _part_that_matters(own, n, half, step, logs, df, ratio)
    store(own, n, low)
    store(own, n + 1, splat(float(nodes)))
    top = splat(-np.inf)
    for j in range(nodes):
        value = _log_density(own, n, fma(splat(float(j)), splat(step), low), df, ratio)
        store(logs, j, value)
        top = maximum(value, top)
    for j in range(nodes):
        store(logs, j, load(logs, j) - top)
        store(densities, j, select(last < float(j), splat(0.0), exp(load(logs, j))))  # whatever other lanes need
    for j in range(nodes, 2 * half + 1):
        store(logs, j, splat(0.0))
        store(densities, j, splat(0.0))


@lane
def _part_that_matters(x, n, half, step, logs, df, ratio):
    """(where the grid begins in each lane, its last node there, how many nodes it has in all); logs: scratch."""
    coarse, width = 2 * half // _STRIDE, step * _STRIDE
    top = splat(-np.inf)
    for j in range(coarse + 1):
        value = _log_density(x, n, splat(j * width - half * step), df, ratio)
        store(logs, j, value)
        top = maximum(value, top)
    low, high = splat(float(coarse)), splat(0.0)
    for j in range(coarse):
        matters = maximum(load(logs, j), load(logs, j + 1)) > top - (_BETWEEN + _LEFT_OUT)
        low = select(matters, minimum(low, splat(float(j))), low)
        high = select(matters, splat(float(j + 1)), high)
    widest = 1
    while any_lane(high - low > float(widest)):
        widest += 1
    return fma(low, splat(width), splat(-half * step)), (high - low) * float(_STRIDE), widest * _STRIDE + 1


@lane
def _log_density(x, n, at, df, ratio):
    """Of the posterior, up to a constant."""
    total = splat(0.0)
    for first in range(0, n, _FACTORS):
        product = splat(1.0)
        for i in range(first, min(n, first + _FACTORS)):
            r = load(x, i) - at
            product = product * fma(r * r, splat(1.0 / df), splat(1.0))
        total = total + log(product)
    scaled = at * (1.0 / ratio)
    return -0.5 * fma(scaled, scaled, (df + 1.0) * total)


@lane
def _nodes(x, n, p):
    """(where the grid begins, its step, how many nodes it has, how many there are rows for)."""
    half, step = _grid(n, p[0], p[1] / p[2])
    return load(x, n), step, int(x[n + 1, 0]), 2 * half + 1


@lane
def mean(x, n, p):
    low, step, nodes, rows = _nodes(x, n, p)
    densities = x[n + _HEAD + rows :]
    total, moment = splat(0.0), splat(0.0)
    for j in range(nodes):
        total = total + load(densities, j)
        moment = fma(splat(float(j)), load(densities, j), moment)
    return fma(moment / total, splat(step), low) * p[2]


@lane
def median(x, n, p):
    """From the node where the distribution function passes 1/2, by Newton steps on the integral of the density from
    there. All in units of the step and of the density at the node."""
    df, ratio = p[0], p[1] / p[2]
    low, step, nodes, rows = _nodes(x, n, p)
    node, missing = _middle(x[n + _HEAD + rows :], nodes)
    origin = fma(node, splat(step), low)
    level = _log_density(x, n, origin, df, ratio)
    t, left, right = missing, splat(-2.0), splat(2.0)
    done = t > 2.0
    for _ in range(_MOST_STEPS):
        t = minimum(maximum(t, left), right)
        area = splat(0.0)
        for i in range(len(_NODES)):
            at = fma(t * (0.5 * (1.0 + _NODES[i])), splat(step), origin)
            area = fma(splat(0.5 * _WEIGHTS[i]), exp(_log_density(x, n, at, df, ratio) - level), area)
        excess = fma(t, area, -missing)
        left, right = select(excess < 0.0, t, left), select(excess > 0.0, t, right)
        density = exp(_log_density(x, n, fma(t, splat(step), origin), df, ratio) - level)
        target = t - excess / density
        inside = both(target >= left, target <= right)
        target = select(inside, target, 0.5 * (left + right))
        near = magnitude(target - t) <= 1e-6  # of Newton's, which leaves an error of the order of its square
        t = select(done, t, target)
        done = either(done, near)
        if not any_lane(invert(done)):
            break
    return fma(t, splat(step), origin) * p[2]


@lane
def _middle(densities, nodes):
    """(the node next to the median, the integral from there to the median over the density at the node)."""
    total = splat(0.0)
    for j in range(nodes):
        total = total + load(densities, j)
    running, node, height = splat(0.0), splat(0.0), splat(1.0)
    for j in range(nodes):
        here = load(densities, j)
        before = both(running <= 0.5 * total, here > 0.0)
        node, height = select(before, splat(float(j)), node), select(before, here, height)
        running = running + here
    below, sign = splat(0.0), select(0.5 * node == nearest(0.5 * node), splat(1.0), splat(-1.0))
    for j in range(nodes):
        d = node - float(j)
        at_node = d == 0.0
        inverse = 1.0 / select(at_node, splat(1.0), d)
        beyond = polynomial(inverse * inverse, _SINE_INTEGRAL) * (inverse * sign)  # 1/2 - Si(pi d) / pi
        weight = select(at_node, splat(0.5), select(d > 0.0, splat(1.0), splat(0.0)) - beyond)
        below = fma(weight, load(densities, j), below)
        sign = -sign
    return node, (0.5 * total - below) / height


@lane
def mode(x, n, p):
    """The highest maximum of the grid, by a parabola through each and its neighbours, then Newton steps on the slope of
    the log density, kept between those neighbours."""
    df, ratio = p[0], p[1] / p[2]
    low, step, nodes, _ = _nodes(x, n, p)
    logs = x[n + _HEAD :]
    best, node, offset = splat(-np.inf), splat(0.0), splat(0.0)
    for j in range(1, nodes - 1):
        before, here, after = load(logs, j - 1), load(logs, j), load(logs, j + 1)
        bend = maximum(2.0 * here - before - after, splat(1e-300))
        rise = 0.5 * (after - before)
        height = here + 0.5 * rise * rise / bend
        better = both(both(here >= before, here >= after), height > best)
        best = select(better, height, best)
        node, offset = select(better, splat(float(j)), node), select(better, rise / bend, offset)
    origin = fma(node, splat(step), low)
    left, right = origin - step, origin + step
    t = fma(offset, splat(step), origin)
    done = t > right
    for _ in range(_MOST_STEPS):
        slope, bend = splat(-1.0 / (ratio * ratio)) * t, splat(1.0 / (ratio * ratio))
        for i in range(n):
            r = load(x, i) - t
            weight = (df + 1.0) / fma(r, r, splat(df))
            slope = fma(weight, r, slope)
            bend = fma(weight, 1.0 - 2.0 * r * r / fma(r, r, splat(df)), bend)
        left, right = select(slope > 0.0, t, left), select(slope < 0.0, t, right)
        target = t + slope / bend
        inside = both(target >= left, target <= right)
        target = select(inside, target, 0.5 * (left + right))
        near = magnitude(target - t) <= 1e-7 * step
        t = select(done, t, target)
        done = either(done, near)
        if not any_lane(invert(done)):
            break
    return t * p[2]


def _parts(df, sd, noise):
    def nodes(n):
        return 2 * _grid(n, df, sd / noise)[0] + 1

    return {
        "opened": (("mean", mean), ("median", median), ("mode", mode)),
        "data": lambda x, n, settings: {"theta": x[0], "observations_over_noise": x[1 : 1 + n]},
        "rows": lambda n, settings: 1 + n + _HEAD + 2 * nodes(n),
        "work": lambda n, settings: (100 + nodes(n) // _STRIDE) * (n + 20) // 12,
    }


PLUGIN = Distribution(
    "student_t_likelihood",
    "theta is normal with mean 0 and observations are Student's t around it: outliers lose their say",
    "O'Hagan (1979)",
    (
        Parameter("df", "degrees of freedom of the observations", Interval(1.0, 1000.0), 4.0),
        Parameter("sd", "standard deviation of theta", Interval(1e-3, 1e3), 1.0),
        Parameter("noise", "scale of the observations", Interval(1e-3, 1e3), 1.0),
    ),
    draw=draw,
    problem="posterior",
    parts=_parts,
)
