"""Computing, extending and merging runs: what the command line and the Python API have in common."""

import contextlib
from pathlib import Path

from simcore import design, engines, failures, footprint, opening, own, rounds, scenario, shards, signals, tidying
from simcore.errors import UsageError
from simcore.meanwhile import Vanished, settled
from simcore.results import Run, open_run
from simcore.store import there_is_a_run, writing


def run(
    study,
    out="results",
    threads=None,
    replications=None,
    seed=None,
    progress=None,
    shard=None,
    engine="local",
    file=None,
):
    """Compute what is missing of a study, summarise it, and return the Run.

    study: a Study or the path of a scenario file. threads: None for every CPU of this process. progress: called with
    (finished blocks, all blocks, Block) after each block. shard: "I/N", the I-th of N parts of the work alone, after
    which nothing is summarised; `merge` does that when all are done, and any may be computed at once, or again.
    engine: "dask" for a process on each CPU, or the workers of a distributed.Client, or of the scheduler at an address;
    no bit depends on it. file: of a Study that was read from one, for messages.

    Ctrl-C, SIGTERM, SIGHUP or SIGUSR1 stops after the call of a kernel in flight, a fraction of a second; finished
    blocks are kept, and the same call goes on from there. Raises ScenarioError, UsageError, DamagedError, Stopped, and
    IncompleteError where the disk does not take the results or a scheduler is lost, and `failures.FailedError` in the
    end, where some blocks could not be computed.
    """
    if not isinstance(study, scenario.Study):
        file, study = study, scenario.load(study)
    if replications is not None or seed is not None:
        study = study.with_changes(replications, seed)
    if shard is not None:
        shard = shards.parse(shard)
        shards.refuse_exact(study, "--shard")
    _refuse(study, out, threads, engine)
    with signals.stoppable(), engines.opened(engine, threads) as engine:
        folder = opening.create(out, study, file or "SCENARIO")
        if shard is None:
            return _finished(folder, engine, progress)
        _compute(folder, lambda present: shards.missing(folder, shard, present), engine, progress)
        return Run(folder)


def merge(path):
    """Summarise a run whose blocks are all there, whatever computed them, and return the Run. Raises IncompleteError
    while some are missing, DamagedError."""
    with signals.stoppable():
        return _merged(opening.open_folder(path))


def extend(study, out="results", threads=None, replications=None, progress=None):
    """Go on from the results of a study that this one only adds to: replications, cells, estimators. Returns the Run.

    What was there keeps every bit. study: a Study, the path of a scenario file, or a run directory, to which
    `replications` are added. New estimators need all samples again, and what the others make of them is compared with
    what it was. Raises as `run` does, and UsageError where there is nothing to extend.
    """
    if not isinstance(study, scenario.Study):
        if Path(study).is_dir():
            path = Path(study).absolute()
            out, study = path.parent, open_run(path).study
            if path.name != study.name:
                raise UsageError(f"{path}: is a copy of the run {study.name!r}; extend it under that name")
        else:
            study = scenario.load(study)
    path = Path(out) / study.name
    if not there_is_a_run(path):
        raise UsageError(f"{path}: there is no run to extend; start it with simcore run")
    if replications is not None:
        study = study.with_changes(replications)
    _refuse(study, out, threads)
    with signals.stoppable(), engines.opened(threads=threads) as engine:
        return _finished(opening.extend(path, study), engine, progress)


def _refuse(study, out, threads, engine="local"):
    """Refuse what cannot be meant or cannot fit, before anything is written."""
    if threads is not None and not (isinstance(threads, int) and threads >= 1):
        raise UsageError(f"threads: must be a whole number, at least 1 (got {threads!r})")
    for source in own.needed(study):
        from simcore.contracts import lacking

        for record in source.records:
            lacking.refuse(record)
    design.count_blocks(study)
    footprint.refuse(study, threads, Path(out) / study.name, engines.workers(engine, threads))


def _finished(folder, engine, progress):
    """The Run of a folder, all that was missing computed."""
    _compute(folder, lambda present: rounds.missing(folder, present), engine, progress)
    return _merged(folder)


def _compute(folder, missing, engine, progress):
    """As `compute`; a summary of less than there will be is taken away before."""

    def unfinished(present):
        if blocks := missing(present):
            folder.unfinish()
        return blocks

    compute(folder, unfinished, engine, progress)


def compute(folder, missing, engine, progress=None):
    """Compute and store blocks in a run folder, round by round, until none is missing but those that failed; returns
    those that were stored.

    missing: a function of what `folder.present` says, the blocks of the next round. engine: as `engines.opened` gives
    it. progress: see `run`. Raises FailedError, and what `run` raises of that.
    """
    failed, done = {}, []

    def fail(block, why):
        with writing(folder.path):
            failed[block] = failures.record(folder.path, block, why)

    @settled(Vanished)
    def next_round():
        present = folder.present()
        return [block for block in missing(present) if block not in failed], sum(map(len, present.values()))

    while True:
        blocks, stored = next_round()
        if not blocks:
            break
        with contextlib.closing(engine(folder.study, blocks, folder.commit, fail)) as finished:
            for count, block in enumerate(finished, stored + 1):
                done.append(block)
                if progress is not None:
                    progress(count, stored + len(blocks), block)
    if failed:
        raise failures.FailedError(folder.path, failed.values())
    return done


def _merged(folder):
    """The Run of a folder with all its blocks, summarised."""
    run = Run(folder)
    run.refuse_incomplete()
    tidying.tidy(folder)
    return Run(folder, run.write_summary())
