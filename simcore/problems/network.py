"""A small network: a curve fitted by one hidden layer, from many random starts, beside a model that is linear.

Observations are y = f(x) + error with x between -1 and 1. Each data set comes with the weights from which training
starts, so that every loss starts from the same. Two starts count as in one minimum where their final losses are the
same to a millionth (`basins.SAME`): units that change places, and units of tanh that change their signs, change no
loss, so minima are counted up to these symmetries.
"""

import functools

import numpy as np

from simcore.basins import STARTS, scratch_rows, train_with
from simcore.fmath import sin_pi, with_sign
from simcore.hidden_layer import HIDDEN, MODEL, MODELS, weight_count
from simcore.jit import lane
from simcore.lanes import fma, load, magnitude, minimum, nearest, splat, store
from simcore.registry import Glance, Interval, OneOf, Parameter, Problem, Quantity, Simulation, plugins
from simcore.streams import DESIGN, ERRORS, start, symmetric
from simcore.variates import normals

CURVES = ("sine", "step")
SINE = 0
_REACH, _CURVE, _WAVES, _POINTS = 4, 5, 6, 7  # places in the settings
_MOST_STEEP = 1e6
NOT_NEGATIVE = Interval(0.0, 1e3)
draw = apply = None  # open names of `sample`: of the errors and of their contamination


def sample(words, group, x, n, p, errors, place):
    """x, y, and the starting weights, one start after the other."""
    y, weights = x[n:], x[2 * n :]
    draw(start(words, ERRORS, group), y, n, errors)
    apply(start(words, ERRORS, group, 1), y, n, place)
    stream = start(words, DESIGN, group)
    for i in range(n):
        u, stream = symmetric(stream)
        here = 2.0 * u if int(p[_POINTS]) else splat((2.0 * i + 1.0) / n - 1.0)
        store(x, i, here)
        store(y, i, load(y, i) + curve(here, int(p[_CURVE]), p[_WAVES]))
    count = weight_count(int(p[MODEL]), int(p[HIDDEN]))
    for s in range(int(p[STARTS])):
        normals(start(words, DESIGN, group, s + 1), weights[s * count :], count, p[_REACH])


@lane
def curve(x, kind, waves):
    """f(x): `waves` waves between -1 and 1, of a sine or of its sign."""
    turns = waves * x
    turns = fma(nearest(0.5 * turns), splat(-2.0), turns)  # between -1 and 1
    size = magnitude(turns)
    height = sin_pi(minimum(size, 1.0 - size)) if kind == SINE else splat(1.0)
    return with_sign(height, turns)


def rows(n, settings):
    """Each is filled, and behind y there is room for the twin of an odd last error."""
    return 2 * n + int(settings["starts"]) * _weights(settings)


def data(x, n, settings):
    starts = x[2 * n :].reshape(int(settings["starts"]), -1)
    return {"x": x[:n], "y": x[n : 2 * n], "starts": starts}


def scratch(n, settings):
    return scratch_rows(n, _weights(settings), int(settings["hidden"]), int(settings["starts"]))


def work(n, settings):
    """About 60 points for each start, which cost as much as their Hessians; of the linear model 5."""
    weights = _weights(settings)
    points = 5 if settings["model"] == "linear" else 60
    return int(settings["starts"]) * points * (n * weights * (weights + 10) // 25 + 10)


def _weights(settings):
    return weight_count(MODELS.index(settings["model"]), int(settings["hidden"]))


def quantities(settings, errors):
    bent = "whose Hessian has a negative eigenvalue"
    converged = "share of the starts that came to rest: no gradient, and from a crease of relu no way down"
    return (
        Quantity("minima", "different losses among the starts that ended in a minimum", light=True),
        Quantity("best_found", "share of the starts that ended in the lowest of these minima", light=True),
        Quantity("spread", "largest less smallest loss of these minima, 0 where there is one"),
        Quantity("best_loss", "smallest final loss", log=True),
        Quantity("converged", converged, light=True),
        Quantity("negative_start", f"share of the starts {bent}", light=True),
        Quantity("negative_way", f"share of all points from the starts to their ends {bent}", light=True),
        Quantity("negative_end", f"share of the ends {bent}", light=True),
    )


@functools.cache
def fit(choice):
    """The fit function of a loss; it leaves no name open."""
    return train_with(plugins("losses")[choice.loss]), ()


def numbers(choice, n):
    """The scale of the residuals, which of a loss without one does not matter, and the parameters of the loss."""
    return (1.0 if choice.scale is None else choice.scale, *choice.values.values())


def unsuited(loss, values):
    """Training needs Newton's steps wherever the model has a gradient, so psi must neither jump nor be upright."""
    upright = float(loss.psi_prime(splat(0.0), np.array((*values.values(), 0.0)))[0]) > _MOST_STEEP
    return "its psi jumps: write l2, or a loss that is round, like huber" if loss.jumps(**values) or upright else None


PLUGIN = Problem(
    "network",
    "a curve: a network of one hidden layer or a linear model, trained from many starts",
    "Rumelhart, Hinton & Williams (1986)",
    fit=fit,
    numbers=numbers,
    scales=(),
    unsuited=unsuited,
    estimand="the minima of the mean loss of the model, and how the loss is bent on the way to them",
    settings=(
        Parameter("model", "linear (a polynomial), or the units of a network: tanh, relu", OneOf(MODELS)),
        Parameter("hidden", "hidden units; of the linear model the degree", Interval(1, 20, integer=True), 3.0),
        Parameter("decay", "weight decay: half of it times the sum of squares of the weights", NOT_NEGATIVE, 1e-4),
        Parameter("starts", "random starts of each data set", Interval(1, 1000, integer=True), 16.0),
        Parameter("reach", "standard deviation of the weights at the start", NOT_NEGATIVE, 3.0),
        Parameter("curve", "the curve, between -1 and 1", OneOf(CURVES), "sine"),
        Parameter("waves", "waves of the curve", NOT_NEGATIVE, 3.0),
        Parameter("points", "x of the observations: evenly spaced or uniform", OneOf(("grid", "uniform")), "grid"),
    ),
    simulation=Simulation(
        sample=sample,
        rows=rows,
        data=data,
        quantities=quantities,
        scratch=scratch,
        work=work,
    ),
    glances=(
        Glance(
            "bowl_or_mountains",
            ("mean",),
            x="hidden",
            title="one minimum or many, and how the loss is bent",
            label="mean of the quantity at the right",
            rows="parameter",
            columns="model",
            apart=True,
            parameters=("minima", "best_found", "spread", "negative_way"),
        ),
    ),
    shown=("mean",),
)
