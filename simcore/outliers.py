"""What the problems of outliers have in common: their settings, what people see first, and their figures."""

from simcore.registry import Glance, Interval, Parameter

PLACES = (-10.0, -5.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 10.0)
OUTLIERS = Parameter("outliers", "how many of the n observations are outliers", Interval(1, 1e4, integer=True), 1.0)
SHOWN = ("sensitivity", "max_bias", "breakdown_point", "breakdown_theory")


def sensitivity_curves(what, **beside):
    """The figure of the sensitivity of an estimate or of coefficients."""
    return Glance(
        "sensitivity_curves",
        ("sensitivity",),
        x="at",
        title="sensitivity curves and influence functions (dashed)",
        label=f"n × change of the {what} / outliers",
        theory="influence",
        cut=True,
        **beside,
    )


def max_bias_curves(what, **beside):
    """The figure of the most that outliers can do to them."""
    return Glance(
        "max_bias_curves",
        ("max_bias",),
        x="outliers",
        title="the most that outliers can do",
        label=f"largest change of the {what}",
        **beside,
    )
