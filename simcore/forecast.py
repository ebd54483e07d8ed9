"""What a study will cost: a short pilot of each sample size, error distribution and kind of contamination.

With a precision, also how many replications each cell will need: the pilot then goes through the first rounds of every
cell, as the run will.
"""

import math
import time

from simcore import design, execute, jit, recipes, rounds, summaries, sums
from simcore.lanes import WIDTH

_PILOT_SAMPLES = 1 << 20
_PRECISION_SAMPLES = 1 << 24  # for a precision: the MCSE it gives is then known to some per cent
_FILE_BYTES = 30_000  # a block file without its rows, measured
_ROW_BYTES = 3_000  # a target in it, most of it the histogram
_EXACT_BYTES = 10  # a row of the summary of an exact problem


def forecast(study, threads=None):
    """Facts for JSON: cells, blocks, replications, seconds, memory and disk in bytes; of each cell with a precision.

    Raises UsageError where there are too many blocks.
    """
    used = jit.set_threads(threads)
    cells = design.cells(study)
    if recipes.problem_of(study).exact:
        return _of_exact(study, cells)
    design.refuse_too_many(study)
    replications = {cell.number: (study.replications, None) for cell in cells}
    if study.precision:
        replications = {cell.number: _needed(study, cell) for cell in cells}
    blocks = sum(-(-replications[cell.number][0] // design.block_size(cell.size)) for cell in cells)
    pilots = {}
    for cell in cells:
        pilots.setdefault(_pilot_key(cell), cell)
    samples = _PILOT_SAMPLES // max(1, len(pilots) // 20)
    rates = {key: _seconds_per_replication(study, cell, samples) for key, cell in pilots.items()}
    total = sum(count for count, _ in replications.values())
    targets = len(design.targets(study))
    kept = total * targets if study.keep else 0
    facts = {
        "study": study.name,
        "cells": len(cells),
        "estimators": len(study.estimators),
        "replications_per_cell": study.replications,
        "blocks": blocks,
        "threads": used,
        "seconds": sum(rates[_pilot_key(cell)] * replications[cell.number][0] for cell in cells),
        "memory_bytes": max(_memory(study, cell, used) for cell in pilots.values()),
        "disk_bytes": blocks * (_FILE_BYTES + _ROW_BYTES * targets) + 12 * kept,
    }
    if study.precision:
        facts["replications"] = total
        facts["precision"] = [
            {
                "cell": cell.number,
                "errors": cell.errors.label,
                "contamination": cell.contamination.label,
                "n": cell.n,
                **cell.setting,
                "replications": replications[cell.number][0],
                "met": replications[cell.number][1],
            }
            for cell in cells
        ]
    return facts


def _of_exact(study, cells):
    """Facts of an exact problem: a table is all there is to make, from which the time follows."""
    start = time.perf_counter()
    table = summaries.summarise(study, ())
    return {
        "study": study.name,
        "cells": len(cells),
        "estimators": len(study.estimators),
        "replications_per_cell": 0,
        "blocks": 0,
        "threads": 1,
        "seconds": time.perf_counter() - start,
        "memory_bytes": 300_000_000,
        "disk_bytes": _ROW_BYTES + _EXACT_BYTES * len(table),
    }


def sentences(study, facts):
    """(name, text) pairs for people."""
    lines = [
        ("study", facts["study"]),
        ("cells", f"{facts['cells']:,} x {facts['estimators']} estimators"),
        ("replications", f"{facts['replications_per_cell']:,} per cell"),
        ("blocks", f"{facts['blocks']:,}"),
        ("time", f"about {_duration(facts['seconds'])} on {facts['threads']} threads, from a pilot"),
        ("memory", f"about {facts['memory_bytes'] / 1e6:,.0f} MB"),
        ("disk", f"about {facts['disk_bytes'] / 1e6:,.1f} MB"),
    ]
    if not facts["blocks"]:
        took = f"{_duration(facts['seconds'])}, compiling included: this was tried out"
        lines[2:5] = [("replications", "none: nothing is random"), ("time", took)]
    if "precision" not in facts:
        return lines
    rule, cells = study.precision, facts["precision"]
    lines[2] = "replications", f"{facts['replications']:,} in all, for {rule.relative_mcse:.3g} of the {rule.measure}:"
    told = [
        (
            "",
            f"{cell['replications']:>12,}  {cell['errors']}, {cell['contamination']}, n = {cell['n']}"
            + ("" if cell["met"] else "  (not met: that is the most the scenario allows)"),
        )
        for cell in cells[:_MOST_TOLD]
    ]
    more = [("", f"... and {len(cells) - _MOST_TOLD} more cells")] if len(cells) > _MOST_TOLD else []
    return [*lines[:3], *told, *more, *lines[3:]]


_MOST_TOLD = 40


def _needed(study, cell):
    """(replications that a precision will take, whether it will be met): the first rounds of the run itself, and from
    the error after them on the 1 / sqrt(R) law."""
    chunk, most = design.chunk_size(cell.size), study.precision.max_replications
    pilot = min(1 << 20, max(1 << 16, _PRECISION_SAMPLES // cell.size))
    target, reached, nodes, error = min(rounds.first_target(study, chunk), most), 0, [], None
    while True:
        if error is None or target <= pilot:
            end = min(target, pilot)
            for block in design.blocks_between(cell, reached, end):
                nodes += execute.run_block(study, cell, block).nodes
            reached = end
            error = rounds.relative_error(study, cell, sums.total(nodes, chunk))
        ratio = error * math.sqrt(reached / target) / study.precision.relative_mcse
        if ratio <= 1.0 or target >= most:
            return target, ratio <= 1.0
        target = min(rounds.next_target(target, ratio, chunk), most)


def _pilot_key(cell):
    return cell.n, cell.settings, cell.errors, cell.contamination.name, cell.design


def _seconds_per_replication(study, cell, samples):
    count = max(WIDTH, min(design.block_size(cell.size), samples // cell.size))
    block = design.Block(cell.number, cell.key, 0, count)
    execute.run_block(study, cell, design.Block(cell.number, cell.key, 0, WIDTH))
    start = time.perf_counter()
    execute.run_block(study, cell, block)
    return (time.perf_counter() - start) / count


def _memory(study, cell, threads):
    samples = threads * recipes.sample_rows(cell) * WIDTH * 8
    targets, longest = len(design.targets(study)), design.block_size(cell.size)
    estimates = targets * execute.span(cell.size, longest, targets) * 12
    kept = targets * min(study.replications, longest) * 40 if study.keep else 0
    return 300_000_000 + samples + estimates + kept


def _duration(seconds):
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
