"""Posteriors and Bayes risks by SciPy and by brute force: prior times likelihood on a fine Gauss-Legendre rule."""

import numpy as np
from scipy import optimize, special, stats

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_PANELS = 1500


class Brute:
    """A density on [low, high], given by its log up to a constant: mean, median, mode; `log_density` takes arrays."""

    def __init__(self, log_density, low, high):
        self._log = log_density
        self._edges = np.linspace(low, high, _PANELS + 1)
        x, weights = self._rule(self._edges[:-1], self._edges[1:])
        logs = log_density(x)
        self._top = logs.max()
        self._mass = (np.exp(logs - self._top) * weights).sum(axis=1)
        self._total = self._mass.sum()
        self.mean = (np.exp(logs - self._top) * weights * x).sum() / self._total
        self._peak = x.ravel()[logs.argmax()]

    def _rule(self, low, high):
        half = (np.asarray(high) - low) / 2.0
        return (np.asarray(low) + half)[..., None] + half[..., None] * _NODES, half[..., None] * _WEIGHTS

    @property
    def median(self):
        below = np.concatenate([[0.0], np.cumsum(self._mass)])
        k = np.searchsorted(below, self._total / 2.0) - 1

        def excess(t):
            x, weights = self._rule(self._edges[k], t)
            return below[k] + (np.exp(self._log(x) - self._top) * weights).sum() - self._total / 2.0

        return optimize.brentq(excess, self._edges[k], self._edges[k + 1], xtol=1e-14, rtol=1e-14)

    @property
    def mode(self):
        """To some 1e-8: a maximum is flat."""
        near = self._edges[1] - self._edges[0]
        bounds = (self._peak - near, self._peak + near)
        fall = lambda t: -self._log(np.array([t]))[0]  # noqa: E731
        return optimize.minimize_scalar(fall, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x


def normal(xbar, n, sd, noise):
    log_density = lambda t: -0.5 * (t / sd) ** 2 - 0.5 * n * ((xbar - t) / noise) ** 2  # noqa: E731
    return Brute(log_density, -12.0 * sd, 12.0 * sd)


def mixture(xbar, n, distance, weight, sd, noise):
    def log_density(t):
        up, down = -0.5 * ((t - distance / 2) / sd) ** 2, -0.5 * ((t + distance / 2) / sd) ** 2
        prior = np.logaddexp(np.log(weight) + up, np.log1p(-weight) + down)
        return prior - 0.5 * n * ((xbar - t) / noise) ** 2

    reach = distance / 2 + 12.0 * sd
    return Brute(log_density, -reach, reach)


def student_t(x, df, sd, noise):
    def log_density(t):
        r = (np.asarray(x) - np.asarray(t)[..., None]) / noise
        return -0.5 * (t / sd) ** 2 - 0.5 * (df + 1.0) * np.log1p(r * r / df).sum(axis=-1)

    return Brute(log_density, -12.0 * sd, 12.0 * sd)


def beta(successes, n, a, b):
    """(mean, median, mode)."""
    a, b = a + successes, b + n - successes
    mode = 0.0 if a <= 1.0 else 1.0 if b <= 1.0 else (a - 1.0) / (a + b - 2.0)
    return a / (a + b), special.betaincinv(a, b, 0.5), mode


def gamma(count, n, shape, rate):
    """(mean, median, mode)."""
    a, scale = shape + count, 1.0 / (rate + n)
    return a * scale, special.gammaincinv(a, 0.5) * scale, max(a - 1.0, 0.0) * scale


def beta_risks(n, a, b):
    """(squared, absolute) Bayes risk of mean, median and mode, by summation over the successes."""
    s = np.arange(n + 1)
    chances = stats.betabinom.pmf(s, n, a, b)
    points = np.array([beta(k, n, a, b) for k in s])
    return _risks(chances, points, stats.beta(a + s, b + n - s), lambda c: special.betainc(a + s + 1, b + n - s, c))


def gamma_risks(n, shape, rate):
    """The same; the counts' sum is negative binomial."""
    s = np.arange(400)
    chances = stats.nbinom.pmf(s, shape, rate / (rate + n))
    points = np.array([gamma(k, n, shape, rate) for k in s])
    posterior = stats.gamma(shape + s, scale=1.0 / (rate + n))
    return _risks(chances, points, posterior, lambda c: special.gammainc(shape + s + 1, c * (rate + n)))


def _risks(chances, points, posterior, share_below):
    """E (theta - c)^2 and E |theta - c| = c (2 F(c) - 1) + m (1 - 2 G(c)), G(c) the share of the mean m below c."""
    mean, variance = posterior.mean(), posterior.var()
    squared = [chances @ (variance + (mean - c) ** 2) for c in points.T]
    absolute = [chances @ (c * (2 * posterior.cdf(c) - 1) + mean * (1 - 2 * share_below(c))) for c in points.T]
    return np.array(squared), np.array(absolute)


def normal_risks(n, sd, noise):
    """(squared, absolute) Bayes risk of the posterior mean."""
    variance = 1.0 / (1.0 / sd**2 + n / noise**2)
    return variance, np.sqrt(2.0 * variance / np.pi)


def mixture_risks(n, distance, weight, sd, noise):
    """(squared risk of the mean, absolute risk of the median), by a sum over the mean of the observations."""
    spread = np.sqrt(sd**2 + noise**2 / n)
    x = np.linspace(-distance / 2 - 9 * spread, distance / 2 + 9 * spread, 801)
    means, weights = distance / 2 * np.array([-1.0, 1.0]), np.array([1.0 - weight, weight])
    marginal = weights * stats.norm.pdf(x[:, None], means, spread)
    density = marginal.sum(axis=1)
    own = marginal / density[:, None]
    kept = sd**2 / spread**2
    centres, width = kept * x[:, None] + (1 - kept) * means, np.sqrt(kept * noise**2 / n)
    middle = (own * centres).sum(axis=1)
    variance = width**2 + (own * (centres - middle[:, None]) ** 2).sum(axis=1)
    medians = np.array([mixture(xbar, n, distance, weight, sd, noise).median for xbar in x])
    z = (medians[:, None] - centres) / width
    sizes = (own * width * (2 * stats.norm.pdf(z) + z * (2 * special.ndtr(z) - 1))).sum(axis=1)
    return np.trapezoid(density * variance, x), np.trapezoid(density * sizes, x)


def student_t_risks(df, sd, noise):
    """(squared risk of the mean, absolute risk of the median) from one observation, by sums over it and theta."""
    u = np.linspace(-12.0, 12.0, 1201)
    x, dx = np.sinh(u), np.cosh(u) * (u[1] - u[0])
    t = np.linspace(-9.0 * sd, 9.0 * sd, 6001)
    joint = stats.norm.pdf(t, 0.0, sd) * stats.t.pdf((x[:, None] - t) / noise, df) / noise * (t[1] - t[0])
    marginal = joint.sum(axis=1)
    mean = (joint * t).sum(axis=1) / marginal
    squared = (joint * (t - mean[:, None]) ** 2).sum(axis=1)
    medians = np.array([t[np.searchsorted(row, 0.5 * row[-1])] for row in np.cumsum(joint, axis=1)])
    absolute = (joint * np.abs(t - medians[:, None])).sum(axis=1)
    return squared @ dx, absolute @ dx
