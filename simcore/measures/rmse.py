"""Root mean squared error."""

from simcore.registry import Measure

PLUGIN = Measure(
    "rmse",
    "root of the mean squared error",
    "Morris, White & Crowther (2019)",
    root_of="mse",
    formula="MCSE of the mse / (2 rmse): delta method",
    adjustable=True,
    relative=True,
)
