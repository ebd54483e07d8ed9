"""Small dense linear algebra on lanes: what regression needs of a design, in an orthonormal basis of its columns.

A matrix of n rows and p columns is a float64 array (n * p, WIDTH), row i and column j at i * p + j, so that each lane
holds a matrix of its own; a vector of n is an array (n, WIDTH). A Q that is the same in all lanes may be an array
(n * p,), an eighth as long, which stays in the cache. A design X = Q R is held as Q, whose columns are
orthonormal, and R, upper triangular: fits work on Q, in coordinates gamma = R beta, where every system is as well
conditioned as its weights, and only the last step sees the condition of X.
"""

import numpy as np

from simcore.jit import lane
from simcore.lanes import both, either, fma, load, root, select, splat, store
from simcore.order import padded_rows

_BLOCK = 64  # rows that stay in the first-level cache while all their sums are taken
_DEPENDENT = 1e-13  # of its length: a column of which less is left beside the earlier ones depends on them


@lane
def dot(a, first, step, b, start, stride, n):
    """Sum of a[first + i step] b[start + i stride], i < n, in four interleaved parts."""
    s0, s1, s2, s3 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    for i in range(0, n - 3, 4):
        s0 = fma(load(a, first + i * step), load(b, start + i * stride), s0)
        s1 = fma(load(a, first + (i + 1) * step), load(b, start + (i + 1) * stride), s1)
        s2 = fma(load(a, first + (i + 2) * step), load(b, start + (i + 2) * stride), s2)
        s3 = fma(load(a, first + (i + 3) * step), load(b, start + (i + 3) * stride), s3)
    for i in range(n // 4 * 4, n):
        s0 = fma(load(a, first + i * step), load(b, start + i * stride), s0)
    return (s0 + s1) + (s2 + s3)


@lane
def orthonormalise(q, n, p, r):
    """Put Q in the place of the design q, and R into r (p * p, WIDTH); returns the lanes whose columns are dependent.

    Gram-Schmidt, each column twice (Giraud, Langou & Rozloznik 2005: then Q is orthonormal to rounding unless columns
    are dependent). A dependent column becomes 0, its place on the diagonal of R 1.
    """
    deficient = splat(0.0) > 0.0
    for k in range(p):
        before = dot(q, k, p, q, k, p, n)
        for j in range(p):
            store(r, k * p + j, splat(0.0))
        for _ in range(2):
            for j in range(k):
                along = dot(q, j, p, q, k, p, n)
                store(r, j * p + k, load(r, j * p + k) + along)
                for i in range(n):
                    store(q, i * p + k, fma(-along, load(q, i * p + j), load(q, i * p + k)))
        after = dot(q, k, p, q, k, p, n)
        independent = both(after > before * (_DEPENDENT * _DEPENDENT), after < np.inf)
        length = select(independent, root(after), splat(1.0))
        inverse = select(independent, 1.0 / length, splat(0.0))
        store(r, k * p + k, length)
        for i in range(n):
            store(q, i * p + k, select(independent, load(q, i * p + k), splat(0.0)) * inverse)
        deficient = either(deficient, inverse == 0.0)
    return deficient


@lane
def project(q, z, n, p, b):
    """b = Q'z: with orthonormal columns, the least squares coefficients of z."""
    for j in range(p):
        store(b, j, splat(0.0))
    for begin in range(0, n, _BLOCK):
        rows = min(_BLOCK, n - begin)
        for j in range(p):
            store(b, j, load(b, j) + dot(q, begin * p + j, p, z, begin, 1, rows))


@lane
def fitted(q, i, p, g):
    """Row i of Q times the coefficients g."""
    total = load(q, i * p) * load(g, 0)
    for j in range(1, p):
        total = fma(load(q, i * p + j), load(g, j), total)
    return total


@lane
def residuals(q, y, n, p, g, out):
    """out = y - Q g."""
    for i in range(n):
        store(out, i, load(y, i) - fitted(q, i, p, g))


@lane
def factorise(a, p):
    """Put L and D with a = L D L' in the place of a symmetric a (its lower half): D on the diagonal, L below it.

    Returns the lanes where a is positive definite; elsewhere `solve` gives numbers that mean nothing.
    """
    definite = splat(0.0) == 0.0
    for j in range(p):
        diagonal = load(a, j * p + j)
        least = 1e-14 * diagonal
        for k in range(j):
            low = load(a, j * p + k)
            diagonal = fma(-(low * low), load(a, k * p + k), diagonal)
        good = diagonal > least
        definite = both(definite, good)
        diagonal = select(good, diagonal, splat(1.0))
        store(a, j * p + j, diagonal)
        inverse = 1.0 / diagonal
        for i in range(j + 1, p):
            value = load(a, i * p + j)
            for k in range(j):
                value = fma(-(load(a, i * p + k) * load(a, j * p + k)), load(a, k * p + k), value)
            store(a, i * p + j, value * inverse)
    return definite


@lane
def solve(a, b, p):
    """x with L D L' x = b, in the place of b; a as `factorise` leaves it."""
    for j in range(p):
        value = load(b, j)
        for k in range(j):
            value = fma(-load(a, j * p + k), load(b, k), value)
        store(b, j, value)
    for j in range(p - 1, -1, -1):
        value = load(b, j) / load(a, j * p + j)
        for i in range(j + 1, p):
            value = fma(-load(a, i * p + j), load(b, i), value)
        store(b, j, value)


@lane
def cholesky_solve(a, b, p):
    """x with a x = b, in the place of b; a is overwritten. Returns the lanes where a is positive definite."""
    definite = factorise(a, p)
    solve(a, b, p)
    return definite


@lane
def inner(a, b, p):
    """Inner product of two vectors of p."""
    total = splat(0.0)
    for j in range(p):
        total = fma(load(a, j), load(b, j), total)
    return total


@lane
def back_substitute(r, g, p, beta):
    """beta with R beta = g."""
    for j in range(p - 1, -1, -1):
        value = load(g, j)
        for k in range(j + 1, p):
            value = fma(-load(r, j * p + k), load(beta, k), value)
        store(beta, j, value / load(r, j * p + j))


@lane
def work_rows(n, p):
    """Rows of scratch that any regression fit may ask for."""
    return 6 * padded_rows(n) + 8 * p * (p + 2) + 64
