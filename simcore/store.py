"""The run folder: its record, and one file for each finished block, each there whole or not at all.

What is read back is what was written, or the reader is told. See `opening` for which folder belongs to which study,
`files` for how files come about, `shelves` for their names.
"""

import contextlib
import functools
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from simcore import block_tables, design, files, jit, own, provenance, scenario, signals
from simcore.errors import DamagedError, IncompleteError, UsageError, command
from simcore.meanwhile import PATIENCE, Changed, Vanished, settled
from simcore.shelves import Broken, Shelf, by_place

FOLDERS = ("blocks", "estimates")
RECORD, SCENARIO, SUMMARY = "run.json", "scenario.toml", "summary.parquet"
_MOST_TOLD = 5


@dataclass(frozen=True)
class RunFolder:
    """A run directory and the study it belongs to.

    origin: what its numbers depend on beside the study (see `provenance`). earlier: folder -> series of files that an
    extension has left behind. written: its record as it was read or written.
    """

    path: Path
    study: scenario.Study
    origin: dict
    earlier: dict
    written: bytes = b""

    def unchanged(self):
        """Raise Changed where another process has given the folder another record than this one knows."""
        try:
            same = files.read(self.path / RECORD) == self.written
        except OSError:
            same = False
        if not same:
            raise Changed(
                f"{self.path}: another process has changed what this run is, while this one was at work; what is "
                f"finished is kept: {command('status', self.path)} says how far it is now"
            )

    @property
    def of_this_code(self):
        """Whether this version of simcore makes the same numbers."""
        return self.origin["code"] == jit.source_digest()

    def refuse_other_code(self, what):
        """Raise DamagedError unless this version of simcore made the run. what: to be done to it, in a word."""
        if not self.of_this_code:
            raise DamagedError(f"{self.path}: was made by another version of simcore; {what} it with that one")

    def record(self):
        """The bytes of its run.json, as this simcore writes it."""
        return provenance.rendered(provenance.record(self.study, self.origin, self.earlier))

    @functools.cached_property
    def shelves(self):
        """folder -> Shelf."""
        stamps, temporary = provenance.stamps(self.study, self.origin), self.path / "temporary"
        return {name: Shelf(self.path / name, temporary, stamps[name], self.earlier[name]) for name in FOLDERS}

    def reached(self):
        """The most replications of a cell that stand in block files, of this study or before it was extended."""
        listing = self.shelves["blocks"].listing()
        found = design.by_cell((*by_place(listing.own), *by_place(listing.earlier)))
        return max(design.reach(cell, found.get(cell.key, ())) for cell in design.cells(self.study))

    def earlier_blocks(self):
        """The blocks of sums of before the study was extended: cell key -> pairs (first, count)."""
        return design.by_cell(by_place(self.shelves["blocks"].listing().earlier)) if self.earlier["blocks"] else {}

    @settled(Vanished)
    def present(self):
        """The blocks that are stored: cell key -> {(first, count): folder -> name of its file}; where the study asks to
        keep estimates, only those that have them.

        Raises DamagedError where a file belongs to something else, or there are different results of a block.
        """
        sums, kept = self._both() if self.study.keep else [self._names("blocks")] * 2
        found = {}
        for place in sorted(sums.keys() & kept.keys()):
            found.setdefault(place.cell, {})[place[1:]] = {"blocks": sums[place], "estimates": kept[place]}
        return found

    def _both(self):
        """The names in both folders at one moment, whatever another process does there."""
        sums = self._names("blocks")
        for _ in range(PATIENCE):
            before, kept, sums = sums, self._names("estimates"), self._names("blocks")
            if sums == before:
                break
        return sums, kept

    def _names(self, folder):
        """Place -> name, of the files of this study."""
        listing = self.shelves[folder].listing()
        if listing.strange:
            self.unchanged()
            told = ", ".join(listing.strange[:_MOST_TOLD])
            raise DamagedError(
                f"{self.path / folder}: not of this run, unless it is being extended: {told}; "
                f"{self.remedy('moves it away')}"
            )
        if listing.broken:
            told = ", ".join(listing.broken[:_MOST_TOLD])
            raise DamagedError(f"{self.path / folder}: damaged: {told}; {self.remedy('computes it anew')}")
        return {place: self._one(folder, place, names) for place, names in by_place(listing.own).items()}

    def _one(self, folder, place, names):
        """The name of the file of a block; there are several if parts of the work were done twice."""
        if self.differ(folder, place, names):
            raise DamagedError(
                f"{self.path / folder}: different results of {self.told(place)}: {' and '.join(names)}; "
                f"{self.remedy('finds the right one')}"
            )
        return names[0]

    def differ(self, folder, place, names):
        """Whether files with a block hold different results of it, and not the same in other bytes."""
        if len(names) < 2:
            return False
        block = design.Block(self.numbers.get(place.cell, -1), *place)
        try:
            if folder == "estimates":
                return len({self.read_estimates(block, name)[0].tobytes() for name in names}) > 1
            return len({tuple(node.bits() for node in self.read_sums(block, name)) for name in names}) > 1
        except DamagedError:
            return True

    def commit(self, *results):
        """Store the results of blocks for good, in one file; a signal waits for that. Raises IncompleteError,
        DamagedError where a file that they were computed from is not what it was when the run was started."""
        if provenance.inputs(self.study).get("inputs") != self.origin.get("inputs"):
            raise DamagedError(
                f"{self.path}: a file that the study reads has changed while it ran; nothing was stored since. Put "
                "the file back and run the same command again, or choose another --out"
            )
        with signals.shielded(), writing(self.path):
            if results[0].estimates is not None:
                self.put("estimates", results)
            self.put("blocks", results)

    def put(self, folder, results):
        """Store sums or estimates of blocks, `execute.BlockResult`s, in one file: its name. Raises OSError."""
        of = block_tables.of_sums if folder == "blocks" else block_tables.of_estimates
        table = pa.concat_tables([of(self.study, result) for result in results])
        return self.shelves[folder].put([result.block.place for result in results], table)

    def read_nodes(self, cell, present, stop, first=0):
        """Yields the sums of replications first .. stop - 1 of a cell, in order, as nodes of their tree.

        present: what `present()` says of the cell. Raises DamagedError.
        """
        chunk = design.chunk_size(cell.size)
        for start, count in design.cover(cell, present, stop)[0]:
            if start + count > first:
                block = design.Block(cell.number, cell.key, start, count)
                found = self.read_sums(block, present[start, count]["blocks"])
                yield from (
                    node for node in found if first <= node.first and (node.stop == stop or node.stop % chunk == 0)
                )

    def read_kept(self, cell, present, stop, first=0):
        """The kept estimates of replications first .. stop - 1 of a cell and their states, as `read_estimates`."""
        parts, at = [], first
        for start, count in design.cover(cell, present, stop)[0]:
            if start + count > at:
                block = design.Block(cell.number, cell.key, start, count)
                found = self.read_estimates(block, present[start, count]["estimates"])
                parts.append([part[:, at - start : stop - start] for part in found])
                at = start + count
        return [np.concatenate(own, axis=1) for own in zip(*parts, strict=True)]

    def read_errors(self, cell, present, replications):
        """With kept estimates: the errors T - truth of each target's good replications, sorted. Raises DamagedError."""
        estimates, _ = self.read_kept(cell, present, replications)
        truths = design.measured_against(self.study, cell)
        return [np.sort(own[~np.isnan(own)] - truth) for own, truth in zip(estimates, truths, strict=True)]

    def read_sums(self, block, name):
        """The nodes of a block, from its file in `blocks`. Raises DamagedError."""
        return self._read("blocks", block, name, block_tables.sums_in)

    def read_estimates(self, block, name):
        """The estimates of a block, float64 (targets, replications), NaN where a fit failed, and their states, uint32.
        Raises DamagedError."""
        return self._read("estimates", block, name, block_tables.estimates_in)

    def _read(self, folder, block, name, contents):
        table = self.table(folder, block.place, name)
        try:
            return contents(self.study, block, table)
        except (KeyError, ValueError) as error:
            raise self._damaged(folder, block.place, name, error) from error

    def table(self, folder, place, name):
        """The table in a file, unless it is damaged. Raises DamagedError."""
        recent = self._recent[folder]
        if name not in recent:
            try:
                table = self.shelves[folder].read(name)
            except Broken as error:
                raise self._damaged(folder, place, name, error) from error
            recent.clear()
            recent[name] = table
        return recent[name]

    @functools.cached_property
    def _recent(self):
        """folder -> the name and table of the last file that was read: blocks are mostly asked for in their order."""
        return {name: {} for name in FOLDERS}

    def _damaged(self, folder, place, name, why):
        places = self.shelves[folder].listing().own.get(name, (place,))
        blocks = design.told([self.told(own) for own in places])
        return DamagedError(f"{self.path / folder / name}: damaged: {why}: {blocks}; {self.remedy('computes it anew')}")

    def texts(self):
        """What the folder holds for people, and for another run: the scenario, and the user's own plugins; path in the
        folder -> bytes."""
        plugins = {f"plugins/{source.name}": source.text for source in own.needed(self.study) if source.text}
        return {SCENARIO: self.study.text.encode()} | plugins

    def update(self, name, data):
        """Give a file of the folder these bytes, over older ones: whether it had others. Raises OSError."""
        try:
            same = files.read(self.path / name) == data
        except OSError:
            same = False
        if not same:
            files.make_folder((self.path / name).parent)
            files.replace(self.path / name, data, self.path / "temporary")
        return not same

    def finish(self, summary):
        """Write summary.parquet, of these bytes. Raises IncompleteError."""
        with writing(self.path):
            self.unchanged()
            self.update(SUMMARY, summary)

    def unfinish(self):
        """Take away the summary of fewer replications. Raises IncompleteError."""
        with writing(self.path):
            self.unchanged()
            files.remove(self.path / SUMMARY)

    @property
    def summarised(self):
        """Whether there is a summary: then all that was asked for had been stored."""
        return (self.path / SUMMARY).exists()

    def done(self, missing):
        """Whether the run is finished, where these blocks are missing: nothing is left to do."""
        return self.summarised and not missing

    def told(self, place):
        """A place as a Block, which has words for people."""
        return design.Block(self.numbers.get(place.cell, place.cell), *place)

    def going_on(self):
        """How to finish an unfinished run, in words."""
        path = self.path.absolute().with_name(self.study.name)
        rename = f"name that directory {self.study.name} again, and " if path.name != self.path.absolute().name else ""
        path = path if rename else self.path
        if (self.path / "slurm").is_dir():
            submit = shlex.join(["bash", str(path / "slurm" / "submit.sh")])
            return f"{rename}see what is left with: {command('status', path)}; when no task is at work: {submit}"
        return f"{rename}finish with: {command('extend', path)}"

    def remedy(self, what):
        """What a repair does, in words."""
        return f"{command('repair', self.path)} {what}"

    @functools.cached_property
    def numbers(self):
        """Cell key -> number of the cell."""
        return {cell.key: cell.number for cell in design.cells(self.study)}


@contextlib.contextmanager
def writing(path):
    """Within, what the disk does not take or give is IncompleteError."""
    try:
        yield
    except OSError as error:
        raise IncompleteError(
            f"{path}: cannot be written ({error.strerror or error}); what is finished is kept: mend that and "
            "run the same command again"
        ) from error


def there_is_a_run(path):
    """Whether a path is that of a run directory."""
    try:
        return (path / RECORD).exists()
    except OSError as error:
        raise UsageError(f"{path}: not a path here ({error.strerror})") from error
