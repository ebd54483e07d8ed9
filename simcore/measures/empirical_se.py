"""Empirical standard error: the standard deviation of the estimates."""

from simcore.registry import Measure

PLUGIN = Measure(
    "empirical_se",
    "standard deviation of T",
    "Morris, White & Crowther (2019)",
    root_of="variance",
    formula="MCSE of the variance / (2 empirical_se): delta method",
    adjustable=True,
    relative=True,
    of="both",
    fixed=True,
)
