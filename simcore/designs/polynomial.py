"""Powers of equally spaced points: columns that are nearly collinear when the degree is high."""

import numpy as np

from simcore.registry import Design, Interval, Parameter


def matrix(n, columns, values):
    """x, x^2, ..., x^degree at n points from -1 to 1."""
    x = np.linspace(-1.0, 1.0, n) if n > 1 else np.zeros(1)
    powers = [x]
    while len(powers) < columns:
        powers.append(powers[-1] * x)
    return np.stack(powers, axis=1)


PLUGIN = Design(
    "polynomial",
    "powers x, x^2, ... of n equally spaced points from -1 to 1",
    parameters=(Parameter("degree", "the highest power", Interval(1, 20, integer=True)),),
    matrix=matrix,
    columns=lambda values: int(values["degree"]),
)
