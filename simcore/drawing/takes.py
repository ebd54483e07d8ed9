"""The rows of one measure, of all cells, as figures of cells show them.

Use `takes`.
"""

import re
from dataclasses import dataclass

import pandas as pd

from simcore.drawing import drawable, factors, views

USUAL = ("variance", "bias", "mean")


@dataclass(frozen=True)
class Take:
    """A measure in all cells.

    points: rows with the factors and parameter of each, y, half (2 MCSE), mcse and status, y NaN where there is no
    number. heading: what the measure is called; label: the same at an axis, with its unit. log: whether on a log axis.
    """

    measure: str
    heading: str
    label: str
    log: bool
    points: pd.DataFrame

    @property
    def replications(self):
        """The fewest and the most of a cell."""
        total = self.points["n_ok"] + self.points["n_failed"]
        return total.min(), total.max()

    @property
    def failed(self):
        return self.points["n_failed"].max()

    @property
    def parameters(self):
        return list(self.points["parameter"].unique())

    def of(self, parameter):
        """The points of a parameter."""
        return self.points[self.points["parameter"] == parameter]


def takes(source, measures, usual=None):
    """A Take of each measure that is asked for; measures None: of the usual ones, by default those with curves."""
    shown = views.shown(measures or usual, source.reference)
    table = drawable.rows(source.table, shown)
    values = [name for name, quantity in factors.quantities_of(table).items() if quantity.of == "values"]
    settings, several = factors.settings_of(table), table["n"].nunique() > 1
    found = []
    for measure, how in shown.items():
        own = table[table["measure"] == measure]
        own = own[~own["parameter"].isin(values)] if measure != "mean" and not measures else own
        little = own["value"].isna().all() or how.only and own["contamination"].nunique() < 2
        if own.empty or not measures and little:
            continue
        scaled = bool(how.scaled) and not settings and several
        points = own.drop(columns="theory").assign(**drawable.points(own, scaled, how.log).drop(columns="estimator"))
        points["mcse"] = points["half"] / 2.0
        times, unit = "n × " * scaled, how.unit if (own["design"] == "").all() and not values else ""
        label = f"{times}{how.short or how.name}" + (f" ({unit})" if unit else "")
        found.append(Take(measure, times + how.name, label, how.log, points))
    return found


def lacking(source):
    """Why there are no numbers with errors to show, or None."""
    return "nothing is random in it; its curves show all" if factors.is_exact(source.table) else None


def usual(source):
    """The measures that figures of the simulation itself show, by name."""
    return [name for name in USUAL if (source.table["measure"] == name).any()][:2]


def file_name(*parts):
    """A name for a file, of words and labels."""
    return "_".join(re.sub(r"[^A-Za-z0-9.+-]+", "_", part).strip("_") for part in parts if part)
