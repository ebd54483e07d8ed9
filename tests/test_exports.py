"""What is handed to other programs: every number that is stored, under names that they take, in whole files or none."""

import io

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import simcore as sc
from simcore import exports, registry
from simcore.choices import parameters_of
from simcore.cli import main
from simcore.errors import UsageError
from tests.test_cli import TINY

KEPT = TINY.replace('name = "tiny"', 'name = "kept"\nkeep = "estimates"').replace("n = [5, 8]", "n = [5]")
FORBIDDEN = {"stat", "est", "mcse", "lower", "upper", ":methodvar", ":true"}  # as columns of data for rsimsum


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the runs tiny and kept."""
    folder = tmp_path_factory.mktemp("exports")
    for name, text in {"tiny": TINY, "kept": KEPT}.items():
        (folder / f"{name}.toml").write_text(text)
        sc.run(folder / f"{name}.toml", folder / "results", threads=2)
    return folder


def simcore(*arguments):
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def read(text):
    return pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])


def test_csv_is_the_summary_to_the_last_digit(place):
    run = sc.open(place / "results/tiny")
    got, want = read(simcore("export", run.path).stdout), run.summary()
    assert list(got) == list(want) and len(got) == len(want)
    for name in want:
        for one, other in zip(got[name], want[name], strict=True):
            assert pd.isna(one) and pd.isna(other) or one == other, (name, one, other)


def test_the_wide_table_goes_to_csv_and_parquet(place, tmp_path):
    run = sc.open(place / "results/tiny")
    assert sc.export(run, "wide", tmp_path / "wide.parquet") == tmp_path / "wide.parquet"
    stored, want = pq.read_table(tmp_path / "wide.parquet").to_pandas(), run.wide()
    assert list(stored) == list(want) and stored["mse"].equals(want["mse"].astype(float))
    assert list(read(simcore("export", run.path, "--for", "wide").stdout)) == list(want)


def test_rsimsum_gets_every_estimate_paired_by_data_set(place, tmp_path):
    run = sc.open(place / "results/kept")
    done = simcore("export", run.path, "--for", "rsimsum", "--out", tmp_path / "all.csv")
    assert done.exit_code == 0 and done.stdout.strip() == str(tmp_path / "all.csv")
    call = 'estvarname = "estimate", true = "true", methodvar = "method", ref = "l2", by = c("errors"))'
    assert f"rsimsum::simsum(data = d, {call}" in done.stderr
    table = pd.read_csv(tmp_path / "all.csv")
    assert len(table) == 2 * 2 * 2000 and not set(table) & FORBIDDEN
    summary = run.summary(plain=True).set_index(["errors", "estimator", "measure"])["plain_value"]
    for (errors, method), own in table.groupby(["errors", "method"]):
        assert list(own["dataset"]) == list(range(2000))
        if (errors, method) != ("cauchy", "l2"):
            assert (own["estimate"] - own["true"]).mean() == pytest.approx(summary[errors, method, "bias"], rel=1e-9)
            assert own["estimate"].std() == pytest.approx(summary[errors, method, "empirical_se"], rel=1e-9)
    one = sc.replay(run, cell=1, replication=17)
    row = table[(table["cell"] == 1) & (table["dataset"] == 17) & (table["method"] == "l1")]
    assert row["estimate"].item() == next(fit.estimate for fit in one.fits if fit.estimator == "l1")


def test_many_replications_go_in_parts_with_the_same_rows(place, monkeypatch):
    run = sc.open(place / "results/kept")
    whole = simcore("export", run.path, "--for", "rsimsum").stdout
    monkeypatch.setattr(exports, "_AT_ONCE", 300)
    parts = simcore("export", run.path, "--for", "rsimsum").stdout
    assert parts != whole and sorted(parts.splitlines()) == sorted(whole.splitlines())


def test_failed_fits_are_missing_and_say_why(place, monkeypatch):
    run = sc.open(place / "results/kept")
    cells = [(cell, found.copy(), states.copy()) for cell, found, states in run.estimates()]
    cells[0][1][1, 5], cells[0][2][1, 5] = np.nan, exports.codes.NAMES.index("not_converged")
    monkeypatch.setattr(type(run), "estimates", lambda self: iter(cells))
    table = read(simcore("export", run.path, "--for", "rsimsum").stdout)
    failed = table[table["estimate"].isna()]
    assert failed[["cell", "method", "dataset", "status"]].to_numpy().tolist() == [[0, "l1", 5, "not_converged"]]


def test_without_estimates_it_says_how_to_get_them_and_that_is_how(place):
    run = place / "results/tiny"
    done = simcore("export", run, "--for", "rsimsum")
    assert done.exit_code == 2 and 'keep = "estimates"' in done.stderr and "above [factors]" in done.stderr
    before = sc.open(run).summary()
    (place / "tiny.toml").write_text('keep = "estimates"\n' + TINY)
    again = sc.run(place / "tiny.toml", place / "results", threads=2).summary()
    (place / "tiny.toml").write_text(TINY)
    moments = before["measure"].isin(["bias", "variance", "mse"])  # quantiles are those of bins no more
    assert again.loc[moments, "value"].equals(before.loc[moments, "value"])
    assert simcore("export", run, "--for", "rsimsum").exit_code == 0


@pytest.mark.parametrize(
    ("target", "name", "told"),
    [
        ("csv", "x.parquet", "must end in .csv; the summary as Parquet is"),
        ("wide", "x.xlsx", "must end in .csv or .parquet"),
        ("simsum", "x.csv", "rsimsum"),
        ("csv", "no/such/folder/x.csv", "cannot be written (No such file or directory)"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_written(place, tmp_path, target, name, told):
    done = simcore("export", place / "results/kept", "--for", target, "--out", tmp_path / name)
    assert done.exit_code == 2 and told in done.stderr and not list(tmp_path.iterdir())


def test_the_command_knows_all_targets():
    (option,) = (option for option in main.commands["export"].params if option.name == "target")
    assert list(option.type.choices) == list(exports.TARGETS)


def test_a_file_is_replaced_only_by_a_whole_one(place, tmp_path, monkeypatch):
    run, out = sc.open(place / "results/kept"), tmp_path / "all.csv"
    out.write_text("before")

    def failing(self):
        yield next(iter([*type(run).before(self)]))
        raise UsageError("gone")

    monkeypatch.setattr(type(run), "before", type(run).estimates, raising=False)
    monkeypatch.setattr(type(run), "estimates", failing)
    with pytest.raises(UsageError, match="gone"):
        sc.export(run, "rsimsum", out)
    assert out.read_text() == "before" and [path.name for path in tmp_path.iterdir()] == ["all.csv"]


def test_a_terminal_is_not_flooded(place, monkeypatch):
    monkeypatch.setattr("simcore.cli.exporting._MOST_ON_A_TERMINAL", 5)
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    done = simcore("export", place / "results/kept", "--for", "rsimsum")
    assert done.exit_code == 2 and "8,000 rows are too many for a terminal" in done.stderr


def test_no_plugin_has_a_parameter_of_a_name_that_rsimsum_refuses():
    for kind in registry.KINDS:
        for plugin in registry.plugins(kind).values():
            assert not {parameter.name for parameter in parameters_of(kind, plugin)} & FORBIDDEN, plugin.name


@pytest.mark.parametrize(
    ("command", "given", "meant"),
    [
        ("show", "results/tny", "did you mean results/tiny?"),
        ("show", "tiny.toml", "did you mean results/tiny?"),
        ("status", "kept", "did you mean results/kept?"),
        ("run", "tinny.toml", "did you mean tiny.toml?"),
        ("run", "tiny", "did you mean tiny.toml?"),
        ("plan", "scenarios/tny.toml", "did you mean tiny.toml?"),
    ],
)
def test_a_path_that_is_none_comes_with_the_nearest(place, monkeypatch, command, given, meant):
    monkeypatch.chdir(place)
    done = simcore(command, given)
    assert done.exit_code == 2 and meant in done.stderr, done.stderr


@pytest.mark.parametrize("path", [b"tny.toml", 12345, "\ud800.toml", "a\0b", ""])
def test_what_is_no_path_is_refused_as_ever(place, monkeypatch, path):
    monkeypatch.chdir(place)
    with pytest.raises(sc.ScenarioError, match="give the path of a scenario file"):
        sc.load(path)


def test_a_path_that_is_like_nothing_comes_with_no_guess(place, monkeypatch):
    monkeypatch.chdir(place)
    for command in ("show", "run"):
        done = simcore(command, "zzzzzz")
        assert done.exit_code == 2 and "did you mean" not in done.stderr and "give " in done.stderr
