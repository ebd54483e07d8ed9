"""Draw the loss of a linear model and of two small networks: python scripts/plot_network_landscape.py figures/landscape

The same data and the same squared error; a polynomial is a bowl, a hidden layer a mountain range.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import simcore

MODELS = "linear", "tanh", "relu"


def data(seed, n=20, waves=4):
    """(x, y): a sine of so many waves between -1 and 1, with normal errors of 0.2."""
    x = (2.0 * np.arange(n) + 1.0) / n - 1.0
    return x, np.sin(waves * np.pi * x) + 0.2 * np.random.default_rng(seed).standard_normal(n)


def main():
    parser = argparse.ArgumentParser(description="Draw the loss of a linear model and of two small networks.")
    parser.add_argument("path", type=Path, nargs="?", default=Path("landscape"), help="the figure, without suffix")
    parser.add_argument("--hidden", type=int, default=3, help="hidden units (default: 3)")
    parser.add_argument("--seed", type=int, default=1, help="of the errors and the starts (default: 1)")
    path, hidden, seed = vars(parser.parse_args()).values()
    x, y = data(seed)
    try:
        surfaces = [simcore.network_surface(y, x, model, hidden, seed=seed, points=121) for model in MODELS]
        title = "Squared error on the plane through three minima: a bowl, and two mountain ranges"
        simcore.plot_loss_surfaces(surfaces, path, title)
    except simcore.SimcoreError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for surface in surfaces:
        share = np.mean(surface.smallest_eigenvalues < 0.0)
        print(f"{surface.label}: {share:.0%} of the plane bent down, lowest minimum {surface.value:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
