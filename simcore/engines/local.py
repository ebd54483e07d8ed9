"""Blocks computed in this process, one after the other, each on all its threads."""

from simcore import design, execute, jit, own, signals
from simcore.errors import UsageError


def run(study, missing, commit, fail, threads=None):
    """Compute the missing blocks of a study and hand the results of each bundle to `commit`; yields each block that is
    stored. See `engines`."""
    if not missing:
        return
    jit.set_threads(threads)
    cells, keep = design.cells(study), study.keep == "estimates"
    for bundle in design.bundles(study, missing):
        results = []
        try:
            for block in bundle:
                signals.check()
                try:
                    results.append(execute.run_block(study, cells[block.cell], block, keep))
                except UsageError:
                    raise
                except Exception as error:
                    fail(block, own.blamed(error) or f"{type(error).__name__}: {error}")
        finally:
            if results:
                commit(*results)
        yield from (result.block for result in results)
