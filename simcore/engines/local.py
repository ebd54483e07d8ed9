"""Blocks computed in this process, one after the other, each on all its threads."""

from simcore import design, execute, jit, signals


def run(study, missing, commit, threads=None, fail=None):
    """Compute the missing blocks of a study and hand the results of those that are stored together to `commit`; yields
    each block that is stored. Where a signal stops that, what is finished is stored first. What goes wrong ends it:
    nothing is handed to `fail`."""
    if not missing:
        return
    jit.set_threads(threads)
    cells, keep = design.cells(study), study.keep == "estimates"
    for bundle in design.bundles(study, missing):
        results = []
        try:
            for block in bundle:
                signals.check()
                results.append(execute.run_block(study, cells[block.cell], block, keep))
        except KeyboardInterrupt:
            if results:
                commit(*results)
            raise
        commit(*results)
        yield from bundle
