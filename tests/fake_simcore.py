#!/usr/bin/env python3
"""Stands for simcore where batch scripts are tested: does in seconds, and on demand, what makes them act.

Beside it lies plan.json: shard -> what it does. All that it does is noted in notes.txt, a line each.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

PLACE = Path(__file__).parent
script = os.getppid()  # which must wait for this process: Slurm may kill what it leaves behind


def note(text):
    with open(PLACE / "notes.txt", "a") as file:  # a line is written at once
        file.write(f"{text}\n")


def stop(_number, _frame):
    time.sleep(0.3)  # what is in flight is stored
    if behaviour == "stores, long twice":
        (PLACE / "tiny" / "blocks").mkdir(exist_ok=True)
        (PLACE / "tiny" / "blocks" / str(time.monotonic_ns())).touch()
    note(f"{'saved' if os.getppid() == script else 'deserted'} {shard}")
    sys.exit(75)


def main(starts):
    if behaviour == "fails":
        sys.exit(1)
    if behaviour == "waits":
        while not (PLACE / "go").exists():
            time.sleep(0.05)
    if starts <= {"long": 1000, "long at first": 1, "stores, long twice": 2}.get(behaviour, 0):
        time.sleep(100)


if __name__ == "__main__":
    if sys.argv[1] == "merge":
        note("merged")
        sys.exit()
    shard = sys.argv[sys.argv.index("--shard") + 1]
    behaviour = json.loads((PLACE / "plan.json").read_text()).get(shard, "is quick")
    signal.signal(signal.SIGUSR1, stop)
    signal.signal(signal.SIGTERM, stop)
    note(f"start {shard} {os.getpid()} {os.environ['NUMBA_NUM_THREADS']} {sys.argv[sys.argv.index('--threads') + 1]}")
    starts = (PLACE / "notes.txt").read_text().count(f"start {shard} ")
    main(starts)
    note(f"done {shard}")
