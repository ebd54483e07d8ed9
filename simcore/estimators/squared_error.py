"""Squared error of probabilities (Brier 1950): its gradient vanishes where the model is sure, be it right or wrong."""

from simcore import softmax
from simcore.registry import Estimator

PLUGIN = Estimator(
    "squared_error",
    "half the squared distance of the probabilities from the labels, by gradient descent",
    "Brier (1950)",
    softmax.DESCENT,
    problem="classification",
    fit=softmax.fit_with("squared_error", softmax.squared_pull),
)
