"""The study in words: it names all that the scenario chose, and what the numbers will stand for."""

import pytest

import simcore as sc
from simcore.describe import describe
from simcore.registry import plugins
from tests.documents import PLAIN_SCENARIOS
from tests.test_cli import TINY, simcore


@pytest.mark.parametrize("path", PLAIN_SCENARIOS, ids=lambda path: path.stem)
def test_everything_is_named(path):
    study = sc.load(path)
    text = describe(study, full=True)
    words = " ".join(text.split())
    for part in ("Aims", "Data-generating mechanisms", "Estimands", "Methods", "Performance measures"):
        assert f"\n{part}\n{'-' * len(part)}\n" in text
    exact = plugins("problems")[study.problem].exact
    for choice in (*study.errors, *(() if exact else study.contamination), *study.estimators):
        assert f"{choice.label}:" in words
    for choice in study.measures:
        assert f"- {choice.name}: " in words and all(f"= {value:g}" in words for value in choice.values.values())
    assert max(map(len, text.splitlines())) <= 100
    if exact:
        assert "Nothing is random" in words and "seed" not in words and "replications" not in words
        return
    assert f"Reference: {study.reference}." in words and f"seed {study.seed}" in words
    assert ("until the MCSE of" in words) == (study.precision is not None)
    assert f"{study.replications:,} replications" in words


def test_in_short_measures_are_named_and_what_was_said_is_not_said_again():
    bad = [{"kind": "none"}, {"kind": "shift", "fraction": [0.1, 0.2], "size": 10.0}]
    factors = {"n": [5], "errors": [{"distribution": "uniform"}, {"distribution": "normal"}], "contamination": bad}
    study = sc.Study(name="s", problem="location", estimators=[{"loss": "huber", "k": [1.0, 2.0]}], factors=factors)
    short, full = (" ".join(describe(study, full=full).split()) for full in (False, True))
    for words in (short, full):
        assert words.count(plugins("losses")["huber"].meaning) == 1 and "- huber(k=2): likewise. Scale: " in words
        assert "- contamination shift(fraction=0.2, size=10): likewise." in words
    assert all(choice.name in short for choice in study.measures) and "MCSE: sqrt" not in short
    assert "by a control variate in 3 of 6 cells." in short and "No variance reduction in 3 cells" in full
    assert len(short) < len(full) / 2 and "simcore describe --full" in short and "--full" not in full


def test_the_control_variate_is_explained_where_it_is_and_where_it_is_not():
    entries = {"name": "s", "problem": "location", "estimators": [{"loss": "l2"}]}
    factors = {"n": [5], "errors": [{"distribution": "uniform"}, {"distribution": "normal"}]}
    words = " ".join(describe(sc.Study(**entries, factors=factors), full=True).split())
    assert "Variance reduction in 1 cell: " in words
    assert "No variance reduction in 1 cell: the density of uniform errors has jumps." in words
    off = " ".join(describe(sc.Study(**entries, factors=factors, variance_reduction="none"), full=True).split())
    assert "No variance reduction in 2 cells: switched off in the scenario." in off and "Each of 2 cells crosses" in off
    one = describe(sc.Study(**entries, factors=factors | {"errors": [{"distribution": "normal"}]}))
    assert "The only cell crosses a sample size" in " ".join(one.split())


def test_a_regression_is_described_with_its_designs_and_coefficients():
    """The model and its coefficients, each design and how often it is drawn, scales, and why a cell has no score."""
    designs = [
        {"design": "gaussian", "correlation": 0.5},
        {"design": "uniform", "redrawn": True},
        {"design": "ar", "order": 2},
    ]
    bad = [{"kind": "none"}, {"kind": "growing", "rate": 2.0}]
    entries = {
        "name": "s",
        "problem": "linear",
        "beta": [1.0, 0.5, -0.25],
        "predict": [[0.5, 2.0]],
        "estimators": [
            {"loss": "l2"},
            {"loss": "huber"},
            {"loss": "huber", "scale": "proposal2"},
            {"loss": "tukey", "scale": 1.5},
            {"estimator": "ridge", "penalty": 2.0},
        ],
    }
    factors = {"n": [20, 50], "errors": [{"distribution": "logistic"}], "design": designs}
    study = sc.Study(**entries, factors=factors)
    words = " ".join(describe(study, full=True).split())
    slopes = "beta0 = 1, beta1 = 0.5, beta2 = -0.25, at(0.5, 2) = 0.75"
    assert "y = beta0 + beta1 x1 + beta2 x2 + error" in words and f"{slopes}. at(...): the fitted value" in words
    assert "under 2 sample sizes, 3 designs, 1 error distribution. Reference: l2." in words
    drawn = " The same before any contamination. - design", " Drawn anew each time. - design", " - contamination"
    for choice, how in zip(study.design, drawn, strict=True):
        assert f"- design {choice.label}: {plugins('designs')[choice.name].meaning}.{how}" in words
    for scale in ("the normalised median absolute residual, estimated along", "Huber's proposal 2", "known, 1.5"):
        assert f" Scale: {scale}" in words
    for said in (
        "Variance reduction in 2 cells: with the efficient score S",
        "No variance reduction in 2 cells: the design is drawn anew in every replication.",
        "No variance reduction in 2 cells: errors enter the design.",
    ):
        assert said in words
    factors |= {"design": designs[:2], "contamination": bad}
    words = " ".join(describe(sc.Study(**entries, factors=factors), full=True).split())
    assert "Variance reduction in 2 cells: " in words and "1 contamination." in words
    assert "No variance reduction in 4 cells: growing contamination changes with the design." in words
    factors |= {"design": [{"design": "harmonic", "frequencies": [0.1]}], "contamination": bad[:1]}
    words = " ".join(describe(sc.Study(**entries | {"beta": [3.0, 4.0], "intercept": False}, factors=factors)).split())
    assert "y = beta1 x1 + beta2 x2 + error" in words and "beta1 = 3, beta2 = 4, at(0.5, 2) = 9.5." in words


def test_a_run_directory_says_the_same(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    assert simcore("run", "tiny.toml", cwd=tmp_path).returncode == 0
    of_file, of_run = (simcore("describe", what, cwd=tmp_path) for what in ("tiny.toml", "results/tiny"))
    assert of_file.returncode == of_run.returncode == 0 and of_file.stdout == of_run.stdout
    assert simcore("describe", "nowhere.toml", cwd=tmp_path).returncode == 2


def test_several_values_of_a_setting_are_counted_as_such():
    factors = {"n": [12], "classes": [2, 3], "errors": [{"distribution": "normal"}]}
    study = sc.Study(name="c", problem="classification", factors=factors, estimators=[{"estimator": "cross_entropy"}])
    assert "under 1 sample size, 2 values of classes, 1 error distribution." in " ".join(describe(study).split())


def test_the_list_says_that_proposal_2_is_for_regression(tmp_path):
    text = simcore("list", "losses", cwd=tmp_path).stdout
    assert text.count("the scale of the residuals, proposal2 in regression alone;") == text.count('or "proposal2"') > 5
