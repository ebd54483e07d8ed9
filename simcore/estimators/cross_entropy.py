"""Cross-entropy (Cox 1958): its gradient p - y stays large where the model is confidently wrong."""

from simcore import softmax
from simcore.registry import POSITIVE, Estimator, Interval, Parameter

PLUGIN = Estimator(
    "cross_entropy",
    "cross-entropy, the negative log-likelihood of the labels, by gradient descent",
    "Cox (1958)",
    (
        Parameter("rate", "length of a step, times the gradient", POSITIVE, 1.0, quiet=True),
        Parameter("steps", "most steps", Interval(1, 1e6, integer=True), 1000.0, quiet=True),
        Parameter("tolerance", "norm of the gradient at which it has converged", POSITIVE, 1e-3, quiet=True),
    ),
    problem="classification",
    fit=softmax.fit_with("cross_entropy", softmax.cross_entropy_pull),
)
