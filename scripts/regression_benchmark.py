"""How fast simcore fits linear regressions, against NumPy, statsmodels, scikit-learn and R.

One estimator at a time: errors of t(3) are drawn on a fixed design, and one estimator is fitted. Timed and checked as
in benchmark.py: contestants take turns, ratios are taken within a round, and all must agree before anything is printed.
"""

import contextlib
import functools
from statistics import median

import numpy as np
import regression_competitors
from benchmark import SEED, agree, arguments_of, as_times, console_of, machine, print_race, race, write
from competitors import HUBER_K, Absent
from regression_competitors import CONTESTANTS, TUKEY_C
from rich.table import Table

import simcore
from simcore import design, jit, kernels, recipes, scenario
from simcore.jit import call, prange
from simcore.lanes import WIDTH, borrowed, keep

CASES = (3, 20), (3, 100), (3, 1000), (10, 200)  # coefficients with the intercept, sample size
ESTIMATORS = {
    "l2": {"loss": "l2"},
    "huber": {"loss": "huber", "k": HUBER_K},
    "l1": {"loss": "l1"},
    "mm": {"estimator": "mm", "c": TUKEY_C},
}
TITLES = {
    "l2": "least squares",
    "huber": "Huber, the MAD of the residuals estimated with it",
    "l1": "least absolute deviations, exact",
    "mm": "MM",
}
SHARED_SAMPLES = 5
TWO_THREADS = 1.9
AIMS = (  # estimator, contestant, (p, n), times
    ("l2", regression_competitors.Product, (3, 20), 7),
    ("l2", regression_competitors.Lstsq, (3, 20), 150),
    ("huber", regression_competitors.RHuber, (3, 20), 400),
    ("huber", regression_competitors.RHuber, (3, 1000), 60),
    ("l1", regression_competitors.RQuantile, (3, 20), 100),
    ("l1", regression_competitors.RQuantile, (3, 1000), 30),
    *(("mm", regression_competitors.RMM, case, 100) for case in CASES),
)


def main():
    arguments = arguments_of(__doc__, list(ESTIMATORS))
    with contextlib.ExitStack() as stack:
        stack.enter_context(one_blas_thread())
        try:
            r, why = stack.enter_context(regression_competitors.R()), None
        except Absent as error:
            r, why = None, str(error)
        results = {"machine": machine() | ({"R": r.versions} if r else {}), "quick": arguments.quick}
        console = console_of(results["machine"])
        for estimator in ESTIMATORS:
            if arguments.only in (None, estimator):
                results[estimator] = benchmark_estimator(estimator, r, arguments.quick, console)
        if why:
            console.print(why)
    results["aims"] = print_aims(console, results)
    write(results, arguments.json)


def one_blas_thread():
    """NumPy's matrix products on one thread, like all else."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return contextlib.nullcontext()
    return threadpool_limits(1, user_api="blas")


@functools.cache
def study_of(estimator, p, n):
    return scenario.Study(
        name="benchmark",
        problem="linear",
        seed=SEED,
        replications=1000,
        beta=[0.0] * p,
        factors={
            "n": [n],
            "errors": [{"distribution": "student_t", "df": 3}],
            "design": [{"design": "gaussian"}],
        },
        estimators=[ESTIMATORS[estimator]],
    )


class Simcore:
    """The bare kernel of a study with one estimator; no control variate, no sums, no files."""

    name, alike = "simcore kernel", True

    def __init__(self, estimator, p, n, threads):
        self.threads, study = jit.set_threads(threads), study_of(estimator, p, n)
        self.least = 1 << (9 if estimator == "mm" else 14)
        cell = design.cells(study)[0]
        self.x = recipes.given_design(study.seed, cell)[0]
        self._cell, self._kernel = recipes.kernel_cell(study, cell)._replace(score=0), recipes.simulate(cell)
        self._group = self.threads << 40  # of a stretch that no other contestant of this class has
        self._states = np.empty((p, 0, WIDTH), np.uint32)
        # Whole tasks for two threads, or the last one would leave one of them idle.
        self.step = 2 * WIDTH * max(1, kernels.TASK_SAMPLES // (n * WIDTH))

    def simulate(self, n, out):
        jit.set_threads(self.threads)
        estimates = out.reshape((len(out), -1, WIDTH))
        if estimates.shape != self._states.shape:
            self._states = np.zeros(estimates.shape, np.uint32)
        groups = estimates.shape[1]
        self._kernel(self._cell, self._group, 0, groups, estimates, self._states, np.empty((0, WIDTH)))
        self._group += groups


class Draws(Simcore):
    """The errors alone: what of the time above is no fit."""

    name, alike = "simcore, draws alone", False

    def simulate(self, n, out):
        jit.set_threads(self.threads)
        groups = out.shape[1] // WIDTH
        jit.driver(draw_errors)(self._cell, self._group, groups)
        self._group += groups


def draw_errors(cell, first_group, groups):
    task_groups = max(1, kernels.TASK_SAMPLES // (cell.n * WIDTH))
    for task in prange((groups + task_groups - 1) // task_groups):
        sample = kernels.aligned_rows(kernels.padded_rows(cell.n))
        rows = borrowed(sample)
        for group in range(task * task_groups, min(groups, (task + 1) * task_groups)):
            call(cell.draw, cell.keys, first_group + group, cell.n, cell.draw_numbers, rows)
        keep(sample, sample)


def contestants(estimator, p, n, r):
    """Those that can run here, simcore on one thread first, and why the others cannot."""
    present, absent = [Simcore(estimator, p, n, 1)], {}
    if jit.set_threads(2) == 2:
        present.append(Simcore(estimator, p, n, 2))
    present.append(Draws(estimator, p, n, 1))
    for kind in CONTESTANTS[estimator]:
        try:
            present.append(kind(present[0].x, SEED, r))
        except Absent as error:
            absent[kind.name] = str(error)
    return present, absent


def benchmark_estimator(estimator, r, quick, console):
    """ns per replication of every contestant and case; exits where two disagree about coefficients or variances."""
    rounds, seconds = (3, 0.05) if quick else (9, 0.4)
    rows, agreement = [], []
    for p, n in CASES:
        present, absent = contestants(estimator, p, n, r)
        distances = agree_on_samples(estimator, present)
        names = [f"beta{j}" for j in range(p)]
        nanoseconds, moments = race(present, n, rounds, seconds, names)
        alike = [c for c, contestant in enumerate(present) if contestant.alike]
        found = agree([present[c] for c in alike], n, moments[alike], names)
        agreement.append({"p": p, "n": n, "distances": distances, **found})
        for c, contestant in enumerate(present):
            ratios = [own / first for own, first in zip(nanoseconds[c], nanoseconds[0], strict=True)]
            row = {"p": p, "n": n, "contestant": contestant.name, "threads": contestant.threads}
            rows.append(row | {"ns": median(nanoseconds[c]), "ratio": median(ratios), "rounds": nanoseconds[c]})
    _print_estimator(console, estimator, rows, absent, agreement)
    return {"rows": rows, "absent": absent, "agreement": agreement}


def agree_on_samples(estimator, present):
    """Greatest distance from the coefficients of `simcore.fit`, for each contestant; exits beyond its accuracy."""
    x = present[0].x
    n, p = x.shape
    rng, distances = np.random.default_rng(SEED), {}
    samples = [x @ np.arange(1.0, p + 1) + rng.standard_t(3, size=n) for _ in range(SHARED_SAMPLES)]
    for contestant in present:
        if isinstance(contestant, regression_competitors.Contestant):
            distances[contestant.name] = found = max(distance(estimator, contestant, y) for y in samples)
            if not found <= contestant.accuracy:
                raise SystemExit(
                    f"benchmark: {contestant.name} does not do the same work: at p = {p}, n = {n} its coefficients are "
                    f"{found:.1e} from those of simcore, more than {contestant.accuracy:.0e}"
                )
    return distances


def distance(estimator, contestant, y):
    """Between the coefficients of a contestant and of `simcore.fit`, which takes its scale where it has its own."""
    coefficients = contestant.fit(y)
    own = {"scale": float(contestant.scale)} if hasattr(contestant, "scale") else {}
    fit = simcore.fit(y, X=contestant.x[:, 1:], **ESTIMATORS[estimator], **own)
    return float(np.abs(coefficients - fit.estimate).max())


def _print_estimator(console, estimator, rows, absent, agreement):
    console.print(f"\nns per replication: draw n errors of t(3), fit p coefficients: {TITLES[estimator]}")
    print_race(console, [f"p = {p}\nn = {n}" for p, n in CASES], rows, absent)
    distances = {name: max(row["distances"][name] for row in agreement) for name in agreement[0]["distances"]}
    if distances:
        told = "; ".join(f"{name} {found:.0e}" for name, found in distances.items())
        console.print(f"Farthest coefficients on shared samples: {told}")
    worst = max(row["z"] for row in agreement)
    console.print(f"All that fit the same agree on n * variance of every coefficient: greatest z = {worst:.1f}")


def print_aims(console, results):
    """What was aimed at and what this run found, of the contestants that ran."""
    found = []
    for estimator, kind, case, aim in AIMS:
        found += [(estimator, kind.name, case, aim, ratio) for ratio in _ratios(results, estimator, kind.name, case, 1)]
    for estimator in ESTIMATORS:
        for case in CASES:
            ratios = _ratios(results, estimator, Simcore.name, case, 2)
            found += [(estimator, "two threads for one", case, TWO_THREADS, 1 / ratio) for ratio in ratios]
    table = Table("", "against", "p, n")
    table.add_column("aim", justify="right")
    table.add_column("found", justify="right")
    for estimator, name, case, aim, ratio in found:
        table.add_row(estimator, name, "{}, {}".format(*case), as_times(aim), as_times(ratio))
    console.print(table)
    return [dict(zip(("estimator", "against", "case", "aim", "found"), row, strict=True)) for row in found]


def _ratios(results, estimator, name, case, threads):
    """The one ratio to simcore on one thread; none where the contestant did not run."""
    rows = results.get(estimator, {"rows": []})["rows"]
    return [
        row["ratio"]
        for row in rows
        if (row["contestant"], (row["p"], row["n"]), row["threads"]) == (name, case, threads)
    ]


if __name__ == "__main__":
    main()
