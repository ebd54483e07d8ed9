"""Small studies that use a plugin, and whether its kernels give the same bits compiled, as plain Python, and again."""

import numpy as np

from simcore import design, jit, kernels, recipes
from simcore.contracts.faults import Fault, cases, same_bits, typical
from simcore.errors import UsageError
from simcore.lanes import WIDTH
from simcore.registry import KIND_OF, only_for, plugins
from simcore.scenario import Study
from simcore.scenario_checks import ESTIMANDS

_KEYS = {"distributions": "distribution", "contamination": "kind", "designs": "design", "losses": "loss"}


def entry(plugin, values=None, **more):
    """A plugin as a scenario names it, at values of its parameters."""
    kind = KIND_OF[type(plugin)]
    values = cases(plugin)[0] if values is None else values
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {_KEYS.get(kind, kind.removesuffix("s")): plugin.name} | plain | more


def of(plugin, values=None, n=12):
    """A study of one cell that uses a plugin. Raises UsageError where there can be none."""
    kind = KIND_OF[type(plugin)]
    if kind == "problems":
        return study(plugin.name, n=n)
    if kind == "losses":
        return study("location", n=n, estimators=[entry(plugin, values, **_known_scale(plugin))])
    if kind == "estimators":
        return study(plugin.problem, n=n, estimators=[entry(plugin, values)])
    if kind == "designs":
        columns = plugin.columns(cases(plugin)[0] if values is None else values)
        return study("linear", n=n, design=entry(plugin, values), columns=columns or 1)
    factor = {"distributions": "errors", "contamination": "contamination"}[kind]
    return study(only_for(plugin) or "location", n=n, **{factor: entry(plugin, values)})


def study(problem, n=12, errors=None, contamination=None, design=None, estimators=None, columns=1, **more):
    """A study of one cell of a problem by name, with what is not given chosen for it. Raises UsageError."""
    own = plugins("problems")[problem]
    settings = {p.name: [value] for p, value in zip(own.settings, typical(own.settings).values(), strict=True)}
    factors = {"n": [n], "errors": [errors or _errors(own)], "contamination": [contamination or {"kind": "none"}]}
    entries = {"problem": problem, "factors": factors | settings, "estimators": estimators or _estimators(own)}
    if own.designed:
        factors["design"] = [design or {"design": "gaussian"}]
        entries |= {"factors": factors, "beta": [1.0] * (1 + columns)}
    if not own.exact:
        entries["replications"] = 64
    return _measurable(entries | more, own)


def _measurable(entries, problem):
    """The study with the first estimand that is known for its errors."""
    wanted = (None,) if problem.exact or problem.simulation else ESTIMANDS
    for last, which in enumerate(wanted, 1 - len(wanted)):
        try:
            return Study(name="contract", estimand=which, **entries)
        except UsageError:
            if last == 0:
                raise


def _errors(problem):
    if problem.errors:
        return {"distribution": "normal"}
    own = (plugin for plugin in plugins("distributions").values() if plugin.problem == problem.name)
    return entry(next(own, plugins("distributions")["normal"]))


def _estimators(problem):
    if problem.losses:
        suited = [loss for loss in ("l2", "l1") if not problem.unsuited(plugins("losses")[loss], {})]
        return [{"loss": loss} for loss in suited]
    base = problem.exact.base if problem.exact else problem.name
    return [entry(own) for own in plugins("estimators").values() if own.problem == base]


def _known_scale(loss):
    return {"scale": 1.0} if loss.scaled else {}


def draws(chosen, clean=False):
    """Samples of a study of location as its kernel draws them, or `clean` before contamination: see `drawn`."""
    (cell,) = design.cells(chosen)
    recipe = recipes.kernel_cell(chosen, cell, jit.enabled())
    return drawn(recipes.clean(recipe, cell, jit.enabled()) if clean else recipe)


def drawn(recipe, groups=250, compiled=True):
    """The samples of a `kernels.Cell`, float64 (groups, n, WIDTH)."""
    draw, n = kernels.draw_sample if not compiled else jit.driver(kernels.draw_sample), recipe.n
    rows, found = np.zeros((kernels.padded_rows(n), WIDTH)), np.empty((groups, n, WIDTH))
    with np.errstate(all="ignore"):
        for group in range(groups):
            draw(recipe, group, rows)
            found[group] = rows[:n]
    return found


def bits_faults(plugin, values=None, exactly=True, n=12):
    """Whether a study with the plugin gives the same bits again, and as plain Python; not `exactly`, about the same.

    Raises UsageError where the plugin cannot be compiled.
    """
    chosen = of(plugin, values, n)
    (cell,) = design.cells(chosen)
    first, again, plain = (_simulated(chosen, cell, compiled) for compiled in (True, True, False))
    if not same_bits(first, again):
        yield Fault("gives other numbers for the same data when asked again: it must be a function of what it is given")
    elif exactly and not same_bits(first, plain):
        yield Fault("gives other bits compiled than as plain Python")
    elif not exactly and not np.allclose(first, plain, rtol=1e-9, atol=1e-12, equal_nan=True):
        yield Fault("gives other numbers compiled than as plain Python")


def _simulated(chosen, cell, compiled):
    shape = len(design.targets(chosen)), 2, WIDTH
    estimates, states = np.zeros(shape), np.zeros(shape, np.uint32)
    recipe = recipes.kernel_cell(chosen, cell, compiled and jit.enabled())
    controls = np.zeros((2 * len(cell.quantities) if recipe.score else 0, WIDTH))
    with np.errstate(all="ignore"):
        recipes.simulate(cell, compiled)(recipe, 5, 0, 2, estimates, states, controls)
    return estimates
