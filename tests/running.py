"""Running lane functions and draws in tests, in both modes: compiled, and as the plain Python that they are; and
commands without a process of their own, and processes that stand still for a moment."""

import contextlib
import functools
import io
import os
import signal
from types import SimpleNamespace

import numpy as np

from simcore import cli, design, execute, jit, kernels, recipes, trial_kernels
from simcore.contracts.faults import same_bits
from simcore.jit import call
from simcore.lanes import WIDTH, load, store
from simcore.registry import plugins
from simcore.streams import stream_keys

f = None  # open name of the loops below


def _one(x, out):
    for i in range(out.shape[0]):
        store(out, i, f(load(x, i)))


def _two(x, y, out):
    for i in range(out.shape[0]):
        store(out, i, f(load(x, i), load(y, i)))


def _three(x, y, z, out):
    for i in range(out.shape[0]):
        store(out, i, f(load(x, i), load(y, i), load(z, i)))


def data_sets(kernel, groups):
    """Data sets of a compiled `trial_kernels.Trial` as it makes them: float64 (groups, rows, WIDTH)."""
    out = np.zeros((groups, kernel.rows, WIDTH))
    for group in range(groups):
        jit.driver(trial_kernels.draw_sample)(kernel, group, out[group])
    return out


def _fit_one(fit, x, n, numbers, all_rows):
    call(fit, x, n, numbers, 0, all_rows)


def fitted(fit, x, n, numbers, scratch):
    """What a compiled fit of a `trial_kernels.Trial` gives of data sets x (rows, WIDTH): values, scratch."""
    rows = np.zeros((len(x) + int(numbers[1]) + 1 + scratch, WIDTH))
    rows[: len(x)] = x
    _compiled_fit()(fit, rows, n, numbers[None], len(rows))
    return rows[len(x) : len(x) + int(numbers[1])], rows[len(x) + int(numbers[1]) + 1 :]


def assert_same_bits(study, replications, firsts):
    """Of a simulated problem with one cell, kept values are the same whole, in blocks of 64 from `firsts` on by one
    thread, and of lane group 3 by plain kernels whose scratch holds NaN."""
    (cell,) = design.cells(study)
    whole = execute.run_block(study, cell, design.Block(0, cell.key, 0, replications), keep=True)
    jit.set_threads(1)
    parts = [execute.run_block(study, cell, design.Block(0, cell.key, first, 64), keep=True) for first in firsts]
    jit.set_threads(None)
    for part in parts:
        first, count = part.block.first, min(64, replications - part.block.first)
        assert same_bits(whole.estimates[:, first : first + count].copy(), part.estimates[:, :count].copy())
    kernel = recipes.kernel_cell(study, cell, False)
    rows = np.full((kernel.rows + kernel.values + 1 + kernel.scratch, WIDTH), np.nan)
    with np.errstate(all="ignore"):
        kernel.sample(kernel.keys, 3, cell.n, kernel.sample_numbers, rows[: kernel.rows])
        for e in range(len(study.estimators)):
            kernel.fits[e](rows, cell.n, kernel.fit_numbers, e, len(rows))
            found = whole.estimates[kernel.values * e : kernel.values * (e + 1), 24:32]
            assert same_bits(found.copy(), rows[kernel.rows : kernel.rows + kernel.values].copy()), e


def rows_of(values):
    """Any number of values as an array (rows, WIDTH), the last one repeated to fill the last row."""
    values = np.asarray(values).ravel()
    return np.pad(values, (0, -len(values) % WIDTH), mode="edge").reshape(-1, WIDTH)


def over_rows(function, *inputs, compiled, result=np.float64):
    """A lane function of one to three lane values on every row of the inputs, as an array of the type `result`."""
    out = np.zeros(inputs[0].shape, result)
    _loop(function, len(inputs), compiled)(*inputs, out)
    return out


def samples(distribution, numbers, n, groups, *, compiled=True, seed=1, cell="cell", first_group=0, bad=("none", ())):
    """Draws as kernels make them, unsorted: float64 (groups, n, WIDTH). `bad`: kind and numbers after loc and scale."""
    kind, bad_numbers = bad
    out = np.zeros((groups, kernels.padded_rows(n), WIDTH))
    recipe = kernels.bare_cell(n)._replace(
        keys=stream_keys(seed, cell),
        draw=kernels.draw_function(plugins("distributions")[distribution], compiled),
        draw_numbers=kernels.numbers_array(numbers),
        contaminate=kernels.contaminate_function(plugins("contamination")[kind], compiled),
        contaminate_numbers=kernels.numbers_array(bad_numbers or (0.0, 1.0)),
    )
    draw = jit.driver(kernels.draw_sample) if compiled else _quiet(kernels.draw_sample)
    for group in range(groups):
        draw(recipe, first_group + group, out[group])
    return out[:, :n]


@functools.cache
def _loop(function, arity, compiled):
    plain = jit.rebound((_one, _two, _three)[arity - 1], f"over_{function.__name__}", f=function)
    return jit.compiled(plain) if compiled else _quiet(plain)


@functools.cache
def _compiled_fit():
    return jit.compiled(_fit_one)


def _quiet(plain):
    @functools.wraps(plain)
    def run(*args):
        with np.errstate(all="ignore"):  # compiled code is silent too
            return plain(*args)

    return run


def typed(*words, cwd):
    """A command of simcore, typed in a folder: its `returncode`, `stdout` and `stderr`. In this process, without
    the seconds that a new one takes to start; what would be a traceback is raised."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main([*map(str, words)], prog_name="simcore")
        except SystemExit as ended:
            return SimpleNamespace(returncode=ended.code, stdout=out.getvalue(), stderr=err.getvalue())


def cut_small(patch, chunks):
    """Cut studies into blocks of so many chunks, and store each block in a file of its own."""
    patch.setattr(design, "LIMITS", design.Limits(kept=1, summed=1, least=chunks, work=1))


@contextlib.contextmanager
def paused(pid):
    """Within, a child stands still, and a signal that it is sent waits: it comes before the child does anything else.

    Gives whether it was still alive.
    """
    os.kill(pid, signal.SIGSTOP)
    found = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    try:
        yield found.si_code == os.CLD_STOPPED
    finally:
        os.kill(pid, signal.SIGCONT)
