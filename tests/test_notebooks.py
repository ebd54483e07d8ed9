"""The notebooks: their cells run, their stored outputs are whole, and say nothing of the machine that made them."""

import json
import re
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells(path):
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cells_run_in_order_in_an_empty_folder(path, tmp_path, monkeypatch):
    """With few replications, and without the magic words of notebooks."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": path.stem}
    with matplotlib.rc_context({"backend": "agg"}):
        for cell in cells(path):
            text = re.sub(r"^%.*", "", "".join(cell["source"]), flags=re.M)
            exec(compile(re.sub(r"replications=[\d_]+", "replications=500", text), path.name, "exec"), names)
    assert list((tmp_path / "results").glob("*/summary.parquet"))
    if "plt" in names:
        names["plt"].close("all")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stored_and_hold_no_path_and_no_time(path):
    own, pictures = cells(path), 0
    assert [cell["execution_count"] for cell in own] == list(range(1, len(own) + 1))
    for cell in own:
        assert not cell["metadata"]
        for output in cell["outputs"]:
            assert output["output_type"] != "error" and output.get("name") != "stderr"
            pictures += "image/png" in output.get("data", {})
    assert pictures >= 1
    text = path.read_text()
    for told in (str(ROOT), "/tmp/", "/home/", "/root", "C:\\\\", "0x7f"):
        assert told not in text, told
    assert len(text) < 500_000


def test_there_are_three_and_the_readme_names_them():
    text = (ROOT / "notebooks" / "README.md").read_text()
    assert len(NOTEBOOKS) == 3 and all(path.name in text for path in NOTEBOOKS)
