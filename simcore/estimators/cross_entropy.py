"""Cross-entropy (Cox 1958): its gradient p - y stays large where the model is confidently wrong."""

from simcore import softmax
from simcore.registry import Estimator

PLUGIN = Estimator(
    "cross_entropy",
    "cross-entropy, the negative log-likelihood of the labels, by gradient descent",
    "Cox (1958)",
    softmax.DESCENT,
    problem="classification",
    fit=softmax.fit_with("cross_entropy", softmax.cross_entropy_pull),
)
