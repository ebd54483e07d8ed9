"""Runs, studies and fits at a prompt and in notebooks, and the wide table: against the long one."""

import html
import re

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import simcore as sc
from simcore import summaries
from simcore.cards import MOST_ROWS, Card
from simcore.fitting import RegressionFit
from simcore.wide import widened
from tests.test_cli import TINY

MARKED = """
name = "marked"
title = "<b>a & b</b>"
problem = "location"
replications = 300
[factors]
n = [5]
errors = [ { distribution = "normal" } ]
[[estimators]]
loss = "l2"
label = "<i>the mean</i>"
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Finished runs by name."""
    folder, found = tmp_path_factory.mktemp("runs"), {}
    for name, text in {"tiny": TINY, "marked": MARKED}.items():
        (folder / f"{name}.toml").write_text(text)
        found[name] = sc.run(folder / f"{name}.toml", folder / "results", threads=2)
    return found


@pytest.mark.parametrize("name", ["location", "regression"])
def test_the_wide_table_says_what_the_long_one_says(runs, name):
    table = runs["tiny"].summary()
    if name == "regression":  # measures of each coefficient, and of all together
        second = table.assign(parameter="beta1", value=table["value"] + 1)
        joint = second[second["measure"] == "bias"].assign(parameter="beta", measure="efficiency_det")
        table = pd.concat([table.assign(parameter="beta0"), second, joint], ignore_index=True)
    wide = widened(table)
    keys = ["cell", "estimator", "parameter"]
    assert not wide.duplicated(keys).any()
    assert list(map(tuple, wide[keys].to_numpy())) == list(dict.fromkeys(map(tuple, table[keys].to_numpy())))
    placed = wide.set_index(keys)
    said = 0
    for row in table.itertuples():
        own = placed.loc[(row.cell, row.estimator, row.parameter)]
        for column, suffix in (("value", ""), ("mcse", "_mcse"), ("status", "_status")):
            want, got = getattr(row, column), own[f"{row.measure}{suffix}"]
            assert got is pd.NA if want is pd.NA else got == want, (row, column)
        assert own["n"] == row.n and own["errors"] == row.errors and own["n_ok"] == row.n_ok
        said += 1
    assert wide.filter(regex="_status$").notna().sum().sum() == said == len(table)
    assert wide["bias"].dtype == table["value"].dtype and not set(wide) & {"measure", "value", "low"}


def test_what_is_undefined_is_null_in_the_wide_table(runs):
    wide = runs["tiny"].wide()
    rows = wide[(wide["errors"] == "cauchy") & (wide["estimator"] == "l2")]
    assert len(rows) == 2 and rows["variance"].isna().all() and rows["variance_mcse"].isna().all()
    assert set(rows["variance_status"]) == {"undefined"} and rows["median_bias"].notna().all()


def test_exact_problems_have_a_row_for_each_place_of_the_outliers():
    study = sc.Study(
        name="exact",
        problem="sensitivity",
        factors={"n": [20], "at": [1.0, 2.0], "outliers": [1], "errors": [{"distribution": "normal"}]},
        estimators=[{"loss": "l1"}],
    )
    table = summaries.summarise(study, ())
    got = widened(table)
    assert len(got) == len(table[["at", "outliers"]].drop_duplicates()) == 6
    for column in ("value", "mcse", "status"):
        names = [f"{measure}{'' if column == 'value' else f'_{column}'}" for measure in table["measure"].unique()]
        assert got[names].notna().sum().sum() == table[column].notna().sum()


def test_arrow_has_the_schema_and_the_values_of_the_file(runs):
    stored = pq.read_table(runs["tiny"].path / "summary.parquet")
    assert runs["tiny"].to_arrow().equals(stored) and sc.open(runs["tiny"].path).to_arrow().schema == stored.schema


def test_a_run_shows_its_first_cells(runs):
    run = sc.open(runs["tiny"].path)
    text, page = repr(run), run._repr_html_()
    table = run.summary().set_index(["cell", "estimator", "measure"])
    row = table.loc[(1, "l1", "variance")]
    for shown in ("tiny: A tiny study", "4 cells x 2,000 replications, 2 estimators", "does not exist"):
        assert shown in text and shown in page
    assert f"{row['value']:.4f}"[:5] in text.split("cauchy")[2]
    assert text == repr(runs["tiny"])  # from what was just computed, or from the blocks
    assert "normal" in text and "cauchy" in text and " 8 " in text


def test_names_and_labels_are_escaped_in_html(runs):
    page = runs["marked"]._repr_html_()
    assert "<b>a" not in page and "<i>" not in page
    assert html.escape("<i>the mean</i>") in page and html.escape("<b>a & b</b>") in page
    assert "<i>" not in runs["marked"].study._repr_html_()
    assert set(re.findall(r"</?(\w+)", page)) == {"div", "p", "b", "br", "table", "tr", "th", "td"}


def test_whatever_is_in_it_a_card_fits_on_a_screen():
    long = "x" * 5000
    card = Card(long, (long,), ("a", "b", *("c" * 30,) * 40), ((long, long, *("1" * 30,) * 40),) * 500, 2, "note")
    lines = card.text().split("\n")
    assert len(lines) == MOST_ROWS + 5 and max(map(len, lines)) <= 250
    assert card.html().count("<tr>") == MOST_ROWS + 1 and f"{500 - MOST_ROWS} more rows" in card.html()


def test_a_run_that_is_not_finished_says_so_and_does_not_raise(runs, tmp_path):
    run = sc.run(runs["tiny"].study, tmp_path, threads=2, shard="2/2")
    assert "missing: 4 blocks" in repr(run) and "missing: 4 blocks" in run._repr_html_()


def test_studies_and_fits_are_short(runs):
    told = repr(runs["tiny"].study)
    assert told.startswith("tiny: A tiny study\nlocation, seed 5, 2,000 replications per cell") and "l2, l1" in told
    beta, residuals = np.array([1.25, -2.5]), np.zeros(5000)
    fit = RegressionFit(beta, 1.5, "ok", 7, residuals, residuals, np.array([0.123, 0.456]))
    assert repr(fit) == (
        "Fit of 5000 responses: ok, iterations 7, scale 1.5\n"
        "   estimate  std. error\n0      1.25        0.12\n1      -2.5        0.46"
    )
    assert "5000 responses" in fit._repr_html_() and "-2.5" in fit._repr_html_()
    assert "\n0       nan" in repr(RegressionFit(beta * np.nan, None, "rank_deficient", 0, residuals, None, None))
    assert repr(sc.fit([1, 2, 9], loss="l1")) == "Fit(estimate=2.0, scale=None, status='ok', iterations=0)"
