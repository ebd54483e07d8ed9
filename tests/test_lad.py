"""Exact LAD and quantile regression against a linear programming solver, and their certificate in plain NumPy."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from simcore import codes, dense, jit, lad
from simcore.lanes import WIDTH, store


def _fit(q, y, r, n, p, numbers, gamma, work, out):
    code, scale = lad.fit(q, y, r, n, p, numbers, gamma, work)
    store(out, 0, code)
    store(gamma, p, scale)


@functools.cache
def _compiled():
    return jit.compiled(_fit)


def _quiet(*arguments):
    with np.errstate(all="ignore"):
        _fit(*arguments)


def _orthonormal(x):
    q, r = np.linalg.qr(x)
    signs = np.where(np.diag(r) < 0, -1.0, 1.0)
    return q * signs, r * signs[:, None]


def _run(bases, y, tau, run=None):
    """(gamma, status, passes) of each lane, for orthonormal bases (WIDTH, n, p) and responses (WIDTH, n)."""
    _, n, p = bases.shape
    q = np.ascontiguousarray(bases.transpose(1, 2, 0).reshape(n * p, WIDTH))
    gamma = np.zeros((p + 1, WIDTH))
    gamma[:p] = np.einsum("lij,li->jl", bases, y)
    work = np.full((dense.work_rows(n, p), WIDTH), np.nan)
    out = np.zeros((1, WIDTH), np.uint64)
    numbers = np.array([tau, *np.full(7, np.nan)])
    (run or _compiled())(q, np.ascontiguousarray(y.T), np.zeros((p * p, WIDTH)), n, p, numbers, gamma, work, out)
    assert np.all(gamma[p] == 0.0)
    return gamma[:p].T.copy(), out[0] % codes.ITERATION, out[0] // codes.ITERATION


def _loss(r, tau):
    return float(np.sum(r * (tau - (r < 0))))


def _least_loss(q, y, tau):
    """The least loss, from the dual program: maximise y'd with Q'd = 0, tau - 1 <= d <= tau."""
    centred = y - q @ (q.T @ y)
    scale = np.max(np.abs(centred)) or 1.0
    p = q.shape[1]
    found = linprog(-centred / scale, A_eq=q.T, b_eq=np.zeros(p), bounds=(tau - 1, tau), method="highs")
    assert found.status == 0, found.message
    # The solver's own value is good to its tolerances, 1e-7; the observations on its plane give the vertex itself.
    on = (found.x > tau - 1 + 1e-7) & (found.x < tau - 1e-7)
    if np.linalg.matrix_rank(q[on]) < p:
        return -scale * found.fun
    at = np.linalg.lstsq(q[on], y[on], rcond=None)[0]
    return _loss(y - q @ at, tau)


def _check_certificate(q, y, gamma, tau):
    """A vertex: p independent observations with residual 0, and multipliers that prove it optimal."""
    n, p = q.shape
    r = y - q @ gamma
    rounding = 1e-12 * (np.abs(y) + np.max(np.abs(q @ gamma))) + 1e-300
    zero = np.abs(r) <= rounding
    assert np.linalg.matrix_rank(q[zero], tol=1e-10) == p, "not a vertex"
    pull = q[~zero].T @ np.where(r[~zero] > 0, tau, tau - 1.0)
    on = q[zero]
    if len(on) == p:
        d = np.linalg.solve(on.T, -pull)
        assert np.all((d >= tau - 1 - 1e-9) & (d <= tau + 1e-9)), d
    else:
        slack = linprog(np.zeros(len(on)), A_eq=on.T, b_eq=-pull, bounds=(tau - 1 - 1e-9, tau + 1e-9), method="highs")
        assert slack.status == 0, "no multipliers"


def _check(x, y, tau, run=None):
    """Fit designs (WIDTH, n, p): every lane is a certified vertex, and as good as the linear programming solver's."""
    bases = np.stack([_orthonormal(design)[0] for design in x])
    gamma, status, _ = _run(bases, y, tau, run)
    assert np.all(status == codes.OK), status
    for q, response, g in zip(bases, y, gamma, strict=True):
        _check_certificate(q, response, g, tau)
        least, size = _least_loss(q, response, tau), np.sum(np.abs(response))
        gap = _loss(response - q @ g, tau) - least
        assert (
            -1e-12 * least - 1e-14 * size <= gap <= 1e-12 * least + 2e-15 * size
        )  # exact fits have only rounding left


def _errors(kind, rng, n):
    draw = {
        "normal": lambda: rng.standard_normal((WIDTH, n)),
        "t3": lambda: rng.standard_t(3, (WIDTH, n)),
        "cauchy": lambda: rng.standard_cauchy((WIDTH, n)),
        "shifted": lambda: 1e6 + rng.standard_normal((WIDTH, n)),
        "tiny": lambda: 1e-200 * rng.standard_normal((WIDTH, n)),
        "huge": lambda: 1e150 * rng.standard_exponential((WIDTH, n)),
    }
    return draw[kind]()


def _design(rng, n, p):
    x = rng.standard_normal((WIDTH, n, p))
    x[:, :, 0] = 1.0
    return x


@pytest.mark.parametrize("kind", ["normal", "t3", "cauchy", "shifted", "tiny", "huge"])
@pytest.mark.parametrize("n, p", [(1, 1), (2, 1), (5, 1), (20, 1), (3, 2), (4, 4), (6, 5), (20, 3), (60, 20), (150, 6)])
def test_random_samples(n, p, kind):
    rng = np.random.default_rng([n, p, len(kind)])
    for tau in (0.5, 0.1, 0.83):
        _check(_design(rng, n, p), _errors(kind, rng, n), tau)


def _heavy_leverage(rng, n, p):
    x = rng.standard_cauchy((WIDTH, n, p))
    return x, x.sum(axis=2) + rng.standard_t(2, (WIDTH, n))


def _integers(rng, n, p):
    x = rng.integers(-2, 3, (WIDTH, n, p)).astype(float)
    x[:, :p] += 7 * np.eye(p)
    return x, rng.integers(-3, 4, (WIDTH, n)).astype(float)


def _groups(rng, n, p):
    """An analysis of variance: each group's quantile."""
    x = np.zeros((WIDTH, n, p))
    x[:, np.arange(n), np.arange(n) % p] = 1.0
    return x, rng.integers(0, 5, (WIDTH, n)) / 10


def _duplicates(rng, n, p):
    x, y = _design(rng, n, p), rng.standard_normal((WIDTH, n))
    copies = np.concatenate([np.arange(p), rng.integers(0, p + 2, n - p)])
    return x[:, copies], y[:, rng.integers(0, n, n)]


def _repeated(rng, n, p):
    """Whole observations, each three times."""
    x, y = _design(rng, n, p), rng.standard_normal((WIDTH, n))
    return x[:, np.arange(n) * (n // 3) // n], y[:, np.arange(n) * (n // 3) // n]


def _exact(rng, n, p):
    x = _design(rng, n, p)
    return x, x @ rng.standard_normal(p)


def _mostly_exact(rng, n, p):
    x, y = _exact(rng, n, p)
    y[:, : n // 3] += rng.standard_cauchy((WIDTH, n // 3))
    return x, y


def _zeros(rng, n, p):
    return _design(rng, n, p), np.zeros((WIDTH, n))


def _mostly_zeros(rng, n, p):
    return _design(rng, n, p), np.maximum(rng.standard_normal((WIDTH, n)), 0.0)


def _lattice(rng, n, p):
    """Powers of the row number and whole responses: many planes go through more than p points."""
    x = (np.arange(n)[:, None] / n) ** np.arange(p)
    return np.tile(x, (WIDTH, 1, 1)), rng.integers(0, 4, (WIDTH, n)).astype(float)


def _signs(rng, n, p):
    x = rng.choice([-1.0, 1.0], (WIDTH, n, p))
    x[:, :p] = np.tril(np.ones((p, p))) * 2 - 1
    return x, rng.choice([-1.0, 0.0, 1.0], (WIDTH, n))


HARD = (
    *(_heavy_leverage, _integers, _groups, _duplicates, _repeated, _exact, _mostly_exact, _zeros, _mostly_zeros),
    *(_lattice, _signs),
)


@pytest.mark.parametrize("make", HARD)
@pytest.mark.parametrize("n, p", [(12, 1), (12, 4), (60, 3), (60, 8), (300, 3)])
def test_hard_samples(make, n, p):
    rng = np.random.default_rng([n, p])
    for tau in (0.5, 0.25):
        _check(*make(rng, n, p), tau)


def test_one_constant_column_gives_the_sample_quantile():
    rng = np.random.default_rng(1)
    for n in (1, 2, 7, 10, 101):
        y = rng.standard_cauchy((WIDTH, n))
        gamma, _, _ = _run(np.full((WIDTH, n, 1), 1 / np.sqrt(n)), y, 0.5)
        low, high = np.sort(y, axis=1)[:, [(n - 1) // 2, n // 2]].T
        at = gamma[:, 0] / np.sqrt(n)
        assert np.all((at >= low - 1e-14 * abs(low)) & (at <= high + 1e-14 * abs(high)))


def test_one_column_gives_the_weighted_median():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((WIDTH, 31)), rng.standard_normal((WIDTH, 31))
    x /= np.linalg.norm(x, axis=1)[:, None]
    gamma, _, _ = _run(x[:, :, None], y, 0.5)
    for lane in range(WIDTH):
        ratio, weight = y[lane] / x[lane], np.abs(x[lane])
        ranks = np.argsort(ratio)
        half = np.searchsorted(np.cumsum(weight[ranks]), weight.sum() / 2)
        assert gamma[lane, 0] == pytest.approx(ratio[ranks][half], rel=1e-14)


@pytest.mark.parametrize("p", [1, 3, 20])
def test_as_many_observations_as_coefficients_interpolates(p):
    rng = np.random.default_rng(p)
    q = np.stack([_orthonormal(x)[0] for x in rng.standard_normal((WIDTH, p, p))])
    y = rng.standard_cauchy((WIDTH, p))
    gamma, status, _ = _run(q, y, 0.3)
    assert np.all(status == codes.OK)
    assert np.allclose(np.einsum("lij,lj->li", q, gamma), y, rtol=1e-12, atol=1e-12 * np.abs(y).max())


seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seeds, st.integers(1, 5), st.integers(0, 40), st.sampled_from([0.5, 0.2, 0.77]))
def test_equivariance(seed, p, extra, tau):
    """Adding a plane adds it, scaling scales, the negative has the quantile 1 - tau (up to ties: the same loss)."""
    n = p + extra + (p + extra + 1) % 2
    rng = np.random.default_rng(seed)
    q = np.stack([_orthonormal(x)[0] for x in rng.standard_normal((WIDTH, n, p))])
    y, plane, scale = rng.standard_normal((WIDTH, n)), rng.standard_normal((WIDTH, p)), 10.0 ** rng.integers(-9, 9)
    gamma, status, _ = _run(q, y, tau)
    shifted, other, _ = _run(q, y + np.einsum("lij,lj->li", q, plane), tau)
    scaled, third, _ = _run(q, scale * y, tau)
    mirrored, fourth, _ = _run(q, -y, 1.0 - tau)
    assert not np.any([status, other, third, fourth])
    for lane in range(WIDTH):
        least = _loss(y[lane] - q[lane] @ gamma[lane], tau)
        for again in (shifted[lane] - plane[lane], scaled[lane] / scale, -mirrored[lane]):
            assert _loss(y[lane] - q[lane] @ again, tau) == pytest.approx(least, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("n, p", [(9, 2), (40, 3), (300, 4)])
def test_a_lane_knows_nothing_of_its_neighbours(n, p):
    """The same sample in another lane, next to easy and hard neighbours: the same bits."""
    rng = np.random.default_rng(n)
    makes = (_heavy_leverage, _lattice, _mostly_exact, _integers)
    samples = [make(rng, n, p) for make in makes]
    q = np.stack([_orthonormal(samples[lane % 4][0][lane])[0] for lane in range(WIDTH)])
    y = np.stack([samples[lane % 4][1][lane] for lane in range(WIDTH)])
    together = _run(q, y, 0.5)
    for lane in range(WIDTH):
        turn = (np.arange(WIDTH) * 3 + lane) % WIDTH
        for moved, result in zip(_run(q[turn], y[turn], 0.5), together, strict=True):
            assert np.array_equal(moved, result[turn])
        alone = _run(np.stack([q[lane]] * WIDTH), np.stack([y[lane]] * WIDTH), 0.5)
        for copies, result in zip(alone, together, strict=True):
            assert np.all(copies == result[lane])


@pytest.mark.parametrize("make", [_heavy_leverage, _lattice])
def test_plain_and_compiled_kernels_give_the_same_bits(make):
    x, y = make(np.random.default_rng(3), 12, 2)
    q = np.stack([_orthonormal(design)[0] for design in x])
    for plain, compiled in zip(_run(q, y, 0.3, _quiet), _run(q, y, 0.3), strict=True):
        assert np.array_equal(plain, compiled)


def test_many_coincidences_on_an_ill_conditioned_design():
    """Basis rows whose fresh residuals are more than rounding still count on one side; a vertex once passed wrongly."""
    rng = np.random.default_rng(1000060)
    rng.choice(7), rng.choice(9), rng.choice(5)  # the draws that found it
    _check(*_lattice(rng, 28, 8), 0.9)


@pytest.mark.parametrize("kind", ["t3", "cauchy"])
def test_large_samples(kind):
    n, p = 20000, 3
    rng = np.random.default_rng(4)
    bases = np.stack([_orthonormal(x)[0] for x in _design(rng, n, p)])
    y = _errors(kind, rng, n)
    gamma, status, _ = _run(bases, y, 0.6)
    assert np.all(status == codes.OK)
    for lane in range(WIDTH):
        _check_certificate(bases[lane], y[lane], gamma[lane], 0.6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_cannot_be_fitted_ends_and_leaves_the_others_alone(bad):
    rng = np.random.default_rng(5)
    q = np.stack([_orthonormal(x)[0] for x in _design(rng, 30, 3)])
    y = rng.standard_normal((WIDTH, 30))
    gamma, _, passes = _run(q, y, 0.5)
    worse_q, worse_y = q.copy(), y.copy()
    worse_y[0], worse_q[1], worse_q[2, :, 1], worse_y[3, 4] = np.nan, np.nan, 0.0, bad
    again, status, others = _run(worse_q, worse_y, 0.5)
    assert np.all(status[:4] == codes.NOT_CONVERGED) and np.all(status[4:] == codes.OK)
    assert np.array_equal(again[4:], gamma[4:]) and np.array_equal(others[4:], passes[4:])
