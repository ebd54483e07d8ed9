"""Cells of a run that figures of its sums can show: a few of them, with names."""

from simcore import design
from simcore.drawing import captions, factors, takes


def lacking(source):
    """Why a source has no sums to draw from, or None."""
    if factors.is_exact(source.table):
        return "nothing is random in it"
    return None if source.run is not None else "it is drawn from the sums of a run, not from a table"


def few(source, most):
    """At most so many cells of the run, evenly spread: pairs (`design.Cell`, name); and what the caption says of it."""
    named = takes.takes(source, None, usual=[source.table["measure"].iloc[0]])[0].points
    shorts, order = factors.shorts_of(named), factors.cells_of(named)
    numbers = [factors.in_cell(named, cell)["cell"].iloc[0] for cell in order]
    found = {cell.number: cell for cell in design.cells(source.run.study)}
    places = factors.spread(range(len(order)), most)
    notes = [f"Cells: {len(places)} of {len(order)} shown."] if len(places) < len(order) else []
    if len(order) == 1:
        only = named.iloc[0]
        name = ", ".join([shorts.get(only["errors"], only["errors"]), f"n = {only['n']}"])
        return [(found[numbers[0]], name)], captions.fixed(named, ("errors", "n"))
    return [(found[numbers[k]], factors.cell_name(order[k], shorts)) for k in places], notes + captions.fixed(named)


def unscaled(text):
    """What a measure is called, not n times it."""
    return text.removeprefix("n × ")
