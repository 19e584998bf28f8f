"""The summary and the table of coefficients say what the fitted attributes say, in the user's words."""

import numpy as np
import pandas as pd
import pytest

from classicmoe import MoERegressor, criteria
from classicmoe.gates import SoftmaxGate
from tests.cases import CASES, two_regimes

pytestmark = pytest.mark.filterwarnings("ignore::classicmoe.exceptions.NotReplicatedWarning")


def frame(n=150):
    X, y = two_regimes(n)
    data = pd.DataFrame({"age": X[:, 0], "income": X[:, 1], "region": np.resize(["north", "south", "west"], n)})
    return data, pd.Series(y, name="visits")


@pytest.fixture(scope="module")
def model():
    data, y = frame()
    settings = {"gate_features": ["age"], "n_init": 4, "random_state": 0}
    return MoERegressor(2, **settings).fit(data, y, np.resize([1, 2], len(y)))


def row(text, label, nth=0):
    """Numbers of the nth line that begins with a label."""
    lines = [line for line in text.splitlines() if line.startswith(label + " ")]
    return [float(word) for word in lines[nth].removeprefix(label).split()]


def test_every_number_is_the_attribute(model):
    text = str(model.summary())
    close = {"rtol": 1e-3}
    assert "softmax gate, gaussian experts" in text and "n = 225" in text and "K = 2" in text
    assert "response: visits" in text and str(model.verdict_) in text and model.status_.sentence in text
    assert f"after {model.n_iter_} passes" in text
    for label, value in (
        ("log-likelihood", model.log_likelihood_),
        ("AIC", criteria.aic(model.log_likelihood_, model.n_parameters_)),
        ("BIC", criteria.bic(model.log_likelihood_, model.n_parameters_, 225)),
        ("ICL", criteria.icl(model.log_likelihood_, model.n_parameters_, 225, model.entropy_)),
        ("entropy", criteria.normalised_entropy(model.entropy_, 225, 2)),
    ):
        assert np.isclose(float(text.split(f"{label} ")[1].split()[0]), value, rtol=1e-3), label
    assert f"parameters {model.n_parameters_} " in text
    assert np.allclose(row(text, "share"), model.expert_mass_ / 225, atol=5e-4)
    assert np.allclose(row(text, "rows"), model.expert_mass_, **close)
    assert np.allclose(row(text, "(intercept)", 0), model.gate_intercept_, **close)
    assert np.allclose(row(text, "age", 0), model.gate_coef_[:, 0], **close)
    assert np.allclose(row(text, "(intercept)", 1), model.expert_intercept_, **close)
    for j, term in enumerate(["age", "income", "region[south]", "region[west]"]):
        assert np.allclose(row(text, term, int(term == "age")), model.expert_coef_[:, j], **close), term
    assert np.allclose(row(text, "(scale)"), model.expert_scale_, **close)


def test_the_table_holds_every_coefficient_once(model):
    table = model.coefficients()
    assert list(table.columns) == ["part", "expert", "term", "estimate"]
    assert len(table) == 2 * 2 + 2 * 6
    value = table.set_index(["part", "expert", "term"]).estimate
    assert value.index.is_unique
    for k in range(2):
        assert value["gate", k, "(intercept)"] == model.gate_intercept_[k]
        assert value["gate", k, "age"] == model.gate_coef_[k, 0]
        assert value["expert", k, "(intercept)"] == model.expert_intercept_[k]
        assert value["expert", k, "region[west]"] == model.expert_coef_[k, 3]
        assert value["expert", k, "(scale)"] == model.expert_scale_[k]


def test_several_outputs_are_named():
    X, y = CASES["softmax / gaussian 2 full"].simulate(150, 0)
    m = MoERegressor(2, n_init=3, random_state=0).fit(X, pd.DataFrame(y, columns=["low", "high"]))
    table = m.coefficients().query("part == 'expert'").set_index(["expert", "output", "term"]).estimate
    assert len(table) == 2 * 2 * 4
    assert table[1, "high", "x1"] == m.expert_coef_[1, 1, 1]
    assert table[0, "low", "(scale)"] == m.expert_scale_[0, 0]
    text = str(m.summary())
    assert "response: low, high" in text and "Experts (low)" in text and "Experts (high)" in text
    assert np.allclose(row(text, "(scale)", 1), m.expert_scale_[:, 1], rtol=1e-3)


def test_what_shaped_the_estimates_is_named():
    X, y = two_regimes(150)
    ridge = str(MoERegressor(2, SoftmaxGate(ridge=0.25), n_init=3, random_state=0).fit(X, y).summary())
    assert "gate ridge 0.25 on standardised slopes" in ridge and "unpenalised likelihood" in ridge
    assert "log-odds against" not in ridge and "rows sum to zero" in ridge  # under a ridge no expert is the reference
    assert "ridge" not in str(MoERegressor(2, SoftmaxGate(ridge=0.0), n_init=3, random_state=0).fit(X, y).summary())
    one = str(MoERegressor(1).fit(X, y).summary())
    assert "Gate" not in one and "entropy -" in one


def test_notebooks_show_what_print_shows_and_nothing_a_name_could_inject():
    data, y = frame()
    data = data.rename(columns={"age": "<script>alert(1)</script>"})
    summary = MoERegressor(2, n_init=3, random_state=0).fit(data, y).summary()
    assert "<script>" in str(summary)
    html = summary._repr_html_()
    assert html.startswith("<pre>") and "<script>" not in html and "&lt;script&gt;" in html
    assert repr(summary) == str(summary)
