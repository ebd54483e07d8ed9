"""One replication alone: the bits of a whole run, a status for each that adds up, and the data that the fits saw."""

import collections
import functools
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import simcore as sc
from simcore import codes, design, execute, populations, recipes, replay_tables, replays, sums
from simcore.errors import UsageError
from simcore.lanes import WIDTH
from simcore.registry import plugins
from simcore.scenario import MOST_REPLICATIONS
from tests.running import same_bits
from tests.test_cli import simcore

ROOT = Path(sc.__file__).parent.parent
COUNT = 64
FEW = {"df": 0.005, "distribution": "student_t"}  # one draw in a hundred overflows
SCENES = {
    "location": {
        "factors": {"n": [6], "errors": [FEW], "contamination": [{"kind": "point", "fraction": 0.4, "at": 0.5}]},
        "estimators": [
            {"loss": "l2"},
            {"loss": "tukey"},
            {"loss": "huber", "scale": 2.0},
            {"estimator": "hodges_lehmann"},
            {"estimator": "median_of_means", "blocks": 2},
        ],
    },
    "linear": {
        "beta": [1.0, 2.0],
        "predict": [[0.5]],
        "factors": {
            "n": [5],
            "design": [{"design": "gaussian", "redrawn": True}],
            "errors": [FEW],
            "contamination": [{"kind": "leverage", "fraction": 0.6, "distance": 1.0, "size": -2.0}],
        },
        "estimators": [
            {"loss": "l2"},
            {"loss": "l1"},
            {"loss": "huber"},
            {"loss": "huber", "scale": "proposal2", "k": 0.01, "label": "stuck"},
        ],
    },
    "classification": {
        "factors": {
            "n": [7],
            "classes": [3],
            "errors": [{"distribution": "gumbel"}],
            "contamination": [{"kind": "flip", "fraction": 0.3}],
        },
        "estimators": [{"estimator": "cross_entropy", "steps": 9}, {"estimator": "squared_error", "steps": 9}],
    },
    "direction": {
        "factors": {
            "n": [5],
            "errors": [{"distribution": "von_mises_fisher", "kappa": 1e4}],
            "contamination": [{"kind": "cluster", "fraction": 0.3, "angle": 90.0}],
        },
        "estimators": [{"estimator": "projected_mean"}, {"estimator": "geodesic_median"}],
    },
    "network": {
        "factors": {
            "n": [5],
            "model": ["tanh"],
            "hidden": [1],
            "starts": [2],
            "errors": [{"distribution": "normal"}],
            "contamination": [{"kind": "point", "fraction": 0.3, "at": 50.0}],
        },
        "estimators": [{"loss": "l2"}],
    },
    "posterior": {
        "factors": {"n": [4], "errors": [{"distribution": "student_t_likelihood", "df": 3.0, "noise": 2.0}]},
        "estimators": [{"estimator": "posterior_mean"}, {"estimator": "posterior_median"}],
    },
}
PRIORS = {
    "beta_prior": {},
    "gamma_prior": {},
    "normal_prior": {},
    "mixture_prior": {"distance": 3.0},
    "student_t_likelihood": {},
}
NUMBERS = [0, 7, 8, 63, 1024, *np.random.default_rng(7).integers(MOST_REPLICATIONS, size=2).tolist()]
NUMBERS += [MOST_REPLICATIONS - 1]


def study_of(name, **changes):
    return sc.Study(**{"name": name, "problem": name, "seed": 2, "replications": COUNT} | SCENES[name] | changes)


def one_cell(name):
    study = study_of(name)
    return study, *design.cells(study)


@functools.cache
def block_of(name, first, count):
    study, cell = one_cell(name)
    return execute.run_block(study, cell, design.Block(0, cell.key, first, count), keep=True)


def assert_is_that_of_the_run(name, number, block):
    """Bits of estimates and errors, the status and the passes of every target."""
    study, cell = one_cell(name)
    found, truths = sc.replay(study, 0, number), design.truths(study, cell)
    place = number - block.block.first
    assert len(found.fits) == len(truths) == len(block.estimates)
    for fit, truth, value, state in zip(
        found.fits, truths, block.estimates[:, place], block.states[:, place], strict=True
    ):
        assert codes.NAMES.index(fit.status) + codes.ITERATION * fit.iterations == state
        failed = codes.NAMES.index(fit.status) >= codes.FIRST_FAILURE
        error = value if truth is None else value - truth
        if name == "posterior":
            assert fit.truth == found.data["theta"] and same_bits(np.array([fit.error]), np.array([value]))
            assert fit.estimate == pytest.approx(value + fit.truth, rel=1e-15)
            continue
        if fit.status in ("ok", "degenerate_scale", "exact_fit", "not_converged"):
            assert same_bits(np.array([fit.estimate]), np.array([value]))
        else:
            assert math.isnan(fit.estimate)
        assert fit.truth == truth and (fit.error is None) == (truth is None)
        if truth is not None:
            assert math.isnan(fit.error) if failed else fit.error == error


def test_there_is_a_scene_of_every_problem():
    random = {name for name, plugin in plugins("problems").items() if not plugin.exact}
    assert set(SCENES) == random
    assert set(PRIORS) == {name for name, plugin in plugins("distributions").items() if plugin.problem == "posterior"}


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("number", NUMBERS)
def test_a_replay_has_the_bits_of_the_run(name, number):
    _, cell = one_cell(name)
    chunk = design.chunk_size(cell.size)
    first = number // chunk * chunk
    assert_is_that_of_the_run(name, number, block_of(name, first, number - first + 1))


@pytest.mark.parametrize("name", SCENES)
def test_every_replication_has_one_status_and_they_add_up(name, tmp_path):
    """The counts of a run's table and of its sums are those of all its replications, replayed one by one."""
    study, cell = one_cell(name)
    table = sc.run(study, out=tmp_path).summary()
    assert ((table["n_ok"] + table["n_failed"]) == COUNT).all()
    table = table.drop_duplicates(["estimator", "parameter"]).set_index(["estimator", "parameter"])
    block = block_of(name, 0, COUNT)
    seen = collections.defaultdict(collections.Counter)
    passes = collections.Counter()
    for number in range(COUNT):
        assert_is_that_of_the_run(name, number, block)
        for fit in sc.replay(study, 0, number).fits:
            seen[fit.estimator, fit.parameter][fit.status] += 1
            passes[fit.estimator, fit.parameter] += fit.iterations
    total = sums.total(block.nodes, design.chunk_size(cell.size)).errors
    assert len(seen) == len(total)
    for (target, counts), row in zip(seen.items(), total, strict=True):
        stored = dict(zip(sums.ERRORS.columns, row.tolist(), strict=True))
        assert {status: stored[status] for status in codes.NAMES} == {status: counts[status] for status in codes.NAMES}
        good = sum(counts[status] for status in codes.NAMES[: codes.FIRST_FAILURE])
        assert (table.loc[target, "n_ok"], table.loc[target, "n_failed"]) == (good, COUNT - good)
        assert stored["iterations"] == passes[target]


def test_the_scenes_have_every_status():
    states = [block_of(name, 0, COUNT).states % codes.ITERATION for name in ("location", "linear")]
    assert set(states[0].ravel().tolist()) == {codes.OK, codes.DEGENERATE_SCALE, codes.NON_FINITE}
    assert set(states[1].ravel().tolist()) == set(range(len(codes.NAMES))) - {codes.DEGENERATE_SCALE}


@pytest.mark.parametrize("name", ["location", "linear"])
def test_a_fit_to_the_replayed_data_gives_the_same_bits(name):
    """Of least squares of a regression, which `sc.fit` refines, but for rounding."""
    errors = [{"distribution": "cauchy"}]
    study, fitted = study_of(name, factors=SCENES[name]["factors"] | {"n": [9], "errors": errors}), 0
    for number in range(0, COUNT, 5):
        found = sc.replay(study, 0, number)
        per_estimator = len(found.fits) // len(study.estimators)
        for e, entry in enumerate(SCENES[name]["estimators"]):
            entry = {key: value for key, value in entry.items() if key != "label"}
            own = found.fits[per_estimator * e :]
            if name == "location":
                fit, estimates = sc.fit(found.data["x"], **entry), [own[0].estimate]
            else:
                fit = sc.fit(found.data["y"], X=found.data["X"][:, 1:], **entry)
                estimates = [one.estimate for one in own[:2]]
            assert (fit.status, fit.iterations) == (own[0].status, own[0].iterations)
            if name == "linear" and entry["loss"] == "l2":
                size = np.abs(found.data["y"]).max()
                assert np.allclose(fit.estimate, estimates, rtol=1e-12, atol=1e-13 * size)
            else:
                assert same_bits(np.atleast_1d(fit.estimate), np.array(estimates)), (number, entry)
            fitted += 1
    assert fitted == 13 * len(study.estimators)


@pytest.mark.parametrize("name", PRIORS)
def test_posteriors_show_what_was_drawn(name):
    study = study_of("posterior", factors={"n": [9], "errors": [{"distribution": name} | PRIORS[name]]})
    found = sc.replay(study, 0, 3)
    assert all(fit.truth == found.data["theta"] for fit in found.fits) and len(found.data) == 2
    if name == "normal_prior":
        assert found.fits[0].estimate == pytest.approx(0.9 * found.data["mean"], rel=1e-14)
    if name == "beta_prior":
        assert found.fits[0].estimate == pytest.approx((found.data["successes"] + 1) / 11, rel=1e-14)
    if name == "gamma_prior":
        assert found.fits[0].estimate == pytest.approx((found.data["total"] + 1) / 10, rel=1e-14)
    if name == "student_t_likelihood":
        assert found.data["observations_over_noise"].shape == (9,)


def contaminated(name, number, **changes):
    found = sc.replay(study_of(name, **changes), 0, number)
    return found.data, {array: set(rows) for array, rows in found.contaminated.items()}


@pytest.mark.parametrize("number", range(5))
def test_what_was_contaminated_is_known(number):
    """By what each kind leaves behind; of an autoregression the errors say it, and later rows bear the consequences."""
    factors = SCENES["location"]["factors"] | {"errors": [{"distribution": "normal"}]}
    data, rows = contaminated("location", number, factors=factors)
    assert rows.get("x", set()) == set(np.flatnonzero(data["x"] == 0.5))
    factors = SCENES["linear"]["factors"] | {"errors": [{"distribution": "normal"}]}
    data, rows = contaminated("linear", number, factors=factors)
    bad = set(np.flatnonzero(data["X"][:, 1] == 1.0))
    assert rows == ({"X": bad, "y": bad, "errors": bad} if bad else {})
    assert np.allclose(data["y"], data["X"] @ [1.0, 2.0] + data["errors"])
    data, rows = contaminated("classification", number)
    right = np.argmax(2.0 * data["features"] + data["errors"], axis=1)
    assert rows == ({"labels": set(np.flatnonzero(data["labels"] != right))} if (data["labels"] != right).any() else {})
    assert np.array_equal(data["new_labels"], np.argmax(2.0 * data["new_features"] + data["new_errors"], axis=1))
    data, rows = contaminated("direction", number)
    assert rows.get("x", set()) == set(np.flatnonzero(data["x"][:, 1] > 0.5))
    factors = SCENES["network"]["factors"] | {"errors": [{"distribution": "normal", "scale": 1e-9}]}
    data, rows = contaminated("network", number, factors=factors)
    off = data["y"] - np.sin(3.0 * np.pi * data["x"])
    assert np.allclose(np.where(off > 1.0, off - 50.0, off), 0.0, atol=1e-7) and data["starts"].shape[0] == 2
    assert rows.get("y", set()) == set(np.flatnonzero(off > 1.0))
    plan = [{"design": "ar", "order": 2}]
    factors = {"n": [12], "design": plan, "errors": [{"distribution": "normal"}]}
    factors["contamination"] = [{"kind": "point", "fraction": 0.1, "at": 9.0}]
    data, rows = contaminated("linear", number, factors=factors, beta=[0.5, 0.2], intercept=False, predict=None)
    assert rows.get("errors", set()) == set(np.flatnonzero(data["errors"] == 9.0))
    assert not rows.get("errors") or rows["y"] >= rows["errors"]


def test_a_sample_that_is_not_finite_is_shown_as_it_is():
    study = study_of("location")
    states = block_of("location", 0, COUNT).states[0] % codes.ITERATION
    found = sc.replay(study, 0, int(np.flatnonzero(states == codes.NON_FINITE)[0]))
    assert not np.isfinite(found.data["x"]).all()
    assert all(fit.status == "non_finite" and math.isnan(fit.estimate) for fit in found.fits)
    content = json.loads(json.dumps(found.content(), allow_nan=False))
    assert content["spread"]["x"]["not_finite"] > 0 and content["fits"][0]["estimate"] is None
    told = {math.inf: "inf", -math.inf: "-inf"}
    assert content["data"]["x"] == [told.get(x, x) for x in found.data["x"].tolist()]
    assert {"inf", "-inf"} & set(content["data"]["x"])


def test_what_is_no_number_either_way_counts_as_the_same():
    """A design that overflows leaves no errors; no contamination has done that."""
    plan, bad = {"design": "student_t", "df": 0.001, "redrawn": True}, {"kind": "shift", "fraction": 0.3, "size": 50.0}
    factors = {"n": [40], "design": [plan], "errors": [{"distribution": "normal"}], "contamination": [bad]}
    found = sc.replay(study_of("linear", factors=factors), 0, 1)
    assert np.isnan(found.data["errors"]).any()
    assert found.contaminated["errors"] == tuple(np.flatnonzero(found.data["errors"] > 20.0))
    assert all(fit.status == "non_finite" for fit in found.fits)


def test_an_unknown_truth_fails_no_replay(monkeypatch):
    known = sc.replay(study_of("location"), 0, 1)

    def unknown(_study, _cell, choice):
        if choice.name == "tukey":
            raise populations.Unknown("it is not known")
        return [0.0]

    monkeypatch.setattr(design, "truths_of", unknown)
    found = sc.replay(study_of("location"), 0, 1)
    assert [fit.truth for fit in found.fits] == [0.0, None, 0.0, 0.0, 0.0] and found.fits[1].error is None
    assert [fit.estimate for fit in found.fits] == [fit.estimate for fit in known.fits]


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("number", [5, MOST_REPLICATIONS - 1])
def test_it_runs_one_lane_group_whatever_the_number(name, number, monkeypatch):
    simulated, drawn = [], []
    simulate, draw = recipes.simulate, recipes.draw_sample

    def counted(cell):
        def run(kernel, first, begin, end, *out):
            simulated.append((first, begin, end, out[0].shape[1:]))
            return simulate(cell)(kernel, first, begin, end, *out)

        return run

    def counted_draw(cell):
        def run(kernel, group, x):
            drawn.append(group)
            return draw(cell)(kernel, group, x)

        return run

    monkeypatch.setattr(recipes, "simulate", counted)
    monkeypatch.setattr(recipes, "draw_sample", counted_draw)
    sc.replay(study_of(name), 0, number)
    assert simulated == [(number // WIDTH, 0, 1, (1, WIDTH))]
    assert set(drawn) == {number // WIDTH} and len(drawn) <= 4


def content_of_all():
    return {name: sc.replay(study_of(name), 0, 12).content() for name in SCENES}


def test_plain_kernels_give_the_same():
    program = "import json; from tests.test_replay import content_of_all; print(json.dumps(content_of_all()))"
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(json.dumps(content_of_all()))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a scenario of two cells, and its run with another seed."""
    folder = tmp_path_factory.mktemp("replay")
    factors = SCENES["location"]["factors"] | {"n": [6, 40]}
    study = study_of("location", factors=factors)
    (folder / "s.toml").write_text(study.text)
    sc.run(study, out=folder / "results", seed=9)
    return folder


def test_the_command_shows_data_and_fits(place):
    done = simcore("replay", "s.toml", "--cell", 1, "--replication", 10**12 - 1, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "location   cell 1   replication 999,999,999,999   seed 2" in done.stdout
    assert "contamination point(fraction=0.4, at=0.5)   n = 40" in done.stdout
    assert " of 40 rows not shown" in done.stdout and "tukey(c=4.685)" in done.stdout and "0.5*" in done.stdout
    short = simcore("replay", "s.toml", "--cell", 0, "--replication", 4, cwd=place)
    assert "not shown" not in short.stdout and "n = 6" in short.stdout


def test_wide_data_keep_to_the_terminal():
    """Of a design with many columns the first few are shown, of many arrays one table after the other; headings may be
    long, as in every table."""
    console = Console(width=80, file=io.StringIO())
    plan = [{"design": "polynomial", "degree": 5}]
    factors = SCENES["linear"]["factors"] | {"n": [30], "design": plan}
    study = study_of("linear", factors=factors, beta=[1.0] * 6, predict=None)
    replay_tables.print_replication(sc.replay(study, 0, 1), console)
    replay_tables.print_replication(sc.replay(study_of("classification"), 0, 1), console)
    lines = [line for line in console.file.getvalue().splitlines() if not line.startswith("errors")]
    assert max(map(len, lines)) <= 80 and any("X[3] … 5" in line for line in lines)
    assert any("new_errors[2]" in line for line in lines) and any(" of 30 rows" in line for line in lines)


def test_json_says_all_of_it_to_the_bit(place):
    done = simcore("replay", "s.toml", "--cell", 1, "--replication", 3, "--json", cwd=place)
    content, found = json.loads(done.stdout), sc.replay(place / "s.toml", 1, 3)
    assert content == json.loads(json.dumps(found.content()))
    assert same_bits(np.array([float(x) for x in content["data"]["x"]]), found.data["x"])
    for fit, own in zip(content["fits"], found.fits, strict=True):
        assert fit == vars(own)
    assert (content["cell"], content["n"], content["replication"], content["seed"]) == (1, 40, 3, 2)


def test_a_run_directory_has_its_own_seed(place):
    folder = place / "results" / "location"
    content = [
        sc.replay(source, 0, 2, seed).content()
        for source, seed in ((folder, None), (sc.open(folder), None), (place / "s.toml", 9))
    ]
    assert content[0] == content[1] == content[2] and content[0]["seed"] == 9
    assert content[0]["data"] != sc.replay(folder, 0, 2, seed=2).content()["data"]


def test_a_run_of_another_version_is_named(place, monkeypatch):
    opened = sc.open(place / "results" / "location")
    assert sc.replay(opened, 0, 0).note == ""
    monkeypatch.setattr(replays.jit, "source_digest", lambda: "another")
    assert "another version of simcore" in sc.replay(opened, 0, 0).note


@pytest.mark.parametrize(
    "arguments, wrong",
    [
        (("--cell", 2, "--replication", 0), "cell: must be from 0 to 1 (got 2)"),
        (("--cell", -1, "--replication", 0), "cell: must be from 0 to 1 (got -1)"),
        (("--cell", 0, "--replication", 10**12), "replication: must be from 0 to 999999999999 (got 1000000000000)"),
        (("--cell", 0, "--replication", -1), "replication: must be from 0 to 999999999999 (got -1)"),
        (("--replication", 1), "Missing option '--cell'"),
    ],
)
def test_mistakes(place, arguments, wrong):
    done = simcore("replay", "s.toml", *arguments, cwd=place)
    assert done.returncode == 2 and wrong in done.stderr and "Traceback" not in done.stderr and not done.stdout


@pytest.mark.parametrize("problem", [name for name, plugin in plugins("problems").items() if plugin.exact])
def test_exact_problems_have_no_replications(problem):
    factors = {"n": [11], "errors": [{"distribution": "normal"}]}
    study = sc.Study(name="s", problem=problem, factors=factors, estimators=[{"loss": "l1"}])
    with pytest.raises(UsageError, match="has no replications, for nothing is random"):
        sc.replay(study, 0, 0)


@pytest.mark.parametrize("cell, number", [("a", 0), (0, 1.5)])
def test_numbers_are_whole(cell, number):
    with pytest.raises(UsageError, match="must be a whole number from 0 to"):
        sc.replay(study_of("location"), cell, number)
