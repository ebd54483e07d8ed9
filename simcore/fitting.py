"""One fit to the user's own data, by the same kernels."""

import math
import operator
from dataclasses import dataclass, replace

import numpy as np

from simcore import batches, codes, jit, kernels, linear_kernels, recipes, refinement, scenario, uncertainty
from simcore.cards import Card
from simcore.errors import UsageError
from simcore.lanes import WIDTH
from simcore.order import MAD_FACTOR
from simcore.registry import plugins


@dataclass(frozen=True)
class Fit:
    """An estimate, the scale its residuals were divided by (None where none is used), and what became of the fit.

    status: "ok"; "degenerate_scale" (the MAD is 0: the estimate is the median) or, in regression, "exact_fit" (most
    responses lie on one plane: the estimate is that plane); "not_converged" (the estimate is the last iterate);
    "rank_deficient" (columns depend on each other: no estimate); "non_finite". iterations: passes over the data; 0 for
    closed forms.
    """

    estimate: float
    scale: float | None
    status: str
    iterations: int


@dataclass(frozen=True, eq=False, repr=False)
class RegressionFit(Fit):
    """A fit of coefficients: estimate is float64 (p,), the intercept first.

    residuals, weights: float64 (n,); weights are psi(r) / r of the standardised residuals, at most 1, None where the
    estimator has none. standard_errors: float64 (p,), asymptotic, see `uncertainty`; None where there is no formula.
    """

    residuals: np.ndarray
    weights: np.ndarray | None
    standard_errors: np.ndarray | None

    def __repr__(self):
        return self._card().text()

    def _repr_html_(self):
        return self._card().html()

    def _card(self):
        scale = "" if self.scale is None else f", scale {self.scale:.6g}"
        made = f"{self.status}, iterations {self.iterations}" if self.iterations else self.status
        errors = [None] * len(self.estimate) if self.standard_errors is None else self.standard_errors
        rows = tuple(
            (str(k), f"{value:.6g}", "" if error is None else f"{error:.2g}")
            for k, (value, error) in enumerate(zip(self.estimate, errors, strict=True))
        )
        return Card(f"Fit of {len(self.residuals)} responses: {made}{scale}", (), ("", "estimate", "std. error"), rows)


def fit(x, *more, loss=None, estimator=None, scale=None, X=None, intercept=True, **parameters):
    """Fit a location estimator to a sample x, or with a design X a regression of the responses x on its columns. All
    but x is given by name.

    x: n finite numbers. X: float64 (n, columns) or (n,); intercept: with a column of ones before them. loss or
    estimator: a name of `simcore list losses` or `estimators`, with its parameters; scale: "mad" (the default of losses
    that need a scale), a known positive scale, or in regression "proposal2". Returns a Fit or a RegressionFit; raises
    UsageError where the arguments cannot be meant.
    """
    if more:
        raise UsageError('fit: only the sample goes without a name: write fit(y, X=X, loss="l2") or fit(x, loss="l2")')
    entry = {"loss": loss, "estimator": estimator, "scale": scale, **parameters}
    entry = {key: value for key, value in entry.items() if value is not None}
    if loss is None and estimator is None:
        raise UsageError('write loss = "..." or estimator = "...": `simcore list losses`, `simcore list estimators`')
    sample = checked_sample(x, "x" if X is None else "y")
    if X is None:
        return _fit_location(sample, scenario.estimator(entry, "location"))
    choice = scenario.estimator(entry, "linear")
    return _fit_regression(sample, checked_design(X, len(sample), intercept), choice, intercept)


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """What one more observation does to an estimate, float64 (places,) or in regression (places, p).

    at: where it stands. before: the estimate without it. estimates: with it, NaN where the fit failed. curve: n times
    what it changes, n counting it: the sensitivity curve (Andrews et al. 1972).
    """

    at: np.ndarray
    before: float | np.ndarray
    estimates: np.ndarray
    curve: np.ndarray


def sensitivity(x, at, *, loss=None, estimator=None, scale=None, X=None, row=None, intercept=True, **parameters):
    """What one observation that is appended to a sample x at each of the places `at` does to an estimate.

    As `fit`; of a regression it has the regressors `row`, a number for each column of X, and the responses `at`.
    Returns a Sensitivity.
    """
    named = {"loss": loss, "estimator": estimator, "scale": scale, **parameters}
    before = fit(x, X=X, intercept=intercept, **named).estimate
    at = checked_sample(at, "at")
    entry = {key: value for key, value in named.items() if value is not None}
    samples = np.hstack([np.tile(checked_sample(x, "x" if X is None else "y"), (len(at), 1)), at[:, None]])
    if X is None:
        if row is not None:
            raise UsageError("row: is for a regression, with X")
        found = batches.fit_location([scenario.estimator(entry, "location")], samples)[0, 0]
    else:
        X = checked_design(X, samples.shape[1] - 1, intercept)
        row = _numbers(np.atleast_1d(row if row is not None else np.nan), "row")
        if row.shape != (X.shape[1] - intercept,) or not np.isfinite(row).all():
            raise UsageError(f"row: must hold {X.shape[1] - intercept} finite numbers, one for each column of X")
        X = np.vstack([X, [1.0, *row] if intercept else row])
        found = batches.fit_regression([scenario.estimator(entry, "linear")], X, samples, intercept)[0].T
    return Sensitivity(at, before, found, samples.shape[1] * (found - before))


def _fit_location(x, choice):
    shift = _binary_exponent(x)
    known, drawn = choice.scale if isinstance(choice.scale, float) else None, recipes.drawn(choice)
    numbers = plugins("problems")["location"].numbers(_in_units(choice, shift), len(x))
    rows = kernels.aligned_rows(kernels.sample_rows(len(x), drawn))
    rows[: len(x)] = np.ldexp(x, -shift)[:, None]
    cell = kernels.bare_cell(len(x))._replace(
        drawn=drawn,
        fits=kernels.function_table(recipes.location_fits([choice], jit.enabled())),
        fit_numbers=kernels.numbers_array(numbers)[None],
    )
    work = kernels.aligned_rows(4)
    estimates, states = np.empty((1, 1, WIDTH)), np.empty((1, 1, WIDTH), np.uint32)
    jit.driver(kernels.fit_sample)(cell, rows, work, estimates, states)
    used = float(np.ldexp(MAD_FACTOR * work[1, 0], shift)) if choice.scale == "mad" else known
    return Fit(float(np.ldexp(estimates[0, 0, 0], shift)), used, *_became(states[0, 0, 0]))


def _fit_regression(y, x, choice, intercept):
    """In units of a power of 2 that keeps squares of responses from overflowing: it changes no digit."""
    n, p = x.shape
    exponent = int(np.frexp(np.abs(y).max())[1])
    y = np.ldexp(y, -exponent)
    choice = _in_units(choice, exponent)
    cell = recipes.bare_regression(n, p, x)._replace(
        fits=kernels.function_table(recipes.linear_fits([choice], False, jit.enabled())),
        fit_numbers=recipes.linear_numbers(choice, n, intercept)[None],
    )
    sample = kernels.aligned_rows(linear_kernels.sample_rows(n, p))
    sample[:n] = y[:, None]
    estimates, states = np.empty((p, 1, WIDTH)), np.empty((p, 1, WIDTH), np.uint32)
    jit.driver(linear_kernels.fit_sample)(cell, sample, estimates, states)
    status, iterations = _became(states[0, 0, 0])
    at, beta = linear_kernels.places(n, p), estimates[:, 0, 0].copy()
    if status == "rank_deficient":
        return RegressionFit(np.full(p, np.nan), None, status, iterations, np.full(n, np.nan), None, None)
    q = linear_kernels.given_basis(sample, n, p).reshape(n, p)
    r = sample[at.r : at.gamma, 0].reshape(p, p).copy()
    if choice.loss == "l2":
        beta = refinement.refined(x, y, q, r, beta)
    scaled = plugins("losses" if choice.loss else "estimators")[choice.name].scaled
    residuals, scale = y - x @ beta, float(sample[at.scale, 0]) if scaled else None
    if choice.loss == "l2" and n > p:
        scale = math.sqrt(residuals @ residuals / (n - p))
    weights, errors = uncertainty.of(choice, residuals, r, scale)
    beta, residuals, scale, errors = (
        None if value is None else np.ldexp(value, exponent) for value in (beta, residuals, scale, errors)
    )
    scale = None if scale is None else float(scale)
    return RegressionFit(beta, scale, status, iterations, residuals, weights, errors)


def _in_units(choice, exponent):
    """The same estimator of data in units of 2^exponent; what is then beyond 1e300 in size is that."""
    plugin = plugins("losses" if choice.loss else "estimators")[choice.name]

    def converted(value, power):
        if not power or not isinstance(value, float):
            return value
        with np.errstate(over="ignore"):
            return float(np.clip(np.ldexp(value, -exponent * power), 1e-300, 1e300))

    parameters = zip(choice.parameters, plugin.parameters, strict=True)
    parameters = tuple((name, converted(value, parameter.power)) for (name, value), parameter in parameters)
    return replace(choice, parameters=parameters, scale=converted(choice.scale, 1))


def _became(state):
    """(status, iterations) of a state as kernels write it."""
    return codes.NAMES[state % codes.ITERATION], int(state // codes.ITERATION)


def checked_whole(name, value, least, most):
    """A whole number from least to most, as an int."""
    try:
        found = operator.index(value)
    except TypeError as error:
        raise UsageError(f"{name}: must be a whole number from {least} to {most} (got {value!r})") from error
    if not least <= found <= most:
        raise UsageError(f"{name}: must be from {least} to {most} (got {found})")
    return found


def checked_sample(x, name):
    x = _numbers(x, name)
    if x.ndim != 1 or len(x) == 0:
        raise UsageError(f"{name}: must be a one-dimensional sample of at least one number (got shape {x.shape})")
    _check_finite(x, name)
    return x


def _numbers(x, name):
    """As float64; what is masked is missing."""
    try:
        if np.iscomplexobj(x):
            raise UsageError(f"{name}: must be real numbers (got complex ones)")
        return np.asarray(np.ma.filled(np.ma.asarray(x, dtype=np.float64), np.nan))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}: must be numbers ({error})") from error


def _check_finite(x, name):
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        place = ", ".join(map(str, bad[0]))
        raise UsageError(
            f"{name}[{place}]: must be finite (got {x[tuple(bad[0])]}); remove or replace {len(bad)} such values"
        )


def checked_design(x, n, intercept):
    """float64 (n, p), with the column of ones."""
    x = _numbers(x, "X")
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or len(x) != n:
        raise UsageError(f"X: must have a row for each of the {n} responses (got shape {x.shape})")
    _check_finite(x, "X")
    if not isinstance(intercept, bool):
        raise UsageError(f"intercept: must be True or False (got {intercept!r})")
    sizes = np.abs(x).max(axis=0, initial=0.0)
    if np.any(sizes > 1e100) or np.any((sizes > 0.0) & (sizes < 1e-100)):
        raise UsageError("X: holds a column beyond 1e100 or all below 1e-100; give it in other units")
    x = np.hstack([np.ones((n, 1)), x]) if intercept else np.ascontiguousarray(x)
    if not 1 <= x.shape[1] <= min(n, _MOST_COLUMNS):
        most = f"at most {_MOST_COLUMNS} with the intercept, and no more than responses"
        raise UsageError(f"X: has {x.shape[1]} columns with the intercept, must have at least 1 and {most} ({n})")
    return x


_MOST_COLUMNS = 64


def _binary_exponent(x):
    """An exponent of 2 to divide extreme data by: exact, and neither sums nor 1 / MAD overflow any more."""
    largest = int(np.frexp(np.max(np.abs(x)))[1])
    mad = np.median(np.abs(x - np.median(x))) if largest < 1000 else 1.0
    typical = int(np.frexp(mad)[1]) if mad > 0 else largest
    if largest > 900:
        return largest - 900
    return -min(900, 900 - largest) if typical < -900 else 0
