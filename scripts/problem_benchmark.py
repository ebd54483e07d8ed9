"""How fast simcore runs the problems beside location and regression, against the obvious way in NumPy or SciPy.

Timed as in benchmark.py: contestants take turns, and ratios are taken within a round. All must agree on the mean of
every quantity that they give before anything is printed.
"""

from statistics import median

import numpy as np
from benchmark import SEED, arguments_of, console_of, machine, print_race, race, write
from problem_competitors import CONTESTANTS

from simcore import batches, design, jit, recipes, robustness, scenario
from simcore.lanes import WIDTH
from simcore.registry import plugins

STUDIES = {  # of one cell each
    "classification": {
        "factors": {"n": [50], "start": [-4.0], "errors": [{"distribution": "gumbel"}]},
        "estimators": [{"estimator": "cross_entropy"}, {"estimator": "squared_error"}],
    },
    "direction": {
        "factors": {
            "n": [20],
            "errors": [{"distribution": "von_mises_fisher", "kappa": 10.0}],
            "contamination": [{"kind": "cluster", "fraction": 0.1, "angle": 90.0}],
        },
        "estimators": [{"estimator": name} for name in ("projected_mean", "frechet_mean", "geodesic_median")],
    },
    "posterior": {
        "factors": {"n": [10], "errors": [{"distribution": "student_t_likelihood", "df": 2.0, "sd": 2.0}]},
        "estimators": [{"estimator": f"posterior_{name}"} for name in ("mean", "median", "mode")],
    },
    "conjugate": {
        "problem": "posterior",
        "factors": {"n": [20], "errors": [{"distribution": "beta_prior", "a": 1.0, "b": 4.0}]},
        "estimators": [{"estimator": f"posterior_{name}"} for name in ("mean", "median", "mode")],
    },
    "network": {
        "factors": {"n": [20], "model": ["tanh"], "waves": [4.0], "errors": [{"distribution": "normal", "scale": 0.2}]},
        "estimators": [{"loss": "l2"}],
    },
    "sensitivity": {
        "factors": {"n": [20], "errors": [{"distribution": "normal"}]},
        "estimators": [
            *({"loss": name} for name in ("l2", "l1", "huber", "tukey")),
            {"estimator": "hodges_lehmann"},
        ],
    },
}


def main():
    arguments = arguments_of(__doc__, list(STUDIES))
    results = {"machine": machine(), "quick": arguments.quick}
    console = console_of(results["machine"])
    for problem in STUDIES:
        if arguments.only in (None, problem):
            results[problem] = benchmark_problem(problem, arguments.quick, console)
    write(results, arguments.json)


class Simcore:
    """The bare kernel of a study; no sums, no files."""

    name = "simcore kernel"

    def __init__(self, problem, threads):
        self.threads = jit.set_threads(threads)
        entries = {"name": "benchmark", "problem": problem, "seed": SEED, "replications": 1000}
        study = scenario.Study(**entries | STUDIES[problem])
        cell = design.cells(study)[0]
        labels, quantities = [choice.label for choice in study.estimators], design.parameters(study)
        self.n, self.names = cell.n, [f"{label}, {quantity}" for label in labels for quantity in quantities]
        self._cell, self._kernel = recipes.kernel_cell(study, cell), recipes.simulate(cell)
        self._group = self.threads << 40  # of a stretch that no other contestant of this class has
        self.least = self.step = 2 * WIDTH

    def simulate(self, n, out):
        jit.set_threads(self.threads)
        estimates = out.reshape((len(out), -1, WIDTH))
        groups = estimates.shape[1]
        states, controls = np.zeros(estimates.shape, np.uint32), np.empty((0, WIDTH))
        self._kernel(self._cell, self._group, 0, groups, estimates, states, controls)
        self._group += groups


class Exact:
    """The fits of an exact problem as its outlier goes along a line; a replication is a place."""

    name, threads, least = "simcore kernel", 1, WIDTH

    def __init__(self, problem):
        study = scenario.Study(name="benchmark", problem=problem, **STUDIES[problem])
        cell = design.cells(study)[0]
        self.n, self.names = cell.n, [choice.label for choice in study.estimators]
        self._choices, self._good = study.estimators, robustness.good_errors(cell.errors, cell.n - 1)

    def simulate(self, n, out):
        samples = np.empty((out.shape[1], n))
        samples[:, :-1], samples[:, -1] = self._good, np.linspace(-10.0, 10.0, out.shape[1])
        out[:] = batches.fit_location(self._choices, samples)[:, 0]


def benchmark_problem(problem, quick, console):
    """ns per replication of every contestant; exits where two disagree about the mean of a quantity."""
    rounds, seconds = (3, 0.1) if quick else (9, 0.5)
    exact = plugins("problems")[STUDIES[problem].get("problem", problem)].exact is not None
    present = [Exact(problem) if exact else Simcore(problem, 1)]
    if not exact and jit.set_threads(2) == 2:
        present.append(Simcore(problem, 2))
    present += [kind(SEED) for kind in CONTESTANTS[problem]]
    n, names = present[0].n, present[0].names
    nanoseconds, moments = race(present, n, rounds, seconds, names, moments_of)
    worst = agree(present, moments, names)
    rows = [
        {
            "contestant": contestant.name,
            "threads": contestant.threads,
            "ns": median(own),
            "ratio": median(one / first for one, first in zip(own, nanoseconds[0], strict=True)),
            "rounds": own,
        }
        for contestant, own in zip(present, nanoseconds, strict=True)
    ]
    console.print(f"\nns per replication: {problem}, n = {n}, {len(names)} numbers")
    print_race(console, [f"n = {n}"], rows, {})
    console.print(f"All agree on the mean of every number: greatest z = {worst:.1f}")
    return {"rows": rows, "z": worst}


def moments_of(n, out):
    """Per number: count, sum and sum of squares."""
    return np.stack([np.full(len(out), out.shape[1]), out.sum(axis=1), (out * out).sum(axis=1)])


def agree(present, moments, names):
    """The greatest |z| of a mean against that of simcore; exits from z = 5 on."""
    count, total, squares = moments[:, 0], moments[:, 1], moments[:, 2]
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0.0) / count
    error = np.sqrt(variance + variance[0]) + 1e-12 * np.abs(mean[0])
    z = np.abs(mean - mean[0]) / np.maximum(error, 1e-300)
    for own, contestant in zip(z, present, strict=True):
        if given := getattr(contestant, "gives", None):
            own[[not name.endswith(given) for name in names]] = 0.0
    for c, e in np.argwhere(~(z < 5.0)):
        raise SystemExit(
            f"benchmark: {present[c].name} does not do the same work: the mean of {names[e]} is {mean[c, e]:.6g}, of "
            f"simcore {mean[0, e]:.6g}, z = {z[c, e]:.1f}"
        )
    return float(z.max())


if __name__ == "__main__":
    main()
