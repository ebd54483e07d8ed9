"""The total loss of a regression as a surface over two of its coefficients: where it is a bowl, creased, not convex.

Use `loss_surface`; `surface_figures` draws what it returns. The scale of the residuals is held fixed all over a
surface, and so are the other coefficients. Below, moves are places on it relative to its centre.
"""

import operator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simcore import choices, fitting, scenario
from simcore.errors import UsageError
from simcore.lanes import WIDTH
from simcore.registry import Loss, plugins

_POINTS = (3, 501)
_REACH = 4.0  # half the width of a default surface, in residual scales that the fitted values move
_BLOCK = 1 << 16  # residuals at a time: they and what is made of them stay in the cache
_MOST_STEPS = 300
_SAME = 1e-5  # of the extent: minima nearer than this are one
_PRODUCTS = ((0, 0), (0, 1), (1, 1))  # of two columns, in the order of a symmetric matrix held as three numbers


@dataclass(frozen=True, eq=False)
class LossSurface:
    """sum rho(residual / scale) over the data, as two coefficients vary and the others stay those of the centre.

    label: the loss with its parameters. parameters: the places of the two coefficients; names: what they are called.
    axes: their values, two float64 (points,). values: float64 (points, points), the first coefficient along the rows.
    smallest_eigenvalues: of the Hessian there, same shape; exactly 0 where only rounding is left. It is that of psi',
    which exists almost everywhere: a loss that is linear but for kinks has 0, its curvature is in the creases.
    coefficients: float64 (p,), the centre, with the value, gradient (2,) and Hessian (2, 2) there; where a residual
    is where psi jumps, the gradient is one of several. scale: what residuals were divided by. status: of the fit.
    minima: float64 (count, 2), the isolated local minima found inside, the lowest first; curvatures: float64
    (count, 2), the eigenvalues of the Hessian there, ascending. creases: float64 (n, 3), a row a, b, c for each line
    a * first + b * second = c on which a residual is where psi jumps; no rows if psi is continuous.
    """

    label: str
    parameters: tuple[int, int]
    names: tuple[str, str]
    axes: tuple[np.ndarray, np.ndarray]
    values: np.ndarray
    smallest_eigenvalues: np.ndarray
    coefficients: np.ndarray
    value: float
    gradient: np.ndarray
    hessian: np.ndarray
    scale: float
    status: str
    minima: np.ndarray
    curvatures: np.ndarray
    creases: np.ndarray

    @property
    def eigenvalues(self):
        """Of the Hessian at the centre, float64 (2,), ascending."""
        (a, b), (_, c) = self.hessian
        return np.array(_eigenvalues(a, b, c))

    @property
    def convex(self):
        """Whether no Hessian on the grid has a negative eigenvalue. (Creases of a loss bend upwards.)"""
        return bool((self.smallest_eigenvalues >= 0.0).all())


class _Plane(NamedTuple):
    """The data as seen from the centre: residuals (n,), the two columns (n, 2), and the loss that judges them."""

    residuals: np.ndarray
    columns: np.ndarray
    loss: Loss
    numbers: np.ndarray
    scale: float


@np.errstate(all="ignore")
def loss_surface(
    y, X, loss, parameters=(0, 1), intercept=True, scale=None, at=None, extent=None, points=61, **loss_parameters
):
    """The total loss of responses y over two coefficients of a regression on X, around the fit; see `LossSurface`.

    y, X, intercept, loss, loss_parameters: as in `fit`. parameters: places of the two in its estimate. scale: as in
    `fit`, the scale it finds being used all over the surface; a loss without one takes a positive number too (default
    1). at: float64 (p,), a centre other than the fit. extent: half the width of the surface, a number or one for each
    coefficient (default: as far as moves the fitted values by some 4 residual scales, 4 sqrt(n) standard errors of the
    coefficient). points: on each axis, 3 to 501; odd to have the centre among them. Raises UsageError where the
    arguments cannot be meant.
    """
    scaled = loss in plugins("losses") and plugins("losses")[loss].scaled
    known = {"scale": scale} if scaled and scale is not None else {}
    choice = scenario.estimator({"loss": loss, **loss_parameters, **known}, "linear")
    responses = fitting.checked_sample(y, "y")
    x = fitting.checked_design(X, len(responses), intercept)
    pair, points = _checked_pair(parameters, x.shape[1]), fitting.checked_whole("points", points, *_POINTS)
    plugin = plugins("losses")[choice.loss]
    own = {"loss": loss, **loss_parameters}
    fit = fitting.fit(responses, X=X, intercept=intercept, scale=scale if plugin.scaled else None, **own)
    scale = _checked_scale(plugin, scale, fit)
    centre = _checked_centre(at, fit)
    residuals, columns = responses - x @ centre, np.ascontiguousarray(x[:, pair])
    extent = _default_extent(fit, responses, columns, pair) if extent is None else _checked_extent(extent)
    offsets = extent[:, None] * (np.arange(1 - points, points, 2) / (points - 1))
    axes = tuple(centre[list(pair), None] + offsets)
    if not all((np.diff(axis) > 0.0).all() for axis in axes):
        raise UsageError(f"extent: {extent} is too little beside the centre {centre[list(pair)]} for {points} points")

    plane = _Plane(residuals, columns, plugin, np.array([*choice.values.values(), 0.0]), scale)
    moves = np.stack(np.meshgrid(*offsets, indexing="ij"), axis=-1).reshape(-1, 2)
    values = _values(plane, moves).reshape(points, points)
    if not np.isfinite(values).all():
        raise UsageError("y: the total loss is beyond the largest float64; give y and X in larger units")
    smallest = _spectra(plane, moves)[:, 0].reshape(points, points)
    if plugin.monotone(**choice.values):
        found = _lowest(plane, own | ({"scale": scale} if plugin.scaled else {}))
    else:
        found = _local_minima(plane, _pits(values, moves), extent)
    found = found[(np.abs(found) <= extent).all(axis=1)]
    here = np.zeros((1, 2))
    return LossSurface(
        label=choices.Choice("losses", choice.name, choice.parameters).label,
        parameters=pair,
        names=tuple(f"beta{k + (not intercept)}" for k in pair),
        axes=axes,
        values=values,
        smallest_eigenvalues=smallest,
        coefficients=centre,
        value=float(_values(plane, here)[0]),
        gradient=_gradients(plane, here)[0],
        hessian=_hessians(plane, here)[:, 0][[[0, 1], [1, 2]]],
        scale=scale,
        status=fit.status,
        minima=centre[list(pair)] + found,
        curvatures=_spectra(plane, found),
        creases=_creases(plane, centre[list(pair)], plugin.jumps(**choice.values)),
    )


# Checks and defaults


def _checked_pair(parameters, p):
    try:
        first, second = (operator.index(k) for k in parameters)
    except (TypeError, ValueError) as error:
        raise UsageError(f"parameters: must be the places of two coefficients (got {parameters!r})") from error
    if p < 2:
        raise UsageError("parameters: a surface needs two coefficients, the design has 1 column with the intercept")
    if first == second or not (0 <= first < p and 0 <= second < p):
        raise UsageError(f"parameters: must be two different places from 0 to {p - 1} (got {first}, {second})")
    return first, second


def _checked_scale(plugin, scale, fit):
    """What residuals are divided by: the scale of the fit, or of a loss that has none the number that was given."""
    if plugin.scaled:
        if not fit.scale:
            raise UsageError(f"scale: the fit has no positive one ({fit.status}); give a positive number")
        return fit.scale
    if scale is None:
        return 1.0
    rule = f"a positive number, for {plugin.name} finds no scale"
    return float(_checked_numbers(scale, "scale", (), rule, positive=True))


def _checked_centre(at, fit):
    if at is not None:
        return _checked_numbers(at, "at", fit.estimate.shape, f"{len(fit.estimate)} finite numbers, one a coefficient")
    if not np.isfinite(fit.estimate).all():
        raise UsageError(f"at: the fit has no coefficients to stand in the centre ({fit.status}); give some")
    return fit.estimate


def _checked_extent(extent):
    shape = (2,) if np.ndim(extent) else ()
    rule = "a positive number, or two of them"
    return np.broadcast_to(_checked_numbers(extent, "extent", shape, rule, positive=True), (2,))


def _checked_numbers(numbers, name, shape, rule, positive=False):
    try:
        found = np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}: must be {rule} (got {numbers!r})") from error
    if found.shape != shape or not np.isfinite(found).all() or (positive and not (found > 0.0).all()):
        raise UsageError(f"{name}: must be {rule} (got {numbers!r})")
    return found


def _default_extent(fit, y, columns, pair):
    """By the standard errors; where there are none or only rounding is in them, by the spread of the responses."""
    n = len(y)
    spread, sizes = np.std(y), np.sqrt((columns * columns).mean(axis=0))
    if not spread > 1e-12 * np.abs(y).max():
        spread = np.abs(y).max() or 1.0
    extent = spread / np.where(sizes > 0.0, sizes, 1.0)
    if fit.standard_errors is not None:
        by_errors = _REACH * np.sqrt(n) * fit.standard_errors[list(pair)]
        extent = np.where((by_errors > 1e-9 * extent) & (by_errors < np.inf), by_errors, extent)
    return extent


# Sums over the data


def _sums(plane, moves, verb, weights):
    """sum over i of weights[i, w] * verb(z[i]) for standardised residuals z at moves (k, 2): float64 (columns, k)."""
    steps = np.zeros((2, -(-len(moves) // WIDTH), WIDTH))
    steps.reshape(2, -1)[:, : len(moves)] = moves.T
    total = np.zeros((weights.shape[1], *steps.shape[1:]))
    rows = max(1, _BLOCK // max(1, steps[0].size))
    for begin in range(0, len(plane.residuals), rows):
        own = slice(begin, begin + rows)
        e, x = plane.residuals[own, None, None], plane.columns[own, :, None, None]
        z = (e - x[:, 0] * steps[0] - x[:, 1] * steps[1]) / plane.scale
        found = np.broadcast_to(verb(z, plane.numbers), z.shape)
        for w, weight in enumerate(weights[own].T):
            total[w] += (weight[:, None, None] * found).sum(axis=0)
    return total.reshape(len(total), -1)[:, : len(moves)]


def _values(plane, moves):
    return _sums(plane, moves, plane.loss.rho, np.ones((len(plane.residuals), 1)))[0]


def _gradients(plane, moves):
    """By the two coefficients, float64 (k, 2)."""
    return -_sums(plane, moves, plane.loss.psi, plane.columns).T / plane.scale


def _hessians(plane, moves):
    """float64 (3, k), the entries of _PRODUCTS."""
    return _sums(plane, moves, plane.loss.psi_prime, _products(plane.columns)) / plane.scale**2


def _products(columns):
    return np.stack([columns[:, j] * columns[:, k] for j, k in _PRODUCTS], axis=1)


def _spectra(plane, moves):
    """Eigenvalues of the Hessians, float64 (k, 2), ascending; 0 where sums of their length may leave as much."""
    squares = (plane.columns * plane.columns).sum()
    steepest = np.max(plane.loss.psi_prime(np.zeros((1, WIDTH)), plane.numbers))  # of every loss psi is, in its centre
    steepest = min(steepest, max(1.0, _steepest(plane)))  # but where it is infinite there
    rounding = 4e-16 * (len(plane.columns) + 8) * squares * steepest / plane.scale**2
    pair = np.stack(_eigenvalues(*_hessians(plane, moves)), axis=1)
    return np.where(np.abs(pair) <= rounding, 0.0, pair)


def _steepest(plane):
    """The largest psi' at the residuals of the centre."""
    z = np.repeat(plane.residuals[:, None] / plane.scale, WIDTH, axis=1)
    return np.max(plane.loss.psi_prime(z, plane.numbers))


def _eigenvalues(a, b, c):
    """Of the matrix with rows (a, b) and (b, c): the smaller, the larger."""
    middle, radius = 0.5 * (a + c), np.hypot(0.5 * (a - c), b)
    return middle - radius, middle + radius


# Minima and creases


def _lowest(plane, own):
    """The minimum of a convex surface, as a move (1, 2): the fit of the two columns to the residuals; none where it is
    not unique by dependent columns."""
    move = fitting.fit(plane.residuals, X=plane.columns, intercept=False, **own).estimate
    return move[None][np.isfinite(move).all(keepdims=True)]


def _pits(values, moves):
    """Moves of the grid points below which no neighbour lies, flat ground left out."""
    windows = np.lib.stride_tricks.sliding_window_view
    low = windows(np.pad(values, 1, constant_values=np.inf), (3, 3)).min(axis=(2, 3))
    high = windows(np.pad(values, 1, constant_values=-np.inf), (3, 3)).max(axis=(2, 3))
    return moves[((values == low) & (values < high)).ravel()]


def _local_minima(plane, pits, extent):
    """The minima below the pits and the centre, as moves (count, 2), the lowest first, each once.

    A pit of the grid is not yet a minimum: a narrow valley across the grid has several.
    """
    moves, last = _descended(plane, np.vstack([np.zeros((1, 2)), pits]), extent)
    settled = (last <= 1e-7) & (_spectra(plane, moves)[:, 0] > 0.0)
    moves, kept = moves[settled], []
    for move in moves[np.argsort(_values(plane, moves), kind="stable")]:
        if all((np.abs(move - other) > _SAME * extent).any() for other in kept):
            kept.append(move)
    return np.array(kept).reshape(-1, 2)


def _descended(plane, moves, extent):
    """(moves, lengths of their last steps in extents) after steps that never ascend: see `m_regression.descend`."""

    def curvature(z, numbers):
        return np.maximum(plane.loss.psi_prime(z, numbers), 0.5 * plane.loss.weight(z, numbers))

    products = _products(plane.columns)
    for _ in range(_MOST_STEPS):
        a, b, c = _sums(plane, moves, curvature, products)
        pull = _sums(plane, moves, plane.loss.psi, plane.columns)
        steps = plane.scale * np.stack([c * pull[0] - b * pull[1], a * pull[1] - b * pull[0]], axis=1)
        steps = steps / (a * c - b * b)[:, None]
        lengths = np.abs(steps / extent).max(axis=1)
        moves = np.where(lengths[:, None] < np.inf, moves + steps, moves)
        if not (lengths > 1e-10).any():
            break
    return moves, lengths


def _creases(plane, centre, jumps):
    offsets = plane.residuals + plane.columns @ centre
    lines = [np.column_stack([plane.columns, offsets - jump * plane.scale]) for jump in jumps]
    return np.vstack([np.empty((0, 3)), *lines])
