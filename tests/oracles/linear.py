"""Whether coefficients solve the problem that defines an estimator; NumPy and SciPy, nothing from simcore."""

import numpy as np
from scipy.integrate import quad
from scipy.optimize import linprog
from scipy.stats import norm

from tests.oracles.losses import DEFAULTS, psi

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
    if name == "epsilon_insensitive":  # 2 max(|r| - e, 0) = |r - e| + |r + e| - 2 e
        e = entry.get("epsilon", 0.612) * entry["scale"]
        return least_check_loss(np.concatenate([y - e, y + e]), np.vstack([x, x]), beta, 0.5)
    if name == "lp":
        return vanishes(x, psi(name, r, **{key: entry[key] for key in ("p",) if key in entry}))
    scale, own = entry.get("scale", "mad"), {key: entry[key] for key in DEFAULTS[name] if key in entry}
    if scale == "mad":
        scale = MAD_FACTOR * np.median(np.abs(r))
    elif scale == "proposal2":
        scale = proposal2(r, x.shape[1], name, own)
    return vanishes(x, psi(name, r / scale, **own))


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


def proposal2(r, p, name, own):
    """s with sum psi(r / s)^2 = (n - p) E psi^2, by bisection."""
    parts = [(0, 1), (1, 3), (3, 10)] if name != "huber" else [(0, k := own.get("k", 1.345)), (k, k + 10)]
    expected = sum(2 * quad(lambda z: psi(name, z, **own) ** 2 * norm.pdf(z), *part, epsabs=1e-14)[0] for part in parts)
    low, high = 1e-9 * np.abs(r).max(), 1e3 * np.abs(r).max()
    for _ in range(200):
        s = 0.5 * (low + high)
        more = np.sum(psi(name, r / s, **own) ** 2) > (len(r) - p) * expected
        low, high = (s, high) if more else (low, s)
    return s
