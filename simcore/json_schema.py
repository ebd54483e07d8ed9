"""JSON Schema of scenario files, for editors that complete and check TOML: Taplo, Even Better TOML.

It is draft 7, the newest that those understand, and written from the registry. What it refuses `scenario` refuses too,
and says why; whether values go together is left to that. Where a table depends on a name in it, as the parameters of a
loss do, `if` tells the cases apart: its messages point at a key, those of `anyOf` only at the table. Editors look at
`properties` alone for what they offer, so these hold all cases at once.
"""

import math

from simcore import scenario
from simcore.registry import Flag, Interval, OneOf, Vector, plugins

_WORDS = {"errors": "distribution", "contamination": "kind", "design": "design", "measures": "measure"}
_KINDS = {"errors": "distributions", "contamination": "contamination", "design": "designs", "measures": "measures"}
_OF_RANDOM = ("replications", "precision", "keep", "variance_reduction", "estimand")
_OF_DESIGNED = ("beta", "intercept", "predict")


def schema():
    """The schema as plain values."""
    problems = plugins("problems")
    own = {name: _of_problem(plugin) for name, plugin in problems.items()}
    kinds = (*_KINDS.values(), "losses", "estimators")
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A study of simcore",
        "description": "Which loss should I use when errors have heavy tails or outliers, and how sure is that answer?",
        "type": "object",
        "properties": {**_keys(), "problem": _name(problems, "what is estimated")},
        "required": ["name", "problem", "factors", "estimators"],
        "additionalProperties": False,
        **_cases([({"problem": name}, found) for name, found in own.items()]),
        "definitions": {
            kind: {name: _plugin(kind, plugin) for name, plugin in plugins(kind).items()} for kind in kinds
        },
    }


def _keys():
    """The keys of a scenario of any problem."""
    text = {"type": "string"}
    replications = {"type": "integer", "minimum": 1, "maximum": scenario.MOST_REPLICATIONS}
    relative = [name for name, plugin in plugins("measures").items() if plugin.relative]
    measures = [name for name, plugin in plugins("measures").items() if plugin.parameters]
    number = {"type": "number"}
    every = {setting.name: setting for plugin in plugins("problems").values() for setting in plugin.settings}
    return {
        "name": text | _about("names the run directory: 1 to 64 of a-z, 0-9, _ and -", pattern="^[a-z0-9_-]{1,64}$"),
        "title": text | _about("stands above tables and figures", maxLength=200),
        "seed": _about("the same seed gives the same bits", type="integer", minimum=0, maximum=2**63 - 1),
        "replications": replications | _about("data sets per cell", default=scenario.DEFAULT_REPLICATIONS),
        "keep": _about("keep every estimate, one by one", enum=["estimates"]),
        "reference": text | _about("whose efficiency is 1: the label of an estimator; default: the first"),
        "estimand": _about("what estimators are measured against where errors are skewed", enum=[*scenario.ESTIMANDS]),
        "variance_reduction": _about("the score as a control variate", enum=["score", "none"]),
        "beta": _about("true coefficients, the intercept first", type="array", items=number, minItems=1, maxItems=21),
        "intercept": _about("whether the regression has one", type="boolean", default=True),
        "predict": _about("points whose fitted values are measured", type="array", items={"type": "array"}, minItems=1),
        "measures": _list("measures", measures),
        "precision": {
            **_about("cells stop when they have this precision", type="object"),
            "properties": {
                "measure": _about("which measure has it", enum=relative),
                "relative_mcse": _about("MCSE over value", type="number", minimum=1e-6, maximum=1),
                "max_replications": replications,
                "min_replications": replications,
            },
            "required": ["measure", "relative_mcse"],
            "additionalProperties": False,
        },
        "factors": {
            **_about("crossed: each combination is a cell", type="object"),
            "properties": {
                "n": _size(),
                **{factor: _list(factor, plugins(_KINDS[factor])) for factor in ("errors", "contamination", "design")},
                **{name: _about(setting.meaning) for name, setting in every.items()},
            },
        },
        "estimators": _estimators(plugins("losses"), plugins("estimators")),
    }


def _of_problem(problem):
    """What a scenario of a problem must be besides."""
    factors = ("errors", "contamination", "design")[: 3 if problem.designed else 2]
    lists = {key: _allowed({_WORDS[key]: scenario.suiting(_KINDS[key], problem.name)}) for key in factors}
    settings = {setting.name: _axis(setting) for setting in problem.settings}
    words = {"loss": "losses", "estimator": "estimators"}
    required = ["n", "errors"] + ["design"] * problem.designed
    required += [setting.name for setting in problem.settings if setting.default is None]
    others = () if problem.designed else _OF_DESIGNED
    others += _OF_RANDOM if problem.exact else ("estimand",) if problem.simulation else ()
    return {
        "properties": {
            "factors": {
                "properties": {"n": True, **lists, **settings},
                "required": required,
                "additionalProperties": False,
            },
            "estimators": _allowed({word: scenario.suiting(kind, problem.name) for word, kind in words.items()}),
            **dict.fromkeys(others, False),
        },
        "required": ["beta"] if problem.designed else [],
    }


def _size():
    each = {"type": "integer", "minimum": 1, "maximum": 10**6}
    return _about("observations of a data set", type="array", items=each, minItems=1, uniqueItems=True)


def _list(factor, names):
    """A list of tables, each of which names one of these plugins."""
    kind, word = _KINDS[factor], _WORDS[factor]
    own = {name: plugins(kind)[name] for name in names}
    table = {
        "type": "object",
        "properties": {word: _name(own, f"see `simcore list {kind}`"), **_offered({kind: own})},
        "required": [word],
        **_cases([({word: name}, _ref(kind, name)) for name in own]),
    }
    if factor == "errors":
        table = _errors(table)
    return _about(f"`simcore list {kind}` says what can stand here", type="array", items=table, minItems=1)


def _errors(table):
    """Tables of errors by name, or of SciPy by its name, or from a file; parameters of SciPy's are not known here."""
    data = plugins("distributions")["data"]
    others = {"scipy": _about("a continuous distribution of scipy.stats, with its shapes", type="string")}
    others |= {p.name: _about(_meaning(p), type="string") for p in data.parameters}
    found = {key: value for key, value in table.items() if key in ("type", "properties")}
    by_name = {key: value for key, value in table.items() if key not in found}
    found["properties"] = found["properties"] | others
    found["oneOf"] = [{"required": [key]} for key in ("distribution", "scipy", "data")]
    from_file = _plugin("distributions", data)
    from_file["properties"].pop("distribution")
    from_file["required"].remove("distribution")
    found |= {"if": {"required": ["distribution"]}, "then": by_name}
    return found | {"else": {"if": {"required": ["data"]}, "then": from_file}}


def _estimators(losses, estimators):
    """The list of estimators, each a loss or another one."""
    own = {"losses": {name: plugins("losses")[name] for name in losses}}
    own["estimators"] = {name: plugins("estimators")[name] for name in estimators}
    words = {"loss": "losses", "estimator": "estimators"}
    named = {word: _name(own[kind], f"see `simcore list {kind}`") for word, kind in words.items()}
    cases = [({word: name}, _ref(kind, name)) for word, kind in words.items() for name in own[kind]]
    table = {
        "type": "object",
        "properties": {**named, "label": _about("what it is called", type="string"), **_offered(own)},
        "oneOf": [{"required": [word]} for word in named],
        **_cases(cases),
    }
    return _about("what is compared", type="array", items=table, minItems=1)


def _allowed(names):
    """A list of tables, each of which names one of these in the place of each word: {word: names}."""
    table = {"properties": {word: {"enum": [*own]} if own else False for word, own in names.items()}}
    return {"items": table}


def _plugin(kind, plugin):
    """What a table that names a plugin must be."""
    parameters = scenario.parameters_of(kind, plugin)
    word = {"losses": "loss", "estimators": "estimator"}.get(kind) or _WORDS[{v: k for k, v in _KINDS.items()}[kind]]
    label = {"label": {"type": "string", "minLength": 1, "maxLength": 64}} if kind in ("losses", "estimators") else {}
    return {
        "properties": {word: True, **{p.name: _axis(p) for p in parameters}, **label},
        "required": [word, *(p.name for p in parameters if p.default is None)],
        "additionalProperties": False,
    }


def _axis(parameter):
    """A value of a parameter, or a list of them."""
    value = _value(parameter)
    several = {"type": "array", "items": value, "minItems": 1, "uniqueItems": True}
    lists = {"type": "array"}
    if isinstance(parameter.domain, Vector):  # a list is one value, a list of lists several
        lists = {"type": "array", "items": {"type": "array"}, "minItems": 1}
    about = _about(_meaning(parameter))
    if isinstance(parameter.default, bool | int | float | str):
        about["default"] = parameter.default
    return about | {"if": lists, "then": several, "else": value}


def _value(parameter):
    value = _domain(parameter.domain)
    if parameter.words:
        return {"if": {"type": "string"}, "then": {"enum": [*parameter.words]}, "else": value}
    return value


def _domain(domain):
    if isinstance(domain, Flag):
        return {"type": "boolean"}
    if isinstance(domain, OneOf):
        return {"enum": [*domain.words]}
    if isinstance(domain, Vector):
        return {"type": "array", "items": _domain(domain.items), "minItems": 1, "maxItems": domain.most}
    if not isinstance(domain, Interval):
        return {"type": "string", "minLength": 1, "maxLength": 1000}
    found = {"type": "integer" if domain.integer else "number"}
    for end, value, is_open in (("inimum", domain.low, domain.open_low), ("aximum", domain.high, domain.open_high)):
        letter = "m" if not is_open else "exclusiveM"
        if math.isfinite(value):
            found[f"{letter}{end}"] = value
    return found


def _offered(own):
    """What editors offer as keys of a table: the parameters of all these plugins, {kind: {name: plugin}}, and what each
    means to whom."""
    found = {}
    for kind, named in own.items():
        for name, plugin in named.items():
            for parameter in scenario.parameters_of(kind, plugin):
                found.setdefault(parameter.name, {}).setdefault(_meaning(parameter), []).append(name)
    return {
        name: _about("; ".join(f"{meaning} ({', '.join(users)})" for meaning, users in meanings.items()))
        for name, meanings in found.items()
    }


def _meaning(parameter):
    words = "".join(f' or "{word}"' for word in parameter.words)
    return f"{parameter.meaning}: {parameter.domain}{words}"


def _name(own, meaning):
    """One of some names, with what each means where the editor shows that."""
    docs = {"enumValues": [plugin.meaning for plugin in own.values()]}
    return _about(meaning, enum=[*own], **{"x-taplo": {"docs": docs}})


def _cases(cases):
    """The keywords by which that holds of a table which goes with the first condition, {key: value}, that it meets."""
    chain = {}
    for condition, then in reversed(cases):
        met = {"properties": {key: {"const": value} for key, value in condition.items()}, "required": [*condition]}
        chain = {"if": met, "then": then} | ({"else": chain} if chain else {})
    return chain


def _ref(kind, name):
    return {"$ref": f"#/definitions/{kind}/{name}"}


def _about(description, **keywords):
    return {"description": description, **keywords}
