"""Squared error of probabilities (Brier 1950): its gradient vanishes where the model is sure, be it right or wrong."""

from simcore import softmax
from simcore.registry import POSITIVE, Estimator, Interval, Parameter

PLUGIN = Estimator(
    "squared_error",
    "half the squared distance of the probabilities from the labels, by gradient descent",
    "Brier (1950)",
    (
        Parameter("rate", "length of a step, times the gradient", POSITIVE, 1.0, quiet=True),
        Parameter("steps", "most steps", Interval(1, 1e6, integer=True), 1000.0, quiet=True),
        Parameter("tolerance", "norm of the gradient at which it has converged", POSITIVE, 1e-3, quiet=True),
    ),
    problem="classification",
    fit=softmax.fit_with("squared_error", softmax.squared_pull),
)
