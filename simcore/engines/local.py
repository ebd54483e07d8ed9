"""Blocks computed in this process, one after the other, each on all its threads."""

from simcore import design, execute, jit, signals


def run(study, missing, commit, threads=None, fail=None):
    """Compute the missing blocks of a study and hand each result to `commit`; yields each finished block. What goes
    wrong ends it: nothing is handed to `fail`."""
    if not missing:
        return
    jit.set_threads(threads)
    cells = design.cells(study)
    for block in missing:
        signals.check()
        commit(execute.run_block(study, cells[block.cell], block, study.keep == "estimates"))
        yield block
