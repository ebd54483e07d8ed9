"""From a cell to what kernels and measures need of it: C functions and their numbers, the design, and what the score of
the errors explains.

With the efficient score (see `scores`) a regression-equivariant estimator has Cov(T, X's) = identity, so the control
variate of its coefficients is (X'X)^-1 X's / I, which explains the variance (X'X)^-1 / I: of location, 1 / (n I).
"""

import functools
import math
from dataclasses import replace

import numpy as np

from simcore import breakdown, jit, joint, kernels, linear_kernels, own, scores, trial_kernels
from simcore.choices import Choice
from simcore.m_regression import INTERCEPT
from simcore.registry import OneOf, plugins
from simcore.streams import DESIGN, KEY_WORDS, PURPOSES, stream_keys


def problem_of(study):
    return plugins("problems")[study.problem]


def control(study, cell):
    """The efficient score of a cell, as a `scores.Score`, or half a sentence: why there is no control variate."""
    if study.variance_reduction == "none":
        return "switched off in the scenario"
    return _score(cell)


def explained(study, cell):
    """What the score explains of the variance of each parameter, which is also the Cramér-Rao bound for it: a tuple of
    numbers, or of None where there is no score."""
    score = _score(cell)
    if isinstance(score, str):
        return (None,) * len(cell.quantities)
    if cell.model is None:
        return (1.0 / (cell.n * score.information),)
    matrix = explained_matrix(study, cell)
    if matrix is None:
        return (None,) * len(cell.quantities)
    of_points = (_quadratic(matrix, row) for row in cell.model.rows)
    return *(row[j] for j, row in enumerate(matrix)), *of_points


def explained_matrix(study, cell):
    """What the score explains of the covariance of the coefficients, rows of floats; None where there is no score."""
    score = _score(cell)
    r = None if isinstance(score, str) else given_design(study.seed, cell)[1]
    return None if r is None else joint.explained_matrix(r, score.information)


def carried_by(study, cell, choice, at_most=False):
    """How many bad observations carry an estimator away in a cell; None where theory is silent. at_most: where it does
    not know how many, as contamination changes the design, it may know how many are enough in some samples."""
    if cell.simulation:
        return None
    if cell.model is None:
        return problem_of(study).carried_by(choice, cell.n)
    if plugins("designs")[cell.design.name].recur:
        return None  # a bad response is a regressor later on
    bad, best = _bad_responses(study.seed, cell, _fingerprint(cell))
    contamination = plugins("contamination")[cell.contamination.name]
    if contamination.moves_design:
        bad = contamination.bad_at_most(bad, len(cell.model.beta), cell.contamination.values) if at_most else None
    return problem_of(study).carried_by(choice, bad, best, cell.n, normal_square(choice))


def design_index(cell, choice):
    """Tail index that a random design alone gives an estimator, inf where it is given: chances that the columns of its
    decisive rows nearly depend on each other fall as fast as these are more than p - 1. An autoregression starts with a
    row of zeros."""
    if cell.model is None or not _is_random(cell):
        return math.inf
    n = cell.n - 1 if plugins("designs")[cell.design.name].recur else cell.n
    p = len(cell.model.beta)
    rows = n if choice.loss is not None else plugins("estimators")[choice.name].decisive_rows(n, p, choice.values)
    return max(1, rows - p + 1)


def _is_random(cell):
    return plugins("designs")[cell.design.name].recur is not None or bool(cell.design.values.get("redrawn"))


@functools.lru_cache(maxsize=64)
def _bad_responses(seed, cell, _fingerprint):
    """`breakdown.bad_responses`, which is 1 where the design is random, for then any row may be the one that counts,
    None where columns depend on each other, and `breakdown.bad_responses_at_best`."""
    n, p = cell.n, len(cell.model.beta)
    x, r = (None, None) if _is_random(cell) else given_design(seed, cell)
    if r is None:
        return 1 if _is_random(cell) else None, max(1, (n - p + 2) // 2)
    return breakdown.bad_responses(x), breakdown.bad_responses_at_best(x)


def simulate(cell, compiled=True):
    """The driver of a cell's problem."""
    return jit.driver(_module(cell).simulate) if compiled else _module(cell).simulate


def draw_sample(cell):
    """The driver that only draws the data sets of a lane group."""
    return jit.driver(_module(cell).draw_sample)


def _module(cell):
    return trial_kernels if cell.simulation else linear_kernels if cell.model else kernels


def kernel_cell(study, cell, compiled=True):
    """The `kernels.Cell`, `linear_kernels.Regression` or `trial_kernels.Trial` of a cell; not `compiled`, its functions
    are plain Python."""
    return _kernel_cell(study, cell, compiled, _fingerprint(cell))


def clean(kernel, cell, compiled=True):
    """The kernel cell of a cell, but that nothing contaminates its samples."""
    cell = replace(cell, contamination=Choice("contamination", "none"))
    return kernel._replace(**(_sampled if cell.simulation else _contaminated)(cell, compiled))


@functools.lru_cache(maxsize=64)
def _kernel_cell(study, cell, compiled, _fingerprint):
    if cell.simulation:
        return _trial(study, cell, compiled)
    return _regression(study, cell, compiled) if cell.model else _location(study, cell, compiled)


def sample_rows(study, cell):
    """Rows of lanes that the kernel holds for each thread."""
    if cell.simulation:
        setting = cell.n, cell.setting
        return cell.simulation.rows(*setting) + cell.simulation.scratch(*setting) + len(cell.quantities) + 1
    if cell.model:
        return linear_kernels.sample_rows(cell.n, len(cell.model.beta))
    return kernels.sample_rows(cell.n, any(map(drawn, study.estimators))) + 4


def _score(cell):
    if cell.simulation:
        return f"there is none for {cell.problem}"
    if cell.model:
        if plugins("designs")[cell.design.name].recur:
            return "errors enter the design"
        if plugins("contamination")[cell.contamination.name].moves_design:
            return f"{cell.contamination.name} contamination changes with the design"
        if cell.design.values.get("redrawn"):
            return "the design is drawn anew in every replication"
    return scores.efficient_score(cell.errors, cell.contamination)


def _score_numbers(score, cell, information):
    if isinstance(score, str):
        return kernels.numbers_array(())
    errors = cell.errors
    return kernels.numbers_array((errors.loc, 1.0 / errors.scale, 1.0 / (errors.scale * information), *score.numbers))


def _score_function(module, score, cell, compiled):
    if isinstance(score, str):
        return 0
    name = f"{cell.errors.name}_{cell.contamination.name}"
    return module.score_function(name, score.template, score.open_names, compiled)


def _location(study, cell, compiled):
    problem, errors, score = problem_of(study), cell.errors, control(study, cell)
    information = 0.0 if isinstance(score, str) else cell.n * score.information
    return kernels.Cell(
        n=cell.n,
        keys=stream_keys(study.seed, cell.identity),
        draw=kernels.draw_function(plugins("distributions")[errors.name], compiled),
        draw_numbers=kernels.numbers_array(_error_numbers(errors)),
        **_contaminated(cell, compiled),
        score=_score_function(kernels, score, cell, compiled),
        score_numbers=_score_numbers(score, cell, information),
        drawn=any(map(drawn, study.estimators)),
        fits=kernels.function_table(location_fits(study.estimators, compiled)),
        fit_numbers=np.array([kernels.numbers_array(problem.numbers(choice, cell.n)) for choice in study.estimators]),
    )


def _error_numbers(errors):
    """What the draw of the errors of a cell receives."""
    return plugins("distributions")[errors.name].numbers(errors.values)


def location_fits(choices, compiled):
    """The fit functions of estimators of location."""
    problem = plugins("problems")["location"]
    return [kernels.fit_function(choice.name, *problem.fit(choice), compiled, _sees(choice)) for choice in choices]


def drawn(choice):
    """Whether an estimator of location sees samples as they were drawn."""
    return _sees(choice) != "sorted"


def _sees(choice):
    """How it sees them: a key of `kernels.FIT_ENTRIES`."""
    own = plugins("estimators").get(choice.name) if choice.loss is None else None
    return "sorted" if own is None else "alone" if own.scalar else "drawn" if own.drawn else "sorted"


def _regression(study, cell, compiled):
    errors, score, design = cell.errors, control(study, cell), plugins("designs")[cell.design.name]
    given = not _is_random(cell)
    fresh = not given or plugins("contamination")[cell.contamination.name].moves_design
    return _bare_model(cell)._replace(
        keys=_keys(study.seed, cell),
        draw=kernels.draw_function(plugins("distributions")[errors.name], compiled),
        draw_numbers=kernels.numbers_array(_error_numbers(errors)),
        **_contaminated(cell, compiled),
        design=0 if given else linear_kernels.design_function(design, compiled),
        late=design.recur is not None,
        fresh=fresh,
        x=given_design(study.seed, cell)[0] if given else np.empty((0, len(cell.model.beta))),
        score=_score_function(linear_kernels, score, cell, compiled),
        score_numbers=_score_numbers(score, cell, 0.0 if isinstance(score, str) else score.information),
        fits=kernels.function_table(linear_fits(study.estimators, fresh, compiled)),
        fit_numbers=np.array([linear_numbers(choice, cell.n, cell.model.intercept) for choice in study.estimators]),
    )


def _contaminated(cell, compiled):
    """What contaminates the samples of location or regression, as fields of a kernel cell."""
    errors, bad = cell.errors, tuple(cell.contamination.values.values())
    contamination = plugins("contamination")[cell.contamination.name]
    if contamination.moves_design:
        function = linear_kernels.contaminate_function(contamination, compiled)
        numbers = len(cell.model.beta), cell.model.intercept, errors.scale, *bad
    else:
        function = kernels.contaminate_function(contamination, compiled)
        numbers = errors.loc, errors.scale, *bad
    return {"contaminate": function, "contaminate_numbers": kernels.numbers_array(numbers)}


def _trial(study, cell, compiled):
    problem, errors, simulation = problem_of(study), cell.errors, cell.simulation
    settings, rows, values = _settings(cell), simulation.rows(cell.n, cell.setting), len(cell.quantities)
    behind = _error_numbers(errors) if plugins("distributions")[errors.name].problem else ()
    fits = [_trial_fit(problem.fit(choice), choice, simulation, errors, compiled) for choice in study.estimators]
    own = [(*settings, *problem.numbers(choice, cell.n), *behind) for choice in study.estimators]
    return trial_kernels.Trial(
        n=cell.n,
        size=cell.size,
        rows=rows,
        values=values,
        scratch=simulation.scratch(cell.n, cell.setting),
        keys=stream_keys(study.seed, cell.identity),
        **_sampled(cell, compiled),
        fits=kernels.function_table(fits),
        fit_numbers=np.array([trial_kernels.fit_numbers(rows, values, numbers) for numbers in own]),
    )


def _sampled(cell, compiled):
    """What makes the data sets of a simulated problem, as fields of its kernel cell."""
    errors, bad, simulation, settings = cell.errors, cell.contamination, cell.simulation, _settings(cell)
    distribution, contamination = plugins("distributions")[errors.name], plugins("contamination")[bad.name]
    error_numbers = (*(settings if distribution.problem else ()), *_error_numbers(errors))
    bad_numbers, place = tuple(bad.values.values()), (errors.loc, errors.scale)
    place = place if contamination.problem else place + bad_numbers
    numbers = simulation.rows(cell.n, cell.setting), settings, error_numbers, place, (*settings, *bad_numbers)
    placed = plugins("contamination")["none"]
    return {
        "sample": trial_kernels.sample_function(simulation.sample, distribution, contamination, placed, compiled),
        "sample_numbers": trial_kernels.sample_numbers(*numbers),
    }


def _settings(cell):
    """The settings of its problem, as kernels receive them."""
    return tuple(map(_number, plugins("problems")[cell.problem].settings, cell.setting.values()))


def _trial_fit(found, choice, simulation, errors, compiled):
    """The fit function of an estimator, its names that the errors fill bound too."""
    fit, open_names = found
    own = plugins("distributions")[errors.name].family
    name = f"{choice.name}_{own}" if simulation.opened else choice.name
    return trial_kernels.fit_function(name, fit, open_names + simulation.opened, compiled)


def _number(setting, value):
    """A setting as kernels receive it."""
    return float(setting.domain.words.index(value)) if isinstance(setting.domain, OneOf) else value


def linear_fits(choices, fresh, compiled):
    """The fit functions of estimators of regression; fresh: see `linear_kernels.Regression`."""
    problem = plugins("problems")["linear"]
    return [linear_kernels.fit_function(choice.name, *problem.fit(choice), fresh, compiled) for choice in choices]


def linear_numbers(choice, n, intercept):
    """What a fit of regression receives; the last number says how many columns are an intercept."""
    array = kernels.numbers_array(plugins("problems")["linear"].numbers(choice, n, normal_square(choice)))
    array[INTERCEPT] = intercept
    return array


def normal_square(choice):
    """E psi^2 of a loss under the normal, when it is asked for."""
    loss, own = plugins("losses").get(choice.loss), tuple(choice.values.values())
    return lambda: scores.normal_mean_square(loss.psi, own)


def bare_regression(n, p, x=None):
    """A `linear_kernels.Regression` that draws nothing and fits nothing, of a given X or none."""
    return linear_kernels.Regression(
        n=n,
        p=p,
        keys=np.zeros((len(PURPOSES), KEY_WORDS), np.uint64),
        draw=0,
        draw_numbers=kernels.numbers_array(()),
        contaminate=0,
        contaminate_numbers=kernels.numbers_array(()),
        design=0,
        design_numbers=np.zeros(linear_kernels.DESIGN_NUMBERS),
        late=False,
        fresh=False,
        x=np.empty((0, p)) if x is None else x,
        beta=np.zeros(p),
        points=np.zeros((0, p)),
        score=0,
        score_numbers=kernels.numbers_array(()),
        fits=np.zeros(1, np.uint64),
        fit_numbers=np.zeros((1, kernels.MOST_NUMBERS)),
    )


def check_inputs(study, cells):
    """Read once what designs and errors read beside the scenario, and compile once what plugins of the user's own are
    in it.

    Raises UsageError where these are not as they must be.
    """
    for errors in {cell.errors for cell in cells}:
        _error_numbers(errors)
    for cell in {(cell.n, cell.design): cell for cell in cells}.values():
        if cell.design and cell.design.fingerprint:
            given_design(study.seed, cell)
    if own.inputs(study) and not problem_of(study).exact:
        chosen = {(cell.errors.name, cell.contamination.name, cell.design and cell.design.name): cell for cell in cells}
        for cell in chosen.values():
            kernel_cell(study, cell, jit.enabled())


def given_design(seed, cell):
    """(X, R) of a cell whose design is the same in every sample: float64 (n, p) and (p, p), X = Q R; R is None where
    columns depend on each other."""
    return _given_design(seed, cell, _fingerprint(cell))


def _fingerprint(cell):
    """Names what a cell reads besides the scenario, so that nothing of it is remembered beyond a change."""
    return cell.errors.fingerprint, cell.design and cell.design.fingerprint


@functools.lru_cache(maxsize=16)
def _given_design(seed, cell, _fingerprint):
    model, design = cell.model, plugins("designs")[cell.design.name]
    if design.matrix:
        x = design.matrix(cell.n, model.columns, cell.design.values)
        x = np.hstack([np.ones((cell.n, 1)), x]) if model.intercept else np.ascontiguousarray(x)
    else:
        x = np.empty((cell.n, len(model.beta)))
        recipe = _bare_model(cell)._replace(
            keys=_keys(seed, cell), design=linear_kernels.design_function(design, jit.enabled())
        )
        jit.driver(linear_kernels.draw_design)(recipe, _sample(recipe), x)
    return x, _triangle(x)


def _keys(seed, cell):
    """Stream keys of a cell of regression: its design has the same draws in cells of other errors."""
    keys = stream_keys(seed, cell.identity)
    keys[DESIGN] = stream_keys(seed, cell.design_identity)[DESIGN]
    return keys


def _triangle(x):
    """R of X = Q R, or None where columns depend on each other."""
    recipe, r = bare_regression(*x.shape, x), np.empty((x.shape[1], x.shape[1]))
    dependent = jit.driver(linear_kernels.factor_design)(recipe, _sample(recipe), r)
    return None if dependent else r


def _sample(recipe):
    return kernels.aligned_rows(linear_kernels.sample_rows(recipe.n, recipe.p))


def _bare_model(cell):
    """The recipe of a cell's model, its design still to be named."""
    model, values = cell.model, dict(cell.design.values)
    numbers = [len(model.beta), float(model.intercept)]
    if plugins("designs")[cell.design.name].recur:
        numbers += model.beta
    elif plugins("designs")[cell.design.name].draw:
        correlation = values.pop("correlation")
        values.pop("redrawn")
        numbers += [np.sqrt(1.0 - correlation), np.sqrt(correlation), *values.values()]
    padded = np.zeros(linear_kernels.DESIGN_NUMBERS)
    padded[: len(numbers)] = numbers
    return bare_regression(cell.n, len(model.beta))._replace(
        design_numbers=padded,
        beta=np.array(model.beta),
        points=np.array(model.rows).reshape(-1, len(model.beta)),
    )


def _quadratic(matrix, row):
    """row matrix row'."""
    places = range(len(row))
    return math.fsum(row[j] * matrix[j][k] * row[k] for j in places for k in places)
