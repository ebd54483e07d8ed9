"""The record of a run that was lost or damaged, made again from its scenario.toml and the stamps of its files."""

import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcore import files, provenance, scenario
from simcore.errors import DamagedError, SimcoreError, UsageError
from simcore.shelves import Broken, Shelf, stamp_of
from simcore.store import FOLDERS, RunFolder


def restore(path):
    """Restore run.json where it needs it: whether it did. Replications are those of the summary; without one, those of
    the scenario, or that are there if they are more.

    Raises UsageError where there is no run, DamagedError where scenario.toml does not say what the results are of.
    """
    try:
        provenance.read(path / "run.json")
        return False
    except DamagedError as error:
        stamps = _stamps(path)
        if not stamps:
            gone = not (path / "run.json").exists()
            raise (UsageError(f"{path}: not a run directory; give results/<study name>") if gone else error) from None
    folder = _folder(path, stamps)
    if not folder.study.precision:
        replications = max(folder.reached(), _summarised(path) or folder.study.replications)
        folder = RunFolder(path, folder.study.with_changes(replications), folder.origin, folder.earlier)
    if (path / "run.json").exists():
        files.move(path / "run.json", path / "quarantine" / "run.json")
    folder.update("run.json", folder.record())
    return True


def _summarised(path):
    """How many replications a summary is of, None where it cannot be read."""
    try:
        file = pq.ParquetFile(path / "summary.parquet", page_checksum_verification=True, pre_buffer=False)
        table = file.read(["n_ok", "n_failed"], use_threads=False)
        return pc.max(pc.add(table["n_ok"], table["n_failed"])).as_py()
    except (OSError, KeyError, pa.ArrowException):
        return None


def _stamps(path):
    """The different stamps of the block files that are whole."""
    shelf, found = Shelf(path / "blocks", path / "temporary", b"", frozenset()), set()
    for name in shelf.listing().strange:
        try:
            found.add(stamp_of(shelf.read(name)))
        except Broken:
            continue
    return found


def _folder(path, stamps):
    """The folder of the study in scenario.toml, if that is what a stamp is of."""
    try:
        study = scenario.load(path / "scenario.toml")
        for stamp in stamps:
            origin = {name: value for name, value in json.loads(stamp).items() if name in provenance.ORIGIN}
            seeded = study.with_changes(seed=origin["seed"])
            if provenance.stamps(seeded, origin)["blocks"] == stamp:
                return RunFolder(path, seeded, origin, dict.fromkeys(FOLDERS, frozenset()))
    except SimcoreError as error:
        raise DamagedError(f"{path}: neither run.json nor scenario.toml can be read; restore one\n{error}") from error
    raise DamagedError(f"{path}: its results are not of its scenario.toml; restore that, or run.json")
