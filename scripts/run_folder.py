"""Run every scenario of a folder, one after the other, each in a process of its own: one that fails or crashes does not
stop the rest, and what is already computed is not computed again. Exit code: 0 all done, 1 otherwise."""

import argparse
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

MEANINGS = {  # of the exit codes of simcore
    0: "done",
    1: "some work failed",
    2: "bad usage or bad scenario",
    3: "incomplete, run again to resume",
    4: "damaged or foreign results",
    75: "stopped by a signal, all saved",
    130: "interrupted",
}


def main():
    arguments = _arguments()
    scenarios = sorted(arguments.folder.glob("*.toml"))
    if not scenarios:
        sys.exit(f"run_folder: no *.toml in {arguments.folder}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    rows = []
    try:
        for number, path in enumerate(scenarios, start=1):
            start = time.monotonic()
            print(f"--- {path} ({number} of {len(scenarios)})", file=sys.stderr, flush=True)
            result, directory = run(path, arguments)
            rows.append((path.name, result, f"{time.monotonic() - start:.1f}", directory))
    except KeyboardInterrupt:
        rows.append((path.name, MEANINGS[130], f"{time.monotonic() - start:.1f}", "-"))
    rows += [(path.name, "not run", "-", "-") for path in scenarios[len(rows) :]]
    print_table([("scenario", "result", "seconds", "run directory"), *rows])
    sys.exit(any(result != MEANINGS[0] for _, result, _, _ in rows))


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of scenario files")
    parser.add_argument("--out", default="results", help="folder of run directories (default: results)")
    parser.add_argument("--threads", help="threads of each run (default: every CPU)")
    parser.add_argument("--replications", help="replications per cell, instead of the scenarios'")
    parser.add_argument("--plugin", action="append", default=[], help="a file with plugins of your own (repeatable)")
    parser.add_argument("--plot", action="store_true", help="also draw the curves of each finished run")
    return parser.parse_args()


def run(path, arguments):
    """What became of one scenario, in words, and its run directory."""
    options = {"--out": arguments.out, "--threads": arguments.threads, "--replications": arguments.replications}
    given = [word for option, value in options.items() if value is not None for word in (option, value)]
    plugins = [word for file in arguments.plugin for word in ("--plugin", file)]
    code, directory = simcore("run", str(path), *given, *plugins), "-"
    if code == 0:
        directory = str(Path(arguments.out) / tomllib.loads(path.read_text(encoding="utf-8"))["name"])
        if arguments.plot:
            code = simcore("plot", directory, *plugins)
    unknown = f"killed by signal {-code}" if code < 0 else f"crashed (exit code {code})"
    return MEANINGS.get(code, unknown), directory


def simcore(*words):
    """The exit code of a simcore command. Ctrl-C leaves it the time to stop by itself."""
    process = subprocess.Popen([sys.executable, "-m", "simcore", *words])
    try:
        return process.wait()
    except KeyboardInterrupt:
        try:
            process.wait(timeout=2)  # a terminal has sent it the same Ctrl-C
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
        raise


def print_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
