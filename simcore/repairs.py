"""Putting right what is wrong in a run folder: nothing is thrown away, and exactly what is lost is computed anew."""

from pathlib import Path

from simcore import audit, engines, files, opening, restoring, rounds, signals, tidying
from simcore.findings import QUARANTINE, Repair
from simcore.meanwhile import Vanished
from simcore.results import Run, rendered
from simcore.runs import compute
from simcore.shelves import Broken
from simcore.store import FOLDERS, SUMMARY, writing


def repair(path, sample=3, threads=None, progress=None):
    """Verify, move what is wrong to the folder `quarantine`, compute exactly that anew, and write the summary again.

    Returns the Repair. Raises DamagedError where it cannot be known what the results are of, or another version of
    simcore made them; UsageError where there is no run; IncompleteError; `failures.FailedError` as `runs.run`.
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
        with engines.opened(threads=threads) as engine:
            done = compute(folder, _lost(folder, report), engine, progress)
        finished = not rounds.missing(folder)
        if finished:
            tidying.tidy(folder)
            restored += [SUMMARY] * _rewrite_summary(folder, moved)
        return Repair(report, record, tuple(restored), tuple(moved), tuple(done), finished)


def _moved(folder, found):
    """Whether a file was moved away: unless it is gone, or another repair has put a whole one in its place."""
    path = folder.path / found.name
    try:
        if found.what.startswith("is damaged"):
            folder.shelves[path.parent.name].read(path.name)
            return False
    except Vanished:
        return False
    except Broken:
        pass
    try:
        files.move(path, folder.path / QUARANTINE / Path(found.name).parent)
    except FileNotFoundError:
        return False
    return True


def _lost(folder, report):
    """A function: what `folder.present` says -> the blocks that are to be computed next. Those that were found lost,
    and then, of a run that was finished, what else is missing, which a precision knows only then."""
    lost = sorted({block for found in report.findings for block in found.blocks}, key=lambda own: (own.cell, own.first))

    def missing(present):
        blocks = [block for block in lost if (block.first, block.count) not in present.get(block.cell_key, ())]
        return blocks or (rounds.missing(folder, present) if report.finished else [])

    return missing


def _rewrite_summary(folder, moved):
    """Whether the summary was written anew; an older one that says something else is moved away."""
    summary = rendered(Run(folder).summary())
    with writing(folder.path):
        try:
            before = files.read(folder.path / SUMMARY)
        except OSError:
            before = None
        if before == summary:
            return False
        if before is not None:
            files.move(folder.path / SUMMARY, folder.path / QUARANTINE)
            moved.append(SUMMARY)
    folder.finish(summary)
    return True
