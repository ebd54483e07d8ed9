"""Sensitivity of a regression: what some observations that stand anywhere do to the coefficients of a line.

Those at x = 0 are vertical outliers, those far out leverage points.
"""

from simcore.registry import Exact, Glance, Interval, Parameter, Problem, Quantity

AT = Parameter(
    *("at", "how far above the line the outliers stand"),
    default=(-10.0, -5.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 10.0),
)
OUTLIERS = Parameter("outliers", "how many of the n observations are outliers", Interval(1, 1e4, integer=True), 1.0)
X = Parameter("x", "regressor of the outliers; that of the others has mean 0 and variance 1", default=0.0)

PLUGIN = Problem(
    "sensitivity_line",
    "what a few observations do to the coefficients of a line",
    "Hampel (1971, 1974)",
    estimand="the change of intercept (beta0) and slope (beta1) of y = x + error; the good errors are quantiles",
    settings=(AT, OUTLIERS, X),
    exact=Exact("linear", (Quantity("beta0"), Quantity("beta1")), fewest=3),
    glances=(
        Glance(
            "sensitivity_curves",
            ("sensitivity",),
            x="at",
            title="sensitivity curves and influence functions (dashed)",
            label="n × change of the coefficient / outliers",
            rows="parameter",
            columns="x",
            apart=True,
            theory="influence",
            cut=True,
        ),
        Glance(
            "max_bias_curves",
            ("max_bias",),
            x="outliers",
            title="the most that outliers can do",
            label="largest change of the coefficient",
            rows="parameter",
            columns="x",
            apart=True,
            cut=True,
        ),
    ),
    shown=("sensitivity", "max_bias", "breakdown_point", "breakdown_theory"),
)
