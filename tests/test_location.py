"""Location fits: fixed data, slow twins on random samples, equivariance, and samples that cannot be fitted."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simcore as sc
from simcore import design, execute
from simcore.registry import plugins
from tests.oracles import location as oracle
from tests.oracles.losses import REDESCENDING
from tests.running import samples

FIXED = json.loads((Path(__file__).parent / "oracles" / "fixed_samples.json").read_text())
CASES = {
    "mean": {"loss": "l2"},
    "median": {"loss": "l1"},
    "trimmed_0.1": {"estimator": "trimmed_mean", "proportion": 0.1},
    "trimmed_0.2": {"estimator": "trimmed_mean", "proportion": 0.2},
    "trimmed_0.25": {"estimator": "trimmed_mean", "proportion": 0.25},
    "hl_i_le_j": {"estimator": "hodges_lehmann"},
    "huber_k1.345_sMAD": {"loss": "huber", "k": 1.345},
    "huber_k1.5_sMAD": {"loss": "huber", "k": 1.5},
    "huber_k1.345_s1": {"loss": "huber", "k": 1.345, "scale": 1.0},
    "biweight_c4.685_sMAD": {"loss": "tukey", "c": 4.685},
}


def _twin(slow, loss, scale=None, **values):
    return lambda x: slow(x, loss, scale or oracle.mad_scale(x), **values)


TWINS = {
    "l2": ({"loss": "l2"}, lambda x: np.mean(x)),
    "l1": ({"loss": "l1"}, lambda x: np.median(x)),
    "huber": ({"loss": "huber", "k": 1.345}, lambda x: oracle.huber(x, 1.345, oracle.mad_scale(x))),
    "huber_narrow": ({"loss": "huber", "k": 0.05}, lambda x: oracle.huber(x, 0.05, oracle.mad_scale(x))),
    "huber_known": ({"loss": "huber", "k": 1.345, "scale": 0.2}, lambda x: oracle.huber(x, 1.345, 0.2)),
    **{name: ({"loss": name}, _twin(oracle.monotone, name)) for name in ("pseudo_huber", "fair", "logcosh")},
    **{name: ({"loss": name}, _twin(oracle.redescending, name)) for name in REDESCENDING},
    "tukey_known": ({"loss": "tukey", "scale": 2.0}, _twin(oracle.redescending, "tukey", 2.0)),
    "logcosh_known": ({"loss": "logcosh", "c": 3.0, "scale": 0.7}, _twin(oracle.monotone, "logcosh", 0.7, c=3.0)),
    "welsch_known": ({"loss": "welsch", "c": 2.0, "scale": 2.0}, _twin(oracle.redescending, "welsch", 2.0, c=2.0)),
    "barron": ({"loss": "barron"}, _twin(oracle.monotone, "barron")),
    "barron_1.5": ({"loss": "barron", "alpha": 1.5, "c": 0.7}, _twin(oracle.monotone, "barron", alpha=1.5, c=0.7)),
    "barron_2": ({"loss": "barron", "alpha": 2.0}, lambda x: np.mean(x)),
    **{
        f"barron_{alpha}": (
            {"loss": "barron", "alpha": alpha, "c": 2.0}, _twin(oracle.redescending, "barron", alpha=alpha, c=2.0)
        )
        for alpha in (0.5, 0.0, -3.0, -1e4)
    },
    **{f"lp_{p}": ({"loss": "lp", "p": p}, _twin(oracle.monotone, "lp", 1.0, p=p)) for p in (1.05, 1.2, 1.5, 1.9, 2.0)},
    "epsilon": ({"loss": "epsilon_insensitive"}, lambda x: oracle.insensitive(x, 0.612, oracle.mad_scale(x))),
    "epsilon_known": (
        {"loss": "epsilon_insensitive", "epsilon": 2.0, "scale": 0.9}, lambda x: oracle.insensitive(x, 2.0, 0.9)
    ),
    "quantile": ({"loss": "quantile", "tau": 0.5}, np.median),
    "hodges_lehmann": ({"estimator": "hodges_lehmann"}, oracle.hodges_lehmann),
    "catoni": ({"estimator": "catoni"}, lambda x: oracle.catoni(x, 0.05)),
    "catoni_strict": ({"estimator": "catoni", "delta": 1e-4}, lambda x: oracle.catoni(x, 1e-4)),
    "trimmed": ({"estimator": "trimmed_mean", "proportion": 0.2}, lambda x: oracle.trimmed_mean(x, len(x) // 5)),
    "winsorized": (
        {"estimator": "winsorized_mean", "proportion": 0.2},
        lambda x: oracle.winsorized_mean(x, len(x) // 5),
    ),
}


def test_every_loss_has_a_twin():
    assert {arguments.get("loss") for arguments, _ in TWINS.values()} >= set(plugins("losses"))


@pytest.mark.parametrize("name", FIXED)
def test_fixed_samples_give_the_exact_answers(name):
    x, answers = FIXED[name]["x"], FIXED[name]["answers"]
    for key, expected in answers.items():
        if key in CASES:
            fit = sc.fit(x, **CASES[key])
            assert fit.estimate == pytest.approx(expected, rel=1e-10, abs=1e-300), key
            assert fit.status == "ok", key
        elif key == "mad_norm" and expected > 0:
            assert sc.fit(x, loss="huber").scale == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 20, 33, 101])
def test_a_slow_twin_agrees(name, n):
    arguments, twin = TWINS[name]
    rng = np.random.default_rng(n)
    for df in (1.0, 3.0, 30.0):
        for _ in range(6):
            x = rng.standard_t(df, n)
            fit = sc.fit(x, **arguments)
            if fit.status == "degenerate_scale":
                assert n == 1
                continue
            scale = max(oracle.mad_scale(x), 1e-3)
            assert fit.status == "ok"
            assert abs(fit.estimate - twin(x)) <= 1e-11 * scale + 1e-15 * np.max(np.abs(x)), (name, n, df)


@pytest.mark.parametrize(
    "x, expected",
    [
        ([7.0], 7.0),
        ([1.0, 1.0, 1.0, 5.0], 1.0),
        ([2.0] * 9 + [1e6], 2.0),
    ],
)
def test_a_mad_of_zero_gives_the_median_and_says_so(x, expected):
    for loss in (name for name, loss in plugins("losses").items() if loss.scaled):
        fit = sc.fit(x, loss=loss)
        assert (fit.estimate, fit.status, fit.scale) == (expected, "degenerate_scale", 0.0)


def test_extreme_magnitudes_are_fitted_exactly():
    base = np.array([1.0, 2.0, 3.5, 4.0, 50.0])
    for arguments in (v for v, _ in TWINS.values() if "scale" not in v):
        expected = sc.fit(base, **arguments).estimate
        for exponent in (-1060, -1000, 1000, 1015):
            scaled = np.ldexp(base, exponent)
            recovered = np.ldexp(sc.fit(scaled, **arguments).estimate, -exponent)
            digits = 1e-2 if exponent == -1060 else 1e-12  # 2^-1060 leaves a subnormal 14 bits
            assert recovered == pytest.approx(expected, rel=digits), (arguments, exponent)


def test_ties_and_a_large_offset_do_not_stall_hodges_lehmann():
    rng = np.random.default_rng(11)
    for x in (np.round(rng.standard_normal(2001), 1), 1e6 + 1e-9 * rng.standard_normal(1500), rng.integers(0, 3, 999)):
        fit = sc.fit(x, estimator="hodges_lehmann")
        assert fit.status == "ok" and fit.estimate == oracle.hodges_lehmann(np.asarray(x, float))
        assert fit.iterations < 60


def test_a_subnormal_mad_beside_ordinary_data():
    x = [1e-310, 2e-310, 3e-310, 4e-310, 1.0]
    assert sc.fit(x, loss="huber").estimate == pytest.approx(3e-310 + 1e-310 * 0.0824, rel=0.05)


@pytest.mark.parametrize("x", [[], [[1.0, 2.0]], [1.0, float("nan")], [1.0, float("inf")], ["a"]])
def test_input_that_is_no_sample_is_refused(x):
    with pytest.raises(sc.SimcoreError):
        sc.fit(x, loss="l2")


ordinary = st.lists(st.floats(-100, 100, allow_subnormal=False), min_size=3, max_size=30).filter(
    lambda x: oracle.mad_scale(np.array(x)) > 1e-6
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(ordinary, st.floats(-1e3, 1e3), st.floats(0.01, 100), st.sampled_from(sorted(TWINS)))
def test_shift_scale_and_sign_equivariance(x, shift, factor, name):
    arguments = TWINS[name][0]
    x = np.array(x)
    moved = dict(arguments)
    if "scale" in moved:
        moved["scale"] = moved["scale"] * factor
    base = sc.fit(x, **arguments)
    other = sc.fit(factor * x + shift, **moved)
    mirrored = sc.fit(-x, **arguments)
    redescends = arguments.get("loss") in REDESCENDING or arguments.get("alpha", 1.0) < 1.0
    if not redescends:  # a redescending root may jump at a rounding of the data
        tolerance = 1e-9 * (factor * np.max(np.abs(x)) + abs(shift) + 1)
        assert abs(other.estimate - (factor * base.estimate + shift)) <= tolerance
    assert mirrored.estimate == pytest.approx(-base.estimate, rel=1e-9, abs=1e-9)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(ordinary, st.sampled_from([0.05, 0.1, 0.25, 0.3, 0.7, 0.9]))
def test_a_quantile_minimises_the_check_loss(x, tau):
    """No order statistic gives less, and the middle of the minimisers gives as little."""
    x = np.array(x)

    def total(centre):
        return np.sum(np.where(x < centre, (tau - 1) * (x - centre), tau * (x - centre)))

    found = total(sc.fit(x, loss="quantile", tau=tau).estimate)
    assert found <= min(map(total, x)) * (1 + 1e-12) + 1e-12


def test_order_of_the_sample_does_not_matter():
    x = np.random.default_rng(5).standard_cauchy(57)
    for arguments, _ in TWINS.values():
        assert sc.fit(x, **arguments) == sc.fit(x[::-1], **arguments)


@pytest.mark.parametrize("n", [1, 2, 7, 20, 33, 101])
def test_median_of_means_takes_the_sample_as_it_comes(n):
    rng = np.random.default_rng(n)
    for blocks in (1, 2, 5, 6, 20, 101, 500):
        x = 1e6 + rng.standard_t(2, n)
        fit = sc.fit(x, estimator="median_of_means", blocks=blocks)
        assert abs(fit.estimate - oracle.median_of_means(x, min(blocks, n))) <= 1e-9 and fit.status == "ok"
        moved = sc.fit(3.0 - 2.0 * x, estimator="median_of_means", blocks=blocks)
        assert moved.estimate == pytest.approx(3.0 - 2.0 * fit.estimate, rel=1e-14)
    if n > 7:
        thirds = {"estimator": "median_of_means", "blocks": 3}
        assert sc.fit(np.sort(x), **thirds).estimate != sc.fit(x, **thirds).estimate


def test_estimators_of_samples_as_drawn_stand_beside_the_others():
    """In a study: each from its own copy, the sorted ones with the bits that they have alone."""
    means = [{"estimator": "median_of_means", "blocks": blocks} for blocks in (4, 7)]
    others, estimates = [{"loss": "huber"}, {"loss": "l2"}], []
    for entries in ([others[0], means[0], others[1], means[1]], others):
        factors = {"n": [21], "errors": [{"distribution": "student_t", "df": 2}]}
        study = sc.Study(name="s", problem="location", seed=3, replications=64, estimators=entries, factors=factors)
        (cell,) = design.cells(study)
        estimates.append(execute.run_block(study, cell, design.Block(0, cell.key, 0, 64), keep=True).estimates)
    assert np.array_equal(estimates[0][[0, 2]], estimates[1])
    drawn = samples("student_t", (2.0,), 21, 8, seed=3, cell=cell.identity).transpose(0, 2, 1).reshape(64, 21)
    for row, blocks in ((1, 4), (3, 7)):
        expected = [oracle.median_of_means(x, blocks) for x in drawn]
        assert estimates[0][row] == pytest.approx(expected, abs=1e-12)


def test_catoni_with_a_known_variance():
    x = np.random.default_rng(4).standard_t(2, 50)
    for unit, v in ((1.0, 2.0), (1.0, 1e-3), (1.0, 1e50), (2.0**20, 2.0)):
        found = sc.fit(x * unit, estimator="catoni", variance=v, delta=0.01).estimate
        assert found == pytest.approx(oracle.catoni(x * unit, 0.01, v), rel=1e-9)
    # In data so large or so small that they are fitted in other units, and the variance with them:
    far = np.concatenate([x, [2.0**980] * 3])
    assert sc.fit(far, estimator="catoni", variance=2.0).estimate < 2.0**970
    tiny = sc.fit(x * 2.0**-1000, estimator="catoni", variance=1e-50).estimate
    assert tiny == pytest.approx(np.mean(x) * 2.0**-1000, rel=1e-12)


@pytest.mark.parametrize("n, bad", [(20, 1), (20, 4), (21, 10)])
def test_bad_observations_move_catoni_by_a_power_of_their_distance(n, bad):
    """M^(m / (n - m)): to be carried as far as T takes m errors of the probability T^(-alpha (n - m)) together, and the
    least such power is that of half of them."""
    (choice,) = sc.Study(
        name="s", problem="location", estimators=[{"estimator": "catoni", "variance": 1.0}],
        factors={"n": [n], "errors": [{"distribution": "normal"}]},
    ).estimators
    assert plugins("problems")["location"].carried_by(choice, n) == min(n - m for m in range(n // 2 + 1))
    found = []
    for distance in (1e120, 1e140):
        x = np.linspace(-1, 1, n)
        x[n - bad :] = distance
        found.append(np.log10(sc.fit(x, estimator="catoni", variance=1.0).estimate))
    assert found[1] - found[0] == pytest.approx(20 * bad / (n - bad), rel=0.02)


def test_iterations_are_counted():
    assert sc.fit([1, 2, 9], loss="l2").iterations == 0
    assert 1 <= sc.fit([1.0, 2.0, 3.0, 50.0, 4.0], loss="huber").iterations < 20
