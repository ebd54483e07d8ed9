"""Shaded strips on top of panels: marks for what has no number, that say why."""

import numpy as np
from matplotlib.ticker import NullLocator

from simcore.drawing.looks import MARKS

SHADE = "#e8e8e8"


def on_top(axes, share, ends, named=False):
    """The strip on top of a panel; share: its height by the panel's; ends: of its y axis, the lower one first."""
    strip = axes.inset_axes([0, 1, 1, share])
    strip.set(xscale=axes.get_xscale(), xlim=axes.get_xlim(), ylim=ends, facecolor=SHADE, xticks=[], yticks=[])
    strip.xaxis.set_minor_locator(NullLocator())
    if named:
        strip.set_ylabel("no value", rotation=0, ha="right", va="center", fontsize=7, labelpad=3)
    return strip


def mark(strip, points, y, look):
    """The marks of an estimator's points (x, status, estimator) in line y; look: of a Line2D."""
    for status, shape in MARKS.items():
        x = points["x"][points["status"] == status]
        if len(x):
            label = f"{points['estimator'].iloc[0]}: {status}"
            strip.plot(x, np.full(len(x), y), **{"linestyle": "none", **look, "marker": shape, "label": label})
