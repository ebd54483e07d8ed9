"""Running blocks: what the kernels need of a cell, and the sums that come back. Knows no files."""

import functools
from dataclasses import dataclass

import numpy as np

from simcore import design, jit, kernels, sums
from simcore.errors import Stopped
from simcore.lanes import WIDTH
from simcore.registry import plugins
from simcore.streams import stream_keys

_HELD_ESTIMATES = 1 << 22
_CALL_SAMPLES = 1 << 23  # of one call of the kernel, about: signals wait for it to return


@dataclass(frozen=True)
class BlockResult:
    """Sums per estimator, float64 (estimators, len(sums.COLUMNS)), and, where kept, every estimate and its code."""

    block: design.Block
    sums: np.ndarray
    estimates: np.ndarray | None = None
    states: np.ndarray | None = None


@functools.lru_cache(maxsize=64)
def kernel_cell(study, cell, compiled=True):
    """The `kernels.Cell` of a cell; not `compiled`, its functions are plain Python for the same loops."""
    problem = plugins("problems")[study.problem]
    errors, bad = cell.errors, cell.contamination
    fits = [kernels.fit_function(choice.name, *problem.fit(choice), compiled) for choice in study.estimators]
    return kernels.Cell(
        n=cell.n,
        keys=stream_keys(study.seed, cell.identity),
        draw=kernels.draw_function(plugins("distributions")[errors.name], compiled),
        draw_numbers=kernels.numbers_array(errors.values.values()),
        contaminate=kernels.contaminate_function(plugins("contamination")[bad.name], compiled),
        contaminate_numbers=kernels.numbers_array((errors.loc, errors.scale, *bad.values.values())),
        fits=kernels.function_table(fits),
        fit_numbers=np.array([kernels.numbers_array(problem.numbers(choice, cell.n)) for choice in study.estimators]),
    )


def run_block(study, cell, block, keep=False, should_stop=lambda: False):
    """Compute one block. Raises Stopped between two calls of the kernel when `should_stop()` says so."""
    simulate, sum_errors = jit.driver(kernels.simulate), jit.driver(kernels.sum_errors)
    add_chunks = jit.driver(sums.add_chunks)
    kernel = kernel_cell(study, cell, jit.enabled())
    count = len(study.estimators)
    size_at_once = span(cell.n, block.count, count)
    estimates = np.empty((count, size_at_once // WIDTH, WIDTH))
    states = np.empty(estimates.shape, np.uint8)
    call_groups = max(jit.threads(), _CALL_SAMPLES // (cell.n * WIDTH))
    total = np.zeros((count, len(sums.COLUMNS)))
    kept = []
    for begin in range(0, block.count, size_at_once):
        size = min(size_at_once, block.count - begin)
        groups = _up(size, WIDTH) // WIDTH
        for group in range(0, groups, call_groups):
            if should_stop():
                raise Stopped
            first_group = (block.first + begin) // WIDTH
            simulate(kernel, first_group, group, min(group + call_groups, groups), estimates, states)
        chunks = np.empty((count, _up(size, kernels.CHUNK) // kernels.CHUNK, len(sums.COLUMNS)))
        sum_errors(estimates, states, size, cell.truth, chunks)
        add_chunks(total, chunks)
        if keep:
            kept.append((estimates.reshape(count, -1)[:, :size].copy(), states.reshape(count, -1)[:, :size].copy()))
    if not keep:
        return BlockResult(block, total)
    return BlockResult(block, total, *(np.concatenate(parts, axis=1) for parts in zip(*kept, strict=True)))


def span(n, count, estimators):
    """Replications whose estimates are held at once: whole chunks of the sums, so that spans change no bit."""
    most = min(_CALL_SAMPLES // n, _HELD_ESTIMATES // estimators)
    return min(_up(count, WIDTH), max(1, most // kernels.CHUNK) * kernels.CHUNK)


def _up(number, step):
    return -(-number // step) * step
