"""TOML text: reading it within bounds whatever is in it, the line of every key, and writing values back.

`tomllib` parses; what it lacks is here. It takes seconds for a long dotted key, recurses into nested brackets, and
forgets where a value stood. One pass over the tokens bounds the first two and remembers the third. The pass is right
for valid TOML, and for any text up to the first mistake that `tomllib` reports.
"""

import contextlib
import itertools
import json
import re
import tomllib

from simcore import files, nearest
from simcore.errors import ScenarioError

MOST_BYTES = 2**20
MOST_TOKENS = 100_000  # tomllib needs 0.4 s for so many
MOST_LEVELS = 8
LONGEST_WORD = 1000  # a bare key or a number
_ITEM_TOKENS, _PAIR_TOKENS = 3, 8  # of an item of a list and a pair of a table as `render` writes them

# No alternative can match in two ways, and none matches an unclosed string: the scan is linear and ends there.
_TOKEN = re.compile(
    r"""
    [ \t\r]+ | \#[^\n]*
    | (?P<string> \"{3}(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*+"{3,5} | '{3}[\s\S]*?'{3,5}
                | "(?!"")(?:[^"\\\n]|\\.)*+" | '(?!'')[^'\n]*' )
    | (?P<sign> [\[\]{}=,\n])
    | (?P<unclosed> ["'])
    | (?P<word> [^ \t\r\n"'\#\[\]{}=,]+)
    """,
    re.VERBOSE,
)


def read(path):
    """The text of a regular file of UTF-8 no longer than MOST_BYTES."""
    name = printable(path)
    try:
        return files.read(path, MOST_BYTES).decode("utf-8-sig")
    except files.Unfit as error:
        raise ScenarioError([f"{name}: is {error.strerror}, give the path of a scenario file, a short text"]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        got = f"got byte 0x{error.object[error.start]:02x}"
        raise ScenarioError([f"{name}:{line}: is not UTF-8 ({got}), save the file as UTF-8"]) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        hint = nearest.scenario_file(path) or "give the path of a scenario file"
        raise ScenarioError([f"{name}: cannot be read ({why}), {hint}"]) from None


def parse(text, filename):
    """The values of TOML text and the line of each key and list element, as {path: line}."""
    scan = _Scan(text, filename)
    try:
        return tomllib.loads(text), scan.lines
    except ValueError as error:  # a TOMLDecodeError, or an integer of too many digits
        what, _, position = str(error).partition(" (at ")
    at = re.match(r"line (\d+)", position)
    line = int(at[1]) if at else text.rstrip().count("\n") + 1
    source = text.split("\n")[line - 1].strip()
    for path, again in scan.repeated.items():
        if again <= line:
            right = "keep one" + ", or write [[...]] over each table of a list" * source.startswith("[")
            what = f"{dotted(path)}: is given twice (got it first in line {scan.lines[path]}), {right}"
            raise ScenarioError([f"{filename}:{again}: {what}"])
    right = 'write key = value, with text in "quotes" and lists in [brackets]'
    raise ScenarioError([f"{filename}:{line}: is not TOML: {shorten(what)} (got {shorten(source)!r}), {right}"])


class _End(Exception):
    """The text ends, or what follows is not TOML."""


class _Scan:
    """One walk over the tokens: the line of each path, and of each key that was there before.

    It ends at the first thing that is not TOML, for `tomllib` to report, or is refused at a limit.
    """

    def __init__(self, text, filename):
        self.filename = filename
        self.lines, self.repeated, self.implied = {(): 1}, {}, {}
        self.arrays = {}  # path of an [[array of tables]] -> index of its last table
        self.path, self.line, self.token, self.is_word = (), 1, "", False
        self.tokens = enumerate(_TOKEN.finditer(text))
        try:
            self.advance()
            self.document()
        except _End:
            self.lines = self.implied | self.lines

    def advance(self):
        """Go to the next token."""
        self.line += self.token.count("\n")
        for count, match in self.tokens:
            kind, self.token = match.lastgroup, match[0]
            if count > MOST_TOKENS:
                self.refuse(f"more than {MOST_TOKENS} words and signs")
            if kind == "word" and len(self.token) > LONGEST_WORD:
                self.refuse(f"a word of {len(self.token)} characters")
            if kind is not None:
                self.is_word = kind in ("word", "string")
                return
        raise _End

    def skip(self, token):
        """Go past a token that must stand here."""
        if self.token != token:
            raise _End
        self.advance()

    def note(self, path):
        """Remember that a path is given here."""
        if len(path) > MOST_LEVELS:
            self.refuse(f"more than {MOST_LEVELS} levels")
        self.path = path
        (self.repeated if path in self.lines else self.lines).setdefault(path, self.line)
        for size in range(1, len(path)):
            self.implied.setdefault(path[:size], self.line)

    def refuse(self, got):
        where = f"{self.filename}:{self.line}: {dotted(self.path) or 'scenario'}"
        raise ScenarioError([f"{where}: is too big (got {got}), a scenario is a short text"])

    def document(self):
        table = ()
        while True:
            if self.token == "[":
                table = self.header()
            elif self.token != "\n":
                self.pair(table)
            self.skip("\n")

    def header(self):
        """[table] or [[array of tables]]; returns the path of what follows."""
        self.skip("[")
        is_array = self.token == "["
        if is_array:
            self.skip("[")
        path, key = (), self.key()
        for part in key[:-1]:
            path = self.latest((*path, part))
        path = (*path, key[-1])
        if is_array:
            self.arrays[path] = self.arrays.get(path, -1) + 1
        self.note(self.latest(path))
        self.skip("]")
        if is_array:
            self.skip("]")
        return self.latest(path)

    def latest(self, path):
        return (*path, self.arrays[path]) if path in self.arrays else path

    def key(self):
        parts = []
        while self.is_word:
            parts += [_unquoted(self.token)] if self.token[0] in "'\"" else filter(None, self.token.split("."))
            self.advance()
        if not parts:
            raise _End
        return parts

    def pair(self, table):
        path = (*table, *self.key())
        self.note(path)
        self.skip("=")
        self.value(path)

    def value(self, path):
        if self.token == "[":
            self.items("]", lambda index: self.item((*path, index)))
        elif self.token == "{":
            self.items("}", lambda _: self.pair(path))
        elif not self.is_word:
            raise _End
        while self.is_word:  # a date and a time are two
            self.advance()

    def items(self, end, read):
        """What stands between brackets: read(0), read(1), ..."""
        self.advance()
        for index in itertools.count():
            self.blank()
            if self.token == end:
                break
            read(index)
            self.blank()
            if self.token != end:
                self.skip(",")
        self.advance()

    def item(self, path):
        self.note(path)
        self.value(path)

    def blank(self):
        while self.token == "\n":
            self.advance()


def _unquoted(token):
    """The key in quotes; as it stands where what follows a backslash is not TOML."""
    if token[0] == '"' and "\\" in token:
        with contextlib.suppress(ValueError):
            return tomllib.loads(f"key = {token}")["key"]
    return token[1:-1]


def dotted(path):
    """A path as text: ("errors", 1, "df") is errors[1].df."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def _key(name):
    return name if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) else shown(name)


def shown(value, width=60):
    """A value as TOML on one line, cut to a width."""
    return shorten(inline(value), width)


def shorten(text, width=60):
    return text if len(text) <= width else text[: width - 3] + "..."


def inline(value):
    """A value as TOML on one line."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(key)} = {inline(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return printable(value)


def printable(value):
    """Any value as text without control characters."""
    try:
        text = str(value)
    except Exception:  # whatever a value of Python's may raise; a whole number of 5000 digits does
        text = f"<{type(value).__name__}>"
    return text if text.isprintable() else json.dumps(text)[1:-1]


def render(data):
    """A TOML document of plain values: tables and lists of tables as sections, the rest inline."""
    pieces = []
    for key, value in sorted(data.items(), key=lambda item: _is_section(item[1])):
        if not _is_section(value):
            pieces.append(f"{key} = {inline(value)}")
            continue
        for table in value if isinstance(value, list) else [value]:
            pieces += ["", f"[[{key}]]" if isinstance(value, list) else f"[{key}]"]
            pieces += [f"{name} = {inline(item)}" for name, item in table.items()]
    return "\n".join(pieces) + "\n"


def _is_section(value):
    return isinstance(value, dict) or (isinstance(value, list) and all(isinstance(item, dict) for item in value))


def plain(value):
    """Python's tuples, ranges and NumPy's values as what a TOML file could have held.

    Raises ScenarioError where they are more, or in more levels, than a file may hold.
    """
    return _Plain().of((), value, 0)


class _Plain:
    def __init__(self):
        self.tokens = 0  # of the text that says the same

    def of(self, path, value, tokens):
        self.tokens += tokens
        if self.tokens > MOST_TOKENS:
            self.refuse(path, f"more than {MOST_TOKENS} words and signs")
        if len(path) > MOST_LEVELS:
            self.refuse(path[:-1], f"more than {MOST_LEVELS} levels")
        if hasattr(value, "tolist") and not isinstance(value, type):
            if getattr(value, "size", 0) > MOST_TOKENS:
                self.refuse(path, f"{value.size} values")
            value = value.tolist()
        if isinstance(value, dict):
            items = ((key if isinstance(key, str) else printable(key), item) for key, item in value.items())
            return {key: self.of((*path, key), item, _PAIR_TOKENS) for key, item in items}
        if isinstance(value, list | tuple | range):
            return [self.of((*path, index), item, _ITEM_TOKENS) for index, item in enumerate(value)]
        return value

    def refuse(self, path, got):
        raise ScenarioError([f"{dotted(path) or 'scenario'}: is too big (got {got}), a scenario is a short text"])
