"""Axes of values: ticks at round numbers, on linear, logarithmic or mixed scales."""

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, SymmetricalLogLocator

from simcore.drawing.canvas import number


def set_values(axes, scale, which="y", named=True):
    """The x or y axis of a panel as a `scales.Scale` says, with numbers at it if it is named, and a line at 0."""
    low, high = scale.limits
    axis, set_scale, set_limits, line = {
        "x": (axes.xaxis, axes.set_xscale, axes.set_xlim, axes.axvline),
        "y": (axes.yaxis, axes.set_yscale, axes.set_ylim, axes.axhline),
    }[which]
    if scale.kind == "log":
        set_scale("log")
        subs = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if high < 4 * low else (1, 2, 5) if high < 150 * low else (1,)
        axis.set_major_locator(MaxNLocator(5) if high < 1.8 * low else LogLocator(subs=subs, numticks=12))
    elif scale.kind == "symlog":
        set_scale("symlog", linthresh=scale.linear)
        axis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=scale.linear))
    if low < 0.0:
        line(0.0, color="#666666", linewidth=0.6, zorder=1)
    set_limits(low, high)
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value) if named else ""))
