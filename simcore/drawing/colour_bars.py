"""The bar of colours beside panels whose fields are coloured by their values."""

import math

from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from simcore.drawing import canvas, frames
from simcore.drawing.sizes import LINE


def draw(figure, page, place, colours, limits, logged):
    """The bar of a ScalarMappable at a place (left, bottom, width, height); logged: colours by the logarithm."""
    axes = frames.panel(figure, page, place, "colours")
    bar = figure.colorbar(colours, cax=axes)
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_locator(_ticks(*limits, logged, int(place[-1] / LINE)))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: canvas.rounded(value, 3)))
    bar.ax.tick_params(labelsize=6.5)
    bar.outline.set_linewidth(0.4)


def _ticks(low, high, logged, most):
    """A locator of so many ticks at most; where there is room for few, at the ends of the bar."""
    if most < 4:
        return FixedLocator([low, high])
    if not logged or high <= 3 * low:
        return MaxNLocator(min(5, most - 1))
    subs = (1, 2, 5) if 3 * math.log10(high / low) < most else (1,)
    return LogLocator(subs=subs, numticks=min(12, most))
