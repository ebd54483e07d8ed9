"""Regression of given data: published fits, certified values, convex programs, equivariance, breakdown."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import simcore as sc
from tests.oracles import linear as oracle

CLASSIC = json.loads((Path(__file__).parent / "oracles" / "classic_regressions.json").read_text())
del CLASSIC["note"]
R_MAD = 1 / 0.6745  # what MASS divides by, where simcore's MAD has all digits
KINDS = {
    "l2": {"loss": "l2"},
    "l1": {"loss": "l1"},
    "quantile": {"loss": "quantile", "tau": 0.3},
    "huber": {"loss": "huber"},
    "proposal2": {"loss": "huber", "scale": "proposal2"},
    "tukey": {"loss": "tukey"},
    **{name: {"loss": name} for name in ("pseudo_huber", "fair", "logcosh", "cauchy", "welsch", "geman_mcclure")},
    "hampel": {"loss": "hampel"},
    "barron": {"loss": "barron"},
    "barron_redescending": {"loss": "barron", "alpha": -2.0},
    "lp": {"loss": "lp"},
    "lp_1.1": {"loss": "lp", "p": 1.1},
    "mm": {"estimator": "mm"},
    "lts": {"estimator": "lts"},
}


def classic(name):
    case = CLASSIC[name]
    return np.array(case["y"], float), np.array(case["X"], float), case["fits"]


def clouds(seed, n=30, columns=2):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, columns))
    return 1 + x @ np.arange(1, columns + 1) + rng.standard_t(3, n), x


@pytest.mark.parametrize("name", CLASSIC)
def test_classic_data_sets_have_the_fits_of_r(name):
    """lm, quantreg (its objective), MASS::rlm with proposal 2, and with its rounded MAD in k: to 1e-9, or nearly."""
    y, x, fits = classic(name)
    np.testing.assert_allclose(sc.fit(y, X=x, loss="l2").estimate, fits["ols"], rtol=1e-11)
    found = sc.fit(y, X=x, loss="l1")
    assert np.abs(found.residuals).sum() == pytest.approx(fits["lad_objective"][0], rel=1e-12)
    found = sc.fit(y, X=x, loss="huber", scale="proposal2")
    np.testing.assert_allclose(found.estimate, fits["huber_proposal2"], rtol=1e-9)
    assert found.scale == pytest.approx(fits["huber_proposal2_scale"][0], rel=1e-9)
    # k in units of MASS's scale: the same equations, so the same fit, and its scale is off by the ratio of the MADs.
    ratio = R_MAD / oracle.MAD_FACTOR
    found = sc.fit(y, X=x, loss="huber", k=1.345 * ratio)
    np.testing.assert_allclose(found.estimate, fits["huber_mad_iterated"], rtol=1e-8)
    assert found.scale * ratio == pytest.approx(fits["huber_scale"][0], rel=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_huber_with_a_known_scale_is_the_least_of_a_convex_function(seed):
    y, x = clouds(seed)
    full, scale = np.column_stack([np.ones(len(y)), x]), 0.5 + 0.2 * seed

    def total(beta):
        r = np.abs(y - full @ beta) / scale
        return np.sum(np.where(r <= 1.345, 0.5 * r * r, 1.345 * (r - 0.5 * 1.345)))

    beta = sc.fit(y, X=x, loss="huber", scale=scale).estimate
    assert oracle.is_solution(y, full, beta, {"loss": "huber", "scale": scale})
    best = minimize(total, np.linalg.lstsq(full, y, rcond=None)[0], method="BFGS", options={"gtol": 1e-10})
    assert total(beta) <= best.fun * (1 + 1e-12) and np.abs(beta - best.x).max() < 1e-5


WAMPLER_NOISE = [759, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 1838, -2048, 2048]  # of Wampler 3, then mirrored


@pytest.mark.parametrize("factor", [0.0, 1.0, 100.0, 10_000.0])
def test_the_nist_polynomials_have_their_certified_coefficients(factor):
    """Wampler 1, 3, 4, 5 (NIST StRD, linear): all six coefficients are 1, whatever the residuals; 9 digits at least."""
    x = np.arange(21.0)
    noise = np.array(WAMPLER_NOISE + WAMPLER_NOISE[-2::-1])
    powers = np.stack([x**k for k in range(1, 6)], axis=1)
    found = sc.fit(1 + powers.sum(axis=1) + factor * noise, X=powers, loss="l2")
    assert np.abs(found.estimate - 1).max() < 1e-9
    if factor:
        np.testing.assert_allclose(found.scale, 2360.14502379268 * factor, rtol=1e-12)


def test_wampler_2():
    x = np.arange(21.0)
    powers = np.stack([x**k for k in range(1, 6)], axis=1)
    y = 1 + powers @ (10.0 ** -np.arange(1, 6))
    np.testing.assert_allclose(sc.fit(y, X=powers, loss="l2").estimate, 10.0 ** -np.arange(6), rtol=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.sampled_from(sorted(KINDS)), st.floats(0.1, 50), st.floats(-20, 20))
def test_regression_scale_and_affine_equivariance(seed, kind, factor, slope):
    """y -> a y + X b moves the estimate along; a new basis of the columns only changes its coordinates."""
    y, x = clouds(seed)
    base = sc.fit(y, X=x, **KINDS[kind]).estimate
    shift = np.array([slope, -slope / 2, 3.0])
    full = np.column_stack([np.ones(len(y)), x])
    moved = sc.fit(factor * y + full @ shift, X=x, **KINDS[kind]).estimate
    size = factor * np.abs(base).max() + np.abs(shift).max()
    assert np.abs(moved - (factor * base + shift)).max() <= 1e-9 * size
    mix = np.array([[2.0, 1.0], [-1.0, 1.0]])
    turned = sc.fit(y, X=x @ mix, **KINDS[kind]).estimate
    assert np.abs(mix @ turned[1:] - base[1:]).max() <= 1e-9 * np.abs(base).max()
    assert abs(turned[0] - base[0]) <= 1e-9 * np.abs(base).max()


def outlying(share, leverage, seed=3, n=60):
    """(y, x) of a line with slope 1, a share of points moved off by 1e6, far out in x too where `leverage`."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, n)
    y = x + 0.1 * rng.standard_normal(n)
    bad = int(share * n)
    y[:bad] += 1e6
    if leverage:
        x[:bad] = 100.0
    return y, x


@pytest.mark.parametrize("kind, vertical, leverage", [
    ("l2", 0.0, 0.0), ("l1", 0.2, 0.0), ("huber", 0.2, 0.0), ("tukey", 0.2, 0.0), ("mm", 0.4, 0.4), ("lts", 0.4, 0.4),
])
def test_the_bias_is_bounded_up_to_the_breakdown_point_and_not_beyond(kind, vertical, leverage):
    for share, moved in ((vertical, False), (leverage, True)):
        if share:
            y, x = outlying(share, moved)
            assert np.abs(sc.fit(y, X=x, **KINDS[kind]).estimate - [0, 1]).max() < 3.0, (kind, share, moved)
        y, x = outlying(0.6 if share else 0.05, moved)
        assert np.abs(sc.fit(y, X=x, **KINDS[kind]).estimate - [0, 1]).max() > 100.0, (kind, share, moved)


def test_what_became_of_a_fit():
    y, x = clouds(1)
    found = sc.fit(y, X=np.column_stack([x, x[:, 0] + x[:, 1]]), loss="huber")
    assert found.status == "rank_deficient" and np.isnan(found.estimate).all()
    line = 2 + 3 * x[:, 0]
    line[:8] += 5
    found = sc.fit(line, X=x, loss="tukey")
    assert found.status == "exact_fit" and found.scale == 0.0
    np.testing.assert_allclose(found.estimate, [2, 3, 0], atol=1e-9)
    found = sc.fit(y, X=x, estimator="mm")
    assert found.status == "ok" and found.iterations > 0 and found.scale > 0
    assert found.weights.shape == y.shape and np.all((found.weights >= 0) & (found.weights <= 1))
    np.testing.assert_allclose(found.residuals, y - found.estimate[0] - x @ found.estimate[1:], atol=1e-12)


def test_standard_errors():
    """Those of lm on stackloss to their printed digits; in a large sample those of theory."""
    y, x, _ = classic("stackloss")
    np.testing.assert_allclose(sc.fit(y, X=x, loss="l2").standard_errors, [11.896, 0.1349, 0.3680, 0.1563], atol=5e-4)
    rng = np.random.default_rng(8)
    x = rng.normal(size=(20_000, 2))
    y = x @ [1.0, 2.0] + rng.normal(size=20_000)
    factors = dict.fromkeys(set(KINDS) - {"lts", "quantile", "lp_1.1", "proposal2"}, 1.0526)
    for kind, factor in (factors | {"l2": 1.0, "l1": np.pi / 2, "lp_1.1": 1.3855}).items():
        errors = sc.fit(y, X=x, **KINDS[kind]).standard_errors
        np.testing.assert_allclose(errors * np.sqrt(20_000), np.sqrt(factor), rtol=0.06)
    errors = sc.fit(y, X=x, loss="epsilon_insensitive", scale=1.0).standard_errors
    np.testing.assert_allclose(errors * np.sqrt(20_000), np.sqrt(1 / 0.80983), rtol=0.06)
    assert sc.fit(y[:50], X=x[:50], estimator="lts").standard_errors is None


@pytest.mark.parametrize("p", [1.05, 1.1, 1.2, 1.5, 1.9])
@pytest.mark.parametrize("seed", range(4))
def test_a_power_has_its_least_total(p, seed):
    """A millionth beside, in many directions, the total is larger; with a column of ones it is that of location."""
    y, x = clouds(seed)
    full = np.column_stack([np.ones(len(y)), x])
    found = sc.fit(y, X=x, loss="lp", p=p)
    directions = np.random.default_rng(seed).normal(size=(200, 3))
    terms = np.abs(y - (found.estimate + 1e-6 * directions) @ full.T) ** p - np.abs(found.residuals) ** p
    assert found.status == "ok" and terms.sum(axis=1).min() > 0.0
    alone = sc.fit(y, X=np.ones(len(y)), intercept=False, loss="lp", p=p).estimate[0]
    assert alone == pytest.approx(sc.fit(y, loss="lp", p=p).estimate, rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_the_insensitive_fit_is_the_least_of_its_objective(scale):
    y, x = clouds(5)
    full = np.column_stack([np.ones(len(y)), x])
    found = sc.fit(y, X=x, loss="epsilon_insensitive", epsilon=0.8, scale=scale)
    entry = {"loss": "epsilon_insensitive", "epsilon": 0.8, "scale": scale}
    assert found.status == "ok" and found.scale == scale and oracle.is_solution(y, full, found.estimate, entry)
    beside = found.estimate + [1e-6, -1e-6, 1e-6]
    assert not oracle.is_solution(y, full, beside, entry)


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"X": [[1.0], [2.0]], "loss": "l2"}, "X: must have a row for each of the 3 responses"),
        ({"X": [1.0, np.nan, 3.0], "loss": "l2"}, r"X\[1, 0\]: must be finite"),
        ({"X": [[1, 2, 3]] * 3, "loss": "l2"}, "X: has 4 columns with the intercept"),
        ({"X": [1, 2, 3], "estimator": "trimmed_mean", "proportion": 0.1}, "is not for linear"),
        ({"X": [1, 2, 3], "loss": "tukey", "scale": "proposal2"}, "psi of tukey redescends"),
        ({"loss": "huber", "scale": "proposal2"}, "is not for location"),
        ({"X": [1, 2, 3], "loss": "epsilon_insensitive"}, "psi of epsilon_insensitive jumps: write a positive number"),
        ({"X": [1, 2, 3], "loss": "barron", "alpha": 0.5, "scale": "proposal2"}, "psi of barron redescends"),
        ({"loss": "hampel", "a": 5.0}, "must be a <= b < c"),
        ({"loss": "hampel", "c": 3.0}, "must be a <= b < c"),
        ({"loss": "lp", "p": 1.0}, "p: is out of range"),
        ({"X": ["a", "b", "c"], "loss": "l2"}, "X: must be numbers"),
    ],
)
def test_arguments_that_cannot_be_meant(arguments, said):
    with pytest.raises(sc.SimcoreError, match=said):
        sc.fit([1.0, 2.0, 4.0], **arguments)
