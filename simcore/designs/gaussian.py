"""Standard normal regressors: the textbook design, no point stands far off."""

from simcore.distributions import normal
from simcore.registry import Design

PLUGIN = Design("gaussian", "standard normal columns", draw=normal.draw)
