"""A study in words, in the order of ADEMP (Morris, White & Crowther 2019): aims, data-generating mechanisms, estimands,
methods, performance measures. Written from the scenario alone."""

import itertools
import math
import textwrap

from simcore import design, populations, recipes
from simcore.registry import plugins
from simcore.wording import counted

_WIDTH = 100


def describe(study, full=False):
    """The text, of short lines; full: with what each measure is, and the formula of its MCSE."""
    lines = [study.title or study.name, "=" * len(study.title or study.name)]
    for heading, paragraphs in sections(study, full):
        lines += ["", heading, "-" * len(heading)]
        for paragraph in paragraphs:
            indent = "  " if paragraph.startswith("- ") else ""
            lines += textwrap.wrap(paragraph, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)
    return "\n".join(lines) + "\n"


def sections(study, full=True):
    """(heading, paragraphs) of each part of the text; a paragraph that starts with "- " is an item of a list."""
    parts = {
        "Aims": _aims,
        "Data-generating mechanisms": _mechanisms,
        "Estimands": _estimands,
        "Methods": _methods,
        "Performance measures": _measures if full else _measures_in_short,
    }
    return [(heading, list(paragraphs(study))) for heading, paragraphs in parts.items()]


def _aims(study):
    problem = plugins("problems")[study.problem]
    if problem.exact:
        yield f"To show {problem.meaning}, for {counted(len(study.estimators), 'estimator')}."
        return
    yield (
        f"To compare {counted(len(study.estimators), 'estimator')} of {problem.meaning} under "
        + ", ".join(counted(len(factor), *noun) for factor, *noun in _factors(study))
        + f". Reference: {study.reference}."
    )


def _factors(study):
    """The factors that a study has, and what one level of each is called, and several where that is not with an s."""
    several = ((name, values) for name, values in study.settings if len(values) > 1)
    named = [(study.n, "sample size"), *((values, f"value of {name}", f"values of {name}") for name, values in several)]
    named += (study.design, "design"), (study.errors, "error distribution")
    bad = [choice for choice in study.contamination if choice.name != "none"]
    return [own for own in (*named, (bad, "contamination")) if own[0]]


def _mechanisms(study):
    cells = len(design.cells(study))
    crossed = "a sample size, " + "".join(f"{name}, " for name, _ in study.settings)
    crossed += "a design, " if study.design else ""
    if study.model:
        columns = " + ".join(f"{name} x{k}" for k, name in enumerate(_slopes(study), 1))
        yield f"y = {'beta0 + ' if study.model.intercept else ''}{columns} + error, with independent errors."
    if recipes.problem_of(study).exact:
        yield (
            f"{_each(cells)} crosses {crossed}and an error distribution; n = "
            f"{', '.join(map(str, study.n))}. Nothing is random: the good observations are quantiles of the errors, at "
            "shares 1/2, 3/2, 5/2, ... of 1 / their number, and all outliers of a sample stand at one place."
        )
    else:
        yield _simulated(study, cells, crossed)
    for setting, (_, values) in zip(recipes.problem_of(study).settings, study.settings, strict=True):
        given = ", ".join(value if isinstance(value, str) else f"{value:g}" for value in values)
        yield f"- {setting.name}: {setting.meaning}: {given}."
    for choice, meaning in _meanings(study.errors):
        tail = plugins("distributions")[choice.name].tail_index(**choice.values)
        moments = "" if tail is None or math.isinf(tail) else f" Moments exist below order {tail:g}."
        yield f"- errors {choice.label}: {meaning}.{moments}"
    for choice, meaning in _meanings(study.design):
        plugin, redrawn = plugins("designs")[choice.name], choice.values.get("redrawn")
        how = " Drawn anew each time." if redrawn else " The same before any contamination."
        how = "" if plugin.recur else how
        yield f"- design {choice.label}: {meaning}.{how}"
    for choice, meaning in _meanings(study.contamination) if not recipes.problem_of(study).exact else ():
        yield f"- contamination {choice.label}: {meaning}."


def _each(cells):
    return f"Each of {cells:,} cells" if cells > 1 else "The only cell"


def _meanings(choices):
    """(choice, what its plugin means, said once) of each."""
    told = set()
    for choice in choices:
        yield choice, "likewise" if choice.name in told else plugins(choice.kind)[choice.name].meaning
        told.add(choice.name)


def _simulated(study, cells, crossed):
    return (
        f"{_each(cells)} crosses {crossed}an error distribution and a contamination (or none); "
        f"n = {', '.join(map(str, study.n))}. " + _replications(study) + f" Random "
        f"numbers are keyed by seed {study.seed}, cell and replication, and all estimators see the same samples."
    )


def _replications(study):
    if study.precision is None:
        return f"Each cell has {counted(study.replications, 'replication')}."
    rule = study.precision
    return (
        f"Each cell has {study.replications:,} replications, and then rounds of at most twice as many, until the MCSE "
        f"of the {rule.measure} of every estimator that has one is at most {rule.relative_mcse:g} of its value, or "
        f"{rule.max_replications:,} are reached."
    )


def _estimands(study):
    estimand = recipes.problem_of(study).estimand
    if study.model:
        named = zip(study.model.parameters, study.model.truths, strict=True)
        yield f"{estimand}: {', '.join(f'{name} = {truth:g}' for name, truth in named)}."
        if study.model.points:
            yield "at(...): the fitted value at a point of the design."
        yield from _of_skewed_errors(study)
        return
    if recipes.problem_of(study).exact:
        yield f"{estimand}."
        return
    if recipes.problem_of(study).simulation:
        yield f"{estimand}."
        for quantity in design.cells(study)[0].quantities:
            against = "" if quantity.truth is None else f", against {quantity.truth:g}"
            against = ", against a value drawn anew for each data set" if quantity.drawn else against
            yield f"- {quantity.name}: {quantity.meaning}{against}."
        return
    places = sorted({choice.loc for choice in study.errors})
    yield f"{estimand}: {', '.join(f'{place:g}' for place in places)}."
    yield from _of_skewed_errors(study)


def _of_skewed_errors(study):
    """What estimators are measured against where errors are not symmetric."""
    skewed = [choice.label for choice in study.errors if not _symmetric(choice)]
    if not skewed:
        return
    where = f"Where errors are not symmetric ({', '.join(skewed)}), "
    if study.model and not study.model.intercept:
        yield where + "what is not 0 on average of them goes into the slopes, as there is no intercept to take it."
        return
    whose = "the intercept, and with it a fitted value, of each estimator" if study.model else "each estimator"
    yield (
        where
        + {
            "own": f"{whose} is measured against its own value at the distribution of the errors: squared error "
            "against the mean, absolute error against the median, other losses against their population minimiser. "
            "Biases then say how far samples of this size are from that, not how far estimators differ.",
            "mean": f"{whose} is measured against the mean of the errors.",
            "median": f"{whose} is measured against the median of the errors.",
        }[study.estimand]
    )
    if study.model:
        yield from _without_intercept(study)


def _without_intercept(study):
    """Estimators of a regression whose intercept is measured against nothing, and where."""
    pairs = itertools.product(study.estimators, study.errors) if study.estimand == "own" else ()
    lacking = [
        f"{choice.label} under {errors.label} errors"
        for choice, errors in pairs
        if populations.estimand(choice, errors, "linear") is None
    ]
    if lacking:
        yield (
            f"The value of the intercept of {', '.join(lacking)} is then not known, or infinite: no bias and no error "
            "of it is shown. Slopes have theirs, whatever the errors."
        )


def _symmetric(choice):
    return plugins("distributions")[choice.name].symmetric(**choice.values)


def _methods(study):
    told = set()
    for choice in study.estimators:
        kind = "losses" if choice.loss else "estimators"
        plugin = plugins(kind)[choice.name]
        scale = ""
        if choice.scale == "mad":
            scale = " Scale: the normalised median absolute deviation, fixed beforehand."
            if study.model or recipes.problem_of(study).exact and recipes.problem_of(study).exact.base == "linear":
                scale = " Scale: the normalised median absolute residual, estimated along."
        elif choice.scale == "proposal2":
            scale = " Scale: Huber's proposal 2, estimated along."
        elif choice.scale is not None:
            scale = f" Scale: known, {choice.scale:g}."
        source = f" [{plugin.source}]" if plugin.source else ""
        meaning = "likewise" if (kind, choice.name) in told else plugin.meaning + source
        yield f"- {choice.label}: {meaning}.{scale}"
        told.add((kind, choice.name))


def _measures_in_short(study):
    names = ", ".join(dict.fromkeys(choice.name for choice in study.measures))
    if recipes.problem_of(study).exact:
        yield f"Every value is exact but for rounding: {names}."
    else:
        yield f"Each with its Monte Carlo standard error (MCSE), or with a status that says why not: {names}."
        cells, without = len(design.cells(study)), sum(map(len, _unreduced(study).values()))
        yield f"Variance reduction by a control variate in {cells - without:,} of {counted(cells, 'cell')}."
    yield "What each measure is, and the formula of its MCSE: simcore describe --full."


def _measures(study):
    if recipes.problem_of(study).exact:
        yield "Every value is exact but for rounding, that of a search but for its grid: there is no Monte Carlo error."
        for choice in study.measures:
            yield f"- {choice.name}: {plugins('measures')[choice.name].meaning}."
        return
    yield (
        "Every value comes with its Monte Carlo standard error (MCSE) over R good replications, or with a status that "
        "says why not: where the moment behind a value or behind its MCSE is infinite in theory, no number is shown. "
        "A fit that fails is counted, never drawn again."
    )
    shown = {}
    for choice in study.measures:
        shown.setdefault(choice.name, []).append(choice)
    for name, choices in shown.items():
        plugin = plugins("measures")[name]
        given = [f"{key} = {value:g}" for choice in choices for key, value in choice.parameters]
        at = f" at {', '.join(given)}" if given else ""
        yield f"- {name}: {plugin.meaning}{at}. MCSE: {plugin.formula}."
    yield from _reduction(study)


def _reduction(study):
    """Where the control variate stands in, and where it does not."""
    reasons = _unreduced(study)
    count = len(design.cells(study)) - sum(map(len, reasons.values()))
    adjusted = ", ".join(name for name, plugin in plugins("measures").items() if plugin.adjustable)
    if count:
        yield (
            f"Variance reduction in {counted(count, 'cell')}: with the efficient score S of the sample and its "
            f"information I, {_explained(study)} for an estimator that moves along with the data "
            f"(Johnstone & Velleman 1985). It sharpens {adjusted}, whose MCSE then has T - S / I in the place of T; it "
            "is left out where a fit failed."
        )
    for reason, cells in reasons.items():
        yield f"No variance reduction in {counted(len(cells), 'cell')}: {reason}."


def _unreduced(study):
    """Why a control variate does not stand in -> the cells."""
    reasons = {}
    for cell in design.cells(study):
        control = recipes.control(study, cell)
        if isinstance(control, str):
            reasons.setdefault(control, []).append(cell)
    return reasons


def _explained(study):
    if study.model:
        return "Var(T) = V + Var(T - V X's), V = (X'X)^-1 / I with I of one error and s the scores,"
    return "Var(T) = 1 / I + Var(T - S / I)"


def _slopes(study):
    model = study.model
    return model.parameters[model.intercept : len(model.beta)]
