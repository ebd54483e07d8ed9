"""Least squares to the last digits: the rounding of a first answer is worked off in twice the precision."""

import math

import numpy as np

_ROUNDS = 4


def refined(x, y, q, r, beta):
    """beta of the least squares fit of y to x = q r, float64 (n, p), corrected for rounding (Bjorck 1967).

    beta and the residuals together solve [I x; x' 0] [e; beta] = [y; 0]. What a first answer leaves of the right side
    is summed exactly, and the correction is found with q and r, which need only a few digits.
    """
    e = y - x @ beta
    for _ in range(_ROUNDS):
        products = _products(x, beta[None, :])
        f = np.array([math.fsum((a, -b, *(-row))) for a, b, row in zip(y, e, products, strict=True)])
        g = np.array([-math.fsum(_products(column[:, None], e[:, None]).ravel()) for column in x.T])
        h = _forward(r, g)
        along = q.T @ f - h
        beta = beta + _backward(r, along)
        e = e + (f - q @ along)
    return beta


def _products(a, b):
    """a * b as products and their rounding errors, side by side: (n, p) -> (n, 2 p)."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return np.stack([product, error], axis=2).reshape(len(a), -1)


def _split(a):
    scaled = 134217729.0 * a
    high = scaled - (scaled - a)
    return high, a - high


def _forward(r, g):
    """h with r'h = g."""
    h = np.zeros(len(g))
    for k in range(len(g)):
        h[k] = (g[k] - h[:k] @ r[:k, k]) / r[k, k]
    return h


def _backward(r, h):
    """b with r b = h."""
    b = np.zeros(len(h))
    for k in range(len(h) - 1, -1, -1):
        b[k] = (h[k] - r[k, k + 1 :] @ b[k + 1 :]) / r[k, k]
    return b
