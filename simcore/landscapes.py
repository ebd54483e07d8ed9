"""The loss of a small network on a plane through three of its minima; of a linear model, a bowl.

Use `network_surface`; `surface_figures` draws what it returns. The models and their loss are those of `hidden_layer`.
"""

import functools

import numpy as np

from simcore import basins, fitting, jit, scenario, trial_kernels
from simcore.errors import UsageError
from simcore.hidden_layer import MODELS, evaluate_with, held_rows, point_rows, scratch_rows, weight_count
from simcore.lanes import WIDTH, store
from simcore.registry import plugins
from simcore.surfaces import LossSurface

_MARGIN = 0.25  # beyond the three points
_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.875]])  # where they stand, of about the same sides
_RANGES = {"hidden": (1, 20), "starts": (3, 1000), "points": (3, 501)}
evaluate = None  # open name of `_evaluate_all`: of a loss


def network_surface(
    y, x, model, hidden=3, loss="l2", scale=None, decay=1e-4, starts=64, reach=3.0, seed=1, points=61, **loss_parameters
):
    """The mean loss of a model of responses y at x on a plane through its lowest minima, as a `LossSurface`.

    model, hidden, loss, scale, decay, starts, reach: as in a scenario of `network`; seed: of the starts. points: on
    each axis. The plane goes through the lowest minimum and the two next ones with other losses, in place of those that
    are not there through starts. The first stands at (0, 0), the second at (1, 0), the third at (0.5, 0.875).

    values, gradient, hessian and smallest_eigenvalues are by these coordinates; coefficients are the weights of the
    lowest minimum; curvatures holds the smallest and the largest eigenvalue of the Hessian by all weights in each
    minimum, of relu along creases, which are curved and not told. Raises UsageError where arguments cannot be meant.
    """
    own = {} if scale is None else {"scale": scale}
    choice = scenario.estimator({"loss": loss, **own, **loss_parameters}, "network")
    x, y = fitting.checked_sample(x, "x"), fitting.checked_sample(y, "y")
    if len(x) != len(y):
        raise UsageError(f"x: must have a value for each of the {len(y)} responses (got {len(x)})")
    if model not in MODELS:
        raise UsageError(f"model: must be {', '.join(MODELS)} (got {model!r})")
    given = zip(_RANGES.items(), (hidden, starts, points), strict=True)
    hidden, starts, points = (fitting.checked_whole(name, value, *ends) for (name, ends), value in given)
    settings = MODELS.index(model), hidden, decay, 1.0, 0.0, 0.0, 0.0, 0.0
    numbers = (*settings, *plugins("problems")["network"].numbers(choice, len(x)))
    begun = reach * np.random.default_rng(seed).standard_normal((starts, weight_count(settings[0], hidden)))
    minima = _minima(x, y, choice, numbers, begun)
    corners = [*(weights for weights, _ in minima[:3]), *begun][:3]
    ways = np.linalg.solve(_CORNERS[1:], np.array(corners[1:]) - corners[0])
    axes = tuple(np.linspace(-_MARGIN, most + _MARGIN, points) for most in _CORNERS.max(axis=0))
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    values, _, hessians = _evaluated(x, y, choice, numbers, corners[0] + grid @ ways)
    loss, (slope,), (curved,) = _evaluated(x, y, choice, numbers, corners[:1])
    smallest, size = np.linalg.eigvalsh(ways @ hessians @ ways.T).T
    smallest[np.abs(smallest) <= basins.FLAT * size] = 0.0
    return LossSurface(
        label=f"{model}, {choice.label}",
        parameters=(0, 1),
        names=("towards the second", "towards the third"),
        axes=axes,
        values=values.reshape(points, points),
        smallest_eigenvalues=smallest.reshape(points, points),
        coefficients=corners[0],
        value=float(loss[0]),
        gradient=ways @ slope,
        hessian=ways @ curved @ ways.T,
        scale=choice.scale or 1.0,
        status="ok",
        minima=_CORNERS[: len(minima)],
        curvatures=np.array([np.linalg.eigvalsh(_whole_matrix(half))[[0, -1]] for _, half in minima[:3]]),
        creases=np.empty((0, 3)),
    )


def _minima(x, y, choice, numbers, begun):
    """(weights, lower half of the Hessian) of the minima with different losses that are found, the lowest first."""
    (starts, count), n = begun.shape, len(x)
    fit, open_names = plugins("problems")["network"].fit(choice)
    fit = trial_kernels.fit_function(choice.name, fit, open_names, jit.enabled())
    data, values = 2 * n + count, 8
    numbers = trial_kernels.fit_numbers(data, values, numbers)
    found = []
    for first in range(0, starts, WIDTH):
        rows = np.zeros((data + values + 1 + basins.scratch_rows(n, count, int(numbers[3]), 1), WIDTH))
        rows[: 2 * n] = np.concatenate([x, y])[:, None]
        rows[2 * n : data] = begun[np.minimum(np.arange(first, first + WIDTH), starts - 1)].T
        jit.driver(trial_kernels.fit_data)(fit, rows, n, numbers[None])
        of = rows[data : data + values]
        ends = rows[data + values + 1 :].T
        found += [(of[3, k], ends[k, :count], ends[k, 2 * count :]) for k in range(WIDTH) if of[0, k] == 1.0]
    found.sort(key=lambda end: end[0])
    kept = []
    for end in found:
        if not kept or end[0] - kept[-1][0] > max(basins.SAME * end[0], basins.SAME_AT_LEAST):
            kept.append(end)
    if not kept:
        raise UsageError("starts: none of them came to rest in a minimum; give more, or a positive decay")
    return [(weights, half[: count * count].reshape(count, count)) for _, weights, half in kept]


def _evaluated(x, y, choice, numbers, weights):
    """(losses, gradients, Hessians) at weights (k, count)."""
    weights = np.asarray(weights)
    (k, count), n, hidden = weights.shape, len(x), numbers[1]
    groups = -(-k // WIDTH)
    points = np.zeros((groups, point_rows(n, count, hidden), WIDTH))
    padded = np.zeros((groups * WIDTH, count))
    padded[:k] = weights
    points[:, :count] = padded.reshape(groups, WIDTH, count).transpose(0, 2, 1)
    for point in points:
        held_rows(point, count)[:hidden] = -1.0
    losses, work = np.zeros((groups, WIDTH)), np.zeros((scratch_rows(n, count), WIDTH))
    wide = [np.tile(values[:, None], WIDTH) for values in (x, y)]
    with np.errstate(all="ignore"):
        _evaluator(choice.loss)(*wide, n, np.array([*numbers, 0.0]), points, work, losses)
    flat = points.transpose(0, 2, 1).reshape(groups * WIDTH, -1)[:k]
    halves = flat[:, 2 * count : 2 * count + count * count].reshape(k, count, count)
    return losses.reshape(-1)[:k], flat[:, count : 2 * count], _whole_matrix(halves)


def _whole_matrix(half):
    """A symmetric matrix from its lower half."""
    return np.tril(half) + np.swapaxes(np.tril(half, -1), -1, -2)


@functools.cache
def _evaluator(loss):
    own = evaluate_with(plugins("losses")[loss])
    return jit.driver(jit.rebound(_evaluate_all, f"_evaluate_all_{loss}", evaluate=own))


def _evaluate_all(x, y, n, p, points, work, losses):
    for group in range(points.shape[0]):
        store(losses, group, evaluate(x, y, n, p, points[group], work))
