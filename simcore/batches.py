"""Many given samples fitted at once, eight side by side, by the kernels of location and regression."""

import numpy as np

from simcore import jit, kernels, linear_kernels, recipes
from simcore.codes import FIRST_FAILURE, ITERATION
from simcore.lanes import WIDTH
from simcore.registry import plugins


def fit_location(choices, samples):
    """What estimators of location make of samples, float64 (samples, n): (estimators, 1, samples), NaN where a fit
    failed."""
    n, problem = samples.shape[1], plugins("problems")["location"]
    drawn = any(map(recipes.drawn, choices))
    cell = kernels.bare_cell(n)._replace(
        drawn=drawn,
        fits=kernels.function_table(recipes.location_fits(choices, jit.enabled())),
        fit_numbers=np.array([kernels.numbers_array(problem.numbers(choice, n)) for choice in choices]),
    )
    work, fit = kernels.aligned_rows(4), jit.driver(kernels.fit_sample)
    rows = kernels.aligned_rows(kernels.sample_rows(n, drawn))
    return _in_groups(samples, rows, len(choices), 1, lambda *out: fit(cell, rows, work, *out))


def fit_regression(choices, x, responses, intercept=True):
    """What estimators of regression make of responses, float64 (samples, n), on a design x, float64 (n, p), of which
    the first column may be an intercept: (estimators, p, samples), NaN where a fit failed."""
    n, p = x.shape
    cell = recipes.bare_regression(n, p, x)._replace(
        fits=kernels.function_table(recipes.linear_fits(choices, False, jit.enabled())),
        fit_numbers=np.array([recipes.linear_numbers(choice, n, intercept) for choice in choices]),
    )
    fit, rows = jit.driver(linear_kernels.fit_sample), kernels.aligned_rows(linear_kernels.sample_rows(n, p))
    return _in_groups(responses, rows, len(choices), p, lambda *out: fit(cell, rows, *out))


def _in_groups(samples, rows, estimators, parameters, fit):
    count, n = samples.shape
    found = np.empty((estimators, parameters, count))
    estimates = np.empty((estimators * parameters, 1, WIDTH))
    states = np.empty(estimates.shape, np.uint32)
    for first in range(0, count, WIDTH):
        places = np.minimum(np.arange(first, first + WIDTH), count - 1)
        rows[:n] = samples[places].T
        with np.errstate(all="ignore"):
            fit(estimates, states)
        good = np.where(states % ITERATION < FIRST_FAILURE, estimates, np.nan)
        part = found[:, :, first : first + WIDTH]
        part[:] = good.reshape(estimators, parameters, WIDTH)[:, :, : part.shape[2]]
    return found
