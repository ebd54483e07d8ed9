"""Putting right what is wrong in a run folder: nothing is thrown away, and exactly what is lost is computed anew."""

from pathlib import Path

from simcore import audit, files, opening, restoring, rounds, signals, tidying
from simcore.engines import local
from simcore.findings import QUARANTINE, Repair
from simcore.runs import Run, as_arrow
from simcore.shelves import Broken, parquet
from simcore.store import FOLDERS, SUMMARY, writing


def repair(path, sample=3, threads=None, progress=None):
    """Verify, move what is wrong to the folder `quarantine`, compute exactly that anew, and write the summary again.

    Returns the Repair. Raises DamagedError where it cannot be known what the results are of, or another version of
    simcore made them; UsageError where there is no run; IncompleteError.
    """
    path = Path(path)
    with signals.stoppable():
        record = restoring.restore(path)
        folder = opening.open_folder(path)
        folder.refuse_other_code("repair")
        report, restored = audit.verify(path, sample, threads), []
        wrong = {found.name: found for found in report.findings if found.name not in FOLDERS}
        with writing(path):
            folder.unchanged()
            moved = [name for name in sorted(wrong) if _moved(folder, wrong[name])]
            restored += [name for name, text in folder.texts().items() if folder.update(name, text)]
        lost = {block for found in report.findings for block in found.blocks}
        done = _compute(folder, sorted(lost, key=lambda block: (block.cell, block.first)), threads, progress)
        while report.summarised and (missing := rounds.missing(folder)):  # which a precision knows only now
            done += _compute(folder, missing, threads, progress)
        finished = not rounds.missing(folder)
        if finished:
            tidying.tidy(folder)
            restored += [SUMMARY] * _summarised(folder, moved)
        return Repair(report, record, tuple(restored), tuple(moved), tuple(done), finished)


def _moved(folder, found):
    """Whether a file was moved away: unless it is gone, or another repair has put a whole one in its place."""
    path = folder.path / found.name
    try:
        if found.what.startswith("is damaged"):
            folder.shelves[path.parent.name].read(path.name)
            return False
    except Broken:
        pass
    try:
        files.move(path, folder.path / QUARANTINE / Path(found.name).parent)
    except FileNotFoundError:
        return False
    return True


def _compute(folder, blocks, threads, progress):
    done = []
    for block in local.run(folder.study, blocks, folder.commit, threads):
        done.append(block)
        if progress is not None:
            progress(len(done), len(blocks), block)
    return done


def _summarised(folder, moved):
    """Whether the summary was written anew; an older one that says something else is moved away."""
    table = Run(folder).summary()
    with writing(folder.path):
        try:
            before = files.read(folder.path / SUMMARY)
        except OSError:
            before = None
        if before == parquet(as_arrow(table)):
            return False
        if before is not None:
            files.move(folder.path / SUMMARY, folder.path / QUARANTINE)
            moved.append(SUMMARY)
    folder.finish(as_arrow(table))
    return True
