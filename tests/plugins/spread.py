"""A problem of one's own: the scale of errors, by the standard deviation and by the mean absolute deviation."""

from simcore.codes import OK
from simcore.jit import lane
from simcore.lanes import load, magnitude, root, splat, splat_u64, store
from simcore.registry import Estimator, Problem, Quantity, Simulation
from simcore.streams import CONTAMINATION, ERRORS, start

draw = apply = None  # open names of `sample`: of the errors, and of their contamination


def sample(words, group, x, n, p, errors, place):
    draw(start(words, ERRORS, group), x, n, errors)
    apply(start(words, CONTAMINATION, group), x, n, place)


@lane
def centre(x, n):
    total = splat(0.0)
    for i in range(n):
        total = total + load(x, i)
    return total / float(n)


@lane
def standard(x, n, p, values, work):
    middle, total = centre(x, n), splat(0.0)
    for i in range(n):
        off = load(x, i) - middle
        total = total + off * off
    store(values, 0, root(total / (n - 1.0)))
    return splat_u64(OK)


@lane
def absolute(x, n, p, values, work):
    middle, total = centre(x, n), splat(0.0)
    for i in range(n):
        total = total + magnitude(load(x, i) - middle)
    store(values, 0, 1.2533141373155001 * total / float(n))
    return splat_u64(OK)


PLUGINS = [
    Problem(
        "spread",
        "the scale of normal errors",
        losses=False,
        estimand="sigma: 1, the scale of the errors that are not contaminated",
        simulation=Simulation(
            sample=sample,
            rows=lambda n, settings: n + n % 2,  # errors may come in pairs
            quantities=lambda settings, errors: (Quantity("sigma", "scale of the errors", truth=1.0),),
            data=lambda x, n, settings: {"x": x[:n]},
        ),
        shown=("bias", "variance", "efficiency"),
    ),
    Estimator("standard", "root of the mean square, divisor n - 1", problem="spread", fit=standard),
    Estimator("absolute", "mean absolute deviation, sqrt(pi / 2) of it", problem="spread", fit=absolute),
]
