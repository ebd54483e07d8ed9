"""A run directory and what it says: its numbers as tables, kept estimates, comparisons, figures, a page."""

import itertools
from dataclasses import dataclass
from pathlib import Path

from simcore import design, opening, rounds
from simcore.errors import DamagedError, IncompleteError, SimcoreError, UsageError
from simcore.meanwhile import Vanished, settled
from simcore.registry import plugins
from simcore.shelves import parquet


@dataclass(frozen=True, repr=False)
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

    def summary(self, measure=None, *, plain=False):
        """The long table of the results, a pandas.DataFrame: one row per cell x estimator x parameter x measure.

        measure: only that one, by its name or label. plain: with columns plain_value and plain_mcse, the same without
        the control variate. Raises UsageError, IncompleteError while blocks are missing, DamagedError where a file is
        not what was written.
        """
        from simcore import summaries

        if measure is not None:
            labels = summaries.measures_named(measure, self.study)
        if self.table is not None and not plain:
            table = self.table.copy()
        else:
            table = summaries.summarise(self.study, self.parts(), plain)
        return table if measure is None else table[table["measure"].isin(labels)].reset_index(drop=True)

    def estimates(self):
        """Every estimate, of a study with `keep`: yields (cell, estimates, states) of each `design.Cell`, in order.

        estimates: float64 (targets, replications), a row for each parameter of each estimator, NaN where a fit failed;
        states: uint32, their codes, see `codes`. Raises UsageError where none were kept, and as `summary` does.
        """
        if not self.study.keep:
            raise UsageError(f'{self.path}: kept no estimates; write keep = "estimates" into the scenario')
        yield from self.by_cell(lambda cell, *own: (cell, *self.folder.read_kept(cell, *own)))

    def comparisons(self, measure="mse"):
        """Paired differences of loss between any two estimators of a cell, a pandas.DataFrame: see `comparisons`."""
        from simcore import comparisons

        if self._exact:
            raise UsageError(f"{self.study.name}: there is nothing to compare, for nothing is random; see the summary")
        return comparisons.compare(self.study, self.parts(), measure)

    def wide(self):
        """The summary with one row per cell x estimator x parameter, a pandas.DataFrame: for each measure the columns
        `bias`, `bias_mcse` and `bias_status`, null where it is undefined. Raises as `summary` does."""
        from simcore import wide

        return wide.widened(self.summary())

    def to_arrow(self):
        """The summary as a pyarrow.Table, with the schema of summary.parquet. Raises as `summary` does."""
        return as_arrow(self.summary())

    def __repr__(self):
        return self._card().text()

    def _repr_html_(self):
        return self._card().html()

    def _card(self):
        """Its first cells, or why there is nothing to show, on a `cards.Card`."""
        from simcore import first_look

        try:
            table = self._first_cells(first_look.cells_shown(self.study))
            why = "summary() has the table, and sc.plot draws it"
        except SimcoreError as error:
            table, why = None, str(error)
        return first_look.card(self.study, self.path, table, why)

    def _first_cells(self, count):
        """The summary of so many cells; None of an exact problem, whose numbers are curves and take long."""
        from simcore import summaries

        if self._exact:
            return None
        if self.table is not None:
            return self.table[self.table["cell"] < count]
        return summaries.summarise(self.study, itertools.islice(self.parts(), count))

    def parts(self, only=None):
        """(cell, total of its sums, kept errors or None) of each cell, or of those of certain numbers, one after the
        other; none of exact problems."""
        from simcore import sums

        def read(cell, *own):
            total = sums.total(self.folder.read_nodes(cell, *own), design.chunk_size(cell.size))
            return cell, total, self.folder.read_errors(cell, *own) if self.study.keep else None

        if not self._exact:
            yield from self.by_cell(read, only)

    def by_cell(self, read, only=None):
        """Yields read(cell, own, stop) of each cell, or of those of certain numbers: own is what `RunFolder.present`
        says of the cell, stop how many replications it has. Raises as `refuse_incomplete`.

        A cell of which a file has vanished is read again from its beginning, from the files that are there now: all
        that is read of it is of one moment.
        """
        latest = []

        @settled(Vanished)
        def of(cell):
            present = latest.pop() if latest else self._whole()
            own = present[cell.key]
            found = read(cell, own, design.reach(cell, own))
            latest.append(present)  # for the next cell, unless a file has vanished
            return found

        yield from (of(cell) for cell in design.cells(self.study) if only is None or cell.number in only)

    def _whole(self):
        """What `RunFolder.present` says, where nothing is missing."""
        present = self.folder.present()
        self.refuse_incomplete(present)
        return present

    def refuse_incomplete(self, present=None):
        """Raise IncompleteError where blocks are missing, DamagedError where they were there once. present: what the
        folder says of that, if it was asked."""
        if not self._exact and (missing := rounds.missing(self.folder, present)):
            raise self._lacking(missing)

    def _lacking(self, missing):
        told = design.told(missing)
        if self.folder.summarised:
            return DamagedError(f"{self.path}: lost: {told}; {self.folder.remedy('computes them anew')}")
        return IncompleteError(f"{self.path}: missing: {told}; {self.folder.going_on()}")

    @property
    def _exact(self):
        return plugins("problems")[self.study.problem].exact is not None

    def write_summary(self):
        """Recompute summary.parquet from the blocks and return the table. Raises DamagedError where another version of
        simcore made them."""
        self.folder.refuse_other_code("summarise")
        table = self.summary()
        self.folder.finish(rendered(table))
        return table


def as_arrow(table):
    """A pandas.DataFrame as a pyarrow.Table that is nothing but its columns."""
    import pyarrow as pa

    return pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata()


def rendered(table):
    """The bytes of a summary as it is stored."""
    return parquet(as_arrow(table))


def open_run(path):
    """The Run in a directory, `results/<study name>`. Raises UsageError where there is none."""
    return Run(opening.open_folder(path))


def as_run(run):
    """A Run as it is, or that of the path of a run directory. Raises as `open_run` does."""
    return run if isinstance(run, Run) else open_run(run)


def report(run, path=None):
    """Write a page about a finished run and return its path.

    run: a Run or the path of a run directory. path: of the page, `report.html` in that directory by default. Raises
    IncompleteError while blocks are missing, DamagedError, and UsageError where the page cannot be written.
    """
    from simcore.reporting.reports import Report

    return Report.of(as_run(run)).write(path)


def plot(run, folder=None, kinds=None, measures=None, style="paper", progress=None):
    """Draw the figures that the factors of a run suit, as SVG, PNG and PDF; returns name -> matplotlib Figure.

    kinds: names of `sources.KINDS`, or "all"; None: those that suit. measures: by name, instead of those that are
    shown anyway. style: "paper", or "slides" for 16:9 with larger type. progress: called with (figures written, all
    figures, name) after each. Raises UsageError.
    """
    from simcore.drawing import gallery
    from simcore.drawing.sources import Source

    run = as_run(run)
    folder = Path(folder) if folder is not None else run.path / "figures"
    source = Source(run.summary(), run.study.title or run.study.name, run)
    return gallery.draw(source, folder, kinds, measures, style, progress)
