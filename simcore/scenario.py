"""A scenario as a frozen `Study`: the only place where what a user wrote is checked; below it types are trusted.

Every mistake is found in one pass and reported as `file:line: key: what is wrong (got ...), what would be right`.
"""

import hashlib
from dataclasses import dataclass, field

from simcore import toml_text
from simcore.cards import Card
from simcore.choices import Choice, EstimatorChoice, Model, Precision, canonical, short
from simcore.registry import plugins
from simcore.scenario_checks import DEFAULT_MOST_REPLICATIONS, ESTIMATOR_KINDS, MOST_PAIRED
from simcore.study_checks import StudyChecks
from simcore.wording import counted


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
        rows = tuple((name, ", ".join(map(short, values))) for name, values in lists.items() if values)
        each = f"{counted(self.replications, 'replication')} per cell" if self.replications else "nothing is random"
        about = f"{self.problem}, seed {self.seed}, {each}, efficiencies relative to {self.reference}"
        return Card(self.heading, (about,), ("", ""), rows, left=2)

    @property
    def heading(self):
        """Its name, and its title where it has one."""
        return f"{self.name}: {self.title}" if self.title else self.name

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
        chosen = {key: sorted((choice.content() for choice in getattr(self, key)), key=canonical) for key in lists}
        chosen["variance_reduction"] = self.variance_reduction
        if self.model:
            chosen["design"] = sorted((choice.content() for choice in self.design), key=canonical)
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
        return hashlib.sha256(canonical(self.content()).encode()).hexdigest()


def load(path):
    """The study in a scenario file."""
    return parse(toml_text.read(path), toml_text.printable(path))


def parse(text, filename="<text>"):
    """The study in the text of a scenario file; the file's name is for messages."""
    data, lines = toml_text.parse(text, filename)
    return _study(_checked(data, filename, lines), text)


def estimator(entry, problem):
    """The estimator of one table of `estimators`, without a study, for a problem by name."""
    data, checks = toml_text.plain(entry), StudyChecks(problem)
    found = checks.entry((), data, ESTIMATOR_KINDS)
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
    checks = StudyChecks()
    fields = checks.study(data)
    checks.report(filename, lines)
    return fields
