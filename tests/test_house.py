"""The shape of the code: imports point down, one module knows Numba, faces load fast, plugins are whole."""

import ast
import graphlib
import re
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


LIBRARIES = ("math", "cmath", "numpy", "scipy")
# Of them: what moves, counts or compares numbers, or rounds as IEEE 754 says; a module that needs more adds it here.
EXACT = """
__version__ abs add all any append arange argmin argsort array asarray ascontiguousarray at broadcast_arrays ceil clip
column_stack comb concatenate copysign cumprod cumsum diff empty errstate finfo flatnonzero float64 floor frexp min
frombuffer fsum full gcd hstack inf int32 int64 isfinite isinf isnan isqrt ldexp linspace max maximum meshgrid minimum
nan nanargmax ndarray nextafter ones outer pad pi prod repeat reshape resize rint round searchsorted shape sort split
sqrt square stack swapaxes tile tril uint32 uint64 uint8 unique vander where zeros zeros_like
"""
TABLE = ("measures", "intervals", "summaries", "comparisons", "tails", "joint", "rarity", "breakdown")  # of all FACES
# What else a module uses, and why no CPU makes other numbers of it unnoticed. The tables of quantiles have a
# fingerprint in the record of a run (library_laws, provenance): where they come out otherwise, the run is refused. Not
# so the measure `influence` under errors of SciPy: it takes SciPy's density as it is, whose last bits no record knows.
EXCEPTIONS = {
    "density_quantiles.py": "@ arcsinh cos cosh exp expm1 log log1p sinh sum",  # ends in such a table, of 37 bits
    "quantile_tables.py": "cos inv linalg",  # nodes and the fit to them, which end in it
    "distributions/scipy_laws.py": "stats",  # its densities, which end in it, but for `influence`
    "moments.py": "**",  # of fractions and whole numbers: exact
    "pairs.py": "**",  # the same
    "landscapes.py": "@ default_rng eigvalsh linalg random solve",  # a figure, no run stores it
    "breakdown.py": "@ argmax linalg svd",  # only counts come of it, and ties have a margin of 1e-9
}


def inexact(text):
    """What a module uses of LIBRARIES beyond EXACT, powers, products of matrices; methods of arrays are not seen."""
    nodes = [*ast.walk(ast.parse(text))]
    imports = [alias for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    ours = [alias for alias in imports if alias.name.partition(".")[0] in LIBRARIES]
    libraries = {(alias.asname or alias.name).partition(".")[0] for alias in ours}
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in LIBRARIES:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute) and dotted(node).partition(".")[0] in libraries:
            found.add(node.attr)
        elif isinstance(node, ast.Name) and node.id == "pow":
            found.add("**")
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Pow | ast.MatMult):
            found |= set() if is_power_of_two(node) else {"**" if isinstance(node.op, ast.Pow) else "@"}
    return found - {*EXACT.split()}


def dotted(node):
    """np.linalg.inv as it is written; of what else has attributes, nothing."""
    text = ast.unparse(node)
    return text if re.fullmatch(r"[\w.]+", text) else ""


def is_power_of_two(node):
    """Whether it is a number written as 2.0**-20 or 2**53."""
    return re.fullmatch(r"2(\.0)? ?\*\* ?(\(-\d+\)|\d+|-\d+)", ast.unparse(node)) is not None


def test_no_libm_where_results_are_decided():
    """Powers, logarithms and exponentials of floats, and what BLAS adds up, differ in bits between CPUs."""
    found = {}
    for path in MODULES:
        first = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if first not in jit.FACES or first in TABLE:
            found[path.relative_to(PACKAGE).as_posix()] = " ".join(sorted(inexact(path.read_text())))
    assert set(TABLE) <= jit.FACES and len(found) > 150
    assert {name: names for name, names in found.items() if names} == EXCEPTIONS


@pytest.mark.parametrize(
    "planted, found",
    [
        ("math.exp(x)", "exp"),
        ("np.exp(x)", "exp"),
        ("np.linalg.solve(a, x)", "linalg solve"),
        ("np.power(x, 0.5)", "power"),
        ("x**0.5", "**"),
        ("2.0**x", "**"),
        ("2.0**0.5", "**"),
        ("pow(x, 3)", "**"),
        ("x @ x", "@"),
        ("np.mean(x)", "mean"),
        ("np.sqrt(x) * 2.0**-20 + 2**53 + math.sqrt(x)", ""),
    ],
)
def test_what_is_planted_is_found(planted, found):
    text = (PACKAGE / "losses/huber.py").read_text()
    assert not inexact(text)
    text += f"import math\nimport numpy as np\n\ndef f(x, a):\n    return {planted}\n"
    assert inexact(text) == set(found.split())


@pytest.mark.parametrize(
    "text",
    ["from math import exp", "from numpy.x import exp", "import numpy as x; x.exp(1)", "import cmath; cmath.exp(1)"],
)
def test_no_way_to_import_it_hides_it(text):
    assert inexact(text) == {"exp"}


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
