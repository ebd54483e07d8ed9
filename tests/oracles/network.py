"""Small networks in slow NumPy, and their training by SciPy; nothing here imports simcore.

Weights stand in the order w, v, b (each of all hidden units), c; of the linear model they are Legendre coefficients.
"""

import numpy as np
from scipy.optimize import minimize


def output(model, hidden, weights, x):
    """f(x), and its derivatives by the weights (n, count)."""
    if model == "linear":
        basis = np.polynomial.legendre.legvander(x, hidden)
        return basis @ weights, basis
    w, v, b = weights[: 3 * hidden].reshape(3, hidden)
    inside = np.outer(x, w) + b
    h = np.tanh(inside) if model == "tanh" else np.maximum(inside, 0.0)
    slope = 1.0 - h * h if model == "tanh" else (inside > 0.0) * 1.0
    return h @ v + weights[-1], np.hstack([v * slope * x[:, None], h, v * slope, np.ones((len(x), 1))])


def squares(model, hidden, decay, weights, x, y):
    """Half the mean squared residual plus the decay, and its gradient."""
    f, slopes = output(model, hidden, weights, x)
    r = y - f
    loss = 0.5 * np.mean(r * r) + 0.5 * decay * weights @ weights
    return loss, -slopes.T @ r / len(x) + decay * weights


def trained(model, hidden, decay, weights, x, y):
    """The loss where BFGS ends that starts at these weights; NaN where it does not come to rest."""

    def function(weights):
        return squares(model, hidden, decay, weights, x, y)

    for _ in range(20):  # a line search that fails leaves a gradient that another run takes away
        found = minimize(function, weights, jac=True, method="BFGS", options={"gtol": 1e-8, "maxiter": 3000})
        weights = found.x
        if np.abs(found.jac).max() <= 1e-7:
            return found.fun
    return np.nan


def different(losses, share=1e-5):
    """The losses that are further from the one below than a share of them, ascending."""
    losses = np.sort(losses)
    return losses[np.diff(losses, prepend=-1.0) > share * losses]
