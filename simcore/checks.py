"""Checking plain values: every mistake is collected, and each is reported with its place, rule, value and remedy.

What a scenario may say is in `scenario`; nothing here knows of it.
"""

import math
from operator import itemgetter
from typing import NamedTuple

from simcore.choices import meant, short
from simcore.errors import ScenarioError
from simcore.registry import Interval, Parameter, Vector, is_called, unknown
from simcore.toml_text import dotted, inline, shorten, shown

MOST_SHOWN = 20
_ROWS, _COLUMNS = 23, 120  # of a screen, less a row for how many more there are
_LONGEST_KEY, _LONGEST_WRONG, _LONGEST_RIGHT = 240, 400, 800


class Mistake(NamedTuple):
    """Kept as values, for only a few of many become text."""

    path: tuple
    wrong: str
    right: str | tuple  # what would be right, or what `registry.unknown` takes: a name, the known ones, and records
    got: object

    def __str__(self):
        got = "" if self.got is None else f" (got {shown(self.got)})"
        right = self.right if isinstance(self.right, str) else unknown(shorten(self.right[0]), *self.right[1:])
        key = f"{shorten(dotted(self.path), _LONGEST_KEY)}: " if self.path else ""
        return f"{key}{shorten(self.wrong, _LONGEST_WRONG)}{got}, {shorten(right, _LONGEST_RIGHT)}"


class Checks:
    """Readers of values. Each takes a path and what stands there, and returns None where that is a mistake."""

    def __init__(self):
        self.mistakes = []

    def wrong(self, path, wrong, right, got=None):
        self.mistakes.append(Mistake(path, wrong, right, got))

    def report(self, filename=None, lines=None):
        """Raise all mistakes, as many as fit on a screen; in a file, whose {path: line} is given, sorted by line."""
        placed = [("", mistake) for mistake in self.mistakes]
        if lines:
            found = sorted(((_line(lines, mistake.path), mistake) for mistake in self.mistakes), key=itemgetter(0))
            placed = [(f"{filename}:{line}: ", mistake) for line, mistake in found]
        problems = _screenful(f"{place}{mistake}" for place, mistake in placed[:MOST_SHOWN])
        if len(placed) > len(problems):
            problems.append(f"... and {len(placed) - len(problems)} more")
        if problems:
            raise ScenarioError(problems)

    def read(self, data, path, reader, *rule, default=None):
        """What a reader makes of the value of a key, or the default where the key is not given."""
        return reader(path, data[path[-1]], *rule) if path[-1] in data else default

    def keys(self, path, data, owner, required, optional, parameters=()):
        """Unknown and missing keys of a table; `required` says how each of them is written, `parameters` are those of
        them that know other names of theirs."""
        known = (*required, *optional)
        for key in data:
            if key not in known:
                self.wrong((*path, key), f"is not a key of {owner}", (key, known, parameters), data[key])
        for key, right in required.items():
            if key not in data:
                self.wrong((*path, key), "is missing", right)

    def items(self, path, data):
        """(path, item) for each item of a list."""
        if not isinstance(data, list):
            right = f"[[{dotted(path)}]]" if isinstance(data, dict) else f"[{shown(data)}]"
            self.wrong(path, "is not a list", f"write {right}", data)
        elif not data:
            self.wrong(path, "is an empty list", "write at least one value in it", data)
        else:
            return [((*path, index), item) for index, item in enumerate(data)]
        return []

    def each(self, path, data, reader, *rule):
        """What a reader makes of the items of a list, all different."""
        found = [(where, reader(where, item, *rule)) for where, item in self.items(path, data)]
        return tuple(value for _, value in self.distinct((where, value) for where, value in found if value is not None))

    def distinct(self, found, key=lambda value: value, relation="is the same as"):
        """The first (path, value) for each key; a later one is a mistake."""
        first = {}
        for path, value in found:
            where, _ = first.setdefault(key(value), (path, value))
            if where is not path:
                self.wrong(path, f"{relation} {dotted(where)}", "change or remove one", value)
        return list(first.values())

    def text(self, path, value, allowed, right):
        if isinstance(value, str) and allowed(value):
            return value
        return self.wrong(path, "is not allowed", right, value)

    def whole(self, path, value, allowed):
        """A whole number of a range; 2.0 is none."""
        if type(value) is int and value in allowed:
            return value
        wrong = "is out of range" if type(value) is int else "is not a whole number"
        return self.wrong(path, wrong, f"must be a whole number from {allowed[0]} to {allowed[-1]}", value)

    def number(self, path, value, parameter):
        """The value of a plugin's parameter: a float, or as its domain says; or one of its words."""
        if isinstance(value, str) and value in parameter.words:
            return value
        if isinstance(parameter.domain, Vector):
            return self.vector(path, value, parameter)
        if not isinstance(parameter.domain, Interval):
            right = f"must be {parameter.domain} ({parameter.meaning})"
            return value if value in parameter.domain else self.wrong(path, "is not allowed", right, value)
        number = _finite(value)
        if number is not None and number in parameter.domain:
            return number
        wrong = "is not a finite number" if number is None else "is out of range"
        words = "".join(f' or "{word}"' for word in parameter.words)
        return self.wrong(path, wrong, f"must be {parameter.domain}{words} ({parameter.meaning})", value)

    def vector(self, path, value, parameter):
        """A list of numbers as a tuple."""
        domain = parameter.domain
        if not isinstance(value, list) or not 1 <= len(value) <= domain.most:
            return self.wrong(path, "is not allowed", f"must be {domain} ({parameter.meaning})", value)
        item = Parameter(parameter.name, parameter.meaning, domain.items)
        found = [self.number((*path, k), one, item) for k, one in enumerate(value)]
        return None if None in found else tuple(found)

    def plugin(self, path, name, kinds, suiting=None):
        """The plugin that a key names; `kinds`: each key that could stand in its place -> {name: plugin}. suiting:
        names of those that are of use here; None: all are."""
        known = kinds[path[-1]]
        if isinstance(name, str) and name in known:
            return known[name]
        if suiting is not None and isinstance(known, dict):  # not of a family
            known = {own: plugin for own, plugin in known.items() if own in suiting}
        if not isinstance(name, str):
            return self.wrong(path, "is not a name", f"known: {', '.join(known)}", name)
        elsewhere = {other: own for other in kinds if (own := _called(name, kinds[other]))}
        if elsewhere and path[-1] not in elsewhere:
            ((other, own), *_) = elsewhere.items()
            article = "an" if other[0] in "aeiou" else "a"
            return self.wrong(path, "is unknown", f'{own} is {article} {other}: write {other} = "{own}"', name)
        own, values = meant(name, known) or ("", {}) if isinstance(known, dict) else ("", {})
        if values:
            said = ((key, short(value) if type(value) is float else inline(value)) for key, value in values.items())
            entries = "".join(f", {key} = {value}" for key, value in said)
            return self.wrong(path, "is unknown", f'write {path[-1]} = "{own}"{entries}', name)
        return self.wrong(path, "is unknown", (name.partition("(")[0].strip() or name, known), name)


def _called(name, known):
    """The name of the plugin that people call so, None where there is none."""
    records = known.values() if isinstance(known, dict) else ()
    return name if name in known else next((own.name for own in records if is_called(own, name)), None)


def _screenful(lines):
    """The first line, and those after it that fit on the same screen."""
    shown, rows = [], 0
    for line in lines:
        rows += -(-len(line) // _COLUMNS)
        if shown and rows > _ROWS:
            break
        shown.append(line)
    return shown


def _line(lines, path):
    """The line of a path, or of the nearest part of it that is in the text."""
    while path not in lines:
        path = path[:-1]
    return lines[path]


def _finite(value):
    """A number as a float, None for anything else; -0.0 becomes 0.0, or one value would have two names."""
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return None
    return number + 0.0 if math.isfinite(number) else None
