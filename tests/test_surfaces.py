"""Surfaces of the total loss: exact quadratics, derivatives by differences, convexity, minima; and their figure."""

import dataclasses
import warnings

import numpy as np
import pytest

import simcore as sc
from simcore.drawing import surface_figures
from simcore.errors import UsageError

RNG = np.random.default_rng(11)
X = RNG.normal(size=(25, 2))
Y = 1.0 + X @ [2.0, -1.0] + RNG.standard_t(2, size=25)
DESIGN = np.column_stack([np.ones(25), X])
LOSSES = ("l2", "l1", "huber", "tukey", "quantile", "lp", "epsilon_insensitive")


def two_clusters():
    """(y, x): 14 points on the line 1 + 2 x, 8 on the line -5 + 2 x, errors of 0.1."""
    x = np.linspace(-1.0, 1.0, 22)
    y = 1.0 + 2.0 * x + 0.1 * np.random.default_rng(2).standard_normal(22)
    y[::3] -= 6.0
    return y, x


def rho(loss, z):
    """The losses at their default parameters, from their definitions."""
    size = np.abs(z)
    if loss == "huber":
        return np.where(size <= 1.345, z * z / 2, 1.345 * size - 1.345**2 / 2)
    if loss == "tukey":
        return 4.685**2 / 6 * (1 - (1 - np.minimum(size / 4.685, 1) ** 2) ** 3)
    own = {"epsilon_insensitive": np.maximum(size - 0.612, 0), "lp": size**1.5788 / 1.5788}
    return ({"l2": z * z / 2, "l1": size, "quantile": size / 2} | own)[loss]


def places(surface):
    """float64 (points * points, 2): the two coefficients at each point of the grid."""
    return np.stack(np.meshgrid(*surface.axes, indexing="ij"), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("loss", LOSSES)
def test_values_are_the_total_loss(loss):
    surface = sc.loss_surface(Y, X, loss, (2, 0), points=7, scale=1.0 if loss == "epsilon_insensitive" else None)
    for (second_slope, intercept), value in zip(places(surface), surface.values.ravel(), strict=True):
        beta = np.array([intercept, surface.coefficients[1], second_slope])
        assert value == pytest.approx(rho(loss, (Y - DESIGN @ beta) / surface.scale).sum(), rel=1e-12)
    assert surface.values[3, 3] == surface.value
    assert surface.names == ("beta2", "beta0")


@pytest.mark.parametrize("scale", [None, 2.5])
def test_the_surface_of_l2_is_its_quadratic(scale):
    surface = sc.loss_surface(Y, X, "l2", (1, 2), scale=scale)
    gram, unit = DESIGN[:, 1:].T @ DESIGN[:, 1:], scale or 1.0
    rss = ((Y - DESIGN @ np.linalg.lstsq(DESIGN, Y, rcond=None)[0]) ** 2).sum()
    moves = places(surface) - surface.coefficients[1:]
    exact = (rss + np.einsum("ij,jk,ik->i", moves, gram, moves)) / (2 * unit**2)
    assert surface.values.ravel() == pytest.approx(exact, rel=1e-12)
    assert surface.hessian == pytest.approx(gram / unit**2, rel=1e-12)
    assert surface.eigenvalues == pytest.approx(np.linalg.eigvalsh(gram / unit**2), rel=1e-12)
    assert surface.smallest_eigenvalues == pytest.approx(surface.eigenvalues[0], rel=1e-12)
    assert np.abs(surface.gradient).max() < 1e-12
    assert surface.minima == pytest.approx(surface.coefficients[None, 1:]) and surface.convex


@pytest.mark.parametrize("loss", LOSSES)
def test_derivatives_are_those_of_the_values(loss):
    # Central differences: an error of h^2 and one of rounding / h; no residual lies within h of a kink.
    own = {"scale": 1.3, "at": (0.7, 2.2, -0.4), "points": 3, "extent": 1e-6}
    surface = sc.loss_surface(Y, X, loss, (1, 2), **own)
    ends = surface.values[[2, 0, 1, 1], [1, 1, 2, 0]]
    assert (ends[::2] - ends[1::2]) / 2e-6 == pytest.approx(surface.gradient, abs=1e-7)
    for k, column in enumerate(((1e-6, 0.0), (0.0, 1e-6))):
        sides = (np.array(own["at"]) + np.r_[0.0, np.multiply(sign, column)] for sign in (1, -1))
        up, down = (sc.loss_surface(Y, X, loss, (1, 2), **own | {"at": at}).gradient for at in sides)
        assert (up - down) / 2e-6 == pytest.approx(surface.hessian[k], abs=1e-7)


@pytest.mark.parametrize("loss", ["l2", "l1", "huber", "quantile", "lp", "epsilon_insensitive"])
def test_convex_losses_lie_below_their_chords(loss):
    surface = sc.loss_surface(*two_clusters(), loss, scale=1.0 if loss == "epsilon_insensitive" else None)
    ends = np.random.default_rng(5).integers(0, 31, size=(2, 500, 2)) * 2  # even, so the middle is on the grid
    middle = ends.sum(axis=0) // 2
    chord = surface.values[tuple(ends[0].T)] / 2 + surface.values[tuple(ends[1].T)] / 2
    assert (surface.values[tuple(middle.T)] <= chord * (1 + 1e-12)).all()
    assert surface.convex and len(surface.minima) == 1
    assert (surface.smallest_eigenvalues == 0.0).all() == (loss in ("l1", "quantile", "epsilon_insensitive"))
    assert len(surface.creases) == {"l1": 22, "quantile": 22, "epsilon_insensitive": 44}.get(loss, 0)


def test_the_surface_of_tukey_has_a_minimum_for_each_cluster():
    surface = sc.loss_surface(*two_clusters(), "tukey", scale=0.3, at=(-2.0, 2.0), extent=(5.0, 4.0))
    assert not surface.convex and surface.smallest_eigenvalues.min() < 0.0
    assert len(surface.minima) > 1
    assert surface.minima[0] == pytest.approx([1.0, 2.0], abs=0.2)  # the larger cluster lies lower
    assert np.abs(surface.minima - [-5.0, 2.0]).max(axis=1).min() < 0.2
    assert (surface.curvatures > 0.0).all()
    for minimum in surface.minima:  # each is the lowest place of its neighbourhood
        near = sc.loss_surface(*two_clusters(), "tukey", scale=0.3, at=minimum, extent=1e-3, points=5)
        assert near.values.min() == near.value == near.values[2, 2]


def test_the_found_minimum_is_the_fit_and_does_not_depend_on_the_window():
    surface = sc.loss_surface(Y, X, "tukey", (1, 2))
    assert surface.minima[0] == pytest.approx(surface.coefficients[1:], rel=1e-7)
    for loss in ("l1", "huber", "tukey"):
        fit = sc.loss_surface(Y, X, loss, (1, 2), points=3)
        at = fit.coefficients + [0.0, 0.31, -0.17]
        moved = sc.loss_surface(Y, X, loss, (1, 2), at=at, scale=fit.scale)
        assert moved.minima[0] == pytest.approx(fit.coefficients[1:], rel=1e-7)


def test_a_narrow_valley_across_the_grid_has_one_minimum():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(40, 1)) * [1.0, 0.37] + 0.02 * rng.normal(size=(40, 2))
    y = x.sum(axis=1) + 0.1 * rng.normal(size=40)
    surface = sc.loss_surface(y, x, "tukey", (1, 2), extent=1.5, points=40)
    inner = np.pad(surface.values, 1, constant_values=np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(inner, (3, 3)).min(axis=(2, 3))
    assert (surface.values == windows).sum() > 1  # the pits of the grid
    assert len(surface.minima) == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_surfaces_are_equivariant(loss):
    own = {"parameters": (0, 2), "points": 9, "at": np.array([1.0, 2.0, -1.0]), "extent": np.array([3.0, 2.0])}
    own |= {"scale": 1.0} if loss == "epsilon_insensitive" else {}
    surface = sc.loss_surface(Y, X, loss, **own)
    wider = {"at": 4.0 * own["at"], "extent": 4.0 * own["extent"]}
    wider |= {"scale": 4.0} if loss == "epsilon_insensitive" else {}
    wide = sc.loss_surface(4.0 * Y, X, loss, **own | wider)
    power = {"l2": 2, "l1": 1, "quantile": 1, "lp": 1.5788}.get(loss, 0)  # scaled losses see the same residuals
    assert wide.values == pytest.approx(4.0**power * surface.values, rel=1e-9)
    assert wide.minima == pytest.approx(4.0 * surface.minima, rel=1e-6)
    moved = sc.loss_surface(Y + DESIGN @ [1.0, 0.5, -2.0], X, loss, **own | {"at": own["at"] + [1.0, 0.5, -2.0]})
    assert moved.values == pytest.approx(surface.values, rel=1e-9)
    turned = sc.loss_surface(Y, X, loss, **own | {"parameters": (2, 0), "extent": own["extent"][::-1]})
    assert turned.values == pytest.approx(surface.values.T, rel=1e-12)


def test_data_without_errors_have_a_surface():
    x = np.arange(6.0)
    surface = sc.loss_surface(1.0 + 2.0 * x, x, "l2")
    assert surface.minima[0] == pytest.approx([1.0, 2.0]) and np.ptp(surface.axes[1]) > 1.0
    with pytest.raises(UsageError, match=r"scale: .*exact_fit"):
        sc.loss_surface(1.0 + 2.0 * x, x, "huber")
    assert sc.loss_surface(1.0 + 2.0 * x, x, "huber", scale=1.0).value == pytest.approx(0.0, abs=1e-20)


def test_dependent_columns_have_a_valley():
    twice = np.column_stack([X[:, 0], 2.0 * X[:, 0]])
    with pytest.raises(UsageError, match=r"at: .*rank_deficient"):
        sc.loss_surface(Y, twice, "l2", (1, 2))
    surface = sc.loss_surface(Y, twice, "l2", (1, 2), at=(0.0, 0.0, 0.0), extent=1.0)
    assert (surface.smallest_eigenvalues == 0.0).all() and len(surface.minima) == 0


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"loss": "l3"}, "loss: is unknown"),
        ({"loss": None}, "loss"),
        ({"k": -1.0}, "k: is out of range"),
        ({"estimator": "mm"}, "estimator"),
        ({"y": Y * np.where(np.arange(25) == 3, np.nan, 1.0)}, r"y\[3\]: must be finite"),
        ({"X": X[:9]}, "X: must have a row"),
        ({"parameters": (1, 1)}, "two different places from 0 to 2"),
        ({"parameters": (0, 3)}, "two different places"),
        ({"parameters": (-1, 0)}, "two different places"),
        ({"parameters": 2}, "places of two coefficients"),
        ({"parameters": (0, 1), "X": X[:, 0], "intercept": False}, "needs two coefficients"),
        ({"points": 2}, "points: must be from 3"),
        ({"points": 502}, "points: must be from 3 to 501"),
        ({"points": 9.5}, "points: must be a whole number"),
        ({"scale": 0.0}, "scale: is out of range"),
        ({"loss": "l1", "scale": "mad"}, "scale: must be a positive number"),
        ({"at": (1.0, 2.0)}, "at: must be 3 finite numbers"),
        ({"at": (1.0, 2.0, np.inf)}, "at: must be 3 finite numbers"),
        ({"extent": 0.0}, "extent: must be a positive number"),
        ({"extent": (1.0, 2.0, 3.0)}, "extent: must be a positive number"),
        ({"extent": 1e-18}, "extent: .* too little"),
        ({"loss": "l2", "extent": 1e200}, "largest float64"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong, match):
    with pytest.raises(UsageError, match=match):
        sc.loss_surface(**{"y": Y, "X": X, "loss": "huber"} | wrong)


# The figure


@pytest.fixture(scope="module")
def surfaces():
    window = {"scale": 0.3, "at": (-2.0, 2.0), "extent": (5.0, 4.0), "points": 31}
    return [sc.loss_surface(*two_clusters(), loss, **window) for loss in ("l2", "l1", "huber", "tukey")]


def test_the_figure_has_the_same_bytes_twice(surfaces, tmp_path):
    for name in ("one", "other.png"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            sc.plot_loss_surfaces(surfaces, tmp_path / name)
    for suffix in ("svg", "png", "pdf"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"other.{suffix}").read_bytes()


def test_the_figure_shows_what_was_found(surfaces):
    figure = sc.plot_loss_surfaces(surfaces)
    panels = {axes.get_label(): axes for axes in figure.axes}
    assert len(panels) == 3 * len(surfaces)
    for k, surface in enumerate(surfaces):
        top, marks = panels[f"{k} 2"], [line for line in panels[f"{k} 2"].get_lines() if line.get_marker() == "o"]
        assert top.get_title().split("\n")[0] == surface.label
        assert [tuple(line.get_xydata()[0]) for line in marks] == [tuple(minimum) for minimum in surface.minima]
    limits = {(axes.get_xlim(), axes.get_ylim()) for label, axes in panels.items() if not label.endswith("1")}
    assert len(limits) == 1
    text = [entry.get_text() for entry in figure.legends[0].get_texts()]
    assert any("not convex" in entry for entry in text) and any("crease" in entry for entry in text)
    convex = [entry.get_text() for entry in sc.plot_loss_surfaces(surfaces[:1]).legends[0].get_texts()]
    assert not any("not convex" in entry or "crease" in entry for entry in convex)


def test_surfaces_that_do_not_belong_together_are_refused(surfaces):
    other = dataclasses.replace(surfaces[0], names=("beta1", "beta2"))
    with pytest.raises(UsageError, match="same two coefficients"):
        sc.plot_loss_surfaces([surfaces[0], other])
    with pytest.raises(UsageError, match="1 to 5"):
        sc.plot_loss_surfaces([])
    assert len(surface_figures.plot_loss_surfaces(other).axes) == 3
