"""A figure of total losses over two coefficients, side by side: heights, a slice, and where a surface is not convex.

Use `plot_loss_surfaces`. Style and files are those of `canvas`; sizes are inches.
"""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from simcore.drawing import canvas
from simcore.drawing.sizes import PAGES
from simcore.errors import UsageError

_PAGE = PAGES["paper"]
_MOST = 5  # surfaces on a page
_LEFT, _RIGHT, _GAP, _SLICE = 0.66, 0.08, 0.1, 0.75  # _SLICE: height of the row of slices
_BELOW, _ABOVE = 0.85, 0.56  # room for what stands below and above all panels
_CONTOURS = np.linspace(0.0, 1.0, 13) ** 2  # heights, evenly spaced on a round bowl
_SIGNS = {"bent up": "#cfe3f2", "flat": "#f4f4f4", "bent down": "#f0b661"}
_MINIMUM = {"marker": "o", "markersize": 4.5, "color": "white", "markeredgecolor": "black", "linestyle": "none"}
_CREASE = {"color": "#444444", "linewidth": 0.4}
_SLICED = {"color": "#CC3311", "linewidth": 0.8, "linestyle": (0, (3, 1.5))}
_FEW = 200  # creases that can be told apart


def plot_loss_surfaces(surfaces, path=None, title=None):
    """Draw LossSurfaces over the same two coefficients as columns of one figure; returns the matplotlib Figure.

    On top the heights of a surface, with contours evenly spaced in the root of the height; below it the slice along the
    first coefficient through the lowest minimum; at the bottom the sign of the Hessian's smallest eigenvalue. Axes are
    common to all columns, heights are each column's own. path: where to write it, as SVG, PNG and PDF whatever its
    suffix; None: nowhere.
    """
    surfaces = _checked(surfaces)
    with canvas.style():
        figure = _figure(surfaces, title or "Total loss over two regression coefficients")
        if path is not None:
            path = Path(path)
            name = path.stem if path.suffix.removeprefix(".") in canvas.FORMATS else path.name
            canvas.write(figure, name, path.parent, _PAGE)
    return figure


def _checked(surfaces):
    surfaces = list(surfaces) if isinstance(surfaces, list | tuple) else [surfaces]
    if not 1 <= len(surfaces) <= _MOST:
        raise UsageError(f"surfaces: must be 1 to {_MOST} of them (got {len(surfaces)})")
    names = sorted({", ".join(surface.names) for surface in surfaces})
    if len(names) > 1:
        raise UsageError(f"surfaces: must be over the same two coefficients (got {' and '.join(names)})")
    return surfaces


def _figure(surfaces, title):
    side = min((_PAGE.width - _LEFT - _RIGHT) / len(surfaces) - _GAP, 2.4)
    tall = np.array([side, _SLICE, side])
    floors = _BELOW + np.array([0.0, side + 0.32, side + 0.32 + _SLICE + 0.1])
    height = floors[-1] + side + _ABOVE
    figure = Figure(figsize=(_PAGE.width, height))
    FigureCanvasAgg(figure)
    limits = [(min(s.axes[k][0] for s in surfaces), max(s.axes[k][-1] for s in surfaces)) for k in range(2)]
    for column, surface in enumerate(surfaces):
        left = (_LEFT + column * (side + _GAP)) / _PAGE.width
        places = [(left, floors[k] / height, side / _PAGE.width, tall[k] / height) for k in range(3)]
        signs, slices, heights = (figure.add_axes(place, label=f"{column} {k}") for k, place in enumerate(places))
        _draw_heights(heights, surface)
        _draw_slice(slices, surface)
        _draw_signs(signs, surface)
        _set_axes((signs, slices, heights), surface, limits, first=column == 0)
    handles = _handles(surfaces)
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.06 / height)}
    figure.legend(handles=handles, ncols=min(3, len(handles)), handlelength=1.8, **place)
    figure.text(0.08 / _PAGE.width, 1 - 0.06 / height, title, fontsize=8.5, va="top", weight="bold")
    return figure


# Panels


def _draw_heights(axes, surface):
    first, second = surface.axes
    shares = _shares(surface.values).T
    axes.contourf(first, second, shares, levels=_CONTOURS, cmap="cividis")
    axes.contour(first, second, shares, levels=_CONTOURS[1:-1], colors="white", linewidths=0.3)
    axes.plot(first, np.full(len(first), second[_sliced(surface)]), **_SLICED)
    _mark_minima(axes, surface)
    count = len(surface.minima)
    found = {0: "no minimum inside", 1: "1 minimum"}.get(count, f"{count} minima")
    axes.set_title(f"{surface.label}\n{found}", linespacing=1.3)


def _draw_slice(axes, surface):
    shares = _shares(surface.values[:, _sliced(surface)])
    axes.plot(surface.axes[0], shares, color=_SLICED["color"], linewidth=1.0)
    axes.set_ylim(-0.08, 1.08)


def _draw_signs(axes, surface):
    """Regions by the sign of the smallest eigenvalue, each point of the grid a cell; hatched where it is negative."""
    first, second = surface.axes
    sign = np.sign(surface.smallest_eigenvalues).T
    colours = ListedColormap([_SIGNS["bent down"], _SIGNS["flat"], _SIGNS["bent up"]])
    axes.pcolormesh(first, second, sign, cmap=colours, vmin=-1.0, vmax=1.0, shading="nearest", rasterized=True)
    if (sign < 0.0).any():
        hatched = axes.contourf(first, second, sign, levels=[-1.5, -0.5], colors="none", hatches=["////"])
        hatched.set_edgecolor("#7a4a00")
        hatched.set_linewidth(0.0)
    for a, b, c in surface.creases[: _FEW + 1] if len(surface.creases) <= _FEW else ():
        _draw_line(axes, a, b, c)
    _mark_minima(axes, surface)
    if len(surface.minima):
        low, high = surface.curvatures[0]
        axes.set_title(f"eigenvalues {low:.3g}, {high:.3g}")


def _draw_line(axes, a, b, c):
    """Where a * x + b * y = c; nowhere if a = b = 0."""
    if b != 0.0:
        axes.axline((0.0, c / b), slope=-a / b, **_CREASE)
    elif a != 0.0:
        axes.axvline(c / a, **_CREASE)


def _mark_minima(axes, surface):
    """The lowest large, the others small."""
    for rank, (x, y) in enumerate(surface.minima):
        axes.plot(x, y, **_MINIMUM | {"markersize": 4.5 if rank == 0 else 2.8}, zorder=4)


def _shares(values):
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _sliced(surface):
    """The place on the second axis of the slice: nearest to the lowest minimum, or to the lowest point."""
    if len(surface.minima):
        return int(np.abs(surface.axes[1] - surface.minima[0, 1]).argmin())
    return int(np.unravel_index(surface.values.argmin(), surface.values.shape)[1])


# Around the panels


def _set_axes(panels, surface, limits, first):
    """Common limits; numbers at the left and at the bottom only."""
    signs, slices, heights = panels
    numbers = FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−"))
    for axes in panels:
        axes.grid(False)
        axes.set_xlim(limits[0])
        axes.xaxis.set_major_locator(MaxNLocator(4, prune="both"))
        axes.xaxis.set_major_formatter(numbers)
        axes.tick_params(labelbottom=axes is signs, labelleft=first)
    for axes in (signs, heights):
        axes.set_ylim(limits[1])
        axes.set_facecolor("#bbbbbb")
        axes.yaxis.set_major_locator(MaxNLocator(5, prune="both"))
        axes.yaxis.set_major_formatter(numbers)
    slices.set_yticks([0.0, 1.0], ["low", "high"] if first else ["", ""])
    signs.set_xlabel(surface.names[0])
    if first:
        heights.set_ylabel(surface.names[1])
        signs.set_ylabel(surface.names[1])
        slices.set_ylabel("slice")


def _handles(surfaces):
    """Legend entries of what is there to see."""
    signs = np.concatenate([np.sign(surface.smallest_eigenvalues).ravel() for surface in surfaces])
    kinds = (("bent up", 1, "convex: smallest eigenvalue > 0"), ("flat", 0, "flat in a direction: = 0"))
    handles = [
        Line2D([], [], label="minimum (lowest: large)", **_MINIMUM),
        Line2D([], [], label="place of the slice", **_SLICED),
    ]
    handles += [
        Patch(facecolor=_SIGNS[kind], edgecolor="#999999", linewidth=0.5, label=label)
        for kind, sign, label in kinds
        if (signs == sign).any()
    ]
    if (signs < 0).any():
        look = {"facecolor": _SIGNS["bent down"], "edgecolor": "#7a4a00", "hatch": "////", "linewidth": 0.0}
        handles.append(Patch(label="not convex: < 0", **look))
    if any(0 < len(surface.creases) <= _FEW for surface in surfaces):
        handles.append(Line2D([], [], label="crease: a residual is 0, psi jumps", **_CREASE))
    return handles
