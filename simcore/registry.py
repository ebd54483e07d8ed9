"""What can stand in a scenario: the records that describe a plugin, and finding plugins by name.

A plugin is one module in a folder of KINDS that defines `PLUGIN`, one of the records below. Nothing is listed by hand:
the folder is the list, to which `own` adds what users bring. The functions in a record are plain Python (see
`jit.lane`); a lane value is `lanes.WIDTH` numbers side by side.
"""

import difflib
import functools
import importlib
import math
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field

KINDS = ("problems", "designs", "distributions", "contamination", "losses", "estimators", "measures")


@dataclass(frozen=True)
class Interval:
    """The values a number may take; an open end is excluded."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    integer: bool = False

    def __contains__(self, value):
        if self.integer and value != int(value):
            return False
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return math.isfinite(value) and above and below

    def __str__(self):
        kind = "a whole number" if self.integer else "a number"
        ends = []
        if self.low > -math.inf:
            ends.append(f"{'>' if self.open_low else '>='} {self.low:g}")
        if self.high < math.inf:
            ends.append(f"{'<' if self.open_high else '<='} {self.high:g}")
        return " ".join([kind, " and ".join(ends)]).strip()


@dataclass(frozen=True)
class Flag:
    """true or false."""

    def __contains__(self, value):
        return isinstance(value, bool)

    def __str__(self):
        return "true or false"


@dataclass(frozen=True)
class OneOf:
    """One of some words, which kernels receive as its place among them."""

    words: tuple[str, ...]

    def __contains__(self, value):
        return isinstance(value, str) and value in self.words

    def __str__(self):
        return " or ".join(f'"{word}"' for word in self.words)


@dataclass(frozen=True)
class Text:
    """A text on one line."""

    def __contains__(self, value):
        return isinstance(value, str) and 0 < len(value) <= 1000 and value.isprintable()

    def __str__(self):
        return "a text in quotes"


@dataclass(frozen=True)
class Vector:
    """A list of numbers of an interval: one value, not several."""

    items: Interval
    most: int = 20

    def __str__(self):
        return f"a list of 1 to {self.most} values, each {self.items}"


@dataclass(frozen=True)
class Derived:
    """A default that follows from the other values: rule(values), by name; meaning: what it is, for people."""

    rule: Callable
    meaning: str

    def __str__(self):
        return self.meaning


REAL = Interval(low=-1e50, high=1e50)  # fourth powers of errors must neither overflow nor vanish
SIZE = Interval(low=1e-50, high=1e50)
POSITIVE = Interval(low=0.0, open_low=True)
PROPORTION = Interval(low=0.0, high=1.0)
BELOW_ONE = Interval(low=0.0, high=1.0, open_high=True)
BELOW_HALF = Interval(low=0.0, high=0.5, open_high=True)


@dataclass(frozen=True)
class Parameter:
    """A value, mostly a number, that a scenario gives to a plugin; without a default it must be given."""

    name: str
    meaning: str
    domain: Interval | Flag | Text | OneOf | Vector = REAL
    default: float | bool | str | tuple | Derived | None = None
    words: tuple[str, ...] = ()  # that may stand in place of a number
    quiet: bool = False  # no part of a label while it has its default
    power: int = 0  # of the unit of the data that it is in
    also: tuple[str, ...] = ()  # other names that people know it by, for hints


@dataclass(frozen=True)
class Plugin:
    """Name in scenarios, one line of meaning, parameters in the order kernels receive them, and where it is from.

    also: other names that people know it by, for hints where they type one.
    """

    name: str
    meaning: str
    source: str = ""
    parameters: tuple[Parameter, ...] = ()
    also: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def family(self):
        """What all members of a `Family` share, their kernels too; of other plugins their name."""
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Family:
    """Plugins of a kind that a library brings, made on first use: "scipy.nct" is the member nct of scipy.

    key: what names a member in a scenario, and the first part of its name. member(name): the plugin, None where there
    is none of that name. members(): the names of all. lacking(): why there are none, and what helps; None where there
    are some.
    """

    key: str
    meaning: str
    member: Callable
    members: Callable
    lacking: Callable

    def __contains__(self, name):
        return self.member(name) is not None

    def __getitem__(self, name):
        return self.member(name)

    def __iter__(self):
        return iter(self.members())


@dataclass(frozen=True)
class Distribution(Plugin):
    """Errors in standard form (location 0, scale 1).

    draw(stream, x, n, p): fill rows 0..n-1 of x from a lane stream (an even number of rows is always there).
    tail_index(**values): alpha with P(|error| > t) ~ t^-alpha; inf for lighter tails.
    symmetric(**values): whether f is even.
    mean(**values): the mean; None where there is none.
    from_normal(z, p): the error as a function of a standard normal that never decreases, on lanes; None where it has no
    closed form.
    score(z, p): -f'(z) / f(z) for the density f, on lanes; None where it is not given.
    no_score(**values): why the score cannot serve, as half a sentence; None where it can.
    log_density(z, p): log f(z) up to a constant, which may depend on p, on lanes; -inf where f is 0; None where it has
    no closed form. Where there is `from_normal`, that constant is the normal's, log f(z) + log(2 pi) / 2.
    information(**values): the Fisher information of location, the mean of score^2; None where it has no closed form.
    features(**values): pairs (place, width) of the features of f, for quadrature.
    stretched(**values): whether its tails are lighter than any power, so that all moments exist, and yet so long that a
    study may see nothing of what makes them.
    outliers(**values): the probability that an error is one of few that are far wider, and the standard deviation of
    those; None where there are no such two kinds of errors.
    problem: the only problem that it makes data sets of; its draw then receives the settings of that problem before its
    own parameters, and there is neither loc nor scale; fits receive those parameters behind their own. None: errors of
    every problem that takes such.
    parts(**values): fields of the `Simulation` of that problem that hang on it, by name.
    numbers(values): the array p of the draw, at most eight float64, from the parameters by name. Raises UsageError.
    fingerprint(values): as for `Design`. conflict(**values): as for `Loss`.
    atoms(**values): all values of an error, each of the same probability, in order, float64 (k,); None where it has a
    density.
    pieces(**values): its quantile function in pieces, see `quadrature.Panels.of_pieces`; log_density then lacks no
    constant. None: there are none.
    """

    draw: Callable = None
    numbers: Callable = field(default=lambda values: tuple(values.values()))
    fingerprint: Callable = field(default=lambda values: None)
    conflict: Callable = field(default=lambda **values: None)
    atoms: Callable | None = None
    pieces: Callable | None = None
    tail_index: Callable = field(default=lambda **values: math.inf)
    symmetric: Callable = field(default=lambda **values: True)
    mean: Callable = field(default=lambda **values: 0.0)
    from_normal: Callable | None = None
    score: Callable | None = None
    no_score: Callable = field(default=lambda **values: None)
    log_density: Callable | None = None
    information: Callable | None = None
    features: Callable = field(default=lambda **values: ((0.0, 1.0),))
    stretched: Callable = field(default=lambda **values: False)
    outliers: Callable | None = None
    problem: str | None = None
    parts: Callable = field(default=lambda **values: {})


@dataclass(frozen=True)
class Contamination(Plugin):
    """What happens to some observations.

    apply(stream, x, n, p): turn n standard errors into observations loc + scale * error, with some contaminated, in
    place; p holds loc, scale and then the parameters. `random`: it reads the stream; otherwise it gets none.
    components(values, scale): the density of a contaminated error, in units of the scale, as a mixture of that of the
    errors placed anew: (weight, shift, ratio) of each, at most two, and the first as it was. None: it has no density.
    outliers(values, loc, scale, m): the probability of an outlier, and how far m of them carry an estimate; None where
    there are none.
    apply_design(stream, e, x, n, p, first, q): in place of `apply`, for regression alone: turn n standard errors e into
    contaminated ones and contaminate the design x (n * p, WIDTH), of which columns first..p-1 are not the intercept; q
    holds the scale and then the parameters.
    bad_at_most(bad, p, values): of one that changes the design, how many bad responses carry a bounded fit away at
    most, as may happen with some probability, however small, where `bad` do on the design as it was; None: not known.
    problem: the only problem that it is for. It then contaminates finished data sets, not errors: x holds the rows of
    those, and p the settings of the problem before the parameters.
    """

    apply: Callable = None
    apply_design: Callable | None = None
    bad_at_most: Callable = field(default=lambda bad, p, values: None)
    random: bool = True
    components: Callable | None = None
    outliers: Callable | None = None
    problem: str | None = None

    @property
    def moves_design(self):
        """Whether it changes the design too, and so is for regression alone."""
        return self.apply is None


@dataclass(frozen=True)
class Design(Plugin):
    """The columns of a regression beside the intercept: one of three kinds.

    draw(stream, x, n, p): they are random and independent but for a common part; a function as of a `Distribution`,
    which fills one of them.
    matrix(n, columns, values): they are given; float64 (n, columns). Raises UsageError.
    recur(e, x, n, p, first, beta): they are past responses; fills columns first..p-1 of x from the errors.
    columns(values): how many there must be; None: as many as the scenario has coefficients for.
    fingerprint(values): text that names what the design reads besides its parameters; None: nothing.
    """

    draw: Callable | None = None
    matrix: Callable | None = None
    recur: Callable | None = None
    columns: Callable = field(default=lambda values: None)
    fingerprint: Callable = field(default=lambda values: None)


@dataclass(frozen=True)
class Loss(Plugin):
    """A loss as scalar functions of one standardised residual r (lane values) and the parameters p.

    rho(r, p), psi = rho', psi_prime = psi', weight = psi / r.
    monotone(**values): psi never decreases, so the root is unique.
    bounded(**values): psi is bounded, so one bad observation moves an estimate only so far.
    jumps(**values): the residuals at which psi jumps.
    conflict(**values): None, or of values that do not go together what is wrong and what would be right.
    `smooth`: psi' is continuous. `scaled`: residuals are divided by a scale, which a scenario chooses. `symmetric`: rho
    is even.
    """

    rho: Callable = None
    psi: Callable = None
    psi_prime: Callable = None
    weight: Callable = None
    monotone: Callable = field(default=lambda **values: True)
    bounded: Callable = field(default=lambda **values: True)
    jumps: Callable = field(default=lambda **values: ())
    conflict: Callable = field(default=lambda **values: None)
    smooth: bool = True
    scaled: bool = True
    symmetric: bool = True


@dataclass(frozen=True)
class Estimator(Plugin):
    """An estimator that is no loss, of the parameters of one `problem`.

    fit: the lane function, whose arguments its problem fixes: see `problems.location` and `problems.linear`.
    scalar: of location, in place of `fit` an ordinary function that Numba can compile: scalar(x), or with parameters
    scalar(x, p), gives the estimate of one sample x, float64 (n,), as it was drawn and its own to overwrite. NaN, or an
    exception: there is none.
    numbers(n, values): the array p of the kernel for samples of n, from the parameter values by name.
    carried_by(n, values): how many of n observations must go bad to carry the estimate away; of regression,
    carried_by(best): how many responses, `best` being the most that any estimator can bear. None: not known.
    decisive_rows(n, p, values): of regression, so many of the n rows must lie near each other, in less than p
    dimensions, for the estimate to go astray; inf: none ever does.
    equivariant: it moves along with the data, as the control variate needs.
    scaled: it has a scale of the residuals.
    drawn: of location, it sees the sample as it was drawn, a copy that it may overwrite, not sorted.
    loss: of a regression, the loss whose psi it solves for in the end, at its own parameters.
    estimand(population, values): its value at a `populations.Population` that is not symmetric, of regression its
    intercept there; None where that is not known.
    influence(population, values, x): its influence function there (Hampel 1974), at x, float64 (k,); None where that is
    not known.
    work(coefficients): about how many times the mean of a sample it costs, for each observation, a whole number; None
    for what is usual. It decides how work is cut into files and shared, not one bit of a result.
    """

    problem: str = "location"
    fit: Callable = None
    scalar: Callable | None = None
    numbers: Callable = field(default=lambda n, values: tuple(values.values()))
    carried_by: Callable | None = None
    decisive_rows: Callable = field(default=lambda n, p, values: n)
    equivariant: bool = False
    scaled: bool = True
    drawn: bool = False
    loss: str | None = None
    estimand: Callable | None = None
    influence: Callable | None = None
    work: Callable | None = None


@dataclass(frozen=True)
class Measure(Plugin):
    """A performance measure of an estimator in a cell. Its parameters have several values by default: a tuple.

    value(outcome, **values): (value, mcse), or (value, mcse, low, high) with a 95 % interval of its own, from a
    `outcomes.Outcome`. A value of None: it does not exist; an mcse of None: it has none; NaN: too few replications.
    root_of: or the name of the measure whose square root this one is, with the MCSE by the delta method.
    formula: of the MCSE, for people.
    order: the order of the moment that must exist for the value. Its MCSE needs twice as many, and is itself estimated
    well with four times as many. 0: it always exists.
    adjustable: it reads `outcome.moments` and `outcome.explained`, so a control variate may stand in.
    compares: it reads `outcome.reference`, whose moments must exist too.
    relative: it is positive, so its MCSE can be asked for relative to it.
    problem: the only problem that has it; None: every one.
    of_all: it is of all replications, also of those without an estimate.
    of: "errors", of what has a true value; "values", of what has none; "both". fixed: of the spread of T, so that its
    true value must be the same in all samples.
    exact: it is of problems without randomness, and reads a `robustness.Outcome`: value(outcome) is then the number
    alone. without: settings it does not depend on, and "parameter" where it is of all parameters together; it then has
    one row for all their values, in which they are null.
    joint(v, reference): in place of `value`, a number from the covariance matrix v of all coefficients, rows of floats,
    and that of the reference estimator; its MCSE is by the jackknife. pairwise: joint(v, reference, j, k), for any two.
    """

    value: Callable = None
    root_of: str | None = None
    formula: str = ""
    order: int = 2
    adjustable: bool = False
    compares: bool = False
    relative: bool = False
    problem: str | None = None
    of_all: bool = False
    of: str = "errors"
    fixed: bool = False
    joint: Callable | None = None
    pairwise: bool = False
    exact: bool = False
    without: tuple[str, ...] = ()

    def suits(self, quantity):
        """Whether it can be taken of a `Quantity`."""
        return self.of in ("both", quantity.of) and not (self.fixed and quantity.drawn)


@dataclass(frozen=True)
class Quantity:
    """What a fit gives, and what it is measured against: `truth`; where that is None, a true value that is `drawn` anew
    for each data set (fits then give the difference), or nothing: the values themselves are measured.

    light: every moment of it exists. log: figures show it on a log axis.
    """

    name: str
    meaning: str = ""
    truth: float | None = None
    drawn: bool = False
    light: bool = False
    log: bool = False

    @property
    def of(self):
        """As `Measure.of`."""
        return "errors" if self.drawn or self.truth is not None else "values"


@dataclass(frozen=True)
class Simulation:
    """How data sets of a problem come about, and what its fits give: see `trial_kernels`.

    sample(words, group, x, n, p, errors, place): a lane function that fills the rows x with the data sets of a lane
    group, from the streams that start(words, purpose, group) gives; p holds the settings. In it two names are open:
    draw(stream, x, n, errors), which fills rows with errors, and apply(stream, x, n, place), which places and
    contaminates them.
    rows(n, settings), scratch(n, settings): rows of a data set, and of scratch for the fits.
    work(n, settings): about how many samples of a location problem cost as much.
    data(x, n, settings): the rows x, float64 (rows,), of one data set as arrays by name, for people; a true value that
    is `drawn` stands there under the name of its Quantity.
    quantities(settings, errors): a Quantity for each value that a fit gives, errors as a scenario chooses them or None
    for any; the names are the same for all.
    Fits are lane functions fit(x, n, p, values, work) -> code with the passes; p holds the settings, then the
    estimator's numbers. opened: names that they leave open, and what stands there: pairs.
    """

    sample: Callable
    rows: Callable
    quantities: Callable
    data: Callable = None
    scratch: Callable = field(default=lambda n, settings: 0)
    work: Callable = field(default=lambda n, settings: n)
    opened: tuple[tuple[str, Callable], ...] = ()


@dataclass(frozen=True)
class Exact:
    """A problem without randomness: no replications, no seed; see `robustness`.

    base: the problem whose estimators are looked at. quantities: what they give. fewest: good observations needed.
    """

    base: str
    quantities: tuple[Quantity, ...]
    fewest: int = 1


@dataclass(frozen=True)
class Glance:
    """A figure that makes the point of a problem: measures against a factor or setting x, with panels for the levels of
    rows and columns, either of which may be "parameter" or, of several measures, "measure".

    apart: lines of panels share no axis. log: the y axes are logarithmic. title: what it shows; label: of the y axis.
    parameters: the quantities to show; (): all that have the measures. theory: the measure that says what theory gives,
    as a dashed line in each panel. cut: the y axes end where most curves do, though some go on.
    """

    name: str
    measures: tuple[str, ...]
    x: str
    title: str
    label: str
    rows: str = ""
    columns: str = ""
    apart: bool = False
    log: bool = False
    parameters: tuple[str, ...] = ()
    theory: str = ""
    cut: bool = False


def own_fit(choice):
    """The fit function of an estimator that is no loss, which leaves no name open."""
    return plugins("estimators")[choice.name].fit, ()


def own_numbers(choice, n):
    """The numbers that the fit function of such an estimator receives."""
    return plugins("estimators")[choice.name].numbers(n, choice.values)


def moves_along(choice):
    """Whether an estimator moves along with the data: every loss does."""
    return choice.loss is not None or plugins("estimators")[choice.name].equivariant


@dataclass(frozen=True)
class Problem(Plugin):
    """What is estimated.

    fit(choice): the lane fit function of an estimator of a scenario and the values it binds, see `location`.
    numbers(choice, n): the array p that the fit receives. Both need be given only where losses are estimators.
    carried_by(choice, n): as for `Estimator`; of regression see `linear`.
    scales: words for scales that are estimated.
    unsuited(loss, values): what to write instead of a `Loss` at these parameters; None where it can be an estimator.
    designed: it has a design and coefficients.
    estimand: what is estimated, for people.
    settings: parameters that a scenario gives as factors.
    errors, losses: whether it takes errors of any distribution and the contamination of those, and losses as
    estimators; else only its own distributions, contamination and estimators.
    simulation: of all problems but location and regression. exact: of those without randomness.
    shown: the measures that people see first, by name; shown_contaminated: where there is contamination, under which a
    bias outweighs the variance, if those are others. glances: the figures that they see first, beside those of any
    problem.
    """

    fit: Callable = own_fit
    numbers: Callable = own_numbers
    carried_by: Callable = None
    scales: tuple[str, ...] = ("mad",)
    unsuited: Callable = field(default=lambda loss, values: None)
    designed: bool = False
    estimand: str = ""
    settings: tuple[Parameter, ...] = ()
    errors: bool = True
    losses: bool = True
    simulation: Simulation | None = None
    exact: Exact | None = None
    glances: tuple[Glance, ...] = ()
    shown: tuple[str, ...] = ("bias", "variance", "efficiency", "median_abs_error")
    shown_contaminated: tuple[str, ...] = ()


KIND_OF = {
    **{Problem: "problems", Design: "designs", Distribution: "distributions", Contamination: "contamination"},
    **{Loss: "losses", Estimator: "estimators", Measure: "measures"},
}


class _Plugins(dict):
    """Name -> record; the members of families are found, but not counted among them."""

    def __init__(self, found, families):
        super().__init__(found)
        self._families = families

    def __missing__(self, name):
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def get(self, name, default=None):
        key, dot, member = str(name).partition(".")
        if dot and key in self._families:
            return self._families[key].member(member) or default
        return super().get(name, default)


@functools.cache
def plugins(kind):
    """All plugins of a kind, name -> record, in alphabetical order of the modules, and then those users have added;
    members of families by name, too."""
    found = (module.PLUGIN for module in _modules(kind) if hasattr(module, "PLUGIN"))
    return _Plugins({plugin.name: plugin for plugin in found}, families(kind))


@functools.cache
def families(kind):
    """All families of plugins of a kind, key -> record."""
    return {module.FAMILY.key: module.FAMILY for module in _modules(kind) if hasattr(module, "FAMILY")}


def _modules(kind):
    package = importlib.import_module(f"simcore.{kind}")
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"simcore.{kind}.{name}") for name in names if not name.startswith("_")]


def resolved(values):
    """Values by name, each `Derived` one as its rule makes it of the others."""
    given = {name: value for name, value in values.items() if not isinstance(value, Derived)}
    return {name: value.rule(given) if isinstance(value, Derived) else value for name, value in values.items()}


def only_for(plugin):
    """The only problem that a plugin is for, or None."""
    if isinstance(plugin, Contamination) and plugin.moves_design:
        return "linear"
    if isinstance(plugin, Measure) and plugin.exact:
        return "exact problems"
    return "linear" if isinstance(plugin, Design) else getattr(plugin, "problem", None)


def unknown(name, known, named=()):
    """The end of a message about an unknown name: what was meant, as far as that can be told, and all known ones.

    known: names, or name -> record. named: of those that know other names of theirs, the records; default: those of
    `known`.
    """
    near, meaning = _meant(_plain(str(name)), known, named or (known.values() if isinstance(known, dict) else ()))
    hint = f"did you mean {near!r}{f' ({meaning})' if meaning else ''}? " if near else ""
    return f"{hint}known: {', '.join(sorted(known))}"


def _meant(name, known, records):
    """(the known name of the same letters, without its parameters, of the other name, or else the nearest; what it
    means where that needs to be said)."""
    for one in known:
        if name in (_plain(one), _plain(one.partition("(")[0])):
            return one, None
    for record in records:
        if name in getattr(record, "also", ()) and record.name in known:
            return record.name, record.meaning
    folded = {_plain(part): one for one in known for part in (one, one.partition("(")[0])}
    near = difflib.get_close_matches(name, folded, n=1)
    return (folded[near[0]] if near else None), None


def is_called(record, name):
    """Whether people know a plugin or a parameter by a name, its own or another."""
    return _plain(name) in (record.name, *record.also)


def _plain(name):
    return name.casefold().replace(" ", "_").replace("-", "_")
