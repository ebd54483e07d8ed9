"""Help texts, their examples, the nearest match, and completion, of every command that there is."""

import re
import shlex

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from simcore import own, registry
from simcore.cli import guidance, main
from tests.test_cli import TINY

COMMANDS = list(main.commands)


def simcore(*arguments):
    return CliRunner().invoke(main, list(arguments))


def examples_of(text):
    """The commands below `Examples:`, without comments."""
    lines = text.partition("Examples:\n")[2].splitlines()
    return [re.sub(r"\s+# .*", "", line.strip()) for line in lines if line.strip()]


def parsed(line):
    """The words of simcore commands in a line of shell: what stands before redirections, and in $( )."""
    inner = re.findall(r"\$\((simcore [^)]*)\)", line)
    outer = re.split(r"\s[>|]\s", re.sub(r"\$\([^)]*\)", "X", line))[0]
    return [shlex.split(text) for text in [outer, *inner] if text.startswith("simcore ")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_has_examples_that_parse(name, monkeypatch):
    monkeypatch.setattr(own, "use", lambda source: None)  # no file is there
    done = simcore(name, "--help")
    assert done.exit_code == 0 and max(map(len, done.stdout.splitlines())) <= 100
    command = main.commands[name]
    first = command.help.strip().split("\n")[0]
    assert len(first) > 20 and first[0].isupper(), first
    assert all(option.help for option in command.params if isinstance(option, click.Option)), name
    lines = examples_of(done.stdout)
    assert 1 <= len(lines) <= 5
    words = [found for line in lines for found in parsed(line)]
    assert any(found[1] == name for found in words) and len(words) >= len(lines)
    for found in words:
        context = main.commands[found[1]].make_context(found[1], found[2:], parent=click.Context(main))  # raises
        assert context.params is not None


def test_the_first_page_has_every_command_once_in_groups_and_the_exit_codes():
    text = simcore("--help").stdout
    for name in COMMANDS:
        assert len(re.findall(rf"^  {name}\b", text, re.M)) == 1, name
    assert f"{guidance.OTHERS}:" not in text or set(COMMANDS) - {n for own in guidance.GROUPS.values() for n in own}
    assert [title for title in guidance.GROUPS if f"{title}:\n" in text] == list(guidance.GROUPS)
    assert "..." not in text.partition("Write a study")[2] and "75 stopped by a signal" in text
    for line in examples_of(text):
        (words,) = parsed(line)
        assert words[1] in main.commands


def test_a_command_of_no_group_is_still_there():
    found = dict(guidance.grouped({"show": "x", "dance": "Dance"}))
    assert found[guidance.OTHERS] == [("dance", "Dance")] and list(found) == ["Look at results", guidance.OTHERS]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["plto"], "plto: unknown command, did you mean 'plot'? known: "),
        (["zzzz", "x"], "zzzz: unknown command, known: "),
        (["show", "x", "--masure", "mse"], "--measure"),
        (["run", "x", "--thread", "2"], "--threads"),
        (["list", "lossses"], "did you mean 'losses'?"),
        (["export", "x", "--for", "simsum"], "'rsimsum'"),
        (["completion", "tcsh"], "'bash'"),
    ],
)
def test_what_is_unknown_comes_with_the_nearest(arguments, told):
    done = simcore(*arguments)
    assert done.exit_code == 2 and told in done.stderr and "Traceback" not in done.stderr, done.stderr


def completed(*words):
    """What the shell is offered for the last word."""
    found = ShellComplete(main, {}, "simcore", "_SIMCORE_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [item.value for item in found if item.type == "plain"], {item.type for item in found}


def test_words_are_completed(tmp_path, monkeypatch):
    assert completed("com") == (["compare", "completion"], {"plain"})
    assert completed("list", "")[0] == list(registry.KINDS) and completed("list", "los")[0] == ["losses"]
    assert "--measure" in completed("show", "--m")[0]
    assert completed("show", "x", "--measure", "vari")[0] == ["variance"]
    assert completed("init", "--problem", "lin")[0] == ["linear"]
    assert completed("export", "x", "--for", "")[0] == ["csv", "wide", "rsimsum"]
    assert completed("completion", "")[0] == ["bash", "zsh", "fish"]


def test_scenarios_and_runs_are_completed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for run in ("results/one", "results/other", "elsewhere/two"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "run.json").write_text("{}")
    (tmp_path / "results/none").mkdir()
    (tmp_path / "studies").mkdir()
    for name in ("mine.toml", "studies/more.toml", "studies/more.txt", ".hidden.toml"):
        (tmp_path / name).write_text(TINY)
    assert completed("run", "") == (["mine.toml"], {"plain", "dir"})
    assert completed("plan", "studies/m")[0] == ["studies/more.toml"]
    assert completed("show", "")[0] == ["results/one", "results/other"]
    assert completed("show", "ot")[0] == ["results/other"]
    assert completed("show", "results/o")[0] == ["results/one", "results/other"]
    assert completed("verify", "elsewhere/")[0] == ["elsewhere/two"]
    assert completed("describe", "")[0] == ["mine.toml", "results/one", "results/other"]
    assert completed("run", "no/such/folder/")[1] == {"dir"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(shell):
    done = simcore("completion", shell)
    assert done.exit_code == 0 and "_SIMCORE_COMPLETE" in done.stdout and "goes into ~/." in done.stderr
