"""Bad settings, batches and files, each with its message."""

import numpy as np
import pytest

from classicmoe import Batches, MoERegressor, load, load_dataset
from classicmoe.exceptions import ConfigurationError, DataError, MissingValuesError, ModelFileError
from classicmoe.experts import GaussianExpert
from classicmoe.gates import GaussianGate, SoftmaxGate
from tests.cases import two_regimes
from tests.messages import refused
from tests.models.quick import QUICK, changed, data, fit


@pytest.mark.parametrize(
    ("settings", "words"),
    (
        ({"n_experts": 0}, ["n_experts must be an integer >= 1, not 0"]),
        ({"n_experts": 2.0}, ["n_experts must be an integer", "2.0"]),
        ({"n_experts": True}, ["n_experts", "True"]),
        ({"n_init": 0}, ["n_init", ">= 1"]),
        ({"n_refine": 0}, ["n_refine", ">= 1"]),
        ({"max_iter": 1}, ["max_iter", ">= 2"]),
        ({"gate": GaussianGate("tied")}, ["The gate's covariance must be 'full' or 'diag' or 'spherical', not 'tied'"]),
        ({"gate": GaussianGate(scale="common")}, ["The gate's scale must be 'own' or 'shared', not 'common'"]),
        ({"tol": 0.0}, ["tol must be a positive number"]),
        ({"tol": float("nan")}, ["tol must be a positive number"]),
        ({"gate": "sofmax"}, ["gate='sofmax'", "Did you mean 'softmax'?", "'constant'"]),
        ({"expert": "poison"}, ["expert='poison' is not known", "Did you mean 'poisson'?", "'gaussian'"]),
        ({"gate": 3}, ["gate must be one of", "not 3"]),
        ({"expert": GaussianExpert}, ["expert must be one of"]),
        ({"gate": SoftmaxGate(ridge=-1.0)}, ["ridge", ">= 0", "-1.0"]),
        ({"gate": SoftmaxGate(solver="bfgs")}, ["solver", "'newton' or 'mm'", "'bfgs'"]),
        ({"expert": GaussianExpert(scale="equal")}, ["scale", "'own'", "'shared'", "'equal'"]),
        ({"expert": GaussianExpert(covariance="ful")}, ["covariance", "'full'", "'ful'"]),
        ({"acceleration": None}, ["acceleration", "'squarem' or 'anderson' or 'none'"]),
        ({"weight_type": "count"}, ["weight_type", "'frequency' or 'sampling'"]),
        ({"unseen": "ignore"}, ["unseen", "'error' or 'reference'"]),
        ({"init": "kmeans"}, ["init", "'auto'", "'k-means on x'"]),
        ({"random_state": "0"}, ["random_state"]),
        ({"random_state": -1}, ["random_state", "-1"]),
    ),
    ids=lambda value: "=".join(map(str, next(iter(value.items())))) if isinstance(value, dict) else "",
)
def test_settings(settings, words):
    X, y, _ = data()
    refused(f"{settings}", ConfigurationError, words, lambda: MoERegressor(**{**QUICK, **settings}).fit(X, y))


@pytest.mark.parametrize(
    "init", (np.ones((59, 2)), np.ones((60, 3)), -np.ones((60, 2)), np.full((60, 2), np.nan), np.zeros((60, 2)))
)
def test_responsibilities_to_start_from(init):
    X, y, _ = data()
    refused(f"init of shape {init.shape} with {init[0, 0]}", DataError, ["init must"], lambda: fit(X, y, init=init))


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.NotReplicatedWarning")
@pytest.mark.parametrize("gate", ("softmax", GaussianGate(), GaussianGate("spherical", "shared")), ids=str)
def test_warm_start_continues_a_like_fit_only(gate):
    X, y, _ = data()
    model = fit(X, y, warm_start=True, gate=gate)
    before, gate_before = model.objective_, model.predict_gate(X)
    model.fit(X, y)
    assert model.objective_ >= before - 1e-9 * abs(before)
    assert model.objective_path_[0] == pytest.approx(before, abs=1e-3)  # of the solution, not of a new start
    assert np.allclose(model.predict_gate(X), gate_before, atol=1e-2)
    assert [start["kind"] for start in model.starts_] == ["given"]
    words = ["warm_start", "n_experts"]
    refused("warm start with other K", ConfigurationError, words, lambda: model.set_params(n_experts=3).fit(X, y))
    model.set_params(n_experts=2)
    more = np.column_stack([X, X[:, 0] ** 2])
    refused("warm start with other columns", ConfigurationError, words, lambda: model.fit(more, y))
    two = np.column_stack([y, -y + X[:, 0]])
    refused("warm start with other outputs", ConfigurationError, ["warm_start"], lambda: model.fit(X, two))
    for one, other in (("constant", "softmax"), ("softmax", "gaussian"), ("gaussian", "softmax")):
        model = fit(X, y, warm_start=True, gate=one)
        refused(
            f"warm start with a {other} gate after a {one} one",
            ConfigurationError,
            ["warm_start"],
            lambda: model.set_params(gate=other).fit(X, y),  # noqa: B023
        )
    model = fit(X, y, warm_start=True, gate_features=[])
    refused(
        "warm start with another gate",
        ConfigurationError,
        ["warm_start"],
        lambda: model.set_params(gate="constant").fit(X, y),
    )


def test_batches():
    X, y, w = data()
    parts = [(X[:30], y[:30]), (X[30:], y[30:])]
    refused("batches with y", ConfigurationError, ["Batches carry y"], lambda: MoERegressor(2).fit(Batches(parts), y))
    refused("no batches", DataError, ["empty"], lambda: MoERegressor(2).fit(Batches([])))
    wrong = [(X[:30], y[:30]), (X[30:, :1], y[30:])]
    refused("a batch of another width", DataError, ["1 features"], lambda: MoERegressor(2, **QUICK).fit(Batches(wrong)))
    gap = [(X[:30], y[:30]), (X[30:], changed(y[30:], 2, np.nan))]
    refused(
        "NaN in a batch",
        MissingValuesError,
        ["Input y contains NaN"],
        lambda: MoERegressor(2, **QUICK).fit(Batches(gap)),
    )
    sampling = MoERegressor(2, weight_type="sampling")
    refused("sampling weights in batches", ConfigurationError, ["sampling"], lambda: sampling.fit(Batches([(X, y, w)])))


def test_files(tmp_path):
    path = tmp_path / "model.cmoe"
    refused("no model file", ModelFileError, ["No such file"], lambda: load(path))
    path.write_bytes(b"")
    refused("empty model file", ModelFileError, ["model.cmoe"], lambda: load(path))
    path.write_text("a,b\n1,2\n")
    refused("a CSV as model file", ModelFileError, ["model.cmoe"], lambda: load(path))
    fit(*two_regimes(60)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("truncated model file", ModelFileError, ["model.cmoe"], lambda: load(path))
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2] ^= 255
    path.write_bytes(bytes(spoilt))
    refused("damaged model file", ModelFileError, ["model.cmoe"], lambda: load(path))


def test_data_sets_are_suggested():
    with pytest.raises(ValueError, match="ethanol"):
        load_dataset("etanol")
