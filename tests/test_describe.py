"""The study in words: it names all that the scenario chose, and what the numbers will stand for."""

from pathlib import Path

import pytest

import simcore as sc
from simcore.describe import describe
from tests.test_cli import TINY, simcore

SCENARIOS = sorted((Path(sc.__file__).parents[1] / "scenarios").glob("*.toml"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_everything_is_named(path):
    study = sc.load(path)
    text = describe(study)
    words = " ".join(text.split())
    for part in ("Aims", "Data-generating mechanisms", "Estimands", "Methods", "Performance measures"):
        assert f"\n{part}\n{'-' * len(part)}\n" in text
    for choice in (*study.errors, *study.contamination, *study.estimators):
        assert f"{choice.label}:" in words
    for choice in study.measures:
        assert f"- {choice.name}: " in words and all(f"= {value:g}" in words for value in choice.values.values())
    assert f"Reference: {study.reference}." in words and f"seed {study.seed}" in words
    assert max(map(len, text.splitlines())) <= 100
    assert ("until the MCSE of" in words) == (study.precision is not None)
    assert f"{study.replications:,} replications" in words


def test_the_control_variate_is_explained_where_it_is_and_where_it_is_not():
    entries = {"name": "s", "problem": "location", "estimators": [{"loss": "l2"}]}
    factors = {"n": [5], "errors": [{"distribution": "uniform"}, {"distribution": "normal"}]}
    words = " ".join(describe(sc.Study(**entries, factors=factors)).split())
    assert "Variance reduction in 1 cell: " in words
    assert "No variance reduction in 1 cell: the density of uniform errors has jumps." in words
    off = " ".join(describe(sc.Study(**entries, factors=factors, variance_reduction="none")).split())
    assert "No variance reduction in 2 cells: switched off in the scenario." in off


def test_a_run_directory_says_the_same(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    assert simcore("run", "tiny.toml", cwd=tmp_path).returncode == 0
    of_file, of_run = (simcore("describe", what, cwd=tmp_path) for what in ("tiny.toml", "results/tiny"))
    assert of_file.returncode == of_run.returncode == 0 and of_file.stdout == of_run.stdout
    assert simcore("describe", "nowhere.toml", cwd=tmp_path).returncode == 2
