"""Distribution functions and quantiles of the error distributions in standard form (imports nothing of simcore).

CDF[name](x, *parameters); QUANTILE[name](q, *parameters) for the lower tail. From SciPy where it has them; slash and
contaminated normal from their formulas.
"""

import numpy as np
from scipy import optimize, special, stats


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


def _inverse(cdf):
    def quantile(q, *parameters):
        return optimize.brentq(lambda x: cdf(x, *parameters) / q - 1.0, -1e16, 0.0, xtol=1e-12, rtol=1e-13)

    return quantile


CDF = {
    "cauchy": stats.cauchy.cdf,
    "contaminated_normal": contaminated_normal_cdf,
    "laplace": stats.laplace.cdf,
    "logistic": stats.logistic.cdf,
    "normal": special.ndtr,
    "slash": slash_cdf,
    "student_t": lambda x, df: special.stdtr(df, x),
    "uniform": lambda x: np.clip(0.5 * (np.asarray(x) + 1.0), 0.0, 1.0),
}
QUANTILE = {
    "cauchy": lambda q: -1.0 / np.tan(np.pi * q),
    "contaminated_normal": _inverse(contaminated_normal_cdf),
    "laplace": stats.laplace.ppf,
    "logistic": stats.logistic.ppf,
    "normal": special.ndtri,
    "slash": _inverse(slash_cdf),
    "student_t": lambda q, df: special.stdtrit(df, q),
    "uniform": lambda q: 2.0 * q - 1.0,
}
