"""How many replications a cell needs: a given number, or rounds of at most twice as many until a precision is met.

Where a round ends depends on the sums of the replications before it alone. So a run that was stopped takes the same
rounds when it goes on. One that asks for more later keeps all it has, and goes on from there.
"""

import math

from simcore import design, sums
from simcore.meanwhile import Vanished, settled
from simcore.statuses import INSUFFICIENT, OK, ROUGH
from simcore.summaries import FEWEST, cell_rows

_MARGIN = 1.02  # beyond the number that the round before foretold, so that the next one is mostly the last


@settled(Vanished)
def missing(folder, present=None, counts=None):
    """Blocks of the next round of every cell of a run folder, in order; none when all cells are done. present: what
    the folder says of that, if it was asked. counts: replications of each cell, where it is known how many it takes."""
    study, present = folder.study, folder.present() if present is None else present
    if study.precision is None or counts is not None:
        blocks = design.missing(study, present, counts)
    else:
        cells = design.cells(study)
        blocks = [block for cell in cells for block in _next_round(folder, cell, present.get(cell.key, ()))]
    before = folder.earlier_blocks() if blocks else {}
    return design.cut_at(study, blocks, before) if before else blocks


def _next_round(folder, cell, present):
    study, chunk = folder.study, design.chunk_size(cell.size)
    most = study.precision.max_replications
    reached = design.reach(cell, present)
    nodes = list(folder.read_nodes(cell, present, reached)) if reached else []
    ends = [node.stop for node in nodes]
    target = min(first_target(study, chunk), most)
    while True:
        if target > reached:
            return design.cover(cell, present, target)[1]
        if target not in ends:  # the rounds were put together when the run was done with all that is there
            target = reached
        done = [node for node in nodes if node.stop <= target]
        ratio = relative_error(study, cell, sums.total(done, chunk)) / study.precision.relative_mcse
        if ratio <= 1.0 or target >= most:
            return []
        target = min(next_target(target, ratio, chunk), most)


def first_target(study, chunk):
    """The end of the first round: whole chunks."""
    return _up(study.replications, chunk)


def next_target(replications, ratio, chunk):
    """The end of the next round after one whose relative MCSE was `ratio` times what is asked for."""
    needed = replications * min(2.0, _MARGIN * ratio * ratio)
    return max(replications + chunk, _up(math.ceil(needed), chunk))


def relative_error(study, cell, total):
    """The largest MCSE relative to its value, of the measure of the precision, among the estimators that have one. inf
    where a few replications more may give one; what the tail of thousands does not show is not waited for."""
    largest = 0.0
    for row in cell_rows(study, cell, total, only=(study.precision.measure,)):
        if row["status"] == INSUFFICIENT and row["n_ok"] and (row["value"] is not None or row["n_ok"] < FEWEST):
            return math.inf
        if row["status"] in (OK, ROUGH) and row["value"] > 0.0:
            largest = max(largest, row["mcse"] / row["value"])
    return largest


def without(study, cell, total):
    """Labels of the estimators that have no MCSE of the measure of the precision in a cell, for some parameter."""
    rows = cell_rows(study, cell, total, only=(study.precision.measure,))
    return list(dict.fromkeys(row["estimator"] for row in rows if row["status"] not in (OK, ROUGH)))


def _up(number, step):
    return -(-number // step) * step
