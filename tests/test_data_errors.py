"""Errors drawn from the user's data: frequencies, exact functionals against brute force, files that are refused."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import optimize, stats

import simcore as sc
from simcore import populations
from simcore.empirical import Empirical
from simcore.errors import DamagedError, ScenarioError, UsageError
from simcore.registry import plugins
from simcore.scenario import estimator
from tests.running import cut_small, same_bits, samples
from tests.test_distributions import FALSE_ALARM

VALUES = np.round(np.random.default_rng(8).lognormal(size=23), 2)
TIED = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 5.0])
ENTRY = {"data": "my.csv", "column": "y"}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with my.csv, whose other column is text."""
    monkeypatch.chdir(tmp_path)
    write(VALUES)


def write(values, path="my.csv"):
    Path(path).write_text("who,y\n" + "".join(f"a{k},{value!r}\n" for k, value in enumerate(map(float, values))))


def study_with(errors=(ENTRY,), **changes):
    entries = {"name": "own", "problem": "location", "replications": 4000, "factors": {"n": [8], "errors": [*errors]}}
    return sc.Study(**entries | {"estimators": [{"loss": "l2"}, {"loss": "l1"}]} | changes)


def of(entry, problem="location"):
    return populations.estimand(estimator(entry, problem), study_with().errors[0], problem)


def test_draws_are_the_values_each_as_often():
    numbers = plugins("distributions")["data"].numbers({"data": "my.csv", "column": "y"})
    x = np.ascontiguousarray(samples("data", numbers, 100, 250))
    found, counts = np.unique(x, return_counts=True)
    values, weights = np.unique(VALUES, return_counts=True)
    assert np.array_equal(found, values)
    assert stats.chisquare(counts, x.size * weights / len(VALUES)).pvalue > FALSE_ALARM
    assert same_bits(x[:2].copy(), np.ascontiguousarray(samples("data", numbers, 100, 2, compiled=False)))


def huber_root(values, scale):
    return optimize.brentq(lambda mu: np.clip((values - mu) / scale, -1.345, 1.345).sum(), 0.0, 9.0, xtol=1e-14)


def test_estimands_are_exact_functionals():
    """Of the values themselves, each as likely: by brute force."""
    n, ordered = len(VALUES), np.sort(VALUES)
    averages = np.sort([0.5 * (a + b) for a, b in itertools.product(VALUES, VALUES)])
    mad = 1.482602218505602 * np.median(np.abs(VALUES - np.median(VALUES)))
    fine = np.repeat(ordered, 1000)  # cutting off 10 % of each end cuts 2.3 values
    expected = [
        ({"loss": "l2"}, VALUES.mean()),
        ({"loss": "l1"}, np.median(VALUES)),
        ({"loss": "quantile", "tau": 0.8}, ordered[math.ceil(0.8 * n) - 1]),
        ({"loss": "huber", "scale": 0.5}, huber_root(VALUES, 0.5)),
        ({"loss": "huber"}, huber_root(VALUES, mad)),
        ({"estimator": "hodges_lehmann"}, np.median(averages)),
        ({"estimator": "trimmed_mean", "proportion": 0.1}, fine[2300:-2300].mean()),
        ({"estimator": "winsorized_mean", "proportion": 0.1}, np.clip(VALUES, ordered[2], ordered[-3]).mean()),
        ({"estimator": "median_of_means", "blocks": 4}, VALUES.mean()),
    ]
    for entry, exact in expected:
        assert of(entry) == pytest.approx(exact, rel=1e-10), entry


def test_ties_and_shares_between_two_values():
    write(TIED)
    own = Empirical("data", (("data", "my.csv"), ("column", "y")))
    assert own.mad(own.median) == 0.0 and own.median == 0.0 and own.quantile(5 / 8) == 0.5
    assert of({"loss": "huber"}) == 0.0  # as of samples whose MAD is 0
    pairs = np.median([0.5 * (a + b) for a, b in itertools.product(TIED, TIED)])
    assert own.median_of_averages() == pytest.approx(pairs, abs=1e-15)
    write([1.0, 3.0])
    assert of({"loss": "l1"}) == 2.0 and of({"estimator": "hodges_lehmann"}) == 2.0


def test_a_run_from_file_to_table():
    """Columns, labels, the record; the variance of the mean is that of the values over n; replayed and opened."""
    placed = ENTRY | {"loc": 1.0, "scale": 2.0}
    run = sc.run(study_with([ENTRY, placed]), "out")
    table = run.summary().set_index(["errors", "estimator", "measure"])
    label = "data(my.csv, column=y)"
    row = table.loc[(label, "l2", "variance")]
    assert (row["distribution"], row["data"], row["column"], row["status"]) == ("data", "my.csv", "y", "ok")
    assert abs(row["value"] - VALUES.var() / 8) < 4.5 * row["mcse"]
    moved = table.loc[("data(my.csv, column=y, loc=1, scale=2)", "l2", "bias")]
    assert moved["truth"] == pytest.approx(1.0 + 2.0 * VALUES.mean()) and abs(moved["value"]) < 4.5 * moved["mcse"]
    inputs = json.loads(Path("out/own/run.json").read_text())["inputs"]
    assert inputs[label] == plugins("distributions")["data"].fingerprint({"data": "my.csv", "column": "y"})
    replay = sc.replay(run, cell=0, replication=5) if hasattr(sc, "replay") else None
    assert replay is None or set(np.asarray(replay.data["x"])) <= set(VALUES)
    assert sc.open("out/own").summary().equals(run.summary())


def test_parquet_says_the_same():
    pq.write_table(pa.table({"who": ["a"] * 23, "y": VALUES}), "my.parquet")
    one, other = (
        sc.run(study_with([{"data": f"my.{kind}", "column": "y"}]), kind).summary() for kind in ("csv", "parquet")
    )
    truths = [table[table["measure"] == "bias"]["truth"].tolist() for table in (one, other)]
    assert truths[0] == truths[1]


def test_a_file_that_changed_is_refused(monkeypatch):
    """When a run is gone on with, opened, or in the midst of one; and nothing of the old file is remembered."""
    cut_small(monkeypatch, 1)
    before = sc.run(study_with(), "out").summary()
    write(VALUES + 1.0)
    for again in (lambda: sc.run(study_with(), "out", replications=8000), lambda: sc.open("out/own")):
        with pytest.raises(sc.SimcoreError, match="something else"):
            again()
    after = sc.run(study_with(), "elsewhere").summary()
    truths = [table[table["measure"] == "bias"]["truth"] for table in (before, after)]
    assert np.allclose(truths[0] + 1.0, truths[1], rtol=1e-14)
    with pytest.raises(DamagedError, match="has changed while it ran"):
        sc.run(study_with(), "third", progress=lambda *_: write(np.random.default_rng().normal(size=5)))


WRONG = {
    "no file": (lambda path: path.unlink(), "No such file"),
    "no column": (lambda path: path.write_text("x,z\n1,2\n3,4\n"), r"must have one column 'y' \(got 'x', 'z'\)"),
    "two of them": (lambda path: path.write_text("y,y\n1,2\n3,4\n"), "must have one column 'y'"),
    "text": (lambda path: path.write_text("y\n1\none\n"), "column 'y' must hold numbers only"),
    "empty": (lambda path: path.write_bytes(b""), "cannot be read as CSV"),
    "header only": (lambda path: path.write_text("y\n"), "must have 2 to 1000000 rows"),
    "a gap": (lambda path: path.write_text("x,y\n1,2\n3,\n1,3\n"), "lacks 1 values"),
    "NaN": (lambda path: path.write_text("x,y\n1,2\n3,nan\n1,3\n"), "lacks 1 values"),
    "infinite": (lambda path: path.write_text("y\n1\ninf\n"), "must hold finite numbers"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_is_refused_before_anything_is_written(kind):
    """At once, in plain text on one line; the scenario is read without it."""
    make, said = WRONG[kind]
    make(Path("my.csv"))
    study = study_with()
    with pytest.raises(UsageError, match=rf"^data: my\.csv: .*{said}") as told:
        sc.run(study, "out")
    assert str(told.value).isprintable() and not Path("out").exists()


def test_what_a_scenario_refuses():
    for errors, said in (
        ([{"data": "my.csv"}], r"column: is missing"),
        ([{"distribution": "data", "path": "my.csv"}], "is not a key|is missing"),
        ([{"data": 3, "column": "y"}], "is not allowed"),
    ):
        with pytest.raises(ScenarioError, match=said):
            study_with(errors)
    with pytest.raises(ScenarioError, match="has no quantiles here"):
        sc.Study(
            name="s",
            problem="sensitivity",
            factors={"n": [9], "errors": [ENTRY], "outliers": [1], "at": [5.0]},
            estimators=[{"loss": "l1"}],
        )
    assert len(study_with([ENTRY | {"data": ["my.csv", "other.csv"]}]).errors) == 2  # neither is opened
