"""Plugins of the user's own: taken in from files and packages, never mixed, and held to the contracts of ours."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import simcore as sc
from simcore import contracts, design, jit, own, recipes
from simcore.errors import UsageError
from simcore.own import templates
from simcore.registry import plugins
from tests.running import same_bits

FOLDER = Path(__file__).parent / "plugins"
MINE = FOLDER / "mine.py"


pytestmark = pytest.mark.usefixtures("no_plugins")


def study_of(*estimators, name="own", **changes):
    entries = {
        "name": name,
        "problem": "location",
        "replications": 1024,
        "factors": {"n": [20], "errors": [{"distribution": "student_t", "df": 3}]},
        "estimators": list(estimators),
    }
    return sc.Study(**(entries | changes))


def simcore(*words, cwd):
    words = [sys.executable, "-m", "simcore", *map(str, words)]
    return subprocess.run(words, capture_output=True, text=True, cwd=cwd)


def values_of(run, measure="mse"):
    table = run.summary()
    return table[table["measure"] == measure]["value"].tolist()


def test_a_loss_of_ones_own_is_one_of_ours(tmp_path):
    """A copy of Huber's has its bits, also in regression, and its code is as much a part of the kernel."""
    sc.use(MINE)
    losses = {"loss": "huber", "k": 1.5}, {"loss": "my_huber"}
    assert len(set(values_of(sc.run(study_of(*losses), tmp_path)))) == 1
    factors = {"n": [20], "errors": [{"distribution": "cauchy"}], "design": [{"design": "gaussian"}]}
    regression = study_of(*losses, name="lines", problem="linear", beta=[1.0, 2.0], factors=factors)
    found = values_of(sc.run(regression, tmp_path), "median_abs_error")
    assert found[:2] == found[2:] and found[0] != found[1]
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((30, 2)), rng.standard_cauchy(30)
    assert np.array_equal(sc.fit(y, X=x, **losses[0]).estimate, sc.fit(y, X=x, **losses[1]).estimate)


def test_a_function_of_one_sample_is_an_estimator(tmp_path):
    """In the order in which samples were drawn; what raises, or gives NaN, is a failed fit."""
    sc.use(str(MINE))
    entries = [{"estimator": name} for name in ("midhinge", "cut_mean", "first_if_positive")]
    study = study_of(*entries, keep="estimates")
    run = sc.run(study, tmp_path)
    table = run.summary()
    found = sc.replay(run, cell=0, replication=17)
    x = np.array(found.data["x"])
    first, second, third = (fit.estimate for fit in found.fits)
    assert first == pytest.approx(np.mean(np.quantile(x, [0.25, 0.75])), rel=1e-12)
    assert second == pytest.approx(np.sort(x)[2:-2].mean(), rel=1e-12)
    assert third == x[0] if x[0] >= 0.0 else third is None
    failed = table[table["estimator"] == "first_if_positive"]["n_failed"].iloc[0]
    assert abs(failed - 512) < 4.5 * 16
    assert sc.fit([3.0, 1.0, 2.0], estimator="first_if_positive").estimate == 3.0
    assert sc.fit([-3.0, 1.0, 2.0], estimator="first_if_positive").status == "non_finite"
    rows = table[table["measure"] == "variance"]
    reasons = dict(zip(rows["estimator"], rows["variance_reduction"], strict=True))
    assert "does not move along" in reasons["cut_mean(share=0.1)"] and "score" in reasons["midhinge"]


def test_errors_contamination_and_measures_of_ones_own(tmp_path):
    sc.use(MINE)
    factors = {
        "n": [5],
        "errors": [{"distribution": "my_uniform", "w": 2.0}],
        "contamination": [{"kind": "lift", "by": 3.0}],
    }
    run = sc.run(study_of({"loss": "l2"}, factors=factors), tmp_path)
    (bias,), (spread,) = values_of(run, "bias"), values_of(run, "range")
    assert abs(bias - 3.0) < 4.5 * np.sqrt(4 / 3 / 5 / 1024) and 2.0 < spread < 4.0
    assert run.summary()["w"].tolist()[0] == 2.0 and run.summary()["by"].tolist()[0] == 3.0


def test_errors_without_a_score_have_no_control_variate_and_say_so(tmp_path):
    sc.use(MINE)
    factors = {"n": [5], "errors": [{"distribution": "my_uniform", "w": 2.0}]}
    table = sc.run(study_of({"loss": "l2"}, factors=factors), tmp_path).summary().set_index("measure")
    assert table.loc["variance", "variance_reduction"] == "none: the score of my_uniform errors is not given"
    assert abs(table.loc["variance", "value"] - 4 / 3 / 5) < 4.5 * table.loc["variance", "mcse"]


def test_a_problem_of_ones_own(tmp_path):
    """The asymptotic efficiency of the mean absolute deviation is 1 / (pi - 2), about 0.876 (Fisher 1920)."""
    sc.use(FOLDER / "spread.py")
    factors = {"n": [101], "errors": [{"distribution": "normal"}]}
    entries = {"estimator": "standard"}, {"estimator": "absolute"}
    run = sc.run(study_of(*entries, problem="spread", factors=factors, replications=65536), tmp_path)
    table = run.summary().set_index(["measure", "estimator"])
    efficiency = table.loc[("efficiency", "absolute")]
    assert abs(efficiency["value"] - 1.0 / (np.pi - 2.0)) < 0.01 and efficiency["mcse"] < 0.003
    variance = table.loc[("variance", "standard")]
    assert abs(variance["value"] * 200.0 - 1.0) < 0.01 + 4.5 * 200.0 * variance["mcse"]
    assert [one.sound for one in contracts.check(FOLDER / "spread.py")] == [True] * 3
    assert len(sc.replay(run, cell=0, replication=3).data["x"]) == 101


def test_compiled_and_plain_have_the_same_bits():
    sc.use(MINE)
    study = study_of({"loss": "my_huber"})
    assert list(contracts.studies.bits_faults(plugins("losses")["my_huber"])) == []
    (cell,) = design.cells(study)
    recipe = recipes.kernel_cell(study, cell)
    assert len(recipe.fits) == 1 and jit.own_sources()


def test_a_run_asks_for_its_plugins_and_keeps_a_copy(tmp_path):
    """No run directory and no scenario brings code into a process: people must name it."""
    scenario = tmp_path / "own.toml"
    sc.use(MINE)
    scenario.write_text(study_of({"loss": "my_huber"}, {"estimator": "midhinge"}).text)
    refused = simcore("run", scenario, cwd=tmp_path)
    assert refused.returncode == 2 and 'is unknown (got "my_huber")' in refused.stderr
    assert refused.stderr.endswith("name its file in the command: --plugin FILE.py\n")
    assert simcore("run", scenario, "--plugin", MINE, cwd=tmp_path).returncode == 0
    copy = Path("results/own/plugins/mine.py")
    assert (tmp_path / copy).read_bytes() == MINE.read_bytes()
    lacking = simcore("show", "results/own", cwd=tmp_path)
    assert lacking.returncode == 2 and f"...: add --plugin {copy}" in lacking.stderr
    assert "Traceback" not in lacking.stderr and "for other code" not in lacking.stderr
    also = simcore("run", scenario, "--plugin", FOLDER / "spread.py", cwd=tmp_path)
    assert also.stderr.endswith("name its file in the command, too: --plugin FILE.py\n")
    (tmp_path / copy).write_bytes(MINE.read_bytes() + b"# more\n")
    other = simcore("show", "results/own", "--plugin", copy, cwd=tmp_path)
    assert other.returncode == 2 and "not that of SHA-256" in other.stderr
    verified = simcore("verify", "results/own", "--plugin", MINE, cwd=tmp_path)
    assert verified.returncode == 4 and "plugins/mine.py is not what it was" in verified.stdout
    assert simcore("repair", "results/own", "--plugin", MINE, cwd=tmp_path).returncode == 0
    shown = simcore("show", "results/own", "--plugin", copy, cwd=tmp_path)
    assert shown.returncode == 0 and "midhinge" in shown.stdout


def test_a_changed_plugin_gives_other_numbers_at_once(tmp_path):
    """In one process and, through the cache of kernels, in the next one: machine code of the old one is not found."""
    file = tmp_path / "changing.py"
    text = MINE.read_text()
    rng, found = np.random.default_rng(3), []
    x = rng.standard_cauchy(50)
    for half in ("0.5 * (np.quantile(x, 0.25)", "0.7 * (np.quantile(x, 0.25)"):
        file.write_text(text.replace("0.5 * (np.quantile(x, 0.25)", half))
        sc.use(file)
        found.append(sc.fit(x, estimator="midhinge").estimate)
        program = (
            f"import simcore as sc; sc.use({str(file)!r}); print(sc.fit({x.tolist()}, estimator='midhinge').estimate)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert float(done.stdout) == found[-1], done.stderr
    assert found[1] == pytest.approx(1.4 * found[0], rel=1e-12)


def test_results_of_other_code_are_not_mixed(tmp_path):
    file = tmp_path / "changing.py"
    file.write_bytes(MINE.read_bytes())
    sc.use(file)
    study = study_of({"loss": "my_huber"})
    sc.run(study, tmp_path)
    file.write_bytes(MINE.read_bytes() + b"# a comment is other code, too\n")
    sc.use(file)
    for use in (sc.run, sc.extend, lambda study, out: sc.open(out / "own")):
        with pytest.raises(UsageError, match=r"changing.py.*\.\.\.: for other code, .* another --out.*; or add --p"):
            use(study, tmp_path)
    assert sc.run(study, tmp_path / "other").summary() is not None


def test_the_same_bytes_under_another_name_are_the_same_code(tmp_path):
    """A run goes on with them under the name that it knows, in one process and in the next."""
    sc.use(MINE)
    study, copy = study_of({"loss": "my_huber"}), tmp_path / "renamed.py"
    (tmp_path / "own.toml").write_text(study.text)
    assert simcore("run", "own.toml", "--plugin", MINE, cwd=tmp_path).returncode == 0
    copy.write_bytes(MINE.read_bytes())
    own._sources["renamed.py"] = dataclasses.replace(own._sources.pop("mine.py"), name="renamed.py")
    assert sc.use(copy) == sc.use(MINE) and set(own.inputs(study)) == {"renamed.py"}
    after = sc.extend(study, tmp_path / "results", replications=2048)
    assert set(own.inputs(study)) == {"mine.py"} and [file.name for file in after.path.glob("plugins/*")] == ["mine.py"]
    assert sc.verify(after.path).findings == ()
    shown = simcore("show", "results/own", "--plugin", copy, cwd=tmp_path)
    assert shown.returncode == 0 and "my_huber" in shown.stdout, shown.stderr


def test_an_estimator_of_ones_own_is_added_to_a_run(tmp_path):
    """Extended and fresh runs have the same table, and the numbers of the old estimator stay."""
    sc.run(study_of({"loss": "l1"}), tmp_path / "one")
    sc.use(MINE)
    both = study_of({"loss": "l1"}, {"estimator": "midhinge"})
    extended, fresh = sc.extend(both, tmp_path / "one"), sc.run(both, tmp_path / "two")
    assert extended.summary().equals(fresh.summary())
    assert sc.verify(extended.path).findings == ()


def test_dask_workers_get_the_plugins(tmp_path):
    sc.use(MINE)
    study = study_of({"loss": "my_huber"}, {"estimator": "midhinge"})
    one, other = sc.run(study, tmp_path / "one"), sc.run(study, tmp_path / "two", engine="dask", threads=1)
    assert one.summary().equals(other.summary())


def test_scripts_of_slurm_name_the_copies(tmp_path):
    sc.use(MINE)
    study = study_of({"loss": "my_huber"})
    words = own.words(study, tmp_path)
    assert words == ["--plugin", tmp_path / "plugins" / "mine.py"]
    assert own.words(study_of({"loss": "l2"}, name="other", measures=None), tmp_path) == words  # a measure of it


@pytest.mark.parametrize(
    "text, said",
    [
        ("def f(x)\n    return 1", "bad.py:1: expected ':'"),
        ("import nowhere_at_all", "bad.py:1: ModuleNotFoundError"),
        ("\n\n1 / 0", "bad.py:3: ZeroDivisionError"),
        ("x = 1", "defines no PLUGIN"),
        ("PLUGIN = 3", "PLUGIN must be one of"),
        ("from simcore.registry import Loss\nPLUGIN = Loss('a b', 'a name that cannot be')", "a name must be"),
        (
            "from simcore.registry import Loss\nPLUGIN = Loss('huber', 'has the name of one of ours')",
            "of simcore itself",
        ),
        ("from simcore.registry import Loss\nPLUGINS = [Loss('a', 'twice the same')] * 2", "have the same name"),
        ("from simcore.registry import Loss\nPLUGIN = Loss('a', 'flat', monotone=False)", "must be a function"),
        ("from simcore.registry import Loss\nPLUGIN = Loss('a', 'flat', smooth=1)", "smooth: must be True or False"),
        ("from simcore.registry import Loss\nPLUGIN = Loss('a', 'flat', weights=0)", "py:2: .*did you mean 'weight'?"),
        ("from simcore.registry import Loss\nPLUGIN = Loss('a', 'flat', ('c', 2.0))", "source: must be text"),
        ("from simcore.registry import Loss\nPLUGIN = Loss('a', 'flat', parameters=('c'))", "with the comma"),
        (
            "from simcore.registry import *\nPLUGIN = Loss('a', 'flat', parameters=(Parameter('c', 'width', 2.0),))",
            "parameter c: third comes what it may be, such as POSITIVE",
        ),
    ],
)
def test_what_is_no_plugin_is_refused_in_a_line(tmp_path, text, said):
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(UsageError, match=said):
        sc.use(tmp_path / "bad.py")
    assert not own._sources


@pytest.mark.parametrize("source", ["nowhere.py", "no_such_package", "."])
def test_what_is_not_there_is_refused(source):
    with pytest.raises(UsageError, match="cannot be read|is neither a file"):
        sc.use(source)


@pytest.mark.parametrize(
    "body, said",
    [
        ("return helper(x)", "bad.py:3: cannot be compiled: Untyped global name 'helper'.*mark functions"),
        ("return x.nothing()", "bad.py:3: cannot be compiled: Unknown attribute 'nothing'"),
    ],
)
def test_what_cannot_be_compiled_is_said_before_anything_is_written(tmp_path, body, said):
    head = "from simcore.registry import Estimator\ndef f(x):\n    "
    tail = "\ndef helper(x):\n    return x[0]\nPLUGIN = Estimator('f', 'one that fails', scalar=f)\n"
    (tmp_path / "bad.py").write_text(head + body + tail)
    sc.use(tmp_path / "bad.py")
    with pytest.raises(UsageError, match=said):
        sc.run(study_of({"estimator": "f"}), tmp_path / "results")
    (tmp_path / "own.toml").write_text(study_of({"estimator": "f"}).text)
    done = simcore("run", "own.toml", "--plugin", "bad.py", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.endswith("what is wrong: simcore check bad.py\n")
    assert not (tmp_path / "results").exists()


def test_an_exception_in_code_of_a_user_has_its_line_and_no_traceback(tmp_path):
    (tmp_path / "bad.py").write_text(
        "from simcore.registry import Measure\n"
        "PLUGIN = Measure('boom', 'one that fails', value=lambda outcome: outcome.nothing)\n"
    )
    (tmp_path / "own.toml").write_text(study_of({"loss": "l2"}).text)
    done = simcore("run", "own.toml", "--plugin", "bad.py", cwd=tmp_path)
    assert done.returncode == 2 and "bad.py:2: in <lambda>: AttributeError" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_installed_package_offers_plugins(tmp_path, monkeypatch):
    """By the name of its entry point; all of its files are its fingerprint."""
    package, facts = tmp_path / "my_package", tmp_path / "my_package-1.0.dist-info"
    package.mkdir()
    facts.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text("FACTOR = 3.0\n")
    (package / "losses.py").write_text(
        "from my_package.parts import FACTOR\nfrom simcore.registry import Estimator\n"
        "def f(x):\n    return FACTOR * x[0]\nPLUGIN = Estimator('thrice', 'thrice the first', scalar=f)\n"
    )
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[simcore.plugins]\nmine = my_package.losses\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="did you mean 'mine'"):
        sc.use("mime")
    sc.use("mine")
    assert sc.fit([2.0, 1.0], estimator="thrice").estimate == 6.0
    study = study_of({"estimator": "thrice"})
    assert set(own.inputs(study)) == {"mine"} and own.words(study, tmp_path) == ["--plugin", "mine"]
    before = own.inputs(study)["mine"]
    (package / "tail").mkdir()
    (package / "parts.py").rename(package / "tail" / "parts.py")  # the same bytes elsewhere are another package
    assert jit.digest_of(package) != before
    for name in [name for name in sys.modules if name.startswith("my_package")]:
        del sys.modules[name]


def test_check_finds_what_is_wrong():
    """Each mistake of plugins/wrong.py, and none in plugins/mine.py."""
    found = {one.name: one for one in contracts.check(FOLDER / "wrong.py")}
    said = {name: " / ".join(fault.what for fault in one.faults if fault.broken) for name, one in found.items()}
    assert not any(one.sound for one in found.values())
    assert "psi is not the derivative of rho" in said["cut"] and "though monotone" in said["cut"]
    assert "weight(r) r is not psi(r)" in said["cut"] and "psi_prime is not" in said["cut"]
    assert "symmetric(**values) must be False" in said["recip"] and "tail index of about" in said["recip"]
    assert "gives other numbers for the same data" in said["noisy"]
    assert "does not move along" in said["biggest"] and "bad observations carry it away" in said["biggest"]
    assert "its MCSE is 1 on average" in said["half"] and "in <lambda>: AttributeError" in said["boom"]


@pytest.mark.parametrize(
    "body, said",
    [
        ("0.5 * r**2", "bad.py:6: cannot be compiled: .*pow.*no .. and no NumPy"),
        ("np.tanh(r)", "bad.py:6: cannot be compiled: can't resolve ufunc tanh.*no NumPy"),
        ("r if r > 0 else -r", "bad.py:6: in rho: ValueError: .*use select"),
    ],
)
def test_check_says_what_lanes_cannot_do(tmp_path, body, said):
    text = "import numpy as np\nfrom simcore.jit import lane\nfrom simcore.registry import Loss\n@lane\n"
    text += f"def rho(r, p):\n    return {body}\n@lane\ndef psi(r, p):\n    return r * 1.0\n"
    text += "PLUGIN = Loss('mine', 'one of my own', rho=rho, psi=psi, psi_prime=psi, weight=psi)\n"
    (tmp_path / "bad.py").write_text(text)
    (found,) = contracts.check(tmp_path / "bad.py")
    assert any(re.search(said, fault.what) for fault in found.faults), found.faults


LOSS = """from simcore.jit import lane
from simcore.lanes import minimum, select, splat
from simcore.registry import POSITIVE, Loss, Parameter
@lane
def weight(r, p):
    u = r / p[0]
    return 1.0 - minimum(u * u, {one})
@lane
def psi(r, p):
    return r * weight(r, p)
@lane
def psi_prime(r, p):
    return select(weight(r, p) > 0.0, 3.0 * weight(r, p) - 2.0, splat(0.0))
@lane
def rho(r, p):
    w = weight(r, p)
    return 0.25 * p[0] * p[0] * ((1.0 - w) * (1.0 + w))
PLUGIN = Loss("mine", "a loss of mine", parameters=(Parameter("c", "end", POSITIVE, 3.0),), rho=rho, psi=psi,
              psi_prime=psi_prime, weight=weight, smooth=False{more})
"""


def test_check_says_which_claim_is_wrong_where_and_what_to_write(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(LOSS.format(one="splat(1.0)", more=""))
    ((fault,),) = (one.faults for one in contracts.check(path))
    place = float(re.fullmatch(r"psi comes down at r = (.*), though monotone is True by default: .*", fault.what)[1])
    assert 1.07 * place > 3.0 / np.sqrt(3.0) > place and fault.what.endswith("give monotone=lambda c: False")
    path.write_text(LOSS.format(one="1.0", more=", monotone=lambda c: False"))
    ((fault,),) = (one.faults for one in contracts.check(path))
    assert fault.what.startswith("mine.py:7: cannot be compiled") and fault.what.endswith("splat, as splat(1.0)")


def test_check_tells_what_a_sound_loss_is_worth(tmp_path):
    (tmp_path / "mine.py").write_text(LOSS.format(one="splat(1.0)", more=", monotone=lambda c: False"))
    said = "88.11 % efficient under the normal, the scale known, at c = 3; c = 3.6732 is 95 %"
    told = simcore("check", "mine.py", cwd=tmp_path)
    assert told.returncode == 0 and said in told.stdout
    (found,) = json.loads(simcore("check", "mine.py", "--json", cwd=tmp_path).stdout)
    assert found == {"kind": "losses", "name": "mine", "faults": [], "about": said}


@pytest.mark.parametrize(
    "body, said",
    [
        ("m = np.median(x)\n    return [m, m]", "bad.py:5: f returns a list; it must return one number"),
        ("return np.median(x), 1.0", "bad.py:4: f returns a tuple"),
        ("return x - x.mean()", "bad.py:4: f returns a ndarray"),
        ("x.sort()", "f returns a NoneType"),
    ],
)
def test_check_says_at_which_line_an_estimator_gives_no_number(tmp_path, body, said):
    text = f"import numpy as np\nfrom simcore.registry import Estimator\ndef f(x):\n    {body}\n"
    (tmp_path / "bad.py").write_text(text + "PLUGIN = Estimator('f', 'one of my own', scalar=f)\n")
    ((fault,),) = (one.faults for one in contracts.check(tmp_path / "bad.py"))
    assert said in fault.what and fault.broken


@pytest.mark.parametrize("word", templates.KINDS)
def test_a_template_is_a_sound_plugin_named_after_its_file(tmp_path, word):
    (tmp_path / "mine_2.py").write_text(templates.template(word, "mine_2"))
    (found,) = contracts.check(tmp_path / "mine_2.py")
    assert found[:3] == (templates.KINDS[word], "mine_2", ())
    if word == "loss":
        assert found.about == "95.00 % efficient under the normal, the scale known, at c = 5.543"
    assert max(map(len, (tmp_path / "mine_2.py").read_text().splitlines())) <= 118


def test_a_run_names_all_plugins_that_it_lacks(tmp_path):
    sc.use(MINE)
    sc.use(FOLDER / "spread.py")
    with pytest.raises(UsageError, match="--plugin one.py --plugin two.py .in Python"):
        own.refuse_lacking({"one.py": "a" * 64, "two.py": "b" * 64}, tmp_path)


def test_check_takes_what_is_right():
    found = {one.name: one for one in contracts.check(MINE)}
    assert all(one.sound for one in found.values()) and found["my_huber"].faults == ()
    remarks = " / ".join(fault.what for fault in found["first_if_positive"].faults)
    assert "gives no estimate for" in remarks and "carried_by(n, values) is not given" in remarks


@pytest.mark.parametrize("name", ["hodges_lehmann", "trimmed_mean", "winsorized_mean", "catoni", "median_of_means"])
def test_our_estimators_keep_the_contract(name):
    assert list(contracts.faults(plugins("estimators")[name])) == []


@pytest.mark.parametrize("name", ["shift", "scale", "point", "none"])
def test_our_contamination_keeps_the_contract(name):
    assert list(contracts.faults(plugins("contamination")[name])) == []


@pytest.mark.parametrize("name", ["gumbel", "logistic", "lognormal", "skewed_t", "slash"])
def test_our_distributions_keep_the_contract(name):
    assert list(contracts.faults(plugins("distributions")[name])) == []


@pytest.mark.parametrize("name", ["mse", "efficiency", "quantile"])
def test_our_measures_keep_the_contract(name):
    assert list(contracts.faults(plugins("measures")[name])) == []


def test_the_contract_of_distributions_sees_false_claims():
    gumbel = plugins("distributions")["gumbel"]
    twins = {
        "mean(**values) says 0": {"mean": lambda: 0.0},
        "symmetric(**values) must be False": {"symmetric": lambda: True},
        "score is not minus the derivative": {"score": lambda z, p: 1.01 * gumbel.score(z, p)},
        "information(**values) is 2": {"information": lambda: 2.0},
        "though with a tail index": {"mean": lambda: None},
        "of the draws are below": {"log_density": lambda z, p: gumbel.log_density(1.05 * z, p)},
    }
    for said, changes in twins.items():
        plugins("distributions")["gumbel"] = dataclasses.replace(gumbel, **changes)
        own._forget()
        assert any(said in fault.what for fault in contracts.faults(plugins("distributions")["gumbel"])), said


def test_bits_of_ones_own_do_not_depend_on_threads(tmp_path):
    sc.use(MINE)
    study = study_of({"loss": "my_huber"}, {"estimator": "cut_mean"}, keep="estimates")
    runs = [sc.run(study, tmp_path / str(threads), threads=threads) for threads in (1, 2)]
    one, other = (run.summary() for run in runs)
    assert one.equals(other)
    for (_, *kept), (_, *again) in zip(*(run.estimates() for run in runs), strict=True):
        assert same_bits(kept[0], again[0]) and np.array_equal(kept[1], again[1])
