"""The golden values made in R agree with the shipped data and with the plain formula of the model."""

import json
from pathlib import Path

import numpy as np
import pytest

from classicmoe.datasets import SimulatedMoE, load_dataset

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "gaussian.json").read_text(encoding="utf-8"))
MIXTURES = [case for case in GOLDEN["mixtures_of_experts"] if not case["ml"]["separating"]]


def design(frame, terms):
    """Columns of the R terms, without intercept: names, I(name^2) and the treatment coding of categories."""

    def column(term):
        if term.startswith("I("):
            return frame[term[2:-3]].to_numpy() ** 2
        if term in frame:
            return frame[term].to_numpy(dtype=float)
        name = next(name for name in frame if term.startswith(name))
        return (frame[name] == term.removeprefix(name)).to_numpy(dtype=float)

    return np.column_stack([column(term) for term in terms]) if terms else np.empty((len(frame), 0))


def copies(case, n):
    """Weights of a case: 1, 2, 3, 1, 2, 3, ... or ones."""
    return np.resize([1.0, 2.0, 3.0], n) if case["weighted"] else np.ones(n)


class Case:
    """A mixture case on the shipped data: one design for gate and experts, parameters filled up with zeros."""

    def __init__(self, case, parameters):
        frame = load_dataset(case["data"], as_frame=True).frame
        terms = list(dict.fromkeys(case["expert_terms"] + case["gate_terms"]))
        self.X, self.y = design(frame, terms), frame[case["response"]].to_numpy(dtype=float)
        self.weights = copies(case, len(frame))
        self.arrays = {
            "gate_intercept": np.array(parameters["gate_intercept"], dtype=float),
            "gate_coef": self.spread(parameters["gate_coef"], case["gate_terms"], terms),
            "expert_intercept": np.array(parameters["expert_intercept"], dtype=float),
            "expert_coef": self.spread(parameters["expert_coef"], case["expert_terms"], terms),
            "scale": np.array(parameters["expert_scale"], dtype=float),
        }
        self.free = {
            "gate_intercept": [(0,)],
            "gate_coef": [(0, terms.index(term)) for term in case["gate_terms"]],
            "expert_intercept": [(0,), (1,)],
            "expert_coef": [(k, terms.index(term)) for k in (0, 1) for term in case["expert_terms"]],
            "scale": [(slice(None),)] if case["shared_scale"] else [(0,), (1,)],
        }

    @staticmethod
    def spread(values, own, terms):
        """Put the coefficients of a part's own terms into the columns of the common design."""
        full = np.zeros((len(values), len(terms)))
        full[:, [terms.index(term) for term in own]] = np.reshape(values, (len(values), len(own)))
        return full

    def model(self, arrays):
        """Truth object with these parameters."""
        covariances = arrays["scale"][:, None, None] ** 2
        return SimulatedMoE(X=self.X, y=self.y, labels=None, covariances=covariances, log_likelihood=np.nan, **arrays)

    def log_likelihood(self, arrays=None):
        """Weighted log-likelihood of the shipped rows."""
        return self.weights @ self.model(arrays or self.arrays).score_samples(self.X, self.y)


@pytest.mark.parametrize("case", MIXTURES, ids=lambda case: case["name"])
class TestMixtures:
    """Every non-separating mixture case."""

    def test_log_likelihood_and_criteria(self, case):
        ml = case["ml"]
        assert Case(case, ml).log_likelihood() == pytest.approx(ml["log_likelihood"], rel=1e-12)
        assert ml["aic"] == pytest.approx(2 * ml["n_parameters"] - 2 * ml["log_likelihood"], rel=1e-12)
        bic = np.log(case["weight_sum"]) * ml["n_parameters"] - 2 * ml["log_likelihood"]
        assert ml["bic"] == pytest.approx(bic, rel=1e-12)

    def test_every_parameter_stands_at_a_strict_maximum(self, case):
        at_maximum = Case(case, case["ml"])
        top = at_maximum.log_likelihood()
        moved = 0
        for name, places in at_maximum.free.items():
            for place in places:
                for factor in (0.999, 1.001):
                    arrays = {key: value.copy() for key, value in at_maximum.arrays.items()}
                    arrays[name][place] *= factor
                    assert at_maximum.log_likelihood(arrays) < top
                moved += 1
        assert moved == case["ml"]["n_parameters"]

    def test_rows(self, case):
        at_maximum, rows = Case(case, case["ml"]), case["rows"]
        model, index = at_maximum.model(at_maximum.arrays), rows["index"]
        X, y = at_maximum.X[index], at_maximum.y[index]
        np.testing.assert_allclose(model.predict_gate(X), rows["gate"], rtol=1e-10)
        np.testing.assert_allclose(model.predict_experts(X), rows["expert_means"], rtol=1e-10)
        np.testing.assert_allclose(model.predict(X), rows["mean"], rtol=1e-10)
        np.testing.assert_allclose(model.score_samples(X, y), rows["log_density"], rtol=1e-9)
        np.testing.assert_allclose(model.responsibilities(X, y), rows["responsibilities"], rtol=1e-8, atol=1e-300)

    def test_peers_lie_where_they_should(self, case):
        ml, flexmix = case["ml"]["log_likelihood"], case["flexmix"]["log_likelihood"]
        # the variance with rows minus coefficients costs a little, never a gain
        assert ml - 0.1 < flexmix < ml
        assert Case(case, case["flexmix"]).log_likelihood() <= ml
        if "mixtools" in case:
            assert case["mixtools"]["log_likelihood"] == pytest.approx(ml, rel=1e-7)
            assert Case(case, case["mixtools"]).log_likelihood() == pytest.approx(ml, rel=1e-7)


def test_separating_case_has_a_value_and_no_coefficients():
    separating = [case for case in GOLDEN["mixtures_of_experts"] if case["ml"]["separating"]]
    assert [case["name"] for case in separating] == ["ethanol_softmax_gate"]
    assert separating[0]["ml"]["log_likelihood"] > separating[0]["flexmix"]["log_likelihood"]
    assert "expert_coef" not in separating[0]["ml"]


@pytest.mark.parametrize("case", GOLDEN["linear_models"], ids=lambda case: f"{case['data']}: {case['formula']}")
def test_linear_models_are_least_squares_on_the_shipped_data(case):
    frame = load_dataset(case["data"], as_frame=True).frame
    X = np.column_stack([np.ones(len(frame)), design(frame, case["terms"][1:])])
    responses = case["formula"].split(" ~ ")[0].removeprefix("cbind(").removesuffix(")").split(", ")
    Y, weights = frame[responses].to_numpy(dtype=float), copies(case, len(frame))
    root = np.sqrt(weights)[:, None]
    coefficients = np.linalg.lstsq(X * root, Y * root)[0]
    residuals = (Y - X @ coefficients) * root
    covariance = residuals.T @ residuals / weights.sum()
    np.testing.assert_allclose(coefficients.T, case["coefficients"], rtol=1e-9)
    np.testing.assert_allclose(covariance, case["covariance"], rtol=1e-10)
    log_det = np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]
    assert case["log_likelihood"] == pytest.approx(-0.5 * weights.sum() * log_det, rel=1e-12)
    assert case["weight_sum"] == weights.sum()


@pytest.mark.parametrize(
    "case", GOLDEN["gaussian_mixtures"], ids=lambda case: f"{'-'.join(case['columns'])}-{case['model']}"
)
def test_mclust_solutions_are_fixed_points_of_em(case):
    frame = load_dataset(case["data"], as_frame=True).frame
    y = frame[case["columns"]].to_numpy(dtype=float)
    n, q = y.shape
    means, covariances = np.array(case["means"]), np.array(case["covariances"])
    weights = np.array(case["weights"])
    one = q == 1
    model = SimulatedMoE(
        X=np.empty((n, 0)), y=y, labels=None, gate_coef=np.zeros((2, 0)), gate_intercept=np.log(weights),
        expert_coef=np.zeros((2, 0) if one else (2, q, 0)), expert_intercept=means[:, 0] if one else means,
        covariances=covariances, scale=None, log_likelihood=np.nan,
    )  # fmt: skip
    assert model.score_samples(model.X, y).sum() == pytest.approx(case["log_likelihood"], rel=1e-12)
    posterior = model.responsibilities(model.X, y)
    mass = posterior.sum(axis=0)
    np.testing.assert_allclose(mass / n, weights, rtol=1e-5)
    np.testing.assert_allclose(posterior.T @ y / mass[:, None], means, rtol=1e-5)
    scatter = np.array([(posterior[:, k, None] * (y - means[k])).T @ (y - means[k]) for k in range(2)])
    shared = case["model"] in ("E", "EEE")
    expected = np.broadcast_to(scatter.sum(axis=0) / n, scatter.shape) if shared else scatter / mass[:, None, None]
    np.testing.assert_allclose(expected, covariances, rtol=1e-5)
    assert case["bic"] == pytest.approx(np.log(n) * case["n_parameters"] - 2 * case["log_likelihood"], rel=1e-12)
