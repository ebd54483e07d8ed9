"""Running blocks: what the kernels need of a cell, and the sums that come back. Knows no files."""

import functools
from dataclasses import dataclass

import numpy as np

from simcore import design, histograms, jit, kernels, scores, sums
from simcore.errors import Stopped
from simcore.histograms import merge_bins
from simcore.lanes import WIDTH
from simcore.registry import plugins
from simcore.streams import stream_keys

_HELD_ESTIMATES = 1 << 16  # for each thread: few enough to stay in its cache
_CALL_SAMPLES = 1 << 23  # of one call of the kernel, about: signals wait for it to return
_HISTOGRAMS = 16  # that are held uncompressed


@dataclass(frozen=True)
class BlockResult:
    """Nodes of the tree of sums, in order, and, where kept, every estimate and its state (see `kernels.simulate`)."""

    block: design.Block
    nodes: list[sums.Node]
    estimates: np.ndarray | None = None
    states: np.ndarray | None = None


def control(study, cell):
    """The efficient score of a cell, as a `scores.Score`, or a sentence: why there is no control variate."""
    if study.variance_reduction == "none":
        return "switched off in the scenario"
    return scores.efficient_score(cell.errors, cell.contamination)


@functools.lru_cache(maxsize=64)
def kernel_cell(study, cell, compiled=True):
    """The `kernels.Cell` of a cell; not `compiled`, its functions are plain Python for the same loops."""
    problem = plugins("problems")[study.problem]
    errors, bad = cell.errors, cell.contamination
    fits = [kernels.fit_function(choice.name, *problem.fit(choice), compiled) for choice in study.estimators]
    score, score_numbers = control(study, cell), ()
    if isinstance(score, str):
        score_function = 0
    else:
        name = f"{errors.name}_{bad.name}"
        score_function = kernels.score_function(name, score.template, score.open_names, compiled)
        factor = 1.0 / (errors.scale * cell.n * score.information)
        score_numbers = (errors.loc, 1.0 / errors.scale, factor, *score.numbers)
    return kernels.Cell(
        n=cell.n,
        keys=stream_keys(study.seed, cell.identity),
        draw=kernels.draw_function(plugins("distributions")[errors.name], compiled),
        draw_numbers=kernels.numbers_array(errors.values.values()),
        contaminate=kernels.contaminate_function(plugins("contamination")[bad.name], compiled),
        contaminate_numbers=kernels.numbers_array((errors.loc, errors.scale, *bad.values.values())),
        score=score_function,
        score_numbers=kernels.numbers_array(score_numbers),
        fits=kernels.function_table(fits),
        fit_numbers=np.array([kernels.numbers_array(problem.numbers(choice, cell.n)) for choice in study.estimators]),
    )


def run_block(study, cell, block, keep=False, should_stop=lambda: False, work=None):
    """Compute one block. Raises Stopped between two calls of the kernel when `should_stop()` says so.

    work: what sums up the estimates, in place of `Work`.
    """
    work = (work or Work)(study, cell, block)
    nodes, kept = [], []
    for first, count in _runs(block, work.chunk):
        for begin in range(first, first + count, work.span):
            size = min(work.span, first + count - begin)
            work.simulate(begin, size, should_stop)
            work.sum_up(size)
            if keep:
                kept.append(work.copies(size))
        nodes.append(work.node(first, count))
    if not keep:
        return BlockResult(block, nodes)
    return BlockResult(block, nodes, *(np.concatenate(parts, axis=1) for parts in zip(*kept, strict=True)))


def _runs(block, chunk):
    """(first, count) of the nodes that a block is made of; the last one may be a part of a chunk."""
    first, whole = block.first // chunk, block.count // chunk
    yield from ((start * chunk, length * chunk) for start, length in sums.aligned_runs(first, first + whole))
    if block.count % chunk:
        yield block.first + whole * chunk, block.count % chunk


class Work:
    """The estimates of a span of replications, and what has been summed since the last node."""

    def __init__(self, study, cell, block):
        self.cell, self.kernel = cell, kernel_cell(study, cell, jit.enabled())
        self.count, self.chunk = len(study.estimators), design.chunk_size(cell.n)
        self.span = span(cell.n, block.count, self.count)
        self.pairs = np.array(design.pairs(study), np.int64).reshape(-1, 2)
        shape = self.count, self.span // WIDTH, WIDTH
        self.estimates, self.states = np.empty(shape), np.empty(shape, np.uint32)
        self.controls = np.empty(shape[1:] if self.kernel.score else (0, WIDTH))
        batch = min(self.count, _HISTOGRAMS)
        self.counts = np.zeros((batch, histograms.BINS), np.int32)
        self.touched = np.zeros((batch, histograms.STRETCHES), np.uint8)
        self.keys, self.numbers = np.empty(histograms.BINS, np.int32), np.empty(histograms.BINS, np.int64)
        self._clear()

    def _clear(self):
        self.errors, self.paired, self.bins = [], [], [[] for _ in range(self.count)]

    def simulate(self, begin, size, should_stop):
        simulate = jit.driver(kernels.simulate)
        at_once = max(jit.threads(), _CALL_SAMPLES // (self.cell.n * WIDTH))
        groups = -(-size // WIDTH)
        for group in range(0, groups, at_once):
            if should_stop():
                raise Stopped
            end = min(group + at_once, groups)
            simulate(self.kernel, begin // WIDTH, group, end, self.estimates, self.states, self.controls)

    def sum_up(self, size):
        """Sums and histograms of the first `size` estimates of the span."""
        chunks, truth = -(-size // self.chunk), self.cell.truth
        errors = np.empty((chunks, self.count, len(sums.ERRORS.columns)))
        paired = np.empty((chunks, len(self.pairs), len(sums.PAIRS.columns)))
        jit.driver(kernels.sum_errors)(
            self.estimates, self.states, self.controls, size, truth, self.pairs, self.chunk, errors, paired
        )
        self.errors.append(errors)
        self.paired.append(paired)
        self.count_errors(size)

    def count_errors(self, size):
        for first in range(0, self.count, len(self.counts)):
            own = slice(0, min(len(self.counts), self.count - first))
            counts, touched = self.counts[own], self.touched[own]
            jit.driver(kernels.count_errors)(
                self.estimates, self.states, first, size, self.cell.truth, counts, touched
            )
            if self.count > len(self.counts):
                self._take_bins(first, own.stop)

    def _take_bins(self, first, batch):
        for row in range(batch):
            found = jit.driver(histograms.take_bins)(self.counts[row], self.touched[row], self.keys, self.numbers)
            self.bins[first + row].append((self.keys[:found].copy(), self.numbers[:found].copy()))

    def node(self, first, count):
        """Everything summed since the last one, as a node of the tree."""
        if self.count <= len(self.counts):
            self._take_bins(0, self.count)
        errors = sums.fold(sums.ERRORS, np.concatenate(self.errors))
        paired = sums.fold(sums.PAIRS, np.concatenate(self.paired))
        bins = tuple(parts[0] if len(parts) == 1 else merge_bins(parts) for parts in self.bins)
        self._clear()
        return sums.Node(first, count, errors, paired, bins)

    def copies(self, size):
        return [part.reshape(self.count, -1)[:, :size].copy() for part in (self.estimates, self.states)]


def span(n, count, estimators):
    """Replications whose estimates are held at once: whole chunks of the sums, so that spans change no bit."""
    chunk, held = design.chunk_size(n), _HELD_ESTIMATES * max(2, jit.threads())
    most = min(_CALL_SAMPLES // n * max(2, jit.threads()), held // estimators)
    return min(_up(count, WIDTH), max(1, most // chunk) * chunk)


def _up(number, step):
    return -(-number // step) * step
