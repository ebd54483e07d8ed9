"""The run folder: its record, and one file for each finished block, each there whole or not at all.

A folder belongs to one scenario content, code, stream version and numeric policy; anything else is refused. What is
read back is what was written, or the reader is told. See `files` for how files come about, `shelves` for their names.
"""

import contextlib
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcore import block_tables, design, files, provenance, scenario, signals
from simcore.errors import DamagedError, IncompleteError, UsageError
from simcore.shelves import Broken, Shelf, parquet, series

FOLDERS = ("blocks", "estimates")
_CUTS = {"blocks": block_tables.sums_before, "estimates": block_tables.estimates_before}
_MOST_TOLD = 5


@dataclass(frozen=True)
class RunFolder:
    """A run directory and the study it belongs to.

    origin: what its numbers depend on beside the study (see `provenance`). earlier: folder -> series of files that an
    extension has left behind.
    """

    path: Path
    study: scenario.Study
    origin: dict
    earlier: dict

    @classmethod
    def create(cls, out, study):
        """The folder `out/<study name>`, new or of the same content.

        Raises DamagedError where it belongs to another study, UsageError where it cannot be written or has more
        replications already.
        """
        path = Path(out) / study.name
        with _making(path):
            folder = cls.open(path) if (path / "run.json").exists() else cls._new(path, study)
            lines, adds = folder._differences(study)
            if lines:
                raise _of_another(path, lines, "add what is new with simcore extend, or " if adds else "")
            return folder._recorded(study)

    @classmethod
    def open(cls, path):
        """The folder of a run, of an older simcore too. Raises UsageError where there is none, DamagedError."""
        path = Path(path)
        if not (path / "run.json").exists():
            _refuse_orphans(path)
            raise UsageError(f"{path}: not a run directory (no run.json); give results/<study name>")
        record = provenance.read(path / "run.json")
        study = provenance.study_of(record, path / "run.json")
        origin = {name: record[name] for name in provenance.ORIGIN if name in record}
        lines, _ = provenance.differences(study, study, (origin, origin | provenance.inputs(study)))
        if lines:
            raise _of_another(path, lines)
        return cls(path, study, origin, {name: frozenset(record["earlier"][name]) for name in FOLDERS})

    @classmethod
    def _new(cls, path, study):
        """A new folder, or the one that another process has made at this moment."""
        _refuse_orphans(path)
        files.make_folder(path / "blocks")
        folder = cls(path, study, provenance.origin(study), dict.fromkeys(FOLDERS, frozenset()))
        made = files.put(path / "run.json", folder.record(), path / "temporary")
        return folder if made else cls.open(path)

    def extended(self, study):
        """The folder for a study that only adds to its own. Raises as `create`."""
        with _making(self.path):
            lines, adds = self._differences(study)
            if lines and not adds:
                raise _of_another(self.path, lines)
            return self._recorded(study)

    def _differences(self, study):
        return provenance.differences(self.study, study, (self.origin, provenance.origin(study)))

    def _recorded(self, study):
        """The folder for a study that it may hold, its record brought up to date."""
        origin = provenance.origin(study)
        stamps = provenance.stamps(study, origin)
        earlier = {
            name: (self.earlier[name] | {shelf.series}) - {series(stamps[name])} for name, shelf in self.shelves.items()
        }
        folder = RunFolder(self.path, study, origin, earlier)
        folder._refuse_fewer(self.study.replications)
        record = folder.record()
        if record != self.record():
            files.remove(self.path / "summary.parquet")  # first: blocks that are lacking now are not lost ones
        folder.update("run.json", record)
        folder.update("scenario.toml", study.text.encode())
        return folder

    def record(self):
        """The bytes of its run.json."""
        return provenance.rendered(provenance.record(self.study, self.origin, self.earlier))

    @functools.cached_property
    def shelves(self):
        """folder -> Shelf."""
        stamps, temporary = provenance.stamps(self.study, self.origin), self.path / "temporary"
        return {name: Shelf(self.path / name, temporary, stamps[name], self.earlier[name]) for name in FOLDERS}

    def _refuse_fewer(self, replications):
        """Raise UsageError where the study asks for a number of replications that is less than what is there."""
        if self.study.precision is not None:
            return  # which goes on from whatever is there
        reached = self.reached()
        most = max(reached, 0 if reached else replications)
        if most > self.study.replications:
            raise UsageError(
                f"{self.path}: was run with {most} replications per cell; ask for at least as many "
                f"(--replications {most}, got {self.study.replications}), or choose another --out"
            )

    def reached(self):
        """The most replications of a cell that stand in block files, of this study or before it was extended."""
        listing = self.shelves["blocks"].listing()
        found = design.by_cell((*listing.own, *listing.earlier))
        return max(design.reach(cell, found.get(cell.key, ())) for cell in design.cells(self.study))

    def present(self):
        """The blocks that are stored: cell key -> {(first, count): folder -> name of its file}; where the study asks to
        keep estimates, only those that have them.

        Raises DamagedError where a file belongs to something else, or there are different results of a block.
        """
        found, sums = {}, self._names("blocks")
        kept = self._names("estimates") if self.study.keep else dict.fromkeys(sums)
        for place in sorted(sums.keys() & kept.keys()):
            found.setdefault(place.cell, {})[place[1:]] = {"blocks": sums[place], "estimates": kept[place]}
        return found

    def _names(self, folder):
        """Place -> name, of the files of this study."""
        listing = self.shelves[folder].listing()
        if listing.strange:
            told = ", ".join(listing.strange[:_MOST_TOLD])
            raise DamagedError(
                f"{self.path / folder}: not of this run, unless it is being extended: {told}; "
                f"{self.remedy('moves it away')}"
            )
        return {place: self._one(folder, place, names) for place, names in listing.own.items()}

    def _one(self, folder, place, names):
        """The name of the file of a block; there are several if different versions of pyarrow have written it."""
        if self.differ(folder, names):
            raise DamagedError(
                f"{self.path / folder}: different results of {self._told(place)}: {' and '.join(names)}; "
                f"{self.remedy('finds the right one')}"
            )
        return names[0]

    def differ(self, folder, names):
        """Whether files of one block hold different results, and not the same in other bytes."""
        try:
            return len(names) > 1 and len({parquet(self.shelves[folder].read(name)) for name in names}) > 1
        except Broken:
            return True

    def missing(self):
        """Blocks of the first `replications` of every cell of the study that are not stored, in order."""
        return design.lacking(self.study, self.present())

    def commit(self, result):
        """Store the result of a block for good; a signal waits for that. Raises IncompleteError."""
        place = result.block.place
        with signals.shielded(), self._writing():
            if result.estimates is not None:
                self.shelves["estimates"].put(place, block_tables.of_estimates(self.study, result))
            self.shelves["blocks"].put(place, block_tables.of_sums(self.study, result))

    def read_nodes(self, cell, present, replications):
        """Yields the sums of the first `replications` of a cell, in order, as nodes of their tree. Raises DamagedError.

        present: what `present()` says of the cell.
        """
        chunk = design.chunk_size(cell.size)
        for first, count in design.cover(cell, present, replications)[0]:
            found = self.read_sums(design.Block(cell.number, cell.key, first, count), present[first, count]["blocks"])
            yield from (node for node in found if node.stop == replications or node.stop % chunk == 0)

    def read_errors(self, cell, present, replications):
        """With kept estimates: the errors T - truth of each target's good replications, sorted. Raises DamagedError."""
        parts, stop = [], 0
        for first, count in design.cover(cell, present, replications)[0]:
            block = design.Block(cell.number, cell.key, first, count)
            parts.append(self.read_estimates(block, present[first, count]["estimates"])[:, stop - first :])
            stop = first + count
        estimates = np.concatenate(parts, axis=1)
        truths = design.measured_against(self.study, cell)
        return [np.sort(own[~np.isnan(own)] - truth) for own, truth in zip(estimates, truths, strict=True)]

    def read_sums(self, block, name):
        """The nodes of a block, from its file in `blocks`. Raises DamagedError."""
        return self._read("blocks", block, name, block_tables.sums_in)

    def read_estimates(self, block, name):
        """The estimates of a block, float64 (targets, replications), NaN where a fit failed. Raises DamagedError."""
        return self._read("estimates", block, name, block_tables.estimates_in)

    def _read(self, folder, block, name, contents):
        table = self._table(folder, block.place, name)
        try:
            return contents(self.study, block, table)
        except (KeyError, ValueError) as error:
            raise self._damaged(folder, block.place, name, error) from error

    def _table(self, folder, place, name):
        try:
            return self.shelves[folder].read(name)
        except Broken as error:
            raise self._damaged(folder, place, name, error) from error

    def _damaged(self, folder, place, name, why):
        return DamagedError(
            f"{self.path / folder / name}: damaged ({self._told(place)}): {why}; {self.remedy('computes it anew')}"
        )

    def tidy(self):
        """Of a finished run: leave each replication in one file, and nothing that an extension or a kill left behind.

        Raises DamagedError where an extension has given other numbers than there were, IncompleteError.
        """
        with self._writing():
            shelves = {name: self.shelves[name] for name in (FOLDERS if self.study.keep else FOLDERS[:1])}
            for name, shelf in shelves.items():
                self._leave_earlier(name, shelf)
            if self.study.keep:
                self._leave_halves()
            for name, shelf in shelves.items():
                self._part(name, shelf)
            files.clear(self.path / "temporary")

    def _leave_earlier(self, folder, shelf):
        listing = shelf.listing()
        own = {place[:2]: names for place, names in listing.own.items()}
        for place, names in listing.earlier.items():
            for name in names:
                if folder == "blocks" and place[:2] in own:
                    self._compare(place, name, own[place[:2]][0])
                files.remove(shelf.folder / name)

    def _leave_halves(self):
        """Sums without estimates that are to be kept, or the other way round, stand in other blocks too by now."""
        present = self.present()
        for shelf in self.shelves.values():
            for place, names in shelf.listing().own.items():
                if place[1:] not in present.get(place.cell, {}):
                    for name in names:
                        files.remove(shelf.folder / name)

    def _compare(self, place, before, name):
        try:
            tables = [self.shelves["blocks"].read(one) for one in (before, name)]
        except Broken:
            return  # readers of the new one are told
        if block_tables.disagreement(*tables):
            raise DamagedError(
                f"{self.path / 'blocks'}: {self._told(place)} had other results before: {before} and {name}; "
                "one of them must be wrong: compute both anew in another --out"
            )

    def _part(self, folder, shelf):
        """A file within another goes; one that another goes on from gives up what both have."""
        listing, last = shelf.listing().own, None
        for place in sorted(listing, key=lambda place: (place.cell, place.first, -place.count)):
            name, *others = listing[place]
            reached = last.first + last.count if last and last.cell == place.cell else 0
            within = place.first + place.count <= reached
            for own in [name] * within + others:
                files.remove(shelf.folder / own)
            if within:
                continue
            if place.first < reached:
                longer = listing[last][0]
                table = _CUTS[folder](self._table(folder, last, longer), place.first)
                shelf.put(last._replace(count=place.first - last.first), table)
                files.remove(shelf.folder / longer)
            last = place

    def update(self, name, data):
        """Give a file of the folder these bytes, over older ones. Raises OSError."""
        if not (self.path / name).exists() or files.read(self.path / name) != data:
            files.replace(self.path / name, data, self.path / "temporary")

    def finish(self, table):
        """Write summary.parquet. Raises IncompleteError."""
        with self._writing():
            self.update("summary.parquet", parquet(table))

    def unfinish(self):
        """Take away the summary of fewer replications. Raises IncompleteError."""
        with self._writing():
            files.remove(self.path / "summary.parquet")

    @property
    def finished(self):
        """Whether all that was asked for had been stored, and summarised."""
        return (self.path / "summary.parquet").exists()

    def _told(self, place):
        return design.Block(self.numbers.get(place.cell, place.cell), *place)

    def remedy(self, what):
        return f"simcore repair {self.path} {what}"

    @functools.cached_property
    def numbers(self):
        """Cell key -> number of the cell."""
        return {cell.key: cell.number for cell in design.cells(self.study)}

    @contextlib.contextmanager
    def _writing(self):
        try:
            yield
        except OSError as error:
            raise IncompleteError(
                f"{self.path}: cannot be written ({error.strerror or error}); what is finished is kept: mend that and "
                "run the same command again"
            ) from error


@contextlib.contextmanager
def _making(path):
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: cannot write results here ({error.strerror}); choose another --out") from error


def _of_another(path, lines, hint=""):
    return DamagedError(
        f"{path}: holds results of another scenario or of another version of simcore\n"
        + "".join(f"  {line}\n" for line in lines)
        + f"{hint}choose another --out, another name, or remove that directory"
    )


def _refuse_orphans(path):
    """Raise DamagedError where there are results of which nothing says what they are."""
    if any(files.names(path / name) for name in FOLDERS):
        raise DamagedError(f"{path}: has results, but no run.json; simcore repair {path} restores it")
