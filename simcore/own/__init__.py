"""Plugins of the user's own: from a Python file, or from an installed package that offers some.

A plugin of a user is what one of ours is: a module that defines `PLUGIN`, or `PLUGINS`, records of `registry`. The
command line or a call must name it, for it is code; a run directory can only ask for it by its SHA-256, which is a part
of what the numbers of a run depend on, and a scenario not at all.
"""

import contextlib
import dataclasses
import functools
import hashlib
import shlex
import sys
import traceback
import types
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from simcore import errors, jit
from simcore.errors import UsageError
from simcore.own import records
from simcore.registry import KIND_OF, plugins, unknown

GROUP = "simcore.plugins"  # of the entry points of packages
_MOST_BYTES = 1 << 20
_sources = {}  # name -> Source


@dataclass(frozen=True)
class Source:
    """Where plugins are from.

    name: of the file, or of the package's entry point. digest: SHA-256 of the file, or of all Python files of the
    package. text: the bytes of the file, None of a package. records: what it defines.
    """

    name: str
    digest: str
    text: bytes | None
    records: tuple

    @property
    def defines(self):
        """Pairs (kind, name)."""
        return {(KIND_OF[type(record)], record.name) for record in self.records}


def use(source):
    """Take in the plugins of a Python file, or those that an installed package offers under a name: their records.

    source: a path that ends in .py, or the name of an entry point of the group "simcore.plugins". A file that has
    changed since it was used takes the place of what it was. Raises UsageError.
    """
    if Path(source).suffix == ".py":
        path = Path(source)
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise UsageError(f"{path}: is too large for a plugin; at most {_MOST_BYTES} bytes are read")
            text = path.read_bytes()
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({error.strerror}); give the path of a Python file") from error
        found = use_text(path.name, text, str(path))
    else:
        found = _adopt(*_of_package(str(source)))
    if str(source) not in errors.always:  # commands that people are told need it, too
        errors.always += ["--plugin", str(source)]
    return found


def use_text(name, text, path=None):
    """Take in the plugins of a file of this name, whose bytes are given. path: where it stands, for messages."""
    known = _of_bytes(hashlib.sha256(text).hexdigest())
    return known.records if known else _adopt(*_of_text(name, text, path))


def use_ordered(name, text):
    """Take in what another process orders: the name and the bytes of a file, None of a package. Sources of earlier
    orders give way, and a file of the same bytes goes by this name from here on. Raises UsageError."""
    same = _of_bytes(hashlib.sha256(text).hexdigest()) if text else _sources.get(name)
    if not same:
        source, module = _of_text(name, text) if text else _of_package(name)
        for other in [*_sources.values()]:
            if other.name != name and other.defines & source.defines:
                _drop(other)
        _adopt(source, module)
    elif same.name != name:
        if name in _sources:
            _drop(_sources[name])
        _rename(same, name)


def _of_text(name, text, path=None):
    """(the Source of a file, the name of its module)."""
    digest = hashlib.sha256(text).hexdigest()
    module = types.ModuleType(f"simcore_own_{digest[:16]}")  # by which machine code on disk finds it again
    module.__file__ = path or name
    with _blaming(module.__file__):
        sys.modules[module.__name__] = module
        exec(compile(text, module.__file__, "exec"), vars(module))
    return Source(name, digest, text, records.of_module(module, module.__file__)), module.__name__


def _of_bytes(digest):
    """The source in use that is a file of these bytes, whatever its name; None where there is none."""
    return next((source for source in _sources.values() if source.text and source.digest == digest), None)


def of_users(kind):
    """The names of the plugins of a kind that users have brought."""
    return [name for source in _sources.values() for own, name in sorted(source.defines) if own == kind]


def needed(study):
    """The sources that a study has something of, by name; its measures too."""
    return [*_of(study, study.measures)]


def inputs(study):
    """Name -> SHA-256 of the sources that stored numbers of a study depend on: its measures are none of these."""
    return {source.name: source.digest for source in _of(study, ())}


def _of(study, measures):
    chosen = [*study.errors, *study.contamination, *study.design, *measures]
    asked = {("problems", study.problem), *((choice.kind, choice.name) for choice in chosen)}
    asked |= {("losses" if choice.loss else "estimators", choice.name) for choice in study.estimators}
    return (source for _, source in sorted(_sources.items()) if asked & source.defines)


def words(study, run):
    """The options that name a study's plugins to a command that has its run directory: files by their copies there."""
    found = [Path(run) / "plugins" / source.name if source.text else source.name for source in needed(study)]
    return [word for source in found for word in ("--plugin", source)]


def refuse_lacking(wanted, run):
    """Raise UsageError where plugins that a run needs are not in use, or others. wanted: name -> SHA-256.

    A file in use that has the bytes of one of these, under another name, goes by that name from here on.
    """
    for name, digest in wanted.items():
        if name not in _sources and (same := _of_bytes(digest)):
            _rename(same, name)
    lacking = [name for name, digest in wanted.items() if name not in _sources or _sources[name].digest != digest]
    if lacking:
        told = ", ".join(f"{name}, SHA-256 {wanted[name][:12]}...{_instead(name)}" for name in lacking)
        copies = (Path(run) / "plugins" / name for name in lacking)
        paths = [copy if copy.is_file() else copy.name for copy in copies]
        options = shlex.join(word for path in paths for word in ("--plugin", str(path)))
        way = f"add {options} (in Python call sc.use) when you have looked at that code"
        if any(name in _sources for name in lacking):
            way = f"for other code, be it by a comment, give another --out, or the scenario another name; or {way}"
        raise UsageError(f"{run}: needs the plugins of {told}: {way}")


def _rename(source, name):
    _sources[name] = dataclasses.replace(_sources.pop(source.name), name=name)


def _instead(name):
    known = _sources.get(name)
    return f", not that of SHA-256 {known.digest[:12]}..." if known else ""


def blamed(error):
    """What went wrong in code of a user's plugin, as a message; None where an exception is not of such code."""
    place = _last_line(error, {getattr(sys.modules.get(name), "__file__", None) for name in jit.own_sources()})
    hint = "; lanes know no if, min or max: use select, minimum, maximum" * ("truth value of an array" in str(error))
    return place and "{}:{}: in {}".format(*place) + f": {type(error).__name__}: {error}{hint}"


def _of_package(name):
    """(the Source of what an installed package offers under a name, the name of the package)."""
    offered = {entry.name: entry for entry in metadata.entry_points(group=GROUP)}
    if name not in offered:
        known = f"; {unknown(name, offered)}" if offered else "; no installed package offers any"
        raise UsageError(f"{name}: is neither a file that ends in .py nor the plugins of an installed package{known}")
    entry = offered[name]
    with _blaming(entry.value):
        found = entry.load()
    package = sys.modules[entry.module.partition(".")[0]]
    file, whole = Path(package.__file__), hasattr(package, "__path__")
    digest = jit.digest_of(file.parent) if whole else hashlib.sha256(file.read_bytes()).hexdigest()
    read = records.of_module if isinstance(found, types.ModuleType) else records.checked
    return Source(name, digest, None, read(found, entry.value)), package.__name__


def _adopt(source, module):
    """Register what a source defines, over what it defined before."""
    old = _sources.get(source.name)
    if old and old.digest == source.digest:
        return old.records
    for kind, name in source.defines - (old.defines if old else set()):
        if name in plugins(kind):
            others = (other.name for other in _sources.values() if (kind, name) in other.defines)
            whose = next(others, "simcore itself")
            raise UsageError(f"{source.name}: {kind} already has {name!r}, of {whose}; choose another name")
    for kind, name in old.defines if old else ():
        del plugins(kind)[name]
    for record in source.records:
        plugins(KIND_OF[type(record)])[record.name] = record
    _sources[source.name] = source
    jit.own_source(module, source.digest)
    if old:
        _forget()
    return source.records


def _drop(source):
    for kind, name in source.defines:
        del plugins(kind)[name]
    del _sources[source.name]
    _forget()


@contextlib.contextmanager
def _blaming(where):
    """Within, what goes wrong is the fault of a user's code, and said so without a traceback."""
    try:
        yield
    except UsageError:
        raise
    except SyntaxError as error:
        raise UsageError(f"{where}:{error.lineno}: {error.msg}") from error
    except Exception as error:
        line = _last_line(error, {where})
        told = f"{type(error).__name__}: {error}{records.known_fields(error)}"
        raise UsageError(f"{where}{f':{line[1]}' if line else ''}: {told}") from error


def _last_line(error, files):
    """(file, line, function) where an exception left these files last; None where it was in none."""
    found = None
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename in files:
            found = frame.filename, frame.lineno, frame.name
    return found


def _forget():
    """Drop all that was worked out from a plugin that has been replaced: whatever simcore remembers of any."""
    for name, module in list(sys.modules.items()):
        if name.startswith("simcore.") and module is not jit:
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper) and value is not plugins:
                    value.cache_clear()
