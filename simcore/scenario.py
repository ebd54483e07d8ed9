"""A scenario as a frozen `Study`: the only place where what a user wrote is checked; below it types are trusted.

Every mistake is found in one pass and reported as `file:line: key: what is wrong (got ...), what would be right`.
"""

import hashlib
import itertools
import json
import math
import operator
import re
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from simcore import toml_text
from simcore.cards import Card
from simcore.checks import Checks
from simcore.registry import (
    BELOW_ONE,
    REAL,
    SIZE,
    Contamination,
    Derived,
    Family,
    Flag,
    Interval,
    Parameter,
    Plugin,
    Vector,
    families,
    only_for,
    plugins,
    resolved,
)

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

_SEED, _REPLICATIONS, _N = range(2**63), range(1, MOST_REPLICATIONS + 1), range(1, 10**6 + 1)
_NAME = re.compile(r"[a-z0-9_-]{1,64}").fullmatch, 'write name = "my_study", 1 to 64 of a-z, 0-9, _ and -'
_TITLE = lambda text: len(text) <= 200 and text.isprintable(), "write one line of at most 200 characters"
_LABEL = lambda text: 1 <= len(text) <= 64 and text.isprintable(), "write one line of 1 to 64 characters"
_KEEP = lambda text: text == "estimates", 'write keep = "estimates", or leave it out'
_REDUCTION = lambda text: text in ("score", "none"), 'write variance_reduction = "score" (the default) or "none"'
_ESTIMAND = lambda text: text in ESTIMANDS, 'write estimand = "own" (the default), "mean" or "median"'
_RELATIVE_MCSE = Parameter("relative_mcse", "MCSE over value at which a cell is done", Interval(1e-6, 1.0))

_BETA = Vector(REAL, 21)  # with the intercept
_POINTS = "write predict = [[0.5, 1.0]], a list with a value for each column of the design"

_KEYS = {
    "name": _NAME[1],
    "problem": 'write problem = "location", or another of `simcore list problems`',
    "factors": "write [factors] and, below it, n and errors",
    "estimators": 'write [[estimators]] and, below it, loss = "l2"',
}
_OPTIONAL_KEYS = (
    *("title", "seed", "replications", "keep", "reference", "estimand", "variance_reduction", "measures", "precision"),
)
_DESIGNED = {"beta": "write beta = [1.0, 2.0], the true coefficients, the intercept first"}
_DESIGNED_OPTIONS = ("intercept", "predict")
_RANDOM = ("replications", "precision", "keep", "variance_reduction", "estimand")  # keys of what has randomness
_PRECISION = {"measure": 'write measure = "variance"', "relative_mcse": "write relative_mcse = 0.01"}
_FACTORS = {"n": "write n = [10, 100]", "errors": 'write errors = [{ distribution = "normal" }]'}
_DESIGN_FACTOR = {"design": 'write design = [{ design = "gaussian" }]'}

_ERROR_KINDS = {"distribution": "distributions", "scipy": "distributions", "data": "distributions"}
_ESTIMATOR_KINDS = {"loss": "losses", "estimator": "estimators"}
_LOC_AND_SCALE = (
    Parameter("loc", "where the errors are centred", REAL, 0.0, also=("mean", "mu", "location", "center", "centre")),
    Parameter("scale", "their scale", SIZE, 1.0, also=("sd", "sigma", "std")),
)
_RANDOM_DESIGN = (
    Parameter("correlation", "of any two columns, by a common part", BELOW_ONE, 0.0),
    Parameter("redrawn", "a new design in every replication, not one for the cell", Flag(), False),
)
_RESIDUAL_SCALE = Parameter("scale", "the scale of the residuals", SIZE, "mad", ("mad", "proposal2"))


@dataclass(frozen=True)
class Model:
    """Of a regression: the true coefficients, whether the first is an intercept, and points whose fit is wanted."""

    beta: tuple[float, ...]
    intercept: bool
    points: tuple[tuple[float, ...], ...]  # a value for each column beside the intercept

    @property
    def parameters(self):
        """beta0 is always the intercept, so without one the names start with beta1."""
        start = 0 if self.intercept else 1
        names = [f"beta{start + j}" for j in range(len(self.beta))]
        return (*names, *(_label("at", [("", value) for value in point]).replace("=", "") for point in self.points))

    @property
    def columns(self):
        """Of the design, beside the intercept."""
        return len(self.beta) - self.intercept

    @property
    def rows(self):
        """The points as rows of the design."""
        return tuple((1.0, *point) if self.intercept else point for point in self.points)

    @property
    def truths(self):
        return (*self.beta, *(math.fsum(map(operator.mul, row, self.beta)) for row in self.rows))

    def content(self):
        return {"beta": self.beta, "intercept": self.intercept, "points": self.points}


@dataclass(frozen=True)
class Choice:
    """A distribution, a contamination, a design or a measure, with all parameters in the order of the plugin."""

    kind: str  # of plugin
    name: str
    parameters: tuple[tuple[str, float], ...] = ()
    loc: float = 0.0
    scale: float = 1.0

    @property
    def values(self):
        return dict(self.parameters)

    @property
    def label(self):
        unsaid = {(p.name, p.default) for p in _RANDOM_DESIGN} if self.kind == "designs" else ()
        own = [pair for pair in self.parameters if pair not in unsaid]
        placed = [(p.name, getattr(self, p.name)) for p in _LOC_AND_SCALE if getattr(self, p.name) != p.default]
        return _label(self.name, [*own, *placed])

    def __str__(self):
        return self.label

    @property
    def fingerprint(self):
        """Text that names what a design or errors read besides the scenario; None: nothing. Raises UsageError."""
        return plugins(self.kind)[self.name].fingerprint(self.values)

    def content(self):
        return {"name": self.name, "parameters": self.values, "loc": self.loc, "scale": self.scale}


@dataclass(frozen=True)
class EstimatorChoice:
    """An estimator; `loss` is None where it minimises none, and `scale` where there is none to choose."""

    name: str
    loss: str | None
    parameters: tuple[tuple[str, float], ...]
    scale: None | str | float  # "mad", or a number that is known
    label: str

    @property
    def values(self):
        return dict(self.parameters)

    def __str__(self):
        return self.label

    def content(self):
        return {"name": self.name, "loss": self.loss, "parameters": self.values, "scale": self.scale}

    @property
    def key(self):
        """Canonical text of what the estimator is, whatever its label."""
        return _canonical(self.content())


@dataclass(frozen=True)
class Precision:
    """When a cell has enough replications: `measure` of every estimator that has an MCSE has this relative one."""

    measure: str
    relative_mcse: float
    max_replications: int


@dataclass(frozen=True, init=False, repr=False)
class Study:
    """A checked scenario: `Study(name=..., problem=..., factors={...}, estimators=[{...}, ...])`, as in a file.

    `replications`: of each cell; with a `precision` the least; of an exact problem 0. `reference`: label of the
    estimator that the others are compared with. `estimand`: what estimators are measured against where errors are not
    symmetric: each against its own value at the distribution of the errors, or all against the mean or the median of
    that. `text` is the TOML it was read from, or TOML that says the same; it does not count when studies are compared.
    """

    name: str
    title: str
    problem: str
    seed: int
    replications: int
    keep: str | None
    n: tuple[int, ...]
    settings: tuple[tuple[str, tuple], ...]  # of the problem, each with its values
    errors: tuple[Choice, ...]
    contamination: tuple[Choice, ...]
    design: tuple[Choice, ...]  # empty but in regression
    model: Model | None
    estimators: tuple[EstimatorChoice, ...]
    reference: str
    estimand: str  # "own", "mean" or "median"
    variance_reduction: str  # "score" or "none"
    measures: tuple[Choice, ...]
    precision: Precision | None
    text: str = field(compare=False, repr=False)

    def __init__(self, /, **entries):
        data = toml_text.plain({key: value for key, value in entries.items() if value is not None})
        vars(self).update(_checked(data), text=toml_text.render(data))

    def __repr__(self):
        return self._card().text()

    def _repr_html_(self):
        return self._card().html()

    def _card(self):
        lists = {name: getattr(self, name) for name in ("errors", "contamination", "design", "n")} | dict(self.settings)
        lists |= {"estimators": self.estimators, "measures": self.measures}
        rows = tuple((name, ", ".join(map(_short, values))) for name, values in lists.items() if values)
        each = f"{self.replications:,} replications per cell" if self.replications else "nothing is random"
        about = f"{self.problem}, seed {self.seed}, {each}, efficiencies relative to {self.reference}"
        title = f"{self.name}: {self.title}" if self.title else self.name
        return Card(title, (about,), ("", ""), rows, left=2)

    def with_changes(self, replications=None, seed=None):
        """The same study with another number of replications or seed; the text stays as it was given."""
        changes = {"replications": replications, "seed": seed}
        changes = {key: getattr(self, key) if value is None else value for key, value in changes.items()}
        if not changes["replications"] and not self.replications:  # of an exact problem
            changes.pop("replications")
        data, _ = toml_text.parse(self.text, self.name)
        if replications is not None and "precision" in data:
            data["precision"].pop("min_replications", None)
            most = data["precision"].get("max_replications", DEFAULT_MOST_REPLICATIONS)
            data["precision"]["max_replications"] = max(most, replications)
        return _study(_checked(data | toml_text.plain(changes)), self.text)

    def content(self):
        """All that decides the numbers of a replication, as values for JSON, whatever the order in the scenario."""
        lists = ("errors", "contamination", "estimators")
        chosen = {key: sorted((choice.content() for choice in getattr(self, key)), key=_canonical) for key in lists}
        chosen["variance_reduction"] = self.variance_reduction
        if self.model:
            chosen["design"] = sorted((choice.content() for choice in self.design), key=_canonical)
            chosen["model"] = self.model.content()
        if len(self.estimators) > MOST_PAIRED:
            chosen["reference"] = self.estimators[self.reference_place].content()
        if self.estimand != "own":
            chosen["estimand"] = self.estimand
        if self.settings:
            chosen["settings"] = {name: sorted(values) for name, values in self.settings}
        return {"problem": self.problem, "seed": self.seed, "n": sorted(self.n), **chosen}

    @property
    def reference_place(self):
        return [choice.label for choice in self.estimators].index(self.reference)

    def digest(self):
        """SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(_canonical(self.content()).encode()).hexdigest()


def load(path):
    """The study in a scenario file."""
    return parse(toml_text.read(path), toml_text.printable(path))


def parse(text, filename="<text>"):
    """The study in the text of a scenario file; the file's name is for messages."""
    data, lines = toml_text.parse(text, filename)
    return _study(_checked(data, filename, lines), text)


def parameters_of(kind, plugin):
    """What an entry may say of a plugin: its own parameters, loc and scale of errors, the scale of a scaled loss; a
    problem's settings stand among the factors."""
    if kind == "problems":
        return plugin.settings
    if kind == "distributions" and plugin.problem is None:
        return plugin.parameters + _LOC_AND_SCALE
    if kind == "designs":
        return plugin.parameters + (_RANDOM_DESIGN if plugin.draw else ())
    return plugin.parameters + ((_RESIDUAL_SCALE,) if kind == "losses" and plugin.scaled else ())


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
    if problem.exact and not _has_quantiles(plugin):
        return False
    return only == problem.name or only is None and (problem.errors or is_none)


def _has_quantiles(plugin):
    """Whether an exact problem can place observations at the quantiles of a distribution."""
    return plugin.problem or plugin.log_density or plugin.from_normal


def as_values(default):
    """The default of a parameter as the values it stands for: measures have several."""
    return default if isinstance(default, tuple) else (default,)


def estimator(entry, problem):
    """The estimator of one table of `estimators`, without a study, for a problem by name."""
    data, checks = toml_text.plain(entry), _ScenarioChecks(problem)
    found = checks.entry((), data, _ESTIMATOR_KINDS)
    if found:
        checks.agrees(found)
        checks.belongs(found, plugins("problems")[problem])
    if found and found.size > 1:
        checks.wrong((), "are several estimators", "write one value for each key", data)
    checks.report()
    return next(found.estimators())


def _study(fields, text):
    study = object.__new__(Study)
    vars(study).update(fields, text=text)
    return study


def _checked(data, filename=None, lines=None):
    """The fields of a Study, or a ScenarioError with all mistakes."""
    checks = _ScenarioChecks()
    fields = checks.study(data)
    checks.report(filename, lines)
    return fields


def _measures_of(problem):
    """The measures of a problem, name -> plugin; of None those of every problem."""
    own = plugins("problems").get(problem)
    exact, valued = (own.exact is not None, own.simulation is not None) if own else (False, False)
    return {
        name: plugin
        for name, plugin in plugins("measures").items()
        if plugin.problem in (None, problem) and plugin.exact == exact and (valued or plugin.of != "values")
    }


def _why_unknown(choice, errors, which):
    """Why it is not known what an estimator is measured against; None where it is."""
    from simcore import populations

    try:
        return populations.known(choice, errors, which)
    except populations.Unknown as reason:
        return str(reason)


def _one_of_each_kind(errors, which):
    """The first of all errors of which the same is known."""
    from simcore import populations

    found = {}
    for choice in errors:
        found.setdefault(populations.kind(choice, which), choice)
    return found.values()


def _canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _label(name, values):
    """huber(k=1.345): numbers in their shortest form; of a flag its name, where it is set; data(my.csv, column=y)."""
    said = ((key, value) for key, value in values if value is not False)
    inside = ", ".join(_said(key, value) if key != name else _short(value) for key, value in said)
    return f"{name}({inside})" if inside else name


def _said(key, value):
    return key if value is True else f"{key}={_short(value)}"


def _short(value):
    if isinstance(value, tuple):
        return f"[{', '.join(map(_short, value))}]"
    return value if isinstance(value, str) else str(value).removesuffix(".0")


class _Entry(NamedTuple):
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
            label = _label(name, [*(pair for pair in parameters if pair not in quiet), *known])
            if self.label:
                label = _label(f"{self.label} ", [(key, values[key]) for key in varying]).strip()
            yield EstimatorChoice(name, name if self.kind == "losses" else None, parameters, scale, label)


class _ScenarioChecks(Checks):
    """What a scenario may say, of a problem by name as soon as that is known."""

    def __init__(self, problem=None):
        super().__init__()
        self.of = problem

    def study(self, data):
        """The fields of a Study, to be used if there is no mistake."""
        problem = self.of = self.read(data, ("problem",), self.problem)
        designed = problem is not None and plugins("problems")[problem].designed
        required, optional = _KEYS | (_DESIGNED if designed else {}), _DESIGNED_OPTIONS if designed else ()
        strange = self.designed_alone((), data, (*_DESIGNED, *_DESIGNED_OPTIONS)) if problem and not designed else ()
        self.keys(
            (), data, "a scenario" + f" of {problem}" * designed, required, (*_OPTIONAL_KEYS, *optional, *strange)
        )
        exact = problem is not None and plugins("problems")[problem].exact is not None
        for key in (key for key in _RANDOM if exact and key in data):
            self.wrong((key,), f"is not for {problem}", "leave it out: nothing is random", data[key])
        model = self.model(data) if designed else None
        estimators = self.read(data, ("estimators",), self.estimators, problem) or ()
        replications = self.read(data, ("replications",), self.whole, _REPLICATIONS, default=DEFAULT_REPLICATIONS)
        rule = self.read(data, ("precision",), self.precision, problem, replications)
        precision, least = rule or (None, replications)
        factors = self.read(
            data, ("factors",), self.factors, problem and plugins("problems")[problem], model, default={}
        )
        estimand = self.read(data, ("estimand",), self.text, *_ESTIMAND, default="own")
        centred = problem and not exact and not plugins("problems")[problem].simulation  # errors have a centre
        if "estimand" in data and problem and not centred:
            right = "leave it out: what is estimated does not depend on the errors"
            self.wrong(("estimand",), f"is not for {problem}", right, data["estimand"])
        elif (
            factors and estimators and estimand and centred and (model is None or model.intercept and estimand != "own")
        ):
            self.estimands(data["estimators"], estimators, factors["errors"], estimand)
        return {
            "name": self.read(data, ("name",), self.text, *_NAME),
            "title": self.read(data, ("title",), self.text, *_TITLE, default=""),
            "problem": problem,
            "model": model,
            "seed": self.read(data, ("seed",), self.whole, _SEED, default=DEFAULT_SEED),
            "replications": 0 if exact else least,
            "keep": self.read(data, ("keep",), self.text, *_KEEP),
            **factors,
            "estimators": estimators,
            "reference": self.reference(data.get("reference"), [choice.label for choice in estimators]),
            "estimand": estimand,
            "variance_reduction": self.read(data, ("variance_reduction",), self.text, *_REDUCTION, default="score"),
            "measures": self.measures(data.get("measures"), problem),
            "precision": precision,
        }

    def designed_alone(self, path, data, names):
        """Keys of a table that only a problem with a design has: each is a mistake."""
        found = [key for key in names if key in data]
        wanted = " or ".join(name for name, plugin in plugins("problems").items() if plugin.designed)
        for key in found:
            right = f'it is of the problem {wanted}: leave it out, or write problem = "{wanted}"'
            self.wrong((*path, key), f"is not for {self.of}", right, data[key])
        return found

    def estimands(self, data, estimators, errors, which):
        """That it is known what each estimator is measured against."""
        for choice, law in itertools.product(estimators, _one_of_each_kind(errors, which)):
            if reason := _why_unknown(choice, law, which):
                others = [f'"{other}"' for other in ESTIMANDS if _why_unknown(choice, law, other) is None]
                right = f"write estimand = {' or '.join(others)}" if others else "leave one of the two out"
                place = next(k for k, entry in enumerate(data) if choice.name in entry.values())
                return self.wrong(("estimators", place), f"cannot be measured: {reason}", right, choice.label)

    def model(self, data):
        """The Model, or None where it has a mistake."""
        before = len(self.mistakes)
        beta = self.read(data, ("beta",), self.number, Parameter("beta", "true coefficients", _BETA))
        intercept = self.read(data, ("intercept",), self.number, Parameter("", "is there one?", Flag()), default=True)
        if beta is None or len(self.mistakes) > before:
            return None
        columns, points = len(beta) - intercept, []
        if columns < 1:
            right = "write the intercept and at least one slope, or intercept = false"
            return self.wrong(("beta",), "has no slope", right, data["beta"])
        if columns > 20:
            return self.wrong(("beta",), "is too long", "at most 20 columns and an intercept fit", len(beta))
        asked = self.items(("predict",), data["predict"]) if "predict" in data else ()
        if len(asked) > MOST_POINTS:
            return self.wrong(("predict",), "is too long", f"at most {MOST_POINTS} points fit", len(asked))
        for path, point in asked:
            row = self.number(path, point, Parameter("", "a point of the design", Vector(REAL)))
            if row and len(row) != columns:
                self.wrong(path, f"has not one value for each of the {columns} columns", _POINTS, point)
            points.append(row)
        return None if len(self.mistakes) > before else Model(beta, intercept, tuple(points))

    def problem(self, path, name):
        plugin = self.plugin(path, name, {"problem": plugins("problems")})
        return plugin and plugin.name

    def factors(self, path, data, problem, model):
        if not isinstance(data, dict):
            self.wrong(path, "is not a table", _KEYS["factors"], data)
            return {}
        designed, settings = (problem.designed, problem.settings) if problem else (False, ())
        required = {p.name: f"write {p.name} = {p.domain} ({p.meaning})" for p in settings if p.default is None}
        required = _FACTORS | (_DESIGN_FACTOR if designed else {}) | required
        optional = [p.name for p in settings if p.default is not None]
        strange = self.designed_alone(path, data, ("design",)) if problem and not designed else ()
        self.keys(path, data, "factors", required, ("contamination", *optional, *strange), settings)
        data = {"contamination": [{"kind": "none"}]} | data
        n = self.read(data, (*path, "n"), self.each, self.whole, _N, default=())
        settings = tuple((p.name, self.axis((*path, p.name), data.get(p.name, p.default), p)) for p in settings)
        errors = self.read(data, (*path, "errors"), self.entries, _ERROR_KINDS, default=[])
        contamination = self.entries((*path, "contamination"), data["contamination"], {"kind": "contamination"})
        design = self.read(data, (*path, "design"), self.entries, {"design": "designs"}, default=[]) if designed else []
        found = {"errors": errors, "contamination": contamination, "design": design}
        sizes = {"n": len(n)} | {name: len(values) for name, values in settings}
        sizes |= {name: sum(entry.size for entry in entries) for name, entries in found.items()}
        if math.prod(max(1, size) for size in sizes.values()) > MOST_CELLS:
            got = " x ".join(f"{size} {name}" for name, size in sizes.items() if size or name != "design")
            self.wrong(path, "cross to too many cells", f"at most {MOST_CELLS} fit in a scenario", got)
            return {}
        if not self.few_members(path, errors):
            return {}
        if problem:
            self.fitting_together(path, contamination, errors, design, n, dict(settings), problem, model)
        for entry in errors:
            self.agrees(entry)
        choices = {factor: self.choices(entries) for factor, entries in found.items()}
        return {"n": n, "settings": settings} | choices

    def few_members(self, path, errors):
        """Whether tables of so many distributions of libraries can be made."""
        size = sum(entry.size for entry in errors if entry.plugin.family != entry.plugin.name)
        if size > MOST_MEMBERS:
            right = f"at most {MOST_MEMBERS} distributions of SciPy fit in a scenario"
            self.wrong((*path, "errors"), "are too many", right, size)
        return size <= MOST_MEMBERS

    def fitting_together(self, path, contamination, errors, design, n, settings, problem, model):
        """Mistakes that only the factors, the problem and the model make together."""
        if problem.exact:
            self.exact(path, contamination, errors, n, settings, problem)
        for entry in contamination:
            if entry.plugin.moves_design and any(plan.plugin.recur for plan in design):
                right = "its columns are past responses: choose another kind, or another design"
                name = next(plan.plugin.name for plan in design if plan.plugin.recur)
                self.wrong((*entry.path, "kind"), f"cannot change the design {name}", right, entry.plugin.name)
        if not model:
            return
        for entry in errors:
            if any(entry.axes["loc"]):
                right = "the intercept of beta says where the responses are centred: leave loc out"
                self.wrong((*entry.path, "loc"), f"is not for {problem.name}", right, list(entry.axes["loc"]))
        for entry in design:
            for choice in entry.choices():
                wanted = entry.plugin.columns(choice.values)
                if wanted is not None and wanted != model.columns:
                    right = f"it has {wanted} columns: write a beta of {wanted + model.intercept} values"
                    right += ", the intercept first" * model.intercept
                    self.wrong(entry.path, "does not fit beta", right, choice.label)
        for k, size in enumerate(n):
            if size < len(model.beta):
                right = f"must be at least {len(model.beta)}, the length of beta"
                self.wrong((*path, "n", k), "is too small", right, size)

    def exact(self, path, contamination, errors, n, settings, problem):
        """Mistakes in the factors of a problem without randomness."""
        for entry in (entry for entry in contamination if entry.plugin.name != "none"):
            right = "leave it out: the outliers stand `at` places"
            self.wrong((*entry.path, "kind"), f"is not for {problem.name}", right, entry.plugin.name)
        for entry in errors:
            if not _has_quantiles(entry.plugin):
                right = "choose a distribution whose density has a closed form"
                self.wrong((*entry.path, entry.key), "has no quantiles here", right, entry.plugin.name)
        most = max(settings["outliers"], default=0.0)
        for k, size in enumerate(n):
            if size < most + problem.exact.fewest:
                right = f"must be at least {most + problem.exact.fewest:g}: {problem.exact.fewest} beside the outliers"
                self.wrong((*path, "n", k), "is too small", right, size)

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
        entries = self.entries(path, data, _ESTIMATOR_KINDS)
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

    def reference(self, label, labels):
        if label is None:
            return labels[0] if labels else None
        if label in labels or not labels:
            return label
        right = (label, labels) if isinstance(label, str) else f"known: {', '.join(labels)}"
        return self.wrong(("reference",), "is not the label of an estimator", right, label)

    def measures(self, data, problem):
        """Every measure of a problem, at the parameters that the scenario gives or at its defaults."""
        entries = [] if data is None else self.entries(("measures",), data, {"measure": "measures"})
        if (size := sum(entry.size for entry in entries)) > MOST_MEASURES:
            self.wrong(("measures",), "are too many", f"at most {MOST_MEASURES} fit in a scenario", size)
            return ()
        given = self.choices(entries)
        for entry in entries:
            if not entry.plugin.parameters:
                right = "leave it out: measures without parameters are always there"
                self.wrong(entry.path, "has no parameter to give", right, entry.plugin.name)
        found = []
        for name, plugin in _measures_of(problem).items():
            axes = {p.name: as_values(p.default) for p in plugin.parameters}
            defaults = _Entry((), "measure", "measures", plugin, axes, None)
            found += [choice for choice in given if choice.name == name] or [*defaults.choices()]
        return tuple(found)

    def precision(self, path, data, problem, replications):
        """(Precision, the least replications), to be used if there is no mistake."""
        if not isinstance(data, dict):
            return self.wrong(path, "is not a table", 'write [precision], measure = "variance", ...', data)
        self.keys(path, data, "precision", _PRECISION, ("max_replications", "min_replications"))
        relative = {name: plugin for name, plugin in _measures_of(problem).items() if plugin.relative}
        measure = self.read(data, (*path, "measure"), self.plugin, {"measure": relative})
        target = self.read(data, (*path, "relative_mcse"), self.number, _RELATIVE_MCSE)
        least = self.read(data, (*path, "min_replications"), self.whole, _REPLICATIONS, default=replications)
        most = self.read(
            data, (*path, "max_replications"), self.whole, _REPLICATIONS, default=DEFAULT_MOST_REPLICATIONS
        )
        if least and most and most < least:
            right = f"must be at least the {least} that every cell gets"
            self.wrong((*path, "max_replications"), "is below the least replications", right, most)
        return Precision(measure and measure.name, target, most), least

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
        return _Entry(path, key, kind, plugin, axes, label)

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
