"""Classification by softmax: probabilities of classes that are linear in the features, fitted by gradient descent.

A data set of n observations with K features for K classes holds the features (n * K rows), the labels 0 .. K-1 (n), and
the same of n observations that are not fitted, to test the fit on. The model is p_k = exp(w_k'x) / sum_j exp(w_j'x).
"""

import numpy as np

from simcore.codes import ITERATION, OK
from simcore.fmath import exp
from simcore.jit import lane, rebound
from simcore.lanes import (
    any_lane,
    both,
    either,
    fma,
    invert,
    load,
    magnitude,
    maximum,
    root,
    select,
    splat,
    splat_u64,
    store,
)
from simcore.registry import POSITIVE, Interval, Parameter

DESCENT = (  # parameters of its estimators
    Parameter("rate", "length of a step, times the gradient", POSITIVE, 1.0, quiet=True),
    Parameter("steps", "most steps", Interval(1, 1e6, integer=True), 1000.0, quiet=True),
    Parameter("tolerance", "norm of the gradient at which it has converged", POSITIVE, 1e-3, quiet=True),
)
pull = None  # open name of the gradients: of a loss


@lane
def squared_pull(p, y, total):
    """Derivative of half the sum of (p_j - y_j)^2 by the logit of a class, of which p is the probability, y whether it
    is the label and `total` the sum of p_j (p_j - y_j): with two classes 2 (p - y) p (1 - p) by the difference of the
    logits. It vanishes wherever the model is sure, be it right or wrong."""
    return p * ((p - y) - total)


@lane
def cross_entropy_pull(p, y, total):
    """Derivative of -log p_label by the logit of a class: p - y, which does not vanish where the model is wrong."""
    return p - y


@lane
def probabilities(x, i, w, classes, p):
    """Those of all classes for observation i, into p (K, WIDTH)."""
    top = splat(-np.inf)
    for k in range(classes):
        logit = splat(0.0)
        for j in range(classes):
            logit = fma(load(w, k * classes + j), load(x, i * classes + j), logit)
        store(p, k, logit)
        top = maximum(top, logit)
    total = splat(0.0)
    for k in range(classes):
        value = exp(load(p, k) - top)
        store(p, k, value)
        total = total + value
    inverse = 1.0 / total
    for k in range(classes):
        store(p, k, load(p, k) * inverse)


def gradient(x, labels, n, classes, w, g, p):
    """Gradient of the mean loss into g (K * K, WIDTH); returns its norm and the mean probability of the labels."""
    right = two(x, labels, n, w, g) if classes == 2 else many(x, labels, n, classes, w, g, p)
    square = splat(0.0)
    for k in range(classes * classes):
        store(g, k, load(g, k) / float(n))
        square = fma(load(g, k), load(g, k), square)
    return root(square), right / float(n)


many = two = None  # open names of `gradient`: the sums below for a loss


def sum_of_many(x, labels, n, classes, w, g, p):
    """Sums of the gradients into g and of the labels' probabilities, which it returns."""
    for k in range(classes * classes):
        store(g, k, splat(0.0))
    right = splat(0.0)
    for i in range(n):
        probabilities(x, i, w, classes, p)
        label, total = load(labels, i), splat(0.0)
        for k in range(classes):
            own, y = load(p, k), select(label == float(k), splat(1.0), splat(0.0))
            total, right = fma(own, own - y, total), fma(own, y, right)
        for k in range(classes):
            force = pull(load(p, k), select(label == float(k), splat(1.0), splat(0.0)), total)
            for j in range(classes):
                store(g, k * classes + j, fma(force, load(x, i * classes + j), load(g, k * classes + j)))
    return right


def sum_of_two(x, labels, n, w, g):
    """The same of two classes, which a single exponential tells apart: all stays in registers."""
    a, b = load(w, 0) - load(w, 2), load(w, 1) - load(w, 3)
    along, across, right = splat(0.0), splat(0.0), splat(0.0)
    for i in range(n):
        first, second = load(x, 2 * i), load(x, 2 * i + 1)
        z = fma(a, first, b * second)
        e = exp(-magnitude(z))
        large = 1.0 / (1.0 + e)
        p = select(z > 0.0, large, e * large)
        q = select(z > 0.0, e * large, large)
        y = select(load(labels, i) == 0.0, splat(1.0), splat(0.0))
        total = fma(p, p - y, q * (q - (1.0 - y)))
        right = right + select(y > 0.0, p, q)
        force = pull(p, y, total)
        along, across = fma(force, first, along), fma(force, second, across)
    store(g, 0, along)
    store(g, 1, across)
    store(g, 2, -along)
    store(g, 3, -across)
    return right


slopes = None  # open name of `descend`: `gradient` of a loss


def fit_with(name, loss_pull):
    """`descend` for a loss by its pull."""
    parts = {part: lane(rebound(function, f"{part}_{name}", pull=loss_pull)) for part, function in _SUMS.items()}
    own = lane(rebound(gradient, f"gradient_{name}", **parts))
    return lane(rebound(descend, f"descend_{name}", slopes=own))


_SUMS = {"many": sum_of_many, "two": sum_of_two}


def descend(x, n, p, values, work):
    """Gradient descent on the mean loss from weights `start` on the diagonal; the fit of `problems.classification`.

    p: classes, signal, start, rate, most steps, tolerance. A lane stops where the norm of its gradient is at most that:
    it has converged if the labels are likelier than by chance there, p > 1 / K, and else is stuck where the gradient
    has vanished. The steps to better than chance are one more than the budget where that was not reached.
    """
    classes, start, rate, most, tolerance = int(p[0]), p[2], p[3], int(p[4]), p[5]
    size = classes * classes
    w, g, shares = work[:size], work[size : 2 * size], work[2 * size :]
    labels = x[n * classes :]
    for k in range(classes):
        for j in range(classes):
            store(w, k * classes + j, splat(start if j == k else 0.0))
    first, passes = splat(0.0), splat_u64(0)
    steps, done, sure = splat(most + 1.0), splat(0.0) > 0.0, splat(0.0) > 0.0
    for step in range(most + 1):
        norm, right = slopes(x, labels, n, classes, w, g, shares)
        if step == 0:
            first = norm
        better = right * float(classes) > 1.0
        steps = select(both(better, invert(sure)), splat(float(step)), steps)
        sure = either(sure, better)
        done = either(done, norm <= tolerance)
        if step == most or not any_lane(invert(done)):
            break
        passes = select(done, passes, passes + ITERATION)
        for k in range(size):
            store(w, k, select(done, load(w, k), fma(splat(-rate), load(g, k), load(w, k))))
    slope, off = splat(0.0), splat(0.0)
    for k in range(classes):
        for j in range(classes):
            if j == k:
                slope = slope + load(w, k * classes + j)
            else:
                off = off + load(w, k * classes + j)
    store(values, 0, slope / float(classes) - off / float(size - classes))
    store(values, 1, _accuracy(x[n * (classes + 1) :], n, classes, w, shares))
    store(values, 2, select(both(done, sure), splat(1.0), splat(0.0)))
    store(values, 3, steps)
    store(values, 4, first)
    return splat_u64(OK) + passes


@lane
def _accuracy(x, n, classes, w, p):
    """The share of observations whose label is the likeliest class."""
    labels, right = x[n * classes :], splat(0.0)
    for i in range(n):
        probabilities(x, i, w, classes, p)
        best, top = splat(0.0), load(p, 0)
        for k in range(1, classes):
            larger = load(p, k) > top
            best, top = select(larger, splat(float(k)), best), maximum(top, load(p, k))
        right = right + select(best == load(labels, i), splat(1.0), splat(0.0))
    return right / float(n)


@lane
def scratch_rows(classes):
    """Rows of scratch that `descend` needs."""
    return 2 * classes * classes + classes
