"""Putting right what is wrong in a run folder: nothing is thrown away, and exactly what is lost is computed anew."""

from pathlib import Path

from simcore import audit, files, jit, opening, restoring, rounds, signals, tidying
from simcore.engines import local
from simcore.errors import DamagedError
from simcore.findings import QUARANTINE, Repair
from simcore.runs import Run
from simcore.store import FOLDERS, RECORD, SCENARIO, writing


def repair(path, sample=3, threads=None, progress=None):
    """Verify, move what is wrong to the folder `quarantine`, compute exactly that anew, and write the summary again.

    Returns the Repair. Raises DamagedError where it cannot be known what the results are of, or another version of
    simcore made them; UsageError where there is no run; IncompleteError.
    """
    path = Path(path)
    with signals.stoppable():
        restored = [RECORD] if restoring.restore(path) else []
        folder = opening.open_folder(path)
        if folder.origin["code"] != jit.source_digest():
            raise DamagedError(f"{path}: was made by another version of simcore; repair it with that one")
        report = audit.verify(path, sample, threads)
        moved = sorted({found.name for found in report.findings} - {SCENARIO, *FOLDERS})
        with writing(path):
            folder.unchanged()
            for name in moved:
                files.move(path / name, (path / QUARANTINE / name).parent)
            restored += [SCENARIO] * folder.update(SCENARIO, folder.study.text.encode())
        computed = tuple(_computed(folder, report, threads, progress))
        finished = not rounds.missing(folder)
        if finished:
            tidying.tidy(folder)
            Run(folder).write_summary()
        return Repair(report, tuple(restored), tuple(moved), computed, finished)


def _computed(folder, report, threads, progress):
    """Yields the blocks that findings name, once they are computed anew; and of a finished run what is missing then,
    for a precision says that only of whole blocks."""
    todo = sorted({found.block for found in report.findings if found.block}, key=lambda own: (own.cell, own.first))
    while todo := todo or (rounds.missing(folder) if report.summarised else []):
        for done, block in enumerate(local.run(folder.study, todo, folder.commit, threads), 1):
            yield block
            if progress is not None:
                progress(done, len(todo), block)
        todo = []
