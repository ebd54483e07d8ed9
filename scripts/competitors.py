"""The other ways to run benchmark.py's study: NumPy, a scalar Numba loop, statsmodels and C++.

Each contestant draws samples of t(3) and fits mean, median, Huber and Tukey by the definitions of simcore, as someone
fluent in that tool would write it. `simulate(n, out)` fills out, float64 (len(ESTIMATORS), replications), and goes on
in its own random stream from call to call; `fit(x)` gives the estimates of one sample; `least` is the fewest
replications that are worth timing. Nothing here imports simcore.
"""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numba
import numpy as np

ESTIMATORS = ("mean", "median", "huber", "tukey")
MAD_FACTOR, HUBER_K, TUKEY_C = 1.482602218505602, 1.345, 4.685
TOLERANCE = 1e-8  # of the reweighting loops, in scales


class Absent(Exception):
    """A contestant that cannot run here; the message says why."""


class PlainNumPy:
    """A matrix with a replication per row, as one writes it first. Fixed numbers of steps."""

    name, threads, least = "NumPy, matrix of replications", 1, 8
    chunk, huber_steps, tukey_steps = 10_000, 8, 12

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)

    def simulate(self, n, out):
        for first in range(0, out.shape[1], self.chunk):
            part = out[:, first : first + self.chunk]
            part[:] = self.fit_rows(self._rng.standard_t(3, size=(part.shape[1], n)))

    def fit(self, x):
        return self.fit_rows(np.asarray(x)[None])[:, 0]

    def fit_rows(self, x):
        median = np.median(x, axis=1)
        scale = MAD_FACTOR * np.median(np.abs(x - median[:, None]), axis=1)
        scale[scale == 0.0] = 1.0
        huber = self._reweighted(x, median, scale, self.huber_steps, self._huber_weights)
        tukey = self._reweighted(x, median, scale, self.tukey_steps, self._tukey_weights)
        return np.stack([x.mean(axis=1), median, huber, tukey])

    @staticmethod
    def _reweighted(x, mu, scale, steps, weights):
        for _ in range(steps):
            w = weights((x - mu[:, None]) / scale[:, None])
            mu = (w * x).sum(axis=1) / w.sum(axis=1)
        return mu

    @staticmethod
    def _huber_weights(r):
        return HUBER_K / np.maximum(np.abs(r), HUBER_K)

    @staticmethod
    def _tukey_weights(r):
        return np.maximum(1.0 - (r / TUKEY_C) ** 2, 0.0) ** 2


class NumPy:
    """The same tuned: a replication per column, arithmetic in place, chunks that fit the cache, a faster generator."""

    name, threads, least = "NumPy, tuned for the cache", 1, 8
    chunk_samples = 1 << 15  # fits in the L2 cache
    huber_steps, tukey_steps = 8, 12

    def __init__(self, seed):
        self._rng = np.random.Generator(np.random.SFC64(seed))  # NumPy's fastest

    def simulate(self, n, out):
        columns = max(1, self.chunk_samples // n)
        for first in range(0, out.shape[1], columns):
            part = out[:, first : first + columns]
            part[:] = self.fit_columns(self._rng.standard_t(3, size=(n, part.shape[1])))

    def fit(self, x):
        return self.fit_columns(np.asarray(x)[:, None])[:, 0]

    def fit_columns(self, x):
        median = _middle_row(np.sort(x, axis=0))  # 2 to 3 times as fast as np.median(x, axis=0) at n = 20
        scale = MAD_FACTOR * _middle_row(np.sort(np.abs(x - median), axis=0))
        z = (x - median) / np.where(scale > 0.0, scale, 1.0)
        huber = self._reweighted(z, _huber_weights, self.huber_steps)
        tukey = self._reweighted(z, _tukey_weights, self.tukey_steps)
        return np.stack([x.mean(axis=0), median, median + scale * huber, median + scale * tukey])

    @staticmethod
    def _reweighted(z, weights, steps):
        mu, residuals = np.zeros(z.shape[1]), np.empty_like(z)
        for _ in range(steps):
            np.subtract(z, mu, out=residuals)
            w = weights(residuals)
            mu = np.einsum("ij,ij->j", w, z) / w.sum(axis=0)
        return mu


def _middle_row(ordered):
    n = len(ordered)
    return 0.5 * (ordered[(n - 1) // 2] + ordered[n // 2])


def _huber_weights(r):  # in place: allocations would cost as much as the arithmetic
    np.abs(r, out=r)
    np.maximum(r, HUBER_K, out=r)
    return np.divide(HUBER_K, r, out=r)


def _tukey_weights(r):
    np.multiply(r, 1.0 / TUKEY_C, out=r)
    np.square(r, out=r)
    np.subtract(1.0, r, out=r)
    np.maximum(r, 0.0, out=r)
    return np.square(r, out=r)


class ScalarNumba:
    """One replication after the other, with Numba's own generator, medians and means."""

    name, threads, least = "Numba, scalar loop", 1, 8

    def __init__(self, seed):
        _seed_numba(seed)

    def simulate(self, n, out):
        _simulate_scalar(n, out)

    def fit(self, x):
        return np.array(_fit_scalar(np.asarray(x, dtype=np.float64)))


@numba.njit
def _seed_numba(seed):
    np.random.seed(seed)


@numba.njit
def _huber_weight(r):
    return 1.0 if abs(r) <= HUBER_K else HUBER_K / abs(r)


@numba.njit
def _tukey_weight(r):
    u = r / TUKEY_C
    return (1.0 - u * u) ** 2 if abs(u) < 1.0 else 0.0


@numba.njit
def _reweighted_scalar(x, mu, scale, weight):
    for _ in range(1000):
        total, weights = 0.0, 0.0
        for value in x:
            w = weight((value - mu) / scale)
            total += w * value
            weights += w
        before, mu = mu, total / weights
        if abs(mu - before) <= TOLERANCE * scale:
            break
    return mu


@numba.njit
def _fit_scalar(x):
    median = np.median(x)
    scale = MAD_FACTOR * np.median(np.abs(x - median))
    if scale == 0.0:
        return np.mean(x), median, median, median
    huber = _reweighted_scalar(x, median, scale, _huber_weight)
    return np.mean(x), median, huber, _reweighted_scalar(x, median, scale, _tukey_weight)


@numba.njit
def _simulate_scalar(n, out):
    for r in range(out.shape[1]):
        out[0, r], out[1, r], out[2, r], out[3, r] = _fit_scalar(np.random.standard_t(3.0, n))


class Statsmodels:
    """RLM on a column of ones from the median, its scale kept at the MAD; NumPy's mean and median."""

    name, threads, least = "statsmodels RLM", 1, 8

    def __init__(self, seed):
        try:
            from statsmodels.robust import norms
            from statsmodels.robust.robust_linear_model import RLM
        except ImportError:
            raise Absent("statsmodels is not installed: pip install 'simcore[benchmark]'") from None
        self._rng = np.random.default_rng(seed)
        self._rlm = RLM
        self._norms = norms.HuberT(HUBER_K), norms.TukeyBiweight(TUKEY_C)

    def simulate(self, n, out):
        for r in range(out.shape[1]):
            out[:, r] = self.fit(self._rng.standard_t(3, size=n))

    def fit(self, x):
        median, ones = np.median(x), np.ones(len(x))
        models = (self._rlm(x, ones, M=norm) for norm in self._norms)
        fits = (model.fit(start_params=[median], update_scale=False, tol=TOLERANCE) for model in models)
        return np.array([np.mean(x), median, *(fit.params[0] for fit in fits)])


class Cpp:
    """benchmark.cpp beside this file: scalar, xoshiro256++, nth_element, Newton steps like simcore's."""

    name, threads, least = "C++ -O3 -march=native, scalar loop", 1, 8

    def __init__(self, seed, folder):
        self.compiler = next(filter(None, map(shutil.which, ("g++", "clang++"))), None)
        if self.compiler is None:
            raise Absent("no compiler found (g++ or clang++)")
        library = Path(folder) / "benchmark.so"
        source = Path(__file__).with_name("benchmark.cpp")
        options = ["-O3", "-march=native", "-std=c++17", "-shared", "-fPIC"]
        built = subprocess.run(
            [self.compiler, *options, str(source), "-o", str(library)], capture_output=True, text=True, check=False
        )
        if built.returncode != 0:
            raise Absent(f"{self.compiler} failed: {built.stderr.strip().splitlines()[-1:]}")
        matrix = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")
        self._functions = ctypes.CDLL(str(library))
        self._functions.simulate.argtypes = ctypes.c_uint64, ctypes.c_int, ctypes.c_int64, matrix
        self._functions.fit.argtypes = matrix, ctypes.c_int, matrix
        self._functions.simulate.restype = self._functions.fit.restype = None
        self._seed = seed << 32

    def simulate(self, n, out):
        self._seed += 1  # SplitMix64 makes a new stream of every number
        self._functions.simulate(self._seed, n, out.shape[1], out)

    def fit(self, x):
        out = np.empty(len(ESTIMATORS))
        self._functions.fit(np.ascontiguousarray(x, dtype=np.float64), len(x), out)
        return out
