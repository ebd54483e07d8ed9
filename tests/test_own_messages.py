"""What newcomers are told of mistakes in plugins of their own: one line that names the place and the way out."""

import inspect
import re
import subprocess
import sys

import pytest

import simcore as sc
from simcore import contracts
from simcore.contracts import lacking, studies
from simcore.errors import UsageError
from simcore.own import records, templates
from simcore.registry import KIND_OF, plugins

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


W2 = "return w * w * (7.0 * w - 6.0)"
MEDIAN = "0.25 * (np.quantile(x, p[0]) + 2.0 * np.median(x) + np.quantile(x, 1.0 - p[0]))"


@pytest.mark.parametrize(
    "word, changes, said",
    [
        (
            "loss",
            [(W2, "return r / r * w * w * (7.0 * w - 6.0)")],
            ["psi_prime is not a number at r = 0: give .*select.*"],
        ),
        (
            "loss",
            [("return w * w * w", "return w * w * w / (1.0 - w)")],
            [r"psi is infinite at r = 1e-10.*", "weight .*"],
        ),
        (
            "loss",
            [("r * weight(r, p)", "2.0 * r * weight(r, p)")],
            [
                r"psi is not .* of rho: from r = 0\.99\d* to 1\.06\d* rho has .* 0\.92\d* .* psi is 1\.85\d*: mend .*",
                r"psi_prime is not .* of psi: from r = 0\.99.*",
                r"weight\(r\) r is not psi\(r\): at r = 1 it is 0\.905503, and psi 1\.81101: mend either.*",
            ],
        ),
        (
            "loss",
            [("p[0]\n    return", "p[1]\n    return")],
            [r".*mine.py:15: in _share: IndexError: there is no p\[1\]: .*"],
        ),
        (
            "distribution",
            [("log(u) / p[0]", "log(u) / p[1]")],
            [r".*mine.py:19: in draw: .* no p\[1\]: there is p\[0\] alone.*"],
        ),
        ("distribution", [("-(p[0]", "-(p[2]")], [r".*mine.py:25: in log_density: .* no p\[2\].*"]),
        ("estimator", [("p[0]", "p[1]")], [r".*mine.py:13: in estimate: .* no p\[1\].*"]),
        (
            "estimator",
            [(MEDIAN, "0.9 * np.median(x)")],
            [r".* all move by 12\.375, it moves by 11\.1375; leave equiv.*"],
        ),
        ("estimator", [("np.median", "middle")], ["mine.py:13: .* name 'middle' is not defined; define it.*"]),
        (
            "estimator",
            [
                ("np.median(x)", "stats.trim_mean(x, 0.1)"),
                ("import numpy as np", "import numpy as np\nfrom scipy import stats"),
            ],
            ["mine.py:14: .* 'trim_mean' of scipy.stats; Numba knows math and much of NumPy, but not this.*"],
        ),
        (
            "estimator",
            [
                ("np.median(x)", "trim_mean(x, 0.1)"),
                ("import numpy as np", "import numpy as np\nfrom scipy.stats import trim_mean"),
            ],
            ["mine.py:14: .* 'trim_mean'.*; Numba knows math and much of NumPy, but not this of scipy.*"],
        ),
    ],
)
def test_check_says_where_and_what_helps(tmp_path, word, changes, said):
    """And nothing beside it."""
    (found,) = contracts.check(changed(tmp_path / "mine.py", word, *changes))
    told = [fault.what for fault in found.faults]
    assert len(told) == len(said) and all(map(re.fullmatch, said, told)), told


@pytest.mark.parametrize(
    "word, change, said",
    [
        ("loss", ("p[0]\n    return", "p[1]\n    return"), "15: in _share: IndexError: there is no p[1]: there is "),
        ("distribution", ("log(u) / p[0]", "log(u) / p[1]"), "19: in draw: IndexError: there is no p[1]: "),
        ("distribution", ("-(p[0]", "-(p[2]"), "25: in log_density: IndexError: there is no p[2]: "),
        ("estimator", ("p[0]", "p[1]"), "13: in estimate: IndexError: there is no p[1]: "),
        ("estimator", ("np.median", "middle"), "13: in estimate: NameError: name 'middle' is not defined"),
    ],
)
def test_what_is_asked_for_in_vain_is_told_before_anything_runs(tmp_path, word, change, said):
    """Compiled code would read 0 there."""
    path = changed(tmp_path / "mine.py", word, change)
    (record,) = sc.use(path)
    with pytest.raises(UsageError, match=re.escape(f"{path}:{said}")):
        sc.run(studies.of(record), tmp_path / "results")
    assert [*tmp_path.iterdir()] == [path]


def test_a_function_that_numba_compiles_is_looked_at_without_compiling_it(tmp_path, monkeypatch):
    """Nor what it calls: that would take seconds each time."""
    changes = [("def estimate", "from numba import njit\n@njit\ndef half(x, p):\n    return p[0]\n@njit\ndef estimate")]
    (record,) = sc.use(changed(tmp_path / "mine.py", "estimator", *changes, ("p[0]", "half(x, p)")))
    lacking.refuse(record)
    assert not record.scalar.signatures and not record.scalar.py_func.__globals__["half"].signatures
    changes[0] = changes[0][0], changes[0][1].replace("return p[0]", "return p[1]")
    (record,) = sc.use(changed(tmp_path / "other.py", "estimator", *changes, ("p[0]", "half(x, p)")))
    with pytest.raises(UsageError, match=r"other.py:\d+: in half: IndexError: there is no p\[1\]"):
        lacking.refuse(record)


@pytest.mark.parametrize("word", ["loss", "distribution", "estimator"])
def test_what_fails_otherwise_is_for_others_to_tell(tmp_path, word):
    old = {"loss": "p[0]\n    return", "distribution": "log(u) / p[0]", "estimator": "np.median(x)"}[word]
    (record,) = sc.use(changed(tmp_path / "mine.py", word, (old, f"(1 / 0) * {old}")))
    lacking.refuse(record)


@pytest.mark.parametrize("kind", ["losses", "distributions", "estimators"])
def test_none_of_ours_asks_in_vain(kind):
    for record in plugins(kind).values():
        lacking.refuse(record)


CHARBONNIER = """from simcore.fmath import power
from simcore.jit import lane
from simcore.lanes import magnitude, maximum, select, splat
from simcore.registry import POSITIVE, Loss, Parameter
@lane
def base(r, p):
    u = r / p[0]
    return 1.0 + u * u
@lane
def rho(r, p):
    return {rho}
@lane
def weight(r, p):
    return {weight}
@lane
def psi(r, p):
    return r * weight(r, p)
@lane
def psi_prime(r, p):
    return {psi_prime}
PLUGIN = Loss("mine", "the root of 1 + u^2", parameters=(Parameter("c", "width", POSITIVE, 1.0),), rho=rho, psi=psi,
              psi_prime=psi_prime, weight=weight)
"""
PLAIN = {
    "rho": "p[0] * p[0] * (power(base(r, p), splat(0.5), splat(1.0)) - 1.0)",
    "weight": "power(base(r, p), splat(-0.5), splat(1.0))",
    "psi_prime": "power(base(r, p), splat(-1.5), splat(1.0))",
}


def test_check_says_what_overflows_from_where_on_and_not_that_a_flag_is_wrong(tmp_path):
    """And keeps quiet once it has been mended as the message says: by limits far out."""
    path = tmp_path / "mine.py"
    path.write_text(CHARBONNIER.format(**PLAIN))
    ((fault,),) = (one.faults for one in contracts.check(path))
    assert fault.what.startswith(
        "rho, psi, weight: wrong from r = 1.34e+154 on, where mine.py:8 overflows; "
    )
    limits = {
        "rho": "p[0] * magnitude(r)",
        "weight": "p[0] / maximum(magnitude(r), splat(1.0))",
        "psi_prime": "splat(0.0)",
    }
    mended = {name: f"select(magnitude(r) > 1e100, {limits[name]}, {text})" for name, text in PLAIN.items()}
    path.write_text(CHARBONNIER.format(**mended))
    (found,) = contracts.check(path)
    assert found.faults == ()
    path.write_text(
        CHARBONNIER.format(**(mended | {"weight": f"select(magnitude(r) > 1e100, splat(1e-90), {PLAIN['weight']})"}))
    )
    (found,) = contracts.check(path)
    assert not any("give bounded" in fault.what for fault in found.faults)
    assert any("no more than before, but" in fault.what for fault in found.faults)
