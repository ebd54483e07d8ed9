"""Running, opening and reading studies: what the command line and the Python API have in common."""

import contextlib
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

from simcore import design, rounds, scenario
from simcore.engines import local
from simcore.errors import IncompleteError, Stopped, UsageError
from simcore.registry import plugins


@dataclass(frozen=True)
class Run:
    """A run directory. `folder` is its `store.RunFolder`, `table` its summary where that was just computed."""

    folder: object
    table: object = None

    @property
    def path(self):
        return self.folder.path

    @property
    def study(self):
        return self.folder.study

    def summary(self, plain=False):
        """The long table of the results, a pandas.DataFrame: one row per cell x estimator x parameter x measure.

        plain: with columns plain_value and plain_mcse, the same without the control variate. Raises IncompleteError
        while blocks are missing, DamagedError where a file is not what was written.
        """
        from simcore import summaries

        if self.table is not None and not plain:
            return self.table.copy()
        return summaries.summarise(self.study, self._parts(), plain)

    def comparisons(self, measure="mse"):
        """Paired differences of loss between any two estimators of a cell, a pandas.DataFrame: see `comparisons`."""
        from simcore import comparisons

        if self._exact:
            raise UsageError(f"{self.study.name}: there is nothing to compare, for nothing is random; see the summary")
        return comparisons.compare(self.study, self._parts(), measure)

    def _parts(self):
        """(cell, total of its sums, kept errors or None) of each cell, one after the other; none of exact problems."""
        from simcore import sums

        if self._exact:
            return
        missing = rounds.missing(self.folder)
        if missing:
            raise IncompleteError(
                f"{self.path}: {len(missing)} blocks are missing; finish with: simcore run "
                f"{self.path / 'scenario.toml'} --out {self.path.parent} --replications {self.study.replications} "
                f"--seed {self.study.seed}"
            )
        present = self.folder.present()
        for cell in design.cells(self.study):
            own = present[cell.key]
            reached = design.reach(cell, own)
            total = sums.total(self.folder.read_nodes(cell, own, reached), design.chunk_size(cell.size))
            yield cell, total, self.folder.read_errors(cell, own, reached) if self.study.keep else None

    @property
    def _exact(self):
        return plugins("problems")[self.study.problem].exact is not None

    def write_summary(self):
        """Recompute summary.parquet from the blocks and return the table."""
        import pyarrow as pa

        table = self.summary()
        arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata()
        self.folder.write_table("summary.parquet", arrow)
        return table


def run(study, out="results", threads=None, replications=None, seed=None, progress=None):
    """Compute what is missing of a study, summarise it, and return the Run.

    study: a Study or the path of a scenario file. threads: None for every CPU of this process. progress: called with
    (finished blocks, all blocks, Block) after each block. Ctrl-C or SIGTERM stops after the call in flight, a fraction
    of a second once kernels are compiled; finished blocks are kept, and the same call goes on from there. Raises
    ScenarioError, UsageError, DamagedError, Stopped.
    """
    from simcore.store import RunFolder

    if threads is not None and threads < 1:
        raise UsageError(f"threads: must be at least 1 (got {threads})")
    if not isinstance(study, scenario.Study):
        study = scenario.load(study)
    if replications is not None or seed is not None:
        study = study.with_changes(replications, seed)
    design.blocks(study)  # refuses a study that cannot be meant, before anything is written
    folder = RunFolder.create(out, study)
    with _stop_signals() as stop:
        while missing := rounds.missing(folder):
            (folder.path / "summary.parquet").unlink(missing_ok=True)  # of fewer replications
            done = folder.blocks_stored()
            total = done + len(missing)
            for block in local.run(study, missing, folder.commit, threads, stop.is_set):
                done += 1
                if progress is not None:
                    progress(done, total, block)
    return Run(folder, Run(folder).write_summary())


def open_run(path):
    """The Run in a directory, `results/<study name>`. Raises UsageError where there is none."""
    from simcore.store import RunFolder

    return Run(RunFolder.open(path))


def plot(run, folder=None):
    """Draw every figure the factors of a run allow, as SVG, PNG and PDF; returns name -> matplotlib Figure."""
    from simcore import curves

    if not isinstance(run, Run):
        run = open_run(run)
    folder = Path(folder) if folder is not None else run.path / "figures"
    return curves.draw(run.summary(), folder, run.study.title or None)


@contextlib.contextmanager
def _stop_signals():
    """An Event that SIGINT, SIGTERM and SIGUSR1 set; the one that came is its `signal_number`.

    A second SIGINT acts at once.
    """
    stop = threading.Event()
    stop.signal_number = None
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number, _frame):
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.signal_number = number
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield stop
    except Stopped:
        if stop.signal_number == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
