"""The other ways to run regression_benchmark.py's study: NumPy, statsmodels, scikit-learn and R.

Each contestant knows a design X, float64 (n, p) with a column of ones first, draws responses of t(3) (all true
coefficients are 0) and fits them as someone fluent in that tool would. `simulate(n, out)` fills out, float64
(p, replications), and goes on in its own random stream from call to call; it may return its own seconds. `fit(y)` gives
the coefficients of one sample, to within `accuracy` (in scales of the errors) of the estimator's definition; `least` is
the fewest replications that are worth timing; `alike`: whether `simulate` fits the estimator of simcore to fresh draws,
so that variances must agree. Nothing here imports simcore.
"""

import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
from competitors import HUBER_K, Absent

TUKEY_C = 4.685061  # the default of lmrob


class Contestant:
    """One fit after the other, each to responses drawn by NumPy's fastest generator."""

    threads, least, alike = 1, 8, True

    def __init__(self, x, seed, r=None):
        self.x = x
        self.rng = np.random.Generator(np.random.SFC64(seed))

    def simulate(self, n, out):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # iteration limits, of which every few hundredth fit tells
            for k in range(out.shape[1]):
                out[:, k] = self.fit(self.rng.standard_t(3, size=n))


def installed(name):
    """A module of statsmodels or scikit-learn."""
    try:
        return __import__(name, fromlist=["_"])
    except ImportError:
        package = {"sklearn": "scikit-learn"}.get(name.partition(".")[0], name.partition(".")[0])
        raise Absent(f"{package} is not installed: pip install 'simcore[benchmark]'") from None


# --- least squares


class Product(Contestant):
    """Y pinv(X)' for many replications at once: what a fixed design makes of least squares."""

    name, accuracy = "NumPy, Y @ pinv(X).T", 1e-12
    chunk_samples = 1 << 15  # fits in the L2 cache

    def __init__(self, x, seed, r=None):
        super().__init__(x, seed)
        self.projection = np.ascontiguousarray(np.linalg.pinv(x).T)

    def simulate(self, n, out):
        rows = max(1, self.chunk_samples // n)
        for first in range(0, out.shape[1], rows):
            part = out[:, first : first + rows]
            part[:] = self.fit_rows(self.responses(part.shape[1], n)).T

    def responses(self, rows, n):
        return self.rng.standard_t(3, size=(rows, n))

    def fit_rows(self, y):
        return y @ self.projection

    def fit(self, y):
        return self.fit_rows(y[None])[0]


class BareProduct(Product):
    """The product alone, of the same responses again and again, in the cache."""

    name, alike = "the same, nothing drawn", False

    def __init__(self, x, seed, r=None):
        super().__init__(x, seed)
        n = len(x)
        self._drawn = self.rng.standard_t(3, size=(max(1, self.chunk_samples // n), n))

    def responses(self, rows, n):
        return self._drawn[:rows]


class Lstsq(Contestant):
    name, accuracy = "numpy.linalg.lstsq", 1e-12

    def fit(self, y):
        return np.linalg.lstsq(self.x, y, rcond=None)[0]


class StatsmodelsOLS(Contestant):
    name, accuracy = "statsmodels OLS", 1e-12

    def __init__(self, x, seed, r=None):
        super().__init__(x, seed)
        self._model = installed("statsmodels.regression.linear_model").OLS

    def fit(self, y):
        return self._model(y, self.x).fit().params


# --- Huber


class StatsmodelsRLM(Contestant):
    """Reweighting with the MAD of each step, until deviances are 1e-8 apart."""

    name, accuracy = "statsmodels RLM", 1e-4

    def __init__(self, x, seed, r=None):
        super().__init__(x, seed)
        self._model = installed("statsmodels.robust.robust_linear_model").RLM
        self._norm = installed("statsmodels.robust.norms").HuberT(HUBER_K)

    def fit(self, y):
        return self._model(y, self.x, M=self._norm).fit().params


class ScikitHuber(Contestant):
    """Coefficients and scale together minimise Huber's joint criterion: its scale is not the MAD. By L-BFGS-B."""

    name, accuracy, alike = "scikit-learn HuberRegressor", 1e-3, False

    def __init__(self, x, seed, r=None):
        super().__init__(x, seed)
        self._model = installed("sklearn.linear_model").HuberRegressor(epsilon=HUBER_K, alpha=0.0)

    def fit(self, y):
        self._model.fit(self.x[:, 1:], y)
        return np.append(self._model.intercept_, self._model.coef_)

    @property
    def scale(self):
        """Of the residuals, as found by the last fit."""
        return self._model.scale_


# --- least absolute deviations


class StatsmodelsQuantReg(Contestant):
    """Iteratively reweighted least squares, until coefficients are 1e-6 apart: near the minimum, not at it."""

    name, accuracy = "statsmodels QuantReg", 0.1

    def __init__(self, x, seed, r=None):
        super().__init__(x, seed)
        self._model = installed("statsmodels.regression.quantile_regression").QuantReg

    def fit(self, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._model(y, self.x).fit(q=0.5).params


class ScikitQuantile(Contestant):
    """A linear program, by HiGHS."""

    name, accuracy = "scikit-learn QuantileRegressor", 1e-6

    def __init__(self, x, seed, r=None):
        super().__init__(x, seed)
        self._model = installed("sklearn.linear_model").QuantileRegressor(quantile=0.5, alpha=0.0, solver="highs")

    def fit(self, y):
        self._model.fit(self.x[:, 1:], y)
        return np.append(self._model.intercept_, self._model.coef_)


# --- R


class R:
    """A running Rscript that answers commands, see regression_competitors.R."""

    def __init__(self):
        self._process = None
        program = shutil.which("Rscript")
        if program is None:
            raise Absent("R is not installed (Rscript not found)")
        self._folder = tempfile.TemporaryDirectory(prefix="simcore-benchmark-")
        source = Path(__file__).with_suffix(".R")
        self._process = subprocess.Popen(
            [program, "--vanilla", str(source)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.fits = self._ask("fits").split()
        self.versions = self._ask("versions")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()

    def _ask(self, *words):
        self._process.stdin.write("\t".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"R stopped at: {' '.join(map(str, words))}")
        return answer.strip()

    def _path(self, name):
        return Path(self._folder.name) / name

    def see(self, x):
        """The design of all fits from now on."""
        np.asfortranarray(x).T.tofile(self._path("x"))
        self._ask("design", self._path("x"), *x.shape)

    def fit(self, name, y):
        y.tofile(self._path("y"))
        self._ask("fit", name, self._path("y"), self._path("fit"))
        return np.fromfile(self._path("fit"))

    def simulate(self, name, out):
        """Seconds of the draws and fits alone."""
        seconds = float(self._ask("simulate", name, out.shape[1], self._path("fits")))
        out[:] = np.fromfile(self._path("fits")).reshape(out.shape[::-1]).T
        return seconds


class ByR(Contestant):
    """A fit in R; `command` as in regression_competitors.R."""

    def __init__(self, x, seed, r=None):
        if r is None:
            raise Absent("R is not installed (Rscript not found)")
        if self.command not in r.fits:
            raise Absent(f"the R package {self.package} is not installed")
        self.x, self._r = x, r
        r.see(x)

    def simulate(self, n, out):
        return self._r.simulate(self.command, out)

    def fit(self, y):
        return self._r.fit(self.command, y)


class RSquares(ByR):
    name, command, package, accuracy = "R lm.fit", "lm", "stats", 1e-12


class RHuber(ByR):
    """Reweighting with the MAD of each step, as far as that converges."""

    name, command, package, accuracy = "R MASS::rlm, acc = 1e-11", "rlm", "MASS", 1e-8


class RHuberDefault(ByR):
    """At most 20 steps, until residuals change by 1e-4 of their length."""

    name, command, package, accuracy = "R MASS::rlm, default", "rlm_default", "MASS", 1e-2


class RQuantile(ByR):
    """Barrodale and Roberts' simplex method."""

    name, command, package, accuracy = "R quantreg::rq.fit.br", "rq", "quantreg", 1e-10


class RMM(ByR):
    """500 random subsets; coefficients to 1e-7, and their covariance."""

    name, command, package, accuracy = "R robustbase::lmrob.fit", "lmrob", "robustbase", 1e-2


CONTESTANTS = {
    "l2": (Product, BareProduct, Lstsq, StatsmodelsOLS, RSquares),
    "huber": (StatsmodelsRLM, ScikitHuber, RHuber, RHuberDefault),
    "l1": (StatsmodelsQuantReg, ScikitQuantile, RQuantile),
    "mm": (RMM,),
}
