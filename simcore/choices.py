"""What a scenario chooses, as frozen values: errors, contamination, designs and measures; estimators; a model."""

import json
import math
import operator
import re
from dataclasses import dataclass

from simcore.registry import BELOW_ONE, REAL, SIZE, Flag, Parameter, is_called, plugins

_LOC_AND_SCALE = (
    Parameter("loc", "where the errors are centred", REAL, 0.0, also=("mean", "mu", "location", "center", "centre")),
    Parameter("scale", "their scale", SIZE, 1.0, also=("sd", "sigma", "std")),
)
_RANDOM_DESIGN = (
    Parameter("correlation", "of any two columns, by a common part", BELOW_ONE, 0.0),
    Parameter("redrawn", "a new design in every replication, not one for the cell", Flag(), False),
)
_LOOSE = re.compile(r"([^(]*?) *(?:\(([\w.=, -]*)\)|_?(\d[\d.]*))?").fullmatch
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
    """(name, {parameter: its text}) of the plugin that people mean by t3, t(3) or Huber(k=2), None where that is none
    of those known, name -> record."""
    found = _LOOSE(text)
    for name, inside in ((text, ""), (found[1], found[2] or found[3] or "")) if found else ():
        plugin = next((plugin for plugin in known.values() if is_called(plugin, name)), None)
        if plugin:
            given = zip(inside.split(",") if inside else (), plugin.parameters, strict=False)
            pairs = (value.strip() if "=" in value else f"{p.name}={value.strip()}" for value, p in given)
            return plugin.name, dict(pair.split("=", 1) for pair in pairs)
    return None


def labelled(name, labels):
    """Those of some labels that are a name, or begin with it: quantile stands for quantile(p=0.05) and its like."""
    return [label for label in labels if name in (label, label.partition("(")[0])]


def short(value):
    if isinstance(value, tuple):
        return f"[{', '.join(map(short, value))}]"
    return value if isinstance(value, str) else str(value).removesuffix(".0")
