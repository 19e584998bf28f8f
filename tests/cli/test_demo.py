import pandas as pd
import pytest

from classicmoe import load, load_dataset


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the demo once; return its folder and what it wrote."""
    import contextlib
    import io

    from classicmoe.cli.main import run

    folder = tmp_path_factory.mktemp("demo")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["demo", "-o", str(folder / "new" / "folder")])
    assert code == 0
    return folder / "new" / "folder", out.getvalue(), err.getvalue()


def test_the_choice_can_be_trusted(demo):
    folder, out, _ = demo
    assert "chosen   K=4 by BIC: OK" in out
    model = load(folder / "best.cmoe")
    assert model.n_experts_ == 4 and model.verdict_.trustworthy and model.verdict_.reached >= 2


def test_it_writes_predictions_and_a_report(demo):
    folder, _, err = demo
    table = pd.read_csv(folder / "predictions.csv")
    frame = load_dataset("ethanol", as_frame=True).frame
    columns = [*frame.columns, "mean", "lower_90", "upper_90", "gate_0", "gate_1", "gate_2", "gate_3"]
    assert list(table.columns) == columns and len(table) == 88
    assert (table["lower_90"] < table["mean"]).all() and (table["mean"] < table["upper_90"]).all()
    page = (folder / "report.html").read_text("utf-8")
    assert "Four experts describe NOx best." in page
    for file in ("best.cmoe", "report.html", "predictions.csv"):
        assert f"wrote {folder / file}" in err
    assert "Next:" in err and f"open {folder / 'report.html'} in a browser" in err
