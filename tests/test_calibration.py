"""Calibration of class probabilities against probabilities that are true by construction."""

import numpy as np
import pytest

from classicmoe.exceptions import ConfigurationError, DataError
from classicmoe.metrics import calibration_table, expected_calibration_error
from tests.messages import refused

NAMES = np.array(["low", "middle", "top"])


def test_calibration_of_the_true_model_and_of_a_wrong_one(seed):
    rng = np.random.default_rng(seed)
    n = 20_000
    proba = rng.dirichlet((1.0, 2.0, 1.0), n)
    y = NAMES[(rng.random(n)[:, None] >= np.cumsum(proba, axis=1)[:, :-1]).sum(axis=1)]
    table = calibration_table(y, proba)
    assert set(table) == {"class", "low", "high", "predicted", "observed", "count"}
    spread = np.sqrt(table["predicted"] * (1.0 - table["predicted"]) / table["count"])
    assert (np.abs(table["observed"] - table["predicted"]) < 5.0 * spread).all()
    assert ((table["low"] <= table["predicted"]) & (table["predicted"] <= table["high"])).all()
    assert table["count"][table["class"] == "low"].sum() == n
    for kind in ("classwise", "top"):
        right = expected_calibration_error(y, proba, kind=kind)
        sharp = proba**2 / (proba**2).sum(axis=1, keepdims=True)
        assert right < 0.02 < expected_calibration_error(y, sharp, kind=kind)
    weight = rng.integers(0, 3, n)
    copies = expected_calibration_error(np.repeat(y, weight), np.repeat(proba, weight, axis=0))
    assert expected_calibration_error(y, proba, sample_weight=weight) == pytest.approx(copies, rel=1e-9)


def test_calibration_refuses_what_does_not_fit():
    for words, arguments in (
        (["classes="], (["a", "a"], [[0.5, 0.5], [0.5, 0.5]])),
        (["from 0 to 1"], (["a", "b"], [[0.5, 1.5], [0.5, 0.5]])),
    ):
        refused("calibration", DataError, words, lambda arguments=arguments: calibration_table(*arguments))
    refused("bins", ConfigurationError, ["n_bins"], lambda: calibration_table(["a", "b"], np.eye(2), 0))
    refused("kind", ConfigurationError, ["top"], lambda: expected_calibration_error([0, 1], np.eye(2), kind="all"))
    shown = {"classes": ["a", "b"]}
    refused("label", DataError, ["'c'", "row 1"], lambda: calibration_table(["a", "c"], np.eye(2), **shown))
