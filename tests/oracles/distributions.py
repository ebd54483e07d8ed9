"""Distribution functions and quantiles of the error distributions in standard form (imports nothing of simcore).

CDF[name](x, *parameters); QUANTILE[name](q, *parameters) for the lower tail, and UPPER for the upper one where it is
another; MEAN and VARIANCE of those that are not symmetric about 0 or have their variance from gamma functions. From
SciPy where it has them; else from their formulas.
"""

import mpmath as mp
import numpy as np
from scipy import integrate, optimize, special, stats

from tests.oracles import stable


def slash_cdf(x):
    """P(Z / U <= x) = Phi(x) - (phi(0) - phi(x)) / x: integrate Phi(x u) over u in (0, 1) by parts (Rogers & Tukey)."""
    x = np.asarray(x, float)
    safe = np.where(np.abs(x) < 1e-3, 1.0, x)
    small = 0.5 + x * stats.norm.pdf(0.0) * (0.5 - x**2 / 24.0)  # the next term is below 1e-17
    with np.errstate(over="ignore"):
        tail = -np.expm1(-0.5 * np.square(safe)) * stats.norm.pdf(0.0) / safe
    return np.where(np.abs(x) < 1e-3, small, special.ndtr(safe) - tail)


def contaminated_normal_cdf(x, epsilon, ratio):
    """Mixture of two centred normals."""
    x = np.asarray(x, float)
    return (1.0 - epsilon) * special.ndtr(x) + epsilon * special.ndtr(x / ratio)


def g_and_h(z, g, h):
    """The definition."""
    return np.exp(0.5 * h * z * z) * (np.expm1(g * z) / g if g else z)


def g_and_h_cdf(x, g, h):
    """Phi at the root z of g_and_h(z) = x, by linear interpolation between 400000 points."""
    z = np.linspace(-9.0, 9.0, 400_001)
    return special.ndtr(np.interp(x, g_and_h(z, g, h), z))


def skewed_t_cdf(x, df, skew):
    """Each half of Student's t by itself."""
    x, below = np.asarray(x, float), 1.0 / (1.0 + skew**2)
    low = 2.0 * below * special.stdtr(df, np.minimum(x, 0.0) * skew)
    high = 1.0 - 2.0 * (1.0 - below) * special.stdtr(df, -np.maximum(x, 0.0) / skew)
    return np.where(x < 0.0, low, high)


def skewed_t_tail(q, df, skew):
    """The lower quantile of q < 1 / (1 + skew^2)."""
    return special.stdtrit(df, 0.5 * q * (1.0 + skew**2)) / skew


def _inverse(cdf):
    def quantile(q, *parameters):
        return optimize.brentq(lambda x: cdf(x, *parameters) / q - 1.0, -1e16, 0.0, xtol=1e-12, rtol=1e-13)

    return quantile


CDF = {
    "cauchy": stats.cauchy.cdf,
    "g_and_h": g_and_h_cdf,
    "generalized_normal": lambda x, shape: 0.5 + 0.5 * np.sign(x) * special.gammainc(1.0 / shape, np.abs(x) ** shape),
    "contaminated_normal": contaminated_normal_cdf,
    "gumbel": lambda x: np.exp(-np.exp(-np.maximum(x, -700.0))),
    "laplace": stats.laplace.cdf,
    "logistic": stats.logistic.cdf,
    "lognormal": stats.lognorm.cdf,
    "normal": special.ndtr,
    "pareto": stats.pareto.cdf,
    "skewed_t": skewed_t_cdf,
    "stable": stable.cdf,
    "slash": slash_cdf,
    "student_t": lambda x, df: special.stdtr(df, x),
    "uniform": lambda x: np.clip(0.5 * (np.asarray(x) + 1.0), 0.0, 1.0),
}
QUANTILE = {
    "cauchy": lambda q: -1.0 / np.tan(np.pi * q),
    "contaminated_normal": _inverse(contaminated_normal_cdf),
    "g_and_h": lambda q, g, h: g_and_h(special.ndtri(q), g, h),
    "generalized_normal": stats.gennorm.ppf,
    "gumbel": stats.gumbel_r.ppf,
    "laplace": stats.laplace.ppf,
    "logistic": stats.logistic.ppf,
    "lognormal": stats.lognorm.ppf,
    "normal": special.ndtri,
    "pareto": stats.pareto.ppf,
    "skewed_t": skewed_t_tail,
    "stable": lambda q, alpha, beta: -stable.upper_quantile(q, alpha, -beta),
    "slash": _inverse(slash_cdf),
    "student_t": lambda q, df: special.stdtrit(df, q),
    "uniform": lambda q: 2.0 * q - 1.0,
}
UPPER = {
    "gumbel": stats.gumbel_r.isf,
    "g_and_h": lambda q, g, h: g_and_h(-special.ndtri(q), g, h),
    "lognormal": stats.lognorm.isf,
    "pareto": stats.pareto.isf,
    "skewed_t": lambda q, df, skew: -skewed_t_tail(q, df, 1.0 / skew),
    "stable": stable.upper_quantile,
}
MEAN = {
    "gumbel": lambda: mp.euler,
    "g_and_h": lambda g, h: mp.expm1(mp.mpf(g) ** 2 / (2 * (1 - mp.mpf(h)))) / (g * mp.sqrt(1 - mp.mpf(h))) if g else 0,
    "lognormal": lambda sigma: mp.exp(mp.mpf(sigma) ** 2 / 2),
    "pareto": lambda alpha: mp.mpf(alpha) / (mp.mpf(alpha) - 1),
    "skewed_t": lambda df, skew: _moment_of_t(1, df) * (mp.mpf(skew) - 1 / mp.mpf(skew)),
    "stable": lambda alpha, beta: -beta * mp.tan(mp.pi * mp.mpf(alpha) / 2),
}
VARIANCE = {
    "g_and_h": lambda g, h: _square_of_g_and_h(g, h) - float(MEAN["g_and_h"](g, h)) ** 2,
    "generalized_normal": stats.gennorm.var,
    "lognormal": stats.lognorm.var,
    "pareto": stats.pareto.var,
    "stable": lambda alpha, beta: 2.0 if alpha == 2.0 else np.inf,
    "skewed_t": lambda df, skew: float(_square_of_skewed_t(df, skew) - MEAN["skewed_t"](df, skew) ** 2),
}


def _moment_of_t(r, df):
    """E|t|^r."""
    half, r = mp.mpf(df) / 2, mp.mpf(r)
    return mp.mpf(df) ** (r / 2) * mp.gamma((r + 1) / 2) * mp.gamma(half - r / 2) / (mp.sqrt(mp.pi) * mp.gamma(half))


def _square_of_skewed_t(df, skew):
    """Fernandez & Steel (1998), equation 5."""
    g = mp.mpf(skew)
    return _moment_of_t(2, df) * (g**3 + g**-3) / (g + 1 / g)


def _square_of_g_and_h(g, h):
    return integrate.quad(lambda z: g_and_h(z, g, h) ** 2 * stats.norm.pdf(z), -40.0, 40.0, points=(-3.0, 3.0))[0]


def tails(name, q, numbers):
    """The two numbers beyond which, below and above, an error lies with probability q."""
    low = QUANTILE[name](q, *numbers)
    return float(low), float(UPPER[name](q, *numbers) if name in UPPER else -low)
