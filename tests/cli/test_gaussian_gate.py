"""``--gate gaussian``: the same models as in Python, criteria of the joint likelihood, a report."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from classicmoe import GaussianGatedMoERegressor, load, load_dataset


@pytest.fixture(scope="module")
def ethanol():
    return Path(__file__).resolve().parents[2] / "datasets" / "ethanol.csv"


def test_select_fits_what_python_fits(cli, ethanol):
    result = cli(
        "select", ethanol, "-y", "NOx", "--gate", "gaussian", "--structure", "full", "-k", "1:2", "--starts", "4",
        "--report", "r.html", "--json",
    )  # fmt: skip
    assert result.code == 0
    X, y = load_dataset("ethanol", return_X_y=True, as_frame=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        m = GaussianGatedMoERegressor(2, "full", n_init=4, random_state=0).fit(X, y)
    assert result.json["best"]["n_experts"] == 2
    assert result.json["models"][1]["bic"] == pytest.approx(m.bic(X, y), rel=1e-9)
    assert result.json["best"]["log_likelihood"] == pytest.approx(m.log_likelihood_, rel=1e-9)
    saved = load("best.cmoe")
    assert np.allclose(saved.predict(X), m.predict(X), rtol=1e-9)
    page = Path("r.html").read_text(encoding="utf-8")
    assert "gaussian gate" in page and "full noise of the columns" in page
    shown = cli("show", "best.cmoe")
    assert "joint log-likelihood" in shown.out and "mean of E" in shown.out


def test_latent_factors_and_their_limits(cli, ethanol):
    fitted = cli("fit", ethanol, "-y", "NOx", "--gate", "gaussian", "--latent", "1", "-k", "2", "--starts", "2")
    assert fitted.code == 0 and load("model.cmoe").latent_loadings_.shape == (2, 2, 1)
    refused = cli("fit", ethanol, "-y", "NOx", "--gate", "gaussian", "--latent", "1", "--structure", "full", "-k", "2")
    assert refused.code != 0 and "leaves nothing for latent factors" in refused.err


def test_a_gaussian_gate_has_no_columns_of_its_own(cli, ethanol):
    result = cli("fit", ethanol, "-y", "NOx", "--gate", "E", "--gate-type", "gaussian", "-k", "2")
    assert result.code == 2 and "sees the columns of the experts" in result.err
