"""What a study will cost: a short pilot of each sample size, error distribution and kind of contamination."""

import time

from simcore import design, execute, jit
from simcore.lanes import WIDTH

_PILOT_SAMPLES = 1 << 20
_FILE_BYTES = 12_000  # a block file without its rows, measured
_ROW_BYTES = 120  # an estimator in it


def forecast(study, threads=None):
    """Facts for JSON: cells, blocks, replications, seconds, memory and disk in bytes."""
    used = jit.set_threads(threads)
    cells, blocks = design.cells(study), design.blocks(study)
    rates = {}
    for cell in cells:
        rates.setdefault(_pilot_key(cell), cell)
    samples = _PILOT_SAMPLES // max(1, len(rates) // 20)
    rates = {key: _seconds_per_replication(study, cell, samples) for key, cell in rates.items()}
    seconds = sum(rates[_pilot_key(cell)] for cell in cells) * study.replications
    largest = max(study.n)
    kept = study.replications * len(cells) * len(study.estimators) if study.keep else 0
    return {
        "study": study.name,
        "cells": len(cells),
        "estimators": len(study.estimators),
        "replications_per_cell": study.replications,
        "blocks": len(blocks),
        "threads": used,
        "seconds": seconds,
        "memory_bytes": _memory(study, largest, used),
        "disk_bytes": len(blocks) * (_FILE_BYTES + _ROW_BYTES * len(study.estimators)) + 12 * kept,
    }


def sentences(facts):
    """(name, text) pairs for people."""
    return [
        ("study", facts["study"]),
        ("cells", f"{facts['cells']:,} x {facts['estimators']} estimators"),
        ("replications", f"{facts['replications_per_cell']:,} per cell"),
        ("blocks", f"{facts['blocks']:,}"),
        ("time", f"about {_duration(facts['seconds'])} on {facts['threads']} threads, from a pilot"),
        ("memory", f"about {facts['memory_bytes'] / 1e6:,.0f} MB"),
        ("disk", f"about {facts['disk_bytes'] / 1e6:,.1f} MB"),
    ]


def _pilot_key(cell):
    return cell.n, cell.errors, cell.contamination.name


def _seconds_per_replication(study, cell, samples):
    count = max(WIDTH, min(design.block_size(cell.n), samples // cell.n))
    block = design.Block(cell.number, cell.key, 0, count)
    execute.run_block(study, cell, design.Block(cell.number, cell.key, 0, WIDTH))
    start = time.perf_counter()
    execute.run_block(study, cell, block)
    return (time.perf_counter() - start) / count


def _memory(study, n, threads):
    samples = threads * (n + 16) * WIDTH * 8
    estimates = len(study.estimators) * execute.span(n, design.block_size(n), len(study.estimators)) * 9
    kept = len(study.estimators) * min(study.replications, design.block_size(n)) * 40 if study.keep else 0
    return 250_000_000 + samples + estimates + kept


def _duration(seconds):
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
