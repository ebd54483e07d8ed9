"""What a scenario may say of the tables that name plugins: errors, contamination, designs, estimators.

`study_checks` puts them together. Limits of all that a scenario holds are here, too.
"""

import itertools
import json
import math
from dataclasses import replace
from typing import NamedTuple

from simcore.checks import Checks
from simcore.choices import Choice, EstimatorChoice, as_values, label_of, parameters_of
from simcore.registry import Contamination, Derived, Family, Plugin, Vector, families, only_for, plugins, resolved

ESTIMANDS = ("own", "mean", "median")
DEFAULT_SEED = 20261122
DEFAULT_REPLICATIONS = 10_000
DEFAULT_MOST_REPLICATIONS = 10_000_000  # with a precision
MOST_CELLS = 100_000
MOST_ESTIMATORS = 1000
MOST_MEMBERS = 200  # distributions of libraries
MOST_MEASURES = 1000  # with their parameters crossed
MOST_POINTS = 1000  # at which values are predicted
MOST_REPLICATIONS = 10**12  # of a cell
MOST_PAIRED = 16  # estimators that are all compared with each other; of more, each with the reference alone
_LABEL = lambda text: 1 <= len(text) <= 64 and text.isprintable(), "write one line of 1 to 64 characters"
ESTIMATOR_KINDS = {"loss": "losses", "estimator": "estimators"}


def suiting(kind, problem):
    """Names by which plugins of a kind can stand in a scenario of a problem, at some of their parameters."""
    problem = plugins("problems")[problem]
    base = plugins("problems")[problem.exact.base] if problem.exact else problem
    if kind == "estimators":
        return [name for name, plugin in plugins(kind).items() if plugin.problem == base.name]
    if kind in ("losses", "designs"):
        return list(plugins(kind)) if (base.losses if kind == "losses" else base.designed) else []
    found = (plugin for plugin in plugins(kind).values() if _stands(plugin, problem))
    return [plugin.name for plugin in found if plugin.name not in {p.name for p in plugin.parameters}]


def _stands(plugin, problem):
    """Whether errors or contamination can stand in a scenario of a problem."""
    only, is_none = only_for(plugin), plugin.name == "none"
    if problem.exact and isinstance(plugin, Contamination):
        return is_none
    if problem.exact and not has_quantiles(plugin):
        return False
    return only == problem.name or only is None and (problem.errors or is_none)


def has_quantiles(plugin):
    """Whether an exact problem can place observations at the quantiles of a distribution."""
    return plugin.problem or plugin.log_density or plugin.from_normal


class Entry(NamedTuple):
    """One table of `errors`, `contamination` or `estimators`, its lists not yet crossed."""

    path: tuple
    key: str  # that names the plugin
    kind: str
    plugin: Plugin
    axes: dict  # parameter -> its values
    label: str | None

    @property
    def size(self):
        return math.prod(map(len, self.axes.values()))

    def crossed(self):
        """For each combination: the parameters of the plugin, and all values by name."""
        for combination in itertools.product(*self.axes.values()):
            values = resolved(dict(zip(self.axes, combination, strict=True)))
            own = parameters_of(self.kind, self.plugin) if self.kind == "designs" else self.plugin.parameters
            yield tuple((p.name, values[p.name]) for p in own), values

    def values(self):
        """The parameters of the plugin by name, for each combination that a scenario could hold."""
        yield from (dict(parameters) for parameters, _ in itertools.islice(self.crossed(), MOST_ESTIMATORS))

    def choices(self):
        for parameters, values in self.crossed():
            yield Choice(self.kind, self.plugin.name, parameters, values.get("loc", 0.0), values.get("scale", 1.0))

    def estimators(self):
        name, varying = self.plugin.name, [key for key, values in self.axes.items() if len(values) > 1]
        for parameters, values in self.crossed():
            scale = values.get("scale")
            known = [("scale", scale)] if scale not in (None, "mad") else []
            quiet = {(p.name, p.default) for p in self.plugin.parameters if p.quiet}
            label = label_of(name, [*(pair for pair in parameters if pair not in quiet), *known])
            if self.label:
                label = label_of(f"{self.label} ", [(key, values[key]) for key in varying]).strip()
            yield EstimatorChoice(name, name if self.kind == "losses" else None, parameters, scale, label)


class ScenarioChecks(Checks):
    """What such tables may say, of a problem by name as soon as that is known."""

    def __init__(self, problem=None):
        super().__init__()
        self.of = problem

    def suits(self, path, kind, plugin, problem):
        """Whether errors or contamination are for a problem."""
        if kind not in ("distributions", "contamination"):
            return True
        only, known = only_for(plugin), suiting(kind, problem.name)
        if _stands(plugin, problem) or problem.exact and only is None:  # told elsewhere
            return True
        right = (f"it is for {only}; " if only else "") + f"those for {problem.name}: {', '.join(known) or 'none'}"
        self.wrong(path, f"is not for {problem.name}", right, plugin.name)
        return False

    def choices(self, entries):
        found = [(entry.path, choice) for entry in entries for choice in entry.choices()]
        return tuple(choice for _, choice in self.distinct(found))

    def estimators(self, path, data, problem):
        entries = self.entries(path, data, ESTIMATOR_KINDS)
        if (size := sum(entry.size for entry in entries)) > MOST_ESTIMATORS:
            self.wrong(path, "are too many", f"at most {MOST_ESTIMATORS} fit in a scenario", size)
            return ()
        for entry in entries:
            self.agrees(entry)
        if problem:
            entries = [entry for entry in entries if self.belongs(entry, plugins("problems")[problem])]
        found = [(entry.path, choice) for entry in entries for choice in entry.estimators()]
        found = self.distinct(found, key=lambda choice: replace(choice, label=""))
        return tuple(choice for _, choice in self.distinct(found, str, "has the label of"))

    def agrees(self, entry):
        """That the values of a loss or of errors go together."""
        if entry.kind in ("losses", "distributions"):
            said = next(filter(None, (entry.plugin.conflict(**values) for values in entry.values())), None)
            if said:
                self.wrong(entry.path, *said)

    def belongs(self, entry, problem):
        """Whether an entry of `estimators` is for a problem."""
        problem = plugins("problems")[problem.exact.base] if problem.exact else problem
        own, known = entry.kind == "losses", problem.scales
        if not (problem.losses if own else entry.plugin.problem == problem.name):
            names = suiting("estimators", problem.name)
            whose = "" if own else f"it is an estimator of {entry.plugin.problem}; "
            right = f"{whose}estimators of {problem.name}: {', '.join(names) or 'none, write a loss'}"
            key = "loss" if own else "estimator"
            self.wrong((*entry.path, key), f"is not for {problem.name}", right, entry.plugin.name)
            return False
        others = (problem.unsuited(entry.plugin, values) for values in entry.values()) if own else ()
        if right := next(filter(None, others), None):
            self.wrong((*entry.path, "loss"), f"is not for {problem.name}", right, entry.plugin.name)
            return False
        for word in (value for value in entry.axes.get("scale", ()) if isinstance(value, str) and value not in known):
            words = [f"write {' or '.join(map(json.dumps, known))}, or"] if known else ["write"]
            right = " ".join([*words, "a positive number: a known scale"])
            self.wrong((*entry.path, "scale"), f"is not for {problem.name}", right, word)
        words = [word for word in entry.axes.get("scale", ()) if word in known]
        if words and problem.designed and any(entry.plugin.jumps(**values) for values in entry.values()):
            right = f"psi of {entry.plugin.name} jumps: write a positive number, a known scale"
            self.wrong((*entry.path, "scale"), "cannot be estimated along", right, words[0])
        elif "proposal2" in entry.axes.get("scale", ()) and not all(entry.plugin.monotone(**v) for v in entry.values()):
            right = f'psi of {entry.plugin.name} redescends: write "mad", or a positive number'
            self.wrong((*entry.path, "scale"), "is not for this loss", right, "proposal2")
        return True

    def entries(self, path, data, kinds):
        """The tables of a list; `kinds`: each key that can name the plugin of a table -> the kind of plugin."""
        found = [self.entry(where, item, kinds) for where, item in self.items(path, data)]
        return [entry for entry in found if entry]

    def entry(self, path, data, kinds):
        given = [key for key in kinds if isinstance(data, dict) and key in data]
        if len(given) != 1:
            right = " or ".join(f'{key} = "..."' for key in kinds)
            return self.wrong(path, f"is not a table with one {' or one '.join(kinds)}", f"write {right} in it", data)
        (key,) = given
        kind = kinds[key]
        known = suiting(kind, self.of) if self.of and kind != "measures" else None
        plugin = self.named((*path, key), data[key], kinds, known)
        if plugin is None or self.of and not self.suits((*path, key), kind, plugin, plugins("problems")[self.of]):
            return None
        parameters = parameters_of(kind, plugin)
        required = {p.name: f"write {p.name} = {p.domain} ({p.meaning})" for p in parameters if p.default is None}
        optional = [p.name for p in parameters if p.default is not None]
        optional += ["label"] if "estimator" in kinds else []
        self.keys(path, data, plugin.name, {key: ""} | required, optional, parameters)
        axes = {p.name: self.axis((*path, p.name), data.get(p.name, p.default), p) for p in parameters}
        label = self.read(data, (*path, "label"), self.text, *_LABEL)
        return Entry(path, key, kind, plugin, axes, label)

    def named(self, path, name, kinds, suited=None):
        """The plugin that the last key of a path names: one that has a parameter of this key is named by it alone.
        suited: names of those that are of use."""
        key = path[-1]
        own = plugins(kinds[key]).get(key)
        if own and any(p.name == key for p in own.parameters):
            return own
        known = {k: families(kinds[k]).get(k) or plugins(kinds[k]) for k in kinds}
        if isinstance(known[key], Family) and (lacking := known[key].lacking()):
            return self.wrong(path, *lacking, name)
        return self.plugin(path, name, known, suited)

    def axis(self, path, given, parameter):
        """The values of a parameter in an entry: one, or those of a list."""
        if isinstance(given, tuple | Derived):  # of defaults
            return as_values(given)
        several = isinstance(given, list)
        if several and isinstance(parameter.domain, Vector):  # a list is one value, a list of lists several
            several = isinstance([*given, None][0], list)
        if several:
            return self.each(path, given, self.number, parameter)
        value = None if given is None else self.number(path, given, parameter)
        return () if value is None else (value,)
