"""One fit to the user's own data, by the same kernels."""

from dataclasses import dataclass

import numpy as np

from simcore import codes, jit, kernels, scenario
from simcore.errors import UsageError
from simcore.lanes import WIDTH
from simcore.order import MAD_FACTOR, padded_rows
from simcore.registry import plugins


@dataclass(frozen=True)
class Fit:
    """An estimate, the scale its residuals were divided by (None where none is used), and what became of the fit.

    status: "ok", "degenerate_scale" (the MAD is 0: the estimate is the median), "not_converged" (the estimate is the
    last iterate) or "non_finite". iterations: passes over the data; 0 for closed forms.
    """

    estimate: float
    scale: float | None
    status: str
    iterations: int


def fit(x, loss=None, estimator=None, scale=None, **parameters):
    """Fit a location estimator to a sample.

    x: n finite numbers. loss or estimator: a name of `simcore list losses` or `estimators`, with its parameters;
    scale: "mad" (the default of losses that need a scale) or a known positive scale. Raises UsageError otherwise.
    """
    x = _checked_sample(x)
    entry = {"loss": loss, "estimator": estimator, "scale": scale, **parameters}
    choice = scenario.estimator({key: value for key, value in entry.items() if value is not None})
    shift = _binary_exponent(x)
    problem = plugins("problems")["location"]
    known = choice.scale if isinstance(choice.scale, float) else None
    numbers = list(problem.numbers(choice, len(x)))
    if known is not None:
        numbers[0] = np.ldexp(known, -shift)
    rows = kernels.aligned_rows(padded_rows(len(x)))
    rows[: len(x)] = np.ldexp(x, -shift)[:, None]
    cell = kernels.Cell(
        n=len(x),
        keys=np.zeros((2, 3), np.uint64),
        draw=0,
        draw_numbers=np.zeros(1),
        contaminate=0,
        contaminate_numbers=np.zeros(1),
        score=0,
        score_numbers=np.zeros(1),
        fits=kernels.function_table([kernels.fit_function(choice.name, *problem.fit(choice), jit.enabled())]),
        fit_numbers=kernels.numbers_array(numbers)[None],
    )
    work = kernels.aligned_rows(4)
    estimates, states = np.empty((1, 1, WIDTH)), np.empty((1, 1, WIDTH), np.uint32)
    jit.driver(kernels.fit_sample)(cell, rows, work, estimates, states)
    used = known
    if choice.scale == "mad":
        used = float(np.ldexp(MAD_FACTOR * work[1, 0], shift))
    iterations = int(work[3].view(np.uint64)[0] // codes.ITERATION)
    name = codes.NAMES[states[0, 0, 0] % codes.ITERATION]
    return Fit(float(np.ldexp(estimates[0, 0, 0], shift)), used, name, iterations)


def _checked_sample(x):
    try:
        x = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"x: must be numbers ({error})") from error
    if x.ndim != 1 or len(x) == 0:
        raise UsageError(f"x: must be a one-dimensional sample of at least one number (got shape {x.shape})")
    bad = np.flatnonzero(~np.isfinite(x))
    if len(bad):
        raise UsageError(f"x[{bad[0]}]: must be finite (got {x[bad[0]]}); remove or replace {len(bad)} such values")
    return x


def _binary_exponent(x):
    """An exponent of 2 to divide extreme data by: exact, and neither sums nor 1 / MAD overflow any more."""
    largest = int(np.frexp(np.max(np.abs(x)))[1])
    mad = np.median(np.abs(x - np.median(x))) if largest < 1000 else 1.0
    typical = int(np.frexp(mad)[1]) if mad > 0 else largest
    if largest > 900:
        return largest - 900
    return -min(900, 900 - largest) if typical < -900 else 0
