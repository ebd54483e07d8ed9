"""Errors of numbers far off the truth, or hardly different: exact fractions of the kernel's own estimates, or none."""

import math
from fractions import Fraction

import pytest

import simcore as sc
from simcore import comparisons, design, execute, summaries, sums

REPLICATIONS = 160
OFFSETS = [0.0, 1e3, 1e4, 1e5, -1e6, 1e7, 1e9, 1e12]  # the estimates have a spread of about 0.3
MEASURES = ("mse", "rmse", "mae", "variance", "efficiency", "efficiency_mse")
CLOSE = 0.07  # what is known to an eighth has a root that is known to this part


def study_of(*estimators):
    return sc.Study(
        name="far",
        problem="location",
        seed=4,
        replications=REPLICATIONS,
        factors={"n": [12], "errors": [{"distribution": "student_t", "df": 9}]},
        estimators=list(estimators) or [{"loss": "l2"}, {"loss": "l1"}],
        variance_reduction="none",
    )


def results(monkeypatch, study, offset, scale=1.0):
    """(parts for a table, errors of each estimator as fractions), all estimates a known number away from the truth."""
    (cell,) = design.cells(study)
    monkeypatch.setattr(design, "measured_against", lambda study, cell: [-offset] * len(study.estimators))
    result = execute.run_block(study, cell, design.Block(0, cell.key, 0, REPLICATIONS), keep=True)
    total = sums.total(result.nodes, design.chunk_size(cell.n))
    return [(cell, total, None)], [[Fraction(e) for e in own.tolist()] for own in result.estimates + offset]


def mean(values):
    return sum(values) / len(values)


def spread(values):
    """The standard deviation, divisor R, of fractions."""
    return math.sqrt(mean([x * x for x in values]) - mean(values) ** 2)


def exact_error(measure, e, f, value):
    """By delta methods from all errors e, and f of the reference."""
    about = [[(x - mean(own)) ** 2 for x in own] for own in (e, f)]
    squares, sizes, count = [[x * x for x in own] for own in (e, f)], [abs(x) for x in e], len(e)
    if measure in ("mse", "rmse"):
        error = spread(squares[0]) / math.sqrt(count - 1)
        return error if measure == "mse" else error / (2 * math.sqrt(mean(squares[0])))
    if measure == "mae":
        return spread(sizes) / math.sqrt(count - 1)
    if measure == "variance":
        return spread(about[0]) * math.sqrt(count) / (count - 1)
    own, other = about if measure == "efficiency" else squares
    known = Fraction(value)
    return spread([y - known * x for x, y in zip(own, other, strict=True)]) / float(mean(own)) / math.sqrt(count)


@pytest.mark.parametrize("offset", OFFSETS)
def test_errors_are_exact_or_not_shown(monkeypatch, offset):
    """Of l1, the reference l2; a value whose error is hidden stands there without one."""
    study = study_of()
    parts, (other, own) = results(monkeypatch, study, offset)
    table = summaries.summarise(study, parts)
    rows = table[table["estimator"] == "l1"].set_index("measure")
    for measure in MEASURES:
        row = rows.loc[measure]
        if row["status"] == "ok":
            expected = exact_error(measure, own, other, row["value"])
            assert row["mcse"] == pytest.approx(expected, rel=CLOSE), (measure, row["mcse"], expected)
            assert row["low"] <= row["value"] <= row["high"]
        else:
            assert row["status"] in ("mcse_undefined", "insufficient") and row[["mcse", "low", "high"]].isna().all()
    assert (rows.loc[["mse", "rmse", "mae"], "status"] == "ok").all(), "what is known is shown"
    if abs(offset) <= 1e6:
        assert rows.loc["efficiency_mse", "status"] == "ok"
    if abs(offset) <= 1e5:
        assert rows.loc["variance", "status"] == "ok"
    if abs(offset) >= 1e9:
        assert rows.loc["efficiency_mse", "status"] == "mcse_undefined" and rows.loc["efficiency_mse", "value"] > 0.0


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("measure", ["mse", "mae", "variance"])
def test_comparisons_are_exact_or_not_shown(monkeypatch, measure, offset):
    study = study_of()
    parts, (e, f) = results(monkeypatch, study, offset)
    row = comparisons.compare(study, parts, measure).iloc[0]
    loss = {"mse": lambda x, _: x * x, "mae": lambda x, _: abs(x), "variance": lambda x, centre: (x - centre) ** 2}[
        measure
    ]
    paired = [loss(x, mean(e)) - loss(y, mean(f)) for x, y in zip(e, f, strict=True)]
    if row["status"] == "ok":
        assert row["mcse"] == pytest.approx(spread(paired) / math.sqrt(REPLICATIONS - 1), rel=CLOSE)
    else:
        assert row["status"] in ("mcse_undefined", "insufficient") and row[["mcse", "low", "high"]].isna().all()
    assert row["status"] == "ok" or abs(offset) > (1e3 if measure == "variance" else 1e6)


@pytest.mark.parametrize("offset", OFFSETS)
def test_one_estimator_under_two_names(monkeypatch, offset):
    """Estimates that are the same to the bit differ by 0 exactly; an error below rounding is not shown as one."""
    study = study_of(
        {"loss": "l1"}, {"loss": "quantile", "tau": 0.5}, {"loss": "huber", "k": 40.0, "scale": 1.0}, {"loss": "l2"}
    )
    parts, (one, same, *near) = results(monkeypatch, study, offset)
    table = comparisons.compare(study, parts, "mse").set_index(["estimator", "other"])
    if one == same:
        row = table.iloc[0]
        assert (row["difference"], row["mcse"], row["verdict"]) == (0.0, 0.0, "within error")
    row = table.iloc[-1]
    assert row["verdict"] == "within error"
    if row["status"] == "ok":
        expected = spread([x * x - y * y for x, y in zip(*near, strict=True)]) / math.sqrt(REPLICATIONS - 1)
        assert row["mcse"] == pytest.approx(expected, rel=CLOSE)
