"""Every command and code block of the documents is run, in a copy of what it speaks of, or at least parsed.

Studies are made small in that copy, which the reader does not see. `NOT_RUN` says what is only parsed, and why.
"""

import argparse
import contextlib
import json
import re
import runpy
import shutil
import sys
import tomllib
from pathlib import Path

import click
import duckdb
import numpy as np
import pytest
from click.testing import CliRunner

import simcore as sc
from simcore import design, scenario
from simcore.cli import main
from simcore.drawing import canvas
from tests.documents import NAMES, ROOT, SCENARIOS, blocks, commands, spoken

SMALL = 256  # replications
NOT_RUN = {  # beginnings of commands that are only parsed -> why
    "python -m venv": "makes a new environment",
    "source .venv/bin/activate": "is for the shell that goes on",
    "pip install": "installs",
    "apt-get install": "installs",
    "git": "works on a clone",
    "jupyter lab": "waits for a browser",
    "python -m pytest": "runs this very test",
    "python -m tests": "takes minutes, or starts a cluster",
    "python scripts/": "takes minutes; test_scripts tests them",
    "ruff": "is run by the test command",
    "sbatch": "needs Slurm; test_slurm_runs has one",
    "bash results/my_study/slurm/submit.sh": "needs Slurm; test_slurm_runs has one",
    "simcore run my_study.toml --engine dask": "starts processes, or needs a scheduler; test_dask has both",
    "simcore doctor": "measures this machine; test_doctor runs it",
}
UNREAD = {  # scripts whose words are not parsed -> why
    "scripts/check_nist.py": "takes a folder, and no options",
    "scripts/execute_notebooks.py": "needs what the tests do not",
}
COMPILED_ONLY = {"SLURMCluster": "needs Slurm; test_dask has one"}  # Python with these words -> why it is not run
BEFORE = {  # commands that a document takes for granted
    "results/README.md": ["simcore run scenarios/quickstart.toml"],
    "scripts/README.md": ["simcore run my_study.toml"],
}
HEAD = {  # what a fragment of a scenario is completed by
    "name": '"fragment"',
    "problem": '"location"',
    "factors": '{ n = [10], errors = [ { distribution = "normal" } ] }',
    "estimators": '[ { loss = "l1" }, { loss = "huber" } ]',
}
RNG = np.random.default_rng(1)
GIVEN = {"X": RNG.standard_normal((30, 2)), "y": RNG.standard_normal(30)}


@pytest.fixture
def place(tmp_path, monkeypatch, no_plugins):
    """A folder with what documents name, as the place where they run."""
    for name in ("scenarios", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    for path in tmp_path.glob("scenarios/*.toml"):
        path.write_text(small(path.read_text()))
    monkeypatch.setattr(canvas, "FORMATS", {"svg": canvas.FORMATS["svg"]})  # test_curves draws the others
    monkeypatch.chdir(tmp_path)
    return tmp_path


def small(text):
    """A scenario with few replications."""
    return re.sub(r"^((?:\w+_)?replications = )[\d_]+", rf"\g<1>{SMALL}", text, flags=re.M)


@pytest.mark.parametrize("name", NAMES)
def test_every_block_runs(name, place):
    text = (ROOT / name).read_text()
    run_document(name, text, place)


def run_document(name, text, place):
    """Run all blocks of a document in order, its Python in one namespace."""
    (place / "my_study.toml").write_text(small(my_study()))
    for line in BEFORE.get(name, ()):
        run_line(line)
    if name == "results/README.md":
        (place / "results/heavy_tails").symlink_to("quickstart")  # as good as its own
    names = dict(GIVEN)
    for block in blocks(name, text):
        try:
            if block.language == "python":
                run_python(block, names)
            else:
                RUNS[block.language](block)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"{block}: {type(error).__name__}: {error}") from error


def my_study():
    """The scenario of README.md."""
    found = blocks("README.md", (ROOT / "README.md").read_text())
    return next(block.text for block in found if block.language == "toml")


# What is done with a block


def run_shell(block):
    for line in block.text.replace("\\\n", " ").splitlines():
        run_line(line)


def run_line(line):
    for command in commands(line):
        words = [command.words[0].removeprefix(".venv/bin/").replace("python3", "python"), *command.words[1:]]
        if words[:3] == ["python", "-m", "simcore"]:
            words = words[2:]
        why = next((why for start, why in NOT_RUN.items() if " ".join(words).startswith(start)), None)
        if words[0] == "simcore" and not why:
            output = run_simcore(words[1:])
            if command.output:
                with open(command.output, "w") as file:
                    file.write(output)
        else:
            assert why, f"{' '.join(words)}: is neither run nor in NOT_RUN"
            PARSES.get(words[0], lambda words: None)(words)


def run_simcore(words):
    """Run a simcore command in this process, with few replications: what it prints."""
    few = [str(SMALL) if k and words[k - 1] == "--replications" else word for k, word in enumerate(words)]
    done = CliRunner().invoke(main, few)
    said = f"exit code {done.exit_code}: {done.stderr} {done.exception!r}"
    assert done.exit_code == 0, f"simcore {' '.join(few)}: {said}"
    return done.stdout


def parse_simcore(words):
    """Whether there is such a command with such options; arguments may be missing, as in a sentence."""
    name, *rest = words[1:] or ["--help"]
    if name.startswith("-"):
        main.make_parser(click.Context(main)).parse_args([name])
        return
    assert name in main.commands, f"there is no command {name!r}"
    try:
        main.commands[name].make_context(name, rest, parent=click.Context(main))
    except click.MissingParameter:
        pass
    except click.exceptions.Exit as asked:
        assert asked.exit_code == 0


def parse_pip(words):
    """Whether the extras that are installed exist."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name in re.findall(r"(?:\.|simcore)\[(\w+)\]", " ".join(words)):
        assert name in extras, f"there is no extra {name!r}"


def parse_python(words):
    """Whether a script or module exists; scripts parse the words that are given to them, and then stop."""
    script = words[1] if words[1] != "-m" else f"{words[2].replace('.', '/')}.py"
    if words[1] == "-m" and not script.startswith("tests/"):
        return
    assert (ROOT / script).is_file(), script
    if words[1] == "-m" or script in UNREAD:
        return
    given = [re.sub(r"[\[\]]", "", word) for word in words[2:] if word not in ("...", "...]")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [script, *given])
        patch.syspath_prepend(ROOT / "scripts")
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
        with contextlib.suppress(Parsed):
            runpy.run_path(str(ROOT / script), run_name="__main__")
            raise AssertionError(f"{script} reads no words")


class Parsed(Exception):
    """The words of a script are right."""


def parse_and_stop(parser, words=None):
    _, left = parser.parse_known_args(words)
    if left:
        parser.error(f"unknown words: {left}")
    raise Parsed


PARSES = {"simcore": parse_simcore, "pip": parse_pip, "python": parse_python}


def run_python(block, names):
    """Run it; one that stands in a file of the repository, as examples of plugins do, is that file's part."""
    code = compile(block.text, str(block), "exec")
    if any(word in block.text for word in COMPILED_ONLY) or in_a_file(block.text):
        return
    if found := re.match(r"# (\w+\.py)\n", block.text):  # what the reader is told to write to that file
        Path(found[1]).write_text(block.text)
    exec(code, names)


def in_a_file(text):
    lines = [line for line in text.splitlines() if line]
    for path in ROOT.glob("scenarios/*.py"):
        own = [line for line in path.read_text().splitlines() if line]
        if any(own[k : k + len(lines)] == lines for k in range(len(own))):
            return True
    return False


def load_scenario(block):
    """A scenario or a part of one, which is completed; it has cells."""
    own = tomllib.loads(block.text)
    text = "".join(f"{key} = {value}\n" for key, value in HEAD.items() if key not in own) + block.text
    study = scenario.parse(text)
    assert list(design.cells(study))


def run_sql(block):
    assert len(duckdb.sql(block.text).df()), f"{block}: finds nothing"


RUNS = {
    "shell": run_shell,
    "sh": run_shell,
    "toml": load_scenario,
    "sql": run_sql,
    "json": lambda block: json.loads(block.text),
    "r": lambda block: None,  # R is not among what the tests need; test_reading holds them to what `export` says
}


# What stands in sentences


@pytest.mark.parametrize("name", NAMES)
def test_what_sentences_name_exists(name):
    for number, text in spoken((ROOT / name).read_text()):
        try:
            check_spoken(text)
        except (AssertionError, click.ClickException) as error:
            raise AssertionError(f"{name}:{number}: `{text}`: {error}") from error


def check_spoken(text):
    """Commands, names of simcore and paths; of all else nothing is known."""
    if text.startswith("simcore ") and text.isascii():
        for command in commands(text):
            parse_simcore(command.words)
    if text.startswith("pip "):
        parse_pip(text.split())
    for found in re.findall(r"\bsc\.(\w+)", text):
        assert hasattr(sc, found), f"there is no sc.{found}"
    for found in re.findall(r"\brun\.(\w+)\(", text):
        assert hasattr(sc.Run, found), f"a run has no {found}"
    if re.fullmatch(r"(simcore|scenarios|scripts|tests|notebooks)/[\w./]*", text):
        assert (ROOT / text).exists(), "there is no such file"


@pytest.mark.parametrize("name", NAMES)
def test_links_within_a_document_lead_to_a_heading(name):
    text = (ROOT / name).read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    places = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= places


def test_the_modules_of_the_house_exist():
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("| layer |")[2].partition("\n\n")[0]
    for row in table.splitlines()[2:]:
        for name in re.findall(r"`([^`]+)`", row.split("|")[2]):
            assert (ROOT / "simcore" / name).is_dir() or (ROOT / "simcore" / f"{name}.py").is_file(), name


def test_every_scenario_is_in_the_gallery():
    text = (ROOT / "scenarios/README.md").read_text()
    drawn = runpy.run_path(str(ROOT / "scripts/gallery.py"))["FIGURES"]
    assert sorted(drawn) == [path.stem for path in SCENARIOS]
    for name in drawn:
        assert f"**{name}.toml**: " in text and f"![{name}](figures/{name}.png)" in text
    assert sum(path.stat().st_size for path in ROOT.glob("scenarios/figures/*.png")) < 2 << 20


BROKEN = {  # a document with a mistake -> what is said of it
    "    simcore show results/x --masure mse": "No such option",
    "    simcore shwo results/x": "unknown command",
    "    simcore check no_such_file.py": "cannot be read",
    "    rm -r results": "is neither run nor in NOT_RUN",
    "    pip install 'simcore[scypi]'": "no extra 'scypi'",
    "    python scripts/run_folder.py scenarios --repliactions 3": "SystemExit: 2",
    "    python scripts/no_such.py": "AssertionError: scripts/no_such.py",
    "```python\nimport simcore as sc\nsc.fitt([1, 2])\n```": "has no attribute 'fitt'",
    "```python\nimport simcore as sc\nsc.fit([1, 2], los='l2')\n```": "los",
    "```python\n@lane\ndef share(r, p): return r\n```": "name 'lane' is not defined",
    "```toml\nreplictions = 3\n```": "replictions",
    "```toml\n[[estimators]]\nloss = 'hubr'\n```": "did you mean",
    "```sql\nSELECT 1 WHERE false\n```": "finds nothing",
    "```sql\nSELECT valeu FROM (SELECT 1 AS value)\n```": "valeu",
    "```json\n{'a': 1}\n```": "JSONDecodeError",
    "```fortran\nEND\n```": "KeyError: 'fortran'",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_block_is_told(text, place):
    with pytest.raises(AssertionError, match=re.escape(BROKEN[text])):
        run_document("broken.md", f"# Broken\n\n{text}\n", place)


@pytest.mark.parametrize("text", ["simcore show --masure", "simcore dance", "sc.fitt(x)", "run.sum()", "tests/no.py"])
def test_a_broken_sentence_is_told(text):
    with pytest.raises((AssertionError, click.ClickException)):
        check_spoken(text)


def test_blocks_are_found():
    text = "a\n\n    one\n    two\n\n    three\nb\n```sql\nx\n\ny\n```\n- list\n    no block\n\n    last\n"
    found = [(block.line, block.language, block.text) for block in blocks("x.md", text)]
    assert found == [(3, "shell", "one\ntwo\n\nthree\n"), (9, "sql", "x\n\ny\n"), (16, "shell", "last\n")]
