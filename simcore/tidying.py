"""What a finished run leaves in its folder: each replication in one file, and no leftovers of extensions and kills."""

from simcore import block_tables, files
from simcore.design import Place
from simcore.errors import DamagedError
from simcore.shelves import settled
from simcore.store import FOLDERS, writing

_CUTS = {"blocks": block_tables.sums_before, "estimates": block_tables.estimates_before}


@settled
def tidy(folder):
    """Tidy the folder of a finished run. What is taken away stands elsewhere by then, in both folders: another process
    that reads meanwhile finds every replication, and one that tidies takes the same away.

    Raises DamagedError where two files of a replication disagree, IncompleteError.
    """
    kept = FOLDERS if folder.study.keep else FOLDERS[:1]
    with writing(folder.path):
        folder.unchanged()
        spare = [path for name in kept for path in _of_before(folder, name)]
        present, listed = folder.present(), {name: folder.shelves[name].listing().own for name in kept}
        parts = {part for cell, own in present.items() for part in _parts(folder, cell, own, listed)}
        for name in kept:
            own = folder.shelves[name].listing().own
            spare += [folder.path / name / one for place, names in own.items() for one in names[place in parts :]]
        files.remove(*spare)
        files.clear(folder.path / "temporary")


def _of_before(folder, name):
    """Paths of files of the study before it was extended; sums are compared with those that took their place."""
    shelf = folder.shelves[name]
    listing = shelf.listing()
    own = {place[:2]: (place, names[0]) for place, names in listing.own.items()}
    for place, names in listing.earlier.items():
        for before in names:
            if name == "blocks" and place[:2] in own:
                _compare(folder, (place, before), own[place[:2]])
            yield shelf.folder / before


def _parts(folder, cell, present, listed):
    """Yields the places that make up a cell. A file within another is none; one that another goes on from is cut: what
    is only there gets files of its own. listed: folder -> places that have files."""
    last, names = None, None
    for first, count in sorted(present, key=lambda pair: (pair[0], -pair[1])):
        place, own = Place(cell, first, count), present[first, count]
        reached = last.first + last.count if last else 0
        if first < reached:
            _compare(folder, (last, names["blocks"]), (place, own["blocks"]))
            if first + count <= reached:
                continue
            last = _cut(folder, last, names, first, listed)
        if last:
            yield last
        last, names = place, own
    yield last


def _cut(folder, place, names, stop, listed):
    """The place of what stands before `stop` in the files of a block, stored as files."""
    shorter = place._replace(count=stop - place.first)
    for name, places in listed.items():
        if shorter not in places:
            folder.shelves[name].put(shorter, _CUTS[name](folder.table(name, place, names[name]), stop))
    return shorter


def _compare(folder, before, after):
    """Raise DamagedError where two files of sums, each a place and a name, disagree."""
    if block_tables.disagreement(*(folder.table("blocks", *one) for one in (before, after))):
        raise DamagedError(
            f"{folder.path / 'blocks'}: different results of {folder.told(before[0])}: {before[1]} and {after[1]}; "
            "one of them must be wrong: compute both anew in another --out"
        )
