"""Every kind of figure shows the numbers it came from, none that do not exist, in the same bytes from run to run."""

import itertools
import math
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from matplotlib.patches import Rectangle

import simcore as sc
from simcore import design
from simcore.cli import main
from simcore.drawing import canvas, factors, gallery, sizes, slices
from simcore.drawing.sources import KINDS, Source
from simcore.errors import UsageError
from simcore.figures import convergence, distribution, heatmap, lolly, nested
from simcore.figures import zip as zips
from tests.test_curves import HEAVY, SHIFTS, lines, made, marks, overlaps, texts, visible

PAPER, SLIDES = sizes.PAGES["paper"], sizes.PAGES["slides"]
SCENARIO = """
name = "drawn"
problem = "location"
seed = 5
replications = {replications}
{keep}
[factors]
n = [9]
errors = [{{ distribution = "normal" }}, {{ distribution = "cauchy" }}]
[[estimators]]
loss = "l2"
[[estimators]]
loss = "l1"
"""
KEPT, SUMMED = 4000, 4096


def run_of(folder, **values):
    path = folder / "drawn.toml"
    path.write_text(SCENARIO.format(**values))
    return sc.run(path, out=folder / "results")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A run of two cells that has kept its estimates."""
    return run_of(tmp_path_factory.mktemp("kept"), replications=KEPT, keep='keep = "estimates"')


@pytest.fixture(scope="module")
def summed(tmp_path_factory):
    """One of sums alone, stored in four parts of each cell."""
    with mock.patch.object(design, "LIMITS", design.Limits(kept=1024, summed=1024)):
        yield run_of(tmp_path_factory.mktemp("summed"), replications=SUMMED, keep="")


def source_of(run):
    return Source(run.summary(), "drawn", run)


def estimates(run, number):
    """Those of a cell, float64 (targets, replications)."""
    cell = design.cells(run.study)[number]
    present = run.folder.present()[cell.key]
    return run.folder.read_kept(cell, present, KEPT)[0]


def drawn(source, kinds, measures=None, style="paper"):
    with mock.patch.object(canvas, "write"), warnings.catch_warnings():
        warnings.simplefilter("error")
        return gallery.draw(source, Path("nowhere"), kinds, measures, style)


def of_table(table, kind, **options):
    return drawn(Source(table, "made"), kind, **options)


def values(table, measure, estimator, **levels):
    own = table[(table["measure"] == measure) & (table["estimator"] == estimator)]
    for name, level in levels.items():
        own = own[own[name] == level]
    return own["value"].tolist()


def test_a_lolly_stands_at_its_value_with_a_bar_of_two_standard_errors():
    table = made(errors=("normal", "cauchy"))
    figure = of_table(table, "lolly", measures=["bias"])["lolly_bias"]
    normal, cauchy = figure.axes
    for place, estimator in enumerate(table["estimator"].unique()):
        (mark,) = lines(normal, f"{estimator}: ok")
        assert list(mark.get_xdata()) == values(table, "bias", estimator, errors="normal")
        assert list(mark.get_ydata()) == [place]
        (low, high) = normal.containers[place].lines[2][0].get_segments()[0][:, 0]
        assert (low + high) / 2 == pytest.approx(mark.get_xdata()[0]) and high - low == pytest.approx(4 * 0.01 / 20)
    assert not lines(cauchy, "l2: ok") and marks(figure, "l2: undefined") == 1 and marks(figure, "l1: undefined") == 0


def test_a_field_has_its_number_or_is_hatched_and_says_why():
    table = made(errors=HEAVY, n=(10, 20))
    figure = of_table(table, "heatmap", measures=["variance"])["heatmap_variance"]
    fields = [patch for axes in figure.axes for patch in axes.patches if isinstance(patch, Rectangle)]
    hatched = [patch for patch in fields if patch.get_hatch()]
    assert [patch.get_label() for patch in hatched] == ["l2: undefined"] * 2
    assert all(patch.get_facecolor()[:3] == (1.0, 1.0, 1.0) for patch in hatched)
    assert len(fields) == 4 * 4 * 2 and figure.legends[0].get_texts()[0].get_text().startswith("does not exist")
    for axes, n in zip(figure.axes, (10, 20), strict=False):
        shown = {(text.get_position()[0], round(text.get_position()[1])): text.get_text() for text in axes.texts[::2]}
        scaled = {
            (column, row): n * values(table, "variance", estimator, errors=law, n=n)[0]
            for (column, law), (row, estimator) in itertools.product(
                enumerate(HEAVY), enumerate(table["estimator"].unique())
            )
            if (law, estimator) != ("cauchy", "l2")
        }
        assert {place: float(text) for place, text in shown.items()} == pytest.approx(scaled)
        assert {text.get_text() for text in axes.texts[1::2]} == {"±0.01"}


def test_colours_are_those_of_the_bar():
    table = made(errors=HEAVY)
    figure = of_table(table, "heatmap", measures=["variance"])["heatmap_variance"]
    shades = {patch.get_label(): sum(patch.get_facecolor()[:3]) for patch in figure.axes[0].patches}
    order = [shades[name] for name in table["estimator"].unique() if name in shades]
    assert order == sorted(order) and len(set(order)) == 4  # cividis gets lighter all the way


def test_the_bar_of_one_line_has_numbers_apart():
    table = made(errors=HEAVY[:3], estimators=("l2",), n=(10,))
    for far in (1.0, 1e5):  # colours by the value, and by its logarithm
        table.loc[table["errors"] == "normal", "value"] *= far
        figure = of_table(table, "heatmap", measures=["variance" if far > 1 else "bias"]).popitem()[1]
        figure.draw_without_rendering()
        numbers = [text.get_window_extent() for text in visible(figure.axes[-1].yaxis)]
        assert len(numbers) == 2 and not overlaps(numbers)


@pytest.mark.parametrize(("count", "room"), [(3, True), (20, False)])
def test_the_caption_of_a_heat_map_says_whether_it_has_numbers(count, room):
    table = made(errors=[f"student_t(df={df})" for df in range(3, 3 + count)])
    figure = of_table(table, "heatmap", measures=["variance"], style="slides")["heatmap_variance"]
    assert bool(figure.axes[0].texts) == room
    assert ("In each field a number" in texts(figure)) == room
    assert ("Numbers have no room in the fields" in texts(figure)) != room


def test_sticks_start_within_their_panel():
    table = made().replace({"measure": {"rmse": "efficiency_bound"}})
    axes = of_table(table, "lolly", measures=["efficiency_bound"])["lolly_efficiency_bound"].axes[0]
    sticks = [own for own in axes.collections if "stick" in own.get_label()]
    low, high = axes.get_xlim()
    assert len(sticks) == 4 and low < 0.0
    assert all(own.get_segments()[0][0][0] == 1.0 < high for own in sticks)


@pytest.mark.parametrize("kind", KINDS)
def test_the_conditions_of_all_panels_are_said(kind, kept):
    if kind in KINDS[4:]:
        figures = drawn(source_of(kept), kind, ["bias"])
        said = {"Sample size: 9.", "Contamination: none."}
    else:
        varying = {"n": (10, 20), "contamination": SHIFTS[:3]}
        figures = of_table(made(errors=("student_t(df=3)",), **varying), kind, measures=["bias"])
        said = {"Errors: t3.", "tk: Student's t"}
    for figure in figures.values():
        assert all(text in texts(figure) for text in said), texts(figure)


def test_nested_loops_go_through_all_cells_in_order():
    table = made(errors=HEAVY, n=(10, 20), contamination=SHIFTS[:3])
    figure = of_table(table, "nested", measures=["bias"])["nested_bias"]
    panels = {axes.get_label(): axes for axes in figure.axes}
    assert list(panels) == ["measure", "factor sample size", "factor contamination", "factor errors"]
    order = list(itertools.product((10, 20), SHIFTS[:3], HEAVY))
    for stairs in panels["measure"].patches:
        estimator = stairs.get_label()
        expected = [
            math.nan if (law, estimator) == ("cauchy", "l2") else
            values(table, "bias", estimator, n=n, contamination=bad, errors=law)[0]
            for n, bad, law in order
        ]  # fmt: skip
        assert list(stairs.get_data().values) == pytest.approx(expected, nan_ok=True)
    (slowest,), (fastest,) = panels["factor sample size"].patches, panels["factor errors"].patches
    assert list(slowest.get_data().values) == [0] * 12 + [1] * 12
    assert list(fastest.get_data().values) == [0, 1, 2, 3] * 6
    assert marks(figure, "l2: undefined") == 6
    assert "24 cells" in texts(figure)


def test_the_steps_of_nested_loops_have_names():
    figure = of_table(made(errors=HEAVY, n=(10, 20), contamination=SHIFTS[:3]), "nested", measures=["bias"])
    panels = {axes.get_label(): axes for axes in figure["nested_bias"].axes}
    for name, expected in (
        ("factor sample size", ["10", "20"]),
        ("factor contamination", ["none", "shift(0.05, 10)", "shift(0.1, 10)"] * 2),
        ("factor errors", ["normal", "t10", "t3", "cauchy"] * 6),
    ):
        assert [text.get_text() for text in panels[name].texts] == expected, name
    assert "In brackets: parameters in their order." in texts(figure["nested_bias"])
    assert "Steps go up" not in texts(figure["nested_bias"])
    crowded = of_table(made(n=range(10, 60), contamination=SHIFTS[:3]), "nested", measures=["bias"])["nested_bias"]
    assert "Steps go up through sample size: 10, 11, 12, " in texts(crowded)
    named = next(axes for axes in crowded.axes if axes.get_label() == "factor sample size").texts
    boxes = [text.get_window_extent() for text in named]
    assert 20 < len(named) < 150 and all(a.x1 <= b.x0 for a, b in itertools.pairwise(boxes))


def test_an_efficiency_says_relative_to_what(kept):
    figure = drawn(source_of(kept), "heatmap", ["efficiency_mse"])["heatmap_efficiency_mse"]
    assert "drawn: efficiency relative to l2 (ratio of MSEs)" in texts(figure)
    figure = drawn(source_of(kept), "curves", ["efficiency"])["tails_efficiency"]
    assert "drawn: efficiency relative to l2 (ratio of variances)" in texts(figure)


def test_a_zip_has_the_interval_of_each_batch(kept):
    (picture,) = zips.pictures(source_of(kept), ["bias"], PAPER)
    panels = {(row, estimator): rest for row, estimator, *rest in picture.panels}
    intervals, target, why = panels["normal", "l1"]
    batches = estimates(kept, 0)[1][: 80 * 48].reshape(80, 48)  # of 50 replications at least, whole lanes
    mean, error = batches.mean(axis=1), batches.std(axis=1, ddof=1) / math.sqrt(48)
    order = np.argsort(abs(mean) / error, kind="stable")
    assert target == 0.0 and why is None  # by symmetry
    assert intervals["low"].to_numpy() == pytest.approx((mean - 1.959963984540054 * error)[order], rel=1e-9)
    assert intervals["covers"].tolist() == (abs(mean) <= 1.959963984540054 * error)[order].tolist()
    assert panels["cauchy", "l2"][0] is None and "does not exist" in panels["cauchy", "l2"][2]
    figure = zips.figure(picture, PAPER)
    drawn_lines = [collection for collection in figure.axes[1].collections if collection.get_label() == "misses"]
    assert len(drawn_lines[0].get_segments()) == (~intervals["covers"]).sum()


def test_a_zip_without_symmetry_aims_at_the_value_of_all(kept):
    (picture,) = zips.pictures(source_of(kept), ["variance"], PAPER)
    panels = {(row, estimator): rest for row, estimator, *rest in picture.panels}
    batches = estimates(kept, 0)[0][: 80 * 48].reshape(80, 48)
    assert panels["normal", "l2"][1] == pytest.approx(batches.var(axis=1, ddof=1).mean(), rel=1e-9)


def test_a_running_value_is_that_of_the_first_replications(kept):
    (picture,) = convergence.pictures(source_of(kept), ["variance"], PAPER)
    (_, normal), (_, cauchy) = picture.panels
    for target, estimator in enumerate(("l2", "l1")):
        own = normal[normal["estimator"] == estimator]
        for count, value, half in own[["count", "value", "half"]].itertuples(index=False):
            e = estimates(kept, 0)[target][:count]
            m2 = ((e - e.mean()) ** 2).mean()
            kurtosis = ((e - e.mean()) ** 4).mean() / m2**2
            assert value == pytest.approx(m2 * count / (count - 1), rel=1e-9)
            if count > 10:
                mcse = m2 * count / (count - 1) * math.sqrt((kurtosis - 1) / count)
                assert half == pytest.approx(2 * mcse, rel=1e-6)
    plain = kept.summary(plain=True)
    last = plain[(plain["cell"] == 0) & (plain["estimator"] == "l1") & (plain["measure"] == "variance")]
    assert own["count"].iloc[-1] == KEPT
    assert own["value"].iloc[-1] == pytest.approx(last["plain_value"].iloc[0], rel=1e-12)
    undefined = cauchy[cauchy["estimator"] == "l2"]
    assert undefined["value"].isna().all() and set(undefined["status"]) == {"undefined"}


def test_stored_sums_make_the_same_values_as_the_table(summed):
    cell, table = design.cells(summed.study)[0], summed.summary()
    found = list(slices.growing(summed, cell, {"variance", "efficiency"}))
    assert [count for count, _ in found] == [1024, 2048, 3072, 4096]
    for row in found[-1][1]:
        own = table[(table["cell"] == 0) & (table["estimator"] == row["estimator"])]
        own = own[own["measure"] == row["measure"]].iloc[0]
        assert (own["value"], own["mcse"], own["low"]) == (row["value"], row["mcse"], row["low"])  # to the bit


@pytest.mark.parametrize("which", ["kept", "summed"])
def test_histogram_and_tail_are_shares_of_the_estimates(which, request):
    run = request.getfixturevalue(which)
    first, *_ = distribution.pictures(source_of(run), None, PAPER)
    e = np.abs(estimates(request.getfixturevalue("kept"), 0)[1])  # both runs have the same first replications
    for estimator, edges, densities, c, shares in first.rows:
        assert (densities >= 0).all() and (densities * np.diff(edges)).sum() == pytest.approx(1.0, abs=0.02)
        if estimator == "l1":
            exact = np.array([(e > limit).mean() for limit in c])
            assert shares[:, 0] == pytest.approx(exact, abs=1e-12 if which == "kept" else 0.01)
            assert (shares[:, 1] <= shares[:, 0]).all() and (shares[:, 0] <= shares[:, 2]).all()
            p, n, z = exact[0], KEPT, 1.959963984540054
            wilson = (p + z * z / 2 / n - z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n)) / (1 + z * z / n)
            assert shares[0, 1] == pytest.approx(wilson, abs=1e-9 if which == "kept" else 0.01)


@pytest.mark.parametrize("style", sizes.STYLES)
def test_slopes_are_named_within_their_panels(style, kept):
    for figure in drawn(source_of(kept), "distribution", style=style).values():
        figure.draw_without_rendering()
        for axes in figure.axes[1::2]:
            boxes = [text.get_window_extent() for text in axes.texts]
            assert [text.get_text() for text in axes.texts] == [" −2 ", " −4 "] and not overlaps(boxes)
            assert all(axes.bbox.x0 < box.x0 and box.x1 < axes.bbox.x1 for box in boxes)
            assert all(axes.bbox.y0 < box.y0 and box.y1 < axes.bbox.y1 for box in boxes)


@pytest.mark.parametrize("style", sizes.STYLES)
def test_the_last_number_of_replications_is_whole(style, tmp_path):
    run = run_of(tmp_path, replications=10_000, keep='keep = "estimates"')
    figure = drawn(source_of(run), "convergence", ["bias"], style)["convergence_bias"]
    figure.draw_without_rendering()
    numbers = [text for axes in figure.axes for text in visible(axes.xaxis)]
    boxes = [text.get_window_extent() for text in numbers]
    assert numbers[-1].get_text() == "10,000" and boxes[-1].x1 <= figure.bbox.x1
    assert not overlaps(boxes)


def test_numbers_of_zips_beside_each_other_do_not_touch():
    ends = pd.DataFrame({"low": [-0.14, -0.1], "high": [0.1, 0.14], "z": [0.1, 0.2], "covers": [True, True]})
    panels = [("n = 9", f"estimator {k}", ends, 0.0, None) for k in range(zips.MOST)]
    with canvas.style():
        figure = zips.figure(zips.Zip("zip", "made", "bias", panels, zips.MOST, []), PAPER)
        figure.draw_without_rendering()
        numbers = [[text.get_window_extent() for text in visible(axes.xaxis)] for axes in figure.axes]
    assert min(map(len, numbers)) >= 2 and not overlaps(sum(numbers, []))


@pytest.mark.parametrize(
    ("varying", "kinds"),
    [
        ({}, {"lolly"}),  # curves would show the same
        ({"n": (10, 20)}, {"curves", "lolly"}),
        ({"errors": HEAVY[:2]}, {"curves", "lolly"}),
        ({"n": (5, 10, 20, 40, 80)}, {"curves"}),
        ({"errors": HEAVY, "n": (10, 20)}, {"curves", "heatmap"}),
        ({"errors": HEAVY, "n": (10, 20), "estimators": ("l2",)}, {"curves"}),
        ({"errors": HEAVY[:3], "contamination": SHIFTS[:2]}, {"curves", "heatmap"}),
        ({"errors": HEAVY, "contamination": SHIFTS, "n": (10, 20)}, {"curves", "heatmap", "nested"}),
    ],
)
def test_the_kinds_that_suit_are_chosen(varying, kinds):
    assert {kind.name for kind in gallery.chosen(Source(made(**varying), "made"))} == kinds


def test_a_kind_that_cannot_be_drawn_says_why(summed):
    with pytest.raises(UsageError, match="no nested figure of this run: nested loops need two factors"):
        of_table(made(n=(10, 20)), "nested")
    with pytest.raises(UsageError, match="not from a table"):
        of_table(made(), "zip")
    with pytest.raises(UsageError, match='too few parts .4 of a cell.; a study with\\s+keep = "estimates"'):
        drawn(source_of(summed), "zip")
    with pytest.raises(UsageError, match="did you mean 'heatmap'"):
        of_table(made(), "heatmaps")
    with pytest.raises(UsageError, match="style: unknown style"):
        of_table(made(), "lolly", style="poster")
    with pytest.raises(UsageError, match="measure: is unknown here"):
        of_table(made(), "lolly", measures=["varance"])
    assert of_table(made(), "lolly", measures="bias").keys() == of_table(made(), "lolly", measures=["bias"]).keys()


def test_figures_that_cannot_be_written_say_so(summed, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file: cannot be written .*; choose another --out"):
        sc.plot(summed, tmp_path / "file", "lolly", "bias")
    done = CliRunner().invoke(main, ["plot", str(summed.path), "--out", str(tmp_path / "file"), "--kind", "lolly"])
    assert done.exit_code == 2 and "cannot be written" in done.stderr


def test_the_command_draws_what_is_asked_for(summed, tmp_path):
    call = ["plot", str(summed.path), "--out", str(tmp_path / "figures")]
    wanted = ["--kind", "lolly", "--kind", "nested", "--measure", "bias"]
    refused = CliRunner().invoke(main, [*call, *wanted])
    assert refused.exit_code == 2 and not (tmp_path / "figures").exists()
    done = CliRunner().invoke(main, [*call, "--kind", "lolly", "--measure", "bias", "--style", "slides"])
    assert done.exit_code == 0, done.output
    assert done.stdout.split() == [str(tmp_path / "figures" / f"lolly_bias.{kind}") for kind in ("svg", "png", "pdf")]
    assert re.fullmatch(r"plot \S+: 1 of 1 figures, \d+ s\n", done.stderr)


CROWDED = made(errors=HEAVY, n=(10, 20, 40), contamination=SHIFTS[:3])


@pytest.mark.parametrize("style", sizes.STYLES)
@pytest.mark.parametrize("kind", KINDS[1:])
def test_nothing_leaves_its_page(kind, style, kept):
    source = source_of(kept) if kind in KINDS[4:] else Source(CROWDED, "A title that is of the usual length")
    figures = drawn(source, kind, ["variance"], style)
    for name, figure in figures.items():
        figure.draw_without_rendering()
        axes = [*figure.axes, *(strip for own in figure.axes for strip in own.child_axes)]
        found = [*figure.texts, *(own.title for own in axes), *(own.yaxis.label for own in axes)]
        found += [text for legend in figure.legends for text in legend.get_texts()]
        found += [text for own in axes for text in (*visible(own.xaxis), *visible(own.yaxis))]
        for text in found:
            box = text.get_window_extent()
            if text.get_text() and text.get_visible():
                assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1, (name, text)
                assert box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1, (name, text)
        if style == "slides":
            width, height = figure.get_size_inches()
            assert width / height == pytest.approx(16 / 9) and SLIDES.width <= width < 1.5 * SLIDES.width
        else:
            assert figure.get_figwidth() == PAPER.width
        for one, other in itertools.combinations(figure.axes, 2):
            assert not one.bbox.padded(-1).overlaps(other.bbox.padded(-1)), name


CHILD = """
import sys, pathlib
import simcore as sc
from tests.test_figures import written
written(sc.open(sys.argv[1]), pathlib.Path(sys.argv[2]))
assert "matplotlib.pyplot" not in sys.modules
"""


def written(run, folder):
    """One figure of each kind but the curves, or a few, in files."""
    few = {"measures": ["variance"], "style": "slides"}
    table = Source(made(n=(10, 20), errors=HEAVY[-2:]), "made")
    found = gallery.draw(table, folder, ("heatmap", "nested"), **few)
    return found | gallery.draw(source_of(run), folder, ("lolly", *KINDS[4:]), **few)


def test_files_of_all_kinds_are_the_same_bytes_in_two_processes(kept, tmp_path):
    here = Path(__file__).resolve().parent.parent
    names = written(kept, tmp_path / "one")
    assert {name.partition("_")[0] for name in names} == {*KINDS[1:]}
    settings = {**os.environ, "PYTHONPATH": str(here), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "MPLBACKEND": "svg"}
    command = [sys.executable, "-c", CHILD, str(kept.path), str(tmp_path / "other")]
    subprocess.run(command, check=True, env=settings, cwd=here)
    first, second = (sorted((tmp_path / folder).iterdir()) for folder in ("one", "other"))
    assert [path.name for path in first] == [path.name for path in second] and len(first) == 3 * len(names)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_a_figure_can_be_gone_on_with(summed, tmp_path):
    figure = sc.plot(summed, tmp_path / "figures", kinds=["lolly"], measures=["bias"])["lolly_bias"]
    figure.axes[0].set_title("mine")
    figure.axes[0].axvline(0.1)
    figure.savefig(tmp_path / "mine.png")
    assert (tmp_path / "mine.png").stat().st_size > 1000


def test_slides_have_few_panels():
    figures = of_table(made(errors=HEAVY, n=(10, 20, 40, 80)), "curves", measures=["bias"], style="slides")
    assert [name for name in figures if name.startswith("tails_bias")] == ["tails_bias_1", "tails_bias_2"]
    assert max(len(figure.axes) for figure in figures.values()) <= 3
    assert sum(len(figures[f"tails_bias_{k}"].axes) for k in (1, 2)) == 4


def test_cells_stand_in_the_order_of_their_levels():
    table = CROWDED.assign(fraction=0.0, family="none", design="")
    names = [tuple(cell.values()) for cell in factors.cells_of(table)]
    assert names == list(itertools.product(HEAVY, SHIFTS[:3], (10, 20, 40)))


@pytest.mark.parametrize("kind", [lolly, heatmap, nested, zips, convergence, distribution])
def test_exact_problems_have_curves_alone(kind):
    table = made().assign(problem="sensitivity")
    assert "nothing is random" in kind.lacking(Source(table, "made"))
