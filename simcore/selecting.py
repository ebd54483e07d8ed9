"""Some rows of a table of results: those of certain cells, estimators and parameters."""

import itertools
from functools import reduce
from operator import and_, or_

import pandas as pd

from simcore.choices import labelled
from simcore.errors import UsageError
from simcore.registry import unknown
from simcore.toml_text import shorten

_LONGEST = 800  # letters of a message
_NOT_FACTORS = ("study", "problem", "cell")


def selected(table, cells=(), estimators=(), parameters=(), where=()):
    """The rows of a summary, or of comparisons, that are of one of each: cells by number, estimators by label (of a
    comparison one of the two, where several are given both), parameters by name; and that have all values of factors in
    `where`, such as "errors=cauchy" or "n=20". Nothing given: all rows.

    A label may stand without its parameters, as student_t for student_t(df=3). Raises UsageError where no row is left.
    """
    table = _of(table, "cell", "cell", list(map(str, cells)))
    for entry in where:
        name, sign, value = entry.partition("=")
        factors = [own for own in itertools.takewhile(_is_factor, table.columns) if own not in _NOT_FACTORS]
        if not sign or name not in factors:
            raise UsageError(f"where: write COLUMN=VALUE (got {entry!r}), {_known(name, factors)}")
        table = _of(table, f"where: {name}", name, [value])
    several = ("estimator", "other") if "other" in table else ("estimator",)
    return _of(_of(table, "estimator", several, estimators), "parameter", "parameter", parameters)


def _is_factor(column):
    return column not in ("estimator", "parameter")


def _of(table, what, columns, wanted):
    """The rows with one of the wanted texts in one of the columns; of several texts one in each of them."""
    columns = [columns] if isinstance(columns, str) else columns
    if not wanted:
        return table
    known = {text: None for name in columns for text in map(_text, table[name].dropna().unique())}
    chosen = set()
    for given in map(_text, wanted):
        found = labelled(given, known)
        if not found:
            raise UsageError(f"{what}: there is none such here (got {given!r}), {_known(given, known)}")
        chosen.update(found)
    rows = [table[name].map(lambda value: not pd.isna(value) and _text(value) in chosen) for name in columns]
    found = table[reduce(and_ if min(len(wanted), len(chosen)) > 1 else or_, rows).astype(bool)]
    if found.empty:
        given = ", ".join(map(repr, wanted))
        raise UsageError(f"{what}: of so many only those with the reference are compared (got {given}); add it")
    return found


def _text(value):
    """As people write it: 20, 0.5, true, cauchy."""
    try:
        return f"{float(value):.12g}"
    except ValueError:
        return str(value)


def _known(name, known):
    return shorten(unknown(name, list(known)), _LONGEST)
