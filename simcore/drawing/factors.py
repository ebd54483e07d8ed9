"""The factors of a summary table: what varies, in which order its levels stand, and what they are called.

What a level is made of is read from the table's columns, one for each parameter of a factor.
"""

import math
import re

import numpy as np
import pandas as pd

from simcore.choices import labelled
from simcore.errors import UsageError
from simcore.registry import plugins, unknown

# Order of distributions with the same tail index; one without an index in the table counts as light.
TAILS = (
    *("uniform", "normal", "logistic", "laplace", "contaminated_normal", "generalized_normal", "gumbel"),
    *("lognormal", "g_and_h"),
    *("student_t", "skewed_t", "slash", "cauchy", "stable", "pareto"),
    *("von_mises_fisher", "spherical_cauchy", "projected_t"),
)
FACTORS = {
    **{"errors": "Errors", "n": "Sample size", "contamination": "Contamination", "family": "Contamination"},
    **{"design": "Design", "parameter": "Parameter", "fraction": "Fraction", "estimator": "Estimator"},
    "measure": "Measure",
}  # a setting of a problem is called by its name
AXES = {
    "errors": "distribution of the errors (heavier tails to the right)",
    "n": "sample size n",
    "fraction": "fraction of contaminated observations",
    "contamination": "contamination",
    "design": "design of the regressors",
    "estimator": "estimator",
}
LOSSES = {"efficiency_mse": "squared loss", "efficiency_mae": "absolute loss"}  # measures beside each other


def levels_of(table):
    """Every level of every factor, in the order in which figures show them."""
    errors, bad = choices(table, "errors"), choices(table, "contamination")
    index = table.groupby("errors")["tail_index"].first().to_dict() if "tail_index" in table else {}

    def by_numbers(label, name, values, placed):
        return name, [*values.values(), *placed.values()], label

    def by_tail(label):
        name, *_ = choice = errors[label]
        tail = index.get(label, math.inf)
        place = TAILS.index(name) if name in TAILS else len(TAILS)
        return -(math.inf if pd.isna(tail) else tail), place, by_numbers(label, *choice)

    families = {row["family"]: by_numbers(row["family"], *bad[row["contamination"]]) for row in _bad_rows(table)}
    return {
        "errors": sorted(errors, key=by_tail),
        "n": sorted(table["n"].unique()),
        "contamination": sorted(bad, key=lambda label: (bad[label][0] != "none", by_numbers(label, *bad[label]))),
        "family": sorted(families, key=families.get) or ["none"],
        "fraction": sorted(table["fraction"].unique()),
        **{factor: list(table[factor].unique()) for factor in ("design", "parameter", "estimator", "measure")},
        **{factor: _ordered(table[factor].unique()) for factor in settings_of(table)},
        "": [""],
    }


def _ordered(values):
    """Numbers by size, words as they come."""
    return list(values) if isinstance(values[0], str) else sorted(values)


def _bad_rows(table):
    return table[table["kind"] != "none"].sort_values("fraction").drop_duplicates("family").to_dict("records")


def varying(table):
    """The factors of which a table has several levels."""
    names = ("design", *settings_of(table), "errors", "contamination", "n")
    return [name for name in names if table[name].nunique() > 1]


def cells_of(table):
    """The cells of a table in the order of their levels, as dicts of those factors that vary -> level."""
    names, levels = varying(table), levels_of(table)
    found = table[names].drop_duplicates().to_dict("records") if names else [{}]
    return sorted(found, key=lambda cell: [levels[name].index(level) for name, level in cell.items()])


def cell_name(cell, shorts):
    """A cell in a few words; shorts: label of errors -> short one."""
    return ", ".join(brief(shorts.get(level, titled(name, level))) for name, level in cell.items())


def shorts_of(table):
    """Label of errors -> short one."""
    return {label: short(*choice, label) for label, choice in choices(table, "errors").items()}


def in_cell(table, cell):
    """The rows of a cell."""
    for name, level in cell.items():
        table = table[table[name] == level]
    return table


def measures_of(table, names):
    """The measures of these names; quantile stands for quantile(p=0.05) and its like. Raises UsageError."""
    labels, found = list(dict.fromkeys(table["measure"])), []
    for name in names:
        own = labelled(name, labels)
        if not own:
            raise UsageError(f"measure: is unknown here (got {name!r}), {unknown(name, labels)}")
        found += own
    return found


def spread(levels, count):
    """At most `count` levels, evenly spread from the first to the last."""
    return [levels[round(place)] for place in np.linspace(0, len(levels) - 1, min(count, len(levels)))]


# What stands in the columns


def choices(table, factor):
    """Label -> (name, its parameters that are numbers, its loc and scale, where they are not 0 and 1) of errors or
    contamination."""
    column, kind = {"errors": ("distribution", "distributions"), "contamination": ("kind", "contamination")}[factor]
    found = {}
    for row in table.drop_duplicates(factor).to_dict("records"):
        plugin = plugins(kind).get(row[column])
        names = [parameter.name for parameter in plugin.parameters] if plugin else []
        columns = {name: f"{factor}_{name}" if f"{factor}_{name}" in row else name for name in names}
        values = {name: row[columns[name]] for name in names}
        values = {name: float(value) for name, value in values.items() if not isinstance(value, str)}
        placed = {name: row[name] for name, usual in (("loc", 0.0), ("scale", 1.0)) if row.get(name, usual) != usual}
        found[row[factor]] = row[column], values, placed if factor == "errors" else {}
    return found


def _listed(values):
    return ", ".join(f"{name}={value:g}" for name, value in values.items())


def fraction(kind, values, _):
    """The fraction of bad observations: none has 0, some kinds have none."""
    return 0.0 if kind == "none" else values.get("fraction", math.nan)


def family(label, kind, values, _):
    """A label without its fraction."""
    others = {name: value for name, value in values.items() if name != "fraction"}
    return f"{kind}({_listed(others)})" if others and "fraction" in values else kind if values else label


# What levels are called


def short(name, values, placed, label):
    """Errors for an axis: student_t(df=3) -> t3, contaminated_normal(epsilon=0.1, ratio=3) -> CN(0.1, 3), members of
    families without that: scipy.nct(df=3, nc=1) -> nct(3, 1), and files without their folders."""
    if name == "student_t":
        return f"t{values['df']:g}({_listed(placed)})" if placed else f"t{values['df']:g}"
    if name == "contaminated_normal" or "." in name:
        short = "CN" if name == "contaminated_normal" else name.partition(".")[2]
        inside = [*(f"{value:g}" for value in values.values()), *([_listed(placed)] if placed else [])]
        return f"{short}({', '.join(inside)})" if inside else short
    return f"data({label.rpartition('/')[2]}" if name == "data" and "/" in label else label


def brief(label):
    """A label without the names of parameters, where it is long: shift(fraction=0.1, size=10) -> shift(0.1, 10)."""
    return re.sub(r"\w+=", "", label) if len(label) > 16 else label


def called(factor):
    return FACTORS.get(factor, factor)


def worded(level):
    return level if isinstance(level, str) else f"{level:g}"


def titled(factor, level):
    if factor in ("parameter", "measure"):
        return LOSSES.get(level, level.replace("_", " "))
    return level if isinstance(level, str) else f"{factor} = {worded(level)}"


def axis(table, factor):
    """What stands below the x axis."""
    problem = problem_of(table)
    if factor == "errors" and problem and not problem.errors:
        return "how the data come about"
    if factor in AXES:
        return AXES[factor]
    return next(setting.meaning for setting in problem.settings if setting.name == factor)


def logged(factor, levels):
    """Whether a factor has a log axis: n, and settings over more than an order of magnitude."""
    if factor == "n":
        return True
    named = factor in FACTORS or isinstance(levels[0], str)
    return not named and 0.0 < 15.0 * float(levels[0]) < float(levels[-1])


def places(levels, nominal, logged):
    """Level -> its place on the x axis."""
    if nominal:
        return {level: float(k) for k, level in enumerate(levels)}
    return {level: math.log10(level) if logged else level for level in levels}


# The problem


def problem_of(table):
    return plugins("problems").get(table["problem"].iloc[0]) if "problem" in table and len(table) else None


def settings_of(table):
    """The settings of the problem that a table is of, but for those that none of its measures depends on."""
    problem = problem_of(table)
    names = [setting.name for setting in problem.settings] if problem else []
    return [name for name in names if table[name].notna().any()]


def is_exact(table):
    """Whether the problem is one without randomness."""
    problem = problem_of(table)
    return problem is not None and problem.exact is not None


def quantities_of(table):
    """Name -> `registry.Quantity` of what the fits of a simulated problem give."""
    problem = problem_of(table)
    if problem is None or problem.simulation is None:
        return {}
    settings = {name: table[name].iloc[0] for name in settings_of(table)}
    return {quantity.name: quantity for quantity in problem.simulation.quantities(settings, None)}
