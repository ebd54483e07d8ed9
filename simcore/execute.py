"""Running blocks: the sums of a cell's replications, from the kernels. Knows no files."""

from dataclasses import dataclass

import numpy as np

from simcore import design, histograms, jit, kernels, recipes, sums
from simcore.histograms import merge_bins
from simcore.lanes import WIDTH

_HELD_ESTIMATES = 1 << 16  # for each thread: few enough to stay in its cache
_CALL_SAMPLES = 1 << 23  # of one call of the kernel, about: signals wait for it to return
HISTOGRAMS = 16  # that are held uncompressed
MOST_PARTS = 16  # of a histogram, before they are added up


@dataclass(frozen=True)
class BlockResult:
    """Nodes of the tree of sums, in order, and, where kept, every estimate and its state (see `kernels.simulate`)."""

    block: design.Block
    nodes: list[sums.Node]
    estimates: np.ndarray | None = None
    states: np.ndarray | None = None


def run_block(study, cell, block, keep=False, work=None):
    """Compute one block. work: what sums up the estimates, in place of `Work`."""
    work = (work or Work)(study, cell, block)
    nodes, kept = [], []
    for first, count in node_runs(block, work.chunk):
        for begin in range(first, first + count, work.span):
            size = min(work.span, first + count - begin)
            work.simulate(begin, size)
            work.sum_up(size)
            if keep:
                kept.append(work.copies(size))
        nodes.append(work.node(first, count))
    if not keep:
        return BlockResult(block, nodes)
    return BlockResult(block, nodes, *(np.concatenate(parts, axis=1) for parts in zip(*kept, strict=True)))


def node_runs(block, chunk):
    """(first, count) of the nodes that a block is made of; the last one may be a part of a chunk."""
    first, whole = block.first // chunk, block.count // chunk
    yield from ((start * chunk, length * chunk) for start, length in sums.aligned_runs(first, first + whole))
    if block.count % chunk:
        yield block.first + whole * chunk, block.count % chunk


class Work:
    """The estimates of a span of replications, and what has been summed since the last node."""

    def __init__(self, study, cell, block):
        self.cell, self.kernel = cell, recipes.kernel_cell(study, cell, jit.enabled())
        self.truths = np.array(design.measured_against(study, cell))
        self.count, self.chunk = len(self.truths), design.chunk_size(cell.size)
        self.span = span(cell.size, block.count, self.count)
        self.pairs = np.array(design.target_pairs(study), np.int64).reshape(-1, 2)
        shape = self.count, self.span // WIDTH, WIDTH
        self.estimates, self.states = np.empty(shape), np.empty(shape, np.uint32)
        self.parameters, self.coefficients = len(cell.quantities), cell.coefficients
        self.controls = np.empty((self.parameters * shape[1] if self.kernel.score else 0, WIDTH))
        self.columns = sums.joint_columns(self.coefficients, bool(self.kernel.score))
        self.joint_rows = len(study.estimators) * self.columns
        batch = min(self.count, HISTOGRAMS)
        self.counts = np.zeros((batch, histograms.BINS), np.int32)
        self.touched = np.zeros((batch, histograms.STRETCHES), np.uint8)
        self.keys, self.numbers = np.empty(histograms.BINS, np.int32), np.empty(histograms.BINS, np.int64)
        self._clear()

    def _clear(self):
        self.errors, self.paired, self.joint, self.bins = [], [], [], [[] for _ in range(self.count)]

    def simulate(self, begin, size):
        simulate = recipes.simulate(self.cell)
        at_once = max(jit.threads(), _CALL_SAMPLES // (self.cell.size * WIDTH))
        groups = -(-size // WIDTH)
        for group in range(0, groups, at_once):
            end = min(group + at_once, groups)
            simulate(self.kernel, begin // WIDTH, group, end, self.estimates, self.states, self.controls)

    def sum_up(self, size):
        """Sums and histograms of the first `size` estimates of the span."""
        chunks, counts = -(-size // self.chunk), (self.parameters, self.coefficients)
        errors = np.empty((chunks, self.count, len(sums.ERRORS.columns)))
        paired = np.empty((chunks, len(self.pairs), len(sums.PAIRS.columns)))
        joint = np.empty((chunks, self.joint_rows * 4, WIDTH))
        found, out = (self.estimates, self.states, self.controls), (errors, paired, joint)
        jit.driver(kernels.sum_errors)(*found, size, self.truths, self.pairs, self.chunk, counts, *out)
        self.errors.append(errors)
        self.paired.append(paired)
        self.joint.append(joint)
        self.count_errors(size)

    def count_errors(self, size):
        for first in range(0, self.count, len(self.counts)):
            own = slice(0, min(len(self.counts), self.count - first))
            counts, touched = self.counts[own], self.touched[own]
            jit.driver(kernels.count_errors)(
                self.estimates, self.states, first, size, self.truths, counts, touched
            )
            if self.count > len(self.counts):
                self._take_bins(first, own.stop)

    def _take_bins(self, first, batch):
        for row in range(batch):
            found = jit.driver(histograms.take_bins)(self.counts[row], self.touched[row], self.keys, self.numbers)
            parts = self.bins[first + row]
            parts.append((self.keys[:found].copy(), self.numbers[:found].copy()))
            if len(parts) == MOST_PARTS:
                parts[:] = [merge_bins(parts)]

    def node(self, first, count):
        """Everything summed since the last one, as a node of the tree."""
        if self.count <= len(self.counts):
            self._take_bins(0, self.count)
        errors = sums.fold(sums.ERRORS, np.concatenate(self.errors))
        paired = sums.fold(sums.PAIRS, np.concatenate(self.paired))
        bins = tuple(parts[0] if len(parts) == 1 else merge_bins(parts) for parts in self.bins)
        shape = len(self.truths) // self.parameters if self.columns else 0, self.columns, sums.GROUPS
        joint = sums.fold_joint(np.concatenate(self.joint)).reshape(shape)
        self._clear()
        return sums.Node(first, count, errors, paired, bins, joint)

    def copies(self, size):
        return [part.reshape(self.count, -1)[:, :size].copy() for part in (self.estimates, self.states)]


def span(size, count, targets, threads=None):
    """Replications whose estimates are held at once: whole chunks of the sums, so that spans change no bit."""
    chunk, threads = design.chunk_size(size), max(2, threads or jit.threads())
    most = min(_CALL_SAMPLES // size * threads, _HELD_ESTIMATES * threads // targets)
    return min(_up(count, WIDTH), max(1, most // chunk) * chunk)


def _up(number, step):
    return -(-number // step) * step
