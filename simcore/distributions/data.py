"""The user's own errors, drawn with replacement: the bootstrap world (Efron 1979) in which studies are replayed."""

import math

import numpy as np

from simcore import held
from simcore.jit import lane
from simcore.lanes import gather, numbers_at, store
from simcore.own_files import OwnFile
from simcore.registry import REAL, Distribution, Parameter, Text
from simcore.streams import random_bits

_MOST_ROWS = 1_000_000


@lane
def draw(stream, x, n, p):
    """Value floor(r k / 2^44) of k, for a random r below 2^44: no probability is off by more than k / 2^44 of it, which
    is 6e-8 for a million."""
    values, count = numbers_at(p[0], p[1]), int(p[1])
    for i in range(n):
        word, stream = random_bits(stream)
        store(x, i, gather(values, ((word >> 20) * count) >> 44))


def atoms(data, column):
    """All values of the column, in order. Raises UsageError."""
    file = OwnFile("data", data)
    return held.table((file.sha256(), column), lambda: _sorted(file, column))


def _sorted(file, column):
    def check(rows, names):
        if names.count(column) != 1:
            raise file.wrong(f"must have one column {column!r} (got {', '.join(map(repr, names))})")
        if not 2 <= rows <= _MOST_ROWS:
            raise file.wrong(f"must have 2 to {_MOST_ROWS} rows below its header (got {rows})")

    values = np.sort(file.columns(check, [column])[0]) + 0.0  # no -0.0
    if not np.all(np.abs(values) <= REAL.high):
        raise file.wrong(f"column {column!r} must hold finite numbers, none beyond {REAL.high:g}")
    return values


def mean(data, column):
    found = atoms(data, column)
    return math.fsum(found) / len(found)


PLUGIN = Distribution(
    "data",
    'your own errors from a CSV or Parquet file, drawn with replacement: { data = "my.csv", column = "y" }',
    "Efron (1979)",
    (
        Parameter("data", "path of the file, from where simcore runs", Text()),
        Parameter("column", "name of its column with the errors", Text()),
    ),
    draw=draw,
    numbers=lambda values: held.place(atoms(**values)),
    fingerprint=lambda values: OwnFile("data", values["data"]).sha256(),
    atoms=atoms,
    symmetric=lambda data, column: False,
    mean=mean,
    no_score=lambda data, column: "errors that are drawn from data have no density",
)
