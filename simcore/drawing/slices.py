"""A run's replications in parts: its first ones, more and more of them, or batches of equally many.

Use `growing` and `batches`. Where estimates were kept, any part can be summed up, without the control variate, which is
not kept; otherwise parts are those that the stored sums were cut into. Nothing is simulated.
"""

import numpy as np

from simcore import design, execute, regrouping, summaries, sums
from simcore.lanes import WIDTH

STEPS = 24  # parts of a running value
FINEST = 512  # pieces that it grows by
BATCHES, FEWEST, LEAST = 100, 20, 50  # batches, at most and at least; the least replications of one
LONGEST = 4  # a running value starts from at most 1 / LONGEST of all replications


def lacking(run, what):
    """Why a run has no parts for `what`, "growing" or "batches"; None where it has."""
    present, every = run.folder.present(), design.cells(run.study)
    if run.study.keep:
        fewest = FEWEST * LEAST
        most = min(design.reach(cell, present[cell.key]) for cell in every)
        return None if most >= fewest else f"it needs {fewest:,} replications or more (here {most:,})"
    parts = [_stored(cell, present[cell.key]) for cell in every]
    if what == "growing" and all(cell[-1][0] + cell[-1][1] >= LONGEST * cell[0][1] for cell in parts):
        return None
    if what == "batches" and all(len(_commonest(cell)) >= FEWEST for cell in parts):
        return None
    return (
        f"its sums are stored in too few parts ({min(map(len, parts))} of a cell); a study with "
        'keep = "estimates" can be cut into any'
    )


def growing(run, cell, names):
    """Rows of the summary of the first replications of a cell, of measures of these names: pairs (count, rows)."""
    if not run.study.keep:
        folded = None
        for node in _nodes(run, cell):
            folded = node if folded is None else folded.followed_by(node)
            yield folded.count, _rows(run, cell, folded, names)
        return
    estimates, states = _kept(run, cell)
    total = estimates.shape[1]
    size = _rounded(total / FINEST)
    errors, paired = regrouping.grouped(run.study, cell, estimates, states, size)
    ends = {round(end) for end in np.geomspace(1, len(errors), STEPS)}
    own, pairs = errors[0], paired[0]
    for k in range(len(errors)):
        if k:
            own, pairs = sums.ERRORS.add(own, errors[k]), sums.PAIRS.add(pairs, paired[k])
        if k + 1 in ends:
            count = min(total, (k + 1) * size)
            yield count, _rows(run, cell, sums.Node(0, count, own, pairs, ()), names, estimates[:, :count])


def batches(run, cell, names):
    """Rows of the summary of each of many equally large batches of a cell: a list of lists."""
    if not run.study.keep:
        parts = {(node.first, node.count): node for node in _nodes(run, cell)}
        return [_rows(run, cell, parts[part], names) for part in _commonest(parts)]
    estimates, states = _kept(run, cell)
    count = min(BATCHES, estimates.shape[1] // LEAST)
    size = estimates.shape[1] // count // WIDTH * WIDTH
    used = count * size
    errors, paired = regrouping.grouped(run.study, cell, estimates[:, :used], states[:, :used], size)
    return [
        _rows(
            run,
            cell,
            sums.Node(k * size, size, errors[k], paired[k], ()),
            names,
            estimates[:, k * size : (k + 1) * size],
        )
        for k in range(count)
    ]


def _rows(run, cell, node, names, estimates=None):
    """The rows of a part of a cell; estimates: of its replications, where they were kept."""
    errors = None
    if estimates is not None:
        truths = design.measured_against(run.study, cell)
        errors = [np.sort(own[~np.isnan(own)] - truth) for own, truth in zip(estimates, truths, strict=True)]
    return list(summaries.cell_rows(run.study, cell, node, errors, names, plain=estimates is not None))


def _rounded(size):
    return max(WIDTH, -(-int(np.ceil(size)) // WIDTH) * WIDTH)


def _kept(run, cell):
    (found,) = run.by_cell(run.folder.read_kept, [cell.number])
    return found


def _nodes(run, cell):
    (found,) = run.by_cell(lambda *own: [*run.folder.read_nodes(*own)], [cell.number])
    return found


def _stored(cell, present):
    """The parts (first, count) that the sums of a cell are stored in."""
    have, _ = design.cover(cell, present, design.reach(cell, present))
    chunk = design.chunk_size(cell.size)
    blocks = [design.Block(cell.number, cell.key, *pair) for pair in have]
    return [part for block in blocks for part in execute.node_runs(block, chunk)]


def _commonest(parts):
    """The parts of that size which most of them have."""
    sizes = [count for _, count in parts]
    size = max(sorted(set(sizes), reverse=True), key=sizes.count)
    return [part for part in parts if part[1] == size]
