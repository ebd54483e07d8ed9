"""Classification: which of K classes, by a softmax of K features, under squared error and under cross-entropy.

The label of an observation is the class k whose utility signal * x_k + error_k is the largest, with standard normal
features x. With Gumbel errors that is exactly the softmax model with slopes `signal` (McFadden 1974), with two classes
the logistic model. Every data set has n observations to fit and n to test, of which only the former are contaminated.
"""

import numpy as np

from simcore.lanes import fma, load, maximum, select, splat, store
from simcore.registry import Glance, Interval, Parameter, Problem, Quantity, Simulation
from simcore.softmax import scratch_rows
from simcore.streams import DESIGN, ERRORS, start
from simcore.variates import normals

draw = apply = None  # open names of `sample`: of the errors and of their contamination


def sample(words, group, x, n, p, errors, place):
    """Features and labels to fit, then those to test: as `softmax` reads them."""
    classes, signal = int(p[0]), p[1]
    size = n * classes
    utilities = x[2 * (size + n) :]
    draw(start(words, ERRORS, group), utilities, 2 * size, errors)
    apply(start(words, ERRORS, group, 1), utilities, 2 * size, place)
    stream = start(words, DESIGN, group)
    for part in range(2):
        features = x[part * (size + n) :]
        stream = normals(stream, features, size, 1.0)
        for i in range(n):
            label, top = splat(0.0), splat(0.0)
            for k in range(classes):
                error = load(utilities, part * size + i * classes + k)
                utility = fma(splat(signal), load(features, i * classes + k), error)
                if k == 0:
                    top = utility
                label = select(utility > top, splat(float(k)), label)
                top = maximum(utility, top)
            store(features, size + i, label)


def rows(n, settings):
    """Features and labels, twice, and the errors, an even number of rows."""
    classes = int(settings["classes"])
    return 2 * n * (classes + 1) + 2 * n * classes


def data(x, n, settings):
    """The new observations are those to test; behind all stand the errors of the utilities."""
    size = n * int(settings["classes"])
    parts = np.split(x, np.cumsum([size, n, size, n, size]))
    names = "features", "labels", "new_features", "new_labels", "errors", "new_errors"
    return {name: part.reshape(n, -1) if len(part) > n else part for name, part in zip(names, parts, strict=True)}


def quantities(settings, errors):
    """The model is that of the utilities, and its slope known, where errors are Gumbel's."""
    truth = settings["signal"]
    if errors is not None:
        truth = truth / errors.scale if errors.name == "gumbel" else None
    slope = "weight of a class's own feature less that of the others, mean of all classes"
    converged = "1 where the gradient fell to the tolerance and labels are likelier than by chance, else 0"
    steps = "steps until the labels' mean probability exceeds 1 / K, or one more than all"
    return (
        Quantity("slope", slope, truth=truth, light=True),
        Quantity("accuracy", "share of the n new observations that are classified rightly", light=True),
        Quantity("converged", converged, light=True),
        Quantity("steps", steps, light=True, log=True),
        Quantity("gradient_norm", "norm of the gradient of the mean loss at the start", light=True, log=True),
    )


PLUGIN = Problem(
    "classification",
    "the classes of observations: softmax by gradient descent",
    "McFadden (1974)",
    losses=False,
    estimand="the slopes of the utilities, and how a gradient descent gets there",
    settings=(
        Parameter("classes", "number of classes, and of features", Interval(2, 20, integer=True), 2.0),
        Parameter("signal", "slope of the utilities in the features", Interval(0.0, 1e6), 2.0),
        Parameter("start", "slope at the start of the descent; a negative one is confidently wrong", default=0.0),
    ),
    simulation=Simulation(
        sample=sample,
        rows=rows,
        data=data,
        quantities=quantities,
        scratch=lambda n, settings: scratch_rows(int(settings["classes"])),
        work=lambda n, settings: 500 * n * int(settings["classes"]),
    ),
    glances=(
        Glance(
            "vanishing_gradient",
            ("mean",),
            x="start",
            title="the gradient at the start, and what becomes of the descent",
            label="mean of the quantity at the right",
            rows="parameter",
            columns="contamination",
            apart=True,
            parameters=("gradient_norm", "steps", "converged", "accuracy"),
        ),
    ),
    shown=("mean", "bias", "rmse"),
)
