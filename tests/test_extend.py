"""A run belongs to one study: what is another is refused and told field by field, what only looks different is not, and
an extension changes no number that was there."""

import json
import shutil

import pyarrow.parquet as pq
import pytest

import simcore as sc
from simcore import design, execute, forecast, results, rounds, runs
from simcore.errors import DamagedError, IncompleteError, UsageError
from tests.kills import snapshot, unlike
from tests.running import cut_small, typed
from tests.test_cli import simcore
from tests.test_damage import changed, first_block

ENTRIES = {
    "name": "own",
    "problem": "location",
    "seed": 3,
    "replications": 2500,
    "factors": {"n": [5], "errors": [{"distribution": "normal"}, {"distribution": "student_t", "df": 3}]},
    "estimators": [{"loss": "l2"}, {"loss": "huber", "label": "mine"}],
}
WIDER = {"n": [5, 8], "errors": [{"distribution": "cauchy"}, *ENTRIES["factors"]["errors"]]}
LONGER = [{"loss": "l1"}, *ENTRIES["estimators"], {"loss": "tukey"}]
LESS = {"n": [5], "errors": ENTRIES["factors"]["errors"][:1]}


def study_with(**changes):
    return sc.Study(**(ENTRIES | changes))


def rows(table, other):
    """Of the cells and estimators that both have: (errors, n, estimator, measure) -> value and MCSE; efficiencies are
    relative to the first estimator, so of the same one."""
    keys = ["errors", "n", "estimator", "measure"]
    found = [one.set_index(keys)[["value", "mcse", "status"]] for one in (table, other)]
    both = found[0].index.intersection(found[1].index)
    return [one.loc[both].astype(str).to_dict("index") for one in found]


@pytest.fixture
def out(tmp_path):
    sc.run(study_with(), tmp_path, threads=1)
    return tmp_path


@pytest.mark.parametrize(
    "changes",
    [
        {"factors": WIDER},
        {"estimators": LONGER, "reference": "l2"},
        {"factors": WIDER, "estimators": LONGER, "reference": "l2", "replications": 4000},
        {"replications": 4000},
        {"keep": "estimates", "factors": WIDER},
    ],
    ids=["cells", "estimators", "all", "replications", "kept"],
)
@pytest.mark.parametrize("kept", [None, "estimates"])
def test_an_extension_is_the_run_that_had_it_all_from_the_start(tmp_path, changes, kept):
    before = sc.run(study_with(keep=kept), tmp_path / "own", threads=1).summary()
    changes = {"keep": kept} | changes
    with pytest.MonkeyPatch.context() as patch:
        computed = []
        run_block = execute.run_block
        patch.setattr(execute, "run_block", lambda *a: computed.append(a[2]) or run_block(*a))
        extended = sc.extend(study_with(**changes), tmp_path / "own", threads=1)
    fresh = sc.run(study_with(**changes), tmp_path / "fresh", threads=1)
    assert extended.summary().equals(fresh.summary())
    assert not unlike(snapshot(fresh.path), snapshot(extended.path))
    if changes.get("replications", 2500) == 2500:
        if changes["keep"] == kept:  # from kept estimates order statistics are exact
            ours, theirs = rows(before, extended.summary())
            assert ours == theirs and len(ours) > 50
        if "estimators" not in changes and changes["keep"] == kept is None:
            assert len(computed) == 4  # the new cells alone
    assert not [*(extended.path / "temporary").iterdir()]


def test_an_extension_that_gives_other_numbers_is_an_alarm(out):
    """Old files are compared with the new ones before they go."""
    shelf, (place, name), table = first_block(out / "own", "blocks")
    (shelf.folder / name).unlink()
    shelf.put([place], changed(table, "e1_high"))
    with pytest.raises(DamagedError, match="different results of cell"):
        sc.extend(study_with(estimators=LONGER), out, threads=1)


@pytest.mark.parametrize(
    "changes, lines, adds",
    [
        ({"seed": 4}, ["seed: there 3, here 4"], False),
        ({"factors": WIDER}, ["n: here also 8", "errors: here also cauchy"], True),
        ({"factors": LESS}, ["errors: there also student_t(df=3)"], False),
        ({"estimators": LONGER}, ["estimators: here also l1, tukey(c=4.685)"], True),
        ({"estimators": LONGER[:2]}, ["estimators: there also mine; here also l1"], False),
        ({"variance_reduction": "none"}, ["variance_reduction: there score, here none"], False),
        ({"estimand": "mean"}, ["estimand: there own, here mean"], False),
    ],
    ids=str,
)
def test_another_study_is_refused_field_by_field(out, changes, lines, adds):
    before = snapshot(out)
    with pytest.raises(DamagedError) as told:
        sc.run(study_with(**changes), out)
    assert [line.strip() for line in str(told.value).splitlines()[1:-1]] == lines
    assert ("simcore extend" in str(told.value)) == adds
    if not adds:
        with pytest.raises(DamagedError):
            sc.extend(study_with(**changes), out)
    assert snapshot(out) == before


def test_other_code_is_refused_but_can_be_read(out, monkeypatch):
    table = sc.open(out / "own").summary()
    monkeypatch.setattr("simcore.jit.source_digest", lambda: "0" * 64)
    with pytest.raises(DamagedError, match="code: there .*, here 0000"):
        sc.run(study_with(), out)
    assert sc.open(out / "own").summary().equals(table)


def test_what_only_looks_different_is_the_same(out):
    """Comments, titles, labels and the order of lists."""
    turned = {
        "title": "Another title",
        "estimators": [{"loss": "huber", "label": "yours"}, {"loss": "l2"}],
        "factors": {"n": [5], "errors": ENTRIES["factors"]["errors"][::-1]},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "run_block", None)  # nothing is computed
        run = sc.run(study_with(**turned), out, threads=1)
    before = snapshot(out / "own" / "blocks")
    assert snapshot(sc.run(study_with(**turned), out / "fresh", threads=1).path / "blocks") == before
    assert list(dict.fromkeys(run.summary()["estimator"])) == ["yours", "l2"]
    text = "# a comment\n" + study_with(**turned).text
    (out / "own.toml").write_text(text)
    sc.run(out / "own.toml", out, threads=1)
    assert (out / "own" / "scenario.toml").read_text() == text and snapshot(out / "own" / "blocks") == before
    assert json.loads((out / "own" / "run.json").read_text())["text"] == text


def test_kept_estimates_follow_labels_and_their_order(out):
    study = study_with(keep="estimates")
    run = sc.run(study, out, threads=1)
    turned = study_with(keep="estimates", estimators=[{"loss": "huber", "label": "yours"}, {"loss": "l2"}])
    run = sc.run(turned, out, threads=1)
    table = pq.read_table(run.path / "estimates", partitioning=None)
    assert set(table["estimator"].to_pylist()) == {"yours", "l2"} and len(table) == 2 * 2 * 2500
    fresh = sc.run(turned, out / "fresh", threads=1)
    assert snapshot(run.path / "estimates") == snapshot(fresh.path / "estimates")


def test_the_command_line(out):
    (out / "wider.toml").write_text(study_with(factors=WIDER).text)
    done = typed("run", "wider.toml", "--out", out, cwd=out)
    assert done.returncode == 4 and "add what is new with simcore extend wider.toml --out" in done.stderr
    done = typed("extend", "wider.toml", "--out", out, cwd=out)
    assert done.returncode == 0 and "cauchy" in done.stdout
    done = typed("extend", out / "own", "--replications", 3000, cwd=out)
    assert done.returncode == 0
    assert set(sc.open(out / "own").summary()["n_ok"]) == {3000}
    done = typed("extend", "wider.toml", "--out", out / "elsewhere", cwd=out)
    assert done.returncode == 2 and "no run to extend" in done.stderr and not (out / "elsewhere").exists()
    done = typed("verify", out / "own", cwd=out)
    assert done.returncode == 0 and "computed anew" in done.stdout
    victim = min((out / "own" / "blocks").iterdir())
    victim.write_bytes(victim.read_bytes()[:-1])
    done = simcore("verify", out / "own", "--json", cwd=out)  # which has not seen the file before
    found, lost = json.loads(done.stdout)["findings"]
    assert done.returncode == 4 and found["file"] == f"blocks/{victim.name}" and lost["file"] == "blocks"
    assert lost["blocks"] == [{"cell": cell, "first": 0, "count": 3000} for cell in range(6)]
    done = typed("repair", out / "own", cwd=out)
    assert done.returncode == 0 and victim.name in done.stdout
    assert typed("verify", out / "own", cwd=out).returncode == 0
    (out / "own" / "summary.parquet").unlink()
    assert typed("verify", out / "own", cwd=out).returncode == 3


def test_an_extension_that_is_killed_at_once_is_unfinished_not_damaged(out):
    """After its record was written, and before anything else."""
    for changes in ({"replications": 4000}, {"factors": WIDER, "replications": 4000}):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(ZeroDivisionError):
            patch.setattr(runs.rounds, "missing", lambda *_: 1 / 0)
            sc.extend(study_with(**changes), out)
        with pytest.raises(IncompleteError, match="missing: [0-9]+ block"):
            sc.open(out / "own").summary()
        report = sc.verify(out / "own")
        assert report.findings == () and report.missing and not report.finished


def test_no_run_shrinks_a_study_whose_extension_was_killed(out):
    """One block of the longer study is there, and all of the shorter one."""
    longer = study_with(estimators=LONGER)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(runs.rounds, "missing", lambda *_: 1 / 0)
        sc.extend(longer, out)
    folder = sc.open(out / "own").folder
    cell = design.cells(longer)[0]
    folder.commit(execute.run_block(longer, cell, design.Block(0, cell.key, 0, 1024)))
    with pytest.raises(UsageError, match="2500"):
        sc.run(study_with(estimators=LONGER, replications=1024), out)


def test_estimates_that_a_study_no_longer_keeps_stay(tmp_path):
    sc.run(study_with(keep="estimates"), tmp_path, threads=1)
    before = snapshot(tmp_path / "own" / "estimates")
    sc.run(study_with(estimators=[{"loss": "l2", "label": "mean"}, {"loss": "huber"}]), tmp_path, threads=1)
    assert snapshot(tmp_path / "own" / "estimates") == before


def test_keeping_estimates_of_a_precision_later_on_comes_to_an_end(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        cut_small(patch, 4)
        sc.run(study_with(factors=LESS, replications=4096), tmp_path, threads=1)
        precision = {"measure": "mse", "relative_mcse": 0.2, "max_replications": 100_000}
        kept = study_with(factors=LESS, replications=1024, keep="estimates", precision=precision)
        run = sc.run(kept, tmp_path, threads=1)
    assert rounds.missing(run.folder) == [] and sc.verify(run.path).findings == ()


def test_a_plan_knows_what_an_interrupted_extension_has_done(tmp_path, monkeypatch):
    """Other estimators, in blocks that are cut where those of before end."""
    cut_small(monkeypatch, 2)
    sc.run(study_with(replications=3072), tmp_path, threads=1)
    longer = study_with(estimators=LONGER, replications=5000)
    assert forecast.forecast(longer, 1, tmp_path)["to_compute"] == 8  # cut at 3072
    stored = []

    def stop(_done, _all, block):
        stored.append(block)
        if len(stored) == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sc.extend(longer, tmp_path, threads=1, progress=stop)
    assert forecast.forecast(longer, 1, tmp_path)["to_compute"] == sc.status(tmp_path / "own").missing == 5
    another = study_with(estimators=LONGER, replications=5000, seed=4)
    assert forecast.forecast(another, 1, tmp_path)["to_compute"] == 6


@pytest.mark.parametrize("changed_at", [0, 1])
def test_numbers_of_before_are_compared_whatever_was_done_since(tmp_path, changed_at):
    """More replications, and then other estimators: sums are cut so that they can be compared."""
    with pytest.MonkeyPatch.context() as patch:
        cut_small(patch, 2)
        path = sc.run(study_with(factors=LESS, replications=3000), tmp_path, threads=1).path
        shelf = results.open_run(path).folder.shelves["blocks"]
        if changed_at == 1:
            sc.run(study_with(factors=LESS, replications=5000), tmp_path, threads=1)
        shelf, (place, name), table = first_block(path, "blocks")
        (shelf.folder / name).unlink()
        shelf.put([place], changed(table, "e1_high"))
        longer = study_with(factors=LESS, replications=7000, estimators=LONGER)
        with pytest.raises(DamagedError, match="different results of cell"):
            sc.extend(longer, tmp_path, threads=1)


def test_what_reaches_beyond_a_precision_stays(tmp_path):
    """It asks for less than there is of other estimators, or without kept estimates: nothing is lost for that."""
    precision = {"measure": "mse", "relative_mcse": 0.5, "max_replications": 100_000}
    few = {"factors": LESS, "replications": 1024, "precision": precision}
    sc.run(study_with(factors=LESS, replications=20_000), tmp_path, threads=1)
    before = snapshot(tmp_path / "own" / "blocks")
    for changes in ({"keep": "estimates"}, {"estimators": LONGER}):
        sc.extend(study_with(**few | changes), tmp_path, threads=1)
        assert snapshot(tmp_path / "own" / "blocks").items() >= before.items()
        assert sc.verify(tmp_path / "own").findings == ()


def test_a_copy_of_a_run_does_not_extend_the_run(out):
    shutil.copytree(out / "own", out / "backup")
    with pytest.raises(UsageError, match="copy of the run 'own'"):
        sc.extend(out / "backup", replications=4000)
