"""Whether coefficients solve the problem that defines an estimator; NumPy and SciPy, nothing from simcore."""

import numpy as np
from scipy.optimize import linprog
from scipy.stats import norm

MAD_FACTOR = 1.482602218505602


def is_solution(y, x, beta, entry):
    """entry: of a scenario. Gradients to 1e-9 of their terms, objectives to 1e-12."""
    r, name = y - x @ beta, entry.get("loss") or entry["estimator"]
    if name == "l2":
        return vanishes(x, r)
    if name == "ridge":
        slopes = np.concatenate([[0.0], beta[1:]])
        return np.abs(x.T @ r - entry["penalty"] * slopes).max() < 1e-9 * np.abs(x.T).dot(np.abs(y)).max()
    if name in ("l1", "quantile"):
        return least_check_loss(y, x, beta, entry.get("tau", 0.5))
    scale, k = entry.get("scale", "mad"), {"huber": 1.345, "tukey": 4.685}[name]
    psi = {"huber": lambda z: np.clip(z, -k, k), "tukey": lambda z: z * np.clip(1 - (z / k) ** 2, 0, None) ** 2}[name]
    if scale == "mad":
        scale = MAD_FACTOR * np.median(np.abs(r))
    elif scale == "proposal2":
        scale = proposal2(r, x.shape[1], k)
    return vanishes(x, psi(r / scale))


def vanishes(x, pulls):
    """Whether X' pulls is 0 but for rounding and 1e-9 of what it is a sum of."""
    return np.abs(x.T @ pulls).max() < 1e-9 * np.abs(x.T).dot(np.abs(pulls)).max() + 1e-12


def check_loss(r, tau):
    return np.sum(np.where(r < 0, (tau - 1) * r, tau * r))


def least_check_loss(y, x, beta, tau):
    """Against a linear program: y = X b + u - v, u, v >= 0."""
    n, p = x.shape
    cost = np.concatenate([np.zeros(p), np.full(n, tau), np.full(n, 1 - tau)])
    program = linprog(
        cost, A_eq=np.hstack([x, np.eye(n), -np.eye(n)]), b_eq=y, bounds=[(None, None)] * p + [(0, None)] * 2 * n
    )
    return check_loss(y - x @ beta, tau) <= program.fun * (1 + 1e-12) + 1e-12


def proposal2(r, p, k):
    """s with sum psi(r / s)^2 = (n - p) E psi^2, by bisection."""
    share = 2 * norm.cdf(k) - 1
    expected = share - 2 * k * norm.pdf(k) + k * k * (1 - share)
    low, high = 1e-9 * np.abs(r).max(), 1e3 * np.abs(r).max()
    for _ in range(200):
        s = 0.5 * (low + high)
        more = np.sum(np.clip(r / s, -k, k) ** 2) > (len(r) - p) * expected
        low, high = (s, high) if more else (low, s)
    return s
