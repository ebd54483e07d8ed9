"""The examples of results/README.md run, and DuckDB, polars and pandas give the same answers."""

import re
from pathlib import Path

import duckdb
import pandas as pd
import pytest

import simcore as sc
from simcore import exports, scenario
from tests.test_cli import TINY
from tests.test_exports import KEPT

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "results" / "README.md").read_text()


def examples(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a run under the names of two studies."""
    folder = tmp_path_factory.mktemp("reading")
    text = TINY.replace('name = "tiny"', 'name = "quickstart"').replace("n = [5, 8]", "n = [10, 100]")
    sc.run(scenario.parse(text), folder / "results", threads=2)
    (folder / "results/heavy_tails").symlink_to(folder / "results/quickstart")
    return folder


@pytest.fixture
def table(folder, monkeypatch):
    """Its table, and the folder as the place where the examples run."""
    monkeypatch.chdir(folder)
    return pd.read_parquet("results/quickstart/summary.parquet")


def best(table):
    own = table[(table["measure"] == "mse") & table["value"].notna()]
    return own.loc[own.groupby("cell")["value"].idxmin()].set_index("cell")["estimator"].to_dict()


def test_duckdb(table):
    variances, first, against_n, joined, every = (duckdb.sql(query).df() for query in examples("sql"))
    own = table[(table["measure"] == "variance") & table["mcse"].notna()]
    assert variances["mcse"].tolist() == pytest.approx((own["n"] * own["mcse"]).tolist(), rel=1e-15)
    assert first.set_index("cell")["estimator"].to_dict() == best(table)
    own = table[table["measure"] == "efficiency"].set_index(["errors", "estimator", "n"])["value"]
    for row in against_n.itertuples():
        for n, got in zip((10, 100), row[3:], strict=True):
            want = own[row.errors, row.estimator, n]
            assert pd.isna(got) and pd.isna(want) or got == pytest.approx(want, abs=5e-4)
    assert len(against_n) == table.groupby(["errors", "estimator"]).ngroups
    assert len(joined) == (table["measure"] == "median_abs_error").sum() and (joined["sigmas"] == 0).all()
    assert every[["study", "cells", "replications"]].to_numpy().tolist() == [["quickstart", 4, 2000]]


def test_pandas_and_polars(table):
    frames, polars = ({}, {})
    for names, code in zip((frames, polars), examples("python"), strict=True):
        exec(code, names)
    wide = frames["wide"]
    assert len(wide) == table.groupby(["cell", "estimator"]).ngroups
    assert wide["variance"].isna().sum() == table[table["measure"] == "variance"]["value"].isna().sum() > 0
    rows = polars["best"].select("cell", "estimator").rows()
    assert dict(rows) == best(table) and [cell for cell, _ in rows] == sorted(best(table))
    own = table[table["measure"] == "efficiency"].set_index(["errors", "estimator", "n"])["value"]
    for errors, estimator, *got in polars["against_n"].select("errors", "estimator", "10", "100").rows():
        assert [None if pd.isna(own[errors, estimator, n]) else own[errors, estimator, n] for n in (10, 100)] == got
    assert len(polars["both"]) == len(table) and polars["both"]["value"].equals(polars["both"]["value_other"])


def test_the_r_of_the_readme_is_what_export_says():
    study = scenario.parse(KEPT.replace("n = [5]", "n = [5, 8]"))
    assert "\n".join(exports.in_r(study, "estimates.csv")) == examples("r")[1].strip()
