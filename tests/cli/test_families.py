"""Families of experts on the command line: by name, as in Python, and what is wrong is said."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from classicmoe import MoERegressor
from classicmoe.cli import options
from classicmoe.experts import EXPERTS
from classicmoe.gates import GATES


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    upper = rng.random(300) < 1.0 / (1.0 + np.exp(-2.0 * x))
    frame = pd.DataFrame({"age": x, "visits": rng.poisson(np.where(upper, np.exp(2.0 + 0.3 * x), 1.2))})
    path = tmp_path_factory.mktemp("counts") / "visits.csv"
    frame.to_csv(path, index=False)
    return path, frame


def test_every_family_and_gate_can_be_named():
    assert {*options.FAMILIES, *options.CLASS_FAMILIES} == set(EXPERTS)
    assert set(options.CLASS_FAMILIES) == {name for name, make in EXPERTS.items() if getattr(make(), "classifies", 0)}
    assert set(options.GATES) == set(GATES)


def test_it_fits_what_python_fits(cli, counts):
    path, frame = counts
    result = cli(
        "select", path, "-y", "visits", "--family", "poisson", "-k", "2", "--starts", "5", "--report", "r.html",
        "--json",
    )  # fmt: skip
    assert result.code == 0
    model = MoERegressor(2, expert="poisson", n_init=5, random_state=0).fit(frame[["age"]], frame["visits"])
    assert result.json["best"]["log_likelihood"] == pytest.approx(model.log_likelihood_, rel=1e-9)
    assert "poisson" in Path("r.html").read_text()


def test_responses_that_the_family_does_not_have(cli, counts):
    path, _ = counts
    result = cli("fit", path, "-y", "visits", "--family", "gamma", "-k", "2", "-o", "m.cmoe")
    assert result.code == 3
    assert "'visits' is not positive in" in result.err and "gamma experts cannot have" in result.err
    assert "--family hurdle_gamma" in result.err
    result = cli("fit", path, "-y", "visits", "--family", "poison", "-k", "2", "-o", "m.cmoe")
    assert result.code == 2 and "Did you mean 'poisson'?" in result.err
