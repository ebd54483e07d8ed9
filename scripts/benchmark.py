"""How fast simcore is, against other ways to do the same study, and what a whole run adds to its kernel.

Every figure is a ratio within one run: the contestants take turns (A B C A B C ...), and ratios are taken round by
round before their median, so that a machine that is slow now and then cancels. All must agree on the result first.
"""

import argparse
import functools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from statistics import median

import numpy as np
from competitors import ESTIMATORS, HUBER_K, TUKEY_C, Absent, Cpp, NumPy, PlainNumPy, ScalarNumba, Statsmodels
from rich.console import Console
from rich.table import Table

from simcore import design, execute, jit, kernels, recipes, runs, scenario
from simcore.lanes import WIDTH

ROOT = Path(__file__).resolve().parents[1]
SIZES = 20, 100, 1000
SEED = 20261122
CLIP = 6.0  # sqrt(n) |T| counts as 6 at most: the mean of t(3) has no fourth moment, so its variance no standard error
MOST_AT_ONCE = 1 << 21  # replications whose estimates are held
NO_CONTROLS = np.empty((0, WIDTH))
MEMORY_PROBE = """
import sys
from pathlib import Path
from simcore import runs, scenario
for text in sys.argv[2:]:
    runs.run(scenario.parse(text), out=sys.argv[1])
    status = Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) * 1024)
"""  # not ru_maxrss: a child process inherits its parent's


def main():
    parts = {
        "kernel": benchmark_kernel,
        "measures": benchmark_measures,
        "run": benchmark_run,
        "start": benchmark_start,
    }
    arguments = arguments_of(__doc__, list(parts))
    results = {"machine": machine(), "quick": arguments.quick}
    console = console_of(results["machine"])
    for name, part in parts.items():
        if arguments.only in (None, name):
            results[name] = part(arguments.quick, console)
    write(results, arguments.json)


def arguments_of(description, parts):
    """The command line of a benchmark."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; rough figures")
    parser.add_argument("--only", choices=parts, help="only this part")
    parser.add_argument("--json", metavar="FILE", help="also write every figure to this file")
    return parser.parse_args()


def console_of(facts):
    """A console that has told what the figures depend on."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    console.print(", ".join(f"{key} {value}" for key, value in facts.items()))
    return console


def write(results, path):
    results["load_at_end"] = os.getloadavg()[0]
    if path:
        Path(path).write_text(json.dumps(results, indent=2) + "\n")


def machine():
    """What the figures depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.processor() or platform.machine()
    return {
        "cpu": cpu,
        "threads": jit.set_threads(None),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
        **{name: metadata.version(name) for name in ("numba", "llvmlite")},
    }


# --- the kernel against its competitors


class Simcore:
    """The bare kernel: lane groups straight into arrays; no control variate, no sums, no files."""

    name, least = "simcore kernel", 1 << 14

    def __init__(self, threads):
        self.threads = jit.set_threads(threads)
        self._group = self.threads << 40  # of a stretch that no other contestant of this class has
        self._states = np.empty(len(ESTIMATORS) * MOST_AT_ONCE, np.uint32)

    def simulate(self, n, out):
        jit.set_threads(self.threads)
        study = study_of(n)
        cell = recipes.kernel_cell(study, design.cells(study)[0])._replace(score=0)
        estimates = out.reshape((len(ESTIMATORS), -1, WIDTH))
        states = self._states[: out.size].reshape(estimates.shape)
        groups = estimates.shape[1]
        jit.driver(kernels.simulate)(cell, self._group, 0, groups, estimates, states, NO_CONTROLS)
        self._group += groups


@functools.cache
def study_of(n, replications=1000, name="benchmark"):
    """The study that every contestant runs, for one sample size."""
    return scenario.Study(
        name=name,
        problem="location",
        seed=SEED,
        replications=replications,
        factors={"n": [n], "errors": [{"distribution": "student_t", "df": 3}]},
        estimators=[{"loss": "l2"}, {"loss": "l1"}, {"loss": "huber", "k": HUBER_K}, {"loss": "tukey", "c": TUKEY_C}],
    )


def contestants(folder):
    """Those that can run here, simcore on one thread first, and why the others cannot."""
    present, absent = [Simcore(1)], {}
    if (threads := jit.set_threads(None)) > 1:
        present.append(Simcore(threads))
    for kind, extra in ((Cpp, (folder,)), (ScalarNumba, ()), (PlainNumPy, ()), (NumPy, ()), (Statsmodels, ())):
        try:
            present.append(kind(SEED, *extra))
        except Absent as error:
            absent[kind.name] = str(error)
    return present, absent


def benchmark_kernel(quick, console):
    """ns per replication of every contestant and size; exits where two disagree about the variances."""
    rounds, seconds = (3, 0.05) if quick else (9, 0.4)
    rows, agreement = [], []
    with tempfile.TemporaryDirectory(prefix="simcore-benchmark-") as folder:
        present, absent = contestants(folder)
        for n in SIZES:
            nanoseconds, moments = race(present, n, rounds, seconds)
            agreement.append({"n": n, **agree(present, n, moments)})
            for c, contestant in enumerate(present):
                ratios = [own / first for own, first in zip(nanoseconds[c], nanoseconds[0], strict=True)]
                row = {"n": n, "contestant": contestant.name, "threads": contestant.threads}
                rows.append(row | {"ns": median(nanoseconds[c]), "ratio": median(ratios), "rounds": nanoseconds[c]})
    _print_kernel(console, rows, absent, agreement)
    return {"rows": rows, "absent": absent, "agreement": agreement}


def race(present, n, rounds, seconds, names=ESTIMATORS, moments_of=None):
    """Per contestant: ns per replication of each round, and what `agree` needs of its estimates; moments_of: in place
    of `clipped_moments`."""
    moments_of = moments_of or clipped_moments
    targets = len(names)
    buffers = [np.zeros((targets, calibrated(contestant, n, seconds, targets))) for contestant in present]
    nanoseconds = [[] for _ in present]
    moments = np.zeros((len(present), 3, targets))  # count, sum, sum of squares
    for number in range(rounds + 1):  # the first one touches memory and does not count
        for c, (contestant, out) in enumerate(zip(present, buffers, strict=True)):
            taken = _seconds(contestant.simulate, n, out)
            if number:
                nanoseconds[c].append(taken / out.shape[1] * 1e9)
                moments[c] += moments_of(n, out)
    return nanoseconds, moments


def clipped_moments(n, out):
    """Per estimator: count, sum and sum of squares of n T^2, clipped. NaN stays NaN, and fails to agree."""
    squares = np.minimum(n * out * out, CLIP * CLIP)
    return np.stack([np.full(len(out), out.shape[1]), squares.sum(axis=1), (squares * squares).sum(axis=1)])


def calibrated(contestant, n, seconds, targets):
    """Replications that take about so long; compiles on the way."""
    count, step = contestant.least, getattr(contestant, "step", WIDTH)
    contestant.simulate(n, np.empty((targets, count)))
    while True:
        out = np.zeros((targets, count))
        taken = min(_seconds(contestant.simulate, n, out) for _ in range(3))
        if taken > seconds / 8 or count == MOST_AT_ONCE:
            return min(MOST_AT_ONCE, max(step, int(count * seconds / taken) // step * step))
        count = min(MOST_AT_ONCE, 4 * count)


def _seconds(function, *arguments, **options):
    """Seconds of a call, unless it returns its own (those of another process, without the way there and back)."""
    start = time.perf_counter()
    own = function(*arguments, **options)
    return own if isinstance(own, float) else time.perf_counter() - start


def agree(present, n, moments, names=ESTIMATORS):
    """n * variance by simcore (errors clipped at CLIP) and the greatest |z| of the others; exits from z = 5 on.

    The standard errors take simcore's spread for all: it knows it best, and who does the same work has the same.
    """
    count, total, squares = moments[:, 0], moments[:, 1], moments[:, 2]
    mean = total / count
    spread = np.sqrt(squares[0] / count[0] - mean[0] ** 2)
    z = np.abs(mean - mean[0]) / (spread * np.sqrt(1 / count + 1 / count[0]))
    for c, e in np.argwhere(~(z < 5.0)):
        sys.exit(
            f"benchmark: {present[c].name} does not do the same work: n * variance of {names[e]} at n = {n} is "
            f"{mean[c, e]:.4f}, of simcore {mean[0, e]:.4f}, z = {z[c, e]:.1f}"
        )
    variances = dict(zip(names, mean[0].tolist(), strict=True))
    replications = {f"{p.name}, {p.threads}": int(r) for p, r in zip(present, count[:, 0], strict=True)}
    return {"n_variance": variances, "z": float(z.max()), "replications": replications}


def print_race(console, headings, rows, absent):
    """A line of ns and times for each contestant and number of threads, and why others are absent."""
    table = Table("")
    table.add_column("threads", justify="right")
    for heading in headings:
        table.add_column(heading, justify="right")
        table.add_column("times", justify="right")
    for contestant, threads in dict.fromkeys((row["contestant"], row["threads"]) for row in rows):
        own = [row for row in rows if (row["contestant"], row["threads"]) == (contestant, threads)]
        cells = [cell for row in own for cell in (f"{row['ns']:,.0f}", as_times(row["ratio"]))]
        table.add_row(contestant, str(threads), *cells)
    console.print(table)
    for name, reason in absent.items():
        console.print(f"{name}: {reason}")


def _print_kernel(console, rows, absent, agreement):
    console.print("ns per replication: draw n values of t(3), fit mean, median, Huber and Tukey")
    print_race(console, [f"n = {n}" for n in SIZES], rows, absent)
    worst = max(row["z"] for row in agreement)
    console.print(f"All agree on n * variance of every estimator: greatest z = {worst:.1f}")


def as_times(ratio):
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"


# --- all measures against means and moments alone


class MomentsOnly(execute.Work):
    """A block whose errors are summed to moments, and nothing else: no score, no pairs, no histograms."""

    def __init__(self, study, cell, block):
        super().__init__(study, cell, block)
        self.kernel = self.kernel._replace(score=0)
        self.controls, self.pairs = NO_CONTROLS, self.pairs[:0]

    def count_errors(self, size):
        pass


def benchmark_measures(quick, console):
    """ns per replication of a block, one thread, with the control variate, pairs and histograms, and without."""
    rounds, samples = (3, 1 << 20) if quick else (15, 1 << 24)
    jit.set_threads(1)
    rows = []
    for n in SIZES:
        study = study_of(n)
        cell = design.cells(study)[0]
        block = design.Block(cell.number, cell.key, 0, samples // n // 1024 * 1024)
        times = {"all measures": [], "means and moments": []}
        for number in range(rounds + 1):  # the first one compiles
            for name, work in (("all measures", execute.Work), ("means and moments", MomentsOnly)):
                taken = _seconds(execute.run_block, study, cell, block, work=work)
                if number:
                    times[name].append(taken / block.count * 1e9)
        every, few = times.values()
        ratio = median(a / b for a, b in zip(every, few, strict=True))
        rows.append({"n": n, "ns": median(every), "ns_moments": median(few), "ratio": ratio, "rounds": times})
    table = Table("ns per replication of a block", *(f"n = {row['n']}" for row in rows))
    table.add_row("means and moments alone", *(f"{row['ns_moments']:,.0f}" for row in rows))
    table.add_row("with all measures", *(f"{row['ns']:,.0f}" for row in rows))
    table.add_row("times", *(as_times(row["ratio"]) for row in rows))
    console.print(table)
    return rows


# --- a whole run against its kernel


def benchmark_run(quick, console):
    """What planning, sums, files and the summary add to the kernel, and whether cost and memory grow."""
    rounds, most = (2, 10**6) if quick else (6, 10**7)
    counts = most // 10, most // 10 * 4, most
    kernel = Simcore(None)
    times = {count: [] for count in (0, *counts)}
    with tempfile.TemporaryDirectory(prefix="simcore-benchmark-") as folder:
        for number in range(rounds + 1):  # the first one compiles and imports, and does not count
            order = (0, *reversed(counts)) if number % 2 else (*counts, 0)  # the longest beside the kernel, 0
            for count in order:
                study = study_of(20, count or 1, f"run_{number}_{count}")
                seconds = _seconds(runs.run, study, out=folder) if count else bare_kernel(kernel, most)
                times[count].append(seconds)
        memory = peak_memory(folder, (most // 10, most))
    times = {count: own[1:] for count, own in times.items()}
    efficiency = median(own / whole for own, whole in zip(times[0], times[most], strict=True))
    kernel_seconds, *seconds = (median(own) for own in times.values())
    slopes = [(b - a) / (d - c) for a, b, c, d in zip(seconds, seconds[1:], counts, counts[1:], strict=False)]
    facts = {
        "replications": counts,
        "seconds": seconds,
        "kernel_seconds": kernel_seconds,
        "efficiency": efficiency,
        "ns_per_further_replication": [slope * 1e9 for slope in slopes],
        "linearity": slopes[1] / slopes[0],
        "peak_memory_bytes": memory,
        "rounds": {str(count or "kernel"): own for count, own in times.items()},
    }
    few, some, many = (f"{count:,}" for count in counts)
    shown = {
        f"whole run, {many} replications": f"{seconds[-1]:.3f} s, {seconds[-1] / most * 1e9:.1f} ns per replication",
        "share of the bare kernel's rate": f"{efficiency:.1%}",
        f"a further replication, {few} to {some}": f"{slopes[0] * 1e9:.1f} ns",
        f"a further replication, {some} to {many}": f"{slopes[1] * 1e9:.1f} ns",
    }
    if memory:
        shown[f"peak memory, {few} replications"] = f"{memory[0] / 2**20:.0f} MiB"
        shown[f"peak memory, {many} replications"] = f"{(memory[1] - memory[0]) / 2**20:+.1f} MiB"
    _print_facts(console, f"simcore run, n = 20, {kernel.threads} threads", shown)
    return facts


def bare_kernel(kernel, replications):
    """Seconds of the kernel alone, in calls as long as those of a run."""
    out = np.empty((len(ESTIMATORS), execute.span(20, replications, len(ESTIMATORS))))
    calls = -(-replications // out.shape[1])
    start = time.perf_counter()
    for _ in range(calls):
        kernel.simulate(20, out)
    return (time.perf_counter() - start) * replications / (calls * out.shape[1])


def peak_memory(folder, counts):
    """Greatest memory of a fresh process after a run of each size, in bytes; None where there is no /proc."""
    if not Path("/proc/self/status").exists():
        return None
    texts = [study_of(20, count, f"memory_{count}").text for count in counts]
    command = [sys.executable, "-c", MEMORY_PROBE, folder, *texts]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [int(line) for line in printed.split()]


# --- from the shell to the table


def benchmark_start(quick, console):
    """`simcore run scenarios/quickstart.toml` as a process: nothing compiled yet, and again."""
    rounds = 1 if quick else 3
    cold, warm = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="simcore-benchmark-") as folder:
            cold.append(quickstart(folder, "cold"))
            warm += [quickstart(folder, f"warm_{k}") for k in range(2)]
    study = scenario.load(ROOT / "scenarios/quickstart.toml")
    title = f"simcore run scenarios/quickstart.toml: {len(design.cells(study))} cells x {study.replications:,}"
    _print_facts(console, title, {"cold, empty cache": f"{median(cold):.2f} s", "warm": f"{median(warm):.2f} s"})
    return {"cold_seconds": median(cold), "warm_seconds": median(warm), "rounds": {"cold": cold, "warm": warm}}


def quickstart(folder, out):
    command = [sys.executable, "-m", "simcore", "run", "scenarios/quickstart.toml", "--out", str(Path(folder) / out)]
    environment = os.environ | {"SIMCORE_CACHE_DIR": str(Path(folder) / "cache")}
    return _seconds(subprocess.run, command, cwd=ROOT, env=environment, check=True, capture_output=True)


def _print_facts(console, title, facts):
    console.print(title)
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name, value)
    console.print(table)


if __name__ == "__main__":
    main()
