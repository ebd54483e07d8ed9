"""What could not be computed is kept in mind as long as it is missing, by what it is and not by a number it had."""

import json

import pytest

import simcore as sc
from simcore import design, failures, opening, runs

ENTRIES = {
    "name": "failing",
    "problem": "location",
    "seed": 3,
    "replications": 64,
    "factors": {"n": [8], "errors": [{"distribution": "cauchy"}]},
    "estimators": [{"loss": "l2"}],
}


def study_with(**changes):
    return sc.Study(**(ENTRIES | changes))


@pytest.fixture
def failed(tmp_path):
    """The folder of a run whose only block has failed."""
    folder = opening.create(tmp_path, study_with())
    failures.record(folder.path, *design.missing(folder.study, {}), "not\ntoday")
    return folder


def test_the_command_shows_the_same_data_after_a_cell_was_put_before_it(failed):
    before = sc.status(failed.path).failed
    opening.extend(failed.path, study_with(factors={"n": [5, 8], "errors": ENTRIES["factors"]["errors"]}))
    after = sc.status(failed.path).failed
    assert [failure.block.cell for failure in (*before, *after)] == [0, 1]
    for failure, cell in zip((*before, *after), (0, 1), strict=True):
        told = f"cell {cell}, replications 0..63: not today; simcore replay {failed.path} --cell {cell} --replication 0"
        assert str(failure) == told


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"why": '])
def test_a_file_that_cannot_be_read_is_still_a_failure(failed, text):
    (path,) = (failed.path / failures.FOLDER).iterdir()
    path.write_text(text)
    (failure,) = sc.status(failed.path).failed
    assert failure.why == f"{path} cannot be read"


def test_a_finished_run_has_no_failures_left(failed):
    """Whoever wrote down what, and however the blocks were cut then."""
    (path,) = (failed.path / failures.FOLDER).iterdir()
    path.with_name(path.name.replace("-64.", "-32.")).write_text(json.dumps({"why": "cut otherwise"}))
    tidy = runs.tidying.tidy
    with pytest.MonkeyPatch.context() as patch:  # another process, which has failed meanwhile
        patch.setattr(runs.tidying, "tidy", lambda folder: (path.write_text("{}"), tidy(folder)))
        sc.run(study_with(), failed.path.parent, threads=1)
    assert not [*(failed.path / failures.FOLDER).iterdir()] and sc.status(failed.path).finished
