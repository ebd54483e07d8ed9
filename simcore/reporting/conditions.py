"""Conditions in words: what a cell is, or some cells have in common, as one would say it.

Use `worded` and `levels`. A level without a phrase here is called by its label.
"""

import re

from simcore.wording import listed

_LABEL = re.compile(r"([a-z_]+)(?:\((\w+=[^()=,\[\]]+(?:, \w+=[^()=,\[\]]+)*)\))?").fullmatch
_MOST_LEVELS = 6  # that a phrase names
_SHARES = ("fraction", "epsilon")
_PHRASES = {  # factor -> name -> phrase with its parameters
    "errors": {
        "normal": "normal errors",
        "student_t": "t errors with {df} degrees of freedom",
        "cauchy": "Cauchy errors",
        "laplace": "Laplace errors",
        "logistic": "logistic errors",
        "uniform": "uniform errors",
        "slash": "slash errors",
        "gumbel": "Gumbel errors",
        "lognormal": "lognormal errors with sigma {sigma}",
        "generalized_normal": "generalised normal errors of shape {shape}",
        "pareto": "Pareto errors with alpha {alpha}",
        "stable": "stable errors with alpha {alpha} and beta {beta}",
        "skewed_t": "skewed t errors with {df} degrees of freedom and skew {skew}",
        "normal_prior": "a normal prior with deviation {sd} and noise {noise}",
        "beta_prior": "a beta prior with a = {a} and b = {b}",
        "gamma_prior": "a gamma prior of shape {shape} and rate {rate}",
        "mixture_prior": "a mixture prior with distance {distance}, weight {weight}, deviation {sd} and noise {noise}",
        "von_mises_fisher": "von Mises-Fisher directions with kappa {kappa}",
        "spherical_cauchy": "spherical Cauchy directions with rho {rho}",
        "contaminated_normal": "normal errors of which {epsilon} are {ratio} times as wide",
    },
    "contamination": {
        "none": "no contamination",
        "shift": "{fraction} of the observations shifted by {size}",
        "scale": "{fraction} of the errors {ratio} times as wide",
        "point": "{fraction} of the observations at {at}",
        "leverage": "{fraction} leverage points at {distance}, {size} off the plane",
        "flip": "{fraction} of the labels wrong",
        "cluster": "{fraction} of the directions turned by {angle} degrees",
        "diffuse": "{fraction} of the directions at random",
        "growing": "errors that grow at rate {rate}",
    },
}


def place(case):
    """Factor -> level of a Case, its parameter among them."""
    return {**case.place, "parameter": case.parameter}


def levels(cases):
    """Factor -> its levels in some cases, in their order."""
    names = dict.fromkeys(name for case in cases for name in place(case))
    return {name: list(dict.fromkeys(place(case).get(name) for case in cases)) for name in names}


def worded(own, cases):
    """What sets some cases apart from all others, as "under normal errors at n = 10 or 50"; None where no levels of
    factors do, or too many."""
    mine, every = levels(own), levels(cases)
    inside = [case for case in cases if all(place(case).get(name) in mine[name] for name in mine)]
    telling = {name: values for name, values in mine.items() if len(values) < len(every[name])}
    if len(inside) != len(own) or sum(map(len, telling.values())) > _MOST_LEVELS:
        return None
    if not telling and len(cases) == 1:
        telling = {name: own for name, own in mine.items() if name != "parameter" and own != ["none"]}
    return " ".join(_said(name, values) for name, values in telling.items())


def _said(factor, values):
    """A factor at some of its levels."""
    known = [value for value in values if value is not None]
    if factor == "contamination" and known == ["none"]:
        return "without contamination"
    if factor in _PHRASES:
        word = "under" if factor == "errors" else "with"
        return f"{word} {listed(_phrases(_PHRASES[factor], factor, known), 'or')}"
    texts = listed([value if isinstance(value, str) else f"{value:g}" for value in known], "or")
    if factor == "parameter":
        return f"for {texts}"
    return f"with design {texts}" if factor == "design" else f"at {factor} = {texts}"


def _phrases(phrases, factor, labels):
    """One for each name, or label, that differ in more than one parameter."""
    groups = {}
    for label in labels:
        found = _LABEL(label)
        name, inside = found.groups() if found else (None, None)
        given = dict(pair.split("=") for pair in inside.split(", ")) if inside else {}
        phrase = phrases.get(name)
        if phrase is None or {*re.findall(r"{(\w+)}", phrase)} != given.keys():
            groups[label] = (f"{factor} {label}", [])
        else:
            _join(groups, name, phrase, given)
    told = [phrase.format_map(_together(given)) if given else phrase for phrase, given in groups.values()]
    told = [phrase.replace("with 1 degrees", "with 1 degree") for phrase in told]
    *most, last = told
    return [*(one.removesuffix(" errors") if last.endswith(" errors") else one for one in most), last]


def _join(groups, name, phrase, given):
    """Put the parameters of a level beside others of its name that differ from it in at most one of them."""
    for key in [key for key in groups if key[0] == name]:
        together = [*groups[key][1], given]
        if sum(len({own[one] for own in together}) > 1 for one in given) <= 1:
            groups[key] = phrase, together
            return
    groups[name, len(groups)] = phrase, [given]


def _together(given):
    """Parameter -> its values, as "3 or 5"."""
    values = {name: dict.fromkeys(own[name] for own in given) for name in given[0]}
    return {name: listed([_value(name, value) for value in own], "or") for name, own in values.items()}


def _value(name, text):
    return f"{100 * float(text):g} %" if name in _SHARES else text
