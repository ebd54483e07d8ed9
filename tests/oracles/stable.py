"""Stable distributions in the parametrisation S0 (imports nothing of simcore).

Tails and distribution function by the integrals of Nolan (1997), whose integrands have one sign and stay exact as far
out as a float64 reaches; `by_inversion` is another road, from the characteristic function.
"""

import functools

import numpy as np
from scipy import integrate, interpolate, optimize, special, stats


def upper(x, alpha, beta):
    """P(X > x), to a small relative error wherever x is not far below the median."""
    return _probabilities(x, alpha, beta)[0]


def lower(x, alpha, beta):
    """P(X <= x)."""
    return _probabilities(x, alpha, beta)[1]


def _probabilities(x, alpha, beta):
    """P(X > x) and P(X <= x), arrays."""
    x = np.atleast_1d(np.asarray(x, float))
    if alpha == 2.0:
        return special.ndtr(-x / np.sqrt(2.0)), special.ndtr(x / np.sqrt(2.0))
    if alpha == 1.0 and beta == 0.0:
        return stats.cauchy.sf(x), stats.cauchy.cdf(x)
    edge = 0.0 if alpha == 1.0 else -beta * np.tan(np.pi * alpha / 2.0)
    turned = beta < 0.0 if alpha == 1.0 else x < edge
    beside = _above(np.where(turned, -x, x), alpha, np.where(turned, -beta, beta), np.where(turned, -edge, edge))
    return np.where(turned, beside[1], beside[0]), np.where(turned, beside[0], beside[1])


def _above(x, alpha, beta, edge):
    """Both probabilities of x above the edge; for alpha = 1 of any x and beta > 0."""
    start = np.arctan(beta * np.tan(np.pi * alpha / 2.0)) / alpha if alpha != 1.0 else np.full(x.shape, np.pi / 2.0)
    start, length = start[:, None], np.pi / 2.0 + start[:, None]
    factor = np.broadcast_to(beta, x.shape)[:, None]
    with np.errstate(all="ignore"):
        if alpha == 1.0:
            offset = -np.pi * x[:, None] / (2.0 * factor)
        else:
            offset = alpha / (alpha - 1.0) * np.log((x - edge)[:, None])
            offset = offset + np.log(np.cos(alpha * start)) / (alpha - 1.0)

        def log_g(t):
            parts = length * special.expit(np.pi * np.sinh(t)), length * special.expit(-np.pi * np.sinh(t))
            if alpha == 1.0:
                return offset + _log_v_of_1(*parts, factor)
            return offset + _log_v(*parts, alpha, start)

        return _integrals(log_g, length, rising=alpha > 1.0)


def _log_v(below, above, alpha, start):
    """log V of an angle so far from the lower and from the upper end, but for a factor that does not depend on it."""
    near = below < above
    cosine = np.where(near, np.cos(below - start), np.sin(above))
    full = alpha * (below + above)
    sine = np.where(alpha * below < np.pi / 2.0, np.sin(alpha * below), np.sin(_least(np.pi - full) + alpha * above))
    # cos(phase) as the sine of its way to pi / 2, from the nearer end
    left = _least(np.pi / 2.0 - start) + (1.0 - alpha) * below
    right = _least(np.pi / 2.0 - (alpha * start + (alpha - 1.0) * np.pi / 2.0)) + (alpha - 1.0) * above
    phase = np.sin(np.where(near, left, right))
    return alpha / (alpha - 1.0) * np.log(cosine / sine) + np.log(phase / cosine)


def _log_v_of_1(below, above, beta):
    """The same for alpha = 1, with pi / 2 + beta theta as beta times the way from the lower end and the rest."""
    slope = beta * below + (1.0 - beta) * np.pi / 2.0
    cosine = np.sin(np.minimum(below, above))
    return np.log(2.0 / np.pi * slope / cosine) - slope * np.cos(below) / cosine / beta


def _least(angle):
    """An angle that is not negative but for rounding."""
    return np.maximum(angle, 0.0)


def _integrals(log_g, length, rising):
    """P(X > x) and P(X <= x) from the integrals of exp(-g) and 1 - exp(-g), which have one sign.

    Trapezoids over s, with t = t0 + h sinh(s) and the angle by the tanh-sinh rule in t: at t0 g is 1, and it changes by
    a factor of e within h.
    """
    sign = -1.0 if rising else 1.0
    ends = [_root(lambda t, level=level: sign * (log_g(t) - level), length.shape) for level in (-1.0, 0.0, 1.0)]
    h = np.where(np.abs(ends[1]) > 3.9, 1.0, np.maximum(0.5 * np.abs(ends[2] - ends[0]), 1e-9))
    s = np.arcsinh(9.0 / h) * np.linspace(-1.0, 1.0, 801)
    t = ends[1] + h * np.sinh(s)
    usable = np.abs(t) < 4.2
    t = np.clip(t, -4.2, 4.2)
    share = special.expit(np.pi * np.sinh(t))
    weight = np.pi * np.cosh(t) * share * special.expit(-np.pi * np.sinh(t)) * h * np.cosh(s) * (s[:, 1:2] - s[:, :1])
    weight = np.where(usable & (length > 1e-12), weight * length / np.pi, 0.0)  # no interval: nothing is above
    g = np.nan_to_num(np.exp(log_g(t)), nan=0.0)
    first, second = np.sum(np.exp(-g) * weight, axis=1), np.sum(-np.expm1(-g) * weight, axis=1)
    tail, rest = (first, second) if rising else (second, first)
    return tail, rest + (1.0 - length[:, 0] / np.pi)


def _root(increasing, shape):
    """Where a function of t crosses 0 between -4 and 4, by bisection."""
    low, high = np.full(shape, -4.0), np.full(shape, 4.0)
    for _ in range(50):
        middle = 0.5 * (low + high)
        above = increasing(middle) > 0.0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)


@functools.lru_cache(maxsize=8)
def _table(alpha, beta):
    far = 1.5e7 ** (1.0 / alpha)
    t = np.linspace(-np.arcsinh(100.0 * far), np.arcsinh(100.0 * far), 3001)
    return interpolate.PchipInterpolator(t, np.clip(lower(np.sinh(t), alpha, beta), 1e-15, 1.0))


def cdf(x, alpha, beta):
    """P(X <= x) of many x, from a table; exact for the normal, Cauchy and Levy."""
    x = np.asarray(x, float)
    if alpha == 2.0 or (alpha == 1.0 and beta == 0.0):
        return lower(x.ravel(), alpha, beta).reshape(x.shape)
    if (alpha, beta) == (0.5, 1.0):
        return stats.levy.cdf(x + 1.0)
    t, table = np.arcsinh(x), _table(alpha, beta)
    return table(np.clip(t, table.x[0], table.x[-1]))


def upper_quantile(q, alpha, beta):
    """x with P(X > x) = q."""
    if (alpha, beta) == (0.5, -1.0):
        return 1.0 - float(stats.levy.ppf(q))
    top = np.arcsinh(4.0 * q ** (-1.0 / alpha))
    t = optimize.brentq(lambda t: np.log((upper(np.sinh(t), alpha, beta)[0] + 1e-300) / q), -0.8, top, xtol=1e-13)
    return np.sinh(t)


def by_inversion(x, alpha, beta):
    """P(X <= x) of one x, by the formula of Gil-Pelaez."""

    def phase(t):
        if alpha == 1.0:
            return x * t + beta * (2.0 / np.pi) * t * np.log(t)
        return x * t + beta * np.tan(np.pi * alpha / 2.0) * (t - t**alpha)

    ends = np.linspace(0.0, 40.0 ** (1.0 / alpha), 60)
    pieces = [
        integrate.quad(lambda t: np.sin(phase(t)) * np.exp(-(t**alpha)) / t, low, high, limit=400, epsabs=1e-12)[0]
        for low, high in zip(ends[:-1], ends[1:], strict=True)
    ]
    return 0.5 + sum(pieces) / np.pi
