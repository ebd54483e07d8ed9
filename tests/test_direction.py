"""Directions: laws of the angle, published steps, slow fits on the same data, exact and asymptotic expectations."""

import functools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

import simcore as sc
from simcore import design, execute, recipes, sphere, summaries, sums
from simcore.contamination import cluster, diffuse
from simcore.distributions import von_mises_fisher
from simcore.drawing import panels
from simcore.estimators.stepped_mean import WAYS
from simcore.lanes import WIDTH
from simcore.registry import plugins
from simcore.streams import CONTAMINATION, start, stream_keys
from tests.oracles import direction as oracle
from tests.running import assert_same_bits, data_sets, fitted, same_bits

STEPS = json.loads((Path(__file__).parent / "oracles" / "sphere_steps.json").read_text())
ESTIMATORS = [
    {"estimator": "euclidean_mean"},
    {"estimator": "projected_mean"},
    {"estimator": "penalised_mean", "weight": 2.0},
    {"estimator": "frechet_mean"},
    {"estimator": "geodesic_median"},
    *({"estimator": "stepped_mean", "way": way, "rate": 0.25, "steps": 400.0} for way in WAYS),
]
EUCLIDEAN, PROJECTED, PENALISED, FRECHET, MEDIAN = range(5)
QUANTITIES = ("across", "angle", "squared_angle", "norm", "chord")
VMF, CAUCHY, T = "von_mises_fisher", "spherical_cauchy", "projected_t"
LAWS = [(VMF, 2, 0.5), (VMF, 2, 40.0), (VMF, 3, 1e-5), (VMF, 3, 2.0), (VMF, 3, 1000.0), (VMF, 4, 5.0), (VMF, 50, 30.0)]
LAWS += [(CAUCHY, 2, 0.7), (CAUCHY, 3, 0.0), (CAUCHY, 3, 0.9), (CAUCHY, 7, 0.5)]
LAWS += [(T, 2, (2.0, 1.0)), (T, 3, (3.0, 2.5)), (T, 6, (5.0, 40.0))]
FALSE_ALARM = 2 * special.ndtr(-4.5)
KEYS = stream_keys(3, "direction")


def entry(name, parameter):
    names = {VMF: ("kappa",), CAUCHY: ("rho",), T: ("kappa", "df")}[name]
    return {"distribution": name} | dict(zip(names, np.atleast_1d(parameter).tolist(), strict=True))


def study(name=VMF, d=3, parameter=2.0, n=15, bad=None, estimators=None, replications=8):
    bad = bad or {"kind": "none"}
    factors = {"n": [n], "dimension": [d], "errors": [entry(name, parameter)], "contamination": [bad]}
    chosen = ESTIMATORS if estimators is None else [ESTIMATORS[e] if isinstance(e, int) else e for e in estimators]
    return sc.Study(
        name="d", problem="direction", seed=11, replications=replications, factors=factors, estimators=chosen
    )


def kernel_of(own, compiled=True):
    (cell,) = design.cells(own)
    return recipes.kernel_cell(own, cell, compiled)


def points(own, groups):
    """Data sets as the kernel makes them: (groups * WIDTH, n, d)."""
    (cell,) = design.cells(own)
    rows = data_sets(kernel_of(own), groups)
    return rows.transpose(0, 2, 1).reshape(groups * WIDTH, cell.n, -1)


def estimates(own):
    """Every quantity of every estimator: (estimators, quantities, replications), none of them failed."""
    (cell,) = design.cells(own)
    kept = [execute.run_block(own, cell, block, keep=True) for block in design.missing(own, {})]
    assert all(np.all(part.states & 255 == 0) for part in kept)
    return np.concatenate([part.estimates for part in kept], axis=1).reshape(len(own.estimators), len(QUANTITIES), -1)


def solve(choice, x):
    """The quantities (5, WIDTH) and the answer (WIDTH, d) of an estimator, or that of ESTIMATORS in such a place, on
    data sets (up to WIDTH, n, d)."""
    x = np.asarray(x, float)
    x = x if x.ndim == 3 else x[None]
    x = np.concatenate([x, np.repeat(x[-1:], WIDTH - len(x), axis=0)])
    _, n, d = x.shape
    kernel = kernel_of(study(d=d, n=n, estimators=[choice]))
    rows = np.ascontiguousarray(x.reshape(WIDTH, n * d).T)
    values, scratch = fitted(kernel.fits[0], rows, n, kernel.fit_numbers[0], kernel.scratch)
    with np.errstate(invalid="ignore"):
        return values, (values[3] * scratch[:d] / np.linalg.norm(scratch[:d], axis=0)).T


def standard_error(values):
    return values.std(ddof=1) / math.sqrt(len(values))


def ks_p_value(x, cdf):
    return stats.kstest(x, cdf).pvalue


@functools.lru_cache(maxsize=1)
def draws(name, d, parameter):
    return points(study(name, d, parameter, n=25), 250).reshape(-1, d)


def angle_from_first_axis(x):
    return np.arctan2(np.linalg.norm(x[:, 1:], axis=1), x[:, 0])


@pytest.mark.parametrize("name, d, parameter", LAWS)
def test_the_law_of_directions(name, d, parameter):
    """50 000 of them: unit vectors, the angle to mu by Kolmogorov-Smirnov, the rest uniform and independent of it."""
    x = draws(name, d, parameter)
    assert np.all(np.abs(np.einsum("ij,ij->i", x, x) - 1.0) < 1e-14)
    angle = angle_from_first_axis(x)
    assert ks_p_value(angle, oracle.law(name, d, parameter).cdf) > FALSE_ALARM
    if d == 2:
        assert stats.binomtest(int((x[:, 1] > 0.0).sum()), len(x)).pvalue > FALSE_ALARM
        other = np.sign(x[:, 1])
    else:
        for j in (1, d - 1):
            other = x[:, j] / np.linalg.norm(x[:, 1:], axis=1)
            # a coordinate of a uniform direction of d - 1
            cdf = stats.arcsine(-1, 2).cdf if d == 3 else stats.beta(d / 2 - 1, d / 2 - 1, -1, 2).cdf
            assert ks_p_value(other, cdf) > FALSE_ALARM
    assert abs(stats.pearsonr(angle, other)[0]) < 4.5 / math.sqrt(len(x))
    assert abs(stats.pearsonr(angle, np.abs(other))[0]) < 4.5 / math.sqrt(len(x)) if d > 2 else True
    assert abs(stats.pearsonr(angle[1:], angle[:-1])[0]) < 4.5 / math.sqrt(len(x))


def test_a_wrong_law_is_seen():
    """Broken twins: a concentration 4 % off, a dimension too many, half a degree of freedom."""
    angle = angle_from_first_axis(draws(VMF, 4, 5.0))
    for twin in (oracle.law(VMF, 4, 5.2), oracle.law(VMF, 5, 5.0)):
        assert ks_p_value(angle, twin.cdf) < FALSE_ALARM
    angle = angle_from_first_axis(draws(T, 3, (3.0, 2.5)))
    assert ks_p_value(angle, oracle.law(T, 3, (3.0, 3.0)).cdf) < FALSE_ALARM


def test_rejection_keeps_each_lane_to_its_own_stream():
    """A lane gets the same draws beside other neighbours, which are accepted sooner or later."""
    p, (one, other), alone = np.array([4.0, 3.0]), np.zeros((2, 40, WIDTH)), np.arange(WIDTH) == 3
    stream, neighbours = (start(KEYS, CONTAMINATION, group) for group in (5, 6))
    von_mises_fisher.draw(stream, one, 10, p)
    mixed = tuple(np.where(alone, own, new) for own, new in zip(stream, neighbours, strict=True))
    von_mises_fisher.draw(mixed, other, 10, p)
    assert same_bits(one[:, alone].copy(), other[:, alone].copy())
    assert not np.any(one[:, ~alone] == other[:, ~alone])


def test_clusters_are_turned_and_diffuse_ones_uniform():
    n, d, fraction = 400, 3, 0.3
    x = np.zeros((n * d, WIDTH))
    von_mises_fisher.draw(start(KEYS, 0, 0), x, n, np.array([3.0, 8.0]))
    for plugin, own in ((cluster, (fraction, 50.0)), (diffuse, (fraction,))):
        bad = x.copy()
        plugin.apply(start(KEYS, CONTAMINATION, 0), bad, n, np.array([3.0, *own]))
        before, after = (rows.reshape(n, d, WIDTH).transpose(0, 2, 1).reshape(-1, d) for rows in (x, bad))
        moved = np.any(before != after, axis=1)
        assert stats.binomtest(int(moved.sum()), len(moved), fraction).pvalue > FALSE_ALARM
        if plugin is cluster:
            c, s = math.cos(math.radians(50.0)), math.sin(math.radians(50.0))
            turned = before[moved] @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
            assert np.allclose(after[moved], turned, rtol=0, atol=4e-16)
        else:
            for j in range(d):
                assert ks_p_value(after[moved][:, j], stats.uniform(-1, 2).cdf) > FALSE_ALARM
    right = np.ones((2, WIDTH))
    cluster.apply(start(KEYS, CONTAMINATION, 0), right, 1, np.array([2.0, 1.0, 90.0]))
    assert np.allclose(right, [[-1.0], [1.0]], rtol=3e-16, atol=0)


@pytest.mark.parametrize("row", STEPS, ids=["one", "two"])
def test_published_steps(row):
    """Off the sphere the norm falls below 1, along the tangent it exceeds 1; put back, or by great circles, it is 1."""
    given = {name: np.array(value, float) for name, value in row.items() if name != "loss"}
    x, a, eta = given["x"], given["a"], float(given["eta"])
    names = ("euclidean_step", "projected_step", "tangent_step_retracted", "exponential_map_step")
    for way, name in zip(WAYS, names, strict=True):
        step = {"estimator": "stepped_mean", "way": way, "rate": eta, "steps": 1.0}
        values, answer = solve(step, [x, 2.0 * a - x])  # whose mean is a
        assert np.allclose(answer, given[name], rtol=0, atol=3e-16), way
        norm = given["euclidean_norm"] if way == "euclidean" else 1.0
        assert np.allclose(values[3], norm, rtol=3e-16, atol=0)
        if way == "exponential":
            assert np.allclose(((answer - a) ** 2).sum(axis=1), given["loss_after_exp"], rtol=1e-15, atol=0)
    at, g = np.tile(x[:, None], WIDTH), np.tile(given["gradient"][:, None], WIDTH)
    sphere.tangent(at, g, 3)
    assert np.allclose(g.T, given["riemannian_gradient"], rtol=0, atol=1e-15)
    sphere.step(at, -eta * g, 3)
    assert np.allclose(sphere.norm(at, 3), given["tangent_step_norm"], rtol=3e-16, atol=0)


@pytest.mark.parametrize("name, d, parameter", [(VMF, 2, 6.0), (VMF, 3, 4.0), (VMF, 6, 9.0), (CAUCHY, 3, 0.8)])
@pytest.mark.parametrize("n", [3, 15])
def test_fits_are_those_of_slow_numpy(name, d, parameter, n):
    """On eight data sets of the kernel: the answers, and what is reported of them."""
    x = points(study(name, d, parameter, n=n), 1)
    found = [solve(e, x) for e in range(len(ESTIMATORS))]
    for lane, own in enumerate(x):
        mean = own.mean(axis=0)
        r, direction = np.linalg.norm(mean), mean / np.linalg.norm(mean)
        lengths = np.roots([4.0, 0.0, -3.0, -r])  # of 2 w s^3 + (1 - 2 w) s = r, w = 2
        (length,) = lengths[(np.abs(lengths.imag) < 1e-9) & (lengths.real > 0.0)].real
        answers = [mean, direction, length * direction, oracle.frechet_mean(own), oracle.geodesic_median(own)]
        answers += [mean, direction, direction, direction]
        for e, answer in enumerate(answers):
            values, a = found[e][0][:, lane], found[e][1][lane]
            # the median is slow to find where it is next to a point, and the oracle's steps end there
            assert np.allclose(a, answer, rtol=0, atol=1e-7 if e == MEDIAN else 1e-10), (e, lane)
            if e == MEDIAN:
                assert oracle.angle(own, a).sum() <= oracle.angle(own, answer).sum() + 1e-13
            angle = angle_from_first_axis(answer[None])[0]
            across, chord = answer[1] / np.linalg.norm(answer[1:]) * angle, np.linalg.norm(answer - np.eye(d)[0])
            expected = [across, angle, angle**2, np.linalg.norm(answer), chord]
            assert np.allclose(values, expected, rtol=1e-9, atol=1e-7 if e == MEDIAN else 1e-9)


def test_fits_turn_with_the_data():
    """The answer of every fit on turned data is the turned answer."""
    rng = np.random.default_rng(5)
    for d in (2, 3, 5):
        x = points(study(CAUCHY, d, 0.6, n=11), 1)
        turn = stats.ortho_group.rvs(d, random_state=rng)
        assert {choice.name for choice in study().estimators} == {
            name for name, plugin in plugins("estimators").items() if plugin.problem == "direction"
        }
        for e in range(len(ESTIMATORS)):
            (values, one), (turned, other) = solve(e, x), solve(e, x @ turn.T)
            assert np.allclose(other, one @ turn.T, rtol=0, atol=1e-10), (d, e)
            assert np.allclose(values[3], turned[3], rtol=1e-12, atol=0)
            assert not np.allclose(values[1], turned[1], rtol=0.01, atol=0)


def test_the_median_lands_on_a_point():
    """Where half of the observations are one point, and where one has less pull than 1: exactly that point, and the
    Fréchet mean is elsewhere."""
    rng = np.random.default_rng(6)
    for d in (2, 3, 5):
        x = rng.standard_normal((WIDTH, 9, d)) + 1.5 * np.eye(d)[0]
        x /= np.linalg.norm(x, axis=2, keepdims=True)
        x[:, 4:] = x[:, 4:5]
        _, a = solve(MEDIAN, x)
        assert np.allclose(a, x[:, 4], rtol=0, atol=3e-16)
        assert not np.any(np.all(np.isclose(solve(FRECHET, x)[1], x[:, 4], atol=1e-3), axis=1))
    ring = np.array([[0.9, math.sqrt(0.19) * math.cos(t), math.sqrt(0.19) * math.sin(t)] for t in (0.1, 2.0, 4.5)])
    centre = np.array([[1.0, 0.0, 0.0]])
    assert np.allclose(solve(MEDIAN, np.concatenate([ring, centre]))[1], centre, rtol=0, atol=3e-16)


def test_data_sets_without_an_answer_and_with_an_easy_one():
    """Points that cancel give no direction; a single point is its own mean and median; symmetric ones mu itself."""
    opposite = np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    for e in range(MEDIAN + 1):
        assert not np.any(np.isfinite(solve(e, opposite)[0][1]))
        single = np.array([[0.6, 0.0, 0.8]])
        assert np.allclose(solve(e, single)[1], single, rtol=0, atol=2e-16)
        c, s = math.cos(0.3), math.sin(0.3)
        values, _ = solve(e, [[c, s, 0.0], [c, -s, 0.0], [c, 0.0, s], [c, 0.0, -s]])
        assert np.all(values[1] < 1e-15)
    (cell,) = design.cells(own := study(CAUCHY, 2, 0.0, n=2, estimators=[FRECHET]))
    assert np.all(execute.run_block(own, cell, design.missing(own, {})[0], keep=True).states & 255 == 0)


def test_angles_are_accurate_near_0_and_pi():
    """Of points at known small distances; arccos of the inner product would lose half of the digits."""
    for tiny in (1e-3, 1e-9, 1e-15):
        x = np.tile(np.array([[1.0], [tiny], [-1.0], [tiny]]), WIDTH)  # norms are 1 to tiny^2 / 2
        m = np.tile(np.array([[1.0], [0.0]]), WIDTH)
        near, sine, versine = sphere.between(x, 0, m, 2)
        far, _, _ = sphere.between(x, 1, m, 2)
        assert np.allclose(near, math.atan(tiny), rtol=tiny * tiny + 1e-15, atol=0)
        assert np.allclose(math.pi - far, math.atan(tiny), rtol=tiny * tiny, atol=9e-16)
        assert np.allclose(sine, tiny, rtol=tiny * tiny + 1e-15, atol=0)
        assert np.allclose(versine, 0.5 * tiny * tiny, rtol=tiny * tiny + 1e-15, atol=0)


@pytest.mark.parametrize(
    "name, d, parameter, bad",
    [
        (VMF, 3, 2.0, None),
        (VMF, 10, 5.0, ("cluster", 0.2, 90.0)),
        (CAUCHY, 2, 0.6, ("cluster", 0.3, 120.0)),
        (VMF, 2, 4.0, ("diffuse", 0.4, None)),
    ],
)
def test_exact_expectations_of_the_plain_mean(name, d, parameter, bad):
    """E|a|^2 = (1 + (n - 1) |E x|^2) / n and E|a - mu|^2 = E|a|^2 - 2 mu'E x + 1, within 4.5 standard errors."""
    n, length = 8, oracle.AngleLaw(name, d, parameter).mean(np.cos)
    if name == VMF:
        assert math.isclose(length, oracle.mean_resultant_length(d, parameter), rel_tol=1e-9)
    elif d == 2:
        assert math.isclose(length, parameter, rel_tol=1e-9)
    kind, fraction, turn = bad or ("none", 0.0, None)
    along, across = (1.0 - fraction) * length, 0.0
    if kind == "cluster":
        along += fraction * length * math.cos(math.radians(turn))
        across = fraction * length * math.sin(math.radians(turn))
    bad = None if bad is None else {"kind": kind, "fraction": fraction} | ({"angle": turn} if turn else {})
    (found,) = estimates(study(name, d, parameter, n=n, bad=bad, estimators=[EUCLIDEAN], replications=40_000))
    square, chord = found[3] ** 2, found[4] ** 2
    expected = (1.0 + (n - 1) * (along**2 + across**2)) / n
    assert abs(square.mean() - expected) < 4.5 * standard_error(square)
    assert abs(chord.mean() - (expected - 2.0 * along + 1.0)) < 4.5 * standard_error(chord)
    assert found[3].mean() < math.sqrt(expected) < 1.0


@pytest.mark.parametrize("name, d, parameter", [(VMF, 3, 2.0), (VMF, 6, 6.0), (CAUCHY, 3, 0.9), (CAUCHY, 5, 0.7)])
def test_asymptotic_variances(name, d, parameter):
    """n times the variance across at n = 400, within 4.5 standard errors and 5 / n, the order of what is left out.

    An M-estimator of a direction has the variance E psi^2 / (d - 1) over the square of
    E[psi' + (d - 2) psi cot t] / (d - 1), psi(t) being the derivative of its loss by the angle t.
    """
    n, law = 400, oracle.AngleLaw(name, d, parameter)
    cot = lambda t: np.divide(np.cos(t), np.sin(t), out=np.zeros_like(t), where=np.sin(t) > 0.0)  # noqa: E731
    psi = {
        PROJECTED: (np.sin, np.cos),
        FRECHET: (lambda t: t, np.ones_like),
        MEDIAN: (np.ones_like, np.zeros_like),
    }
    found = estimates(study(name, d, parameter, n=n, estimators=list(psi), replications=6000))
    for own, (psi_, prime) in zip(found, psi.values(), strict=True):
        bend = law.mean(lambda t, psi_=psi_, prime=prime: prime(t) + (d - 2) * psi_(t) * cot(t)) / (d - 1)
        expected = law.mean(lambda t, psi_=psi_: psi_(t) ** 2) / (d - 1) / bend**2
        square = n * own[0] ** 2
        assert abs(square.mean() - expected) < 4.5 * standard_error(square) + 5.0 / n * expected
        assert abs(n * own[2].mean() - (d - 1) * expected) < 4.5 * n * standard_error(own[2]) + 5.0 / n * expected * d
    if name == VMF:  # the mean direction is maximum likelihood: 1 / (kappa A) each way
        expected = 1.0 / (parameter * oracle.mean_resultant_length(d, parameter))
        assert abs(n * (found[0][0] ** 2).mean() - expected) < 0.1 * expected


def test_what_the_scenario_claims():
    """The plain mean is short, more so the more there is amiss; the median is pulled least by a cluster; the mean
    direction wins under von Mises-Fisher, the median under the spherical Cauchy law."""
    cases = [None, {"kind": "diffuse", "fraction": 0.2}, {"kind": "cluster", "fraction": 0.2, "angle": 90.0}]
    clean, diffuse_, cluster_ = (
        estimates(study(VMF, 3, 10.0, n=20, bad=bad, estimators=range(5), replications=4000)).mean(axis=2)
        for bad in cases
    )
    norm, squared, across = (QUANTITIES.index(name) for name in ("norm", "squared_angle", "across"))
    assert 1.0 > clean[EUCLIDEAN, norm] > diffuse_[EUCLIDEAN, norm] > 0.0
    assert clean[EUCLIDEAN, norm] > cluster_[EUCLIDEAN, norm]
    for found in (clean, diffuse_, cluster_):
        assert found[EUCLIDEAN, norm] < found[PENALISED, norm] < 1.0
        assert np.all(found[[PROJECTED, FRECHET, MEDIAN], norm] == 1.0)
    assert cluster_[MEDIAN, across] < 0.6 * min(cluster_[PROJECTED, across], cluster_[FRECHET, across])
    assert clean[PROJECTED, squared] < clean[MEDIAN, squared]
    heavy = estimates(study(CAUCHY, 3, 0.8, n=20, estimators=range(5), replications=4000)).mean(axis=2)
    assert heavy[MEDIAN, squared] < 0.8 * heavy[PROJECTED, squared] < heavy[FRECHET, squared]


def test_the_figure_keeps_kinds_of_contamination_apart():
    """Of clusters and diffuse outliers it shows one, and says so."""
    kinds = [{"kind": "cluster", "fraction": [0.1, 0.2], "angle": 90.0}, {"kind": "diffuse", "fraction": [0.1, 0.2]}]
    factors = {"n": [5], "errors": [entry(VMF, 5.0), entry(CAUCHY, 0.8)], "contamination": [{"kind": "none"}, *kinds]}
    own = sc.Study(name="d", problem="direction", replications=64, factors=factors, estimators=ESTIMATORS[:5])
    parts = []
    for cell, block in zip(design.cells(own), design.missing(own, {}), strict=True):
        nodes = execute.run_block(own, cell, block).nodes
        parts.append((cell, sums.total(nodes, design.chunk_size(cell.size)), None))
    (picture,) = (p for p in panels.pictures(summaries.summarise(own, parts), own.name) if p.name == "off_the_sphere")
    assert len(picture.panels) == 6
    for panel in picture.panels:
        assert len(panel.points) == 15 and not panel.points.duplicated(["x", "estimator"]).any()
    assert "Contamination: cluster(angle=90) (1 other level not shown)." in picture.notes


@pytest.mark.parametrize(
    "name, d, parameter", [(VMF, 2, 2.0), (VMF, 3, 2.0), (VMF, 5, 2.0), (CAUCHY, 3, 0.7), (T, 4, (3.0, 1.5))]
)
def test_bits_do_not_depend_on_threads_cuts_or_compilation(name, d, parameter):
    kind = {"kind": "cluster", "fraction": 0.2, "angle": 75.0} if d < 5 else {"kind": "diffuse", "fraction": 0.3}
    own = study(name, d, parameter, n=7, bad=kind, estimators=range(6), replications=700)
    assert_same_bits(own, 700, (0, 128, 640))
