"""The first cells of a run on a `cards.Card`: what people see when they ask a prompt or a notebook for a run."""

from simcore import design
from simcore.cards import MOST_ROWS, Card
from simcore.registry import plugins
from simcore.tables import number_text
from simcore.wording import counted

_HINT = "summary() has every measure, wide() a column for each, comparisons() tells estimators apart"


def cells_shown(study):
    """How many cells fill a card."""
    return max(1, MOST_ROWS // (len(study.estimators) * len(design.parameters(study))))


def card(study, path, table, why=""):
    """table: the summary of the first cells, or None where there is none to show, and why."""
    cells = design.cells(study)
    each = f" x {counted(study.replications, 'replication')}" if study.replications else ""
    of = f"{path}: {study.problem}, {len(cells):,} cells{each}, {len(study.estimators)} estimators"
    if table is None:
        return Card(study.heading, (of, why))
    factors = [
        *((name, getattr(study, name)) for name in ("errors", "contamination", "design", "n")),
        *study.settings,
        ("parameter", design.parameters(study)),
    ]
    head = [name for name, values in factors if len(values) > 1] + ["estimator"]
    measures = [name for name in plugins("problems")[study.problem].shown if (table["measure"] == name).any()]
    rows = []
    for _, own in table.groupby(["cell", "parameter", "estimator"], sort=False):
        numbers = own.set_index("measure", drop=False)
        texts = [number_text(numbers.loc[name]) if name in numbers.index else "" for name in measures]
        if any(texts):
            rows.append((*(str(own.iloc[0][name]) for name in head), *texts))
    others = len(cells) - table["cell"].nunique()
    note = f"... and {others:,} more cells; " if others else ""
    return Card(study.heading, (of,), (*head, *measures), tuple(rows), len(head), note + _HINT)
