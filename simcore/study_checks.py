"""What a whole scenario may say, and what of it goes together: `StudyChecks` collects every mistake in one pass."""

import itertools
import math
import re

from simcore.choices import Model, Precision, as_values
from simcore.registry import REAL, Flag, Interval, Parameter, Vector, plugins
from simcore.scenario_checks import (
    DEFAULT_MOST_REPLICATIONS,
    DEFAULT_REPLICATIONS,
    DEFAULT_SEED,
    ESTIMANDS,
    MOST_CELLS,
    MOST_MEASURES,
    MOST_MEMBERS,
    MOST_POINTS,
    MOST_REPLICATIONS,
    Entry,
    ScenarioChecks,
    has_quantiles,
)

_SEED, _REPLICATIONS, _N = range(2**63), range(1, MOST_REPLICATIONS + 1), range(1, 10**6 + 1)
_NAME = re.compile(r"[a-z0-9_-]{1,64}").fullmatch, 'write name = "my_study", 1 to 64 of a-z, 0-9, _ and -'
_TITLE = lambda text: len(text) <= 200 and text.isprintable(), "write one line of at most 200 characters"
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


class StudyChecks(ScenarioChecks):
    """The same of a whole study."""

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
            if not has_quantiles(entry.plugin):
                right = "choose a distribution whose density has a closed form"
                self.wrong((*entry.path, entry.key), "has no quantiles here", right, entry.plugin.name)
        most = max(settings["outliers"], default=0.0)
        for k, size in enumerate(n):
            if size < most + problem.exact.fewest:
                right = f"must be at least {most + problem.exact.fewest:g}: {problem.exact.fewest} beside the outliers"
                self.wrong((*path, "n", k), "is too small", right, size)

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
            defaults = Entry((), "measure", "measures", plugin, axes, None)
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
