"""The record of a run that was lost or damaged, made again from its scenario.toml and the stamps of its files."""

import contextlib
import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcore import design, files, own, provenance, scenario
from simcore.errors import DamagedError, SimcoreError, command
from simcore.findings import QUARANTINE
from simcore.meanwhile import Vanished, settled
from simcore.opening import copies, no_run
from simcore.shelves import Broken, Shelf, places_in, series, stamp_of
from simcore.store import FOLDERS, RECORD, SCENARIO, SUMMARY, RunFolder, there_is_a_run, writing


@settled(Vanished)
def restore(path):
    """Restore run.json where it needs it: what it says now, in words, or None. Replications are those of the summary;
    without one, those of the scenario, or that are there if they are more.

    Raises UsageError where there is no run or plugins that it needs are not in use, DamagedError where scenario.toml
    does not say what the results are of, IncompleteError.
    """
    try:
        provenance.read(path / RECORD)
        return None
    except provenance.Foreign:
        raise
    except DamagedError:
        folder = _folder(path, _stamps(path))
    folder.refuse_other_code("repair")
    if not folder.study.precision:
        replications = max(folder.reached(), _replications_of_summary(path) or folder.study.replications)
        folder = replace(folder, study=folder.study.with_changes(replications))
    with writing(path):
        if (path / RECORD).exists():
            files.move(path / RECORD, path / QUARANTINE)
        folder.update(RECORD, folder.record())
    return f"of seed {folder.study.seed} and {folder.study.replications} replications per cell"


def _replications_of_summary(path):
    """How many replications a summary is of, None where it cannot be read."""
    try:
        file = pq.ParquetFile(path / SUMMARY, page_checksum_verification=True, pre_buffer=False)
        table = file.read(["n_ok", "n_failed"], use_threads=False)
        return pc.max(pc.add(table["n_ok"], table["n_failed"])).as_py()
    except (OSError, KeyError, pa.ArrowException):
        return None


def _stamps(path):
    """The different stamps of the files that are whole: folder -> stamp -> names. Raises UsageError where there is no
    run, DamagedError where nothing is whole."""
    found = {name: {} for name in FOLDERS}
    for name, stamps in found.items():
        shelf = Shelf(path / name, path / "temporary", b"", frozenset())
        for entry in shelf.listing().strange:
            with contextlib.suppress(Broken):
                stamp = stamp_of(shelf.read(entry))
                if _origin(stamp):
                    stamps.setdefault(stamp, []).append(entry)
    if found["blocks"]:
        return found
    if there_is_a_run(path):
        raise DamagedError(
            f"{path}: {RECORD} is damaged, and no result beside it is whole; there is nothing to save: remove that "
            "directory and run the scenario again"
        )
    raise no_run(path)


def _folder(path, stamps):
    """The folder of the study in scenario.toml, if that is what exactly one stamp is of; other stamps of the same
    origin, of cells that the study has, are of before it was extended."""
    found = []
    try:
        study = scenario.load(path / SCENARIO)
        for stamp in sorted(stamps["blocks"]):
            origin = _origin(stamp)
            seeded = study.with_changes(seed=origin["seed"])
            if provenance.stamps(seeded, origin)["blocks"] == stamp:
                found.append((seeded, origin))
    except SimcoreError as error:
        own.refuse_lacking(copies(path), path)  # which may be what is unknown in it
        raise DamagedError(
            f"{path}: neither {RECORD} nor {SCENARIO} can be read; copy the scenario file there as {SCENARIO}, and "
            f"{command('repair', path)} goes on\n{error}"
        ) from error
    if not found:
        raise DamagedError(
            f"{path}: its results are not of its {SCENARIO}; copy the scenario file they are of there as {SCENARIO}"
        )
    if len(found) > 1:
        told = "; ".join(f"seed {origin['seed']}, code {origin['code'][:12]}" for _, origin in found)
        raise DamagedError(
            f"{path}: has results of more than one run of its {SCENARIO} ({told}), and no {RECORD} says which it is; "
            "move those of the others away"
        )
    ((study, origin),) = found
    data = {choice.label for choice in (*study.errors, *study.design)}
    plugins = {name: digest for name, digest in origin.get("inputs", {}).items() if name not in data}
    own.refuse_lacking(plugins, path)
    return RunFolder(path, study, origin, {name: _before(path / name, study, origin, stamps[name]) for name in FOLDERS})


def _before(folder, study, origin, stamps):
    """The series of stamps of the same kind and origin, of files that have cells of the study."""
    own, keys = provenance.stamps(study, origin)[folder.name], {cell.key for cell in design.cells(study)}
    found = set()
    for stamp in stamps.keys() - {own}:
        same = json.loads(stamp).keys() == json.loads(own).keys() and _origin(stamp) == origin
        if same and keys.issuperset(place.cell for name in stamps[stamp] for place in places_in(folder, name)):
            found.add(series(stamp))
    return frozenset(found)


def _origin(stamp):
    """What a stamp says of all that numbers depend on beside the scenario, None where it says nothing of the kind."""
    try:
        found = json.loads(stamp)
        origin = {name: found[name] for name in provenance.ORIGIN if name != "inputs" or name in found}
    except (ValueError, TypeError, KeyError):
        return None
    return origin if isinstance(found, dict) else None
