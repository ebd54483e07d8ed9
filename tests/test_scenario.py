"""Scenario files: what a good one means; that every mistake is told with its place; and that no file does harm."""

import os
import pickle
import re
import signal
import subprocess
import sys
import time
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore import toml_text
from simcore.checks import MOST_SHOWN
from simcore.choices import Choice, EstimatorChoice
from simcore.errors import ScenarioError
from simcore.scenario import Study, estimator, load, parse

HEAD = 'name = "heavy_tails"\nproblem = "location"\n'
FACTORS = '[factors]\nn = [10, 20]\nerrors = [{ distribution = "normal" }]\n'
L2 = '[[estimators]]\nloss = "l2"\n'
N = "n = [10, 20]"
SMALL = HEAD + FACTORS + L2  # lines 1-2, 3-5 and 6-7

EXAMPLE = """\
name = "heavy_tails"            # [a-z0-9_-]{1,64}; names the run directory
title = "Location under heavy tails"
problem = "location"
seed = 7                        # 0 .. 2^63-1
replications = 100_000          # per cell

[factors]                       # crossed; a list inside an entry is crossed too
n = [100, 10]
errors = [
  { distribution = "normal" },
  { distribution = "student_t", df = [3, 2.5] },
  { distribution = "cauchy", loc = 2, scale = 3.0 },
]
contamination = [ { kind = "none" }, { kind = "shift", size = 10, fraction = [0.05, 1e-9] } ]   # optional

[[estimators]]
loss = "l2"                     # the mean
[[estimators]]
loss = "huber"
[[estimators]]
loss = "huber"
k = [1, 1.345]
scale = 1
[[estimators]]
estimator = "trimmed_mean"
proportion = 0.1
label = "10% off"
"""


def problems(text):
    with pytest.raises(ScenarioError) as caught:
        parse(text, "s.toml")
    return caught.value.problems


def labels(choices):
    return [choice.label for choice in choices]


def estimators(*lines):
    """The estimators of a scenario that has this entry alone."""
    return parse(HEAD + FACTORS + "\n".join(["[[estimators]]", *lines])).estimators


# What a good scenario means


def test_the_example_says_what_it_says():
    study = parse(EXAMPLE)
    assert (study.name, study.title, study.problem) == ("heavy_tails", "Location under heavy tails", "location")
    assert (study.seed, study.replications, study.keep, study.n) == (7, 100_000, None, (100, 10))
    assert study.text == EXAMPLE
    assert labels(study.errors) == ["normal", "student_t(df=3)", "student_t(df=2.5)", "cauchy(loc=2, scale=3)"]
    shifts = ["shift(fraction=0.05, size=10)", "shift(fraction=1e-09, size=10)"]
    assert labels(study.contamination) == ["none", *shifts]
    hubers = ["huber(k=1.345)", "huber(k=1, scale=1)", "huber(k=1.345, scale=1)"]
    assert labels(study.estimators) == ["l2", *hubers, "10% off"]
    assert study.errors[1] == Choice("distributions", "student_t", (("df", 3.0),))
    assert study.contamination[1].values == {"fraction": 0.05, "size": 10.0}
    assert list(study.contamination[1].values) == ["fraction", "size"], "in the order of the plugin, not of the file"
    assert study.estimators[0] == EstimatorChoice("l2", "l2", (), None, "l2")
    assert study.estimators[1] == EstimatorChoice("huber", "huber", (("k", 1.345),), "mad", "huber(k=1.345)")
    assert study.estimators[4] == EstimatorChoice("trimmed_mean", None, (("proportion", 0.1),), None, "10% off")


def test_defaults():
    study = parse(SMALL)
    assert (study.title, study.seed, study.replications, study.keep) == ("", 20261122, 10_000, None)
    assert study.contamination == (Choice("contamination", "none"),)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['loss = "huber"', 'scale = "mad"'], ["huber(k=1.345)"]),
        (['loss = "huber"', 'scale = ["mad", 2]'], ["huber(k=1.345)", "huber(k=1.345, scale=2)"]),
        (['loss = "huber"', 'label = "H"'], ["H"]),
        (['loss = "huber"', 'label = "H"', "k = [1.5]"], ["H"]),
        (['loss = "huber"', 'label = "H"', "k = [1, 1.5]"], ["H (k=1)", "H (k=1.5)"]),
        (['estimator = "hodges_lehmann"'], ["hodges_lehmann"]),
        (['estimator = "trimmed_mean"', "proportion = -0.0"], ["trimmed_mean(proportion=0)"]),
    ],
)
def test_labels_of_estimators(lines, expected):
    assert labels(estimators(*lines)) == expected


def test_load_names_the_file(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(SMALL, encoding="utf-8-sig", newline="\r\n")
    assert load(path) == parse(SMALL)
    path.write_text("seed = -1\n" + SMALL)
    with pytest.raises(ScenarioError, match=re.escape(f"{path}:1: seed: ")):
        load(str(path))


def test_a_study_built_in_python_is_the_same_as_its_text():
    study = Study(**tomllib.loads(EXAMPLE))
    assert study == parse(EXAMPLE) == parse(study.text)
    assert parse(study.text).text == study.text
    assert hash(study) == hash(parse(EXAMPLE))
    assert pickle.loads(pickle.dumps(study)) == study


def test_python_values_that_mean_the_same():
    study = Study(
        name="heavy_tails",
        title='"Ünïcode" \\ 🎲',
        problem="location",
        keep=None,
        factors={"n": range(10, 30, 10), "errors": ({"distribution": "student_t", "df": np.array([3.0, 5.0])},)},
        estimators=[{"loss": "huber", "k": np.float64(2)}],
        seed=np.int64(3),
    )
    assert study.n == (10, 20)
    assert labels(study.errors) == ["student_t(df=3)", "student_t(df=5)"]
    assert parse(study.text) == study


def test_mistakes_in_python_have_no_line():
    with pytest.raises(ScenarioError) as caught:
        Study(name="x", problem="location", factors={"n": [0], "errors": [{}]}, self=1)
    keys = [problem.split(":")[0] for problem in caught.value.problems]
    assert keys == ["self", "estimators", "factors.n[0]", "factors.errors[0]"]


def test_an_estimator_without_a_study():
    assert estimator({"loss": "huber", "k": np.float32(2)}, "location") == estimators('loss = "huber"', "k = 2")[0]
    for entry, said in [
        ({"loss": "huber", "k": 0}, "k: is out of range (got 0)"),
        ({"loss": "huber", "k": [1, 2]}, "are several estimators"),
        ({"loss": "huber", "k": []}, "k: is an empty list"),
        ({"k": 3}, "is not a table with one loss or one estimator (got { k = 3 })"),
        ({"estimator": "trimmed_mean"}, "proportion: is missing"),
    ]:
        with pytest.raises(ScenarioError) as caught:
            estimator(entry, "location")
        (problem,) = caught.value.problems
        assert problem.startswith(said)


def test_with_changes():
    study = parse(EXAMPLE)
    changed = study.with_changes(replications=5)
    assert (changed.replications, changed.seed, changed.text) == (5, 7, EXAMPLE)
    assert changed.with_changes(seed=8).replications == 5
    assert changed.with_changes(replications=100_000) == study
    with pytest.raises(ScenarioError, match=r"^replications: is out of range \(got 0\)"):
        study.with_changes(replications=0)
    with pytest.raises(AttributeError):
        study.seed = 8


# The digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "heavy_tails"', 'name = "other"'),
        ("title", "# title"),
        ("100_000", '7\nkeep = "estimates"'),
        ("[100, 10]", "[10, 100]"),
        ("df = [3, 2.5]", "df = [2.5, 3.0]"),
        ('loss = "l2"', 'loss = "l2"\nlabel = "mean"'),
        ('loss = "huber"\n[[', 'loss = "huber"\nscale = "mad"\nk = 1.345\n[['),
        ('[[estimators]]\nloss = "l2" ', '[[estimators]]\nestimator = "trimmed_mean"\nproportion = 0.1 '),
    ],
)
def test_what_does_not_decide_numbers_leaves_the_digest(old, new):
    text = EXAMPLE.replace(old, new, 1)
    if "trimmed_mean" in new:  # the two entries change places
        text = text[: text.rindex("estimator =")] + 'loss = "l2"\n'
    assert text != EXAMPLE
    assert parse(text).digest() == parse(EXAMPLE).digest()


def test_what_is_read_from_the_sums_is_no_part_of_the_content():
    """Measures, reference and precision may change later; whether scores are drawn may not, nor who is paired."""
    later = 'reference = "l2"\nmeasures = [{ measure = "quantile", p = 0.3 }]\n'
    rule = '[precision]\nmeasure = "mse"\nrelative_mcse = 0.1\n'
    assert parse(later + SMALL + rule).digest() == parse(SMALL).digest()
    assert parse('variance_reduction = "none"\n' + SMALL).digest() != parse(SMALL).digest()
    for count, same in ((15, True), (16, False)):
        many = SMALL + f'[[estimators]]\nloss = "huber"\nk = {list(range(1, count + 1))}\n'
        assert (parse('reference = "huber(k=3)"\n' + many).digest() == parse(many).digest()) == same


def test_precision_and_replications():
    """The least number of replications is `min_replications`, else `replications`; --replications overrides both."""
    rule = '[precision]\nmeasure = "mse"\nrelative_mcse = 0.1\n'
    study = parse("replications = 500\n" + SMALL + rule)
    assert (study.replications, study.precision.max_replications) == (500, 10_000_000)
    study = parse("replications = 500\n" + SMALL + rule + "min_replications = 600\nmax_replications = 700\n")
    assert (study.replications, study.precision.max_replications) == (600, 700)
    more = study.with_changes(replications=800)
    assert (more.replications, more.precision.max_replications, more.precision.measure) == (800, 800, "mse")


def test_measures_stand_at_their_defaults_but_where_the_scenario_says_otherwise():
    labels = [choice.label for choice in parse(SMALL).measures]
    assert {"quantile(p=0.05)", "quantile(p=0.95)", "tail_probability(c=1)", "bias", "efficiency"} <= set(labels)
    given = [c.label for c in parse('measures = [{ measure = "quantile", p = [0.5, 0.1] }]\n' + SMALL).measures]
    assert [label for label in given if label.startswith("quantile")] == ["quantile(p=0.5)", "quantile(p=0.1)"]
    assert "tail_probability(c=1)" in given


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed = 7", "seed = 8"),
        ("[100, 10]", "[100, 11]"),
        ("2.5", "2.6"),
        ("loc = 2", "loc = 1"),
        ("scale = 3.0", "scale = 2"),
        ("1e-9", "1e-8"),
        ("size = 10", "size = 11"),
        ("scale = 1", "scale = 2"),
        ("proportion = 0.1", "proportion = 0.2"),
        ('"l2"', '"l1"'),
        ('"trimmed_mean"', '"winsorized_mean"'),
    ],
)
def test_what_decides_numbers_changes_the_digest(old, new):
    assert parse(EXAMPLE.replace(old, new, 1)).digest() != parse(EXAMPLE).digest()


def test_the_digest_is_that_of_the_published_content():
    assert parse(SMALL).content() == {
        "problem": "location",
        "seed": 20261122,
        "n": [10, 20],
        "errors": [{"name": "normal", "parameters": {}, "loc": 0.0, "scale": 1.0}],
        "contamination": [{"name": "none", "parameters": {}, "loc": 0.0, "scale": 1.0}],
        "estimators": [{"name": "l2", "loss": "l2", "parameters": {}, "scale": None}],
        "variance_reduction": "score",
    }
    # A change of this number makes every stored result foreign.
    assert parse(SMALL).digest() == "99604801de90964ba109b9f021ffca4c3a75848941d81a402a4dc089597fcd6d"


# Mistakes

BAD = [  # what stands in SMALL, what is written there instead, and the report: line, key, parts of the message
    ('name = "heavy_tails"', 'name = "Heavy tails"', 1, "name", ['(got "Heavy tails")', "a-z"]),
    ('name = "heavy_tails"', 'name = ""', 1, "name", ['(got "")']),
    ('name = "heavy_tails"', f'name = "{"a" * 65}"', 1, "name", ["aaa..."]),
    ('name = "heavy_tails"', 'name = "a\\n"', 1, "name", ['(got "a\\n")']),
    ('name = "heavy_tails"', "name = 3", 1, "name", ["(got 3)"]),
    ('name = "heavy_tails"', "", 1, "name", ["is missing"]),
    ('name = "heavy_tails"', 'nmae = "x"\nname = "x"', 1, "nmae", ["is not a key", "did you mean 'name'?", "problem"]),
    ('"location"', '"locaton"', 2, "problem", ["is unknown", '(got "locaton")', "did you mean 'location'?"]),
    ('"location"', "[1]", 2, "problem", ["is not a name", "(got [1])", "location"]),
    ("problem =", 'title = "a\\tb"\nproblem =', 2, "title", ["one line"]),
    ("problem =", f'title = "{"a" * 201}"\nproblem =', 2, "title", ["at most 200"]),
    ("problem =", "seed = -1\nproblem =", 2, "seed", ["out of range", "(got -1)", "from 0 to 9223372036854775807"]),
    ("problem =", "seed = 9223372036854775808\nproblem =", 2, "seed", ["out of range"]),
    ("problem =", "seed = 1.0\nproblem =", 2, "seed", ["not a whole number", "(got 1.0)"]),
    ("problem =", "seed = true\nproblem =", 2, "seed", ["not a whole number", "(got true)"]),
    ("problem =", "replications = 0\nproblem =", 2, "replications", ["from 1 to 1000000000000"]),
    ("problem =", "replications = 1_000_000_000_001\nproblem =", 2, "replications", ["out of range"]),
    ("problem =", 'replications = "10"\nproblem =', 2, "replications", ['(got "10")']),
    ("problem =", "keep = true\nproblem =", 2, "keep", ['keep = "estimates"', "(got true)"]),
    ("problem =", 'variance_reduction = "yes"\nproblem =', 2, "variance_reduction", ['"score"', '(got "yes")']),
    ("problem =", 'reference = "l1"\nproblem =', 2, "reference", ["not the label of an", '"l1"', "known: l2"]),
    ("problem =", "reference = 3\nproblem =", 2, "reference", ["not the label of an estimator", "(got 3)"]),
    ("problem =", "measures = 3\nproblem =", 2, "measures", ["is not a list", "(got 3)"]),
    ("problem =", 'measures = [{ measure = "quantil" }]\nproblem =', 2, "measures[0].measure", ["'quantile'"]),
    ("problem =", 'measures = [{ measure = "bias" }]\nproblem =', 2, "measures[0]", ["no parameter", "leave it out"]),
    ("problem =", 'measures = [{measure="quantile", p=1}]\nproblem =', 2, "measures[0].p", ["out of range", "(got 1)"]),
    ("problem =", 'measures = [{measure="quantile", q=1}]\nproblem =', 2, "measures[0].q", ["is not a key of"]),
    ("problem =", "precision = 0.01\nproblem =", 2, "precision", ["is not a table", "(got 0.01)"]),
    ("[[", "[precision]\nrelative_mcse = 0.01\n[[", 6, "precision.measure", ["is missing", 'measure = "variance"']),
    ("[[", '[precision]\nmeasure = "variance"\n[[', 6, "precision.relative_mcse", ["is missing", "0.01"]),
    ("[[", '[precision]\nmeasure = "bias"\nrelative_mcse = 0.1\n[[', 7, "precision.measure", ["unknown", "mse"]),
    ("[[", '[precision]\nmeasure = "mse"\nrelative_mcse = 0\n[[', 8, "precision.relative_mcse", ["out of range"]),
    (
        "[[",
        '[precision]\nmeasure = "mse"\nrelative_mcse = 0.1\nmin_replications = 20\nmax_replications = 10\n[[',
        10,
        "precision.max_replications",
        ["below the least", "at least the 20", "(got 10)"],
    ),
    (FACTORS, "factors = 3\n", 3, "factors", ["is not a table", "(got 3)"]),
    ("n = [10, 20]", "n = 10", 4, "factors.n", ["is not a list", "write [10]"]),
    ("n = [10, 20]", "n = []", 4, "factors.n", ["is an empty list"]),
    ("n = [10, 20]", "", 3, "factors.n", ["is missing", "n = [10, 100]"]),
    ("n = [10, 20]", "n = [10,\n20.0]", 5, "factors.n[1]", ["not a whole number", "(got 20.0)"]),
    ("n = [10, 20]", "n = [10,\n20, true]", 5, "factors.n[2]", ["not a whole number"]),
    ("n = [10, 20]", "n = [10,\n\n20, 10]", 6, "factors.n[2]", ["same as factors.n[0]", "(got 10)"]),
    ("n = [10, 20]", "n = [1_000_001]", 4, "factors.n[0]", ["from 1 to 1000000"]),
    ("n = [10, 20]", "n = [10]\nm = 3", 5, "factors.m", ["is not a key of factors", "known: contamination, errors, n"]),
    ('errors = [{ distribution = "normal" }]', "", 3, "factors.errors", ["is missing"]),
    ('[{ distribution = "normal" }]', "[]", 5, "factors.errors", ["is an empty list"]),
    ('[{ distribution = "normal" }]', "[3]", 5, "factors.errors[0]", ["not a table with one distribution", "(got 3)"]),
    ('[{ distribution = "normal" }]', "[{}]", 5, "factors.errors[0]", ["not a table with one distribution"]),
    ('[{ distribution = "normal" }]', '{ distribution = "normal" }', 5, "factors.errors", ["[[factors.errors]]"]),
    ('"normal"', '"gauss"', 5, "factors.errors[0].distribution", ["is unknown", "known: ", "cauchy", "student_t"]),
    ('"normal"', '"t3"', 5, "factors.errors[0].distribution", ['write distribution = "student_t", df = 3']),
    ('"normal"', '"t(3, sd=2)"', 5, "factors.errors[0].distribution", ['"student_t", df = 3, scale = 2']),
    ('"normal"', '"t(=3)"', 5, "factors.errors[0].distribution", ["did you mean 'student_t'"]),
    ('"normal"', '"t(df=1e999)"', 5, "factors.errors[0].distribution", ["did you mean 'student_t'"]),
    ('"normal"', '"t(-3)"', 5, "factors.errors[0].distribution", ["did you mean 'student_t'"]),
    ('"l2"', '"huber(k=)"', 7, "estimators[0].loss", ["did you mean 'huber'"]),
    ('"l2"', '"huber(,,)"', 7, "estimators[0].loss", ["did you mean 'huber'"]),
    ('"l2"', '"huber(q=3, scale=mad)"', 7, "estimators[0].loss", ['write loss = "huber", scale = "mad"']),
    ('"normal"', '"student-t"', 5, "factors.errors[0].distribution", ["did you mean 'student_t'?"]),
    ('"normal"', '"student_t"', 5, "factors.errors[0].df", ["is missing", "a number > 0"]),
    ('"normal"', '"student_t", df = "3"', 5, "factors.errors[0].df", ["not a finite number", '(got "3")']),
    ('"normal"', '"student_t", df = true', 5, "factors.errors[0].df", ["not a finite number", "(got true)"]),
    ('"normal"', '"student_t", df = nan', 5, "factors.errors[0].df", ["not a finite number", "(got nan)"]),
    ('"normal"', '"student_t", df = [3, inf]', 5, "factors.errors[0].df[1]", ["not a finite number", "(got inf)"]),
    ('"normal"', '"student_t", df = 0', 5, "factors.errors[0].df", ["out of range", "(got 0)", "a number > 0"]),
    ('"normal"', '"student_t", df = []', 5, "factors.errors[0].df", ["is an empty list"]),
    ('"normal"', '"student_t", df = [3, 3.0]', 5, "factors.errors[0].df[1]", ["same as factors.errors[0].df[0]"]),
    ('"normal"', '"student_t", df = [[3]]', 5, "factors.errors[0].df[0]", ["not a finite number", "(got [3])"]),
    ('"normal"', '"student_t", df = 1979-05-27', 5, "factors.errors[0].df", ["(got 1979-05-27)"]),
    ('"normal"', '"normal", df = 3', 5, "factors.errors[0].df", ["is not a key of normal", "known: distribution, loc"]),
    ('"normal"', '"normal", scale = 0.0', 5, "factors.errors[0].scale", ["a number >= 1e-50"]),
    ('"normal"', '"normal", scale = "mad"', 5, "factors.errors[0].scale", ["not a finite number"]),
    ('"normal"', '"normal", label = "x"', 5, "factors.errors[0].label", ["is not a key of normal"]),
    ('"normal" }', '"normal" },\n{ distribution = "normal", loc = 0 }', 6, "factors.errors[1]", ["factors.errors[0]"]),
    ("[[", "contamination = []\n[[", 6, "factors.contamination", ["is an empty list"]),
    ("[[", '[[factors.contamination]]\nkind = "none"\nloc = 1\n[[', 8, "factors.contamination[0].loc", ["key of none"]),
    ("[[", '[[factors.contamination]]\nkind="point"\nat=1\n[[', 6, "factors.contamination[0].fraction", ["missing"]),
    (
        "[[",
        'contamination = [{ kind = "scale", ratio = 3,\n"fraction" = 1.5 }]\n[[',
        6,
        "is not TOML",
        ["(got 'contamination ="],
    ),
    (
        "errors",
        'contamination = [{ kind = "none" },\n{ kind = "scale", ratio = 3, "fraction" = 1.5 }]\nerrors',
        6,
        "factors.contamination[1].fraction",
        ["(got 1.5)", "a number >= 0 and <= 1"],
    ),
    (L2, "", 1, "estimators", ["is missing", "[[estimators]]"]),
    (L2, '[estimators]\nloss = "l2"', 6, "estimators", ["is not a list", "write [[estimators]]"]),
    ('loss = "l2"', "", 6, "estimators[0]", ["not a table with one loss or one estimator"]),
    ('loss = "l2"', 'loss = "l2"\nestimator = "hodges_lehmann"', 6, "estimators[0]", ["one loss or one estimator"]),
    ('"l2"', '"hubr"', 7, "estimators[0].loss", ["is unknown", '(got "hubr")', "did you mean 'huber'?", "l1, l2"]),
    ('"l2"', '"hodges_lehmann"', 7, "estimators[0].loss", ['is an estimator: write estimator = "hodges_lehmann"']),
    ('loss = "l2"', 'estimator = "l2"', 7, "estimators[0].estimator", ['l2 is a loss: write loss = "l2"']),
    ('"l2"', '"l2"\nscale = "mad"', 8, "estimators[0].scale", ["is not a key of l2"]),
    ('"l2"', '"huber"\nscale = "sd"', 8, "estimators[0].scale", ['(got "sd")', '<= 1e+50 or "mad"']),
    ('"l2"', '"huber"\nscale = 0', 8, "estimators[0].scale", ["(got 0)"]),
    ('"l2"', '"huber"\n\nk = [1.0,\n-1]', 10, "estimators[0].k[1]", ["(got -1)", "a number > 0"]),
    ('"l2"', '"huber"\nreference = true', 8, "estimators[0].reference", ["known: k, label, loss, scale"]),
    ('"l2"', f'"huber"\nlabel = "{"x" * 65}"', 8, "estimators[0].label", ["1 to 64"]),
    ('"l2"', '"huber"\nlabel = ""', 8, "estimators[0].label", ["1 to 64"]),
    ('"l2"', '"l2"\n[[estimators]]\nloss = "l2"\nlabel = "x"', 8, "estimators[1]", ["same as estimators[0]"]),
    ('"l2"', '"l2"\n[[estimators]]\nloss = "l1"\nlabel = "l2"', 8, "estimators[1]", ["has the label of estimators[0]"]),
    # names that people know by others
    ('"l2"', '"mean"', 7, "estimators[0].loss", ["is unknown", "did you mean 'l2' (squared error"]),
    ('"l2"', '"median"', 7, "estimators[0].loss", ["did you mean 'l1' ("]),
    ('"l2"', '"bisquare"', 7, "estimators[0].loss", ["did you mean 'tukey' ("]),
    ('"l2"', '"mse"', 7, "estimators[0].loss", ["did you mean 'l2' ("]),
    ('"l2"', '"squared"', 7, "estimators[0].loss", ["did you mean 'l2' ("]),
    ('"l2"', '"Absolute"', 7, "estimators[0].loss", ["did you mean 'l1' ("]),
    ('"l2"', '"Huber"', 7, "estimators[0].loss", ["did you mean 'huber'?"]),
    ('loss = "l2"', 'estimator = "Mean"', 7, "estimators[0].estimator", ['l2 is a loss: write loss = "l2"']),
    ('"normal"', '"t"', 5, "factors.errors[0].distribution", ["did you mean 'student_t' ("]),
    ('"normal"', '"gaussian"', 5, "factors.errors[0].distribution", ["did you mean 'normal' ("]),
    ('"normal"', '"exponential"', 5, "factors.errors[0].distribution", ["did you mean 'laplace' ("]),
    ('"normal"', '"normal", sd = 2', 5, "factors.errors[0].sd", ["did you mean 'scale' (their scale)?"]),
    ('"normal"', '"normal", sigma = 2', 5, "factors.errors[0].sigma", ["did you mean 'scale'"]),
    ('"location"', '"regression"', 2, "problem", ["did you mean 'linear' ("]),
    ('"l2"', '"huber"', 1, "reference", ["did you mean 'huber(k=1.345)'?"]),
    # only what is of use in the problem
    (
        '"normal"',
        '"normla"',
        5,
        "factors.errors[0].distribution",
        ["'normal'?", "uniform", "not: prior", "not: fisher"],
    ),
    (
        '"l2"',
        '"l2"\n[[estimators]]\nestimator = "mmm"',
        9,
        "estimators[1].estimator",
        ["catoni", "not: mm,", "not: lts"],
    ),
    (
        N,
        f'{N}\ncontamination = [{{ kind = "leverage" }}]',
        5,
        "factors.contamination[0].kind",
        ["for linear", "not: dist"],
    ),
    ("problem =", "beta = [1.0, 2.0]\nproblem =", 2, "beta", ["is not for location", "it is of the problem linear"]),
    (N, f'design = [{{ design = "ar" }}]\n{N}', 4, "factors.design", ["it is of the problem linear"]),
    # text that is not TOML
    ("problem =", 'name = "x"\nproblem =', 2, "name", ["is given twice", "line 1"]),
    (L2, f"{L2}loss = 'l1'\n", 8, "estimators[0].loss", ["is given twice", "line 7"]),
    (L2, f"{L2}[factors]\n", 8, "factors", ["is given twice"]),
    (L2, '[estimators]\nloss = "l2"\n[estimators]\n', 8, "estimators", ["is given twice", "[[...]] over each table"]),
    ('"l2"', "l2", 7, "is not TOML", ["Invalid value", "(got 'loss = l2')", '"quotes"']),
    ("[10, 20]", "[10, 20", 5, "is not TOML", ["Unclosed array"]),
    ('"l2"\n', '"l2', 7, "is not TOML", ["Unterminated string"]),
    ("[10, 20]", "[10 20\n", 4, "is not TOML", ["Unclosed array"]),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "parts"), BAD)
def test_a_mistake_is_told_once_with_its_place(old, new, line, key, parts):
    assert old in SMALL
    text = SMALL.replace(old, new, 1)
    (problem,) = problems(f'reference = "huber"\n{text}' if (line, key) == (1, "reference") else text)
    assert problem.startswith(f"s.toml:{line}: {key}: ")
    for part in parts:
        absent = part.startswith("not: ")
        assert (part.removeprefix("not: ") in problem) != absent, part


def test_all_mistakes_are_told_in_one_pass_by_line():
    text = SMALL.replace("[10, 20]", "[0]").replace("normal", "nomal").replace('"l2"', '"l3"')
    found = problems("keep = 1\nhue = 2\n" + text.replace("location", "place"))
    keys = [problem.split(":")[1:3] for problem in found]
    expected = [(1, "keep"), (2, "hue"), (4, "problem"), (6, "factors.n[0]")]
    expected += [(7, "factors.errors[0].distribution"), (9, "estimators[0].loss")]
    assert keys == [[str(line), f" {key}"] for line, key in expected]


def test_a_report_fits_a_screen():
    text = SMALL.replace("[10, 20]", str(list(range(-1000, 0)))).replace('"l2"', f'"{"l" * 5000}"')
    found = problems("".join(f'"{"k" * 999}{i}" = "{"v" * 999}"\n' for i in range(100)) + text)
    assert sum(-(-len(line) // 120) for line in found) <= 24
    assert found[-1] == f"... and {1000 + 1 + 100 - (len(found) - 1)} more"
    found = problems(SMALL.replace("[10, 20]", str(list(range(-1000, 0)))))
    assert len(found) == MOST_SHOWN + 1
    assert found[-1] == f"... and {1000 - MOST_SHOWN} more"
    assert max(map(len, problems(SMALL.replace('"l2"', f'"{"l" * 5000}"')))) < 300


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "got"),
    [
        ('"normal"', '"student_t", df = {0}, loc = {0}', 3, "factors", "2 n x 64000000 errors x 1 contamination"),
        ('"l2"', '"huber"\nk = {0}\nscale = {0}', 6, "estimators", "64000000"),
    ],
)
def test_a_cross_product_too_big_is_refused_before_it_is_made(old, new, line, key, got):
    (problem,) = problems(SMALL.replace(old, new.format(list(range(1, 8001)))))
    assert problem.startswith(f"s.toml:{line}: {key}: ")
    assert got in problem


def test_the_limits_themselves_are_allowed():
    cells = SMALL.replace("[10, 20]", str(list(range(1, 5001))))
    cells = cells.replace('"normal"', f'"student_t", df = {list(range(1, 21))}')
    assert len(parse(cells).errors) == 20
    assert "cross to too many cells" in problems(cells.replace("5000]", "5000, 5001]"))[0]
    many = SMALL.replace('"l2"', f'"huber"\nk = {list(range(1, 1001))}')
    assert len(parse(many).estimators) == 1000
    assert "are too many" in problems(many.replace("1000]", "1000, 1001]"))[0]


def test_measures_and_points_have_a_limit_too():
    shares = [k / 1002 for k in range(1, 1002)]
    some, one_more = (SMALL + f'[[measures]]\nmeasure = "quantile"\np = {own}\n' for own in (shares[:-1], shares))
    assert sum(choice.name == "quantile" for choice in parse(some).measures) == 1000
    (said,) = problems(one_more)
    assert said.startswith("s.toml:8: measures: are too many (got 1001), at most 1000")
    line = SMALL.replace('"location"', '"linear"\nbeta = [1.0, 2.0]\npredict = POINTS')
    line = line.replace("errors = ", 'design = [{ design = "gaussian" }]\nerrors = ')
    points = [[float(k)] for k in range(1001)]
    assert len(parse(line.replace("POINTS", str(points[:-1]))).model.points) == 1000
    (said,) = problems(line.replace("POINTS", str(points)))
    assert said.startswith("s.toml:4: predict: is too long (got 1001), at most 1000 points")


# The line of every key

# Each @ becomes the number of its line, and each Q three single quotes.
TRICKY = r"""
a = @
b.c = @ # = 4 [
"d e" . 'f.g' = @
s = DDD [ " "" \DDD ]
= DDD"" # five quotes
t = DDDDDD
u = Q it's
Q
[x]
y = [@, @,
# ] 12
  [@, @], { z = @, w . v = @ }, [
], [[], [@]],
  "]", @, '#', @
  ]
[x.q]
r = @
[[p]]
m = @
[[p]]
m = @
[p.n]
k = { }
l = @
[[p.o]]
m = @
[[p.o]]
m = [
  @,

  @]
"""
TRICKY = TRICKY.replace("DDD", '"' * 3).replace("Q", "'" * 3)
TRICKY = "\n".join(line.replace("@", str(number)) for number, line in enumerate(TRICKY.split("\n"), start=1))


def leaves(value, path=()):
    """(path, value) of each whole number."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for i, item in enumerate(value) for leaf in leaves(item, (*path, i))]
    return [(path, value)] if isinstance(value, int) else []


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_each_number_of_the_tricky_text_is_its_line(newline):
    data, lines = toml_text.parse(TRICKY.replace("\n", newline), "t")
    found = leaves(data)
    assert len(found) == 19
    assert [lines[path] for path, _ in found] == [value for _, value in found]
    for header, key in [(("x",), "y"), (("p", 0), "m"), (("p", 1), "m"), (("p", 1, "o", 0), "m"), (("x", "q"), "r")]:
        assert lines[header] == lines[*header, key] - 1


VALUES = st.recursive(
    st.sampled_from(["1", "1.5", "'#'", '"]\\""', "'''\n'''", '"""\n\\""" """', "1979-05-27 07:32:00", "true"]),
    lambda items: st.one_of(
        st.lists(items, max_size=3).map(lambda found: "[\n" + ", # ,\n".join(found) + "]"),
        st.lists(items, max_size=3).map(lambda found: f"{{{', '.join(f'k{i} = {v}' for i, v in enumerate(found))}}}"),
    ),
    max_leaves=6,
)


def paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(["", "[t%d]", "[[ 't' . 'u%d']]", "[[v]]"]), VALUES), max_size=6))
def test_every_path_of_any_text_has_a_line(pieces):
    text = ""
    for i, (header, value) in enumerate(pieces):
        text += (header % i if "%" in header else header) + f"\nx{i} . y = {value} # [\n"
    data, lines = toml_text.parse(text, "t")
    assert set(paths(data)) == set(lines)


# Harm


@pytest.fixture
def limits():
    """No waiting, and a second of processor time on a machine three times as slow as ours."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("waits"))
    signal.alarm(20)
    start = time.process_time()
    yield
    spent = time.process_time() - start
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    assert spent < 3.0


MIB = 2**20
EVIL = {
    "dotted key": "a" + ".a" * 20_000 + " = 1",
    "dotted key with spaces": 'a . "b" .' * 9_999 + " = 1",
    "dotted header": "[a" + ".a" * 20_000 + "]",
    "dotted key in a table": "a = {b" + ".a" * 20_000 + " = 1}",
    "lists": "a = " + "[" * 100_000,
    "closed lists": "a = " + "[" * 100_000 + "]" * 100_000,
    "tables": "a = " + "{a=" * 100_000,
    "numbers": f"{SMALL[:-1]}\nk = [" + "1," * (MIB // 2 - 100) + "]",
    "bad numbers": SMALL.replace("[10, 20]", "[" + "-1," * 30_000 + "]"),
    "unknown keys": "".join(f"key{i}=1\n" for i in range(24_000)),
    "unknown plugins": "estimators=[" + "{loss='huberr'}," * 15_000 + "]",
    "headers": "".join(f"[a{i}]\n" for i in range(120_000)),
    "same headers": "[[estimators]]\n" * 70_000,
    "digits": "seed = " + "1" * (MIB - 10),
    "hexadecimal digits": "seed = 0x" + "f" * (MIB - 10),
    "fraction": "seed = 0." + "1" * (MIB - 10),
    "long name": f'name = "{"a" * (MIB - 10)}"',
    "long key": f'"{"a" * (MIB - 10)}" = 1',
    "quotes": '"' + '\\"' * (MIB // 2 - 1),
    "three quotes": '"""' + '\\"' * (MIB // 2 - 2),
    "quotes of both kinds": '"""' + ' " \\""" ' * (MIB // 8 - 1),
    "escapes": 'name = "' + "\\n" * (MIB // 2 - 10) + '"',
    "control characters": 'name = "\x00\x1b[2J"',
    "escaped control characters": r'name = "\u001b[2J"',
    "delete": "# \x7f",
    "not a character": r'name = "\ud800"',
    "empty": "",
}


@pytest.mark.parametrize("text", EVIL.values(), ids=EVIL)
def test_evil_text_is_refused_at_once(tmp_path, limits, text):
    path = tmp_path / "evil.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert len(caught.value.problems) <= MOST_SHOWN + 1
    assert all(problem.isprintable() and len(problem) < 1000 for problem in caught.value.problems)


def test_evil_text_takes_little_memory(tmp_path):
    for number, text in enumerate(EVIL.values()):
        (tmp_path / f"{number}.toml").write_text(text)
    code = """if True:
        import pathlib, resource, sys
        from simcore.errors import ScenarioError
        from simcore.scenario import load
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
        before = None
        for path in [sys.argv[1], *pathlib.Path(sys.argv[1]).iterdir()]:
            try:
                load(path)
            except ScenarioError:
                before = before or peak()
        print(peak() - before)
    """
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100 * 1024


def fifo(path):
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (fifo, "is not a regular file"),
        (os.mkdir, "is not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
        (lambda path: None, "cannot be read (No such file or directory)"),
        (lambda path: path.symlink_to(path), "cannot be read"),
        (lambda path: path.write_bytes(b"#" * (MIB + 1)), "is longer than"),
        (lambda path: path.write_bytes(b"# a\n\xff\n"), ":2: is not UTF-8 (got byte 0xff)"),
        (lambda path: path.write_bytes(SMALL.encode("utf-16")), ":1: is not UTF-8"),
    ],
)
def test_what_is_no_text_is_refused_at_once(tmp_path, limits, make, said):
    make(tmp_path / "s.toml")
    with pytest.raises(ScenarioError, match=re.escape(said)) as caught:
        load(tmp_path / "s.toml")
    assert caught.value.problems[0].startswith(str(tmp_path / "s.toml"))


def test_a_path_that_cannot_be():
    with pytest.raises(ScenarioError, match="cannot be read"):
        load("a\0b")


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(EXAMPLE)),
            st.integers(0, 12),
            st.sampled_from([*"[]{}\"'\n=.,\\-k", "", '"""', "1e999", "nan"]),
        ),
        max_size=3,
    )
)
def test_damaged_text_gives_a_study_or_a_report(cuts):
    text = EXAMPLE
    for start, length, put in cuts:
        text = text[:start] + put + text[start + length :]
    try:
        assert parse(parse(text).text) == parse(text)
    except ScenarioError as error:
        assert all(re.match(r"<text>:\d+: |\.\.\. and \d+ more", problem) for problem in error.problems)


def test_import_brings_nothing_heavy():
    code = "import sys, simcore.scenario; print({'numba', 'numpy', 'pandas', 'pyarrow'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
