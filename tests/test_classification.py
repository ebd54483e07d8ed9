"""The sigmoid in exact numbers, fits in plain NumPy on the kernel's own data sets, and what the theory says of both."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import simcore as sc
from simcore import design, execute, recipes, softmax, summaries, sums, trial_kernels
from simcore.lanes import WIDTH, splat
from simcore.registry import plugins
from tests.running import assert_same_bits, data_sets, fitted

ORACLE = json.loads((Path(__file__).parent / "oracles" / "sigmoid.json").read_text())
ESTIMATORS = [
    {"estimator": "cross_entropy", "steps": 60, "tolerance": 0.02, "label": "ce"},
    {"estimator": "squared_error", "steps": 60, "tolerance": 0.02, "label": "se"},
]


def study(replications=2000, estimators=ESTIMATORS, **factors):
    given = {"n": [12], "errors": [{"distribution": "gumbel"}]} | factors
    return sc.Study(
        name="c", problem="classification", seed=7, replications=replications, factors=given, estimators=estimators
    )


def table_of(own):
    parts = []
    for cell, block in zip(design.cells(own), design.missing(own, {}), strict=True):
        nodes = execute.run_block(own, cell, block).nodes
        parts.append((cell, sums.total(nodes, design.chunk_size(cell.size)), None))
    return summaries.summarise(own, parts)


@pytest.mark.parametrize("row", ORACLE["gradients"], ids=lambda row: f"z={row['z']}")
def test_gradients_of_the_sigmoid(row):
    """By the difference of two logits, the label being the first class: half of it by each."""
    z, k = float(row["z"]), 0 if row["y"] == 1 else 1
    p = np.empty((2, WIDTH))
    softmax.probabilities(np.ones((2, WIDTH)), 0, np.array([z, 0.0, 0.0, 0.0])[:, None] * np.ones(WIDTH), 2, p)
    assert np.allclose(p[0], float(row["p"]), rtol=1e-15, atol=0)
    for pull, name in ((softmax.squared_pull, "grad_squared_2"), (softmax.cross_entropy_pull, "grad_cross_entropy")):
        y = [splat(float(j == k)) for j in range(2)]
        total = p[0] * (p[0] - y[0]) + p[1] * (p[1] - y[1])
        forces = [pull(p[j], y[j], total) for j in range(2)]
        assert np.allclose(forces[0], float(row[name]), rtol=4e-15 / min(p[0, 0], p[1, 0]), atol=0)
        assert np.allclose(forces[0], -forces[1], rtol=1e-9, atol=0)


@pytest.mark.parametrize("row", ORACLE["steps"], ids=lambda row: f"z0={row['z0']}")
@pytest.mark.parametrize("name, short", [("squared_error", "se"), ("cross_entropy", "ce")])
def test_steps_of_the_sigmoid(row, name, short):
    """One observation whose feature is 1 for its own class: with rate 1/2 the logit takes steps of rate 1."""
    fit = trial_kernels.fit_function(name, plugins("estimators")[name].fit, (), True)
    x = np.zeros((6, WIDTH))  # a feature of each class and the label, to fit and to test
    x[0] = 1.0
    steps = int(row[f"steps_{short}"])

    def descend(most):
        numbers = trial_kernels.fit_numbers(6, 5, (2.0, 1.0, row["z0"], 0.5, most, 0.0))
        return fitted(fit, x, 1, numbers, softmax.scratch_rows(2))

    values, work = descend(steps)
    assert np.all(values[3] == steps)
    reached = work[0] - work[2]  # the weights that the feature meets
    assert np.allclose(reached, float(row[f"z_final_{short}"]), rtol=1e-9, atol=0)
    assert np.all(descend(steps - 1)[0][3] == steps)  # one more than all


def slow_fit(x, labels, classes, start, squared, steps, tolerance):
    """One data set in plain NumPy: (weights, norm at the start, steps, converged)."""
    w, y = start * np.eye(classes), np.eye(classes)[labels]
    first, better = None, None
    for step in range(steps + 1):
        logits = x @ w.T
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        force = p - y
        if squared:
            force = p * (force - (p * force).sum(axis=1, keepdims=True))
        g = force.T @ x / len(x)
        norm = math.sqrt((g * g).sum())
        first = norm if first is None else first
        if better is None and (p * y).sum() / len(x) > 1.0 / classes:
            better = step
        if norm <= tolerance or step == steps:
            converged = norm <= tolerance and better is not None
            return w, first, steps + 1 if better is None else better, converged
        w = w - g


@pytest.mark.parametrize("classes", [2, 3])
def test_every_fit_is_that_of_numpy(classes):
    """On eight data sets as the kernel draws them, labels flipped too."""
    own = study(8, classes=[classes], start=[-1.5], contamination=[{"kind": "flip", "fraction": 0.3}])
    (cell,), n = design.cells(own), 12
    (rows,) = data_sets(recipes.kernel_cell(own, cell), 1)
    estimates = execute.run_block(own, cell, design.missing(own, {})[0], keep=True).estimates.reshape(2, 5, WIDTH)
    for lane in range(WIDTH):
        x, labels = rows[: n * classes, lane].reshape(n, classes), rows[n * classes : n * (classes + 1), lane]
        test = rows[n * (classes + 1) :, lane]
        new, expected = test[: n * classes].reshape(n, classes), test[n * classes : n * (classes + 1)]
        for e, squared in enumerate((False, True)):
            w, first, steps, converged = slow_fit(x, labels.astype(int), classes, -1.5, squared, 60, 0.02)
            slope = np.trace(w) / classes - (w.sum() - np.trace(w)) / (classes * classes - classes)
            accuracy = np.mean(np.argmax(new @ w.T, axis=1) == expected)
            found = estimates[e, :, lane]
            assert np.allclose(found, [slope, accuracy, converged, steps, first], rtol=1e-10, atol=1e-13)


def test_labels_follow_the_utilities_and_flips_their_share():
    """With Gumbel errors P(label = k) is the softmax of the utilities; flips go evenly to the others."""
    own = study(64, classes=[4], n=[500], contamination=[{"kind": "none"}, {"kind": "flip", "fraction": 0.3}])
    clean, flipped = (data_sets(recipes.kernel_cell(own, cell), 4) for cell in design.cells(own))
    x, labels = clean[:, :2000].reshape(4, 500, 4, WIDTH), clean[:, 2000:2500]
    u = np.exp(2.0 * x)
    p = u / u.sum(axis=2, keepdims=True)
    hits = labels[:, :, None] == np.arange(4)[None, None, :, None]
    for k in range(4):
        z = (hits[:, :, k] - p[:, :, k]).sum() / math.sqrt((p[:, :, k] * (1 - p[:, :, k])).sum())
        assert abs(z) < 4.5
    assert np.array_equal(labels, _labels_of(clean))
    moved = (flipped[:, 2000:2500] - _labels_of(flipped)) % 4
    for step, expected in enumerate((0.7, 0.1, 0.1, 0.1)):
        share = np.mean(moved == step)
        assert abs(share - expected) < 4.5 * math.sqrt(expected * (1 - expected) / moved.size)


def _labels_of(rows):
    """The labels before any flip, from the utilities that stand behind the data sets."""
    x, errors = rows[:, :2000].reshape(4, 500, 4, WIDTH), rows[:, 5000:7000].reshape(4, 500, 4, WIDTH)
    return np.argmax(2.0 * x + errors, axis=2)


def test_the_vanishing_gradient():
    """From a confidently wrong start squared error has less gradient, takes more steps and converges less often, and
    from a start without opinion cross-entropy's gradient is exactly twice as long; large samples find the slope."""
    table = table_of(study(2000, start=[0.0, -5.0], n=[60])).set_index(["start", "parameter", "measure", "estimator"])

    def mean(start, quantity):
        return [table.loc[(start, quantity, "mean", name)]["value"] for name in ("ce", "se")]

    ce, se = mean(0.0, "gradient_norm")
    assert math.isclose(ce, 2.0 * se, rel_tol=1e-12)
    ce, se = mean(-5.0, "gradient_norm")
    assert se < 0.1 * ce
    ce, se = mean(-5.0, "steps")
    assert se > 5.0 * ce
    ce, se = mean(-5.0, "converged")
    assert se < 0.9 * ce


def test_what_the_table_says_of_quantities():
    """Measures of errors for what has a true value, the mean for what has none; a share has Wilson's interval."""
    table = table_of(study(500)).set_index(["parameter", "measure", "estimator"])
    slope, accuracy, converged = table.loc["slope"], table.loc["accuracy"], table.loc["converged"]
    assert set(slope["truth"]) == {2.0} and accuracy["truth"].isna().all()
    assert "mean" not in slope.index and not {"bias", "mse", "efficiency"} & set(accuracy.index.get_level_values(0))
    share = converged.loc[("mean", "ce")]
    centre = (share["low"] + share["high"]) / 2.0
    assert 0.0 <= share["low"] < share["value"] < share["high"] <= 1.0
    assert abs(centre - 0.5) < abs(share["value"] - 0.5)  # drawn to the middle
    assert slope.loc[("bias", "ce")]["status"] == "ok"


def test_bits_do_not_depend_on_threads_cuts_or_compilation():
    own = study(700, classes=[3], start=[-2.0], contamination=[{"kind": "flip", "fraction": 0.2}])
    assert_same_bits(own, 700, (0, 128, 640))


def test_the_slope_has_a_true_value_where_the_model_is_true():
    """Under Gumbel errors that of the utilities in units of their scale; else there is none to be biased from."""
    errors = [{"distribution": "gumbel", "scale": 2.0}, {"distribution": "normal"}]
    to_the_end = [{"estimator": "cross_entropy", "label": "ce", "tolerance": 1e-4}]
    table = table_of(study(512, to_the_end, n=[400], errors=errors))
    table = table.set_index(["errors", "parameter", "measure", "estimator"])
    row = table.loc[("gumbel(scale=2)", "slope", "bias", "ce")]
    assert row["truth"] == 1.0 and abs(row["value"]) < 4.5 * row["mcse"] + 8.0 / 400.0
    assert ("normal", "slope", "bias", "ce") not in table.index
    assert table.loc[("normal", "slope", "mean", "ce")]["value"] > 2.2


def test_a_vanished_gradient_has_not_converged():
    """From a start so wrong that squared error sees no slope at all."""
    table = table_of(study(200, start=[-60.0])).set_index(["parameter", "measure", "estimator"])
    assert table.loc[("converged", "mean", "se")]["value"] == 0.0
    assert table.loc[("gradient_norm", "mean", "se")]["value"] < 0.02
