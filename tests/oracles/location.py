"""Location estimators written from their definitions, slowly, in NumPy; imports nothing from simcore."""

import numpy as np

from tests.oracles.losses import psi

MAD_FACTOR = 1.482602218505602


def mad_scale(x):
    return MAD_FACTOR * np.median(np.abs(x - np.median(x)))


def huber(x, k, scale):
    """Bisection on the monotone sum of clipped residuals; the middle of the roots where they are an interval."""

    def pull(mu):
        return np.sum(np.clip((x - mu) / scale, -k, k))

    def edge(is_right):
        low, high = x.min() - scale, x.max() + scale
        for _ in range(200):
            middle = 0.5 * (low + high)
            if is_right(pull(middle)):
                low = middle
            else:
                high = middle
        return 0.5 * (low + high)

    rounding = 1e-12 * k
    return 0.5 * (edge(lambda p: p > rounding) + edge(lambda p: p >= -rounding))


def monotone(x, loss, scale, **values):
    """Bisection on the sum of a psi that increases."""
    low, high = x.min(), x.max()
    for _ in range(200):
        middle = 0.5 * (low + high)
        more = np.sum(psi(loss, (x - middle) / scale, **values)) > 0
        low, high = (middle, high) if more else (low, middle)
    return 0.5 * (low + high)


def redescending(x, loss, scale, steps=20_000, **values):
    """Iteratively reweighted means from the median."""
    mu = np.median(x)
    for _ in range(steps):
        z = np.where(x == mu, 1e-9, (x - mu) / scale)
        weights = psi(loss, z, **values) / z
        new = np.sum(weights * x) / np.sum(weights)
        if abs(new - mu) <= 1e-15 * scale:
            break
        mu = new
    return mu


def insensitive(x, epsilon, scale):
    """The middle of all minimisers: the objective is linear between the 2 n numbers x -+ epsilon scales."""
    corners = np.sort(np.concatenate([x - epsilon * scale, x + epsilon * scale]))
    cost = np.maximum(np.abs(corners[:, None] - x) - epsilon * scale, 0).sum(axis=1)
    least = corners[cost <= cost.min() + 1e-12 * (scale + cost.min())]
    return 0.5 * (least[0] + least[-1])


def median_of_means(x, blocks):
    return np.median([part.mean() for part in blocks_of(x, blocks)])


def blocks_of(x, blocks):
    """Runs of the sample: observation i is in block b where b n / blocks <= i < (b + 1) n / blocks, rounded down."""
    edges = [b * len(x) // blocks for b in range(blocks + 1)]
    return [x[first:end] for first, end in zip(edges[:-1], edges[1:], strict=True)]


def catoni(x, delta, variance=None):
    """The formulas of the paper; the mean where n <= 2 log(1 / delta)."""
    n, length = len(x), np.log(1 / delta)
    if n <= 2 * length:
        return np.mean(x)
    v = np.var(x, ddof=1) if variance is None else variance
    alpha = np.sqrt(2 * length / (n * v * (1 + 2 * length / (n - 2 * length))))
    low, high = x.min(), x.max()
    for _ in range(200):
        middle = 0.5 * (low + high)
        z = alpha * (x - middle)
        more = np.sum(np.sign(z) * np.log1p(np.abs(z) + z * z / 2)) > 0
        low, high = (middle, high) if more else (low, middle)
    return 0.5 * (low + high)


def hodges_lehmann(x):
    i, j = np.triu_indices(len(x))
    return np.median((x[i] + x[j]) / 2)


def trimmed_mean(x, g):
    return np.mean(np.sort(x)[g : len(x) - g])


def winsorized_mean(x, g):
    x = np.sort(x)
    x[:g], x[len(x) - g :] = x[g], x[len(x) - g - 1]
    return np.mean(x)
