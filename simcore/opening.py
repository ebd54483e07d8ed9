"""Which run folder belongs to a study: that of the same scenario content, code, stream version and numeric policy, or
one that the study only adds to. Anything else is refused, field by field."""

import contextlib
from dataclasses import replace
from pathlib import Path

from simcore import files, nearest, own, provenance
from simcore.errors import DamagedError, UsageError, command
from simcore.meanwhile import Changed, Vanished, settled
from simcore.shelves import series
from simcore.store import FOLDERS, RECORD, SCENARIO, SUMMARY, RunFolder, there_is_a_run, writing


@settled(Vanished, Changed)
def create(out, study, file="SCENARIO", option=None):
    """The folder `out/<study name>`, new or of the same content. file: of the scenario, option: of the command at hand
    that has `extend` called instead, both for messages.

    Raises DamagedError where it belongs to another study, UsageError where it cannot be made or has more replications
    already, IncompleteError where it cannot be written.
    """
    path = Path(out) / study.name
    folder = open_folder(path) if there_is_a_run(path) else _new(path, study)
    lines, adds = _differences(folder, study)
    if lines:
        ways = " or ".join(filter(None, (option, command("extend", file, "--out", out))))
        raise _of_another(path, lines, f"add what is new with {ways}, or " if adds else "")
    return _recorded(folder, study)


@settled(Vanished, Changed)
def extend(path, study):
    """The folder for a study that only adds to that of the folder. Raises as `create` and `open_folder` do."""
    return _recorded(_to_extend(path, study), study)


def foreseen(path, study):
    """The folder as `extend` will have it; nothing is written. Raises as `open_folder` does, and DamagedError where it
    belongs to another study."""
    return _seen_as(_to_extend(path, study), study)


def _to_extend(path, study):
    """The folder as it is, which the study only adds to."""
    there = open_folder(path)
    lines, adds = _differences(there, study)
    if lines and not adds:
        raise _of_another(path, lines)
    return there


def open_folder(path):
    """The folder of a run, of an older simcore too. Raises UsageError where there is none, DamagedError."""
    path = Path(path)
    if not there_is_a_run(path):
        with contextlib.suppress(OSError):
            _refuse_orphans(path)
        raise no_run(path)
    record, written = provenance.read(path / RECORD)
    study = provenance.study_of(record, path / RECORD)
    origin = {name: record[name] for name in provenance.ORIGIN if name in record}
    lines, _ = provenance.differences(study, study, (origin, origin | provenance.inputs(study)))
    if lines:
        raise _of_another(path, lines)
    return RunFolder(path, study, origin, {name: frozenset(record["earlier"][name]) for name in FOLDERS}, written)


def no_run(path):
    """The UsageError where there is no run, with what helps: a run that has lost its record and has no blocks, as that
    of an exact problem, is made again from its scenario. Raises UsageError where that needs plugins."""
    hint = nearest.run_directory(path) or "give results/<study name>"
    if (path / SCENARIO).is_file():
        own.refuse_lacking(copies(path), path)
        out = (path if path.name else path.absolute()).parent
        hint = f"{command('run', path / SCENARIO, '--out', out)} makes it again"
    return UsageError(f"{path}: not a run directory (no {RECORD}); {hint}")


def copies(path):
    """The copies of users' plugins in a run directory, as far as they can be read: name -> SHA-256."""
    found = {}
    for copy in sorted((path / "plugins").glob("*.py")):
        with contextlib.suppress(OSError):
            found[copy.name] = files.sha256(files.read(copy))
    return found


def _new(path, study):
    """A new folder, or the one that another process has made at this moment."""
    folder = RunFolder(path, study, provenance.origin(study), dict.fromkeys(FOLDERS, frozenset()))
    folder = replace(folder, written=folder.record())
    try:
        _refuse_orphans(path)
        files.make_folder(path / "blocks")
        made = files.put(path / RECORD, folder.written, path / "temporary")
    except OSError as error:
        why = error.strerror or error
        raise UsageError(f"{path}: cannot write results here ({why}); choose another --out") from error
    return folder if made else open_folder(path)


def _seen_as(there, study):
    """The folder for a study that it may hold: what it has of others is of before an extension."""
    origin = provenance.origin(study)
    stamps = provenance.stamps(study, origin)
    earlier = {
        name: (there.earlier[name] | {shelf.series}) - {series(stamps[name])} for name, shelf in there.shelves.items()
    }
    return RunFolder(there.path, study, origin, earlier, there.written)


def _recorded(there, study):
    """The folder for a study that it may hold, its record brought up to date."""
    folder = _seen_as(there, study)
    _refuse_fewer(folder, there.study.replications)
    with writing(folder.path):
        if (record := folder.record()) != there.record():
            there.unchanged()
            files.remove(folder.path / SUMMARY)  # first: blocks that are lacking now are not lost ones
            files.replace(folder.path / RECORD, record, folder.path / "temporary")
            folder = replace(folder, written=record)
        for name, text in folder.texts().items():
            folder.update(name, text)
    return folder


def _refuse_fewer(folder, replications):
    """Raise UsageError where the study asks for fewer replications than are there."""
    if folder.study.precision is not None:
        return  # which goes on from whatever is there
    most = folder.reached() or replications
    if most > folder.study.replications:
        raise UsageError(
            f"{folder.path}: has {most} replications of a cell already; ask for at least as many "
            f"(--replications {most}, got {folder.study.replications}), or choose another --out"
        )


def _differences(there, study):
    return provenance.differences(there.study, study, (there.origin, provenance.origin(study)))


def _of_another(path, lines, hint=""):
    return DamagedError(
        f"{path}: holds results of something else; what sets them apart:\n"
        + "".join(f"  {line}\n" for line in lines)
        + f"{hint}choose another --out, another name, or remove that directory"
    )


def _refuse_orphans(path):
    """Raise DamagedError where there are results of which nothing says what they are, OSError."""
    if any(files.names(path / name) for name in FOLDERS):
        if there_is_a_run(path):
            raise Changed(f"{path}: another process has just made it; run the same command again")
        raise DamagedError(f"{path}: has results, but no {RECORD}; {command('repair', path)} restores it")
