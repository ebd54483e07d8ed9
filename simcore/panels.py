"""Summary table -> what each figure shows: its panels, their points in order, the axes they share, what to say of it.

Use `pictures`. It computes no statistic but n x variance, and knows neither inches nor colours: those are of `sheets`
and `curves`. What a level is made of is read from the table's columns, one for each parameter of a factor.
"""

import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simcore.errors import UsageError
from simcore.registry import plugins
from simcore.statuses import INSUFFICIENT, OK, ROUGH, UNDEFINED

# Order of distributions with the same tail index; one without an index in the table counts as light.
TAILS = (
    *("uniform", "normal", "logistic", "laplace", "contaminated_normal", "generalized_normal", "gumbel"),
    *("lognormal", "g_and_h"),
    *("student_t", "skewed_t", "slash", "cauchy", "stable", "pareto"),
    *("von_mises_fisher", "spherical_cauchy", "projected_t"),
)
NO_BOUND, ZERO = "no_bound", "zero"  # more statuses: a bound that does not exist, and what a log axis cannot show
NO_VALUE = (UNDEFINED, INSUFFICIENT, NO_BOUND)
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
MOST_BEYOND = 2.0  # of an axis that is cut, in sizes that half of the curves do not reach
MOST_PARAMETERS = 3  # with figures of their own


@dataclass(frozen=True)
class Shown:
    """How a measure is shown: what it is called, its unit, if it has one, and whether on a log axis.

    short: what it is called at the axis, if not the same. apart: quantities share no axis, as they have units of their
    own.
    cut: the y axis ends where most curves do.
    scaled: name of the figure of n times the measure against n; all other figures then show n times it, too.
    only: the kinds of figures it has, if not all.
    """

    name: str
    unit: str = ""
    log: bool = False
    short: str = ""
    scaled: str = ""
    only: tuple = ()
    apart: bool = False
    cut: bool = False


# Every measure that has figures, in their order. The others of a table are left out, but for the glances of a problem.
SHOWN = {
    "mean": Shown("mean", apart=True),
    "variance": Shown(
        "variance of the estimate", "data units²", log=True, short="variance", scaled="n_scaled", apart=True
    ),
    "bias": Shown("bias of the estimate", "data units", short="bias", apart=True),
    "rmse": Shown(
        "root mean square error", "data units", log=True, short="RMSE", only=("contamination", "kinds"), apart=True
    ),
    "efficiency_bound": Shown("efficiency (Cramér-Rao bound / variance)", short="efficiency (bound / variance)"),
}


@dataclass(frozen=True)
class View:
    """A figure: measures (times n if scaled) against factor x; a panel for each level of factors rows and columns,
    of which either may be "", a factor that does not vary. Several measures are the factor "measure".

    parameters: those to show; (): all.
    """

    name: str
    measures: tuple
    x: str
    rows: str
    columns: str
    shown: Shown
    scaled: bool = False
    parameters: tuple = ()

    @property
    def factors(self):
        return self.x, self.rows, self.columns

    def called(self, name):
        """A name of the measure, or of n times it."""
        return f"n × {name}" if self.scaled else name


@dataclass(frozen=True)
class Scale:
    """A y axis: its limits, its kind (linear, log or symlog) and where a symlog axis is linear."""

    limits: tuple
    kind: str = "linear"
    linear: float = 0.0  # half the width of that part


@dataclass(frozen=True)
class Panel:
    """Its levels of the factors rows and columns, its points (x, y, half (2 MCSE), status, estimator, theory), its y
    axis."""

    row: str
    title: str
    short_title: str
    points: pd.DataFrame
    scale: Scale


@dataclass(frozen=True)
class Picture:
    """What a figure shows, and all that its caption must say of it."""

    name: str
    title: str
    x: str  # the factor on the x axis
    nominal: bool  # its levels are names, not numbers
    x_label: str
    y_label: str
    places: list  # of the levels on the x axis
    names: list  # of the same levels
    estimators: list
    panels: list
    rows: int  # levels with a line of panels of their own; if there is but one, its panels wrap
    replications: tuple  # the fewest and the most of a cell
    failed: int  # the most of a cell
    notes: list  # sentences on the levels shown
    exact: bool = False  # of a problem without randomness

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
    def wide(self):
        return self.nominal and _wide(self.names)


def pictures(summary: pd.DataFrame, title: str | None = None) -> list[Picture]:
    """What the figures show that the factors of a summary table allow; title: instead of the study's name."""
    table = _prepared(summary)
    heading, found = title or str(table["study"].iloc[0]), []
    for view in _views(table):
        rows = table[table["measure"].isin(view.measures)]
        parameters = list(view.parameters or rows["parameter"].unique())
        rows = rows[rows["parameter"].isin(parameters)]
        for column, order in (("measure", list(view.measures)), ("parameter", parameters)):
            rows = rows.sort_values(column, key=lambda names, order=order: names.map(order.index), kind="stable")
        if len(parameters) == 1 or "parameter" in view.factors:
            named = "parameter" not in view.factors and parameters[0] in _quantities(table)
            found.append(_picture(view, rows, view.name, heading + f", {parameters[0]}" * named, []))
            continue
        shown = spread(parameters, MOST_PARAMETERS)
        notes = [f"{len(shown)} of {len(parameters)} parameters have figures."] if len(shown) < len(parameters) else []
        for parameter in shown:
            name = f"{view.name}_{re.sub(r'[^A-Za-z0-9.+-]+', '_', parameter).strip('_')}"
            own = rows[rows["parameter"] == parameter]
            found.append(_picture(view, own, name, f"{heading}, {parameter}", notes))
    return [picture for picture in found if picture is not None]


def _prepared(summary):
    """The rows of a summary table to draw, one for each point, with the contamination's `family` and `fraction`."""
    glanced = [measure for glance in _glances(summary) for measure in glance.measures]
    table = _with_theory(summary)
    table = table[table["measure"].isin([*SHOWN, *glanced])].copy()
    if "design" not in table:
        table["design"] = ""
    cell = ["parameter", "errors", "contamination", "n", "design", *_settings(table)]
    key = [*cell, "estimator", "measure"]
    if table.duplicated(key).any():
        names = ", ".join(name for name in key if name in summary)
        raise UsageError(f"figures show one value for each {names}; this table has several")
    for column in ("value", "mcse"):
        table[column] = table[column].to_numpy(dtype=float, na_value=np.nan)
    given = _choices(table, "contamination")
    table["fraction"] = [_fraction(*given[label]) for label in table["contamination"]]
    table["family"] = [_family(label, *given[label]) for label in table["contamination"]]
    bad = table[table["kind"] != "none"].groupby("family")["fraction"].nunique()
    if len(bad) > 1 and bad.max() <= 1:  # nothing to draw against the fraction
        table.loc[table["kind"] != "none", "fraction"] = np.nan
    table.loc[table["value"].isna() & ~table["status"].isin(NO_VALUE), "status"] = INSUFFICIENT
    table.loc[table["status"].isin(NO_VALUE), "value"] = np.nan
    table.loc[_boundless(table, cell), "status"] = NO_BOUND
    return table


def _with_theory(summary):
    """The table with a column of what theory gives for the measure of a glance, by all that it depends on."""
    table = summary.assign(theory=np.nan)
    for glance in (glance for glance in _glances(summary) if glance.theory):
        theory = summary[summary["measure"] == glance.theory]
        key = ["parameter", "errors", "n", "estimator", *_settings(theory)] if len(theory) else []
        own = table["measure"].isin(glance.measures)
        if key:
            found = table.loc[own, key].merge(theory[[*key, "value"]], how="left", on=key)["value"]
            table.loc[own, "theory"] = found.to_numpy(dtype=float, na_value=np.nan)
    return table


def _boundless(table, cell):
    """Whether a row is an efficiency of a cell without a bound: where an efficiency does not exist, but a variance."""
    measured, missing = {*table["measure"]}, table[table["status"] == UNDEFINED]
    infinite, wanting = (missing[missing["measure"] == name] for name in ("variance", "efficiency_bound"))
    key, frame = [*cell, "estimator"], pd.MultiIndex.from_frame
    without = wanting[~frame(wanting[key]).isin(frame(infinite[key]))] if "variance" in measured else wanting[:0]
    return (table["measure"] == "efficiency_bound") & frame(table[cell]).isin(frame(without[cell]))


# Which figures


def _views(table):
    """The figures for the factors that vary; where none does, those that compare the estimators."""
    settings = _settings(table)
    counts = {factor: table[factor].nunique() for factor in ("errors", "n", "contamination", "design", *settings)}
    bad = table[table["kind"] != "none"]
    families = bad["family"][bad["fraction"].notna()].nunique()
    several = counts["contamination"] > 1
    if counts["contamination"] > 3:
        counts["contamination"] = 1  # too many for panels, and they have figures of their own
    plans = []
    problem = _problem(table)
    if counts["errors"] > 1 and (problem is None or problem.errors):  # else they have no common order
        plans += [("tails", "errors", ("n", *settings, "design", "contamination"))]
    if counts["n"] > 1:
        others = ("errors", *settings, "design", "contamination")
        plans += [("n", "n", others if counts["errors"] <= 4 else (*settings, "errors", "design"))]
    for setting in settings:
        others = ("errors", *(other for other in settings if other != setting), "contamination", "n")
        plans += [(setting, setting, others)] if counts[setting] > 1 else []
    if several and families:
        plans += [("contamination", "fraction", ("errors", *settings, "design", "n"))]
    if several and bad["fraction"].isna().any():
        plans += [("kinds", "contamination", ("errors", *settings, "design", "n"))]
    if not plans:
        plans = [("design", "design", ()) if counts["design"] > 1 else ("estimators", "estimator", ())]
    views = [_glance_view(table, glance) for glance in _glances(table)]
    values = [name for name, quantity in _quantities(table).items() if quantity.of == "values"]
    for name, x, factors in plans:
        for measure, shown in SHOWN.items():
            own = table[table["measure"] == measure]
            own = own[~own["parameter"].isin(values)] if measure != "mean" else own
            if own.empty or shown.only and name not in shown.only:
                continue
            varying = counts | {"parameter": own["parameter"].nunique()}
            order = ("parameter", *factors) if measure == "mean" else (*factors, "parameter")
            beside = _beside(varying, order, name == "contamination" and families > 1)
            scaled = bool(shown.scaled) and not settings
            common = {"shown": shown, "parameters": tuple(own["parameter"].unique())}
            views += [View(f"{name}_{measure}", (measure,), x, *beside, scaled=scaled and name != "n", **common)]
            if scaled and name == "n":
                views.append(View(shown.scaled, (measure,), x, *beside, scaled=True, **common))
    return views


def _glances(table):
    """The figures that a problem asks for, of which all that is to be seen varies."""
    problem = _problem(table)
    found = problem.glances if problem else ()
    return [glance for glance in found if glance.x not in table or table[glance.x].nunique() > 1]


def _glance_view(table, glance):
    """The View of a `registry.Glance`; what is to be seen beside it and does not vary is left out."""
    own = table[table["measure"].isin(glance.measures)]
    own = own[own["parameter"].isin(glance.parameters or own["parameter"])]
    rows, columns = (factor if factor and own[factor].nunique() > 1 else "" for factor in (glance.rows, glance.columns))
    shown = Shown(glance.title, log=glance.log, short=glance.label, apart=glance.apart, cut=glance.cut)
    return View(glance.name, glance.measures, glance.x, rows, columns, shown, parameters=glance.parameters)


def _settings(table):
    """The settings of the problem that a table is of, but for those that none of its measures depends on."""
    problem = _problem(table)
    names = [setting.name for setting in problem.settings] if problem else []
    return [name for name in names if table[name].notna().any()]


def _problem(table):
    return plugins("problems").get(table["problem"].iloc[0]) if "problem" in table and len(table) else None


def _is_exact(table):
    """Whether the problem is one without randomness."""
    problem = _problem(table)
    return problem is not None and problem.exact is not None


def _quantities(table):
    """Name -> `registry.Quantity` of what the fits of a simulated problem give."""
    problem = _problem(table)
    if problem is None or problem.simulation is None:
        return {}
    settings = {name: table[name].iloc[0] for name in _settings(table)}
    return {quantity.name: quantity for quantity in problem.simulation.quantities(settings, None)}


def _beside(counts, factors, families=False):
    """The factors rows and columns of panels: the second and the first that vary, or `families` and the first."""
    columns, rows, *_ = [*(factor for factor in factors if counts[factor] > 1), "", ""]
    rows = "family" if families else rows
    return ("parameter", rows) if columns == "parameter" else (rows, columns)  # parameters in lines: axes of their own


# Labels and levels


def _choices(table, factor):
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


def _fraction(kind, values, _):
    """The fraction of bad observations: none has 0, some kinds have none."""
    return 0.0 if kind == "none" else values.get("fraction", math.nan)


def _family(label, kind, values, _):
    """A label without its fraction."""
    others = {name: value for name, value in values.items() if name != "fraction"}
    return f"{kind}({_listed(others)})" if others and "fraction" in values else kind if values else label


def _short(name, values, placed, label):
    """Errors for an axis: student_t(df=3) -> t3, contaminated_normal(epsilon=0.1, ratio=3) -> CN(0.1, 3), members of
    families without that: scipy.nct(df=3, nc=1) -> nct(3, 1), and files without their folders."""
    if name == "student_t":
        return f"t{values['df']:g}({_listed(placed)})" if placed else f"t{values['df']:g}"
    if name == "contaminated_normal" or "." in name:
        short = "CN" if name == "contaminated_normal" else name.partition(".")[2]
        inside = [*(f"{value:g}" for value in values.values()), *([_listed(placed)] if placed else [])]
        return f"{short}({', '.join(inside)})" if inside else short
    return f"data({label.rpartition('/')[2]}" if name == "data" and "/" in label else label


def _levels(table):
    """Every level of every factor, in the order in which figures show them."""
    errors, bad = _choices(table, "errors"), _choices(table, "contamination")
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
        **{factor: _ordered(table[factor].unique()) for factor in _settings(table)},
        "": [""],
    }


def _ordered(values):
    """Numbers by size, words as they come."""
    return list(values) if isinstance(values[0], str) else sorted(values)


def _bad_rows(table):
    return table[table["kind"] != "none"].sort_values("fraction").drop_duplicates("family").to_dict("records")


# One figure


def _picture(view, table, name, heading, notes):
    """The Picture of a view of the rows of its measure, or None where that is of one level of x only."""
    table, pinned = _pinned(view, table)
    own, boundless = _bounded(view, table)
    levels = _levels(own)
    if own.empty or len(levels[view.x]) < min(2, table[view.x].nunique()):
        return None
    exact = _is_exact(table)
    logged, nominal = _logged(view.x, levels[view.x]) and not exact, isinstance(levels[view.x][0], str)
    at = _places(levels[view.x], nominal, logged)
    rows, columns, chosen = _choose(view, levels)
    shorts = {label: _short(*choice, label) for label, choice in _choices(own, "errors").items()}
    panels = _panels(view, own, rows, columns, at, shorts)
    total = own["n_ok"] + own["n_failed"]
    of_data = (own["design"] == "").all() and not _quantities(table)  # else parameters have units of their own
    unit = view.shown.unit if of_data else ""
    return Picture(
        name=name,
        title=f"{heading}: {view.called(view.shown.name)}",
        x=view.x,
        nominal=nominal,
        x_label=_axis(own, view.x) + " (log scale)" * logged,
        y_label=view.called(view.shown.short or view.shown.name) + (f" ({unit})" if unit else ""),
        places=list(at.values()),
        names=[shorts.get(level, level) if nominal else f"{level:g}" for level in levels[view.x]],
        estimators=levels["estimator"],
        panels=panels,
        rows=len(rows),
        replications=(total.min(), total.max()),
        failed=own["n_failed"].max(),
        notes=[*chosen, *pinned, *boundless, *notes, *_meanings(own)],
        exact=exact,
    )


def _meanings(table):
    """What the quantities of a simulated problem are, those that are shown."""
    found, shown = _quantities(table), table["parameter"].unique()
    return [f"{name.replace('_', ' ')}: {found[name].meaning}." for name in shown if name in found]


def _pinned(view, table):
    """The rows at one level of each factor that the view does not show, and what the caption says of that."""
    levels, notes = _levels(table), []
    for factor in ("errors", "n", "contamination", "design", *_settings(table)):
        shown = factor in view.factors or factor == "contamination" and view.x == "fraction"
        varies = factor != "contamination" or len(levels[factor]) > 1 or not _is_exact(table)
        if not shown and levels[factor] != [""] and varies:
            level = levels[factor][(len(levels[factor]) - 1) // 2 if factor in ("errors", "n") else 0]
            table = table[table[factor] == level]
            name, others = level if isinstance(level, str) else f"{level:g}", levels[factor][1:]
            notes.append(f"{_called(factor)}: {name}{_unseen(others)}.")
    if view.x == "fraction":
        table = table[table["fraction"].notna()]
        if "family" not in view.factors:
            family, *others = _levels(table)["family"]
            table = _at(table, "family", family)
            notes.append(f"Contamination: {family}{_unseen(others)}.")
    if view.x == "contamination":
        table = table[table["fraction"].isna() | (table["kind"] == "none")]
    return table, notes


def _unseen(levels):
    """What the caption says of levels that a figure leaves out."""
    return f" ({len(levels)} other level{'s' * (len(levels) > 1)} not shown)" if levels else ""


def _bounded(view, table):
    """The rows without those levels that have no bound at all, and what the caption says of them."""
    notes = []
    for factor in filter(None, view.factors):
        some = table.groupby(factor, sort=False)["status"].agg(lambda status: (status != NO_BOUND).any())
        without = [level for level, bounded in some.items() if not bounded]
        if without:
            table = table[~table[factor].isin(without)]
            notes.append(f"{_called(factor)} without a bound, left out: {', '.join(map(str, without))}.")
    return table, notes


def _called(factor):
    return FACTORS.get(factor, factor)


def _axis(table, factor):
    """What stands below the x axis."""
    problem = _problem(table)
    if factor == "errors" and problem and not problem.errors:
        return "how the data come about"
    if factor in AXES:
        return AXES[factor]
    return next(setting.meaning for setting in problem.settings if setting.name == factor)


def _logged(factor, levels):
    """Whether a factor has a log axis: n, and settings over more than an order of magnitude."""
    if factor == "n":
        return True
    named = factor in FACTORS or isinstance(levels[0], str)
    return not named and 0.0 < 15.0 * float(levels[0]) < float(levels[-1])


def _places(levels, nominal, logged):
    """Level -> its place on the x axis."""
    if nominal:
        return {level: float(k) for k, level in enumerate(levels)}
    return {level: math.log10(level) if logged else level for level in levels}


def _wide(names):
    """Whether so many names stand on the x axis that only two panels have room side by side."""
    return len(names) > 6


def _choose(view, levels):
    """Levels of the factors rows and columns that have panels, and what the caption must say about it."""
    rows = spread(levels[view.rows], 8 if view.rows == "parameter" else 4)
    beside = 2 if isinstance(levels[view.x][0], str) and _wide(levels[view.x]) else 4
    columns = spread(levels[view.columns], beside if len(rows) > 1 else 6 if view.columns == "n" else 12)
    notes = []
    for factor, shown in ((view.rows, rows), (view.columns, columns)):
        if len(shown) < len(levels[factor]):
            notes.append(f"{_called(factor)}: {len(shown)} of {len(levels[factor])} levels shown.")
        elif factor and factor == view.rows and len(shown) == 1:
            notes.append(f"{_called(factor)}: {shown[0]}.")
    return rows, columns, notes


def spread(levels, count):
    """At most `count` levels, evenly spread from the first to the last."""
    return [levels[round(place)] for place in np.linspace(0, len(levels) - 1, min(count, len(levels)))]


def _panels(view, table, rows, columns, at, shorts):
    """A Panel for each of the levels rows and columns, line by line; at: level -> place on the x axis."""
    logs = _log_axes(view, table, rows)
    grid = [
        [_points(view, _at(_at(table, view.rows, row), view.columns, column), at, logs[row]) for column in columns]
        for row in rows
    ]
    common = _y_scale(logs[rows[0]], pd.concat([points for line in grid for points in line]), view.shown.cut)
    panels = []
    for row, line in zip(rows, grid, strict=True):
        own = view.rows in ("parameter", "measure") and view.shown.apart
        scale = _y_scale(logs[row], pd.concat(line), view.shown.cut) if own else common
        for column, points in zip(columns, line, strict=True):
            title = _titled(view.columns, column)
            panels.append(Panel(_titled(view.rows, row), title, shorts.get(title, title), points, scale))
    return panels


def _titled(factor, level):
    if factor in ("parameter", "measure"):
        return LOSSES.get(level, level.replace("_", " "))
    return level if isinstance(level, str) else f"{factor} = {level:g}"


def _at(table, factor, level):
    """The rows at a level of a factor."""
    if not factor:
        return table
    own = table[table[factor] == level]
    if factor == "family" and (own["fraction"] > 0).all():  # a family starts from the clean sample
        own = pd.concat([own, table[table["family"] == "none"]])
    return own


def _log_axes(view, table, rows):
    """Level of the rows -> whether its panels have a log axis: as the measure has, or as a quantity asks for."""
    asked = {}
    if view.rows == "parameter" and view.measures == ("mean",):
        asked = {name: quantity.log for name, quantity in _quantities(table).items()}
    return {row: asked.get(row, view.shown.log) for row in rows}


def _points(view, rows, at, log):
    """Rows of the table -> the points of a Panel, by x; a bar only where the MCSE exists, no zero on a log axis."""
    factor = rows["n"] if view.scaled else 1.0
    points = pd.DataFrame({"x": rows[view.x].map(at), "y": rows["value"] * factor, "estimator": rows["estimator"]})
    points["theory"] = rows["theory"]
    points["half"] = (2.0 * rows["mcse"] * factor).where(rows["status"].isin([OK, ROUGH]))
    off = (points["y"] <= 0) & log
    points["y"], points["status"] = points["y"].mask(off), rows["status"].mask(off, ZERO)
    return points.sort_values("x", kind="stable")


def _y_scale(log, points, cut=False):
    """The Scale that holds the points of all panels and their bars, which may reach below a log axis; cut: some curves
    may leave it."""
    if cut:
        sizes = points["y"].abs()
        most = MOST_BEYOND * sizes.groupby(points["estimator"]).max().median()
        points = points[(sizes <= most) | ~(most > 0.0)]
    y, half = points["y"], points["half"].fillna(0.0)
    if y.isna().all():
        return Scale((0.0, 1.0))
    if log:
        low, high = (y - half).clip(lower=y / 2).min(), (y + half).max()
        margin = 1.05 * (high / low) ** 0.05
        return Scale((low / margin, high * margin), "log")
    low, high, typical = min((y - half).min(), 0.0), max((y + half).max(), 0.0), y.abs()[y != 0].median()
    if y.abs().max() > 60 * typical and not cut:
        limits = min(1.5 * low, -typical), max(1.5 * high, typical)
        return Scale(limits, "symlog", 10.0 ** math.ceil(math.log10(typical)))
    margin = 0.06 * (high - low) or 1.0
    return Scale((low - margin, high + margin))
