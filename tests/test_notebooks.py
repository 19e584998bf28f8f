"""Notebooks run at reduced size and end with assertions; the committed ones carry their outputs."""

import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ABSOLUTE = re.compile(r"(?<![\w<./:])/[\w.@-]+/[\w./@-]+|~/|\b[A-Za-z]:\\|file://")
LARGEST = 400_000  # bytes of a notebook with its outputs


def written(output):
    """The text of an output, pictures left out."""
    values = [output[key] for key in ("text", "evalue") if key in output]
    values += [value for kind, value in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join("".join(value) for value in values + list(output.get("traceback", [])))


def test_all_notebooks_are_found():
    assert {path.stem for path in NOTEBOOKS} == {
        "blocks_of_variables",
        "doctor_visits_frail_and_healthy",
        "ethanol_gaussian_gates",
        "glome_slope_heuristic",
        "rates_of_convergence",
        "sparse_experts_many_columns",
        "two_regimes_in_one_scatter",
        "when_outliers_lie",
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)
    assert "assert " in cells[-1].source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_outputs_name_no_place_on_a_machine(path):
    notebook = nbformat.read(path, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [found for output in outputs for found in ABSOLUTE.findall(written(output))] == []
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert ABSOLUTE.search(str(notebook.metadata)) is None
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("text", ["/usr/lib/x.py:3: UserWarning", 'File "/a/b.py"', r"C:\x\y", "file://x", "~/data"])
def test_a_place_on_a_machine_is_recognised(text):
    assert ABSOLUTE.search(written(nbformat.v4.new_output("stream", name="stdout", text=text)))


@pytest.mark.parametrize("text", ["<td>1</td>", "image/png", "a / b", "https://example.org/a/b", "C / (2n)"])
def test_other_slashes_are_no_place_on_a_machine(text):
    assert ABSOLUTE.search(text) is None


@pytest.mark.notebooks
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path, monkeypatch):
    monkeypatch.setenv("CLASSICMOE_QUICK", "1")
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
