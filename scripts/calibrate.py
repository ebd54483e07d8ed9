"""Is the Monte Carlo error honest? How often the 95 % intervals of small studies hold the true value.

Thousands of studies of 2,000 replications, each with a seed of its own; for each number with an interval, the share of
the studies whose interval holds the truth. The truth is 0 for the bias under symmetric errors, and a run of 10^8
replications for the rest. Writes coverage.csv, gains.csv (what the control variate is worth) and coverage.png to a
folder. `--study skewed` is of cells in which the status depends on the tail of the estimates, `--study regression` of
slopes of a design that is drawn anew each time; their files have that name too.
"""

import argparse
import csv
import time
from collections import Counter
from pathlib import Path

import simcore as sc
from simcore import design, execute, jit, summaries, sums
from simcore.intervals import share

REPLICATIONS = 2_000
LOSSES = [{"loss": "l2"}, {"loss": "l1"}, {"loss": "huber"}, {"loss": "tukey"}]
ERRORS = [
    {"distribution": "normal"},
    {"distribution": "student_t", "df": [10, 5, 3]},
    {"distribution": "cauchy"},
    {"distribution": "contaminated_normal", "epsilon": 0.1, "ratio": 10.0},
    {"distribution": "slash"},
]
SKEWED = [{"distribution": "lognormal", "sigma": [0.25, 0.5, 1.0, 1.5, 2.0, 3.0]}]
REDRAWN = [{"design": "gaussian", "redrawn": True}]
STUDIES = {
    "location": {"problem": "location", "factors": {"n": [11, 20], "errors": ERRORS}},
    "skewed": {"problem": "location", "factors": {"n": [15, 100], "errors": SKEWED}},
    "regression": {
        "problem": "linear",
        "beta": [1.0, 2.0],
        "factors": {"n": [20, 100], "design": REDRAWN, "errors": ERRORS[:2]},
    },
}
PARAMETERS = ("theta", "beta1")
MEASURES = ("bias", "variance", "mse", "efficiency", "median_abs_error")
ROUNDING = 1e-12  # a relative MCSE below it is none: the control variate has taken all of the error
LIMITS = {"ok": (93.5, 96.5), "mcse_rough": (90.0, 100.0)}
SEED = 20261124


def main():
    arguments = _arguments()
    jit.set_threads(None)
    folder, kind = Path(arguments.out), arguments.study
    ending = "" if kind == "location" else f"_{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    study = _study(kind, f"calibration{ending}_reference")
    reference = sc.run(study, folder / "runs", replications=arguments.reference).summary()
    write_gains(reference, folder / f"gains{ending}.csv")
    rows = coverage(kind, truths(reference, unbiased=kind != "skewed"), arguments.seeds)
    _write_csv(folder / f"coverage{ending}.csv", rows)
    draw(rows, arguments.seeds, folder / f"coverage{ending}.png")
    report(rows)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", choices=STUDIES, default="location", help="of what (default: location)")
    parser.add_argument("--seeds", type=int, default=4_000, help="studies (default: 4000)")
    parser.add_argument("--reference", type=int, default=10**8, help="replications of the reference run")
    parser.add_argument("--out", default="results/calibration", help="folder for the tables and the figure")
    return parser.parse_args()


def _study(kind, name, seed=SEED, replications=REPLICATIONS):
    return sc.Study(name=name, seed=seed, replications=replications, estimators=LOSSES, **STUDIES[kind])


def truths(reference, unbiased):
    """(errors, n, estimator, measure) -> value, where the reference run has one."""
    reference = reference[reference["parameter"].isin(PARAMETERS)]
    keys = ("errors", "n", "estimator", "measure")
    rows = reference.dropna(subset=["value"]).to_dict("records")
    known = {"bias": 0.0} if unbiased else {}
    return {tuple(row[key] for key in keys): known.get(row["measure"], row["value"]) for row in rows}


def write_gains(reference, path):
    """Replications saved at an equal standard error: the factor for each number that the control variate sharpens."""
    rows = reference[reference["gain"].notna() & reference["measure"].isin(MEASURES)]
    columns = ["errors", "n", "estimator", "measure", "gain", "status"]
    rows[columns].round({"gain": 2}).to_csv(path, index=False)


def coverage(kind, truth, seeds):
    """A row for each number and status: how many studies gave it, and how many of their intervals hold the truth."""
    held, given, exact = Counter(), Counter(), set()
    start = time.monotonic()
    for seed in range(seeds):
        study = _study(kind, "calibration", SEED + 1 + seed)
        for cell in design.cells(study):
            block = design.Block(cell.number, cell.key, 0, REPLICATIONS)
            total = sums.total(execute.run_block(study, cell, block).nodes, design.chunk_size(cell.n))
            for row in summaries.cell_rows(study, cell, total, only=MEASURES):
                number = row["errors"], row["n"], row["estimator"], row["measure"]
                if row["parameter"] not in PARAMETERS or number not in truth:
                    continue
                given[*number, row["status"]] += 1
                if row["mcse"] is None:
                    continue
                held[*number, row["status"]] += row["low"] <= truth[number] <= row["high"]
                if row["mcse"] <= ROUNDING * abs(row["value"] or 1.0):
                    exact.add(number)
        if (seed + 1) % 500 == 0:
            print(f"{seed + 1} of {seeds} studies, {time.monotonic() - start:.0f} s", flush=True)
    return [_row(key, count, held[key], key[:4] in exact) for key, count in sorted(given.items(), key=_in_order(given))]


def _in_order(given):
    """Rows of a number stay together, numbers in the order in which they came."""
    places = {key[:4]: place for place, key in reversed(list(enumerate(given)))}
    return lambda item: (places[item[0][:4]], item[0][4])


def _row(key, given, held, exact):
    errors, n, estimator, measure, status = key
    percent = dict.fromkeys(("coverage", "low", "high"))
    if status in LIMITS and not exact:
        part, _, low, high = share(held, given)
        percent = {name: round(100 * value, 2) for name, value in zip(percent, (part, low, high), strict=True)}
    return {
        "errors": errors,
        "n": n,
        "estimator": estimator,
        "measure": measure,
        "status": status,
        "studies": given,
        **percent,
        "within": _within(status, percent["coverage"], exact),
    }


def _within(status, percent, exact):
    """Whether the coverage is as promised; of what is marked, and of numbers without an error, none is promised."""
    if status not in LIMITS:
        return "marked"
    if exact:
        return "exact"
    low, high = LIMITS[status]
    return "yes" if low <= percent <= high else "NO"


def report(rows):
    """What is outside, and the extremes."""
    for status, (low, high) in LIMITS.items():
        own = [row for row in rows if row["status"] == status and row["coverage"] is not None]
        if own:
            least, most = min(row["coverage"] for row in own), max(row["coverage"] for row in own)
            print(f"{status}: {len(own)} numbers, coverage {least} to {most} % (asked for: {low} to {high} %)")
    for row in rows:
        if row["within"] == "NO":
            keys = ("errors", "n", "estimator", "measure", "status", "studies", "coverage")
            print("outside:", *(f"{key}={row[key]}" for key in keys))
    print("without an interval:", dict(Counter(row["status"] for row in rows if row["within"] == "marked")))
    print("known without error:", sum(row["within"] == "exact" for row in rows))


def _write_csv(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def draw(rows, seeds, path):
    """A panel for each measure: coverage of every number, one line a distribution and sample size."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    estimators = dict.fromkeys(row["estimator"] for row in rows)
    colours = dict(zip(estimators, ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), strict=True))
    markers = dict(zip(colours, "os^D", strict=True))
    lines = list(dict.fromkeys((row["errors"], row["n"]) for row in rows))
    figure = Figure(figsize=(7.0, 4.3), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(MEASURES), sharey=True, sharex=True)
    for panel, measure in zip(panels, MEASURES, strict=True):
        panel.axvspan(*LIMITS["ok"], color="#e8e8e8", zorder=0)
        panel.axvline(95.0, color="#7F7F7F", linewidth=0.6)
        panel.set_title(measure, fontsize=7.5)
        for row in (row for row in rows if row["measure"] == measure and row["coverage"] is not None):
            shift = (list(colours).index(row["estimator"]) - 1.5) * 0.18
            y = lines.index((row["errors"], row["n"])) + shift
            colour = colours[row["estimator"]]
            fill = colour if row["status"] == "ok" else "white"
            panel.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=0.8)
            panel.plot(row["coverage"], y, markers[row["estimator"]], color=colour, markerfacecolor=fill, markersize=3)
        panel.tick_params(labelsize=7)
    panels[0].set_yticks(range(len(lines)), [f"{_short(errors)}, n = {n}" for errors, n in lines])
    panels[0].set_ylim(len(lines) - 0.4, -0.6)
    panels[0].set_xlim(89.5, 98.5)
    label = f"coverage of nominal 95 % intervals in {seeds:,} studies of {REPLICATIONS:,} replications (%)"
    figure.supxlabel(label, fontsize=7.5)
    handles = [
        figure.axes[0].plot([], [], markers[name], color=colour, markersize=3, label=name)[0]
        for name, colour in colours.items()
    ]
    rough = {"color": "#7F7F7F", "markerfacecolor": "white", "markersize": 3, "label": "mcse_rough"}
    handles += figure.axes[0].plot([], [], "o", **rough)
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=7, frameon=False)
    figure.savefig(path, dpi=200, metadata={"Software": None})


def _short(label):
    return label.replace("student_t(df=", "t(").replace("contaminated_normal(epsilon=0.1, ratio=10)", "CN(0.1, 10)")


if __name__ == "__main__":
    main()
