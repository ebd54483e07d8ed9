"""Weighted least squares on lanes: its equations, and the step from a plane to the one that fits its residuals."""

from simcore.dense import cholesky_solve
from simcore.jit import inlined, lane
from simcore.lanes import both, fma, invert, load, select, splat, store

# Inlined: for calls in these loops, whose lanes then pass through memory, S-estimates would take 40 % longer.


@inlined
def _add_four(q, row, p, j, w0, w1, w2, w3, a):
    """Add four rows of Q, weighted, to row j of a = Q' diag(w) Q, up to its diagonal; returns their entries j."""
    q0, q1 = w0 * load(q, row + j), w1 * load(q, row + p + j)
    q2, q3 = w2 * load(q, row + 2 * p + j), w3 * load(q, row + 3 * p + j)
    for k in range(j + 1):
        low = fma(q0, load(q, row + k), q1 * load(q, row + p + k))
        high = fma(q2, load(q, row + 2 * p + k), q3 * load(q, row + 3 * p + k))
        store(a, j * p + k, load(a, j * p + k) + (low + high))
    return q0, q1, q2, q3


@inlined
def _add_one(q, row, p, j, w, a):
    """The same of one row."""
    weighted = w * load(q, row + j)
    for k in range(j + 1):
        store(a, j * p + k, fma(weighted, load(q, row + k), load(a, j * p + k)))
    return weighted


@lane
def weighted_gram(q, w, n, p, a):
    """a (p * p, WIDTH) = Q' diag(w) Q, its lower half, in one pass of four rows at a time."""
    for j in range(p * p):
        store(a, j, splat(0.0))
    for i in range(0, n - 3, 4):
        w0, w1, w2, w3 = load(w, i), load(w, i + 1), load(w, i + 2), load(w, i + 3)
        for j in range(p):
            _add_four(q, i * p, p, j, w0, w1, w2, w3, a)
    for i in range(n // 4 * 4, n):
        for j in range(p):
            _add_one(q, i * p, p, j, load(w, i), a)


@lane
def normal_equations(q, w, r, n, p, a, b):
    """`weighted_gram`, and b = Q' diag(w) r in the same pass."""
    for j in range(p * p):
        store(a, j, splat(0.0))
    for j in range(p):
        store(b, j, splat(0.0))
    for i in range(0, n - 3, 4):
        w0, w1, w2, w3 = load(w, i), load(w, i + 1), load(w, i + 2), load(w, i + 3)
        r0, r1, r2, r3 = load(r, i), load(r, i + 1), load(r, i + 2), load(r, i + 3)
        for j in range(p):
            q0, q1, q2, q3 = _add_four(q, i * p, p, j, w0, w1, w2, w3, a)
            store(b, j, load(b, j) + (fma(q0, r0, q1 * r1) + fma(q2, r2, q3 * r3)))
    for i in range(n // 4 * 4, n):
        for j in range(p):
            weighted = _add_one(q, i * p, p, j, load(w, i), a)
            store(b, j, fma(weighted, load(r, i), load(b, j)))


@lane
def weighted_step(q, w, r, n, p, frozen, g, a):
    """Add to g the weighted least squares fit of its residuals r, but where `frozen` and where it has none.

    a: p (p + 1) rows of scratch.
    """
    b = a[p * p :]
    normal_equations(q, w, r, n, p, a, b)
    good = both(cholesky_solve(a, b, p), invert(frozen))
    for j in range(p):
        store(g, j, select(good, load(g, j) + load(b, j), load(g, j)))
