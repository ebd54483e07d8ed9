"""Sensitivity: what some observations that stand anywhere do to estimators of location, where nothing is random."""

from simcore.outliers import OUTLIERS, PLACES, SHOWN, max_bias_curves, sensitivity_curves
from simcore.registry import Exact, Parameter, Problem, Quantity

PLUGIN = Problem(
    "sensitivity",
    "what a few observations do to the centre of a sample",
    "Hampel (1971, 1974)",
    estimand="the change of the estimate; the good observations are quantiles of the errors",
    settings=(Parameter("at", "where the outliers stand", default=PLACES), OUTLIERS),
    exact=Exact("location", (Quantity("theta"),)),
    glances=(
        sensitivity_curves("estimate", columns="errors"),
        max_bias_curves("estimate", columns="errors", log=True, theory="max_bias_theory"),
    ),
    shown=SHOWN,
)
