"""What each line figure shows: its panels, their points in order, the axes they share, what to say of it.

Use `pictures`. It computes no statistic but n x variance, and knows neither inches nor colours: those are of `sheets`
and `inks`.
"""

import re
from dataclasses import dataclass, replace

import pandas as pd

from simcore.drawing import captions, drawable, factors, scales, views
from simcore.wording import counted

MOST_PARAMETERS = 3  # with figures of their own


@dataclass(frozen=True)
class Panel:
    """Its levels of the factors rows and columns, its points (x, y, half (2 MCSE), status, estimator, theory), its y
    axis."""

    row: str
    title: str
    points: pd.DataFrame
    scale: scales.Scale


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


def pictures(summary: pd.DataFrame, title: str, measures=None, reference="the reference") -> list[Picture]:
    """What the figures show that the factors of a summary table allow; measures: those that are asked for, by name;
    reference: the label of the estimator that efficiencies are relative to."""
    shown, found = views.shown(measures, reference), []
    table = drawable.rows(summary, shown)
    for view in views.of(table, shown, glances=measures is None):
        rows = table[table["measure"].isin(view.measures)]
        parameters = list(view.parameters or rows["parameter"].unique())
        rows = rows[rows["parameter"].isin(parameters)]
        for column, order in (("measure", list(view.measures)), ("parameter", parameters)):
            rows = rows.sort_values(column, key=lambda names, order=order: names.map(order.index), kind="stable")
        if len(parameters) == 1 or "parameter" in view.factors:
            named = "parameter" not in view.factors and parameters[0] in factors.quantities_of(table)
            found.append(_picture(view, rows, view.name, title + f", {parameters[0]}" * named, []))
            continue
        few = factors.spread(parameters, MOST_PARAMETERS)
        notes = [f"{len(few)} of {len(parameters)} parameters have figures."] if len(few) < len(parameters) else []
        for parameter in few:
            name = f"{view.name}_{re.sub(r'[^A-Za-z0-9.+-]+', '_', parameter).strip('_')}"
            own = rows[rows["parameter"] == parameter]
            found.append(_picture(view, own, name, f"{title}, {parameter}", notes))
    return [picture for picture in found if picture is not None]


def parted(picture, most):
    """A Picture in parts of at most so many panels in one line, all in one if `most` is None."""
    most = 2 if most and picture.wide else most
    if most is None or len(picture.panels) <= min(most, len(picture.panels) // picture.rows):
        return [picture]
    beside = len(picture.panels) // picture.rows
    groups = [
        picture.panels[row * beside :][:beside][first : first + most]
        for row in range(picture.rows)
        for first in range(0, beside, most)
    ]
    rows = [f", {group[0].row}" * picture.gridded for group in groups]
    return [
        replace(picture, name=f"{picture.name}_{k}", title=picture.title + row, panels=group, rows=1)
        for k, (group, row) in enumerate(zip(groups, rows, strict=True), 1)
    ]


# One figure


def _picture(view, table, name, heading, notes):
    """The Picture of a view of the rows of its measure, or None where that is of one level of x only."""
    table, pinned = _pinned(view, table)
    own, boundless = _bounded(view, table)
    levels = factors.levels_of(own)
    if own.empty or len(levels[view.x]) < min(2, table[view.x].nunique()):
        return None
    exact = factors.is_exact(table)
    logged, nominal = factors.logged(view.x, levels[view.x]) and not exact, isinstance(levels[view.x][0], str)
    at = factors.places(levels[view.x], nominal, logged)
    shorts = factors.shorts_of(own)
    rows, columns, chosen = _choose(view, levels, shorts)
    panels = _panels(view, own, rows, columns, at, shorts)
    total = own["n_ok"] + own["n_failed"]
    of_data = (own["design"] == "").all() and not factors.quantities_of(table)  # else each has a unit of its own
    unit = view.shown.unit if of_data else ""
    return Picture(
        name=name,
        title=f"{heading}: {view.called(view.shown.name)}",
        x=view.x,
        nominal=nominal,
        x_label=factors.axis(own, view.x) + " (log scale)" * logged,
        y_label=view.called(view.shown.short or view.shown.name) + (f" ({unit})" if unit else ""),
        places=list(at.values()),
        names=[shorts.get(level, level) if nominal else f"{level:g}" for level in levels[view.x]],
        estimators=levels["estimator"],
        panels=panels,
        rows=len(rows),
        replications=(total.min(), total.max()),
        failed=own["n_failed"].max(),
        notes=[*chosen, *pinned, *boundless, *notes, *captions.meanings(own)],
        exact=exact,
    )


def _pinned(view, table):
    """The rows at one level of each factor that the view does not show, and what the caption says of that."""
    levels, notes = factors.levels_of(table), []
    for factor in ("errors", "n", "contamination", "design", *factors.settings_of(table)):
        shown = factor in view.factors or factor == "contamination" and view.x == "fraction"
        varies = factor != "contamination" or len(levels[factor]) > 1 or not factors.is_exact(table)
        if not shown and levels[factor] != [""] and varies:
            level = levels[factor][(len(levels[factor]) - 1) // 2 if factor in ("errors", "n") else 0]
            table = table[table[factor] == level]
            name = factors.shorts_of(table).get(level, factors.worded(level))
            notes.append(f"{factors.called(factor)}: {name}{_unseen(levels[factor][1:])}.")
    if view.x == "fraction":
        table = table[table["fraction"].notna()]
        if "family" not in view.factors:
            family, *others = factors.levels_of(table)["family"]
            table = _at(table, "family", family)
            notes.append(f"Contamination: {family}{_unseen(others)}.")
    if view.x == "contamination":
        table = table[table["fraction"].isna() | (table["kind"] == "none")]
    return table, notes


def _unseen(levels):
    """What the caption says of levels that a figure leaves out."""
    return f" ({counted(len(levels), 'other level')} not shown)" if levels else ""


def _bounded(view, table):
    """The rows without those levels that have no bound at all, and what the caption says of them."""
    notes = []
    for factor in filter(None, view.factors):
        some = table.groupby(factor, sort=False)["status"].agg(lambda status: (status != drawable.NO_BOUND).any())
        without = [level for level, bounded in some.items() if not bounded]
        if without:
            names = [factors.shorts_of(table).get(level, factors.worded(level)) for level in without]
            notes.append(f"{factors.called(factor)} of which simcore knows no bound, left out: {', '.join(names)}.")
            table = table[~table[factor].isin(without)]
    return table, notes


def _wide(names):
    """Whether so many names stand on the x axis that only two panels have room side by side."""
    return len(names) > 6


def _choose(view, levels, shorts):
    """Levels of the factors rows and columns that have panels, and what the caption must say about it."""
    rows = factors.spread(levels[view.rows], 8 if view.rows == "parameter" else 4)
    beside = 2 if isinstance(levels[view.x][0], str) and _wide(levels[view.x]) else 4
    columns = factors.spread(levels[view.columns], beside if len(rows) > 1 else 6 if view.columns == "n" else 12)
    notes = []
    for factor, shown in ((view.rows, rows), (view.columns, columns)):
        if len(shown) < len(levels[factor]):
            notes.append(f"{factors.called(factor)}: {len(shown)} of {len(levels[factor])} levels shown.")
        elif factor and factor == view.rows and len(shown) == 1:
            notes.append(f"{factors.called(factor)}: {shorts.get(shown[0], shown[0])}.")
    return rows, columns, notes


def _panels(view, table, rows, columns, at, shorts):
    """A Panel for each of the levels rows and columns, line by line; at: level -> place on the x axis."""
    logs = _log_axes(view, table, rows)
    grid = [
        [_points(view, _at(_at(table, view.rows, row), view.columns, column), at, logs[row]) for column in columns]
        for row in rows
    ]
    common = scales.holding(logs[rows[0]], pd.concat([points for line in grid for points in line]), view.shown.cut)
    panels = []
    for row, line in zip(rows, grid, strict=True):
        own = view.rows in ("parameter", "measure") and view.shown.apart
        scale = scales.holding(logs[row], pd.concat(line), view.shown.cut) if own else common
        for column, points in zip(columns, line, strict=True):
            found = (view.rows, row), (view.columns, column)
            names = (shorts.get(level, factors.titled(factor, level)) for factor, level in found)
            panels.append(Panel(*names, points, scale))
    return panels


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
        asked = {name: quantity.log for name, quantity in factors.quantities_of(table).items()}
    return {row: asked.get(row, view.shown.log) for row in rows}


def _points(view, rows, at, log):
    """Rows of the table -> the points of a Panel, by x."""
    points = drawable.points(rows, view.scaled, log).assign(x=rows[view.x].map(at))
    return points.sort_values("x", kind="stable")
