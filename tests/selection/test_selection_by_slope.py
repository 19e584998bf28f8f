"""The slope heuristic as a criterion: likelihoods given by hand, so that the answer is known."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from classicmoe import GaussianGatedMoERegressor, MoERegressor, MoESelector
from classicmoe.exceptions import (
    ConfigurationError,
    DoubtfulSlopeWarning,
    DroppedModelsWarning,
    TooFewModelsError,
    TooFewRowsError,
)
from classicmoe.gates import SoftmaxGate
from classicmoe.selection.by_slope import complexity_of
from classicmoe.selection.results import model_row
from classicmoe.selection.slope import slope_heuristic
from tests.messages import refused, warned

K = np.arange(1, 21)
FREE = 6 * K - 1
# Gains of 40 up to K = 4, then half a unit per parameter, a little uneven.
CONDITIONAL = -500.0 + 40.0 * np.minimum(K, 4) + 0.5 * FREE + 0.3 * (-1.0) ** K
JOINT = 2.0 * CONDITIONAL + 200.0 * np.minimum(K, 6)


class JointGate(SoftmaxGate):
    """Claims to model X as well."""

    joint = True


class Scripted(MoERegressor):
    """Fits one expert and says that it was a mixture with the likelihoods above."""

    verdicts = {}  # noqa: RUF012  (of numbers of experts; tests make subclasses)

    def fit(self, X, y=None, sample_weight=None, *, data=None):
        k, self.n_experts = self.n_experts, 1
        super().fit(X, y, sample_weight, data=data)
        self.n_experts = k
        self.log_likelihood_, self.n_parameters_ = float(CONDITIONAL[k - 1]), int(FREE[k - 1])
        if isinstance(self.gate, JointGate):
            self.joint_log_likelihood_ = float(JOINT[k - 1])
        level = self.verdicts.get(k, "OK")
        if level == "FAILED":
            raise TooFewRowsError(f"no rows for {k}")
        spikes = [{"expert": 0, "rows": 3.0, "coefficients": 2, "reason": "spike"}] if level == "SUSPECT" else []
        self.verdict_ = replace(self.verdict_, level=level, sentence=f"said of {k}", suspect=spikes)
        return self


class Doubtful(Scripted):
    """With models that do not count, and two that do although they need a warning."""

    verdicts = {7: "SUSPECT", 11: "NOT CONVERGED", 12: "DEGENERATE", 13: "FAILED", 14: "WEAK", 15: "NOT REPLICATED"}  # noqa: RUF012


OUT = [7, 11, 12, 13]


def test_the_jump_chooses_and_the_table_shows_what_it_weighed(npreg):
    selector = MoESelector(Scripted(), criterion="slope").fit(*npreg)
    by_hand = slope_heuristic(FREE, -CONDITIONAL)
    found = selector.slope_
    assert selector.best_params_ == {"n_experts": 4}
    assert selector.best_index_ == found.selected == found.jump.selected == by_hand.selected == 3
    assert selector.best_estimator_.n_experts == 4 and found.ddse.selected == 3
    np.testing.assert_array_equal(found.jump.breakpoints, by_hand.jump.breakpoints)
    np.testing.assert_array_equal(found.ddse.slopes, by_hand.ddse.slopes)
    results = selector.results_
    assert results["n_experts"].tolist() == K.tolist()  # the grid that the slope heuristic brings
    assert results["excluded"].isna().all()
    np.testing.assert_allclose(results["slope"], -2.0 * CONDITIONAL + 2.0 * found.kappa_opt * FREE, rtol=1e-14)
    assert selector.best_score_ == results["slope"].min() == results["slope"][3]
    columns = results.columns.tolist()
    assert columns[columns.index("icl") + 1] == "slope" and columns[columns.index("verdict") + 1] == "excluded"
    text = selector.summary()
    assert "20 models compared by slope" in text and "slope: K=4" in text and "chosen   K=4 by slope: OK" in text
    assert str(found.summary()) in text and "dimension jump: K=4 (complexity 23)" in text
    assert "joint" not in text


def test_models_without_a_maximum_do_not_count_and_it_is_said(npreg):
    selector = MoESelector(Doubtful(), criterion="slope")
    words = ["does not count 4 of 20 models (SUSPECT: K=7; NOT CONVERGED: K=11; DEGENERATE: K=12; FAILED: K=13)"]
    warned("excluded", DroppedModelsWarning, [*words, "n_init", "max_iter"], lambda: selector.fit(*npreg))
    kept = np.delete(np.arange(20), np.array(OUT) - 1)
    by_hand = slope_heuristic(FREE[kept], -CONDITIONAL[kept])
    np.testing.assert_array_equal(selector.slope_.jump.models, kept[by_hand.jump.models])
    np.testing.assert_array_equal(selector.slope_.ddse.choices, kept[by_hand.ddse.choices])
    assert selector.best_index_ == kept[by_hand.selected]
    results = selector.results_
    assert results["excluded"].tolist() == [Doubtful.verdicts[k] if k in OUT else None for k in K]
    assert results["slope"].isna().tolist() == [k in OUT for k in K]
    assert words[0] in selector.slope_.warnings[0]
    text = selector.summary()
    assert "! K=11: NOT CONVERGED: said of 11 (the slope heuristic does not count it)" in text
    assert "! K=14: WEAK: said of 14" in text and "said of 14 (the slope" not in text


def test_what_speaks_against_the_slope_is_a_warning(npreg):
    grid = {"n_experts": range(1, 11)}  # complexity 59 where 3 times 23 would do
    selector = MoESelector(Scripted(), grid, "slope")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        selector.fit(*npreg)
    told = [str(warning.message) for warning in caught if warning.category is DoubtfulSlopeWarning]
    assert told == list(selector.slope_.warnings)
    assert any("less than 3 times that of K=4 (complexity 23)" in text for text in told)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DroppedModelsWarning)
        warnings.simplefilter("ignore", DoubtfulSlopeWarning)
        clone(selector).fit(*npreg)  # nothing was left out


def test_too_small_a_grid_is_refused_before_any_fit(npreg, monkeypatch):
    monkeypatch.setattr(Scripted, "fit", None)
    selector = MoESelector(Scripted(), {"n_experts": range(1, 10)}, "slope")
    words = ["needs at least 10 models", "the grid has 9", "n_experts=range(1, 21)"]
    refused("small grid", TooFewModelsError, words, lambda: selector.fit(*npreg))


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
def test_too_few_that_count_are_refused_with_reasons_and_their_table(npreg):
    selector = MoESelector(Doubtful(), {"n_experts": range(4, 17)}, "slope")
    words = [
        "of 13 models of the grid 9 can",
        "K=7: SUSPECT: said of 7",
        "K=11: NOT CONVERGED: said of 11",
        "K=13: FAILED: no rows for 13",
    ]
    refused("few that count", TooFewModelsError, words, lambda: selector.fit(*npreg))
    assert selector.results_["excluded"].notna().sum() == 4
    assert not hasattr(selector, "best_estimator_") and not hasattr(selector, "slope_")
    assert "no model can be chosen" not in selector.summary()
    twice = MoESelector(Scripted(), {"n_experts": range(1, 10), "tol": [1e-8, 1e-6]}, "slope")
    refused("equal sizes", TooFewModelsError, ["of 18 models of the grid 9 can"], lambda: twice.fit(*npreg))


def test_joint_and_conditional_contrast_read_different_likelihoods(npreg):
    estimator = Scripted(gate=JointGate())
    conditional = MoESelector(estimator, {"n_experts": K}, "slope").fit(*npreg)
    joint = MoESelector(estimator, {"n_experts": K}, "slope", contrast="joint").fit(*npreg)
    assert (conditional.best_estimator_.n_experts, joint.best_estimator_.n_experts) == (4, 6)
    np.testing.assert_array_equal(joint.results_["joint_log_likelihood"], JOINT)
    np.testing.assert_array_equal(joint.results_["log_likelihood"], CONDITIONAL)
    np.testing.assert_allclose(joint.results_["aic"], -2.0 * JOINT + 2.0 * FREE, rtol=1e-14)
    np.testing.assert_allclose(joint.results_["slope"], -2.0 * JOINT + 2.0 * joint.slope_.kappa_opt * FREE, rtol=1e-14)
    assert joint.slope_.kappa_min == pytest.approx(1.0, abs=0.1)
    assert conditional.slope_.kappa_min == pytest.approx(0.5, abs=0.05)
    header = next(line for line in joint.summary().splitlines() if "loglik" in line).split()
    assert header[2:5] == ["loglik", "joint", "AIC"] and header[9:11] == ["ICL", "slope"]


def test_joint_contrast_needs_a_joint_model(npreg, monkeypatch):
    selector = MoESelector(MoERegressor(), {"n_experts": K}, "slope", contrast="joint")
    words = ["contrast='joint' needs", "MoERegressor(n_experts=1) describes y given x only", "contrast='conditional'"]
    refused("no joint model", ConfigurationError, words, lambda: selector.fit(*npreg))

    class Silent(Scripted):
        def fit(self, X, y=None, sample_weight=None, *, data=None):
            super().fit(X, y, sample_weight, data=data)
            del self.joint_log_likelihood_
            return self

    selector = MoESelector(Silent(gate=JointGate()), {"n_experts": K}, "slope", contrast="joint")
    refused("no attribute", ConfigurationError, ["contrast='joint' needs", "K=1"], lambda: selector.fit(*npreg))


def test_of_models_of_one_size_the_most_likely_counts(npreg):
    class Penalised(Scripted):
        def fit(self, X, y=None, sample_weight=None, *, data=None):
            super().fit(X, y, sample_weight, data=data)
            self.log_likelihood_ -= 5.0 * (self.tol > 1e-7)
            return self

    single = MoESelector(Scripted(), criterion="slope").fit(*npreg)
    pooled = MoESelector(Penalised(), {"n_experts": K, "tol": [1e-6, 1e-8]}, "slope").fit(*npreg)
    np.testing.assert_array_equal(pooled.slope_.jump.breakpoints, single.slope_.jump.breakpoints)
    assert pooled.best_params_ == {"n_experts": 4, "tol": 1e-8}
    assert pooled.slope_.table.names[3] == "K=4, tol=1e-08"
    assert len(pooled.slope_.table.merged) == 20 and pooled.results_["slope"].notna().all()


def test_finished_models_of_a_file_give_the_same_slope(npreg, tmp_path):
    selector = MoESelector(Scripted(random_state=0), criterion="slope", resume=tmp_path / "grid.jsonl")
    first = clone(selector).fit(*npreg)
    again = clone(selector).fit(*npreg)
    assert [model is None for model in again.estimators_] == [k != 4 for k in K]
    assert again.results_.drop(columns="seconds").equals(first.results_.drop(columns="seconds"))
    np.testing.assert_array_equal(again.slope_.ddse.slopes, first.slope_.ddse.slopes)
    other = clone(selector).set_params(criterion="bic", param_grid={"n_experts": K}).fit(*npreg)
    assert "slope" not in other.results_ and not hasattr(other, "slope_")


@pytest.mark.parametrize("at", [5, 12])
def test_an_interrupted_grid_is_asked_if_enough_models_ended(npreg, at):
    def stop(done, total, row, left):
        if done == at:
            raise KeyboardInterrupt

    selector = MoESelector(Scripted(), criterion="slope", callback=stop)
    with pytest.raises(KeyboardInterrupt):
        selector.fit(*npreg)
    assert len(selector.results_) == at and "excluded" in selector.results_
    assert hasattr(selector, "best_estimator_") is hasattr(selector, "slope_") is (at == 12)


def test_progress_tells_the_likelihood(npreg, capsys):
    MoESelector(Scripted(), criterion="slope", verbose=1).fit(*npreg)
    assert capsys.readouterr().err.startswith(f"1/39  n_experts=1: log_likelihood {CONDITIONAL[0]:.6g}, OK")


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
def test_gaussian_gated_models_by_either_contrast(npreg):
    estimator = GaussianGatedMoERegressor(noise_covariance="tied", n_init=1, tol=1e-5, max_iter=200, random_state=0)
    for contrast, attribute in {"joint": "joint_log_likelihood_", "conditional": "log_likelihood_"}.items():
        selector = MoESelector(estimator, {"n_experts": range(1, 12)}, "slope", contrast=contrast)
        selector.fit(*(part[::2] for part in npreg))
        counted = np.flatnonzero(selector.results_["excluded"].isna())
        models = [selector.estimators_[i] for i in counted]
        by_hand = slope_heuristic([m.n_parameters_ for m in models], [-getattr(m, attribute) for m in models])
        assert selector.best_index_ == counted[by_hand.selected]
        assert selector.best_estimator_ is models[by_hand.selected]


class Falling(Scripted):
    """The sixth model of every family is 3.5 below the fifth."""

    def fit(self, X, y=None, sample_weight=None, *, data=None):
        super().fit(X, y, sample_weight, data=data)
        if self.n_experts == 6:
            lost = 3.5 + CONDITIONAL[5] - CONDITIONAL[4]
            self.log_likelihood_ -= lost
        return self


def falls(sentences):
    return [text for text in sentences if "falls where experts are added" in text]


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.DoubtfulSlopeWarning")
def test_a_fall_of_the_maximised_likelihood_names_the_models(npreg):
    selector = MoESelector(Falling(), criterion="slope")
    words = ["The log-likelihood, which the fits maximise, falls where experts are added: K=5 to K=6 by 3.5."]
    warned("falls", DoubtfulSlopeWarning, [*words, "n_init"], lambda: selector.fit(*npreg))
    assert len(falls(selector.slope_.warnings)) == 1 and selector.slope_.remarks == ()
    assert not any("contrast rises" in text for text in selector.slope_.warnings)  # the same, once
    pooled = MoESelector(Scripted(), {"n_experts": K, "tol": [1e-8, 1e-6]}, "slope").fit(*npreg)
    assert falls(pooled.slope_.warnings) == []


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.DoubtfulSlopeWarning")
def test_a_fall_of_the_conditional_likelihood_of_joint_models_is_a_remark(npreg):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        selector = MoESelector(Falling(gate=JointGate()), criterion="slope").fit(*npreg)
    assert falls(str(warning.message) for warning in caught) == []
    assert selector.slope_.remarks == (
        "The log-likelihood of y given x falls where experts are added: K=5 to K=6 by 3.5. That is normal here: the "
        "fits maximise the joint one, of x and y.",
    )
    assert selector.slope_.remarks[0] in selector.summary() and "! The log-likelihood of y" not in selector.summary()
    joint = MoESelector(Falling(gate=JointGate()), criterion="slope", contrast="joint").fit(*npreg)
    assert joint.slope_.remarks == () and falls(joint.slope_.warnings) == []


@pytest.mark.parametrize(
    ("estimator", "complexity"),
    [
        (GaussianGatedMoERegressor(noise_covariance="full"), 4),
        (GaussianGatedMoERegressor(noise_covariance="tied"), 4),
        (GaussianGatedMoERegressor(noise_covariance="diag"), 8),  # restricts the regression: the joint count
        (MoERegressor(gate="gaussian"), 4),
    ],
)
def test_one_expert_with_a_gaussian_gate_is_linear_regression(ethanol, estimator, complexity):
    X, y = ethanol
    model = clone(estimator).set_params(n_experts=1).fit(X, y)
    row = {"n_parameters": model.n_parameters_, **model_row(model)}
    assert complexity_of(row, "conditional") == complexity
    assert complexity_of(row, "joint") == model.n_parameters_ == (8 if complexity == 8 else 9)
    if complexity == 4:
        residual = y - LinearRegression().fit(X, y).predict(X)
        by_hand = -0.5 * len(y) * (np.log(2.0 * np.pi * np.mean(residual**2)) + 1.0)
        assert model.log_likelihood_ == pytest.approx(by_hand, rel=1e-9)
    two = clone(estimator).set_params(n_experts=2, n_init=1, random_state=0).fit(X, y)
    assert complexity_of(model_row(two), "conditional") == two.n_parameters_


def test_two_outputs_and_a_dropped_column_are_counted_right(ethanol):
    X, y = ethanol
    X, Y = np.column_stack([X, X.sum(axis=1)]), np.column_stack([y, np.sqrt(y)])
    for estimator in (GaussianGatedMoERegressor(1, noise_covariance="full"), MoERegressor(1, gate="gaussian")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = estimator.fit(X, Y)
        # two kept columns and the intercept for each output, and the covariance that the model has
        covariance = model.n_parameters_ - 2 * 3 - 2 - 3
        assert complexity_of(model_row(model), "conditional") == 2 * 3 + covariance


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
def test_the_slope_column_and_the_file_take_the_same_complexity(npreg, tmp_path):
    estimator = GaussianGatedMoERegressor(noise_covariance="full", n_init=1, tol=1e-5, max_iter=200, random_state=0)
    grid = {"n_experts": range(1, 12)}
    selector = MoESelector(estimator, grid, "slope", resume=tmp_path / "grid.jsonl")
    first = clone(selector).fit(*npreg)
    again = clone(selector).fit(*npreg)
    for found in (first, again):
        assert found.slope_.table.complexity[0] == 3 and found.results_["n_parameters"][0] == 5
        assert "n_conditional" not in found.results_
        row = found.results_.iloc[0]
        assert row["slope"] == pytest.approx(2.0 * (3 * found.slope_.kappa_opt - row["log_likelihood"]), rel=1e-12)
    joint = clone(selector).set_params(contrast="joint").fit(*npreg)
    assert joint.slope_.table.complexity[0] == 5
