"""The record of a run that was lost or damaged, made again from its scenario.toml and the stamps of its files."""

import contextlib
import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcore import files, provenance, scenario
from simcore.errors import DamagedError, SimcoreError, UsageError
from simcore.findings import QUARANTINE
from simcore.shelves import Broken, Shelf, series, stamp_of
from simcore.store import FOLDERS, RECORD, SCENARIO, SUMMARY, RunFolder, there_is_a_run, writing


def restore(path):
    """Restore run.json where it needs it: whether it did. Replications are those of the summary; without one, those of
    the scenario, or that are there if they are more.

    Raises UsageError where there is no run, DamagedError where scenario.toml does not say what the results are of,
    IncompleteError.
    """
    try:
        provenance.read(path / RECORD)
        return False
    except provenance.Foreign:
        raise
    except DamagedError:
        folder = _folder(path, _stamps(path))
    if not folder.study.precision:
        replications = max(folder.reached(), _summarised(path) or folder.study.replications)
        folder = replace(folder, study=folder.study.with_changes(replications))
    with writing(path):
        if (path / RECORD).exists():
            files.move(path / RECORD, path / QUARANTINE)
        folder.update(RECORD, folder.record())
    return True


def _summarised(path):
    """How many replications a summary is of, None where it cannot be read."""
    try:
        file = pq.ParquetFile(path / SUMMARY, page_checksum_verification=True, pre_buffer=False)
        table = file.read(["n_ok", "n_failed"], use_threads=False)
        return pc.max(pc.add(table["n_ok"], table["n_failed"])).as_py()
    except (OSError, KeyError, pa.ArrowException):
        return None


def _stamps(path):
    """The different stamps of the files that are whole: folder -> stamps. Raises UsageError where there is no run,
    DamagedError where nothing is whole."""
    found = {name: set() for name in FOLDERS}
    for name, stamps in found.items():
        shelf = Shelf(path / name, path / "temporary", b"", frozenset())
        for own in shelf.listing().strange:
            with contextlib.suppress(Broken):
                stamps.add(stamp_of(shelf.read(own)))
    if found["blocks"]:
        return found
    if there_is_a_run(path):
        raise DamagedError(
            f"{path}: {RECORD} is damaged, and no result beside it is whole; there is nothing to save: remove that "
            "directory and run the scenario again"
        )
    raise UsageError(f"{path}: not a run directory; give results/<study name>")


def _folder(path, stamps):
    """The folder of the study in scenario.toml, if that is what a stamp is of; the other stamps of the same origin are
    of before it was extended."""
    try:
        study = scenario.load(path / SCENARIO)
        for stamp in sorted(stamps["blocks"]):
            origin = _origin(stamp)
            seeded = study.with_changes(seed=origin["seed"])
            own = provenance.stamps(seeded, origin)
            if own["blocks"] == stamp:
                return RunFolder(path, seeded, origin, {name: _before(own[name], stamps[name]) for name in FOLDERS})
    except SimcoreError as error:
        raise DamagedError(
            f"{path}: neither {RECORD} nor {SCENARIO} can be read; copy the scenario file there as {SCENARIO}, and "
            f"simcore repair {path} goes on\n{error}"
        ) from error
    raise DamagedError(
        f"{path}: its results are not of its {SCENARIO}; copy the scenario file they are of there as {SCENARIO}"
    )


def _before(own, stamps):
    """The series of stamps of the same kind and origin: of the study before it was extended."""
    same = (one for one in stamps - {own} if json.loads(one).keys() == json.loads(own).keys())
    return frozenset(series(one) for one in same if _origin(one) == _origin(own))


def _origin(stamp):
    """What a stamp says of all that numbers depend on beside the scenario."""
    return {name: value for name, value in json.loads(stamp).items() if name in provenance.ORIGIN}
