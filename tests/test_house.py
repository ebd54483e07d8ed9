"""The shape of the code: imports point down, one module knows Numba, faces load fast, plugins are whole."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from simcore import jit, registry

PACKAGE = Path(registry.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = {".".join(("simcore", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in MODULES}
NAMES = {name.removesuffix(".__init__"): path for name, path in NAMES.items()}

# What a module, or any of a package, must not come to know, not even through others.
DISK = ("files", "shelves", "store", "opening")
WORKERS = ("execute", "engines", "runs")
KNOWS_NOTHING_OF = {
    "lanes": ("sums", "registry", "files"),
    "sums": ("registry", "scenario", "files"),
    "kernels": ("registry", "scenario", "design", *DISK),
    "linear_kernels": ("registry", "scenario", "design", *DISK),
    "trial_kernels": ("registry", "scenario", "design", *DISK),
    **dict.fromkeys(registry.KINDS, ("scenario", "design", "recipes", "kernels", *WORKERS)),
    "scenario": ("design", "kernels", "sums", *WORKERS),
    "design": ("recipes", "kernels", "sums", *WORKERS),
    "execute": ("shelves", "store", "opening", "engines", "runs"),
    "files": ("errors", "design"),
    "store": ("recipes", "kernels", "summaries", *WORKERS),
    "engines": ("shelves", "store", "opening", "summaries"),
    "summaries": ("shelves", "store", "footprint", *WORKERS),
    "drawing": ("shelves", "store", "opening", "engines", "runs", "cli"),
    "figures": ("shelves", "store", "opening", "engines", "runs"),
    "reporting": ("opening", "engines", "runs", "cli"),
}


def imported(name):
    """The modules of simcore that one of them imports, anywhere in it."""
    for node in ast.walk(ast.parse(NAMES[name].read_text())):
        if isinstance(node, ast.ImportFrom):
            found = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (full if full in NAMES else node.module for full in found)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


GRAPH = {name: set(imported(name)) & NAMES.keys() for name in NAMES}


def known(names):
    """All that these modules import, and what that imports, and so on."""
    found, left = set(), [*names]
    while left:
        new = GRAPH[left.pop()] - found
        found |= new
        left += new
    return found


def within(package):
    return [name for name in NAMES if name == f"simcore.{package}" or name.startswith(f"simcore.{package}.")]


def test_imports_make_no_circle():
    graphlib.TopologicalSorter(GRAPH).prepare()


@pytest.mark.parametrize("package", KNOWS_NOTHING_OF)
def test_imports_point_down(package):
    assert within(package)
    for other in KNOWS_NOTHING_OF[package]:
        assert within(other) and not known(within(package)) & set(within(other)), other


def test_nothing_needs_the_command_line():
    assert not known(set(NAMES) - {*within("cli"), *within("__main__")}) & set(within("cli"))


@pytest.mark.parametrize("kind", [*registry.KINDS, "figures"])
def test_no_plugin_imports_another(kind):
    for name in within(kind):
        assert not GRAPH[name] & set(within(kind)), f"{name} imports a sibling"


def test_only_the_compiling_modules_know_numba():
    knowing = {path.stem for path in MODULES if "numba" in path.read_text() and "import numba" in path.read_text()}
    knowing |= {path.stem for path in MODULES if "from numba" in path.read_text()}
    assert knowing == {"jit", "lanes_llvm", "networks_llvm"}


def test_no_fastmath_anywhere():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.keyword) and node.arg == "fastmath"), path


EXACT = {"sqrt", "isqrt", "prod", "floor", "fsum", "copysign", "frexp", "ldexp"}
EXACT |= {"ceil", "comb", "isfinite", "isinf", "isnan", "nan", "inf", "pi", "gcd"}
RESULT_PATHS = ("measures", "intervals", "outcomes", "summaries", "comparisons", "scores", "tails", "design", "execute")
RESULT_PATHS += ("recipes", "joint", "breakdown", "rarity", "histograms", "rounds", "designs", "problems")
RESULT_PATHS += ("distributions", "variates", "fmath", "populations", "quadrature", "roots", "batches", "robustness")
RESULT_PATHS += ("empirical", "quantile_tables")  # what comes of libraries has a fingerprint


def test_no_libm_where_results_are_decided():
    """Powers, logarithms and exponentials of floats differ in bits between CPUs; square roots do not."""
    for path in MODULES:
        if path.relative_to(PACKAGE).with_suffix("").parts[0] in RESULT_PATHS:
            for node in ast.walk(ast.parse(path.read_text())):
                assert not isinstance(node, ast.Pow), path
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "math":
                    assert node.attr in EXACT, path


def test_the_faces_left_out_of_the_fingerprint_exist_and_hold_no_kernel():
    for name in jit.FACES:
        files = [path for path in MODULES if path.relative_to(PACKAGE).with_suffix("").parts[0] == name]
        assert files, name
        for tree in (ast.parse(path.read_text()) for path in files):
            named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            named |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            assert not named & {"lane", "driver", "njit"} or name in ("fitting", "contracts"), name


def test_reading_a_scenario_needs_neither_numba_nor_pandas():
    program = (
        "import sys, simcore as sc; sc.load('scenarios/quickstart.toml');"
        "print([m for m in ('numba', 'pandas', 'pyarrow', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_plugin_says_what_it_is(kind):
    found = registry.plugins(kind)
    assert found
    for name, plugin in found.items():
        assert name == plugin.name
        assert len(plugin.meaning) > 10
        defaults = registry.resolved({parameter.name: parameter.default for parameter in plugin.parameters})
        for parameter in plugin.parameters:
            assert parameter.meaning
            default = defaults[parameter.name]
            values = default if isinstance(default, tuple) else (default,)
            for value in values:
                assert value is None or value in parameter.words or value in parameter.domain
