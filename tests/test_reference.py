"""The run in results/reference, behind the figure of the README: this code still gives its bits, and links resolve."""

import re
from pathlib import Path

import pandas as pd
import pytest

import simcore as sc
from simcore import design, execute, summaries, sums

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"


def test_the_reference_run_is_reproduced_bit_for_bit():
    study = sc.load(REFERENCE / "scenario.toml")
    stored = pd.read_parquet(REFERENCE / "summary.parquet")
    for cell in (cell for cell in design.cells(study) if cell.n == 10):
        (block,) = (block for block in design.missing(study, {}) if block.cell == cell.number)
        total = sums.total(execute.run_block(study, cell, block).nodes, design.chunk_size(cell.n))
        got = summaries.summarise(study, [(cell, total, None)])
        own = stored[stored["cell"] == cell.number].reset_index(drop=True)
        for column in ("estimator", "measure", "value", "mcse", "status", "low", "high", "gain", "n_ok", "n_failed"):
            assert got[column].astype(own[column].dtype).equals(own[column]), (cell, column)


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("*/README.md")), ids=str)
def test_links_resolve_and_nothing_is_left_to_fill_in(path):
    text = path.read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (path.parent / target).exists(), target
    assert not re.search(r"TODO|FIXME|[A-Z]{4,}_TABLE", text)


def test_the_readme_holds_the_two_commands_on_a_line_each():
    text = (ROOT / "README.md").read_text()
    for name in ("run", "test"):
        block = re.search(rf"<!-- {name} command -->\n+(.*?)\n+<!-- end -->", text, re.S).group(1)
        assert block.startswith("    python3 -m venv") and "\n" not in block.strip()


def test_the_reference_run_can_be_opened_whatever_version_wrote_it():
    stored = pd.read_parquet(REFERENCE / "summary.parquet")
    again = sc.open(REFERENCE).summary()
    assert list(again["value"].fillna(0.0)) == list(stored["value"].fillna(0.0))
