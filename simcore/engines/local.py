"""Blocks computed in this process, one after the other, each on all its threads."""

from simcore import design, execute, jit


def run(study, missing, commit, threads=None, should_stop=lambda: False):
    """Compute the missing blocks of a study and hand each result to `commit`; yields each finished block.

    Raises Stopped when `should_stop()` says so; the block in flight is lost, the others are committed.
    """
    if not missing:
        return
    jit.set_threads(threads)
    cells = design.cells(study)
    for block in missing:
        result = execute.run_block(study, cells[block.cell], block, study.keep == "estimates", should_stop)
        commit(result)
        yield block
