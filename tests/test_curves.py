"""Figures show every number of a table, mark what has none, and are the same bytes from run to run."""

import itertools
import math
import os
import re
import subprocess
import sys
import types
import warnings
from pathlib import Path
from unittest import mock

import matplotlib
import pandas as pd
import pytest

from simcore import files
from simcore.drawing import canvas, gallery, looks, views
from simcore.drawing.sources import Source
from simcore.errors import UsageError
from simcore.statuses import MEANINGS

HEAVY = ("normal", "student_t(df=10)", "student_t(df=3)", "cauchy")
SHIFTS = ("none", *(f"shift(fraction={fraction}, size=10)" for fraction in (0.05, 0.1, 0.2)))
GROWING = ("none", "growing(rate=0.5)", "growing(rate=2)")
ESTIMATORS = ("l2", "l1", "huber(k=1.345)", "trimmed_mean(proportion=0.1)")
MEASURES = ("bias", "variance", "rmse")
TEN = (*ESTIMATORS, *(f"estimator_with_a_name(parameter={k})" for k in range(6)))


def parts(label):
    """'shift(fraction=0.05, size=10)' -> ('shift', {'fraction': 0.05, 'size': 10.0})."""
    name, _, inside = label.partition("(")
    return name, {key: float(value) for key, value in re.findall(r"(\w+)=([^,)]+)", inside)}


def factors(law, bad):
    """The columns of a table on errors and contamination."""
    (distribution, own), (kind, values) = parts(law), parts(bad)
    tail = {"student_t": own.get("df"), "pareto": own.get("alpha"), "cauchy": 1.0, "slash": 1.0}.get(distribution)
    given = {f"contamination_{name}" if name in ("ratio", "scale") else name: value for name, value in values.items()}
    return {"distribution": distribution, "tail_index": tail, **own, "kind": kind, **given}


def made(errors=("normal",), contamination=("none",), n=(20,), estimators=ESTIMATORS, design=(), parameters=("theta",)):
    """A summary table: variance (1 + k) / n and bias k / 10 of estimator k; nothing of l2 exists under cauchy."""
    rows = []
    for cell, (size, law, bad, plan) in enumerate(itertools.product(n, errors, contamination, design or ("",))):
        for (k, estimator), theta, measure in itertools.product(enumerate(estimators), parameters, MEASURES):
            none = law == "cauchy" and estimator == "l2"
            value = 0.1 * k if measure == "bias" else (1 + k) / size
            rows.append(
                {
                    "study": "made", "cell": cell, "errors": law, "contamination": bad, "n": size,
                    **factors(law, bad), **({"design": plan} if design else {}),
                    "estimator": estimator, "parameter": theta, "measure": measure,
                    "value": None if none else value, "mcse": None if none else 0.01 / size,
                    "status": "undefined" if none else "ok", "n_ok": 1000, "n_failed": 0,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def drawn(table, title=None):
    """The figures, not written, which takes most of the time."""
    with mock.patch.object(canvas, "write"), warnings.catch_warnings():
        warnings.simplefilter("error")
        return curved(table, Path("nowhere"), title)


def curved(table, folder, title=None):
    """The curves of a table, written to a folder."""
    return gallery.draw(Source(table, title or "made"), folder, "curves")


def lines(axes, label):
    return [line for line in axes.get_lines() if line.get_label() == label]


def strips(figure):
    return [strip for axes in figure.axes for strip in axes.child_axes]


def marks(figure, label):
    return sum(len(line.get_xdata()) for strip in strips(figure) for line in lines(strip, label))


def texts(figure):
    return " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


def overlaps(boxes):
    shrunk = [box.padded(-0.5) for box in boxes if box.width > 1 and box.height > 1]
    return [pair for pair in itertools.combinations(shrunk, 2) if pair[0].overlaps(pair[1])]


@pytest.mark.parametrize(
    ("factors", "names"),
    [
        ({}, {"estimators_variance", "estimators_bias"}),
        ({"errors": HEAVY}, {"tails_variance", "tails_bias"}),
        ({"n": (10, 20)}, {"n_variance", "n_scaled", "n_bias"}),
        ({"contamination": SHIFTS}, {"contamination_variance", "contamination_bias", "contamination_rmse"}),
        ({"design": ("gaussian", "uniform")}, {"design_variance", "design_bias"}),
        ({"contamination": GROWING}, {"kinds_variance", "kinds_bias", "kinds_rmse"}),
    ],
)
def test_figures_are_those_of_the_factors_that_vary(factors, names, tmp_path):
    figures = curved(made(**factors), tmp_path / "figures")
    assert set(figures) == names
    files = {path.name for path in (tmp_path / "figures").iterdir()}
    assert files == {f"{name}.{suffix}" for name in names for suffix in ("svg", "png", "pdf")}
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]


def test_errors_have_one_name_in_a_figure_and_the_caption_spells_it():
    figures = drawn(made(errors=HEAVY[:3], n=(10, 20, 50), contamination=SHIFTS))
    titles = [axes.get_title() for axes in figures["n_bias"].axes[:3]]
    assert titles == ["normal", "t10", "t3"] and "tk: Student's t" in texts(figures["n_bias"])
    pinned = texts(drawn(made(errors=HEAVY[2:3], contamination=SHIFTS))["contamination_bias"])
    assert "Errors: t3." in pinned and "freedom, student_t(df=k)." in pinned and "df=3" not in pinned


def test_every_estimator_and_every_value_is_in_its_panel():
    figures = drawn(made(errors=HEAVY, n=(10, 20, 100)))
    titles = [axes.child_axes[0].get_title() for axes in figures["tails_variance"].axes]
    assert titles == ["n = 10", "n = 20", "n = 100"]
    for axes in figures["tails_variance"].axes:
        for k, estimator in enumerate(ESTIMATORS):
            (line,) = lines(axes, estimator)
            (markers,) = lines(axes, f"{estimator}: ok")
            assert list(markers.get_ydata()) == pytest.approx([1 + k] * (3 if estimator == "l2" else 4))
            assert len(line.get_xdata()) == 4
    normal = figures["n_variance"].axes[0]
    assert list(lines(normal, "l1")[0].get_ydata()) == pytest.approx([0.2, 0.1, 0.02])


def test_bars_are_two_standard_errors():
    (axes,) = drawn(made(n=(10, 20)))["n_scaled"].axes
    first = axes.collections[0].get_segments()[0]
    assert list(first[:, 1]) == pytest.approx([1 - 0.02, 1 + 0.02])


def test_what_does_not_exist_is_marked_and_explained():
    figures = drawn(made(errors=HEAVY, n=(10, 20)))
    for name, count in (("tails_variance", 2), ("n_variance", 2), ("n_bias", 2)):
        assert marks(figures[name], "l2: undefined") == count
        assert marks(figures[name], "l1: undefined") == 0
        assert len(strips(figures[name])) == len(figures[name].axes)
        named = [text.get_text() for legend in figures[name].legends for text in legend.get_texts()]
        assert "does not exist: the moment is infinite in theory" in named


@pytest.mark.parametrize("status", ["undefined", "insufficient"])
def test_no_number_of_an_undefined_point_is_shown(status):
    table = made(n=(10, 20), estimators=("l2", "l1"))
    table.loc[(table["estimator"] == "l2") & (table["n"] == 10), "status"] = status
    figures = drawn(table)
    assert marks(figures["n_variance"], f"l2: {status}") == 1
    (line,) = lines(figures["n_variance"].axes[0], "l2")
    assert list(line.get_ydata()) == pytest.approx([math.nan, 0.05], nan_ok=True)
    assert len(lines(figures["n_variance"].axes[0], "l2: ok")[0].get_xdata()) == 1


@pytest.mark.parametrize("status", ["mcse_rough", "mcse_undefined"])
def test_markers_say_how_well_the_error_is_known(status):
    table = made(n=(10, 20))
    table.loc[table["estimator"] == "l2", "status"] = status
    figure = drawn(table)["n_scaled"]
    (markers,) = lines(figure.axes[0], f"l2: {status}")
    assert markers.get_markerfacecolor() == "white"
    bars = [segment for segment in figure.axes[0].collections[0].get_segments() if len(segment)]
    assert len(bars) == (0 if status == "mcse_undefined" else 2)
    legend = " ".join(text.get_text() for text in figure.legends[-1].get_texts()).replace("\n", " ")
    assert MEANINGS[status] in legend


def test_a_zero_variance_is_marked_where_a_log_axis_cannot_show_it():
    table = made(n=(10, 20))
    table.loc[(table["estimator"] == "l1") & (table["measure"] == "variance"), "value"] = 0.0
    figures = drawn(table)
    assert marks(figures["n_variance"], "l1: zero") == 2
    assert not strips(figures["n_bias"])


def test_a_study_without_any_number_still_has_figures():
    figures = drawn(made(errors=("cauchy",), n=(10, 20), estimators=("l2",)))
    for figure in figures.values():
        assert marks(figure, "l2: undefined") == 2
        assert figure.axes[0].texts[0].get_text() == "no value to show"


def test_errors_are_ordered_by_tail_weight():
    errors = ["cauchy", "student_t(df=3)", "laplace", "contaminated_normal(epsilon=0.1, ratio=3)", "slash", "uniform"]
    errors += ["student_t(df=10)", "contaminated_normal(epsilon=0.05, ratio=10)", "normal", "logistic"]
    figure = drawn(made(errors=errors))["tails_bias"]
    order = "uniform normal logistic laplace CN(0.05, 10) CN(0.1, 3) t10 t3 slash cauchy".replace(", ", ",_").split()
    assert [
        text.get_text().replace("\n", " ").replace(", ", ",_") for text in figure.axes[0].get_xticklabels()
    ] == order
    assert "CN(e, r): contaminated_normal, r times as wide with probability e." in texts(figure)


def test_a_tail_index_in_the_table_decides_the_order():
    figure = drawn(made(errors=("pareto(alpha=1.5)", "student_t(df=3)", "normal")))["tails_bias"]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["normal", "t3", "pareto(alpha=1.5)"]


def test_contamination_starts_from_the_clean_sample():
    contamination = (*SHIFTS, "scale(fraction=0.1, ratio=5)")
    figure = drawn(made(contamination=contamination, n=(10, 20, 40)))["contamination_bias"]
    assert len(figure.axes) == 2 * 3
    places = [list(lines(axes, "l1")[0].get_xdata()) for axes in figure.axes[::3]]
    assert places[0] == pytest.approx([0.0, 0.1], abs=0.01)
    assert places[1] == pytest.approx([0.0, 0.05, 0.1, 0.2], abs=0.01)


def test_marks_stand_above_their_points():
    """Shifts of estimators are the same for points and marks, and leave both inside the frame."""
    figure = drawn(made(errors=HEAVY, n=(10, 20)))["n_bias"]
    (axes,) = figure.axes[-1:]
    (strip,) = axes.child_axes
    points, missing = lines(axes, "l2")[0].get_xdata(), lines(strip, "l2: undefined")[0].get_xdata()
    assert list(points) == pytest.approx(list(missing))
    assert axes.get_xlim()[0] < min(missing) - 0.01 and strip.get_xlim() == axes.get_xlim()


def test_what_is_left_out_is_said():
    figures = drawn(made(errors=HEAVY, contamination=SHIFTS, n=tuple(range(5, 50, 5))))
    assert len(figures["tails_variance"].axes) == 6
    assert "Sample size: 6 of 9 levels shown." in texts(figures["tails_variance"])
    assert "Contamination: none (3 other levels not shown)." in texts(figures["tails_variance"])
    assert "Contamination: shift(size=10)." in texts(figures["contamination_bias"])
    assert len(figures["contamination_bias"].axes) == 4 * 4
    planned = drawn(made(errors=HEAVY, contamination=SHIFTS, n=(10, 20), design=("gaussian", "uniform")))
    assert [len(planned[f"{name}_bias"].axes) for name in ("tails", "n", "contamination")] == [2 * 2, 2 * 4, 2 * 4]
    assert "Sample size: 10 (1 other level not shown)." in texts(planned["contamination_bias"])
    few = drawn(made(errors=HEAVY, contamination=SHIFTS[:2]))
    assert len(few["tails_variance"].axes) == 2


def test_a_wide_range_of_bias_is_symlog():
    table = made(errors=HEAVY)
    table.loc[(table["estimator"] == "l2") & (table["errors"] == "normal"), "value"] = 1e5
    figure = drawn(table)["tails_bias"]
    assert figure.axes[0].get_yscale() == "symlog"
    assert "logarithmic beyond" in texts(figure)


def crowded():
    mixtures = [f"contaminated_normal(epsilon={epsilon}, ratio=3)" for epsilon in (0.01, 0.05, 0.1, 0.25)]
    return made(errors=(*HEAVY, *mixtures, "slash"), n=(5, 10, 20, 40), estimators=TEN)


def planned(**factors):
    return made(design=("gaussian", "student_t(df=3, redrawn)", "polynomial(degree=3)"), **factors)


LEVERAGE = ("none", *(f"leverage(fraction={fraction}, distance=10, size=5)" for fraction in (0.05, 0.1)))
TABLES = [
    *(crowded(), made(errors=HEAVY, contamination=SHIFTS[:3], n=(10, 20)), made()),
    planned(parameters=("beta0", "beta1", "at(0.5, 1)")),
    planned(errors=HEAVY, n=(10, 20), contamination=(*LEVERAGE, *SHIFTS[1:], *GROWING[1:])),
    made(errors=HEAVY, parameters=[f"beta{k}" for k in range(9)], design=("gaussian",)),
]


def visible(axis):
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high and tick.label1.get_text()]


@pytest.mark.parametrize("table", TABLES)
def test_nothing_overlaps_or_is_clipped(table):
    for name, figure in drawn(table, title="A title that is long enough to be of the usual length").items():
        figure.draw_without_rendering()
        tops = [*figure.axes, *strips(figure)]
        level = [*figure.texts, *(axes.title for axes in tops), *(axes.yaxis.label for axes in tops)]
        level += [text for axes in figure.axes for text in (*axes.texts, *visible(axes.yaxis))]
        level += [text for legend in figure.legends for text in legend.get_texts()]
        turned = [text for axes in figure.axes for text in visible(axes.xaxis)]
        boxes = [text.get_window_extent() for text in (*level, *turned) if text.get_text()]
        assert not overlaps([text.get_window_extent() for text in level if text.get_text()]), name
        assert not overlaps([artist.get_window_extent() for artist in (*tops, *figure.texts)]), name
        assert not overlaps([*(box for box in boxes[-len(turned) :] if box.height < 11), *figure_boxes(figure)]), name
        for box in boxes:
            assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, name
            assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, name
        assert min(text.get_fontsize() for text in (*level, *turned)) >= 7
        assert figure.get_figwidth() == 7.0


def figure_boxes(figure):
    return [artist.get_window_extent() for artist in (*figure.texts, *figure.legends)]


def test_estimators_differ_in_colour_marker_and_both_with_style():
    twelve = looks.looks(range(12))
    assert len({look["color"] for look in twelve.values()}) == len({look["marker"] for look in twelve.values()}) == 12
    more = looks.looks(range(60))
    assert len({(look["color"], look["marker"]) for look in more.values()}) == 60


def test_lines_are_named_at_their_ends_where_there_is_room():
    figures = drawn(made(n=(10, 20), estimators=("l2", "l1", "huber(k=1.345)")))
    assert [text.get_text() for text in figures["n_scaled"].axes[0].texts] == ["l2", "l1", "huber(k=1.345)"]
    assert not figures["n_scaled"].legends
    close = made(n=(10, 20))
    close["value"] = 1.0
    figure = drawn(close)["n_bias"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(ESTIMATORS)


def test_another_measure_is_one_entry(monkeypatch):
    monkeypatch.setitem(views.SHOWN, "efficiency", views.Shown("efficiency"))
    table = made(errors=HEAVY, n=(10, 20)).replace({"measure": {"rmse": "efficiency"}})
    figures = drawn(table)
    assert {name for name in figures if "efficiency" in name} == {"tails_efficiency", "n_efficiency"}
    figure = figures["tails_efficiency"]
    assert [text.get_text() for text in figure.texts].count("efficiency") == 1  # at the axis: no unit
    assert list(lines(figure.axes[0], "l1")[0].get_ydata()) == pytest.approx([0.2] * 4)  # not times n


def test_what_to_show_is_decided_without_matplotlib():
    for name in ("panels", "views", "factors", "drawable", "scales", "sizes"):
        assert "matplotlib" not in Path(gallery.__file__).with_name(f"{name}.py").read_text()


def test_parameters_are_lines_of_panels_with_axes_of_their_own():
    table = made(n=(10, 20), parameters=("beta0", "beta1"))
    table.loc[table["parameter"] == "beta1", "value"] *= 100.0
    figure = drawn(table)["n_variance"]
    assert [axes.texts[-1].get_text() for axes in figure.axes] == ["beta0", "beta1"]
    low, high = (axes.get_ylim()[1] for axes in figure.axes)
    assert high == pytest.approx(100.0 * low, rel=0.1)
    both = drawn(made(n=(10, 20), errors=HEAVY, parameters=("beta0", "beta1")))
    assert len(both["tails_bias"].axes) == 2 * 2


def test_parameters_have_figures_of_their_own_where_panels_are_taken():
    table = made(n=(10, 20), errors=HEAVY, design=("gaussian", "uniform"), parameters=("beta0", "at(0.5, 1)"))
    whats = ("tails_variance", "tails_bias", "n_variance", "n_scaled", "n_bias")
    assert set(drawn(table)) == {f"{what}_{which}" for what in whats for which in ("beta0", "at_0.5_1")}
    many = made(n=(10, 20), errors=HEAVY, design=("gaussian", "uniform"), parameters=[f"beta{k}" for k in range(9)])
    figures = drawn(many)
    assert set(figures) == {f"{what}_beta{k}" for what in whats for k in (0, 4, 8)}
    assert "3 of 9 parameters have figures." in texts(figures["n_bias_beta4"])


def test_designs_tell_cells_apart():
    figure = drawn(made(design=("gaussian", "student_t(df=3, redrawn)")))["design_bias"]
    names = [text.get_text().replace("\n", " ") for text in figure.axes[0].get_xticklabels()]
    assert names == ["gaussian", "student_t(df=3, redrawn)"]


def test_kinds_without_a_fraction_stand_side_by_side():
    figures = drawn(made(contamination=(*SHIFTS, *GROWING[1:])))
    assert [text.get_text() for text in figures["kinds_bias"].axes[0].get_xticklabels()] == list(GROWING)
    assert len(lines(figures["contamination_bias"].axes[0], "l1")[0].get_xdata()) == 4


def test_one_fraction_of_each_kind_is_no_curve():
    contamination = ("none", SHIFTS[1], "leverage(fraction=0.1, distance=10, size=5)")
    assert set(drawn(made(contamination=contamination))) == {"kinds_variance", "kinds_bias", "kinds_rmse"}


def test_what_has_no_bound_is_left_out_and_said():
    table = made(errors=("uniform", *HEAVY), n=(10, 20)).replace({"measure": {"rmse": "efficiency_bound"}})
    without = (table["measure"] == "efficiency_bound") & (table["errors"] == "uniform")
    table.loc[without, ["value", "mcse", "status"]] = [math.nan, math.nan, "undefined"]
    figures = drawn(table)
    named = [text.get_text() for text in figures["tails_efficiency_bound"].axes[0].get_xticklabels()]
    assert named == ["normal", "t10", "t3", "cauchy"]
    assert "Errors of which simcore knows no bound, left out: uniform." in texts(figures["tails_efficiency_bound"])
    with mock.patch.object(canvas, "write"):  # asked for alone, without the variance that says why
        alone = gallery.draw(Source(table, "made"), Path("nowhere"), "curves", ["efficiency_bound"])
    assert "Errors of which simcore knows no bound, left out: uniform." in texts(alone["tails_efficiency_bound"])
    assert marks(figures["tails_efficiency_bound"], "l2: undefined") == 2
    table.loc[without & (table["n"] == 20), ["value", "status"]] = [0.5, "ok"]
    assert marks(drawn(table)["tails_efficiency_bound"], "l2: no_bound") == 1


def test_a_factor_without_a_figure_is_refused(tmp_path):
    with pytest.raises(UsageError, match="this table has several"):
        curved(pd.concat([made(), made()]), tmp_path / "figures")


def test_labels_with_dollars_are_text():
    figure = drawn(made(n=(10, 20), estimators=("l2", "$broken_{$")), title="50 $ and $_")["n_bias"]
    figure.draw_without_rendering()
    assert "50 $ and $_: bias of the estimate" in texts(figure)


def test_settings_of_the_user_neither_matter_nor_change(tmp_path):
    table = made(contamination=SHIFTS[:2])
    plain = curved(table, tmp_path / "plain" / "figures")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 10, "svg.fonttype": "none"}):
        before = dict(matplotlib.rcParams)
        curved(table, tmp_path / "odd" / "figures")
        assert dict(matplotlib.rcParams) == before
    for name, suffix in itertools.product(plain, ("svg", "png", "pdf")):
        one, other = (tmp_path / folder / "figures" / f"{name}.{suffix}" for folder in ("plain", "odd"))
        assert one.read_bytes() == other.read_bytes(), one.name


CHILD = """
import sys, pathlib
from tests.test_curves import HEAVY, curved, made
curved(made(errors=HEAVY, n=(10, 20)), pathlib.Path(sys.argv[1]) / "figures")
assert "matplotlib.pyplot" not in sys.modules
"""


def test_files_are_the_same_bytes_in_two_processes(tmp_path):
    here = Path(__file__).resolve().parent.parent
    for run, (seed, zone) in enumerate((("1", "UTC"), ("2", "Asia/Tokyo"))):
        settings = {**os.environ, "PYTHONPATH": str(here), "PYTHONHASHSEED": seed, "TZ": zone, "MPLBACKEND": "svg"}
        (tmp_path / str(run)).mkdir()
        subprocess.run([sys.executable, "-c", CHILD, str(tmp_path / str(run))], check=True, env=settings, cwd=here)
    first, second = (sorted((tmp_path / run / "figures").iterdir()) for run in "01")
    assert [path.name for path in first] == [path.name for path in second] and len(first) == 5 * 3
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    curved(made(contamination=SHIFTS[:2]), tmp_path / "figures")
    old = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}

    def broken(descriptor, data):
        os.write(descriptor, data[: len(data) // 2])
        raise OSError("disk full")

    monkeypatch.setattr(files, "system", types.SimpleNamespace(**(vars(os) | {"write": broken})))
    with pytest.raises(UsageError, match="disk full"):
        curved(made(contamination=SHIFTS[:3]), tmp_path / "figures")
    assert "contamination_bias.svg" in old
    assert {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()} == old
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]
