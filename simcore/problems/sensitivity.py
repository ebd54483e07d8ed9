"""Sensitivity: what some observations that stand anywhere do to estimators of location, where nothing is random."""

from simcore.registry import Exact, Glance, Interval, Parameter, Problem, Quantity

AT = Parameter("at", "where the outliers stand", default=(-10.0, -5.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 10.0))
OUTLIERS = Parameter("outliers", "how many of the n observations are outliers", Interval(1, 1e4, integer=True), 1.0)

PLUGIN = Problem(
    "sensitivity",
    "what a few observations do to the centre of a sample",
    "Hampel (1971, 1974)",
    estimand="the change of the estimate; the good observations are quantiles of the errors",
    settings=(AT, OUTLIERS),
    exact=Exact("location", (Quantity("theta"),)),
    glances=(
        Glance(
            "sensitivity_curves",
            ("sensitivity",),
            x="at",
            title="sensitivity curves and influence functions (dashed)",
            label="n × change of the estimate / outliers",
            columns="errors",
            theory="influence",
            cut=True,
        ),
        Glance(
            "max_bias_curves",
            ("max_bias",),
            x="outliers",
            title="the most that outliers can do",
            label="largest change of the estimate",
            columns="errors",
            log=True,
            theory="max_bias_theory",
        ),
    ),
    shown=("sensitivity", "max_bias", "breakdown_point", "breakdown_theory"),
)
