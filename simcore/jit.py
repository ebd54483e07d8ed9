"""The door to Numba: nothing else in simcore compiles, caches or starts threads.

Kernel code is plain Python. A function marked with `lane` stays the plain function it is, so every kernel also runs
without compilation (on NumPy arrays of `lanes.WIDTH` numbers), and importing simcore does not import Numba. Compilation
starts with the first call of `entry` or `driver`.
"""

import contextlib
import functools
import hashlib
import importlib
import os
import platform
import re
import types
from pathlib import Path

from simcore import code_cache
from simcore.errors import UsageError

prange = range  # in compiled drivers: numba.prange

# x / 0 is IEEE's, not an exception: the check alone would keep loops from being vectorised. Never fastmath.
_OPTIONS = {"error_model": "numpy"}
_FACES = """
__init__ __main__ audit block_tables breakdown cards checks choices cli comparisons contracts describe doctor
drawing engines errors exports failures figures files findings first_look fitting footprint forecast intervals
joint json_schema limits meanwhile measures nearest opening own progress provenance rarity refinement repairs
replay_tables replays reporting restoring results runs scenario scenario_checks selecting shards shelves signals slurm
starters statuses store study_checks summaries surfaces tables tails tidying toml_text uncertainty wide wording
"""
FACES = frozenset(_FACES.split())  # modules and folders that decide no stored number
_NUMBA_OPTIONS = ("CPU_NAME", "CPU_FEATURES", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "ENABLE_AVX", "BOUNDSCHECK")
_LAYERS = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}  # Numba's modules
_LAYERS_OF = {"safe": ("tbb",), "threadsafe": ("tbb", "omp"), "forksafe": ("tbb", "workqueue")}
_lane_functions, _inlined, _lowerings = [], set(), []
_FAILED = re.compile(r"(\w*Error: )|Failed in ")
_passes = []  # of Numba's compiler, that are running
_HINTS = {  # what a message of Numba shows -> what helps
    "Untyped global name": "mark functions that it calls with @lane or @njit",
    "f64x8": "that is a lane value: no ** and no NumPy, simcore.lanes and simcore.fmath have what can be done with it",
}
_own_sources = {}  # module or package of a user's plugins -> SHA-256


def lane(function):
    """Mark a plain function as callable from compiled kernels. Returns it unchanged."""
    _lane_functions.append(function)
    if _numba.cache_info().currsize:
        _register(function)
    return function


def inlined(function):
    """Like `lane`, for what must not be called for real: that would copy each field of a cell, or cost as much as the
    few operations inside."""
    _inlined.add(function)
    return lane(function)


def lowering(module):
    """Import a module before the first compilation, given by its name: what registers extension types knows those that
    it registers, and not the other way round."""
    _lowerings.append(module)


def entry(template, signature, name, **bindings):
    """Compile a copy of `template`, in which the names in `bindings` stand for other values, to a C function.

    The copy is a module-level function of its own name, so that Numba caches it on disk like any other: a closure over
    compiled functions is never found again. A bound function must differ from others in module or name. `signature`
    spells each argument: u (pointer to uint64), d (pointer to double) or i (integer); the template sees pointers and
    makes arrays of them with `carray(pointer, shape)`. Returns the object that owns the code, at its `.address`.
    """
    numba, own = _numba(), _sources_of(bindings.values())
    # Numba finds a function on disk by its name and code alone, so the name must say what is bound.
    name = "_".join([name, *(f"{value.__module__}_{value.__qualname__}" for value in bindings.values())])
    name = "_".join([name, *(digest[:16] for digest in own.values())])
    name = "".join(letter if letter.isalnum() else "_" for letter in name)
    types_of = {"u": numba.types.CPointer(numba.uint64), "d": numba.types.CPointer(numba.float64), "i": numba.int64}
    c_signature = numba.void(*(types_of[letter] for letter in signature))
    function = rebound(template, name, carray=numba.carray, **bindings)
    try:
        return _compiled(function, lambda cache: numba.cfunc(c_signature, cache=cache, **_OPTIONS)(function))
    except Exception as error:
        if not own:
            raise
        raise UsageError(in_short(str(error))) from error


def own_source(module, digest):
    """Have what is compiled of the functions of a user's module, or package, be known by the SHA-256 of its source."""
    _own_sources[module] = digest


def own_sources():
    """The modules and packages of users' plugins."""
    return [*_own_sources]


def _sources_of(functions):
    """Those whose functions can be reached from functions by the global names in their code: name -> SHA-256."""
    found, seen, left = set(), set(), [*functions]
    while left and _own_sources:
        function = left.pop()
        function = getattr(function, "py_func", function)
        if isinstance(function, types.FunctionType) and function not in seen:
            seen.add(function)
            found.add(function.__globals__.get("__name__", "").partition(".")[0])
            left += [function.__globals__.get(name) for name in function.__code__.co_names]
    return {name: _own_sources[name] for name in sorted(found & _own_sources.keys())}


def in_short(message):
    """What Numba says of code of a user that it cannot compile, without the way there: "file:line: what"."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    told = [(k, line.partition("Error: ")[2] or line) for k, line in enumerate(lines) if _FAILED.match(line)]
    place, said = told[-1] if told else (0, lines[0])
    if said.startswith("Failed in"):
        place, said = place + 1, lines[place + 1]
    if said.endswith("signature:"):
        said = f"{said.removesuffix(' found for signature:')} for {lines[place + 1].removeprefix('>>> ')}"
    files = re.findall(r'File "(.+)", line (\d+)', message)
    own = [(Path(file), line) for file, line in files if Path(__file__).parent not in Path(file).resolve().parents]
    where = f"{own[0][0].name}:{own[0][1]}: " if own else ""
    hint = next((f"; {hint}" for sign, hint in _HINTS.items() if sign in said), "")
    return f"{where}cannot be compiled: {said[:400]}{hint}"


@functools.cache
def driver(template):
    """Compile a loop over `prange` (one output slot per iteration, so that threads never change a bit)."""
    if not enabled():
        return template
    options = _OPTIONS | {"nogil": True, "parallel": "prange" in template.__code__.co_names}
    function = rebound(template, template.__qualname__, prange=_numba().prange)
    return _Driver(function, lambda cache: _numba().njit(cache=cache, **options)(function))


class _Driver:
    """A loop that Numba compiles when it is called with arguments of new types. Not for calls by other kernels."""

    def __init__(self, function, compile):
        self._function, self._compile = function, compile
        self._start()

    def _start(self):
        self._loop, self._process, self._known = _compiled(self._function, self._compile), os.getpid(), 0

    def __call__(self, *args):
        if self._process != os.getpid():  # forked: the folder that Numba would write to is the parent's
            self._start()
        try:
            found = self._loop(*args)
        except Exception as error:
            if len(self._loop.signatures) == self._known:  # not loaded; else it was only not saved
                self._loop = self._compile(cache=False)
            found = self._loop(*args)  # an error of the loop's own comes again
            kernel_cache().give_up(self._function, error)
        if len(self._loop.signatures) != self._known:
            self._known = len(self._loop.signatures)
            with _compiler_lock():  # not while another thread has written the index and not yet the code
                if self._loop.stats.cache_misses:
                    kernel_cache().seal(self._function)
        return found


def compiled(function):
    """Compile a lane function on its own, uncached: for tests and tools."""
    return _numba().njit(**_OPTIONS)(function)


def call(function, a, b, c, d, e):
    """Call a compiled function by its address (in a plain kernel: the function itself); arrays become pointers."""
    function(a, b, c, d, e)


def enabled():
    """Whether kernels are compiled: NUMBA_DISABLE_JIT=1 runs them all as plain Python, for coverage and debugging."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


def set_threads(threads):
    """Use `threads` threads (at most those Numba started with); None: every CPU this process may use. Raises
    UsageError."""
    threads = threads_of(threads)
    if not enabled():
        return threads
    numba = _numba()
    try:
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    except ValueError as error:
        threading_layer()
        raise UsageError(f"Numba does not start threads: {error}") from error
    return numba.get_num_threads()


def threads_of(threads=None):
    """How many threads `set_threads` will take, without starting Numba. Raises UsageError."""
    if not enabled():
        return 1
    text = os.environ.get("NUMBA_NUM_THREADS") or str(len(os.sched_getaffinity(0)))
    if not re.fullmatch("0*[1-9][0-9]{0,6}", text):
        raise UsageError(f"NUMBA_NUM_THREADS: must be a number of threads (got {text!r}); unset it")
    return int(text) if threads is None else min(threads, int(text))


def threads():
    """How many threads drivers use now."""
    return _numba().get_num_threads() if enabled() else 1


def threading_layer():
    """The library that will run the threads of drivers: tbb, omp or workqueue. Raises UsageError where none can be
    loaded."""
    config = _numba().config
    wanted = str(config.THREADING_LAYER).lower()
    for name in config.THREADING_LAYER_PRIORITY if wanted == "default" else _LAYERS_OF.get(wanted, [wanted]):
        with contextlib.suppress(ImportError, KeyError):
            importlib.import_module(f"numba.np.ufunc.{_LAYERS[name]}")
            return name
    raise UsageError(
        "NUMBA_THREADING_LAYER: none of those that it allows can be loaded; "
        "unset it, or install what it names (pip install tbb)"
    )


@functools.cache
def source_digest():
    """SHA-256 over the sources that decide numbers, by name: the fingerprint of the code. FACES are left out."""
    return digest_of(Path(__file__).parent, lambda name: name.partition("/")[0].removesuffix(".py") not in FACES)


def digest_of(package, counts=lambda name: True):
    """SHA-256 over the Python files of a package, a folder, with their names in it. counts(name): which of them."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py"), key=lambda path: path.relative_to(package).as_posix()):
        name = path.relative_to(package).as_posix()
        if counts(name):
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@functools.cache
def _numba():
    import numba

    for module in _lowerings:
        importlib.import_module(module)
    for function in _lane_functions:
        _register(function)
    _register_call()
    _watch_passes()
    return numba


def compiling():
    """Whether a kernel is being compiled in this process, not loaded or run."""
    return bool(_passes)


def _watch_passes():
    from numba.core import event

    class Passes(event.Listener):
        def on_start(self, event):
            _passes.append(event)

        def on_end(self, event):
            _passes.pop()

    event.register("numba:run_pass", Passes())


def _register_call():
    from llvmlite import ir
    from numba import types
    from numba.core.imputils import lower_builtin
    from numba.core.typing.templates import signature
    from numba.extending import type_callable

    @type_callable(call)
    def typing(_context):
        def typer(function, a, b, c, d, e):
            if isinstance(function, types.Integer):
                return signature(types.void, function, a, b, c, d, e)
            return None

        return typer

    def lower(context, builder, sig, args):
        values = []
        for kind, value in zip(sig.args[1:], args[1:], strict=True):
            if isinstance(kind, types.Array):
                values.append(context.make_array(kind)(context, builder, value).data)
            else:
                values.append(context.cast(builder, value, kind, types.int64))
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        address = context.cast(builder, args[0], sig.args[0], types.int64)
        builder.call(builder.inttoptr(address, kind.as_pointer()), values)
        return context.get_dummy_value()

    lower_builtin(call, types.Integer, *[types.Any] * 5)(lower)


def _register(function):
    from numba.extending import register_jitable

    register_jitable(**_OPTIONS, forceinline=function in _inlined)(function)


def rebound(template, name, **bindings):
    """A copy of a function under another name, in whose body the names in `bindings` stand for other values."""
    function = types.FunctionType(template.__code__, template.__globals__ | bindings, name, template.__defaults__)
    function.__qualname__ = name
    function.__module__ = template.__module__
    return function


def _compiled(function, compile):
    """`compile(cache)` with what is kept of `function`; without a cache where that fails."""
    with _compiler_lock():
        try:
            with _numba_caches_in(kernel_cache().unseal(function)):
                made = compile(cache=True)
            if not getattr(made, "cache_hits", 1):  # a driver has none: it is compiled when it is called
                kernel_cache().seal(function)
        except Exception as error:
            made = compile(cache=False)  # an error of the function's own comes again
            kernel_cache().give_up(function, error)
    return made


def _compiler_lock():
    return _numba().core.compiler_lock.global_compiler_lock


@contextlib.contextmanager
def _numba_caches_in(folder):
    """What is decorated meanwhile is cached in `folder` and nowhere else: not beside the sources as a way out."""
    config = _numba().config
    settings = {"CACHE_DIR": str(folder), "CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    before = {name: getattr(config, name, "") for name in settings}
    vars(config).update(settings)
    try:
        yield
    finally:
        vars(config).update(before)


@functools.cache
def kernel_cache():
    """The cache under all that decides the machine code; Numba alone would miss edits in other files."""
    import llvmlite.binding
    import numpy

    numba, host = _numba(), llvmlite.binding
    cpu = host.get_host_cpu_name(), host.get_host_cpu_features().flatten()
    versions = numba.__version__, llvmlite.__version__, numpy.__version__, platform.python_version()
    options = (getattr(numba.config, name, None) for name in _NUMBA_OPTIONS)
    parts = "\n".join(map(str, (source_digest(), *versions, *cpu, *options)))
    return code_cache.CodeCache(hashlib.sha256(parts.encode()).hexdigest()[:24])
