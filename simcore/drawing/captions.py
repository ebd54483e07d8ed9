"""Sentences that captions of figures have in common."""

import re

from simcore import wording
from simcore.drawing import factors


def counted(replications, noun="replication"):
    """How many, from (the fewest, the most)."""
    fewest, most = replications
    return wording.counted(most, noun) if fewest == most else f"{fewest:,} to {most:,} {noun}s"


def failures(most):
    return [f"At most {most:,} replications of a cell failed."] if most else []


def fixed(points, named=()):
    """The one level of each factor that does not vary, but for those that are named elsewhere."""
    shorts, notes = factors.shorts_of(points), []
    for factor in ("errors", "n", "contamination", "design", *factors.settings_of(points)):
        level, *others = points[factor].dropna().unique()
        if not others and level != "" and factor not in named:
            notes.append(f"{factors.called(factor)}: {shorts.get(level, factors.worded(level))}.")
    return notes


def meanings(table):
    """What the quantities of a simulated problem are, those that are shown."""
    found, shown = factors.quantities_of(table), table["parameter"].unique()
    return [f"{name.replace('_', ' ')}: {found[name].meaning}." for name in shown if name in found]


def abbreviations(names):
    """What short names of errors mean, those that stand in some texts, and how scenarios and tables spell them."""
    notes = []
    if any(re.search(r"\bt\d", name) for name in names):
        notes.append("tk: Student's t with k degrees of freedom, student_t(df=k).")
    if any("CN(" in name for name in names):
        notes.append("CN(e, r): contaminated_normal, r times as wide with probability e.")
    if any(re.search(r"\b(?!at\(|CN\()\w+\(-?\d", name) for name in names):
        notes.append("In brackets: parameters in their order.")
    return notes


def linear_parts(scales):
    """Where symlog axes are linear."""
    parts = sorted({scale.linear for scale in scales if scale.kind == "symlog"})[:1]
    return [f"Linear between −{linear:g} and {linear:g}, logarithmic beyond." for linear in parts]


def left_out(what, shown, all_of_them):
    """That only so many of some things are shown, if it is so."""
    return [f"{what}: {shown} of {all_of_them} shown."] if shown < all_of_them else []
