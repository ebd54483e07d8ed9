"""Scenario files to start from: valid, ready to run, and full of comments on what each key does and what else could
stand there. Written from the registry, and from what is usual for each problem.
"""

import contextlib
import re
import textwrap
import tomllib
from dataclasses import dataclass, replace

from simcore import choices, own, scenario, scenario_checks
from simcore.errors import ScenarioError, UsageError, command
from simcore.registry import Interval, OneOf, Vector, plugins, resolved, unknown
from simcore.toml_text import inline, shorten

_CODE, _WIDTH = 44, 118  # where comments begin, and end
_ENTRY = re.compile(r"([a-z0-9_]+)(?:\((.*)\))?").fullmatch
_TRIED = (3.0, 10.0, 2.0, 1.0, 0.5, 0.25, 0.1, 0.01, 0.0)  # for parameters without a default: the first in the domain
_REPLICATIONS = 10_000


@dataclass(frozen=True)
class Answers:
    """What a study is to hold. errors, contamination and losses (or other estimators): names, with parameters where
    they are not the usual ones, as `student_t(df=3)`."""

    problem: str
    n: tuple[int, ...]
    errors: tuple[str, ...]
    contamination: tuple[str, ...]
    losses: tuple[str, ...]
    replications: int = _REPLICATIONS


_NONE = ("none",)
_USUAL = {  # problem -> n, errors, contamination, losses, replications
    "location": ((20, 100), ("normal", "student_t(df=3)", "cauchy"), ("none", "shift(fraction=0.1, size=10)")),
    "linear": ((40,), ("normal", "student_t(df=3)"), ("none", "leverage(fraction=0.1, distance=10, size=-20)")),
    "posterior": ((1, 10), ("normal_prior", "beta_prior(a=1, b=4)"), _NONE),
    "classification": ((50,), ("gumbel",), ("none", "flip(fraction=0.1)")),
    "direction": ((20,), ("von_mises_fisher(kappa=10)",), ("none", "cluster(fraction=0.1, angle=90)")),
    "network": ((20,), ("normal(scale=0.2)",), _NONE),
    "sensitivity": ((20,), ("normal",), _NONE),
    "sensitivity_line": ((21,), ("normal",), _NONE),
}
_LOSSES = {
    "location": ("l2", "l1", "huber", "tukey", "hodges_lehmann"),
    "linear": ("l2", "l1", "huber", "mm"),
    "direction": ("projected_mean", "euclidean_mean", "geodesic_median"),
    "network": ("l2", "huber(scale=0.2)"),
    "sensitivity": ("l2", "l1", "huber", "tukey"),
    "sensitivity_line": ("l2", "l1", "huber", "mm"),
}


def usual(problem):
    """The Answers that suit a problem. Raises UsageError where there is no such problem."""
    if problem not in plugins("problems"):
        raise UsageError(f"--problem: unknown (got {problem!r}), known: {', '.join(plugins('problems'))}")
    fit = {kind: tuple(scenario_checks.suiting(kind, problem)) for kind in ("distributions", "losses", "estimators")}
    n, errors, bad = _USUAL.get(problem, ((20,), fit["distributions"][:1], _NONE))
    losses = _LOSSES.get(problem, fit["estimators"] or fit["losses"][:1])
    return _with_own(Answers(problem, n, errors, bad, losses, 500 if problem == "network" else _REPLICATIONS))


_FIELDS = {"distributions": "errors", "contamination": "contamination", "losses": "losses", "estimators": "losses"}


def _with_own(answers):
    """The same, and behind them what users have brought, as far as that makes a study."""
    for field, name in _brought():
        with contextlib.suppress(UsageError):
            answers = _wider(answers, field, name)
    return answers


def left_out(problem):
    """What users have brought and `usual` lacks: triples of the field of the answers, the name, and why."""
    answers = usual(problem)
    for field, name in _brought():
        try:
            _wider(answers, field, name)
        except UsageError as error:
            yield field, name, str(error).rpartition("\n")[2]


def _brought():
    return [(field, name) for kind, field in _FIELDS.items() for name in own.of_users(kind)]


def _wider(answers, field, name):
    """The answers with one name more. Raises UsageError where they make no study."""
    wider = replace(answers, **{field: tuple(dict.fromkeys((*getattr(answers, field), name)))})
    starter("study", wider)
    return wider


def split(text):
    """The entries of a list as people type it: `normal, student_t(df=3)`, with commas inside brackets too. Raises
    UsageError where a bracket is open."""
    if text.count("(") > text.count(")"):
        raise UsageError(f"a bracket is open (got {shorten(text)!r}), close it: huber(k=1.5), tukey")
    return tuple(entry.strip() for entry in re.findall(r"[^,(]+(?:\([^)]*\))?", text) if entry.strip())


def starter(name, answers):
    """The text of a scenario file. Raises UsageError where the answers are no study."""
    problem = plugins("problems")[answers.problem]
    lines = [*_heading(name, problem, answers), *_factors(problem, answers), *_estimators(problem, answers)]
    text = "\n".join([*lines, *_ending(problem)]) + "\n"
    try:
        scenario.parse(text, f"{name}.toml")
    except ScenarioError as error:
        told = "\n".join(re.sub(r"^[^:]*:\d+: ", "", line) for line in error.problems)
        raise UsageError(f"these answers make no study:\n{told}") from None
    return text


def _heading(name, problem, answers):
    others, file = ", ".join(other for other in plugins("problems") if other != problem.name), f"{name}.toml"
    yield from _comment(
        f"A study of {problem.meaning}. `{command('plan', file)}` says what it costs, `{command('run', file)}` runs "
        f"it, `{command('describe', file)}` says it in words. Lines after # are comments: take the # away to use them."
    )
    yield _line(f'name = "{name}"', f"the run directory is results/{name}")
    yield _line(f'title = "{_title(problem)}"', "stands above tables and figures")
    yield _line(f'problem = "{problem.name}"', f"others: {others}")
    if problem.exact is None:
        yield _line(f"seed = {scenario_checks.DEFAULT_SEED}", "the same seed gives the same bits, on any machine")
        yield _line(f"replications = {answers.replications:_}", "data sets per cell; 100 times as many: errors a tenth")
        yield _line('# keep = "estimates"', "keep every estimate, for `simcore export --for rsimsum`")
    if "l1" in answers.losses:
        yield _line('reference = "l1"', "whose efficiency is 1: it has a variance where the mean has none")
    else:
        yield _line('# reference = "..."', "whose efficiency is 1: the label of an estimator; default: the first")
    if problem.exact is None and problem.simulation is None:
        yield _line('# estimand = "median"', "where errors are skewed: measure all against it, or the mean")
    if problem.designed:
        yield _line("beta = [1.0, 2.0]", "the true coefficients, the intercept first; more: more columns")
        yield _line("# intercept = false", "a regression without one")
        yield _line("# predict = [[0.5]]", "points whose fitted values are measured too")


def _title(problem):
    text = problem.meaning.partition(":")[0].replace('"', "'")
    return f"{text[:1].upper()}{text[1:]}"


def _factors(problem, answers):
    yield from ("", _line("[factors]", "crossed: each n with each of the errors, and so on, is a cell"))
    yield _line(f"n = {inline(list(answers.n))}", "observations of a data set")
    for setting in problem.settings:
        yield from _setting(setting)
    if problem.designed:
        yield from _list("design", "design", "designs", ("gaussian",), problem)
    yield from _list("errors", "distribution", "distributions", answers.errors, problem)
    if not problem.exact and scenario_checks.suiting("contamination", problem.name) != ["none"]:
        yield from _list("contamination", "kind", "contamination", answers.contamination, problem)


def _setting(setting):
    """A setting of the problem: as a comment where it has a default."""
    if setting.default is None:
        domain = setting.domain
        values = list(domain.words) if isinstance(domain, OneOf) else [_tried(setting)]
        yield _line(f"{setting.name} = {inline(values)}", setting.meaning)
    else:
        code = f"# {setting.name} = {inline([_plain(value) for value in choices.as_values(setting.default)])}"
        yield _line(code, f"{setting.meaning}: {setting.domain}")


def _list(key, word, kind, entries, problem):
    """A list of inline tables, with what else could stand in it."""
    yield f"{key} = ["
    used = []
    for entry in entries:
        name, values = _read(entry, kind, problem)
        used.append(name)
        yield _line(f"  {inline({word: name} | values)},", plugins(kind)[name].meaning)
    others = [name for name in scenario_checks.suiting(kind, problem.name) if name not in used]
    if others:
        yield from _comment(f"others: {', '.join(others)}; `simcore list {kind}` says what they mean", "  # ")
    if kind == "distributions" and problem.errors and not problem.exact:
        yield from _comment('of SciPy: { scipy = "nct", df = 3, nc = 1 }; your own, drawn anew from a file:', "  # ")
        yield from _comment('{ data = "my.csv", column = "y" }', "  # ")
    yield "]"


def _estimators(problem, answers):
    used = []
    for entry in answers.losses:
        kind = "losses" if _name(entry) in scenario_checks.suiting("losses", problem.name) else "estimators"
        name, given = _read(entry, kind, problem, _MORE)
        used.append(name)
        plugin = plugins(kind)[name]
        yield from ("", "[[estimators]]")
        yield _line(f'{"loss" if kind == "losses" else "estimator"} = "{name}"', plugin.meaning)
        for parameter in choices.parameters_of(kind, plugin):
            default = given.get(parameter.name, _plain(parameter.default))
            words = "".join(f' or "{word}"' for word in parameter.words)
            code = f"{parameter.name} = {inline(default)}"
            shown = code if parameter.name in given else f"# {code}"
            yield _line(shown, f"{parameter.meaning}: {parameter.domain}{words}")
    names = {kind: [own for own in _suiting(kind, problem) if own not in used] for kind in _MORE}
    more = "; ".join(f"{kind}: {', '.join(own)}" for kind, own in names.items() if own)
    if more:
        yield from ("", *_comment(f"More [[estimators]] could follow. {more}."))
        yield from _comment('label = "..." names an estimator; a list, k = [1.0, 2.0], makes one of each value.')


_MORE = ("losses", "estimators")


def _ending(problem):
    if problem.exact is None:
        yield from ("", *_comment("Instead of a number of replications a precision: cells stop when they have it."))
        yield _line("# [precision]")
        yield _line('# measure = "variance"')
        yield _line("# relative_mcse = 0.01", "1 % of its value")
        yield _line("# max_replications = 1_000_000")


def _suiting(kind, problem):
    """The names of a kind that can stand in a scenario of a problem at their usual parameters."""
    names = scenario_checks.suiting(kind, problem.name)
    return [name for name in names if kind != "losses" or not _unsuited(problem, plugins(kind)[name])]


def _unsuited(problem, loss):
    """Whether a loss is none for a problem at its usual parameters."""
    values = {p.name: _tried(p) if p.default is None else p.default for p in loss.parameters}
    return problem.unsuited(loss, resolved(values))


def _name(entry):
    return entry.partition("(")[0].strip()


def _read(entry, kind, problem, kinds=None):
    """(name, parameters) of an entry as people write it; what must be given and is not has a value that fits."""
    found = _ENTRY(entry)
    known = {name: plugins(one)[name] for one in kinds or (kind,) for name in _suiting(one, problem)}
    meant = choices.meant(entry, known)
    right = f"write {choices.label_of(meant[0], meant[1].items())}" if meant else unknown(_name(entry), known)
    if not found or found[1] not in plugins(kind):
        raise UsageError(f"{kind}: {entry!r} is unknown, {right}; parameters as in huber(k=1.5)")
    plugin, given = plugins(kind)[found[1]], {}
    for pair in filter(None, (part.strip() for part in re.split(r",(?![^\[]*\])", found[2] or ""))):
        key, named, value = pair.partition("=")
        if not named:
            raise UsageError(f"{kind}: {entry!r} has a value without a name, {right}")
        given[key.strip()] = _value(value.strip())
    required = {p.name: _tried(p) for p in choices.parameters_of(kind, plugin) if p.default is None}
    return found[1], {key: value for key, value in (required | given).items() if value is not None}


def _value(text):
    """A value of TOML; what is none is a word."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _tried(parameter):
    """A value for a parameter without a default."""
    domain = parameter.domain
    if isinstance(domain, OneOf):
        return domain.words[0]
    items = domain.items if isinstance(domain, Vector) else domain
    if not isinstance(items, Interval):
        return "columns.csv"
    value = _plain(next(value for value in _TRIED if value in items))
    return [value] if isinstance(domain, Vector) else value


def _plain(value):
    """A default as TOML has it: whole numbers without a point, words for those that follow from others."""
    if isinstance(value, float) and value == int(value):
        return int(value)
    return value if isinstance(value, bool | int | float | str) else str(value)


def _line(code, comment=""):
    """A line of code with its comment, which stands above where it is too long."""
    line = f"{code:<{_CODE}} # {comment}" if comment else code
    if len(line) <= _WIDTH:
        return line
    indent = " " * (len(code) - len(code.lstrip()))
    return "\n".join([*_comment(comment, f"{indent}# "), code])


def _comment(text, start="# "):
    indents = {"initial_indent": start, "subsequent_indent": start}
    return textwrap.wrap(text, _WIDTH, **indents, break_on_hyphens=False, break_long_words=False)
