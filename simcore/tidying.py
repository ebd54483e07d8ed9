"""What a finished run leaves in its folder: the files of one that was never stopped, extended or shared out."""

from simcore import design, execute, failures, files, sums
from simcore.block_tables import disagreement
from simcore.errors import DamagedError
from simcore.meanwhile import Vanished, settled
from simcore.store import FOLDERS, writing


@settled(Vanished)
def tidy(folder):
    """Tidy the folder of a finished run: what is in other files than it should be is put where it should be. Files are
    taken away when all that was in them stands elsewhere, in both folders: another process that reads meanwhile finds
    every replication, and one that tidies does the same.

    Raises DamagedError where two files of a replication disagree, IncompleteError.
    """
    kept = FOLDERS if folder.study.keep else FOLDERS[:1]
    with writing(folder.path):
        folder.unchanged()
        present, listed = folder.present(), {kind: folder.shelves[kind].listing() for kind in kept}
        cells = design.cells(folder.study)
        reached = {cell.key: design.reach(cell, present.get(cell.key, ())) for cell in cells}
        holders = {kind: _holders(listed[kind].own) for kind in kept}
        names = {kind: set() for kind in kept}
        for bundle in _bundles(folder.study, cells, reached):
            for kind in reversed(kept):
                found = holders[kind].get(tuple(block.place for block in bundle))
                names[kind].add(found or _put_together(folder, kind, bundle, cells, present))
        spare = {kind: _spare(listed[kind], names[kind], reached) for kind in kept}
        _compare(folder, spare["blocks"], listed["blocks"].own)
        files.remove(*(folder.path / kind / name for kind in kept for name in sorted(spare[kind])))
        files.clear(folder.path / "temporary")
        failures.clear(folder.path)


def _bundles(study, cells, reached):
    """The bundles that a run of the same study leaves that was never stopped."""
    lists = (design.blocks_between(cell, 0, reached[cell.key]) for cell in cells)
    return design.bundles(study, [block for blocks in lists for block in blocks])


def _holders(named):
    """Places -> the first name of a file that has just these, from name -> Places."""
    return {places: name for name, places in sorted(named.items(), reverse=True)}


def _put_together(folder, kind, bundle, cells, present):
    """The name of a new file of a bundle, from whatever files have its parts."""
    return folder.put(
        kind, [_result(folder, kind, block, cells[block.cell], present[block.cell_key]) for block in bundle]
    )


def _result(folder, kind, block, cell, present):
    stop = block.first + block.count
    if kind == "estimates":
        return execute.BlockResult(block, [], *folder.read_kept(cell, present, stop, block.first))
    nodes = folder.read_nodes(cell, present, stop, block.first)
    return execute.BlockResult(block, sums.joined(nodes, design.chunk_size(cell.size)))


def _spare(listing, names, reached):
    """Files beside those of these names, of before an extension too: name -> Places. None of which a replication is
    not in those files, as of a cell that had more before its estimates were kept or its estimators were others."""
    return {
        name: places
        for name, places in (listing.own | listing.earlier).items()
        if name not in names and all(place.first + place.count <= reached.get(place.cell, 0) for place in places)
    }


def _compare(folder, spare, own):
    """Raise DamagedError where sums in files that go disagree with those in the others of the study. Both: name ->
    Places."""
    others = {}
    for name, places in own.items() if spare else ():
        for place in places:
            others.setdefault(place.cell, []).append((place, name))
    for name, places in spare.items():
        table = folder.table("blocks", places[0], name)
        found = {other: place for at in places for place, other in others.get(at.cell, ()) if at.overlaps(place)}
        for other, place in found.items():
            if other != name and disagreement(table, folder.table("blocks", place, other)):
                raise DamagedError(
                    f"{folder.path / 'blocks'}: different results of {folder.told(place)}: {name} and {other}; "
                    "one of them must be wrong: compute both anew in another --out"
                )
