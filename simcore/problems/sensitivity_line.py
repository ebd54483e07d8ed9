"""Sensitivity of a regression: what some observations that stand anywhere do to the coefficients of a line.

Those at x = 0 are vertical outliers, those far out leverage points.
"""

from simcore.outliers import OUTLIERS, PLACES, SHOWN, max_bias_curves, sensitivity_curves
from simcore.registry import Exact, Parameter, Problem, Quantity

PLUGIN = Problem(
    "sensitivity_line",
    "what a few observations do to the coefficients of a line",
    "Hampel (1971, 1974)",
    estimand="the change of intercept (beta0) and slope (beta1) of y = x + error; the good errors are quantiles",
    settings=(
        Parameter("at", "how far above the line the outliers stand", default=PLACES),
        OUTLIERS,
        Parameter("x", "regressor of the outliers; that of the others has mean 0 and variance 1", default=0.0),
    ),
    exact=Exact("linear", (Quantity("beta0"), Quantity("beta1")), fewest=3),
    glances=(
        sensitivity_curves("coefficient", rows="parameter", columns="x", apart=True),
        max_bias_curves("coefficient", rows="parameter", columns="x", apart=True, cut=True),
    ),
    shown=SHOWN,
)
