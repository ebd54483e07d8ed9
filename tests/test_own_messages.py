"""What newcomers are told of mistakes in plugins of their own: one line that names the place and the way out."""

import inspect
import re
import subprocess
import sys

import pytest

import simcore as sc
from simcore.errors import UsageError
from simcore.own import records, templates
from simcore.registry import KIND_OF

pytestmark = pytest.mark.usefixtures("no_plugins")


def changed(path, word, *changes):
    """A template with each (old, new) changed, as a file."""
    text = templates.template(word, path.stem)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


def simcore(*words, cwd):
    words = [sys.executable, "-m", "simcore", *map(str, words)]
    return subprocess.run(words, capture_output=True, text=True, cwd=cwd)


SECOND = ("5.543),)", '5.543), Parameter("d", "another", POSITIVE, 1.0))')


@pytest.mark.parametrize(
    "word, change, said",
    [
        ("loss", ('r("c"', 'r("k"'), "monotone takes c, the parameters are k: write monotone=lambda k: ..."),
        ("loss", SECOND, "monotone takes c, the parameters are c, d: write monotone=lambda c, d: ..."),
        ("loss", ("lambda c: False,  # psi c", "lambda: False,  # "), "monotone takes nothing, the parameters are c:"),
        ("distribution", ('r("a"', 'r("b"'), "tail_index takes a, the parameters are b: write tail_index=lambda b:"),
        ("estimator", ('r("share"', 'r("part"'), "carried_by asks for values['share'], the parameters are part: write"),
        ("estimator", ("lambda n, values", "lambda n"), "carried_by takes n: write carried_by=lambda n, values: ..."),
        ("loss", ("POSITIVE, 5.543", "POSITIVE, -1.0"), "parameter c: its default must be a number > 0 (got -1.0)"),
        ("loss", ("POSITIVE, 5.543", 'POSITIVE, "a"'), "parameter c: its default must be a number > 0 (got 'a')"),
    ],
)
def test_what_does_not_fit_its_parameters_is_refused_as_it_is_read(tmp_path, word, change, said):
    path = changed(tmp_path / "mine.py", word, change)
    with pytest.raises(UsageError, match=re.escape(f"{path}: mine: {said}")):
        sc.use(path)


def test_functions_of_values_by_name_are_those_that_the_records_say():
    for record in KIND_OF:
        said = re.findall(r"(\w+)\(\*\*values\)", inspect.getdoc(record))
        assert sorted(set(said)) == sorted(records._OF_VALUES.get(record, ())), record


def test_functions_of_any_values_fit_all_parameters(tmp_path):
    sc.use(changed(tmp_path / "mine.py", "loss", ("lambda c: False,  # psi c", "lambda **values: False,  # "), SECOND))


def test_check_and_run_refuse_it_without_a_traceback(tmp_path):
    path = changed(tmp_path / "mine.py", "loss", ('r("c"', 'r("k"'))
    for words in (("check", path.name), ("run", "mine.toml", "--plugin", path.name)):
        done = simcore(*words, cwd=tmp_path)
        assert done.returncode == 2 and done.stderr.startswith("mine.py: mine: monotone takes c, "), done.stderr
        assert len(done.stderr.splitlines()) == 1
