"""What is said of a run that has lost its record can be typed as it stands, and brings it back to the byte."""

import re
import shlex
from pathlib import Path

import pytest

import simcore as sc
from simcore import own, repairs
from simcore.errors import UsageError
from tests.kills import snapshot
from tests.running import typed

MINE = Path(__file__).parent / "plugins" / "mine.py"
FACTORS = {"n": [5], "errors": [{"distribution": "normal"}]}
pytestmark = pytest.mark.usefixtures("no_plugins")


def study(**changes):
    entries = {"name": "own", "problem": "location", "replications": 500, "factors": FACTORS}
    return sc.Study(**(entries | {"estimators": [{"loss": "l2"}, {"loss": "my_huber"}]} | changes))


def exact(*losses):
    return study(problem="sensitivity", replications=None, estimators=[{"loss": loss} for loss in losses])


def without_record(study, out):
    """The path of a finished run whose run.json is gone, and what was in it before."""
    path = sc.run(study, out, threads=1).path
    before = snapshot(path)
    (path / "run.json").unlink()
    return path, before


def forget():
    """As in a process of its own: no plugins are in use."""
    for source in [*own._sources.values()]:
        own._drop(source)
    sc.errors.always.clear()


def test_a_run_with_plugins_says_which_and_where_their_copies_are(tmp_path):
    sc.use(MINE)
    path, before = without_record(study(), tmp_path / "results")
    forget()
    lacking = typed("repair", "results/own", cwd=tmp_path)
    assert lacking.returncode == 2 and "scenario.toml" not in lacking.stderr
    (options,) = re.findall(r"add (--plugin \S+)", lacking.stderr)
    assert options == "--plugin results/own/plugins/mine.py"
    assert typed("repair", "results/own", *shlex.split(options), cwd=tmp_path).returncode == 0
    assert snapshot(path) == before


def test_other_code_restores_no_record(tmp_path):
    """It would be one that neither version of the plugin can read."""
    sc.use(MINE)
    path, before = without_record(study(), tmp_path)
    forget()
    (tmp_path / "mine.py").write_bytes(MINE.read_bytes() + b"# more\n")
    sc.use(tmp_path / "mine.py")
    with pytest.raises(UsageError, match="mine.py, SHA-256 .*, not that of .*add --plugin"):
        repairs.repair(path, threads=1)
    assert not (path / "run.json").exists()
    forget()
    (tmp_path / "renamed.py").write_bytes(MINE.read_bytes())
    sc.use(tmp_path / "renamed.py")  # the same code, under another name
    repairs.repair(path, threads=1)
    assert snapshot(path) == before


@pytest.mark.parametrize("losses", [["l2", "l1"], ["l2", "my_huber"]], ids=["ours", "one's own"])
@pytest.mark.parametrize("words", [["repair"], ["show"]])
def test_an_exact_run_is_made_again(tmp_path, words, losses):
    """It has no blocks from which its record could be restored."""
    sc.use(MINE)
    path, before = without_record(exact(*losses), tmp_path / "results")
    forget()
    told = typed(*words, "results/own", cwd=tmp_path)
    if "my_huber" in losses:
        (options,) = re.findall(r"add (--plugin \S+)", told.stderr)
        words = [*words, *shlex.split(options)]
        told = typed(*words, "results/own", cwd=tmp_path)
    (command,) = re.findall(r"simcore (run .*) makes it again", told.stderr)
    assert told.returncode == 2 and "results/own/scenario.toml --out results" in command
    forget()
    done = typed(*shlex.split(command), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert snapshot(path) == before and typed(*words, "results/own", cwd=tmp_path).returncode == 0


def test_within_the_run_directory_too(tmp_path):
    path, before = without_record(exact("l2"), tmp_path)
    told = typed("show", ".", cwd=path)
    (command,) = re.findall(r"simcore (run .*) makes it again", told.stderr)
    assert typed(*shlex.split(command), cwd=path).returncode == 0 and snapshot(path) == before
