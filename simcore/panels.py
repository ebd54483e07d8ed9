"""Summary table -> what each figure shows: its panels, their points in order, the axes they share, what to say of it.

Use `pictures`. It computes no statistic but n x variance, and knows neither inches nor colours: those are of `curves`.
"""

import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simcore.errors import UsageError

# Order within one tail index. A distribution without one, in the table or in `_tail_order`, counts as light.
TAILS = ("uniform", "normal", "logistic", "laplace", "contaminated_normal", "student_t", "slash", "cauchy")
NO_VALUE = ("undefined", "insufficient")  # statuses of the table; a zero on a log axis gets one more, "zero"
FACTORS = {"errors": "Errors", "n": "Sample size", "contamination": "Contamination", "family": "Contamination"}
NOMINAL = ("errors", "estimator")  # factors whose levels are names, not numbers
AXES = {
    "errors": "distribution of the errors (heavier tails to the right)",
    "n": "sample size n (log scale)",
    "fraction": "fraction of contaminated observations",
    "estimator": "estimator",
}


@dataclass(frozen=True)
class Shown:
    """How a measure is shown: what it is called, its unit, if it has one, and whether on a log axis, which has no zero.

    scaled: name of the figure of n times the measure against n; all other figures then show n times it, too.
    """

    name: str
    unit: str = ""
    log: bool = False
    scaled: str = ""


# Every measure that has figures, in their order. The others of a table are left out.
SHOWN = {
    "variance": Shown("variance of the estimate", "data units²", log=True, scaled="n_scaled"),
    "bias": Shown("bias of the estimate", "data units"),
    "efficiency_bound": Shown("efficiency (Cramér-Rao bound / variance)"),
}


@dataclass(frozen=True)
class View:
    """A figure: a measure (times n if scaled) against factor x; a panel for each level of factors rows and columns."""

    name: str
    measure: str
    x: str
    rows: str
    columns: str
    scaled: bool = False

    @property
    def shown(self):
        return SHOWN[self.measure]

    @property
    def quantity(self):
        return f"{'n × ' if self.scaled else ''}{self.shown.name}"

    @property
    def y_label(self):
        return f"{self.quantity} ({self.shown.unit})" if self.shown.unit else self.quantity


@dataclass(frozen=True)
class Panel:
    """Its levels of the factors rows and (title) columns, and its points: x, y, half (2 MCSE), status, estimator."""

    row: str
    title: str
    points: pd.DataFrame

    @property
    def short_title(self):
        return _short(self.title)


@dataclass(frozen=True)
class Scale:
    """The y axis of all panels: its limits, its kind (linear, log or symlog) and where a symlog axis is linear."""

    limits: tuple
    kind: str = "linear"
    linear: float = 0.0  # half the width of that part


@dataclass(frozen=True)
class Picture:
    """What a figure shows, and all that its caption must say of it."""

    name: str
    title: str
    x: str  # the factor on the x axis
    x_label: str
    y_label: str
    places: list  # of the levels on the x axis
    names: list  # of the same levels
    y_scale: Scale
    estimators: list
    panels: list
    rows: int  # levels with a line of panels of their own; if there is but one, its panels wrap
    replications: tuple  # the fewest and the most of a cell
    failed: int  # the most of a cell
    notes: list  # sentences on the levels shown

    @property
    def points(self):
        """Those of all panels."""
        return pd.concat([panel.points for panel in self.panels])

    @property
    def empty(self):
        """Whether there is no value to show at all."""
        return self.points["y"].isna().all()

    @property
    def gridded(self):
        return self.rows > 1

    @property
    def nominal(self):
        return self.x in NOMINAL

    @property
    def wide(self):
        return _wide(self.x, self.names)


def pictures(summary: pd.DataFrame, title: str | None = None) -> list[Picture]:
    """What the figures show that the factors of a summary table allow; title: instead of the study's name."""
    several = summary["parameter"].nunique() > 1
    found = []
    for parameter, table in _prepared(summary).groupby("parameter", sort=False):
        heading = (title or str(table["study"].iloc[0])) + (f", {parameter}" if several else "")
        suffix = f"_{parameter}" if several else ""
        found += [_picture(view, table, view.name + suffix, heading) for view in _views(table)]
    return found


def _prepared(summary):
    """The rows of a summary table to draw, one for each point, with the contamination's `family` and `fraction`."""
    table = summary[summary["measure"].isin(list(SHOWN))].copy()
    key = ["parameter", "errors", "contamination", "n", "estimator", "measure"]
    if table.duplicated(key).any():
        raise UsageError(f"figures show one value for each {', '.join(key)}; this table has several")
    for column in ("value", "mcse"):
        table[column] = table[column].to_numpy(dtype=float, na_value=np.nan)
    parsed = [_parse(label) for label in table["contamination"]]
    table["fraction"] = [float(given.get("fraction", 0.0)) for _, given in parsed]
    table["family"] = [_label(name, given, without="fraction") for name, given in parsed]
    table.loc[table["value"].isna() & ~table["status"].isin(NO_VALUE), "status"] = "insufficient"
    table.loc[table["status"].isin(NO_VALUE), "value"] = np.nan
    return table


def _views(table):
    """The figures for the factors that vary; where none does, those that compare the estimators."""
    varies = [factor for factor in ("errors", "n", "contamination") if table[factor].nunique() > 1]
    plans = [("tails", "errors", "contamination", "n")] if "errors" in varies else []
    plans += [("n", "n", "contamination", "errors")] if "n" in varies else []
    columns = "errors" if "errors" in varies else "n"
    plans += [("contamination", "fraction", "family", columns)] if "contamination" in varies else []
    views = []
    for name, *factors in plans or [("estimators", "estimator", "contamination", "n")]:
        for measure, shown in SHOWN.items():
            views += [View(f"{name}_{measure}", measure, *factors, scaled=bool(shown.scaled) and name != "n")]
            views += [View(shown.scaled, measure, *factors, scaled=True)] if shown.scaled and name == "n" else []
    return [view for view in views if (table["measure"] == view.measure).any()]


# Labels and levels


def _parse(label):
    """'shift(fraction=0.1, size=10)' -> ('shift', {'fraction': '0.1', 'size': '10'})."""
    match = re.fullmatch(r"(\w+)\((\w+=[^,=]+(?:, \w+=[^,=]+)*)\)", label)
    return (match[1], dict(part.split("=") for part in match[2].split(", "))) if match else (label, {})


def _label(name, given, without=""):
    """What `_parse` took apart, together again, without one of the parameters."""
    inside = ", ".join(f"{key}={value}" for key, value in given.items() if key != without)
    return f"{name}({inside})" if inside else name


def _short(label):
    """Errors for an axis: student_t(df=3) -> t3, contaminated_normal(epsilon=0.1, ratio=3) -> CN(0.1, 3)."""
    name, given = _parse(label)
    if name == "student_t" and "df" in given:
        return _label(f"t{given['df']}", given, without="df")
    if name == "contaminated_normal":
        inside = (value if key in ("epsilon", "ratio") else f"{key}={value}" for key, value in given.items())
        return f"CN({', '.join(inside)})"
    return label


def _by_numbers(label):
    """Sort key of a label: its name, then its parameters as numbers, so that 2 stands before 10."""
    name, given = _parse(label)
    numbers = [float(value) if re.fullmatch(r"-?\d+(\.\d*)?(e[-+]?\d+)?", value) else 0.0 for value in given.values()]
    return name, numbers, label


def _tail_order(table):
    """Labels of the errors from the lightest tails to the heaviest."""
    known = table.groupby("errors")["tail_index"].first() if "tail_index" in table else {}

    def key(label):
        name, given = _parse(label)
        index = known.get(label)
        if pd.isna(index):
            index = {"student_t": float(given.get("df", "inf")), "slash": 1.0, "cauchy": 1.0}.get(name, math.inf)
        return -index, TAILS.index(name) if name in TAILS else len(TAILS), _by_numbers(label)

    return sorted(table["errors"].unique(), key=key)


def _levels(table):
    """Every level of every factor, in the order in which figures show them."""
    return {
        "errors": _tail_order(table),
        "n": sorted(table["n"].unique()),
        "contamination": sorted(table["contamination"].unique(), key=lambda name: (name != "none", _by_numbers(name))),
        "family": sorted(set(table["family"]) - {"none"}, key=_by_numbers) or ["none"],
        "fraction": sorted(table["fraction"].unique()),
        "estimator": list(table["estimator"].unique()),
    }


# One figure


def _picture(view, table, name, heading):
    """The Picture of a view of a prepared table."""
    levels = _levels(table)
    at = _places(view.x, levels[view.x])
    rows, columns, notes = _choose(view, levels)
    own, more_notes = _at_middle(view, table[table["measure"] == view.measure], levels)
    panels = _panels(view, own, rows, columns, at)
    total = table["n_ok"] + table["n_failed"]
    return Picture(
        name=name,
        title=f"{heading}: {view.quantity}",
        x=view.x,
        x_label=AXES[view.x],
        y_label=view.y_label,
        places=list(at.values()),
        names=[_short(level) if view.x in NOMINAL else f"{level:g}" for level in levels[view.x]],
        y_scale=_y_scale(view.shown.log, pd.concat([panel.points for panel in panels])),
        estimators=levels["estimator"],
        panels=panels,
        rows=len(rows),
        replications=(total.min(), total.max()),
        failed=table["n_failed"].max(),
        notes=notes + more_notes,
    )


def _places(factor, levels):
    """Level -> its place on the x axis."""
    if factor in NOMINAL:
        return {level: float(k) for k, level in enumerate(levels)}
    return {level: math.log10(level) if factor == "n" else level for level in levels}


def _wide(factor, levels):
    """Whether so many distributions stand on the x axis that only two panels have room side by side."""
    return factor == "errors" and len(levels) > 6


def _choose(view, levels):
    """Levels of the factors rows and columns that have panels, and what the caption must say about it."""
    rows, columns, notes = levels[view.rows], levels[view.columns], []
    if view.rows == "contamination" and (len(rows) > 3 or (view.columns == "errors" and len(columns) > 4)):
        rows = rows[:1]
    rows = _spread(rows, 4)
    beside = 2 if _wide(view.x, levels[view.x]) else 4
    columns = _spread(columns, beside if len(rows) > 1 else 6 if view.columns == "n" else 12)
    for factor, shown in ((view.rows, rows), (view.columns, columns)):
        count = len(levels[factor])
        if len(shown) == 1 and factor == view.rows:
            others = f" ({count - 1} other levels not shown)" if count > 1 else ""
            notes.append(f"{FACTORS[factor]}: {shown[0]}{others}.")
        elif len(shown) < count:
            notes.append(f"{FACTORS[factor]}: {len(shown)} of {count} levels shown.")
    return rows, columns, notes


def _spread(levels, count):
    """At most `count` levels, evenly spread from the first to the last."""
    return [levels[round(place)] for place in np.linspace(0, len(levels) - 1, min(count, len(levels)))]


def _at_middle(view, table, levels):
    """The rows at the middle level of each factor that the view does not show, and what the caption says of that."""
    notes = []
    for factor in [factor for factor in ("errors", "n") if factor not in (view.x, view.columns)]:
        middle = levels[factor][(len(levels[factor]) - 1) // 2]
        table = table[table[factor] == middle]
        notes.append(f"{FACTORS[factor]}: {middle}.")
    return table, notes


def _panels(view, table, rows, columns, at):
    """A Panel for each of the levels rows and columns, line by line; at: level -> place on the x axis."""
    panels = []
    for row in rows:
        own = table[table[view.rows] == row]
        if view.rows == "family" and (own["fraction"] > 0).all():  # a family starts from the clean sample
            own = pd.concat([own, table[table["family"] == "none"]])
        for column in columns:
            title = f"n = {column}" if view.columns == "n" else column
            panels.append(Panel(row, title, _points(view, own[own[view.columns] == column], at)))
    return panels


def _points(view, rows, at):
    """Rows of the table -> the points of a Panel, by x; a bar only where the MCSE exists, no zero on a log axis."""
    factor = rows["n"] if view.scaled else 1.0
    points = pd.DataFrame({"x": rows[view.x].map(at), "y": rows["value"] * factor, "estimator": rows["estimator"]})
    points["half"] = (2.0 * rows["mcse"] * factor).where(rows["status"].isin(["ok", "mcse_rough"]))
    off = (points["y"] <= 0) & view.shown.log
    points["y"], points["status"] = points["y"].mask(off), rows["status"].mask(off, "zero")
    return points.sort_values("x", kind="stable")


def _y_scale(log, points):
    """The Scale that holds the points of all panels and their bars, which may reach below a log axis."""
    y, half = points["y"], points["half"].fillna(0.0)
    if y.isna().all():
        return Scale((0.0, 1.0))
    if log:
        low, high = (y - half).clip(lower=y / 2).min(), (y + half).max()
        margin = 1.05 * (high / low) ** 0.05
        return Scale((low / margin, high * margin), "log")
    low, high, typical = min((y - half).min(), 0.0), max((y + half).max(), 0.0), y.abs()[y != 0].median()
    if y.abs().max() > 60 * typical:
        limits = min(1.5 * low, -typical), max(1.5 * high, typical)
        return Scale(limits, "symlog", 10.0 ** math.ceil(math.log10(typical)))
    margin = 0.06 * (high - low) or 1.0
    return Scale((low - margin, high + margin))
