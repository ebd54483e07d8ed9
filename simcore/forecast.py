"""What a study will cost: a short pilot of each sample size, error distribution and kind of contamination.

With a precision, also how many replications each cell will need: the pilot then goes through the first rounds of every
cell, as the run will.
"""

import itertools
import math
import time
from collections import Counter
from pathlib import Path

from simcore import design, engines, execute, footprint, jit, opening, recipes, rounds, summaries, sums
from simcore.errors import SimcoreError
from simcore.lanes import WIDTH
from simcore.wording import cannot_have

_PILOT_SAMPLES = 1 << 20
_PILOT_SECONDS = 2.0  # of all pilots together, at least
_PRECISION_SAMPLES = 1 << 24  # for a precision: the MCSE it gives is then known to some per cent
_MOST_PILOTS = 100  # of more cells, each is taken to be like one a little before it
_EXACT_BYTES = 10  # a row of the summary of an exact problem
_EXACT_FILES = 3_000


def forecast(study, threads=None, out="results", engine="local", progress=None):
    """Facts for JSON: cells, blocks, replications, seconds, memory and disk in bytes; of each cell with a precision,
    `without` being the labels of estimators that cannot have it there.
    to_compute: how many blocks are not stored in `out` yet, which the seconds are for.

    engine: of the run, "local" or "dask". refused: why a run in `out` cannot fit, see `footprint`, else None; then
    nothing is tried out, and seconds are None. progress(done, total, None), if given, is called after each pilot.
    Raises UsageError where there are too many blocks.
    """
    used = jit.set_threads(threads)
    cells = design.cells(study)
    if recipes.problem_of(study).exact:
        return _of_exact(study, cells)
    design.count_blocks(study)
    workers = engines.workers(engine, threads)
    own = footprint.of(study, used, workers=workers)
    why = footprint.refusal(own, Path(out) / study.name)
    counts, met, lacking, seconds = [study.replications] * len(cells), None, None, None
    for_time = _stand_ins(cells, _pilot_key)
    for_precision = _stand_ins(cells, lambda cell: cell.number) if study.precision else []
    tell = _teller(progress, len(_pilots(for_precision)) + len(_pilots(for_time)))
    if study.precision and not why:
        counts, met, lacking = _needed(study, for_precision, tell)
        own = footprint.of(study, used, counts, workers)
    to_compute = _to_compute(study, counts, Path(out) / study.name)
    if not why:
        left = Counter()
        for block in to_compute:
            left[block.cell] += block.count
        seconds = _seconds(study, cells, [left[cell.number] for cell in cells], for_time, tell)
    facts = {
        "study": study.name,
        "cells": len(cells),
        "estimators": len(study.estimators),
        "replications_per_cell": study.replications,
        "blocks": sum(-(-count // cell.cut.block) for cell, count in zip(cells, counts, strict=True)),
        "to_compute": len(to_compute),
        "threads": used,
        "seconds": seconds,
        "memory_bytes": own.memory_bytes,
        "disk_bytes": own.disk_bytes,
        "refused": why,
    }
    if met is not None:
        facts["replications"] = sum(counts)
        facts["precision"] = [
            {
                "cell": cell.number,
                "errors": cell.errors.label,
                "contamination": cell.contamination.label,
                "n": cell.n,
                **cell.setting,
                "replications": count,
                "met": enough,
                "without": labels,
            }
            for cell, count, enough, labels in zip(cells, counts, met, lacking, strict=True)
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
        "to_compute": 0,
        "threads": 1,
        "seconds": time.perf_counter() - start,
        "memory_bytes": footprint.BASE,
        "disk_bytes": _EXACT_FILES + _EXACT_BYTES * len(table),
        "refused": None,
    }


def sentences(study, facts):
    """(name, text) pairs for people."""
    lines = [
        ("study", facts["study"]),
        ("cells", f"{facts['cells']:,} x {facts['estimators']} estimators"),
        ("replications", f"{facts['replications_per_cell']:,} per cell"),
        ("blocks", _blocks(facts)),
        ("time", _time(facts)),
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
    return [*lines[:3], *told, *more, *_cannot(rule, cells), *lines[3:]]


def _cannot(rule, cells):
    """Lines on estimators whose measure has no MCSE in some cells, whatever the replications."""
    where = {}
    for cell in cells:
        for label in cell["without"]:
            where.setdefault(label, []).append(cell["cell"])
    return [("", line) for line in cannot_have(rule, where)]


_MOST_TOLD = 40


def _blocks(facts):
    stored = facts["blocks"] > facts["to_compute"]
    return f"{facts['blocks']:,}" + f", of which {facts['to_compute']:,} are not stored yet" * stored


def _time(facts):
    if facts["refused"]:
        return "not tried out, for it cannot fit"
    return f"about {_duration(facts['seconds'])} on {facts['threads']} threads, from a pilot"


def _to_compute(study, counts, path):
    """The blocks that are not stored."""
    try:
        return rounds.missing(opening.foreseen(path, study), counts=counts)
    except SimcoreError:  # there is no run yet, or one of something else, which will be refused
        return design.missing(study, {}, counts)


def _stand_ins(cells, key):
    """For each cell one that is tried out for it: the first of the same key; of too many, one before it in the grid."""
    firsts = {}
    for cell in cells:
        firsts.setdefault(key(cell), cell)
    pilots, step = tuple(firsts.values()), -(-len(firsts) // _MOST_PILOTS)
    chosen = {name: pilots[at - at % step] for at, name in enumerate(firsts)}
    return [chosen[key(cell)] for cell in cells]


def _pilots(stand_ins):
    """The cells that are tried out, each once."""
    return list({cell.number: cell for cell in stand_ins}.values())


def _teller(progress, total):
    """A function to call after each pilot."""
    done = itertools.count(1)
    return lambda: progress and progress(next(done), total, None)


def _seconds(study, cells, counts, stand_ins, tell):
    pilots, rates = _pilots(stand_ins), {}
    samples, seconds = _PILOT_SAMPLES // max(1, len(pilots) // 20), _PILOT_SECONDS / len(pilots)
    for cell in pilots:
        rates[cell.number] = _seconds_per_replication(study, cell, samples, seconds) / cell.size
        tell()
    own = zip(cells, counts, stand_ins, strict=True)
    return sum(rates[pilot.number] * cell.size * count for cell, count, pilot in own)


def _needed(study, stand_ins, tell):
    """For each cell the replications that a precision will take, whether it will be met, and labels of estimators that
    cannot have it: three lists."""
    found = {}
    for cell in _pilots(stand_ins):
        found[cell.number] = _needed_of(study, cell)
        tell()
    return (list(own) for own in zip(*(found[cell.number] for cell in stand_ins), strict=True))


def _needed_of(study, cell):
    """(replications that a precision will take, whether it will be met, labels of estimators that cannot have it): the
    first rounds of the run itself, and from the error after them on the 1 / sqrt(R) law."""
    chunk, most = design.chunk_size(cell.size), study.precision.max_replications
    pilot = min(1 << 20, max(1 << 16, _PRECISION_SAMPLES // cell.size))
    target, reached, nodes, error = min(rounds.first_target(study, chunk), most), 0, [], None
    while True:
        if error is None or target <= pilot:
            end = min(target, pilot)
            for block in design.blocks_between(cell, reached, end):
                nodes += execute.run_block(study, cell, block).nodes
            reached = end
            total = sums.total(nodes, chunk)
            error = rounds.relative_error(study, cell, total)
        ratio = error * math.sqrt(reached / target) / study.precision.relative_mcse
        if ratio <= 1.0 or target >= most:
            return target, ratio <= 1.0, rounds.without(study, cell, total)
        target = min(rounds.next_target(target, ratio, chunk), most)


def _pilot_key(cell):
    return cell.n, cell.settings, cell.errors, cell.contamination.name, cell.design


def _seconds_per_replication(study, cell, samples, seconds):
    """From so many samples, and so many more that they take these seconds, but no more than a block: few replications
    leave threads without work, and wait for the slowest lane."""
    execute.run_block(study, cell, design.Block(cell.number, cell.key, 0, WIDTH))  # which compiles
    count, taken = max(WIDTH, samples // cell.size // 4), 0.0
    while not taken or taken < seconds and count < cell.cut.block:
        count = min(4 * count, cell.cut.block)
        start = time.perf_counter()
        execute.run_block(study, cell, design.Block(cell.number, cell.key, 0, count))
        taken = time.perf_counter() - start
    return taken / count


def _duration(seconds):
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
