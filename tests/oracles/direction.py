"""Directions in slow NumPy: laws of the angle to mu by quadrature, means and medians on the sphere by plain steps."""

import math

import numpy as np
from scipy import integrate, special, stats


class AngleLaw:
    """The angle t between mu and a random direction of S^(d-1), from the log density of a direction as a function of t.

    A direction has the angle t with probability proportional to its density times sin(t)^(d-2).
    """

    def __init__(self, name, d, parameter):
        self.d, self.angles = d, np.linspace(0.0, math.pi, 200_001)
        cosine = np.cos(self.angles)
        if name == "von_mises_fisher":
            density = np.exp(parameter * (cosine - 1.0))
        else:
            density = (1.0 - parameter) ** (2 * d - 2) / (1.0 + parameter**2 - 2.0 * parameter * cosine) ** (d - 1)
        density = density * np.sin(self.angles) ** (d - 2)
        self._density = density / integrate.simpson(density, x=self.angles)

    def cdf(self, angle):
        return np.interp(angle, self.angles, integrate.cumulative_trapezoid(self._density, self.angles, initial=0.0))

    def mean(self, function):
        """Of a function of the angle."""
        return integrate.simpson(self._density * function(self.angles), x=self.angles)


class ProjectedT:
    """The angle between mu and kappa mu + z / v, z standard normal in d dimensions and sqrt(df) v chi with df.

    It is at most t where z_1 >= cot(t) r - kappa v, r being the length of the rest of z, chi with d - 1: the mean of a
    normal probability over r and v.
    """

    def __init__(self, d, kappa, df, nodes=201):
        self._angles = np.linspace(0.0, math.pi, 401)
        r, of_r = self._chi(d - 1, nodes)
        v, of_v = self._chi(df, nodes)
        cot = 1.0 / np.tan(self._angles[1:-1])
        inner = [of_r @ special.ndtr(kappa * v / math.sqrt(df) - c * r[:, None]) @ of_v for c in cot]
        self._cdf = np.array([0.0, *inner, 1.0])

    @staticmethod
    def _chi(df, nodes):
        """Places and weights of Simpson's rule for the mean over a chi variate."""
        places = np.linspace(0.0, stats.chi.isf(1e-12, df), nodes)
        weights = np.tile([2.0, 4.0], nodes // 2 + 1)[:nodes] * stats.chi.pdf(places, df)
        weights[[0, -1]] /= 2.0
        return places, weights / weights.sum()

    def cdf(self, angle):
        return np.interp(angle, self._angles, self._cdf)


def law(name, d, parameter):
    """The law of the angle of a distribution of simcore by its name and parameters."""
    return ProjectedT(d, *parameter) if name == "projected_t" else AngleLaw(name, d, parameter)


def mean_resultant_length(d, kappa):
    """A_d(kappa) of von Mises-Fisher: the mean of mu'x."""
    return special.ive(d / 2, kappa) / special.ive(d / 2 - 1, kappa)


def angle(a, b):
    """Between unit vectors, along the last axis (Kahan)."""
    return 2.0 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))


def log_map(m, x):
    """Tangent vectors at m that lead to the points x (n, d)."""
    across = x - (x @ m)[:, None] * m
    length = np.linalg.norm(across, axis=1, keepdims=True)
    return across * np.divide(angle(x, m)[:, None], length, out=np.zeros_like(length), where=length > 0.0)


def exp_map(m, v):
    length = np.linalg.norm(v)
    moved = math.cos(length) * m + np.sinc(length / math.pi) * v
    return moved / np.linalg.norm(moved)


def frechet_mean(x, steps=20_000):
    """The minimiser of the sum of squared angles near the mean direction: gradient steps of length 1."""
    m = x.mean(axis=0) / np.linalg.norm(x.mean(axis=0))
    for _ in range(steps):
        v = log_map(m, x).mean(axis=0)
        m = exp_map(m, v)
        if np.linalg.norm(v) < 1e-15:
            break
    return m


def geodesic_median(x, steps=20_000):
    """The minimiser of the sum of angles: plain Weiszfeld steps from the mean direction, and every point itself."""
    m = x.mean(axis=0) / np.linalg.norm(x.mean(axis=0))
    for _ in range(steps):
        logs = log_map(m, x)
        lengths = np.linalg.norm(logs, axis=1)
        if lengths.min() < 1e-14:
            break
        v = (logs / lengths[:, None]).sum(axis=0) / (1.0 / lengths).sum()
        m = exp_map(m, v)
        if np.linalg.norm(v) < 1e-15:
            break
    return min([m, *x], key=lambda point: angle(x, point).sum())
