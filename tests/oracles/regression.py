"""Regression estimators written from their definitions, slowly, in NumPy; imports nothing from simcore."""

import itertools

import numpy as np

S_TUNING = 1.54764


def trimmed_sum(x, y, beta):
    """Sum of the h = (n + p + 1) // 2 smallest squared residuals."""
    n, p = x.shape
    return np.sum(np.sort((y - x @ beta) ** 2)[: (n + p + 1) // 2])


def least_trimmed_sum(x, y):
    """Its minimum: least squares of every subset of h observations."""
    n, p = x.shape
    least = np.inf
    for subset in itertools.combinations(range(n), (n + p + 1) // 2):
        rows = list(subset)
        beta = np.linalg.lstsq(x[rows], y[rows], rcond=None)[0]
        least = min(least, np.sum((y[rows] - x[rows] @ beta) ** 2))
    return least


def biweight_rho(u):
    """Tukey's rho with maximum 1, reached at |u| = 1."""
    return 1 - np.clip(1 - u**2, 0, None) ** 3


def m_scale(residuals, p, c=S_TUNING):
    """s with sum rho(r / (c s)) = (n - p) / 2, by bisection; 0 where there is none."""
    target = (len(residuals) - p) / 2
    if np.count_nonzero(residuals) <= target:
        return 0.0
    low, high = 1e-12 * np.abs(residuals).max(), 1e3 * np.abs(residuals).max()
    for _ in range(60):
        middle = np.sqrt(low * high)
        if np.sum(biweight_rho(residuals / (c * middle))) > target:
            low = middle
        else:
            high = middle
    return np.sqrt(low * high)


def reweighted(x, y, beta, scale, c, steps=5000):
    """Iteratively reweighted least squares with Tukey's weights; `scale`: a number, or a function of the residuals."""
    for _ in range(steps):
        r = y - x @ beta
        s = scale(r) if callable(scale) else scale
        root = np.clip(1 - (r / (c * s)) ** 2, 0, None)
        new = np.linalg.lstsq(x * root[:, None], y * root, rcond=None)[0]
        if np.linalg.norm(x @ (new - beta)) <= 1e-13 * s:
            return new
        beta = new
    return beta


def s_scale(x, y, steps=30):
    """The least M-scale, and its plane: reweighting from the planes through all subsets of p observations."""
    n, p = x.shape
    best = np.inf, None
    for subset in itertools.combinations(range(n), p):
        rows = list(subset)
        beta = np.linalg.lstsq(x[rows], y[rows], rcond=None)[0]
        beta = reweighted(x, y, beta, lambda r: m_scale(r, p), S_TUNING, steps)
        best = min(best, (m_scale(y - x @ beta, p), tuple(beta)))
    return best[0], np.array(best[1])
