"""Small networks: exact Hessians, derivatives in sixty digits, SciPy's minima, least squares, minima that are some."""

import json
import math
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

import simcore as sc
from simcore import basins, design, execute, hidden_layer, recipes
from simcore.hidden_layer import MODELS, evaluate_with, held_rows, point_rows, weight_count
from simcore.lanes import WIDTH
from simcore.registry import plugins, resolved
from tests.oracles import network as oracle
from tests.running import assert_same_bits, data_sets, fitted, same_bits

EXACT = json.loads((Path(__file__).parent / "oracles" / "network.json").read_text())
L2 = {"loss": "l2"}
HUBER = {"loss": "huber", "k": 1.0, "scale": 0.5}
DEFAULTS = {name: resolved({p.name: p.default for p in loss.parameters}) for name, loss in plugins("losses").items()}
LOSSES = [name for name, loss in plugins("losses").items() if not loss.jumps(**DEFAULTS[name])]
QUANTITIES = ("minima", "best_found", "spread", "best_loss", "converged", "negative_start", "negative_way")
QUANTITIES += ("negative_end",)


def study(estimators=(L2,), replications=8, errors=None, **factors):
    errors = errors or {"distribution": "normal", "scale": 0.2}
    given = {name: [value] for name, value in ({"n": 12, "errors": errors} | factors).items()}
    fields = {"name": "n", "problem": "network", "seed": 3, "factors": given, "estimators": list(estimators)}
    return sc.Study(replications=replications, **fields)


def evaluated(model, hidden, weights, x, y, loss="l2", decay=0.0, scale=1.0, own=(), holds=None):
    """(loss, gradient, Hessian, slopes where held units are off, where they are on) at one point, in every lane."""
    n, count = len(x), weight_count(MODELS.index(model), hidden)
    point = np.zeros((point_rows(n, count, hidden), WIDTH))
    point[:count] = np.asarray(weights, float)[:, None]
    held = held_rows(point, count)
    held[:hidden] = -1.0
    for j, i in (holds or {}).items():
        held[j], held[hidden + j] = i, x[i]
    p = np.array([MODELS.index(model), hidden, decay, 0, 0, 0, 0, 0, scale, *own, 0.0])
    work = np.zeros((hidden_layer.scratch_rows(n, count), WIDTH))
    wide = [np.tile(np.asarray(values, float)[:, None], WIDTH) for values in (x, y)]
    found = evaluate_with(plugins("losses")[loss])(*wide, n, p, point, work)
    half = point[2 * count :][: count * count, 0].reshape(count, count)
    slopes = held[2 * hidden : 4 * hidden, 0].reshape(2, hidden)
    return found[0], point[count : 2 * count, 0], np.tril(half) + np.tril(half, -1).T, *slopes


def run(own, groups=1):
    """(values of each estimator (numbers, replications) as arrays, all data sets) of the only cell of a study."""
    (cell,) = design.cells(own)
    block = design.Block(0, cell.key, 0, groups * WIDTH)
    estimates = execute.run_block(own, cell, block, keep=True).estimates
    values = estimates.reshape(len(own.estimators), len(QUANTITIES), -1)
    return values, data_sets(recipes.kernel_cell(own, cell), groups)


def ends(own, rows, estimator=0):
    """(values, losses of the minima that the starts end in, ascending, the weights where the last start ends), of one
    lane group of data sets."""
    (cell,) = design.cells(own)
    kernel, n = recipes.kernel_cell(own, cell), cell.n
    values, work = fitted(kernel.fits[estimator], rows, n, kernel.fit_numbers[estimator], kernel.scratch)
    hidden, starts = int(cell.setting["hidden"]), int(cell.setting["starts"])
    count = weight_count(MODELS.index(cell.setting["model"]), hidden)
    at = 2 * point_rows(n, count, hidden) + count * (count + 1)
    return values, work[at : at + starts], work[:count]


# Loss, gradient, Hessian


@pytest.mark.parametrize("row", EXACT, ids=lambda row: f"hidden={len(row['w'])}")
def test_exact_hessians(row):
    """Networks without b and c have those weights 0; the exact loss is the mean square, without its half."""
    w, v, x, y = ([float(number) for number in row[key]] for key in ("w", "v", "x", "y"))
    hidden = len(w)
    loss, gradient, hessian, *_ = evaluated("tanh", hidden, [*w, *v, *(0.0,) * hidden, 0.0], x, y)
    own = slice(0, 2 * hidden)
    assert 2.0 * loss == pytest.approx(float(row["loss"]), rel=1e-15)
    assert 2.0 * gradient[own] == pytest.approx(np.array(row["gradient"], float), rel=1e-13, abs=1e-16)
    assert 2.0 * hessian[own, own] == pytest.approx(np.array(row["hessian"], float), rel=1e-13, abs=1e-16)
    spectrum = np.linalg.eigvalsh(2.0 * hessian[own, own])
    assert spectrum == pytest.approx(np.array(row["eigenvalues"], float), rel=1e-12)
    assert row["indefinite"] == bool(spectrum[0] < 0.0 < spectrum[-1])


def model_in_digits(model, hidden, weights, x):
    if model == "linear":
        return sum(weight * mp.legendre(k, x) for k, weight in enumerate(weights))
    h = mp.tanh if model == "tanh" else lambda u: max(u, mp.mpf(0))
    units = (weights[hidden + j] * h(weights[j] * x + weights[2 * hidden + j]) for j in range(hidden))
    return sum(units) + weights[-1]


def derivatives_in_digits(function, weights):
    """Gradient and Hessian of a function by differences of 1e-15 in 60 digits, so that errors are below 1e-25."""
    count, step = len(weights), mp.mpf(10) ** -15

    def at(*moves):
        moved = list(weights)
        for k, sign in moves:
            moved[k] += sign * step
        return function(moved)

    gradient = [(at((k, 1)) - at((k, -1))) / (2 * step) for k in range(count)]
    hessian = [
        [
            (at((j, 1), (k, 1)) - at((j, 1), (k, -1)) - at((j, -1), (k, 1)) + at((j, -1), (k, -1))) / (4 * step**2)
            for k in range(count)
        ]
        for j in range(count)
    ]
    return np.array(gradient, float), np.array(hessian, float)


RNG = np.random.default_rng(5)
X, Y, WEIGHTS = RNG.uniform(-1, 1, 6), RNG.standard_normal(6), RNG.standard_normal(7)
RHO = {
    "l2": lambda r: r * r / 2,
    "huber": lambda r: r * r / 2 if abs(r) <= mp.mpf("0.7") else mp.mpf("0.7") * (abs(r) - mp.mpf("0.35")),
    "tukey": lambda r: mp.mpf(8) / 3 * (1 - (1 - min(1, (r / 4) ** 2)) ** 3),
}


@pytest.mark.parametrize("loss, own", [("l2", ()), ("huber", (0.7,)), ("tukey", (4.0,))])
@pytest.mark.parametrize("model", MODELS)
def test_derivatives(model, loss, own):
    """Of the whole loss with decay; nothing is near a kink. A Hessian without the second derivatives of f fails."""
    weights = WEIGHTS[: 3 if model == "linear" else 7]
    scale, decay = (1.0 if loss == "l2" else 0.5), 0.01
    with mp.workdps(60):
        s, d = mp.mpf(scale), mp.mpf(decay)

        def total(weights):
            f = (model_in_digits(model, 2, weights, mp.mpf(here)) for here in X)
            losses = (s * s * RHO[loss]((mp.mpf(y) - value) / s) for y, value in zip(Y, f, strict=True))
            return sum(losses) / len(X) + d / 2 * sum(weight * weight for weight in weights)

        exact = [mp.mpf(weight) for weight in weights]
        value, (gradient, hessian) = total(exact), derivatives_in_digits(total, exact)
    found = evaluated(model, 2, weights, X, Y, loss, decay, scale, own)
    size = np.abs(hessian).max()
    assert found[0] == pytest.approx(float(value), rel=1e-14)
    assert found[1] == pytest.approx(gradient, rel=1e-12, abs=1e-13 * size)
    assert found[2] == pytest.approx(hessian, rel=1e-12, abs=1e-13 * size)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_enters_by_psi_and_its_derivative(loss):
    """Chain rule with derivatives of f in digits, for each registered loss that a network can have."""
    plugin, scale, decay = plugins("losses")[loss], 0.5, 0.01
    own = tuple(DEFAULTS[loss].values())
    q, f = np.array([*own, 0.0]), oracle.output("tanh", 2, WEIGHTS, X)[0]
    z = np.tile(((Y - f) / scale)[:, None], WIDTH)
    verbs = plugin.rho, plugin.psi, plugin.psi_prime
    rho, pull, bend = (np.array([verb(row, q)[0] for row in z]) for verb in verbs)
    gradient, hessian = decay * WEIGHTS, decay * np.eye(7)
    with mp.workdps(60):
        weights = [mp.mpf(weight) for weight in WEIGHTS]
        for i, here in enumerate(X):
            at = mp.mpf(here)
            slope, curved = derivatives_in_digits(lambda w, at=at: model_in_digits("tanh", 2, w, at), weights)
            gradient = gradient - scale * pull[i] * slope / len(X)
            hessian = hessian + (bend[i] * np.outer(slope, slope) - scale * pull[i] * curved) / len(X)
    found = evaluated("tanh", 2, WEIGHTS, X, Y, loss, decay, scale, own)
    assert found[0] == pytest.approx(scale**2 * rho.mean() + 0.5 * decay * WEIGHTS @ WEIGHTS, rel=1e-13)
    assert found[1] == pytest.approx(gradient, rel=1e-11, abs=1e-12)
    assert found[2] == pytest.approx(hessian, rel=1e-11, abs=1e-12)


def test_derivatives_along_a_crease():
    """A relu unit that is held: b = -w x; to both sides of the crease the slopes by b are those without the hold."""
    weights, i, j = WEIGHTS.copy(), 3, 1
    weights[4 + j] = -weights[j] * X[i]
    found = evaluated("relu", 2, weights, X, Y, decay=0.01, holds={j: i})
    for side, slope in ((-1.0, found[3][j]), (1.0, found[4][j])):
        aside = weights.copy()
        aside[4 + j] += side * 1e-9
        assert slope == pytest.approx(evaluated("relu", 2, aside, X, Y, decay=0.01)[1][4 + j], rel=1e-7)
    along = np.delete(np.arange(7), 4 + j)
    with mp.workdps(60):

        def total(free):
            moved = np.insert(np.array(free, object), 4 + j, -free[j] * mp.mpf(X[i]))
            f = []
            for k, here in enumerate(X):
                inside = [moved[u] * mp.mpf(here) + moved[4 + u] for u in range(2)]
                on = [max(value, mp.mpf(0)) * (not (u == j and k == i)) for u, value in enumerate(inside)]
                f.append(moved[2] * on[0] + moved[3] * on[1] + moved[6])
            losses = sum((mp.mpf(y) - value) ** 2 / 2 for y, value in zip(Y, f, strict=True)) / len(X)
            return losses + mp.mpf(0.01) / 2 * sum(weight * weight for weight in moved)

        gradient, hessian = derivatives_in_digits(total, [mp.mpf(weight) for weight in weights[along]])
    assert found[1][along] == pytest.approx(gradient, rel=1e-12, abs=1e-13)
    assert found[2][np.ix_(along, along)] == pytest.approx(hessian, rel=1e-12, abs=1e-13)
    assert found[1][4 + j] == 0.0 and np.array_equal(found[2][4 + j], np.eye(7)[4 + j])


# The linear model is a bowl


@pytest.mark.parametrize("errors", [{"distribution": "normal"}, {"distribution": "cauchy"}], ids=str)
def test_a_linear_model_has_one_minimum_and_no_negative_eigenvalue(errors):
    """Under every convex loss, whatever the errors and outliers; under L2 it is least squares."""
    bad = {"kind": "shift", "fraction": 0.2, "size": 30.0}
    own = study([L2, HUBER], errors=errors, contamination=bad, model="linear", hidden=3, decay=0, starts=5)
    values, rows = run(own, 4)
    minima, best_found, spread, best_loss, converged, *negative = values.transpose(1, 0, 2)
    assert np.all(minima == 1.0) and np.all(best_found == 1.0) and np.all(spread == 0.0) and np.all(converged == 1.0)
    assert not np.any(negative)
    for group in range(4):
        for lane in range(WIDTH):
            x, y = rows[group, :12, lane], rows[group, 12:24, lane]
            basis = np.polynomial.legendre.legvander(x, 3)
            r = y - basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
            assert best_loss[0, group * WIDTH + lane] == pytest.approx(0.5 * np.mean(r * r), rel=1e-10)


def test_the_weights_of_a_linear_model_are_least_squares():
    own = study(model="linear", hidden=4, decay=0, starts=1)
    _, (rows,) = run(own)
    _, _, weights = ends(own, rows)
    for lane in range(WIDTH):
        basis = np.polynomial.legendre.legvander(rows[:12, lane], 4)
        expected = np.linalg.lstsq(basis, rows[12:24, lane], rcond=None)[0]
        assert weights[:, lane] == pytest.approx(expected, abs=1e-7)


def test_a_loss_that_is_not_convex_makes_mountains_by_itself():
    """Tukey's under a third of outliers gives a straight line several minima."""
    bad = {"kind": "point", "fraction": 0.3, "at": 5.0}
    tukey = {"loss": "tukey", "scale": 0.2}
    own = study([tukey, L2], contamination=bad, model="linear", hidden=1, starts=16, waves=0)
    (many, one), _ = run(own, 4)
    assert many[0].mean() > 1.2 and many[6].mean() > 0.05
    assert np.all(one[0] == 1.0)


# A network is a mountain range


def test_scipy_finds_the_same_minima():
    """BFGS from starts of its own: one unit, so few minima that both find all of them."""
    own = study(n=15, model="tanh", hidden=1, starts=64, waves=2, decay=1e-3)
    _, (rows,) = run(own)
    values, finals, _ = ends(own, rows)
    rng = np.random.default_rng(11)
    assert values[0].max() > 1.0
    for lane in range(WIDTH):
        x, y = rows[:15, lane], rows[15:30, lane]
        twin = [oracle.trained("tanh", 1, 1e-3, 3.0 * rng.standard_normal(4), x, y) for _ in range(40)]
        expected = oracle.different(np.array(twin)[np.isfinite(twin)])
        assert oracle.different(finals[:, lane]) == pytest.approx(expected, rel=1e-7)
        assert values[0, lane] == len(expected)


def test_every_minimum_of_two_units_is_one_for_scipy():
    """From the weights where training ended BFGS does not move; the loss there is that of the table."""
    own = study(model="tanh", hidden=2, starts=1)
    _, (rows,) = run(own)
    values, _, weights = ends(own, rows)
    for lane in range(WIDTH):
        x, y = rows[:12, lane], rows[12:24, lane]
        loss, gradient = oracle.squares("tanh", 2, 1e-4, weights[:, lane], x, y)
        assert loss == pytest.approx(values[3, lane], rel=1e-13)
        assert np.linalg.norm(gradient) <= 1.01e-8
        assert oracle.trained("tanh", 2, 1e-4, weights[:, lane], x, y) == pytest.approx(loss, rel=1e-9)


@pytest.mark.parametrize("hidden", [1, 3])
def test_minima_of_relu_are_minima(hidden):
    """Nowhere around the weights where a start came to rest is the loss lower, though some are in creases, where no
    gradient vanishes; around other points it is lower at once."""
    own = study(n=12, model="relu", hidden=hidden, starts=1)
    _, groups = run(own, 6)
    rng, creased = np.random.default_rng(3), 0
    for rows in groups:
        values, _, weights = ends(own, rows)
        for lane in np.flatnonzero(values[0] == 1.0):
            x, y, here = rows[:12, lane], rows[12:24, lane], weights[:, lane]
            if np.abs(here[:-1]).reshape(3, hidden).max(axis=0).min() < 1e-3:
                continue  # a unit that is off everywhere has decayed, and stays off
            loss, gradient = oracle.squares("relu", hidden, 1e-4, here, x, y)
            assert loss == pytest.approx(values[3, lane], rel=1e-12)
            creased += np.linalg.norm(gradient) > 1e-5
            for size in (1e-5, 1e-4, 1e-3):
                around = here + size * rng.standard_normal((100, len(here)))
                lowest = min(oracle.squares("relu", hidden, 1e-4, w, x, y)[0] for w in around)
                assert lowest > loss - 5e-8 * size - 1e-13  # at rest a slope may be 1e-8
            aside = here + 1e-2 * rng.standard_normal(len(here))
            around = aside + 1e-4 * rng.standard_normal((100, len(here)))
            now = oracle.squares("relu", hidden, 1e-4, aside, x, y)[0]
            assert min(oracle.squares("relu", hidden, 1e-4, w, x, y)[0] for w in around) < now - 1e-9
    assert creased > 8


@pytest.mark.parametrize("model, least", [("tanh", 3.0), ("relu", 5.0)])
def test_a_network_has_many_minima_and_indefinite_hessians(model, least):
    own = study([L2, HUBER], n=20, model=model, hidden=3, waves=4)
    values, _ = run(own, 4)
    minima, best_found, spread, best_loss, converged, start, way, end = values.mean(axis=2).T
    assert np.all(minima > least) and np.all(best_found < 0.5) and np.all(spread > 0.1 * best_loss)
    assert np.all(converged > 0.98) and np.all(start > 0.95) and np.all((way > 0.3) & (way < 1.0))
    assert np.all(end < 0.05)


def test_what_the_quantities_say_of_each_other():
    """Spread is 0 exactly where there is one minimum, and shares are of all starts."""
    own = study([L2, HUBER], n=20, model="tanh", hidden=1, waves=2)
    values, _ = run(own, 8)
    assert np.array_equal(values[:, 0] == 1.0, values[:, 2] == 0.0)
    shares = 16.0 * values[:, [1, 4, 5, 7]]
    assert np.array_equal(shares, np.round(shares)) and shares.min() >= 0.0 and shares.max() <= 16.0
    (cell,) = design.cells(own)
    assert tuple(quantity.name for quantity in cell.quantities) == QUANTITIES


def test_counting_minima():
    """Losses within a millionth, or within 1e-10, are one; starts that ended in no minimum count for none."""
    inf = math.inf
    columns = [
        ([3.0, 1.0, 1.0 + 5e-7, 3.0, inf], (2, 2, 2.0)),
        ([1.0, 1.0 + 2e-6, inf, inf, inf], (2, 1, 2e-6)),
        ([1e-20, 3e-12, 9e-11, 5e-11, 1e-13], (1, 5, 0.0)),
        ([inf, inf, inf, inf, inf], (0, 0, 0.0)),
        ([5.0, 4.0, 3.0, 2.0, 1.0], (5, 1, 4.0)),
    ]
    rows = np.zeros((8, WIDTH))
    for lane, (losses, _) in enumerate(columns):
        rows[:5, lane] = losses
    with np.errstate(invalid="ignore"):
        found = basins._count(rows, 5)
    for lane, (_, expected) in enumerate(columns):
        assert tuple(row[lane] for row in found) == pytest.approx(expected, rel=1e-9)


# Data, starts, bits


def test_data_sets():
    """x on the grid or uniform, y the curve and the errors, and normal starts of which none is like another."""
    x = (2.0 * np.arange(10) + 1.0) / 10 - 1.0
    sine = np.sin(3.0 * np.pi * x)
    for curve, expected in (("sine", sine), ("step", np.sign(sine))):
        factors = {"model": "tanh", "hidden": 2, "starts": 4, "reach": 2.0, "n": 10, "curve": curve}
        own = study(errors={"distribution": "uniform", "scale": 1e-9}, **factors)
        _, rows = run(own, 50)
        assert np.allclose(rows[:, :10], x[None, :, None], rtol=0, atol=1e-15)
        assert np.allclose(rows[:, 10:20], expected[None, :, None], rtol=0, atol=1e-8)
    _, rows = run(study(points="uniform", **factors), 50)
    count, drawn = rows[:, :10].size, rows[:, :10]
    assert np.abs(drawn).max() < 1.0 and abs(drawn.mean()) < 4.5 / math.sqrt(3 * count)
    assert abs((drawn**2).mean() - 1 / 3) < 4.5 * math.sqrt(4 / 45 / count)
    starts = rows[:, 20:].reshape(50, 4, 7, WIDTH) / 2.0
    assert rows.shape[1] == 20 + 28
    assert abs(starts.mean()) < 4.5 / math.sqrt(starts.size)
    assert abs((starts**2).mean() - 1.0) < 4.5 * math.sqrt(2 / starts.size)
    assert len(np.unique(starts)) == starts.size


@pytest.mark.parametrize("model, hidden", [("linear", 2), ("tanh", 1), ("relu", 1)])
def test_bits_do_not_depend_on_threads_cuts_or_compilation(model, hidden):
    own = study([L2, HUBER], n=4, model=model, hidden=hidden, starts=2, points="uniform", replications=200)
    assert_same_bits(own, 200, (0, 128))


def test_a_lane_does_not_know_its_neighbours():
    """The same data set in all lanes gives the same, whatever starts the others are at."""
    own = study(n=8, model="relu", hidden=2, starts=6)
    _, (rows,) = run(own)
    values, *_ = ends(own, rows)
    for lane in range(3):
        alone, *_ = ends(own, np.repeat(rows[:, lane : lane + 1], WIDTH, axis=1))
        assert same_bits(alone.copy(), np.repeat(values[:, lane : lane + 1], WIDTH, axis=1))


# What users meet


def test_losses_and_scales_that_cannot_be():
    with pytest.raises(sc.ScenarioError) as caught:
        quantiles = {"loss": "quantile", "tau": [0.3, 0.6]}
        study([{"loss": "l1"}, quantiles, {"loss": "huber"}, {"estimator": "mm"}], model="tanh")
    text = str(caught.value)
    assert text.count("its psi jumps") == 2 and "estimators[0].loss" in text and "estimators[1].loss" in text
    assert 'estimators[2].scale: is not for network (got "mad"), write a positive number: a known scale' in text
    assert "estimators[3].estimator" in text and "write a loss" in text
    with pytest.raises(sc.ScenarioError, match='"linear" or "tanh" or "relu"'):
        study(model="sigmoid")


def data(seed=3):
    x = (2.0 * np.arange(20) + 1.0) / 20 - 1.0
    return np.sin(4.0 * np.pi * x) + 0.2 * np.random.default_rng(seed).standard_normal(20), x


def test_the_landscape_of_a_linear_model_is_a_bowl():
    y, x = data()
    surface = sc.network_surface(y, x, "linear", hidden=2, decay=0.0, points=9, starts=8)
    assert surface.convex and len(surface.minima) == 1 and np.all(surface.smallest_eigenvalues > 0.0)
    basis = np.polynomial.legendre.legvander(x, 2)
    assert surface.coefficients == pytest.approx(np.linalg.lstsq(basis, y, rcond=None)[0], abs=1e-7)
    first, second = np.meshgrid(*surface.axes, indexing="ij")
    moves = np.stack([first, second], axis=-1).reshape(-1, 2)
    exact = surface.value + 0.5 * np.einsum("ki,ij,kj->k", moves, surface.hessian, moves)
    assert surface.values.ravel() == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("model", ["tanh", "relu"])
def test_the_landscape_of_a_network(model):
    """The corners are minima with the losses of NumPy, the lowest first, and between them the loss is bent down."""
    y, x = data()
    surface = sc.network_surface(y, x, model, hidden=2, points=15, starts=40)
    assert not surface.convex and len(surface.minima) == 3 and np.all(surface.curvatures[:, 0] > 0.0)
    assert surface.values.min() >= surface.value - 1e-12
    assert oracle.squares(model, 2, 1e-4, surface.coefficients, x, y)[0] == pytest.approx(surface.value, rel=1e-13)
    if model == "tanh":
        assert np.abs(surface.gradient).max() < 1e-6


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"model": "cubic"}, "model: must be"),
        ({"hidden": 0}, "hidden: must be from 1"),
        ({"points": 2}, "points: must be from 3"),
        ({"starts": 1.5}, "starts: must be a whole number"),
        ({"loss": "l1"}, "its psi jumps"),
        ({"loss": "huber"}, "known scale"),
        ({"x": np.zeros(3)}, "x: must have a value for each"),
    ],
    ids=str,
)
def test_mistakes_in_a_landscape(wrong, said):
    y, x = data()
    with pytest.raises(sc.SimcoreError, match=said):
        sc.network_surface(**{"y": y, "x": x, "model": "tanh"} | wrong)
