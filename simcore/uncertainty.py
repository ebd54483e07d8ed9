"""Asymptotic standard errors and weights of a regression that was fitted to the user's own data."""

import math
from statistics import NormalDist

import numpy as np

from simcore.lanes import WIDTH
from simcore.registry import plugins


def of(choice, residuals, r, scale):
    """(weights, standard errors) of a fit with residuals float64 (n,), their scale, and R of its design, (p, p).

    weights: psi(z) / z of the residuals in scales, None where there is no psi to divide. standard errors: float64 (p,),
    None where there is no formula, or too few observations for it.
    """
    n, p = len(residuals), len(r)
    root = np.linalg.inv(r)
    units = np.sqrt((root * root).sum(axis=1))  # of (X'X)^-1
    if n <= p:
        return None, None
    if choice.loss == "l2":
        return np.ones(n), scale * units
    if choice.loss in _OWN_FORMULAS:
        if n <= 2 * p:
            return None, None  # of the residuals, p are 0, or may be
        return None, _OWN_FORMULAS[choice.loss](residuals, p, scale, **choice.values) * units
    loss = plugins("losses").get(choice.loss or plugins("estimators")[choice.name].loss)
    if loss is None or not scale:
        return None, None
    numbers = np.array([*choice.values.values(), 0.0])
    z = np.repeat((residuals / scale)[:, None], WIDTH, axis=1)
    with np.errstate(all="ignore"):
        verbs = (np.broadcast_to(f(z, numbers), z.shape) for f in (loss.weight, loss.psi, loss.psi_prime))
        weights, psi, slopes = (values[:, 0].copy() for values in verbs)
    return weights, _huber(psi, slopes, p) * scale * units


def _huber(psi, slopes, p):
    """Standard deviation of a response that would give least squares the errors of the M-estimate (Huber 1981, 7.6)."""
    n, mean = len(psi), slopes.mean()
    if not mean > 0.0:
        return math.nan
    correction = 1.0 + p / n * slopes.var() / (mean * mean)
    return correction * math.sqrt(psi @ psi / (n - p)) / mean


def _of_quantile(residuals, p, scale, tau=0.5):
    """sqrt(tau (1 - tau)) / f at the tau-quantile of the errors."""
    found = np.delete(residuals, np.argsort(np.abs(residuals))[:p])  # less the zeros
    return math.sqrt(tau * (1 - tau)) * _sparsity(found, tau, len(residuals))


def _of_insensitive(residuals, p, scale, epsilon):
    """sqrt(P(|e| > epsilon)) / f of the errors' sizes there, where p of the residuals are."""
    sizes = np.abs(residuals)
    found = np.delete(sizes, np.argsort(np.abs(sizes - epsilon * scale))[:p])
    inside = float((found <= epsilon * scale).mean())
    if inside in (0.0, 1.0):
        return math.nan
    return math.sqrt(1.0 - inside) * _sparsity(found, inside, len(residuals))


def _of_power(residuals, coefficients, scale, p):
    """sqrt(E psi^2) / E psi', the latter as a difference quotient of E psi, for psi' has no bound where p < 2."""
    n = len(residuals)
    step = np.median(np.abs(residuals)) * n**-0.2
    if not step > 0.0:
        return math.nan
    ends = (np.sign(e) * np.abs(e) ** (p - 1.0) for e in (residuals + step, residuals - step))
    slope = np.subtract(*ends).mean() / (2.0 * step)
    return math.sqrt((np.abs(residuals) ** (2.0 * p - 2.0)).sum() / (n - coefficients)) / slope


_OWN_FORMULAS = {
    "l1": _of_quantile,
    "quantile": _of_quantile,
    "epsilon_insensitive": _of_insensitive,
    "lp": _of_power,
}


def _sparsity(found, tau, n):
    """1 / f at the tau-quantile: a difference quotient of quantiles, with the bandwidth of Hall & Sheather (1988) for n
    observations; Koenker (2005), section 3.4."""
    normal = NormalDist()
    at = normal.inv_cdf(tau)
    density = normal.pdf(at)
    bandwidth = (normal.inv_cdf(0.975) ** 2 * 1.5 * density**2 / (2 * at * at + 1) / n) ** (1 / 3)
    bandwidth = min(bandwidth, 0.999 * tau, 0.999 * (1 - tau))
    low, high = np.quantile(found, [tau - bandwidth, tau + bandwidth])
    return (high - low) / (2 * bandwidth)
