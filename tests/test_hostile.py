"""Hostile scenarios: a study or one screen of plain text, at once, whatever a file, a name or Python holds."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simcore as sc
from simcore import forecast
from simcore.errors import ScenarioError, UsageError
from simcore.scenario import Study, load, parse
from tests.test_scenario import EVIL, EXAMPLE, FACTORS, HEAD, L2, SMALL

SECONDS = 3.0  # of processor time: one on a machine three times as slow as ours
ROWS, COLUMNS = 24, 120
MODEL = 'beta = [1, 2]\n[factors]\ndesign = [{ design = "gaussian" }]'
LINEAR = SMALL.replace("location", "linear").replace("[factors]", MODEL)
TOO_DEEP = "is too big (got more than 8 levels)"


def outcome(make):
    """The study that comes out, or the lines of the report: in time, and fit for a terminal."""
    start = time.process_time()
    try:
        found = make()
        assert isinstance(found, Study)
    except ScenarioError as error:
        found = error.problems
        assert str(error) == "\n".join(found) and all(line.isprintable() for line in found)
        assert sum(-(-len(line) // COLUMNS) for line in found) <= ROWS
    assert time.process_time() - start < SECONDS
    return found


def assert_placed(found, text):
    """Each line of a report names a line of the file and a key, or what is no TOML."""
    for problem in found:
        place = re.match(r"s\.toml:(\d+): (is not TOML|\S.*?): ", problem)
        assert place or re.fullmatch(r"\.\.\. and \d+ more", problem), problem
        assert place is None or 1 <= int(place[1]) <= text.count("\n") + 1


def steps(count, start=1.0):
    return str([round(start + 0.01 * k, 2) for k in range(count)])


# Text. Each with what its report says first.

GRID = 'loss = "{}"\n' + "".join(f"{key} = {steps(30, start)}\n" for key, start in (("{}", 1.0), ("scale", 1.0)))
HOSTILE = {
    "traversal": (SMALL.replace("heavy_tails", "../../etc/x"), '1: name: is not allowed (got "../../etc/x")'),
    "duplicate key": (SMALL.replace("n =", "n = [1]\nn ="), "5: factors.n: is given twice"),
    "duplicate table": (SMALL + "[factors]\n", "8: factors: is given twice"),
    "the same, quoted": ('"n\\u0061me" = "a"\n' + SMALL, "2: name: is given twice"),
    "huge key": (f'{"k" * 1000} = 1\n"{"q" * 90_000}" = 2\n{SMALL}', '1: "kkk'),
    "deep key": (".".join("abcdefghi") + " = 1", f"1: scenario: {TOO_DEEP}"),
    "deep list": (SMALL.replace("10, 20", "[" * 9 + "]" * 9), f"4: factors.n[0][0][0][0][0][0]: {TOO_DEEP}"),
    "escape in a value": (SMALL.replace('"l2"', r'"\u001b[2J\u009b"'), r'7: estimators[0].loss: is unknown (got "\u00'),
    "escape in a key": (SMALL + '"\\u001b]0;x\\u0007" = 1\n', r'8: estimators[0]."\u001b]0;x\u0007": is not a key'),
    "right to left": (SMALL.replace('"l2"', '"\u202e2l"'), r'7: estimators[0].loss: is unknown (got "\u202e2l")'),
    "line separator": ('title = "a\u2028b"\n' + SMALL, r'1: title: is not allowed (got "a\u2028b")'),
    "NaN": (SMALL.replace("10, 20", "nan"), "4: factors.n[0]: is not a whole number (got nan)"),
    "overflow": (SMALL.replace('"normal"', '"normal", scale = 1e400'), "5: factors.errors[0].scale: is not a finite"),
    "boolean for a number": (SMALL.replace("10, 20", "true"), "4: factors.n[0]: is not a whole number (got true)"),
    "boolean for a real": (SMALL.replace('"normal"', '"normal", loc = false'), "5: factors.errors[0].loc: is not a"),
    "float for a whole number": ("seed = 1.0\n" + SMALL, "1: seed: is not a whole number (got 1.0)"),
    "date": ("seed = 1979-05-27T07:32:00Z\n" + SMALL, "1: seed: is not a whole number (got 1979-05-27 07:32:00"),
    "huge whole number": (f"seed = 0x{'f' * 990}\n" + SMALL, "1: seed: is out of range (got 1198"),
    "digits": (f"seed = {'9' * 900}\n" + SMALL, "1: seed: is out of range (got 999"),
    "list for a table": (HEAD + "factors = [1]\n" + L2, "3: factors: is not a table (got [1])"),
    "table for a list": (HEAD + FACTORS + '[estimators]\nloss = "l2"\n', "6: estimators: is not a list"),
    "billions of cells": (
        SMALL.replace('"normal"', f'"student_t", df = {list(range(1, 9001))}, scale = {list(range(1, 9001))}'),
        '3: factors: cross to too many cells (got "2 n x 81000000 errors',
    ),
    "billions of estimators": (
        SMALL.replace('"l2"', f'"hampel"\na = {steps(2000)}\nb = {steps(2000, 30.0)}\nc = {steps(2000, 60.0)}'),
        "6: estimators: are too many (got 8000000000)",
    ),
    "grids of estimators": (LINEAR + ("[[estimators]]\n" + GRID.format("tukey", "c")) * 300, "8: estimators: are too"),
    "labels": (
        'reference = "x"\n' + SMALL.replace('"l2"', f'"huber"\nk = {steps(1000)}'),
        '1: reference: is not the label of an estimator (got "x")',
    ),
    "a name of spaces": (SMALL.replace('"l2"', f'"<{" " * 40_000}x("'), '7: estimators[0].loss: is unknown (got "<   '),
    "a name of digits": (SMALL.replace('"l2"', f'"{"1" * 90_000}x"'), '7: estimators[0].loss: is unknown (got "111'),
    "a name with many values": (
        SMALL.replace('"l2"', f'"huber({"k=," * 20_000})"'),
        '7: estimators[0].loss: is unknown (got "huber(k=,',
    ),
    "long lines": (
        "".join(f'"{letter * 200}"."{letter * 300}" = "{letter * 999}"\n' for letter in "abcdefghijklmnopqrst") + SMALL,
        '1: "aaa',
    ),
}


@pytest.mark.parametrize(("text", "said"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused_with_its_place(text, said):
    found = outcome(lambda: parse(text, "s.toml"))
    assert_placed(found, text)
    assert found[0].startswith(f"s.toml:{said}")


NAMES = ("", ".", "..", "../x", "a/b", "/etc/x", "a\\b", "~", "A", "a b", "a\n", "con.")
NAMES += ("\uff41", "\u0430", "a\u0301", "x" * 65)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_no_path(name):
    (problem,) = outcome(lambda: parse(SMALL.replace('"heavy_tails"', json.dumps(name)), "s.toml"))
    assert problem.startswith("s.toml:1: name: ")
    (problem,) = outcome(lambda: Study(**{**GOOD, "name": name}))
    assert problem.startswith("name: ")


@pytest.mark.parametrize("law", ['"student_t", df', '"skewed_t", skew = 2, df'])
def test_many_errors_and_many_estimators_are_checked_at_once(law):
    """90,000 error distributions and 1,000 losses: what each loss estimates is not asked of every pair."""
    text = HEAD + f"[factors]\nn = [10]\nerrors = [{{ distribution = {law} = {steps(300)}, scale = {steps(300)} }}]\n"
    study = outcome(lambda: parse(text + f'[[estimators]]\nloss = "huber"\nk = {steps(1000)}\n'))
    assert (len(study.errors), len(study.estimators)) == (90_000, 1000)


def test_a_plan_of_billions_of_blocks_is_refused():
    study = parse(SMALL.replace("[10, 20]", "[10, 1_000_000]")).with_changes(replications=10**12)
    start = time.process_time()
    with pytest.raises(UsageError, match="333 years of work for a processor, and at most 128 can be"):
        forecast.forecast(study)
    assert time.process_time() - start < SECONDS


# Fuzzing

FUZZ = settings(derandomize=True, deadline=None, max_examples=250)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "s.toml"


@FUZZ
@given(st.binary(max_size=200), st.integers(0, len(EXAMPLE)))
def test_any_bytes(path, data, at):
    path.write_bytes(EXAMPLE.encode()[:at] + data)
    outcome(lambda: load(path))


WORDS = (*"[]{}=,.\n\n\n", "[[", "]]", '"', "'", '"""', "#", "=", " = ", "\\", "\x00", "\x1b", "\ufeff", "\u202e")
WORDS += ("name", "problem", "factors", "n", "errors", "estimators", "loss", "precision", "1", '"l2"', '"location"')
VALUES = ("nan", "-inf", "true", "1e400", "-0.0", "9" * 500, "0x" + "f" * 900, "1979-05-27", "07:32:00", "[]", "{}")
VALUES += ("[[[[1]]]]", "[" * 9 + "]" * 9, "{ a = { b = 1 } }", "[{}]", '""', '"../x"', r'"\u001b[31m"', r'"\n"')
VALUES += (r'"\u0000"', '"\u202e"', "'\U000e0041'", '"' + "x" * 3000 + '"', "[1, 'a', true]", "[nan, nan]", "1e-400")
KEYS = ("name", "n", "loss", "k", "label", r'"\u001b[2J"', "''", '"a.b"', "x" * 999, f'"{"y" * 3000}"', "a.b.c", "n.n")


@FUZZ
@given(st.lists(st.sampled_from(WORDS + VALUES + KEYS), max_size=40))
def test_any_words(words):
    text = " ".join(words)
    found = outcome(lambda: parse(text, "s.toml"))
    if not isinstance(found, Study):
        assert_placed(found, text)


_PIECE = re.compile(r"(?P<key>[\w\[\]]+(?= = ))|(?P<value>(?<== )(?:\"[^\"\n]*\"|[\d._e-]+|\[[^\n]*\]))")
PIECES = [(match.lastgroup, *match.span()) for match in _PIECE.finditer(EXAMPLE)]


@FUZZ
@given(st.data())
def test_any_mutation(data):
    """Values and keys of a good scenario replaced, its lines doubled, left out and moved."""
    changed = data.draw(st.lists(st.sampled_from(PIECES), max_size=4, unique=True))
    text = EXAMPLE
    for kind, start, stop in sorted(changed, key=lambda piece: -piece[1]):
        text = text[:start] + data.draw(st.sampled_from(KEYS if kind == "key" else VALUES)) + text[stop:]
    lines = text.split("\n")
    for line in data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=2)):
        lines.insert(data.draw(st.integers(0, len(lines))), lines[line])
    text = "\n".join(lines)
    found = outcome(lambda: parse(text, "s.toml"))
    if isinstance(found, Study):
        assert parse(found.text) == found
    else:
        assert_placed(found, text)


# What is no file


def a_socket(path):
    own, here = socket.socket(socket.AF_UNIX), Path.cwd()
    os.chdir(path.parent)  # the name of a socket must be short
    try:
        own.bind(path.name)
    finally:
        os.chdir(here)
        own.close()


STRANGE = {
    "socket": (a_socket, "is not a regular file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
    "terminal": (lambda path: path.symlink_to("/dev/tty"), "is not a regular file|cannot be read"),
    "pipe": (os.mkfifo, "is not a regular file"),
    "link to itself": (lambda path: path.symlink_to(path.name), "cannot be read"),
    "link to nothing": (lambda path: path.symlink_to("nothing"), "cannot be read"),
    "link to a folder": (lambda path: path.symlink_to("/"), "is not a regular file"),
    "memory": (lambda path: path.symlink_to("/proc/self/mem"), "cannot be read"),
    "page table": (lambda path: path.symlink_to("/proc/self/pagemap"), "is longer than|cannot be read"),
}


@pytest.fixture
def patience():
    """No waiting."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("waits"))
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(("make", "said"), STRANGE.values(), ids=STRANGE)
def test_what_is_no_file_is_not_waited_for(tmp_path, patience, make, said):
    make(tmp_path / "s.toml")
    (problem,) = outcome(lambda: load(tmp_path / "s.toml"))
    assert re.search(said, problem)


@pytest.mark.parametrize("name", ["\x1b[2J.toml", "a\nb.toml", "\u202e.toml", os.fsdecode(b"\xff.toml"), "a\0b"])
def test_the_name_of_a_file_is_shown_as_plain_text(tmp_path, name):
    outcome(lambda: load(tmp_path / name))
    if "\0" not in name:
        (tmp_path / name).write_text("seed = -1")
        assert len(outcome(lambda: load(tmp_path / name))) == 5


@pytest.mark.parametrize("strange", ["file", "pipe", "link to itself", "link to nothing", "device", "socket"])
def test_a_run_folder_that_is_none_is_refused_and_left(tmp_path, patience, strange):
    make = STRANGE[strange][0] if strange in STRANGE else lambda path: path.write_text("mine")
    make(tmp_path / "heavy_tails")
    before = os.lstat(tmp_path / "heavy_tails")
    with pytest.raises(UsageError, match="heavy_tails: cannot write results here"):
        sc.run(parse(SMALL), out=tmp_path)
    assert os.listdir(tmp_path) == ["heavy_tails"]
    after = os.lstat(tmp_path / "heavy_tails")
    assert (after.st_ino, after.st_mode, after.st_size) == (before.st_ino, before.st_mode, before.st_size)


# The command line

EVERY_FILE = """
import re, sys
from simcore.cli import main
*command, folder, last = sys.argv[1:]
for number in range(int(last)):
    print(f"file {number}", file=sys.stderr)
    try:
        main([*command, f"{folder}/{number}.toml"])
    except SystemExit as end:
        print(f"code {end.code}", file=sys.stderr)
print(f"engine {'pyarrow' in sys.modules}", file=sys.stderr)
peak = re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]
print(f"peak {peak} KiB", file=sys.stderr)
"""
ENGINE = 60_000  # KiB, of Arrow
COMMANDS = (["run"], ["plan"], ["describe"], ["extend"], ["replay", "--cell", "0", "--replication", "0"])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for number, (text, _) in enumerate(HOSTILE.values()):
        (folder / f"{number}.toml").write_text(text)
    for number, text in enumerate(EVIL.values(), len(HOSTILE)):
        (folder / f"{number}.toml").write_text(text)
    return folder


def python(*arguments, cwd):
    environment = os.environ | {"PYTHONPATH": str(Path(sc.__file__).parent.parent)}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, timeout=120)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_refuses_every_file(tmp_path, corpus, command):
    """Exit code 2, a screen and no traceback for each, nothing written, in less than 100 MB."""
    count = len(HOSTILE) + (len(EVIL) if command == ["run"] else 0)
    done = python("-c", EVERY_FILE, *command, corpus, count, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout == "" and os.listdir(tmp_path) == []
    reports = re.findall(r"file \d+\n((?:.*\n)*?)code (\d+)\n", done.stderr)
    engine, peak = re.search(r"engine (\w+)\npeak (\d+) KiB", done.stderr).groups()
    assert len(reports) == count
    for text, code in reports:
        assert code == "2" and text and "Traceback" not in text
        assert all(line.isprintable() for line in text.splitlines())
        assert sum(-(-len(line) // COLUMNS) for line in text.splitlines()) <= ROWS + 1  # the name of the file is long
    assert int(peak) < 100_000 + ENGINE * (engine == "True")
    assert engine == str(command[0] in ("extend", "replay")), "which can begin from a run"


def test_the_program_itself(tmp_path, corpus):
    done = python("-m", "simcore", "run", corpus / "0.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout, os.listdir(tmp_path)) == (2, "", [])
    assert done.stderr.startswith(f"{corpus / '0.toml'}:1: name: is not allowed") and done.stderr.count("\n") == 1


# Python

GOOD = {
    "name": "x",
    "problem": "location",
    "factors": {"n": [10], "errors": [{"distribution": "normal"}]},
    "estimators": [{"loss": "l2"}],
}


class Unspeakable:
    def __repr__(self):
        raise RuntimeError("no words")


class Loud:
    def __str__(self):
        return "\x1b[2J\n"


class Endless:
    def tolist(self):
        return self


def endless_list():
    items = []
    items.append(items)
    return items


def endless_table():
    table = {}
    table["n"] = table
    return table


def errors(**entry):
    return {"factors": {"n": [10], "errors": [{"distribution": "student_t", **entry}]}}


def sizes(n):
    return {"factors": GOOD["factors"] | {"n": n}}


PYTHON = {
    "endless list": ({"measures": endless_list()}, f"measures[0][0][0][0][0][0][0]: {TOO_DEEP}"),
    "endless table": ({"factors": endless_table()}, f"factors.n.n.n.n.n.n.n: {TOO_DEEP}"),
    "endless array": ({"seed": Endless()}, "seed: is not a whole number (got <"),
    "range": (sizes(range(10**12)), "factors.n[33"),
    "list": (sizes([7] * 10**6), "factors.n[33"),
    "array": (sizes(np.broadcast_to(np.int8(1), (10**10,))), "factors.n: is too big (got 10000000000 values)"),
    "NaN": (errors(df=np.full(3, np.nan)), "factors.errors[0].df[0]: is not a finite number (got nan)"),
    "matrix": (errors(df=np.ones((2, 2))), "factors.errors[0].df[0]: is not a finite number (got [1.0, 1.0])"),
    "records": (sizes(np.zeros(1, "i4,i4")), "factors.n[0]: is not a whole number (got [0, 0])"),
    "not a time": ({"seed": np.datetime64("NaT")}, "seed: is not a whole number"),
    "masked": ({"seed": np.ma.masked}, "seed: is not a whole number"),
    "booleans": (sizes(np.array([True])), "factors.n[0]: is not a whole number (got true)"),
    "class": ({"title": np.ndarray}, "title: is not allowed (got <class"),
    "function": ({"estimators": [{"loss": len}]}, "estimators[0].loss: is not a name (got <built-in"),
    "surrogate in the title": ({"title": "a\ud800"}, r'title: is not allowed (got "a\ud800")'),
    "surrogate in a label": (
        {"estimators": [{"loss": "l2", "label": "\udfff"}]},
        "estimators[0].label: is not allowed",
    ),
    "surrogate in a key": ({"factors": {"\ud800": 1}}, r'factors."\ud800": is not a key'),
    "escape in a key": ({"\x1b[2J": 1}, r'"\u001b[2J": is not a key of a scenario'),
    "no words": ({"title": Unspeakable()}, "title: is not allowed (got <Unspeakable>)"),
    "no words within": (sizes([{"a": Unspeakable()}]), "factors.n[0]: is not a whole number (got { a = <Un"),
    "no words for a key": ({"factors": {Unspeakable(): 1}}, 'factors."<Unspeakable>": is not a key of factors'),
    "loud": ({"title": Loud()}, r"title: is not allowed (got \u001b[2J\n)"),
    "digits": ({"seed": 10**6000}, "seed: is out of range (got <int>)"),
    "digits for a key": ({"factors": {10**6000: 1}}, 'factors."<int>": is not a key'),
    "digits for a real": (errors(df=10**6000), "factors.errors[0].df: is not a finite number (got <int>)"),
    "long text": ({"title": "x" * 10**7}, 'title: is not allowed (got "xxx'),
    "bytes": ({"name": b"x"}, "name: is not allowed (got b'x')"),
    "complex": ({"seed": 1j}, "seed: is not a whole number (got 1j)"),
    "set": ({"estimators": {1}}, "estimators: is not a list (got {1})"),
}


@pytest.mark.parametrize(("entries", "said"), PYTHON.values(), ids=PYTHON)
def test_hostile_values_of_python(entries, said):
    found = outcome(lambda: Study(**{**GOOD, **entries}))
    assert found[0].startswith(said)


def test_what_python_may_say_a_file_may_say():
    """The longest list that is let in is also read back from the text of the study."""
    study = Study(**{**GOOD, **sizes(range(1, 30_001))})
    assert study.with_changes(seed=1).n == parse(study.text).n == study.n
