"""Bias and variance against exact values: every cell of the oracle within 4.5 of our own standard errors.

With about 150 comparisons and a correct engine, one beyond 4.5 happens in one of a thousand choices of the seed.
"""

import csv
import math
from pathlib import Path

import pytest

import simcore as sc
from simcore import design, execute, summaries

ROWS = list(csv.DictReader((Path(__file__).parent / "oracles" / "exact_moments.csv").read_text().splitlines()))
REPLICATIONS = 400_000
LIMIT = 4.5
# n * variance as n grows (Huber & Ronchetti 2009, section 4.5; quadrature): scale known
ASYMPTOTIC = {
    ("normal", "huber(k=1.345, scale=1)"): 1.052631291188037,
    ("normal", "tukey(c=4.685, scale=1)"): None,
    ("normal", "hodges_lehmann"): 1.047197551196598,
    ("normal", "trimmed_mean(proportion=0.1)"): 1.060397748363866,
    ("normal", "l1"): 1.570796326794897,
}


def entry(label, key):
    """The scenario entry that has this label."""
    name, _, rest = label.partition("(")
    pairs = (part.split("=") for part in rest.rstrip(")").split(", ") if part)
    return {key: name, **{k: float(v) for k, v in pairs}}


def table_of(study):
    merged = {}
    cells = design.cells(study)
    for block in design.blocks(study):
        assert block.count == study.replications
        merged[block.cell] = execute.run_block(study, cells[block.cell], block).sums
    return summaries.summarise(study, merged).set_index(["errors", "contamination", "n", "estimator", "measure"])


@pytest.fixture(scope="module")
def tables():
    result = {}
    for errors, bad in sorted({(row["errors"], row["contamination"]) for row in ROWS}):
        own = [row for row in ROWS if (row["errors"], row["contamination"]) == (errors, bad)]
        study = sc.Study(
            name="exact",
            problem="location",
            seed=20261122,
            replications=REPLICATIONS,
            factors={
                "n": sorted({int(row["n"]) for row in own}),
                "errors": [entry(errors, "distribution")],
                "contamination": [entry(bad, "kind")],
            },
            estimators=[
                entry(label, "estimator" if label.startswith("trimmed") else "loss")
                for label in sorted({row["estimator"] for row in own})
            ],
        )
        result[errors, bad] = table_of(study)
    return result


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(list(row.values())[:4]))
def test_bias_and_variance_are_exact_within_the_error(tables, row):
    key = (row["errors"], row["contamination"], int(row["n"]), row["estimator"])
    table = tables[key[:2]]
    for measure in ("bias", "variance"):
        got = table.loc[(*key, measure)]
        assert got["n_ok"] == REPLICATIONS
        if got["status"] in ("ok", "mcse_rough"):
            z = (got["value"] - float(row[measure])) / got["mcse"]
            assert abs(z) < LIMIT, (measure, got["value"], row[measure], z)
    assert table.loc[(*key, "mse")]["value"] == pytest.approx(
        table.loc[(*key, "variance")]["value"] * (1 - 1 / REPLICATIONS) + table.loc[(*key, "bias")]["value"] ** 2
    )


def test_the_mcse_of_the_variance_is_the_one_the_fourth_moment_gives(tables):
    for row in (row for row in ROWS if row["fourth_moment"]):
        got = tables[row["errors"], row["contamination"]].loc[
            (row["errors"], row["contamination"], int(row["n"]), row["estimator"], "variance")
        ]
        if got["status"] == "ok":
            variance, fourth = float(row["variance"]), float(row["fourth_moment"])
            assert got["mcse"] == pytest.approx(math.sqrt((fourth - variance**2) / REPLICATIONS), rel=0.05)


def test_a_large_sample_reaches_the_asymptotic_variance():
    n, labels = 2000, [label for (_, label), value in ASYMPTOTIC.items() if value]
    study = sc.Study(
        name="asymptotic",
        problem="location",
        seed=3,
        replications=16_384,
        factors={"n": [n], "errors": [{"distribution": "normal"}]},
        estimators=[
            entry(label, "estimator" if label.startswith(("trimmed", "hodges")) else "loss") for label in labels
        ],
    )
    table = table_of(study)
    for label in labels:
        got = table.loc[("normal", "none", n, label, "variance")]
        assert abs(got["value"] * n - ASYMPTOTIC["normal", label]) < LIMIT * got["mcse"] * n + 2 / n, label
