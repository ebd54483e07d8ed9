"""Summary table -> the rows that figures draw, each with what theory says beside it, and no number that does not exist.

Use `rows`.
"""

import numpy as np
import pandas as pd

from simcore.drawing import factors
from simcore.errors import UsageError
from simcore.statuses import INSUFFICIENT, OK, ROUGH, UNDEFINED

NO_BOUND, ZERO = "no_bound", "zero"  # more statuses: a bound that does not exist, and what a log axis cannot show
NO_VALUE = (UNDEFINED, INSUFFICIENT, NO_BOUND)


def rows(summary, measures):
    """The rows of some measures and of a problem's glances, one for each point, with the contamination's `family` and
    `fraction`. Raises UsageError."""
    glanced = [measure for glance in glances(summary) for measure in glance.measures]
    table = _with_theory(summary)
    if "design" not in table:
        table["design"] = ""
    every, kept = table, table["measure"].isin([*measures, *glanced])
    table = table[kept].copy()
    cell = ["parameter", "errors", "contamination", "n", "design", *factors.settings_of(table)]
    key = [*cell, "estimator", "measure"]
    if table.duplicated(key).any():
        names = ", ".join(name for name in key if name in summary)
        raise UsageError(f"figures show one value for each {names}; this table has several")
    for column in ("value", "mcse"):
        table[column] = table[column].to_numpy(dtype=float, na_value=np.nan)
    given = factors.choices(table, "contamination")
    table["fraction"] = [factors.fraction(*given[label]) for label in table["contamination"]]
    table["family"] = [factors.family(label, *given[label]) for label in table["contamination"]]
    bad = table[table["kind"] != "none"].groupby("family")["fraction"].nunique()
    if len(bad) > 1 and bad.max() <= 1:  # nothing to draw against the fraction
        table.loc[table["kind"] != "none", "fraction"] = np.nan
    table.loc[table["value"].isna() & ~table["status"].isin(NO_VALUE), "status"] = INSUFFICIENT
    table.loc[table["status"].isin(NO_VALUE), "value"] = np.nan
    table.loc[_boundless(every, cell)[kept], "status"] = NO_BOUND
    return table


def points(rows, scaled, log):
    """What stands at the points of rows: y, half (2 MCSE), status, estimator, theory; a bar only where the MCSE exists,
    no zero on a log axis. scaled: n times the values."""
    factor = rows["n"] if scaled else 1.0
    found = pd.DataFrame({"y": rows["value"] * factor, "estimator": rows["estimator"], "theory": rows["theory"]})
    found["half"] = (2.0 * rows["mcse"] * factor).where(rows["status"].isin([OK, ROUGH]))
    off = (found["y"] <= 0) & log
    found["y"], found["status"] = found["y"].mask(off), rows["status"].mask(off, ZERO)
    return found


def _with_theory(summary):
    """The table with a column of what theory gives for the measure of a glance, by all that it depends on."""
    table = summary.assign(theory=np.nan)
    for glance in (glance for glance in glances(summary) if glance.theory):
        theory = summary[summary["measure"] == glance.theory]
        key = ["parameter", "errors", "n", "estimator", *factors.settings_of(theory)] if len(theory) else []
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


def glances(table):
    """The figures that a problem asks for, of which all that is to be seen varies."""
    problem = factors.problem_of(table)
    found = problem.glances if problem else ()
    return [glance for glance in found if glance.x not in table or table[glance.x].nunique() > 1]
