"""The shape of the code: imports point down, one module knows Numba, faces load fast, plugins are whole."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from simcore import jit, registry

PACKAGE = Path(registry.__file__).parent
LAYERS = [
    ("errors", "code_cache", "jit", "registry", "own", "codes", "statuses", "outliers", "wording"),
    ("cards", "files", "limits", "meanwhile", "nearest", "signals"),
    ("own_files", "held"),
    ("lanes", "lanes_llvm", "fmath", "streams", "variates", "order", "networks_llvm", "quadrature", "roots"),
    ("density_quantiles", "quantile_tables"),
    ("library_laws",),
    ("special", "histograms", "sums", "moments", "intervals", "tails", "dense", "breakdown", "refinement", "joint"),
    ("lad", "lp_regression", "m_location", "m_regression", "subsets", "weighted", "s_regression"),
    ("softmax", "sphere", "hidden_layer", "basins"),
    ("distributions", "contamination", "designs", "losses", "estimators", "measures", "problems"),
    ("scores", "kernels"),
    ("empirical", "populations"),
    ("linear_kernels", "trial_kernels", "uncertainty"),
    ("toml_text", "checks", "scenario", "design"),
    ("starters", "json_schema"),
    ("recipes",),
    ("shelves", "block_tables", "provenance", "findings"),
    ("execute", "store", "fitting", "batches"),
    ("engines", "failures", "outcomes", "pairs", "rarity", "surfaces", "landscapes", "robustness", "opening"),
    ("restoring", "tidying"),
    ("footprint",),
    ("summaries", "comparisons", "rounds", "forecast", "describe", "selecting", "wide"),
    ("contracts",),
    ("panels", "shards"),
    ("sheets",),
    ("progress",),
    ("curves", "tables", "surface_figures", "markup", "criteria"),
    ("contests",),
    ("verdicts",),
    ("sentences", "first_look"),
    ("runs",),
    ("exports",),
    ("audit", "doctor", "repairs", "replays", "slurm", "report_records", "report_tables"),
    ("replay_tables", "reports"),
    ("cli", "__init__", "__main__"),
]
LAYER_OF = {name: layer for layer, names in enumerate(LAYERS) for name in names}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(tree):
    """Top-level names below simcore that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "simcore":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simcore."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("simcore."))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    own = LAYER_OF[parts[0]]
    for name in imported(ast.parse(path.read_text())):
        if name == "__version__":
            continue
        assert LAYER_OF[name] <= own, f"{path.name} imports {name} from a layer above"
        if parts[0] in registry.KINDS and path.name != "__init__.py":
            assert name != parts[0], f"{path} imports a sibling plugin"


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
