"""Scenario files to start from: they load, say what they were asked to, teach, and never write over anything."""

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import simcore as sc
from simcore import scenario, scenario_checks, starters
from simcore.cli import main
from simcore.own import templates
from simcore.registry import plugins

MINE = Path(__file__).parent / "plugins" / "mine.py"
PROBLEMS = list(plugins("problems"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*arguments, **options):
    done = CliRunner().invoke(main, ["init", *map(str, arguments)], **options)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_usual_file_of_each_problem_loads_and_says_what_each_key_is(folder, problem):
    done = init("one", "--problem", problem, "--yes")
    assert done.exit_code == 0 and done.stdout == "one.toml\n", done.stderr
    text, usual = (folder / "one.toml").read_text(), starters.usual(problem)
    study = sc.load("one.toml")
    assert (study.problem, study.n, study.name) == (problem, usual.n, "one")
    assert len(study.estimators) == len(usual.losses) and len(study.errors) == len(usual.errors)
    assert max(map(len, text.splitlines())) <= 118
    for line in text.splitlines():
        assert not line or "#" in line or line in ("]", "[[estimators]]") or line.endswith("= [") or _told(text, line)


def _told(text, line):
    """Whether a comment stands above a line."""
    return text[: text.index(f"\n{line}\n")].rstrip("\n").rsplit("\n", 1)[-1].lstrip().startswith("#")


@pytest.mark.parametrize("problem", PROBLEMS)
def test_whatever_can_stand_there_makes_a_study_and_is_offered(problem):
    usual, name = starters.usual(problem), "one"
    text = starters.starter(name, usual)
    for kind in ("distributions", "contamination", "losses"):
        for entry in scenario_checks.suiting(kind, problem):
            assert re.search(rf"\b{entry}\b", text) or problem == "network" or entry == "none"
    for entry in scenario_checks.suiting("estimators", problem):
        assert re.search(rf"\b{entry}\b", text)
        made = starters.starter(name, starters.Answers(problem, (41,), usual.errors, ("none",), (entry,)))
        assert scenario.parse(made).estimators[0].name == entry
    for entry in scenario_checks.suiting("distributions", problem):
        made = starters.starter(name, starters.Answers(problem, (41,), (entry,), ("none",), usual.losses[:1]))
        assert scenario.parse(made).errors[0].name == entry


@pytest.mark.parametrize("problem", PROBLEMS)
def test_its_comments_can_be_used(problem):
    """Every line that is code after a # is still a study without it."""
    text = starters.starter("one", starters.usual(problem))
    lines, tried = text.partition("# Instead")[0].split("\n"), 0
    for place, line in enumerate(lines):
        found = re.match(r"# ([a-z_]+ = .*)", line)
        if not found or '"..."' in line:
            continue
        if line.startswith("# intercept"):  # one coefficient less
            continue
        made = "\n".join([*lines[:place], found[1], *lines[place + 1 :]])
        scenario.parse(made)
        tried += 1
    assert tried >= 1 or problem in ("sensitivity", "direction")
    if "[precision]" in text:
        head, _, tail = text.partition("# [precision]")
        study = scenario.parse(head + "[precision]" + tail.replace("\n# ", "\n"))
        assert study.precision.relative_mcse == 0.01


def test_what_is_asked_for_is_there(folder):
    wanted = ["--problem", "location", "--n", "10,30", "--errors", "normal, skewed_t(df=3, skew=2)"]
    wanted += ["--contamination", "none,shift(fraction=[0.05, 0.1], size=5)", "--losses", "l1, huber(k=1.5)"]
    done = init("mine", *wanted, "--replications", "2_000")
    assert done.exit_code == 0, done.stderr
    study = sc.load("mine.toml")
    assert study.n == (10, 30) and study.replications == 2000
    assert [str(choice) for choice in study.errors] == ["normal", "skewed_t(df=3, skew=2)"]
    assert [str(choice) for choice in study.contamination][1:] == [
        "shift(fraction=0.05, size=5)",
        "shift(fraction=0.1, size=5)",
    ]
    assert [choice.label for choice in study.estimators] == ["l1", "huber(k=1.5)"]
    assert done.stderr.splitlines()[-2:] == ["  simcore plan mine.toml", "  simcore run mine.toml"]


def test_on_a_terminal_it_asks_and_has_defaults(folder, terminal):
    done = init(input="\nlinear\n30\n\n\nl2, mm\n500\n")
    assert done.exit_code == 0, done.stderr
    study = sc.load("my_study.toml")
    assert (study.problem, study.n, study.replications) == ("linear", (30,), 500)
    assert [choice.label for choice in study.estimators] == ["l2", "mm(c=4.685)"]
    assert done.stderr.count("?") >= 6 and "student_t" in done.stderr and done.stdout.endswith("my_study.toml\n")


def test_a_wrong_answer_is_asked_again(folder, terminal):
    given = ["No Name", "mine", "locatoin", "location", "ten", "10", "norml", "normal", "flip", "none", "l2", "0", "50"]
    done = init(input="\n".join([*given, ""]))
    assert done.exit_code == 0, done.stderr
    for told in ("is no name for a study", "'locatoin'", "got 'ten'", "did you mean 'normal'", "flip", "out of range"):
        assert told in done.stderr, told
    study = sc.load("mine.toml")
    assert (study.n, study.replications, len(study.errors), len(study.estimators)) == ((10,), 50, 1, 1)


def test_without_a_terminal_it_says_what_is_missing(folder):
    done = init("mine", "--problem", "location", "--n", "10")
    assert done.exit_code == 2 and "--errors --contamination --losses --replications too, or --yes" in done.stderr
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--errors", "t3"], "'t3' is unknown, write student_t(df=3);"),
        (["--losses", "mm", "--problem", "location"], 'estimators[0].estimator: is not for location (got "mm")'),
        (["--n", "ten"], "must be whole numbers (got 'ten')"),
    ],
)
@pytest.mark.parametrize("at_a_terminal", [False, True])
def test_a_wrong_answer_is_refused_before_anything_is_asked(folder, monkeypatch, arguments, told, at_a_terminal):
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: at_a_terminal, raising=False)
    done = init("mine", *arguments)
    assert done.exit_code == 2 and told in done.stderr and "data set?" not in done.stderr, done.stderr
    assert "What do you estimate?" not in done.stderr and not list(folder.iterdir())


def test_what_suits_another_problem_alone_is_no_reason_not_to_ask(folder, terminal):
    done = init("mine", "--losses", "l2, mm", input="linear\n30\n\n\n500\n")
    assert done.exit_code == 0, done.stderr
    assert [choice.label for choice in sc.load("mine.toml").estimators] == ["l2", "mm(c=4.685)"]


@pytest.mark.parametrize(
    ("arguments", "known", "others"),
    [
        (["--losses", "my_loss"], "hodges_lehmann", "frechet_mean"),
        (["--errors", "laplce"], "'laplace'", "von_mises_fisher"),
        (["--problem", "direction", "--losses", "my_loss"], "geodesic_median", "hodges_lehmann"),
    ],
)
def test_names_that_are_told_fit_the_problem_and_plugins_are_thought_of(folder, arguments, known, others):
    done = init("mine", *arguments, "--yes")
    assert done.exit_code == 2 and known in done.stderr and others not in done.stderr
    assert done.stderr.endswith("\none of your own? name its file in the command: --plugin FILE.py\n")


def test_a_file_is_never_written_over_and_nothing_asked_first(folder, terminal):
    (folder / "mine.toml").write_text("before")
    for name in ("mine", "mine.toml"):
        done = init(name)
        assert done.exit_code == 2 and "is there already" in done.stderr and "another NAME" in done.stderr
    assert (folder / "mine.toml").read_text() == "before" and len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Mine Own"], "is no name for a study"),
        (["no/such/mine"], "there is no folder no/such"),
        (["mine", "--problem", "locatoin"], "'locatoin'"),
        (["mine", "--errors", "norml"], "did you mean 'normal'?"),
        (["mine", "--errors", "student_t(d=3)"], "is not a key of student_t"),
        (["mine", "--errors", "student_t(3)"], "'student_t(3)' has a value without a name, write student_t(df=3)"),
        (["mine", "--errors", "normal, t3"], "'t3' is unknown, write student_t(df=3);"),
        (["mine", "--errors", "t(1.5)"], "'t(1.5)' is unknown, write student_t(df=1.5);"),
        (["mine", "--errors", "Gaussian"], "'Gaussian' is unknown, write normal;"),
        (["mine", "--losses", "Huber(2)"], "'Huber(2)' is unknown, write huber(k=2);"),
        (["mine", "--losses", "hubr"], "did you mean 'huber'?"),
        (["mine", "--losses", "l2, huber(k=1.5"], "a bracket is open (got 'l2, huber(k=1.5'), close it"),
        (["mine", "--losses", "huber(k=-1)"], "is out of range"),
        (["mine", "--problem", "direction", "--losses", "l2"], "is unknown"),
        (["mine", "--n", "ten"], "must be whole numbers (got 'ten')"),
        (["mine", "--n", "0"], "out of range"),
        (["mine", "--replications", "many"], "--replications 10000"),
        (["mine", "--losses", 'l2"\n[x]'], "is unknown"),
    ],
)
def test_what_is_no_study_is_refused_and_nothing_written(folder, arguments, told):
    done = init(*arguments, "--yes")
    assert done.exit_code == 2 and told in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert not list(folder.iterdir())


@pytest.mark.parametrize("word", templates.KINDS)
def test_a_plugin_to_start_from_and_the_commands_after_it(folder, word, no_plugins):
    """They stand in CONTRIBUTING.md, too, where they are run."""
    named = ["init", "mine.py", "--own", word] if word != "loss" else ["init", "mine.py"]
    done = init(*named[1:])
    assert done.exit_code == 0 and done.stdout == "mine.py\n", done.stderr
    lines = [line.strip() for line in done.stderr.splitlines()]
    assert lines[1:] == [
        "simcore check mine.py",
        "simcore init mine --yes --plugin mine.py",
        "simcore run mine.toml --plugin mine.py",
        "simcore report results/mine --plugin mine.py",
    ]
    done = init("mine", "--yes", "--plugin", "mine.py")
    assert done.exit_code == 0, done.stderr
    study, usual = sc.load("mine.toml"), starters.usual("location")
    names = [choice.name for choice in (study.errors if word == "distribution" else study.estimators)]
    assert names[-1] == "mine" and usual.losses[:4] == ("l2", "l1", "huber", "tukey")
    assert "`simcore run mine.toml --plugin mine.py`" in " ".join((folder / "mine.toml").read_text().split("\n# "))


def test_names_of_plugins_to_start_from(folder):
    assert init("--own", "estimator").stdout == "my_estimator.py\n"
    assert init("mine", "--own", "loss").stdout == "mine.py\n"
    for arguments, told in {
        ("huber.py",): "huber.py: losses already has 'huber'",
        ("mine.py",): "is there already",
        ("My-Loss.py",): "is no name for a plugin",
        ("no/such.py",): "there is no folder no",
        ("new.py", "--n", "10", "--problem", "linear"): "--problem --n: is for a scenario",
        ("new.py", "--own", "measure"): "'measure' is not one of",
    }.items():
        done = init(*arguments)
        assert done.exit_code == 2 and told in done.stderr, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["mine.py", "my_estimator.py"]


def test_what_users_have_brought_stands_beside_ours_where_it_makes_a_study(folder, no_plugins):
    """A loss in every problem that takes it, an estimator in its own; skewed errors without a density in none."""
    sc.use(MINE)
    for problem in ("location", "linear", "sensitivity"):
        assert "my_huber" in starters.usual(problem).losses and ("midhinge" in starters.usual(problem).losses) == (
            problem != "linear"
        )
    assert "my_uniform" in starters.usual("location").errors and "lift" in starters.usual("location").contamination
    assert starters.usual("direction").losses == ("projected_mean", "euclidean_mean", "geodesic_median")
    text = templates.template("distribution", "skewed")
    (folder / "skewed.py").write_text(text.replace("log_density=log_density", "symmetric=lambda a: False"))
    sc.use("skewed.py")
    assert "skewed" not in starters.usual("location").errors
    done = init("mine", "--yes", "--plugin", "skewed.py")
    assert done.exit_code == 0 and re.search("skewed is left out: .*the density of skewed", done.stderr), done.stderr
    assert "skewed" not in init("other", "--yes", "--plugin", "skewed.py", "--errors", "normal").stderr.split("\n")[0]


def test_lists_are_split_outside_brackets_alone():
    assert starters.split("normal, student_t(df=3) ,g_and_h(g=0, h=0.1)") == (
        "normal",
        "student_t(df=3)",
        "g_and_h(g=0, h=0.1)",
    )
    text = starters.starter("one", starters.usual("location"))
    assert tomllib.loads(text)["factors"]["contamination"][1] == {"kind": "shift", "fraction": 0.1, "size": 10}
