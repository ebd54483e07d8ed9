"""The scripts: a folder of scenarios survives a broken one, and the benchmarks' competitors do the same work."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simcore.lanes import WIDTH
from tests.oracles import location
from tests.running import data_sets, fitted

ROOT = Path(__file__).parents[1]
GOOD = """
name = "good"
problem = "location"
replications = 500
[factors]
n = [5]
errors = [{ distribution = "normal" }]
[[estimators]]
loss = "l1"
"""
SAMPLES = np.random.default_rng(3).standard_t(3, size=(6, 21))


@pytest.fixture
def scripts(monkeypatch):
    """The folder of scripts as a place to import from."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return importlib.import_module


def run_folder(*arguments, cwd):
    command = [sys.executable, str(ROOT / "scripts/run_folder.py"), *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, timeout=300, check=False)


def test_a_broken_scenario_does_not_stop_the_others(tmp_path):
    (tmp_path / "a_broken.toml").write_text(GOOD.replace('"l1"', '"l3"'))
    (tmp_path / "b_good.toml").write_text(GOOD)
    done = run_folder(".", "--out", "here", "--replications", "100", "--threads", "1", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "a_broken.toml:9" in done.stderr
    head, broken, good = (line.split() for line in done.stdout.splitlines()[-3:])
    assert head == ["scenario", "result", "seconds", "run", "directory"]
    assert broken[:5] == ["a_broken.toml", "bad", "usage", "or", "bad"] and broken[-1] == "-"
    assert good[:2] == ["b_good.toml", "done"] and good[-1] == "here/good"
    assert (tmp_path / "here/good/summary.parquet").is_file()

    (tmp_path / "a_broken.toml").unlink()
    again = run_folder(".", "--out", "here", "--replications", "100", "--threads", "1", cwd=tmp_path)
    assert again.returncode == 0, again.stderr


def test_an_empty_folder_is_no_success(tmp_path):
    assert run_folder(".", cwd=tmp_path).returncode == 1


def competitor(module, name, folder):
    try:
        return getattr(module, name)(7, *([folder] if name == "Cpp" else []))
    except module.Absent as reason:
        pytest.skip(str(reason))


def expected(x):
    scale = location.mad_scale(x)
    tukey = location.redescending(x, "tukey", scale, c=4.685)
    return [np.mean(x), np.median(x), location.huber(x, 1.345, scale), tukey]


@pytest.mark.parametrize("n", [20, 21])
@pytest.mark.parametrize(("name", "tolerance"), [("Cpp", 1e-9), ("ScalarNumba", 1e-7), ("Statsmodels", 1e-5)])
def test_competitors_fit_by_the_definitions(scripts, tmp_path, name, tolerance, n):
    # Reweighting stops at steps of 1e-8 scales; statsmodels at deviances 1e-8 apart, quadratic in the distance.
    contestant = competitor(scripts("competitors"), name, tmp_path)
    for x in SAMPLES[:, :n]:
        assert np.abs(contestant.fit(x) - expected(x)).max() < tolerance * location.mad_scale(x)


@pytest.mark.parametrize("n", [20, 21])
def test_numpy_fits_by_the_definitions(scripts, n):
    # Its numbers of steps are fixed: on the way to the root as meant, at the root with enough of them.
    contestant = scripts("competitors").NumPy(7)
    for x in SAMPLES[:, :n]:
        assert np.abs(contestant.fit(x) - expected(x)).max() < 1e-3 * location.mad_scale(x)
    contestant.huber_steps = contestant.tukey_steps = 200
    for x in SAMPLES[:, :n]:
        assert np.abs(contestant.fit(x) - expected(x)).max() < 1e-12 * location.mad_scale(x)


@pytest.mark.parametrize("name", ["PlainNumPy", "NumPy", "Cpp", "ScalarNumba", "Statsmodels"])
def test_the_check_of_the_benchmark_accepts_equals_and_refuses_others(scripts, tmp_path, name):
    benchmark = scripts("benchmark")
    contestant, simcore = competitor(scripts("competitors"), name, tmp_path), benchmark.Simcore(1)
    ours, theirs = np.empty((4, 1 << 14)), np.empty((4, 200))
    simcore.simulate(10, ours)
    contestant.simulate(10, theirs)
    moments = [benchmark.clipped_moments(10, out) for out in (ours, theirs, 2.0 * theirs)]
    assert benchmark.agree([simcore, contestant], 10, np.stack(moments[:2]))["z"] < 5.0
    with pytest.raises(SystemExit, match="does not do the same work"):
        benchmark.agree([simcore, contestant], 10, np.stack(moments[::2]))


@pytest.fixture(scope="module")
def r():
    """A running R, or None: it starts once for all tests."""
    sys.path.insert(0, str(ROOT / "scripts"))
    competitors = importlib.import_module("regression_competitors")
    sys.path.remove(str(ROOT / "scripts"))
    try:
        with competitors.R() as running:
            yield running
    except competitors.Absent:
        yield None


REGRESSIONS = [
    *(("l2", name) for name in ("Product", "BareProduct", "Lstsq", "StatsmodelsOLS", "RSquares")),
    *(("huber", name) for name in ("StatsmodelsRLM", "ScikitHuber", "RHuber", "RHuberDefault")),
    *(("l1", name) for name in ("StatsmodelsQuantReg", "ScikitQuantile", "RQuantile")),
    ("mm", "RMM"),
]


def test_every_competitor_of_regression_is_tested(scripts):
    kinds = scripts("regression_competitors").CONTESTANTS
    assert [(estimator, kind.__name__) for estimator in kinds for kind in kinds[estimator]] == REGRESSIONS


@pytest.mark.parametrize(("estimator", "name"), REGRESSIONS)
def test_competitors_of_regression_fit_the_same(scripts, r, estimator, name):
    benchmark, competitors = scripts("regression_benchmark"), scripts("regression_competitors")
    rng = np.random.default_rng(11)
    x = np.column_stack([np.ones(25), rng.normal(size=(25, 2))])
    try:
        contestant = getattr(competitors, name)(x, 7, r)
    except competitors.Absent as reason:
        pytest.skip(str(reason))
    for _ in range(3):
        y = x @ [3.0, -1.0, 0.5] + rng.standard_t(3, size=25)
        assert benchmark.distance(estimator, contestant, y) <= contestant.accuracy
    out = np.full((3, 8), np.nan)
    contestant.simulate(25, out)
    assert np.isfinite(out).all()


def test_the_competitor_of_networks_goes_the_same_way(scripts):
    """From the same starts on the same data it ends in the same minima, by way of as many indefinite Hessians."""
    benchmark, competitors = scripts("problem_benchmark"), scripts("problem_competitors")
    simcore, twin = benchmark.Simcore("network", 1), competitors.Network(7)
    n, count = simcore.n, 3 * twin.hidden + 1
    (rows,) = data_sets(simcore._cell, 1)
    values, _ = fitted(simcore._cell.fits[0], rows, n, simcore._cell.fit_numbers[0], simcore._cell.scratch)
    same = 0
    for lane in range(WIDTH):
        x, y, starts = rows[:n, lane], rows[n : 2 * n, lane], rows[2 * n :, lane].reshape(twin.starts, count)
        twin._rng = Given(starts / twin.reach)
        same += np.allclose(twin._quantities(x, y), values[:, lane], rtol=1e-7, atol=0)
    assert same >= WIDTH - 1  # rounding may send one start elsewhere


class Given:
    """Stands in for a random generator: its normal numbers are these."""

    def __init__(self, numbers):
        self._numbers = numbers

    def standard_normal(self, shape):
        return self._numbers.reshape(shape)


def test_the_check_of_the_regression_benchmark_refuses_others(scripts):
    benchmark, competitors = scripts("regression_benchmark"), scripts("regression_competitors")
    simcore = benchmark.Simcore("l2", 3, 20, 1)
    same, other = competitors.Lstsq(simcore.x, 7), competitors.Lstsq(simcore.x, 7)
    other.fit = lambda y: same.fit(y) * (1 + 1e-6)
    assert benchmark.agree_on_samples("l2", [simcore, same])[same.name] <= same.accuracy
    with pytest.raises(SystemExit, match="does not do the same work"):
        benchmark.agree_on_samples("l2", [simcore, other])


@pytest.mark.parametrize(("estimator", "name"), [("l2", "Product"), ("huber", "RHuber"), ("l1", "RQuantile")])
def test_kernels_of_the_regression_benchmark_do_the_same_work(scripts, r, estimator, name):
    benchmark, competitors = scripts("regression_benchmark"), scripts("regression_competitors")
    simcore = benchmark.Simcore(estimator, 3, 20, 1)
    try:
        contestant = getattr(competitors, name)(simcore.x, 7, r)
    except competitors.Absent as reason:
        pytest.skip(str(reason))
    ours, theirs = np.empty((3, 1 << 12)), np.empty((3, 200))
    simcore.simulate(20, ours)
    contestant.simulate(20, theirs)
    clipped = [scripts("benchmark").clipped_moments(20, out) for out in (ours, theirs, 2.0 * theirs)]
    names = ["beta0", "beta1", "beta2"]
    assert benchmark.agree([simcore, contestant], 20, np.stack(clipped[:2]), names)["z"] < 5.0
    with pytest.raises(SystemExit, match="does not do the same work"):
        benchmark.agree([simcore, contestant], 20, np.stack(clipped[::2]), names)
