"""What some observations that stand anywhere do to an estimator, where nothing is random: the rows of exact problems.

The n - m good observations are quantiles of the errors, at shares 1/2, 3/2, 5/2, ... of 1 / (n - m); all m others stand
at one place. T is the estimate of all n, T' that of the good ones. Of a regression the good responses are x + error on
regressors evenly spaced with mean 0 and variance near 1, the errors in an order that has nothing to do with them.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from simcore import batches, design, populations, recipes
from simcore.registry import plugins
from simcore.statuses import INSUFFICIENT, OK, UNDEFINED

_NEAR = np.concatenate([np.arange(0.0, 10.0, 0.25), (10.0, 11.0, 12.0, 15.0, 20.0, 30.0, 50.0)])  # in scales
_FAR = np.array([2.0, 1e1, 1e2, 1e3, 1e6])  # in spreads: the size of the largest good error
_BEYOND, _CARRIED = 1e9, 1e3  # in spreads: an observation out there, and an estimate that it has carried away
_ZOOMS, _ZOOMED = 4, 16  # rounds, and places in each, of the search between the neighbours of the worst place


@dataclass(frozen=True)
class Outcome:
    """An estimator, or a parameter of it, in one cell: all that a measure of an exact problem may read.

    n, outliers: of the sample, and of those that do not belong to it. before, after: T' and T, NaN where a fit failed.
    """

    group: "_Group"
    place: int  # of the estimator
    parameter: int
    at: float

    @property
    def n(self):
        return self.group.n

    @property
    def outliers(self):
        return self.group.outliers

    @property
    def before(self):
        return float(self.group.before[self.place, self.parameter])

    @property
    def after(self):
        return float(self.group.after(self.at)[self.place, self.parameter])

    def influence(self):
        return self.group.influence(self.place, self.parameter, self.at)

    def largest(self):
        """Of |T - T'|, wherever the outliers stand; inf where they carry T beyond all bounds."""
        return self.group.largest(self.place, self.parameter)

    def worst_bias(self):
        return self.group.worst_bias(self.place)

    def breaking(self):
        """The fewest outliers that carry an estimate away, by search; None: no number does."""
        return _breaking(self.group.model, self.group.choices[self.place])

    def breaking_in_theory(self):
        return self.group.model.carried_by(self.group.choices[self.place])


def rows(study, common):
    """The rows of the summary of a study of an exact problem, as dicts; common(cell): the columns of a cell."""
    seen, groups = set(), {}
    settings = [name for name, _ in study.settings]
    for cell in design.cells(study):
        own = tuple((name, value) for name, value in cell.settings if name != "at")
        if (cell.n, cell.errors, own) not in groups:
            groups[cell.n, cell.errors, own] = _Group(cell, study)
        group, columns = groups[cell.n, cell.errors, own], common(cell)
        for place, choice in enumerate(study.estimators):
            for t, quantity in enumerate(cell.quantities):
                outcome = Outcome(group, place, t, cell.setting["at"])
                for measure in study.measures:
                    plugin = plugins("measures")[measure.name]
                    shared = {name: None for name in settings if name in plugin.without}
                    together = "parameter" in plugin.without and len(cell.quantities) > 1
                    row = {
                        **columns,
                        **shared,
                        "parameter": "beta" if together else quantity.name,
                        "estimator": choice.label,
                        "loss": choice.loss,
                        "measure": measure.label,
                    }
                    key = tuple(value for name, value in row.items() if name != "cell")
                    if plugin.without and key in seen:
                        continue
                    seen.add(key)
                    yield row | _numbers(plugin.value(outcome))


def _numbers(value):
    """NaN: a fit failed; None or inf: there is no such number."""
    failed = value is not None and math.isnan(value)
    known = value is not None and math.isfinite(value)
    number = value + 0.0 if known else None  # no -0.0
    return {
        "value": number,
        "mcse": 0.0 if known else None,
        "status": OK if known else INSUFFICIENT if failed else UNDEFINED,
        "low": number,
        "high": number,
        "n_ok": 0 if failed else 1,
        "n_failed": 1 if failed else 0,
    }


class _Group:
    """Cells that differ in `at` alone, so that all places are fitted together."""

    def __init__(self, cell, study):
        settings, base = cell.setting, plugins("problems")[cell.problem].exact.base
        self.n, self.outliers, self.choices = cell.n, int(settings["outliers"]), study.estimators
        self.model = _Line(cell.n, cell.errors, settings["x"]) if base == "linear" else _Location(cell.n, cell.errors)
        self._base, self._at = base, dict(study.settings)["at"]

    @functools.cached_property
    def before(self):
        return self.model.fit(self.choices, self.n - self.outliers, 0, [0.0])[:, :, 0]

    @functools.cached_property
    def _after(self):
        return self.model.fit(self.choices, self.n - self.outliers, self.outliers, self._at)

    def after(self, at):
        return self._after[:, :, self._at.index(at)]

    @functools.cached_property
    def _influences(self):
        return [populations.influence(choice, self.model.errors, self._base, self._at) for choice in self.choices]

    def influence(self, place, parameter, at):
        found, pull = self._influences[place], self.model.pull(self.n - self.outliers, parameter)
        return None if found is None else float(found[self._at.index(at)]) * pull

    def worst_bias(self, place):
        if self._base == "linear":
            return None
        return populations.worst_bias(self.choices[place], self.model.errors, self.outliers / self.n)

    def largest(self, place, parameter):
        """By a search over a fixed grid, and then between the neighbours of its worst place."""
        choice, good = self.choices[place], self.n - self.outliers
        if _is_carried(self.model, choice, self.outliers)[parameter]:
            return math.inf
        places = self.model.grid(good)
        for _ in range(_ZOOMS + 1):
            moved = self.model.fit([choice], good, self.outliers, places)[0, parameter]
            sizes = np.abs(moved - self.before[place, parameter])
            if np.isnan(sizes).all():
                return math.nan
            worst = int(np.nanargmax(sizes))
            low, high = places[max(worst - 1, 0)], places[min(worst + 1, len(places) - 1)]
            places = np.unique([places[worst], *(low + (high - low) * np.arange(_ZOOMED + 1) / _ZOOMED)])
        return float(sizes[worst])


@dataclass(frozen=True)
class _Location:
    """Samples of location."""

    n: int
    errors: object

    def fit(self, choices, good, outliers, at):
        """Estimates (estimators, parameters, places) of so many good and bad observations, these at each place, and
        spread evenly over the sample, for estimators that see its order."""
        samples, bad = np.empty((len(at), good + outliers)), np.zeros(good + outliers, bool)
        bad[np.arange(outliers) * (good + outliers) // max(1, outliers)] = True
        samples[:, ~bad] = good_errors(self.errors, good)
        samples[:, bad] = np.asarray(at)[:, None]
        return batches.fit_location(choices, samples)

    def grid(self, good):
        """Places to try for the outliers, in order."""
        return _grid(self.errors, good)

    def far(self, good):
        """Places from which they carry away what they can, and how far that is."""
        return _far(self.errors, good)

    def pull(self, good, parameter):
        """What the influence on the intercept is multiplied by."""
        return 1.0

    def carried_by(self, choice):
        return plugins("problems")["location"].carried_by(choice, self.n)


@dataclass(frozen=True)
class _Line:
    """Regressions on one regressor, of which the outliers have the value x, and stand at a distance from the line."""

    n: int
    errors: object
    x: float

    def design(self, good, outliers):
        spaced = math.sqrt(3.0) * (2.0 * np.arange(good) + 1.0 - good) / good
        return np.column_stack([np.ones(good + outliers), np.concatenate((spaced, np.full(outliers, self.x)))])

    def fit(self, choices, good, outliers, at):
        x = self.design(good, outliers)
        responses = np.empty((len(at), good + outliers))
        responses[:, :good] = x[:good, 1] + _scattered(good_errors(self.errors, good))
        responses[:, good:] = self.x + np.asarray(at)[:, None]
        return batches.fit_regression(choices, x, responses)

    def grid(self, good):
        return _grid(self.errors, good)

    def far(self, good):
        return _far(self.errors, good)

    def pull(self, good, parameter):
        """By the inverse of X'X / n, which is diagonal."""
        square = self.design(good, 0)[:, 1]
        return self.x / (math.fsum(square * square) / good) if parameter else 1.0

    def carried_by(self, choice):
        """With a bounded psi the fewest outliers that outweigh the others in some direction d, m |z d| >= sum |z_i d|
        for rows z of the design (He, Jureckova, Koenker & Portnoy 1990), to look for where one of these is 0."""
        bounded = next((m for m in range(1, self.n - 2) if m >= self._balance(self.n - m)), None)
        square = recipes.normal_square(choice)
        return plugins("problems")["linear"].carried_by(choice, bounded, self.n // 2, self.n, square)

    def _balance(self, good):
        x = self.design(good, 0)[:, 1]
        return min(math.fsum(np.abs(x - at)) / abs(self.x - at) for at in x if at != self.x)


@functools.lru_cache(maxsize=4096)
def good_errors(errors, count):
    """So many quantiles of errors of a scenario, in data units: float64 (count,)."""
    return errors.loc + errors.scale * populations.population(errors.name, errors.parameters).sample(count)


def _scattered(values):
    """In an order that has next to nothing to do with a trend."""
    return values[_order(len(values))]


@functools.lru_cache(maxsize=256)
def _order(count):
    """Of steps near the golden section of the count the one whose ranks have the least covariance with their places."""
    golden, places = round(0.618 * count), np.arange(count)
    steps = [step for step in range(max(1, golden - 25), golden + 26) if math.gcd(step, count) == 1]
    ranks = [places * step % count for step in steps]
    return min(ranks, key=lambda own: abs(int(((2 * places - count + 1) * (2 * own - count + 1)).sum())))


def _spread(errors, good):
    return float(np.abs(good_errors(errors, good) - errors.loc).max()) or errors.scale


def _grid(errors, good):
    sizes = np.concatenate((errors.scale * _NEAR, _spread(errors, good) * _FAR))
    return np.unique(np.concatenate((errors.loc - sizes, errors.loc + sizes, good_errors(errors, good))))


def _far(errors, good):
    spread = _spread(errors, good)
    return [errors.loc - _BEYOND * spread, errors.loc + _BEYOND * spread], _CARRIED * spread


@functools.lru_cache(maxsize=65536)
def _is_carried(model, choice, outliers):
    """Whether so many outliers of n carry each parameter of an estimator beyond all bounds, or leave no estimate."""
    good = model.n - outliers
    places, bound = model.far(good)
    before, after = (model.fit([choice], good, m, at)[0] for m, at in ((0, [0.0]), (outliers, places)))
    return tuple((~(np.abs(after - before) <= bound)).any(axis=1).tolist())


@functools.lru_cache(maxsize=4096)
def _breaking(model, choice):
    """By halving: one fewer does not carry it."""
    low, high = 0, model.n - 2
    if high < 1 or not any(_is_carried(model, choice, high)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if any(_is_carried(model, choice, middle)) else (middle, high)
    return high
