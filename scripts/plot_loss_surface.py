"""Draw the total loss of a line through data with outliers: python scripts/plot_loss_surface.py figures/loss_surface"""

import argparse
import sys
from pathlib import Path

import numpy as np

import simcore

LOSSES = ("l2", "l1", "huber", "tukey")


def data(seed=4, n=30, outliers=6):
    """(x, y): a line 1 + 2 x with normal errors of 0.3, but the last `outliers` points on another line, below it."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1.0, 1.0, n))
    y = 1.0 + 2.0 * x + 0.3 * rng.standard_normal(n)
    y[-outliers:] -= 6.0
    return x, y


def main():
    parser = argparse.ArgumentParser(description="Draw the total loss over intercept and slope for four losses.")
    parser.add_argument("path", type=Path, nargs="?", default=Path("loss_surface"), help="the figure, without suffix")
    parser.add_argument("--scale", type=float, default=0.3, help="known scale of the residuals (default: 0.3)")
    path, scale = vars(parser.parse_args()).values()
    x, y = data()
    window = {"at": (-1.0, 0.0), "extent": (5.0, 8.0), "points": 101}
    try:
        surfaces = [simcore.loss_surface(y, x, loss, scale=scale, **window) for loss in LOSSES]
        simcore.plot_loss_surfaces(surfaces, path, "Total loss of a line: 24 points on it, 6 outliers below")
    except simcore.SimcoreError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for surface in surfaces:
        minima = "; ".join(f"({first:.3f}, {second:.3f})" for first, second in surface.minima)
        print(f"{surface.label}: {'convex' if surface.convex else 'not convex'}, minima {minima or 'outside'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
