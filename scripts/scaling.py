"""What sharing a study out costs: balance and overhead of shards, and the time to store and to merge many blocks.

    python scripts/scaling.py balance --replications 100000000 --shards 64
    python scripts/scaling.py shards --replications 1000000 --shards 8
    python scripts/scaling.py merge --blocks 100000

`balance` measures how long a replication of each cell takes, and adds up what each of so many shards would take.
`shards` runs each share in a process of its own, one after the other, and compares its time with the mean of all and
their sum with that of one process. `merge` stores the sums of one block as those of so many cells, then merges them.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import simcore as sc
from simcore import design, execute, jit, opening, rounds
from simcore.shards import dealt


def balance(scenario, replications, count):
    """Seconds of each shard on one thread, from a measured rate of each cell and what is dealt to it."""
    study = sc.load(scenario).with_changes(replications)
    cells, loads = design.cells(study), [0.0] * count
    jit.set_threads(1)
    rates = [_rate(study, cell) for cell in cells]
    owner = dealt(study, count)
    blocks = design.missing(study, {})
    for block in blocks:
        loads[owner(block) - 1] += block.count * rates[block.cell]
    foretold = [rate / cell.cut.work for rate, cell in zip(rates, cells, strict=True)]
    return {
        "shards": count,
        "files": len(design.bundles(study, blocks)),
        "core hours": round(sum(loads) / 3600, 2),
        "slowest over mean": round(max(loads) * count / sum(loads), 3),
        "seconds of a bundle": round(cells[0].cut.of_bundle * sum(foretold) / len(foretold), 2),
        "work, slowest over quickest cell": round(max(foretold) / min(foretold), 2),
    }


def _rate(study, cell):
    """Seconds of a replication."""
    count = max(1024, (1 << 21) // cell.size // 1024 * 1024)
    execute.run_block(study, cell, design.Block(cell.number, cell.key, 0, 64))
    start = time.perf_counter()
    execute.run_block(study, cell, design.Block(cell.number, cell.key, 0, count))
    return (time.perf_counter() - start) / count


def shards(scenario, replications, count, threads, out):
    """Seconds of work of each shard and of one process that does it all, without what starting takes."""
    study = sc.load(scenario).with_changes(replications)
    text = out / "study.toml"
    text.write_text(study.text)
    program = (
        "import json, sys, time, simcore as sc; from simcore import design, execute, jit;"
        "study = sc.load(sys.argv[1]).with_changes(int(sys.argv[2])); jit.set_threads(int(sys.argv[4]));"
        "[execute.run_block(study, cell, design.Block(cell.number, cell.key, 0, 64)) for cell in design.cells(study)];"
        "start = time.perf_counter();"
        "sc.run(study, sys.argv[3], threads=int(sys.argv[4]), shard=sys.argv[5] if len(sys.argv) > 5 else None);"
        "print(json.dumps(time.perf_counter() - start))"
    )

    def timed(place, *shard):
        command = [sys.executable, "-c", program, text, str(study.replications), out / place, str(threads), *shard]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    seconds = [timed("shards", f"{number}/{count}") for number in range(1, count + 1)]
    start = time.perf_counter()
    run = sc.merge(out / "shards" / study.name)
    merging, whole = time.perf_counter() - start, timed("whole")
    same = (out / "whole" / study.name / "summary.parquet").read_bytes() == (run.path / "summary.parquet").read_bytes()
    busy = [own for own in seconds if own > 0.1 * max(seconds)]
    return {
        "shards": count,
        "with work": len(busy),
        "slowest over mean": round(max(busy) * len(busy) / sum(busy), 3),
        "sum over one process": round((sum(seconds) + merging) / whole, 3),
        "seconds of one process": round(whole, 2),
        "seconds of merging": round(merging, 2),
        "files": len(list((run.path / "blocks").iterdir())),
        "same bytes": same,
    }


def merge(count, out):
    """Seconds to store and to merge so many blocks, each of a cell of its own, with two estimators."""
    errors = [{"distribution": "student_t", "df": [3 + k / 16 for k in range(-(-count // 100))]}]
    factors = {"n": [*range(2, 102)], "errors": errors}
    study = sc.Study(name="many", problem="location", seed=1, replications=64, factors=factors,
                     estimators=[{"loss": "l2"}, {"loss": "l1"}])  # fmt: skip
    folder, cell = opening.create(out, study), design.cells(study)[50]
    found = execute.run_block(study, cell, design.Block(cell.number, cell.key, 0, 64))
    start = time.perf_counter()
    blocks = rounds.missing(folder)
    for bundle in design.bundles(study, blocks):
        folder.commit(*(replace(found, block=block) for block in bundle))
    storing = time.perf_counter() - start
    start = time.perf_counter()
    table = sc.merge(folder.path).summary()
    stored = [path.stat().st_size for path in (folder.path / "blocks").iterdir()]
    return {
        "blocks": len(blocks),
        "files": len(stored),
        "bytes": sum(stored),
        "seconds of storing": round(storing, 1),
        "seconds of merging": round(time.perf_counter() - start, 1),
        "rows": len(table),
        "peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["balance", "shards", "merge"])
    parser.add_argument("--scenario", default="scenarios/princeton.toml")
    parser.add_argument("--replications", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--blocks", type=int, default=100_000)
    options = parser.parse_args()
    out = Path(tempfile.mkdtemp())
    try:
        if options.what == "balance":
            found = balance(options.scenario, options.replications, options.shards)
        elif options.what == "shards":
            found = shards(options.scenario, options.replications, options.shards, options.threads, out)
        else:
            found = merge(options.blocks, out)
    finally:
        shutil.rmtree(out)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
