"""Tones: a cosine and a sine of each frequency at n equally spaced times, for amplitude and phase."""

import numpy as np

from simcore.fmath import sin_pi
from simcore.lanes import WIDTH
from simcore.registry import Design, Interval, Parameter, Vector


def matrix(n, columns, values):
    """cos(2 pi f t), sin(2 pi f t) for each f, at t = 0, 1, ..., n - 1."""
    t = np.arange(n, dtype=np.float64)
    waves = []
    for frequency in values["frequencies"]:
        turns = frequency * t  # in turns; only the part within a turn counts
        waves += [_sine(turns + 0.25), _sine(turns)]
    return np.stack(waves, axis=1)


def _sine(turns):
    """sin(2 pi turns), the same bits on every CPU."""
    part = 2.0 * (turns - np.rint(turns))  # of half turns, -1..1
    part = np.where(np.abs(part) > 0.5, np.copysign(1.0, part) - part, part)
    padded = np.pad(part, (0, -len(part) % WIDTH)).reshape(-1, WIDTH)
    return np.concatenate([sin_pi(row) for row in padded])[: len(part)]


PLUGIN = Design(
    "harmonic",
    "cosine and sine of each frequency, in this order, at times 0, 1, ..., n - 1",
    parameters=(
        Parameter(
            "frequencies",
            "cycles per observation",
            Vector(Interval(0.0, 0.5, open_low=True, open_high=True), 10),
        ),
    ),
    matrix=matrix,
    columns=lambda values: 2 * len(values["frequencies"]),
)
