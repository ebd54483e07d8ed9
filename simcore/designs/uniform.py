"""Uniform regressors on (-1, 1): every point has about the same leverage."""

from simcore.distributions import uniform
from simcore.registry import Design

PLUGIN = Design("uniform", "columns uniform on (-1, 1)", draw=uniform.draw)
