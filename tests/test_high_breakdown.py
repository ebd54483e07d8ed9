"""Order statistics without a sort, elemental subsets, LTS, S- and MM-estimates against definitions and R."""

import functools
import importlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from simcore import dense, jit, order, s_regression, subsets
from simcore.codes import EXACT_FIT, ITERATION, NOT_CONVERGED, OK
from simcore.lanes import WIDTH, load, splat, store
from tests.oracles import regression as oracle

CLASSIC = json.loads((Path(__file__).parent / "oracles" / "classic_regressions.json").read_text())
DATA_SETS = ("stackloss", "phones", "coleman", "delivery", "hbk")
NAMES = ("lts", "s", "mm")
fit = None  # open name of the loop below


# --- order statistics -----------------------------------------------------------------------------------------------


def _select(rows, n, k, scratch, out):
    store(out, 0, order.kth_smallest(rows, n, k, scratch))


@functools.cache
def _compiled_select():
    return jit.compiled(_select)


def _kth(rows, k, run=None):
    n = len(rows)
    scratch, out = np.full((order.padded_rows(n), WIDTH), -7e77), np.zeros((1, WIDTH))
    with np.errstate(all="ignore"):  # compiled code is silent too
        (run or _compiled_select())(rows, n, k, scratch, out)
    return out[0]


def _patterns(n, rng):
    """A pattern in each lane: half-normal, ramps up and down, ties, infinities, far outliers, zeros, tiny and huge."""
    ramp = np.arange(float(n))
    far = np.abs(rng.standard_normal(n))
    far[: 2 * n // 5] = 1e12
    infinite = np.where(rng.random(n) < 0.6, np.inf, ramp)
    lanes = (
        *(np.abs(rng.standard_normal(n)), ramp, ramp[::-1], rng.integers(0, 4, n), infinite, far),
        *(np.where(rng.random(n) < 0.7, 0.0, 1.0), np.abs(rng.standard_cauchy(n)) ** 30),
    )
    return np.stack(lanes, axis=1).astype(float)


@pytest.mark.parametrize("n", [*range(1, 12), 31, 32, 33, 63, 64, 65, 66, 67, 68, 80, 100, 257, 1000, 3001])
def test_kth_smallest_is_exact(n):
    rng = np.random.default_rng(n)
    ranks = range(1, n + 1) if n <= 100 else {1, 2, 3, n // 4, n // 2, (n + 1) // 2, (n + 4) // 2, n - 1, n}
    for k in ranks:
        for rows in (_patterns(n, rng), rng.permuted(_patterns(n, rng), axis=0)):
            assert np.array_equal(_kth(rows, k), np.sort(rows, axis=0)[k - 1]), (n, k)


@pytest.mark.parametrize("n", [7, 64, 65, 130])
def test_kth_smallest_is_the_same_uncompiled(n):
    rows = _patterns(n, np.random.default_rng(n))
    for k in (1, n // 3, n // 2, n):
        assert np.array_equal(_kth(rows, k, _select), _kth(rows, k))


def test_kth_smallest_of_nan_ends():
    rows = np.abs(np.random.default_rng(1).standard_normal((100, WIDTH)))
    expected = np.sort(rows, axis=0)[49]
    rows[:70, 2] = np.nan
    assert np.array_equal(np.delete(_kth(rows, 50), 2), np.delete(expected, 2))


# --- elemental subsets ----------------------------------------------------------------------------------------------


def _drawn(n, p, count, run):
    index = np.zeros((p, WIDTH))
    sets = []
    for number in range(count):
        run(index, n, p, number)
        sets.append(tuple(index[:, 0].astype(int)))
    return sets


@pytest.mark.parametrize("n, p", [(1, 1), (5, 1), (6, 3), (7, 6), (5, 5), (20, 19), (9, 4)])
def test_all_subsets_in_turn(n, p):
    expected = list(itertools.combinations(range(n), p))
    assert subsets.all_subsets(n, p, len(expected)) == len(expected)
    assert len(expected) == 1 or subsets.all_subsets(n, p, len(expected) - 1) == 0
    assert _drawn(n, p, len(expected), subsets.next_subset) == expected


def test_random_subsets_are_uniform_and_the_same_compiled():
    n, p, count = 6, 3, 20_000
    drawn = _drawn(n, p, count, jit.compiled(subsets.random_subset))
    assert drawn[:300] == _drawn(n, p, 300, subsets.random_subset)
    sets, counts = np.unique(np.sort(drawn, axis=1), axis=0, return_counts=True)
    assert len(sets) == 20 and all(len(set(subset)) == p for subset in drawn)
    statistic = np.sum((counts - count / 20) ** 2) / (count / 20)
    assert statistic < 19 + 4.5 * np.sqrt(2 * 19)  # chi-square with 19 degrees of freedom
    assert all(row < 100_000 for subset in _drawn(100_000, 20, 20, subsets.random_subset) for row in subset)


def test_the_number_of_starts_finds_a_good_subset():
    for p in range(1, 6):
        assert (1 - 0.5**p) ** subsets.number_of_starts(p, 0) < 3e-9
    for p in range(6, 14):
        assert (1 - 0.75**p) ** subsets.number_of_starts(p, 0) < 1e-10
    assert subsets.number_of_starts(3, 77) == 77


def _plane(q, y, n, p, index, basis, g, out):
    whole = subsets.through(q, y, n, p, 0, index, basis, g)
    store(out, 0, load(y, 0) * 0.0)
    if subsets.any_lane(whole):
        store(out, 0, subsets.select(whole, load(out, 0) + 1.0, load(out, 0)))


def _through(q, y, rows):
    """(planes (WIDTH, p), whole) through the given rows; q (WIDTH, n, p)."""
    _, n, p = q.shape
    index, basis, g, out = (np.zeros((k, WIDTH)) for k in (p, (2 * p + 8) * (p + 1), p, 1))
    index[:, 0] = rows
    with np.errstate(all="ignore"):
        jit.compiled(_plane)(_flat(q), y, n, p, index, basis, g, out)
    return g.T, out[0] == 1.0


def _flat(matrices):
    """(WIDTH, n, p) as the (n * p, WIDTH) of a kernel."""
    return np.ascontiguousarray(matrices.reshape(WIDTH, -1).T)


def test_the_plane_meets_its_observations():
    rng = np.random.default_rng(3)
    q, y = np.linalg.qr(rng.standard_normal((WIDTH, 12, 4)))[0], rng.standard_normal((12, WIDTH))
    rows = [7, 2, 11, 5]
    g, whole = _through(q, y, rows)
    assert whole.all()
    for one in range(WIDTH):
        np.testing.assert_allclose(g[one], np.linalg.solve(q[one, rows], y[rows, one]), rtol=1e-9)


def test_dependent_rows_are_replaced():
    """Two groups of 10 with a mean each: a subset from one group is completed from the other."""
    group = np.repeat([0.0, 1.0], 10)
    q = np.repeat(np.linalg.qr(np.stack([np.ones(20), group], axis=1))[0][None], WIDTH, axis=0)
    y = np.random.default_rng(4).standard_normal((20, WIDTH))
    q[1] = q[1, :1]  # in this lane all rows are one
    g, whole = _through(q, y, [3, 5])
    assert whole.tolist() == [True, False] + [True] * 6
    residuals = y[:, 0] - q[0] @ g[0]
    assert abs(residuals[3]) < 1e-12 and np.min(np.abs(residuals[10:])) < 1e-12


# --- estimators -----------------------------------------------------------------------------------------------------


def _fit(x, y, n, p, numbers, beta, gamma, r, work, facts, codes):
    dense.orthonormalise(x, n, p, r)
    dense.project(x, y, n, p, gamma)
    code, scale = fit(x, y, r, n, p, numbers, gamma, work)
    store(facts, 0, scale)
    store(codes, 0, code)
    dense.back_substitute(r, gamma, p, beta)


@functools.cache
def _runner(name, compiled=True):
    function = importlib.import_module(f"simcore.estimators.{name}").fit
    run = jit.rebound(_fit, f"_fit_{name}", fit=function)
    return jit.compiled(run) if compiled else run


def _estimate(name, x, y, starts=0, c=4.685, compiled=True):
    """(beta (WIDTH, p), scale, code, passes) of designs x (WIDTH, n, p) and responses y (WIDTH, n)."""
    _, n, p = x.shape
    numbers = np.zeros(8)
    numbers[:2] = (c, starts) if name == "mm" else (starts, 0)
    beta, gamma, r, facts = (np.zeros((rows, WIDTH)) for rows in (p, p, p * p, 1))
    work = np.full((dense.work_rows(n, p), WIDTH), np.nan)
    codes = np.zeros((1, WIDTH), np.uint64)
    with np.errstate(all="ignore"):
        responses = np.ascontiguousarray(y.T)
        _runner(name, compiled)(_flat(x), responses, n, p, numbers, beta, gamma, r, work, facts, codes)
    return beta.T.copy(), facts[0], codes[0] % ITERATION, codes[0] // ITERATION


def _samples(seed, n, p, bad=0.0, size=10.0):
    """Regressions with coefficients 1, ..., p, of which the first rows are bad: leverage points off the plane."""
    rng = np.random.default_rng(seed)
    x, error = rng.standard_normal((WIDTH, n, p)), rng.standard_normal((WIDTH, n))
    x[:, :, 0] = 1.0
    y = x @ np.arange(1.0, p + 1) + error
    m = int(bad * n)
    x[:, :m, 1:] += size
    y[:, :m] = -size * np.arange(1, m + 1) ** 0.1
    return x, y


def _classic(name):
    rows = np.array(CLASSIC[name]["X"], float)
    x, y = np.column_stack([np.ones(len(rows)), rows]), np.array(CLASSIC[name]["y"], float)
    return x, y, CLASSIC[name]["fits"], np.repeat(x[None], WIDTH, axis=0), np.repeat(y[None], WIDTH, axis=0)


@pytest.mark.parametrize("name", DATA_SETS)
def test_mm_agrees_with_r(name):
    """robustbase::lmrob to its tolerance of 1e-7; no S-scale is larger than R's."""
    x, y, facts, xs, ys = _classic(name)
    beta, scale, code, passes = _estimate("mm", xs, ys, c=4.685061)
    assert (code == OK).all() and (passes >= 3).all() and (passes <= 30).all()  # Newton's steps, not reweighting's
    np.testing.assert_allclose(scale, facts["mm_scale"][0], rtol=1e-9)
    np.testing.assert_allclose(beta[0], facts["mm_bisquare"], rtol=1e-7, atol=1e-7)
    assert (beta == beta[0]).all()


@pytest.mark.parametrize("name", DATA_SETS)
def test_s_scale_solves_its_equation(name):
    x, y, facts, xs, ys = _classic(name)
    beta, scale, code, _ = _estimate("s", xs, ys)
    assert (code == OK).all()
    np.testing.assert_allclose(scale[0], oracle.m_scale(y - x @ beta[0], x.shape[1]), rtol=1e-12)
    np.testing.assert_allclose(scale[0], facts["mm_scale"][0], rtol=1e-9)


@pytest.mark.parametrize("name", DATA_SETS)
def test_lts_is_no_worse_than_r(name):
    """robustbase::ltsReg; its own `crit` is of standardised data, so both sums are taken from the coefficients."""
    x, y, facts, xs, ys = _classic(name)
    assert facts["lts_h"][0] == (len(y) + x.shape[1] + 1) // 2
    beta, scale, code, _ = _estimate("lts", xs, ys, starts=500)  # as many as R's
    assert (code == OK).all() and (scale == 0.0).all()
    assert oracle.trimmed_sum(x, y, beta[0]) <= oracle.trimmed_sum(x, y, np.array(facts["lts_raw"])) * (1 + 1e-10)


@pytest.mark.parametrize("n, p, bad", [(9, 2, 0.0), (11, 2, 0.3), (12, 3, 0.25), (10, 1, 0.4), (10, 4, 0.0)])
def test_lts_finds_the_least_sum(n, p, bad):
    x, y = _samples(n + p, n, p, bad)
    beta, _, code, _ = _estimate("lts", x, y)
    assert (code == OK).all()
    for one in range(WIDTH):
        found = oracle.trimmed_sum(x[one], y[one], beta[one])
        np.testing.assert_allclose(found, oracle.least_trimmed_sum(x[one], y[one]), rtol=1e-9)


@pytest.mark.parametrize("n, p", [(9, 1), (10, 2), (11, 1)])
def test_lts_of_tied_residuals(n, p):
    """Responses and regressors are whole numbers, so residuals of the best plane are often as far as one another."""
    rng = np.random.default_rng(n)
    x, y = np.ones((WIDTH, n, p)), rng.integers(-4, 5, (WIDTH, n)).astype(float)
    x[:, :, 1:] = rng.integers(-2, 3, (WIDTH, n, p - 1))
    beta, _, code, _ = _estimate("lts", x, y)
    assert (code < NOT_CONVERGED).all()
    for one in range(WIDTH):
        found = oracle.trimmed_sum(x[one], y[one], beta[one])
        np.testing.assert_allclose(found, oracle.least_trimmed_sum(x[one], y[one]), rtol=1e-9, atol=1e-20)


@pytest.mark.parametrize("n, p, bad", [(9, 2, 0.0), (11, 2, 0.3), (8, 3, 0.25), (12, 1, 0.4)])
def test_s_finds_the_least_scale(n, p, bad):
    x, y = _samples(10 * n + p, n, p, bad)
    beta, scale, code, _ = _estimate("s", x, y)
    assert (code == OK).all()
    for one in range(WIDTH):
        residuals = y[one] - x[one] @ beta[one]
        np.testing.assert_allclose(oracle.m_scale(residuals, p), scale[one], rtol=1e-12)
        assert scale[one] <= oracle.s_scale(x[one], y[one])[0] * (1 + 1e-7)


@pytest.mark.parametrize("n, p, bad", [(20, 3, 0.0), (20, 3, 0.3), (31, 5, 0.2), (100, 2, 0.4)])
def test_mm_is_the_root_that_reweighting_finds_from_s(n, p, bad):
    x, y = _samples(n * p, n, p, bad)
    start, scale, _, _ = _estimate("s", x, y)
    beta, same, code, _ = _estimate("mm", x, y)
    assert (code == OK).all() and np.array_equal(scale, same)
    for one in range(WIDTH):
        slow = oracle.reweighted(x[one], y[one], start[one], scale[one], 4.685)
        np.testing.assert_allclose(beta[one], slow, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n, p, bad", [(20, 3, 0.2), (100, 2, 0.3)])
def test_equivariance(name, n, p, bad):
    """Of the response: shifts by planes and scales; of the design: any other basis. Up to rounding."""
    x, y = _samples(5, n, p, bad)
    beta, scale, _, _ = _estimate(name, x, y)
    plane = np.linspace(-3.0, 2.0, p)
    for sign in (1.0, -1.0):
        moved, moved_scale, _, _ = _estimate(name, x, 8.7 * sign * y + x @ plane)
        np.testing.assert_allclose(moved, 8.7 * sign * beta + plane, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(moved_scale, 8.7 * scale, rtol=1e-9)
    basis = np.random.default_rng(6).standard_normal((p, p)) + 2.0 * np.eye(p)
    turned, turned_scale, _, _ = _estimate(name, x @ basis, y)
    np.testing.assert_allclose(turned @ basis.T, beta, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(turned_scale, scale, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n, p", [(20, 3), (70, 2)])
def test_a_lane_knows_only_its_own_data(name, n, p):
    """Bits, scale, code and passes, beside easy and hard neighbours: an exact fit, NaN, a zero column, far outliers."""
    x, y = _samples(7, n, p, 0.3)
    alone = [part[3] for part in _estimate(name, x, y)]
    hard_x, hard_y = _samples(8, n, p, 0.45, 1e6)
    hard_y[0] = hard_x[0] @ np.ones(p)
    hard_y[1, 4] = np.nan
    hard_x[2, :, 1] = 0.0
    for place in (0, 5, 7):
        hard_x[place], hard_y[place] = x[3], y[3]
        for got, expected in zip(_estimate(name, hard_x, hard_y), alone, strict=True):
            assert np.array_equal(got[place], expected)


def _scales(r, v, target, out):
    store(out, 0, s_regression.scale_of(r, r.shape[0], load(v, 0), splat(target), splat(0.0) > 1.0))


def test_a_scale_that_is_found_stays_while_others_are_sought():
    """M-scales against bisection; their bits do not depend on how far off the neighbours start."""
    r = np.random.default_rng(16).standard_normal((23, WIDTH))
    near, far, one = np.full((1, WIDTH), 0.4), np.full((1, WIDTH), 1e-40), np.zeros((1, WIDTH))
    run, alone = jit.compiled(_scales), np.zeros((1, WIDTH))
    run(r, near, 10.0, alone)
    expected = [oracle.m_scale(r[:, lane], 3) for lane in range(WIDTH)]
    np.testing.assert_allclose(s_regression.scale(alone[0], np.zeros(WIDTH, bool)), expected, rtol=1e-12)
    for lane in range(WIDTH):
        far[:] = 1e-40
        far[0, lane] = 0.4
        run(r, far, 10.0, one)
        assert one[0, lane] == alone[0, lane]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n, p", [(11, 2), (66, 1)])
def test_compiled_and_plain_give_the_same_bits(name, n, p):
    x, y = _samples(9, n, p, 0.25)
    y[2] = x[2] @ np.ones(p)
    for got, expected in zip(
        _estimate(name, x, y, starts=6, compiled=False), _estimate(name, x, y, starts=6), strict=True
    ):
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n, p", [(20, 3), (50, 2), (200, 3)])
@pytest.mark.parametrize("leverage", [0.0, 1e6])
def test_breakdown(name, n, p, leverage):
    """40 % of observations far away do nothing; 60 % on one other plane take the estimate along."""
    for share, stands in ((0.4, True), (0.6, False)):
        x, y = _samples(11, n, p)
        m = int(share * n)
        x[:, :m, 1:] += leverage
        y[:, :m] = 1e6 * max(leverage, 1.0) + y[:, :m] * 0.1
        beta, _, _, _ = _estimate(name, x, y)
        away = np.max(np.abs(beta - np.arange(1.0, p + 1)), axis=1)
        assert (away < 4.0).all() if stands else (away > 1e3).all(), (share, away)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n, p", [(20, 3), (21, 2), (100, 4), (5, 5)])
def test_exact_fit(name, n, p):
    """(n + p + 1) // 2 observations on a plane are it; one less are not."""
    x, y = _samples(12, n, p)
    truth = np.arange(1.0, p + 1)
    h = (n + p + 1) // 2
    y[:, :h] = x[:, :h] @ truth
    beta, scale, code, _ = _estimate(name, x, y)
    assert (code == EXACT_FIT).all() and (scale == 0.0).all()
    np.testing.assert_allclose(beta, np.broadcast_to(truth, beta.shape), rtol=1e-9)
    if n > p:
        y[:, h - 1] += 1.0
        _, scale, code, _ = _estimate(name, x, y)
        assert (code == OK).all()
        assert name == "lts" or (scale > 0.0).all()


@pytest.mark.parametrize("name", NAMES)
def test_data_without_a_fit_end(name):
    x, y = _samples(13, 20, 3)
    y[:] = np.nan
    x[4:] = 0.0
    _, _, code, _ = _estimate(name, x, y)
    assert (code == NOT_CONVERGED).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_subset_where_there_are_fewer_than_asked(name):
    """Then the number asked for makes no difference."""
    x, y = _samples(14, 8, 2, 0.25)
    for got, expected in zip(_estimate(name, x, y, starts=28), _estimate(name, x, y, starts=999), strict=True):
        assert np.array_equal(got, expected)


def test_c_is_the_parameter_of_mm():
    x, y = _samples(15, 40, 3)
    wide = _estimate("mm", x, y, c=1e4)[0]
    for one in range(WIDTH):
        np.testing.assert_allclose(wide[one], np.linalg.lstsq(x[one], y[one], rcond=None)[0], rtol=1e-5, atol=1e-5)
