"""What a scenario chooses, as frozen values: errors, contamination, designs and measures; estimators; a model."""

import json
import math
import operator
from dataclasses import dataclass

from simcore.registry import BELOW_ONE, KIND_OF, REAL, SIZE, Flag, Interval, Parameter, Vector, is_called, plugins

_LOC_AND_SCALE = (
    Parameter("loc", "where the errors are centred", REAL, 0.0, also=("mean", "mu", "location", "center", "centre")),
    Parameter("scale", "their scale", SIZE, 1.0, also=("sd", "sigma", "std")),
)
_RANDOM_DESIGN = (
    Parameter("correlation", "of any two columns, by a common part", BELOW_ONE, 0.0),
    Parameter("redrawn", "a new design in every replication, not one for the cell", Flag(), False),
)
_RESIDUAL_SCALE = Parameter(
    "scale", "the scale of the residuals, proposal2 in regression alone", SIZE, "mad", ("mad", "proposal2")
)


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
        return (*names, *(label_of("at", [("", value) for value in point]).replace("=", "") for point in self.points))

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
        return label_of(self.name, [*own, *placed])

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
        return canonical(self.content())


@dataclass(frozen=True)
class Precision:
    """When a cell has enough replications: `measure` of every estimator that has an MCSE has this relative one."""

    measure: str
    relative_mcse: float
    max_replications: int


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


def as_values(default):
    """The default of a parameter as the values it stands for: measures have several."""
    return default if isinstance(default, tuple) else (default,)


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def label_of(name, values):
    """huber(k=1.345): numbers in their shortest form; of a flag its name, where it is set; data(my.csv, column=y)."""
    said = ((key, value) for key, value in values if value is not False)
    inside = ", ".join(_said(key, value) if key != name else short(value) for key, value in said)
    return f"{name}({inside})" if inside else name


def _said(key, value):
    return key if value is True else f"{key}={short(value)}"


def meant(text, known):
    """(name, {parameter: value}) of the plugin that people mean by t3, t(3) or Huber(k=2), with those values that its
    parameters take; None where it is none of those known, name -> record. Its time grows as the text, and no faster."""
    for name, inside in ((text, ""), _apart(text)):
        plugin = next((plugin for plugin in known.values() if is_called(plugin, name)), None)
        if plugin:
            return plugin.name, dict(_given(plugin, inside))
    return None


def _apart(text):
    """(name, what stands in the brackets behind it, or the number there)."""
    name, bracket, inside = text.partition("(")
    if bracket:
        return name.strip(), inside.strip().removesuffix(")")
    name = text.rstrip("0123456789.")
    return name.strip(" _"), text[len(name) :]


def _given(plugin, inside):
    """Pairs (name of a parameter, value) of those that are given by name, or in their order, and that it takes."""
    kind = KIND_OF[type(plugin)]
    parameters = () if kind == "problems" else parameters_of(kind, plugin)  # settings stand among the factors
    for word, parameter in zip(inside.split(",", len(parameters)), parameters, strict=False):
        key, named, value = word.rpartition("=")
        if named:
            parameter = next((own for own in parameters if is_called(own, key.strip())), None)
        value = parameter and _taken(parameter, value.strip(" \"'"))
        if value is not None:
            yield parameter.name, value


def _taken(parameter, text):
    """The value of a parameter that a text stands for, None where it takes none such."""
    if text in parameter.words:
        return text
    if not isinstance(parameter.domain, Interval):
        value = {"true": True, "false": False}.get(text, text)
        return value if not isinstance(parameter.domain, Vector) and value in parameter.domain else None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number in parameter.domain else None


def labelled(name, labels):
    """Those of some labels that are a name, or begin with it: quantile stands for quantile(p=0.05) and its like."""
    return [label for label in labels if name in (label, label.partition("(")[0])]


def short(value):
    if isinstance(value, tuple):
        return f"[{', '.join(map(short, value))}]"
    return value if isinstance(value, str) else str(value).removesuffix(".0")
