"""Sums of kept estimates in other groups than those they were stored in: what `execute` does, without simulating."""

import numpy as np

from simcore import design, jit, kernels, sums
from simcore.lanes import WIDTH


def grouped(study, cell, estimates, states, size):
    """The `sums.ERRORS` and `sums.PAIRS` of replications in groups of `size`, a multiple of WIDTH; the last is smaller.

    estimates, states: of all targets, as `store.RunFolder.read_kept` gives them. Without a control variate, which is
    not kept. Returns arrays (groups, targets, columns) and (groups, pairs, columns).
    """
    count, stop = estimates.shape
    width = -(-stop // WIDTH) * WIDTH
    padded, own = np.zeros((count, width)), np.zeros((count, width), np.uint32)
    padded[:, :stop], own[:, :stop] = estimates, states
    pairs = np.array(design.target_pairs(study), np.int64).reshape(-1, 2)
    groups, parameters = -(-stop // size), len(cell.quantities)
    errors = np.empty((groups, count, len(sums.ERRORS.columns)))
    paired = np.empty((groups, len(pairs), len(sums.PAIRS.columns)))
    found = padded.reshape(count, -1, WIDTH), own.reshape(count, -1, WIDTH), np.empty((0, WIDTH))
    truths, joint = np.array(design.measured_against(study, cell)), np.empty((groups, 0, WIDTH))
    counts = parameters, cell.coefficients
    jit.driver(kernels.sum_errors)(*found, stop, truths, pairs, size, counts, errors, paired, joint)
    return errors, paired
