"""Sensitivity curves in exact numbers, influence functions as derivatives of the functionals themselves, maximum biases
by their formulas, and breakdown points by search against those that theory gives."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import simcore as sc
from simcore import batches, populations, robustness, scenario
from simcore.choices import Choice
from simcore.errors import ScenarioError, UsageError
from simcore.populations import Swept, population
from simcore.registry import plugins
from tests.running import same_bits

ORACLE = json.loads((Path(__file__).parent / "oracles" / "sensitivity.json").read_text())
ROOT = Path(sc.__file__).parents[1]
SOME = [{"loss": "l2"}, {"loss": "huber"}, {"loss": "tukey"}, {"estimator": "trimmed_mean", "proportion": 0.2}]
NORMAL = Choice("distributions", "normal")
T3 = Choice("distributions", "student_t", (("df", 3.0),))
GUMBEL = Choice("distributions", "gumbel")
CAUCHY = Choice("distributions", "cauchy", loc=2.0, scale=3.0)


def choice_of(problem="location", **entry):
    return scenario.estimator(entry, problem)


def study(problem="sensitivity", estimators=({"loss": "l2"}, {"loss": "l1"}), replications=None, **factors):
    given = {"n": [11], "errors": [{"distribution": "normal"}]} | factors
    return sc.Study(name="s", problem=problem, factors=given, estimators=list(estimators), replications=replications)


def table_of(own, tmp_path):
    return sc.run(own, out=tmp_path).summary()


# Given samples

KINDS = {
    "mean": {"loss": "l2"},
    "median": {"loss": "l1"},
    "huber_k1.345_sMAD": {"loss": "huber"},
    "huber_k1.345_s1": {"loss": "huber", "scale": 1.0},
    "biweight_c4.685_sMAD": {"loss": "tukey"},
    "biweight_c4.685_s1": {"loss": "tukey", "scale": 1.0},
    "hl_i_le_j": {"estimator": "hodges_lehmann"},
    "trimmed_0.1": {"estimator": "trimmed_mean", "proportion": 0.1},
    "trimmed_0.2": {"estimator": "trimmed_mean", "proportion": 0.2},
}


@pytest.mark.parametrize("name, kind", KINDS.items())
def test_estimates_as_one_observation_moves(name, kind):
    """Against roots in 25 digits; a root is found to 1e-12 scales."""
    exact = ORACLE["sensitivity"]
    found = sc.sensitivity(exact["base_sample"], [row["z"] for row in exact["rows"]], **kind)
    expected = np.array([float(row[name]) for row in exact["rows"]])
    assert np.allclose(found.estimates, expected, rtol=0.0, atol=2e-12)
    assert found.before == pytest.approx(0.0, abs=1e-15)
    assert np.allclose(found.curve, 10.0 * expected, rtol=0.0, atol=2e-11)


@pytest.mark.parametrize("sample, exact", [([1, 2, 9], "{1,2,9}"), ([1, 2, 900], "{1,2,900}")])
def test_one_outlier_moves_the_mean_and_not_the_median(sample, exact):
    assert sc.fit(sample, loss="l2").estimate == ORACLE["outlier_triples"][exact]["mean"]
    assert sc.fit(sample, loss="l1").estimate == ORACLE["outlier_triples"][exact]["median"]


def test_the_scale_of_the_sample_that_moves():
    """1.4826 MAD of nine, and with one observation more."""
    exact = ORACLE["sensitivity"]
    for row in exact["rows"]:
        scale = sc.fit([*exact["base_sample"], row["z"]], loss="huber").scale
        assert scale == pytest.approx(float(row["mad_norm"]), rel=1e-14)


def test_a_leverage_point_in_given_data():
    """By fits of the whole data, one by one."""
    rng = np.random.default_rng(3)
    X, y, at, row = rng.normal(size=(12, 2)), rng.normal(size=12), [-30.0, 0.5, 4.0], [4.0, -1.0]
    for kind in ({"loss": "l2"}, {"loss": "huber"}, {"estimator": "mm"}):
        found = sc.sensitivity(y, at, X=X, row=row, **kind)
        for place, estimate in zip(at, found.estimates, strict=True):
            whole = sc.fit([*y, place], X=np.vstack([X, row]), **kind).estimate
            assert np.allclose(estimate, whole, rtol=0, atol=1e-11)
        assert np.allclose(found.curve, 13.0 * (found.estimates - sc.fit(y, X=X, **kind).estimate), atol=1e-9)


def test_arguments_that_cannot_be_meant():
    with pytest.raises(UsageError, match="row: is for a regression"):
        sc.sensitivity([1, 2, 3], [4], loss="l1", row=1.0)
    with pytest.raises(UsageError, match="row: must hold 2 finite numbers"):
        sc.sensitivity([1, 2, 3, 4], [4], loss="l1", X=[[1, 2], [3, 4], [5, 7], [0, 1]], row=1.0)
    with pytest.raises(UsageError, match="at"):
        sc.sensitivity([1, 2, 3], [math.nan], loss="l1")


def test_many_samples_at_once_are_fitted_as_each_alone():
    samples = np.random.default_rng(1).normal(size=(11, 9))
    choices = [choice_of(loss="huber"), choice_of(estimator="hodges_lehmann")]
    together = batches.fit_location(choices, samples)
    alone = np.concatenate([batches.fit_location(choices, sample[None]) for sample in samples], axis=2)
    assert same_bits(together, alone)


# Theory: the functionals at the errors' distribution, and with a little mass at one place


class Mixed(populations.Swept):
    """The errors, with a share of them at one place."""

    def __init__(self, own, share, place):
        super().__init__(own, share, 1)
        self._place = place

    def mean_of(self, function):
        there = float(function(np.full((1, 8), self._place))[0, 0])
        return (1.0 - self._share) * self._own.mean_of(function) + self._share * there

    def share_below(self, x):
        return (1.0 - self._share) * self._own.share_below(x) + self._share * (np.asarray(x) >= self._place)

    def quantile(self, share):
        """Where the distribution function reaches it; at the place itself it jumps."""
        below = (1.0 - self._share) * float(self._own.share_below(np.array([self._place]))[0])
        if below < share <= below + self._share:
            return self._place
        return self._own.quantile((share - (self._share if share > below else 0.0)) / (1.0 - self._share))

    @property
    def mean(self):
        return (1.0 - self._share) * self._own.mean + self._share * self._place


SMOOTH = [
    {"loss": "l2"},
    {"loss": "l1"},
    {"loss": "quantile", "tau": 0.3},
    {"loss": "huber"},
    {"loss": "huber", "scale": 0.7},
    {"loss": "tukey"},
    {"loss": "pseudo_huber"},
    {"loss": "epsilon_insensitive", "scale": 1.0},
    {"estimator": "trimmed_mean", "proportion": 0.15},
    {"estimator": "winsorized_mean", "proportion": 0.15},
]


@pytest.mark.parametrize("errors", [NORMAL, T3, GUMBEL], ids=str)
@pytest.mark.parametrize("entry", SMOOTH, ids=str)
def test_influence_is_the_derivative_of_the_functional(entry, errors):
    """(T((1 - h) F + h d_x) - T(F)) / h, whose own error is of the order of h: with h and h / 2 of that of h^2."""
    choice, own = choice_of(**entry), population(errors.name, errors.parameters)
    places, h = np.array([-2.2, 0.9, 4.5]), 2e-4
    found = populations.influence(choice, errors, "location", places)

    def at(share, place):
        return populations._at(choice, Mixed(own, share, place), 1.0, "location", "own")

    centre = populations._at(choice, own, 1.0, "location", "own")
    for place, value in zip(places, found, strict=True):
        whole, half = ((at(step, place) - centre) / step for step in (h, h / 2))
        assert value == pytest.approx(2.0 * half - whole, abs=3e-5)


def test_influence_of_pair_averages():
    """Under the normal (F - 1/2) / (integral of f^2) in closed form, else the limit of the sensitivity curve: with 4001
    observations a gap between two pair averages is 1 % of it."""
    places = np.array([-2.2, -0.4, 0.9, 1.7, 4.5])
    choice = choice_of(estimator="hodges_lehmann")
    exact = [math.sqrt(math.pi) * math.erf(x / math.sqrt(2.0)) for x in places]
    assert np.allclose(populations.influence(choice, NORMAL, "location", places), exact, rtol=1e-10)
    curve = sc.sensitivity(robustness.good_errors(GUMBEL, 4000), places, estimator="hodges_lehmann").curve
    assert np.allclose(populations.influence(choice, GUMBEL, "location", places), curve, rtol=0, atol=0.03)


def test_influence_where_it_is_known():
    """The median's is 1 / (2 f), Huber's k / P(|error| < k) far off (Hampel 1974)."""
    far = np.array([50.0])
    assert populations.influence(choice_of(loss="l1"), NORMAL, "location", far)[0] == pytest.approx(
        math.sqrt(math.pi / 2), rel=1e-11
    )
    inside = math.erf(1.345 / math.sqrt(2.0))
    for problem in ("location", "linear"):
        huber = populations.influence(choice_of(problem, loss="huber"), NORMAL, problem, far)
        assert huber[0] == pytest.approx(1.345 / inside, rel=1e-9)
    assert populations.influence(choice_of(loss="l2"), CAUCHY, "location", far) is None
    assert populations.influence(choice_of("linear", estimator="lts"), NORMAL, "linear", far) is None


def test_influence_moves_along_with_the_units():
    x = np.array([-3.0, 0.1, 2.5])
    placed = Choice("distributions", "student_t", (("df", 3.0),), loc=2.0, scale=3.0)
    for entry in ({"loss": "huber"}, {"estimator": "hodges_lehmann"}):
        own = populations.influence(choice_of(**entry), T3, "location", x)
        moved = populations.influence(choice_of(**entry), placed, "location", 2.0 + 3.0 * x)
        assert np.allclose(moved, 3.0 * own, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("errors", [NORMAL, T3, CAUCHY], ids=str)
@pytest.mark.parametrize("share", [0.05, 0.2, 0.45])
def test_worst_bias_of_the_median(errors, share):
    """F^-1(1 / (2 (1 - share))), whatever F that is symmetric (Huber & Ronchetti 2009, section 1.4)."""
    exact = errors.scale * population(errors.name, errors.parameters).quantile(0.5 / (1.0 - share))
    assert populations.worst_bias(choice_of(loss="l1"), errors, share) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_worst_bias_of_huber_with_a_known_scale(share):
    """(1 - share) E psi(X - b) + share k = 0, solved here by bisection."""
    k, low, high = 1.345, 0.0, 10.0

    def density(x):
        return math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)

    def below(x):
        return 0.5 * math.erfc(-x / math.sqrt(2.0))

    for _ in range(80):
        b = 0.5 * (low + high)
        lo, hi = b - k, b + k
        inside = density(lo) - density(hi) - b * (below(hi) - below(lo))
        mean = inside - k * below(lo) + k * (1.0 - below(hi))
        low, high = (b, high) if (1.0 - share) * mean + share * k > 0.0 else (low, b)
    found = populations.worst_bias(choice_of(loss="huber", scale=1.0), NORMAL, share)
    assert found == pytest.approx(b, rel=1e-9)


def test_worst_bias_ends_at_the_breakdown_point():
    """Trimmed means at what they trim, Hodges-Lehmann at 1 - 1 / sqrt(2), the mean at once."""
    cases = [
        ({"estimator": "trimmed_mean", "proportion": 0.2}, 0.199, 0.201),
        ({"estimator": "hodges_lehmann"}, None, 0.2930),
        ({"loss": "huber"}, 0.499, 0.5),
        ({"loss": "quantile", "tau": 0.25}, 0.249, 0.251),
        ({"loss": "l2"}, None, 1e-6),
        ({"loss": "tukey"}, None, 0.01),  # psi redescends: not known
    ]
    for entry, below, above in cases:
        assert below is None or populations.worst_bias(choice_of(**entry), NORMAL, below) > 0.4
        assert populations.worst_bias(choice_of(**entry), NORMAL, above) is None


def test_swept_populations_are_what_they_say():
    """With a share below everything, shares and quantiles turn into each other."""
    own = population("student_t", (("df", 3.0),))
    for side in (-1, 1):
        swept = Swept(own, 0.1, side)
        for share in (0.2, 0.5, 0.85):
            assert swept.share_below(np.array([swept.quantile(share)]))[0] == pytest.approx(share, abs=1e-12)
    assert Swept(own, 0.1, -1).quantile(0.05) == -math.inf


# The samples of good errors, and what outliers do to them


def test_good_errors_are_quantiles():
    found = robustness.good_errors(CAUCHY, 7)
    exact = [2.0 + 3.0 * math.tan(math.pi * ((2 * i + 1) / 14 - 0.5)) for i in range(7)]
    assert np.allclose(found, exact, rtol=1e-11)
    assert np.array_equal(found - 2.0, -(found[::-1] - 2.0))
    exact = [-math.log(-math.log((2 * i + 1) / 12)) for i in range(6)]
    assert np.allclose(robustness.good_errors(GUMBEL, 6), exact, rtol=1e-10, atol=1e-11)


def test_the_order_of_errors_on_a_line_has_nothing_to_do_with_a_trend():
    for count in (5, 20, 21, 100):
        model = robustness._Line(count, NORMAL, 0.0)
        slope = model.fit([choice_of("linear", loss="l2")], count, 0, [0.0])[0, 1, 0]
        assert abs(slope - 1.0) < 2.5 / count
        assert sorted(robustness._scattered(np.arange(count))) == list(range(count))


def entries(problem):
    """Every estimator of a problem once, with its default parameters."""
    needed = {"trimmed_mean": {"proportion": 0.2}, "winsorized_mean": {"proportion": 0.2}, "ridge": {"penalty": 1.0}}
    needed |= {"median_of_means": {"blocks": 5}}
    for name, loss in plugins("losses").items():
        known = {"scale": 1.0} if problem == "linear" and loss.scaled else {}
        yield {"loss": name} | known
    for name, plugin in plugins("estimators").items():
        if plugin.problem == problem:
            yield {"estimator": name} | needed.get(name, {})


@pytest.mark.parametrize("entry", [*entries("location")], ids=str)
@pytest.mark.parametrize("n", [11, 20])
def test_breakdown_by_search_is_that_of_theory(entry, n):
    model, choice = robustness._Location(n, NORMAL), choice_of(**entry)
    assert robustness._breaking(model, choice) == model.carried_by(choice)


@pytest.mark.parametrize("x", [0.0, 5.0])
@pytest.mark.parametrize("entry", [*entries("linear")], ids=str)
def test_breakdown_of_a_line_by_search_is_that_of_theory(entry, x):
    """n is odd, so that no tie between good and bad is left to rounding. The scale of psi is known here: estimated
    along, it grows with the outliers, and a line breaks down before its psi does."""
    model, choice = robustness._Line(11, NORMAL, x), choice_of("linear", **entry)
    assert robustness._breaking(model, choice) == model.carried_by(choice)


def test_a_scale_that_is_estimated_along_breaks_down_sooner():
    """Huber's line at x = 0 is stationary where a share e of outliers at M lifts it to e M and the scale to 1.4826 e M:
    from e = 1 / (1 + 1.4826 k) on, no outlier is beyond k scales."""
    n, share = 41, 1.0 / (1.0 + 1.482602218505602 * 1.345)
    model = robustness._Line(n, NORMAL, 0.0)
    for scale, expected in (("mad", math.ceil(share * n)), (1.0, 21)):
        choice = choice_of("linear", loss="huber", scale=scale)
        assert robustness._breaking(model, choice) == model.carried_by(choice) == expected


def test_proposal_2_breaks_down_sooner_still():
    """From the share b / (b + k^2) on, b = E psi^2 = 0.7102 for k = 1.345 (Huber & Ronchetti 2009, section 7.7)."""
    model, choice = robustness._Line(41, NORMAL, 0.0), choice_of("linear", loss="huber", scale="proposal2")
    assert model.carried_by(choice) == math.ceil(41 * 0.7102 / (0.7102 + 1.345**2))
    assert abs(robustness._breaking(model, choice) - model.carried_by(choice)) <= 1  # n - p degrees of freedom


# Studies


def test_tables_hold_the_formulas(tmp_path):
    """The mean of n is moved by at / n for one outlier; the median by the middle of the order statistics beside it."""
    table = table_of(study(at=[-4.0, 0.5, 7.0], outliers=[1, 2]), tmp_path)
    assert (table["status"].isin(["ok", "undefined"])).all() and (table["n_failed"] == 0).all()
    assert (table["mcse"].dropna() == 0.0).all() and (table["n_ok"] == 1).all()
    curves = table[table["measure"] == "sensitivity"].set_index(["estimator", "outliers", "at"])["value"]
    good = robustness.good_errors(NORMAL, 10)
    for at in (-4.0, 0.5, 7.0):
        assert curves["l2", 1, at] == pytest.approx(at, abs=1e-13)
        assert curves["l1", 1, at] == pytest.approx(11 * np.median([*good, at]), abs=1e-14)
    assert len(curves) == 2 * 2 * 3


def test_what_does_not_depend_on_a_place_stands_there_once(tmp_path):
    table = table_of(study(at=[-4.0, 0.5], outliers=[1, 2], problem="sensitivity_line", x=[0.0, 3.0]), tmp_path)
    assert not table.duplicated(["estimator", "parameter", "at", "outliers", "x", "measure"]).any()
    counts = table.groupby("measure").size()
    assert counts["sensitivity"] == 2 * 2 * 2 * 2 * 2 and counts["influence"] == 2 * 2 * 2 * 2
    assert counts["max_bias"] == 2 * 2 * 2 * 2 and counts["breakdown_point"] == 2 * 2
    assert table.loc[table["measure"] == "max_bias", "at"].isna().all()
    assert set(table.loc[table["measure"] == "breakdown_theory", "parameter"]) == {"beta"}


@pytest.mark.parametrize("outliers", [1, 3, 5])
def test_max_bias_of_the_median_is_its_formula(outliers, tmp_path):
    """Of an odd n with all outliers on one side it is the quantile at 1 / (2 (1 - share)) itself."""
    own = study(at=[0.0], outliers=[outliers], n=[13], errors=[{"distribution": "student_t", "df": 3}])
    found = table_of(own, tmp_path).set_index(["estimator", "measure"])["value"]
    before = np.median(robustness.good_errors(T3, 13 - outliers))
    exact = population("student_t", (("df", 3.0),)).quantile(0.5 / (1.0 - outliers / 13))
    assert before == 0.0
    assert found["l1", "max_bias"] == pytest.approx(exact, rel=1e-11)
    assert found["l1", "max_bias_theory"] == pytest.approx(exact, rel=1e-11)
    assert np.isnan(found.astype(float)["l2", "max_bias"])


def test_max_bias_of_redescenders_is_found_between_the_places_of_the_grid(tmp_path):
    own = study(estimators=[{"loss": "tukey"}], at=[0.0], outliers=[2], n=[20])
    found = table_of(own, tmp_path).set_index("measure")["value"]["max_bias"]
    fine = np.arange(0.0, 8.0, 0.002)
    good = robustness.good_errors(NORMAL, 18)
    samples = np.hstack([np.tile(good, (len(fine), 1)), np.column_stack([fine, fine])])
    best = np.abs(batches.fit_location([choice_of(loss="tukey")], samples)).max()
    assert best - 1e-12 <= found <= best + 1e-5


def test_the_same_bits_again_and_whatever_else_is_in_the_study(tmp_path):
    both = table_of(study(at=[-4.0, 0.5, 7.0], outliers=[1, 2]), tmp_path / "a")
    alone = table_of(study(at=[0.5], outliers=[2], estimators=[{"loss": "l1"}]), tmp_path / "b")
    keep = ["estimator", "measure", "value"]
    some = both[(both["estimator"] == "l1") & both["at"].isin([0.5, None]) & both["outliers"].isin([2.0, None])]
    merged = alone[keep].merge(some[keep], on=["estimator", "measure"], suffixes=("", "_both"))
    assert len(merged) and merged["value"].equals(merged["value_both"])


@pytest.mark.parametrize(
    "more, wrong",
    [
        ({"replications": 100}, "replications: is not for sensitivity (got 100), leave it out: nothing is random"),
        ({"keep": "estimates"}, "keep: is not for sensitivity"),
        ({"precision": {"measure": "max_bias", "relative_mcse": 0.1}}, "precision: is not for sensitivity"),
        ({"contamination": [{"kind": "shift", "fraction": 0.1, "size": 3}]}, "is not for sensitivity (got 'shift')"),
        ({"outliers": [11]}, "is too small (got 11), must be at least 12"),
        ({"errors": [{"distribution": "stable", "alpha": 1.5}]}, "has no quantiles here"),
    ],
)
def test_mistakes(more, wrong):
    factors = {"n": [11], "errors": [{"distribution": "normal"}]}
    given = {key: more.pop(key) for key in list(more) if key in ("contamination", "outliers", "errors")}
    with pytest.raises(ScenarioError) as caught:
        sc.Study(name="s", problem="sensitivity", factors=factors | given, estimators=[{"loss": "l1"}], **more)
    assert wrong.replace("'", '"') in str(caught.value).replace("'", '"')


def test_the_same_bits_without_compilation(tmp_path):
    program = (
        "import sys, simcore as sc; from tests.test_sensitivity import study, SOME;"
        "table = sc.run(study(at=[-4.0, 0.5], n=[9], estimators=SOME), out=sys.argv[1]).summary()"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "plain")], check=True, env=environment, cwd=ROOT)
    compiled = table_of(study(at=[-4.0, 0.5], n=[9], estimators=SOME), tmp_path / "compiled")
    plain = pd.read_parquet(tmp_path / "plain" / "s" / "summary.parquet")
    assert same_bits(*(table["value"].to_numpy(dtype=float, na_value=np.nan) for table in (compiled, plain)))
    assert len(compiled) > 30


def test_runs_go_on_and_cannot_be_compared(tmp_path):
    own = study(at=[0.5])
    first = sc.run(own, out=tmp_path)
    again = sc.open(first.path)
    assert again.summary().equals(first.summary())
    assert sc.run(own, out=tmp_path).summary().equals(first.summary())
    with pytest.raises(UsageError, match="nothing is random"):
        again.comparisons()
    with pytest.raises(ScenarioError, match="replications: is not for sensitivity"):
        own.with_changes(replications=10)
