"""Contract of every estimator of regression: each loss under each scale it may have, and each that is no loss.

A new plugin is held to this at once; its required parameters go to GIVEN, and how to tell its estimate to
`oracles.linear.is_solution`, unless its estimate is found by a search.
"""

import functools

import numpy as np
import pytest

from simcore import dense, design, jit, kernels, linear_kernels, recipes, scenario
from simcore.codes import FIRST_FAILURE, ITERATION
from simcore.lanes import WIDTH, splat
from simcore.registry import moves_along, plugins
from tests.oracles import linear as oracle
from tests.running import same_bits
from tests.test_linear import samples_of, study_of

GIVEN = {  # parameters that must be given, and few starts: as plain Python each takes milliseconds
    "ridge": {"penalty": 2.0},
    "lts": {"subsets": 6},
    "mm": {"subsets": 6},
    "s": {"subsets": 6},
}
MORE = [  # psi beside those of the defaults: redescending, and next to a jump
    {"loss": "barron", "alpha": -2.0, "c": 1.9, "scale": "mad"},
    {"loss": "barron", "alpha": 1.5, "c": 0.5, "scale": 1.0},
    {"loss": "lp", "p": 1.3},
]
SEARCHED = ("lts", "mm", "s")  # no equation tells their estimates: see test_high_breakdown
GUARDED, SENTINEL = 4000, -7e77
HEAVY = {"distribution": "student_t", "df": 3}
FRESH = {"design": "gaussian", "redrawn": True}


def entries():
    """Each estimator as a scenario names it; losses that are scaled under every scale, and a known one."""
    problem = plugins("problems")["linear"]
    for name, loss in plugins("losses").items():
        entry = {"loss": name, **GIVEN.get(name, {})}
        values = scenario.estimator(entry | ({"scale": 1.0} if loss.scaled else {}), "linear").values
        words = ("mad", *(problem.scales if loss.monotone(**values) else ()))
        scales = (*(() if loss.jumps(**values) else words), 1.0) if loss.scaled else ()
        yield from ([entry | {"scale": scale} for scale in scales] or [entry])
    for name, plugin in plugins("estimators").items():
        if plugin.problem == "linear":
            yield {"estimator": name, **GIVEN.get(name, {})}
    yield from MORE


ENTRIES = list(entries())
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: "-".join(map(str, entry.values())))


def fit(entry, y, x, fresh, compiled=True):
    """(beta float64 (p, WIDTH), states (WIDTH,), scales (WIDTH,), sample) of responses y (WIDTH, n) on a design of each
    lane, x (WIDTH, n, p), or where it is not `fresh` one of all lanes (n, p).

    By the steps of the kernel, in a sample with GUARDED rows more, which hold SENTINEL before.
    """
    n, p = x.shape[-2:]
    cell, place = _cell(tuple(entry.items()), n, p, fresh, compiled), linear_kernels.places(n, p)
    rows = linear_kernels.sample_rows(n, p)
    sample = kernels.aligned_rows(rows + GUARDED)
    sample[:rows], sample[rows:] = np.nan, SENTINEL
    sample[:n] = y.T
    sample[place.q : place.r] = np.moveaxis(np.broadcast_to(x, (WIDTH, n, p)), 0, -1).reshape(n * p, WIDTH)
    _compiled_orthonormalise()(cell, sample)
    before = sample.copy()
    estimates, states = np.empty((p, 1, WIDTH)), np.empty((p, 1, WIDTH), np.uint32)
    with np.errstate(all="ignore"):  # compiled code is silent too
        (_compiled_fit() if compiled else _fit)(cell, sample, estimates, states)
    assert same_bits(sample[: place.gamma], before[: place.gamma]), "responses, Q or R have changed"
    return estimates[:, 0], states[0, 0].astype(np.uint64), sample[place.scale].copy(), sample


def _fit(cell, sample, estimates, states):
    everywhere = splat(0.0) == 0.0
    linear_kernels._fit_group(
        cell, sample, everywhere, 0, estimates.reshape((-1, WIDTH)), states.reshape((-1, WIDTH)), 1
    )


@functools.cache
def _compiled_fit():
    return jit.compiled(_fit)


@functools.cache
def _compiled_orthonormalise():
    return jit.compiled(linear_kernels._orthonormalise)


@functools.cache
def _cell(entry, n, p, fresh, compiled):
    choice = scenario.estimator(dict(entry), "linear")
    return recipes.bare_regression(n, p)._replace(
        fresh=fresh,
        fits=kernels.function_table(recipes.linear_fits([choice], fresh, compiled)),
        fit_numbers=recipes.linear_numbers(choice, n, True)[None],
    )


@functools.cache
def drawn(n=20, seed=31):
    """(y, x) of a lane group of a study: a design for each sample, t errors, a few of them bad."""
    bad = {"kind": "leverage", "fraction": 0.1, "distance": 4.0, "size": 9.0}
    y, x = samples_of(study_of(FRESH, HEAVY, bad, n=n, seed=seed), groups=1)
    y.flags.writeable = x.flags.writeable = False
    return y, x


def plainly():
    """Entries that run as plain Python, which takes seconds where the scale is estimated along: of losses that only
    have another psi than these, with a known scale; on a fresh design, which compiles all anew, in soak runs."""
    own = ("l1", "l2", "quantile", "huber", "tukey")
    for entry in ENTRIES:
        name = "-".join(map(str, entry.values()))
        if entry.get("scale", 1.0) == 1.0 or entry["loss"] in own:
            yield pytest.param(entry, "gaussian", id=f"{name}-given")
            rare = "loss" in entry and entry["loss"] not in own
            yield pytest.param(entry, FRESH, id=f"{name}-fresh", marks=[pytest.mark.soak] * rare)


@pytest.mark.parametrize("entry, plan", [*plainly()])
def test_compiled_and_plain_studies_have_the_same_bits(entry, plan):
    study = study_of(plan, HEAVY, {"kind": "shift", "fraction": 0.1, "size": 9.0}, [entry], n=12)
    (cell,) = design.cells(study)
    found = []
    for run, compiled in ((recipes.simulate(cell), True), (linear_kernels.simulate, False)):
        shape = len(design.targets(study)), 1, WIDTH
        estimates, states = np.zeros(shape), np.zeros(shape, np.uint32)
        recipe = recipes.kernel_cell(study, cell, compiled)
        assert recipe.fresh == (plan is FRESH)
        with np.errstate(all="ignore"):
            run(recipe, 7, 0, 1, estimates, states, np.zeros((4 if recipe.score else 0, WIDTH)))
        found.append((estimates, states.astype(np.uint64)))
    assert same_bits(found[0][0], found[1][0]) and same_bits(found[0][1], found[1][1])
    assert (states % ITERATION < FIRST_FAILURE).all() and np.abs(estimates).min() > 0.0


@each_entry
@pytest.mark.parametrize("n", [12, 70])
def test_a_given_and_a_fresh_design_have_the_same_bits(entry, n):
    """Q as numbers that all lanes share, and Q in every lane."""
    y, x = drawn(n)
    given, fresh = fit(entry, y, x[2], False), fit(entry, y, x[2], True)
    assert all(same_bits(one, other) for one, other in zip(given[:3], fresh[:3], strict=True))
    assert not np.array_equal(fresh[0], fit(entry, y, x, True)[0])


@each_entry
def test_the_estimate_moves_along_with_the_data_where_it_says_so(entry):
    """y + X b: by b to rounding of an estimator that is regression equivariant, and not of one that is not."""
    y, x = drawn()
    b = np.array([3.0, -2.0, 1.5])
    beta, states, _, _ = fit(entry, y, x, True)
    moved, again, _, _ = fit(entry, y + x @ b, x, True)
    assert (states % ITERATION < FIRST_FAILURE).all() and (again % ITERATION < FIRST_FAILURE).all()
    away = np.abs(moved - beta - b[:, None]).max(axis=0)
    if moves_along(scenario.estimator(entry, "linear")):
        assert away.max() < 1e-11
    else:
        assert away.min() > 1e-2


@each_entry
@pytest.mark.parametrize("fresh", [False, True], ids=["given", "fresh"])
def test_a_lane_knows_nothing_of_its_neighbours(entry, fresh):
    """Next to an exact fit, zeros, a huge and a tiny sample, ties, an outlier; with a design of their own, also to a
    dependent column and a far leverage point."""
    y, x = drawn()
    wanted = fit(entry, y, x if fresh else x[3], fresh)[:3]
    for place in (0, 3, 7):
        other_y, other_x = np.roll(y, 2, axis=0), np.roll(x, 2, axis=0)
        lanes = [lane for lane in range(WIDTH) if lane != place]
        other_y[lanes[0]] = other_x[lanes[0]].sum(axis=1) if fresh else x[3].sum(axis=1)
        other_y[lanes[1]] = 0.0
        other_y[lanes[2]] *= 1e30
        other_y[lanes[3]] *= 1e-30
        other_y[lanes[4]] = np.round(other_y[lanes[4]])
        other_y[lanes[5], 4] = 1e12
        other_x[lanes[2], :, 2] = other_x[lanes[2], :, 1]
        other_x[lanes[3], 5, 1] = 1e8
        other_y[place], other_x[place] = y[3], x[3]
        found = fit(entry, other_y, other_x if fresh else x[3], fresh)[:3]
        assert all(same_bits(one[..., place], own[..., 3]) for one, own in zip(found, wanted, strict=True))


@each_entry
@pytest.mark.parametrize("n, p", [(1, 1), (4, 4), (9, 2), (33, 5), (40, 12), (100, 3)])
def test_scratch_is_what_dense_says(entry, n, p):
    """No row behind `dense.work_rows(n, p)` is written; the responses, Q and R neither: see `fit`."""
    rng = np.random.default_rng([n, p])
    x = rng.standard_normal((WIDTH, n, p))
    x[:, :, 0] = 1.0
    y = rng.standard_cauchy((WIDTH, n))
    y[1], y[2] = x[1].sum(axis=1), np.round(y[2])
    end = linear_kernels.sample_rows(n, p)
    assert end - linear_kernels.places(n, p).scratch == dense.work_rows(n, p)
    for fresh in (False, True):
        sample = fit(entry, y, x if fresh else x[0], fresh)[3]
        assert np.all(sample[end:] == SENTINEL)


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.get("estimator") not in SEARCHED], ids=str)
def test_the_oracle_knows_the_estimate_from_one_beside_it(entry):
    """Optimality in plain NumPy; a millionth beside, in any coefficient and direction, it is not."""
    y, x = drawn()
    beta, states, _, _ = fit(entry, y, x, True)
    assert (states % ITERATION < FIRST_FAILURE).all()
    for lane in range(WIDTH):
        assert oracle.is_solution(y[lane], x[lane], beta[:, lane], entry)
        for beside in (*np.eye(3), *-np.eye(3), np.ones(3)):
            assert not oracle.is_solution(y[lane], x[lane], beta[:, lane] + 1e-6 * beside, entry), beside
