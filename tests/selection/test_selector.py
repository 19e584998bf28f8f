"""The table against single fits and textbook formulas, the best model, arguments and data that cannot be used."""

import io
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from classicmoe import Batches, GaussianGatedMoERegressor, MoERegressor, MoESelector, load
from classicmoe.exceptions import (
    ConfigurationError,
    DataError,
    MissingValuesError,
    NoAdmissibleModelError,
    WeightError,
)
from classicmoe.gates import SoftmaxGate
from classicmoe.selection import search
from classicmoe.selection.grid import expand

CRITERIA = ["aic", "aicc", "bic", "sabic", "caic", "icl"]


def test_table_holds_what_single_fits_give(fitted, ethanol, quick):
    X, y = ethanol
    for k, row in zip([1, 2], fitted.results_.to_dict("records"), strict=True):
        model = clone(quick).set_params(n_experts=k).fit(X, y)
        ll, m, n = model.log_likelihood_, model.n_parameters_, 88
        assert (row["n_experts"], row["n_parameters"], row["n"], row["n_rows"]) == (k, m, n, n)
        assert row["log_likelihood"] == ll
        assert row["aicc"] == pytest.approx(-2 * ll + 2 * m + 2 * m * (m + 1) / (n - m - 1), rel=1e-14)
        assert row["sabic"] == pytest.approx(-2 * ll + m * np.log((n + 2) / 24), rel=1e-14)
        assert row["caic"] == pytest.approx(-2 * ll + m * (np.log(n) + 1), rel=1e-14)
        for name in ("aic", "bic", "icl"):
            assert row[name] == pytest.approx(getattr(model, name)(X, y), rel=1e-12)
        r = model.responsibilities(X, y)
        entropy = -(r * np.log(np.where(r > 0, r, 1.0))).sum()
        normalised = 1 - entropy / (n * np.log(k)) if k > 1 else np.nan
        assert row["entropy"] == pytest.approx(normalised, abs=1e-12, nan_ok=True)
        assert row["smallest"] == pytest.approx(100 * r.sum(axis=0).min() / n, rel=1e-9)
        verdict = model.verdict_
        assert (row["reached"], row["finished"], row["begun"]) == (verdict.reached, verdict.finished, verdict.begun)
        assert (row["verdict"], row["sentence"], row["status"]) == ("OK", verdict.sentence, "CONVERGED")
        assert row["error"] is None
        assert row["seconds"] > 0


def test_best_model_is_the_one_with_the_least_criterion_and_answers(fitted, ethanol):
    X, y = ethanol
    best = fitted.best_estimator_
    assert (fitted.best_index_, fitted.best_params_, best.n_experts) == (1, {"n_experts": 2}, 2)
    assert fitted.best_score_ == fitted.results_["bic"].min()
    assert fitted.interrupted_ is False
    assert fitted.estimators_[1] is best
    assert fitted.n_features_in_ == 2
    for name, arguments in {
        "predict": (X,),
        "predict_gate": (X,),
        "predict_experts": (X,),
        "responsibilities": (X, y),
        "score_samples": (X, y),
        "score": (X, y),
        "log_likelihood": (X, y),
        "aic": (X, y),
        "bic": (X, y),
        "icl": (X, y),
        "icl_hard": (X, y),
        "sample": (X, 3),
    }.items():
        np.testing.assert_array_equal(getattr(fitted, name)(*arguments), getattr(best, name)(*arguments), err_msg=name)
    np.testing.assert_array_equal(fitted.predict_dist(X).quantile(0.9), best.predict_dist(X).quantile(0.9))
    assert fitted.coefficients().equals(best.coefficients())


def test_save_writes_the_best_model(fitted, ethanol, tmp_path):
    fitted.save(tmp_path / "best.cmoe")
    np.testing.assert_array_equal(load(tmp_path / "best.cmoe").predict(ethanol[0]), fitted.predict(ethanol[0]))


def test_criteria_count_weights_as_copies(npreg):
    X, y = npreg
    times = np.arange(len(y)) % 3
    selector = MoESelector(MoERegressor(n_init=4, random_state=0), {"n_experts": [1, 3]})
    weighted = clone(selector).fit(X, y, sample_weight=times)
    copied = clone(selector).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert weighted.results_["n"].tolist() == [199.0, 199.0]
    columns = ["log_likelihood", *CRITERIA, "smallest"]
    np.testing.assert_allclose(weighted.results_[columns], copied.results_[columns], rtol=1e-7)
    assert weighted.best_params_ == copied.best_params_


def test_formula_is_the_same_grid_as_columns(ethanol_frame, quick):
    grid = {"n_experts": [1, 2]}
    by_formula = MoESelector(quick, grid).fit("NOx ~ E | C + E", data=ethanol_frame)
    quick.set_params(expert_features=["E"], gate_features=["C", "E"])
    by_columns = MoESelector(quick, grid).fit(ethanol_frame[["C", "E"]], ethanol_frame["NOx"])
    np.testing.assert_array_equal(by_formula.results_[CRITERIA], by_columns.results_[CRITERIA])
    assert by_formula.best_estimator_.response_name_ == "NOx"
    assert by_formula.feature_names_in_.tolist() == by_columns.feature_names_in_.tolist()


def test_grid_reaches_gate_features_and_arguments_of_objects(ethanol):
    estimator = MoERegressor(2, gate=SoftmaxGate(), n_init=4, random_state=0)
    grid = [{"gate__ridge": [0.0, 5.0]}, {"gate_features": [[1], [0, 1]]}]
    selector = MoESelector(estimator, grid).fit(*ethanol)
    assert selector.results_.columns[:3].tolist() == ["n_experts", "gate__ridge", "gate_features"]
    ridges = [model.gate.ridge for model in selector.estimators_]
    assert ridges == [0.0, 5.0, SoftmaxGate().ridge, SoftmaxGate().ridge]
    assert selector.results_["gate_features"].tolist()[2:] == ["[1]", "[0, 1]"]
    assert selector.results_["n_parameters"].tolist() == [11, 11, 10, 11]
    assert estimator.gate.ridge == SoftmaxGate().ridge
    assert selector.best_params_ in ({"gate__ridge": 0.0}, {"gate_features": [1]}, {"gate_features": [0, 1]})


def test_default_grid_is_one_to_five_experts():
    candidates = expand(MoERegressor(), None, seed=7)
    assert [candidate.estimator.n_experts for candidate in candidates] == [1, 2, 3, 4, 5]
    assert {candidate.estimator.random_state for candidate in candidates} == {7}
    assert MoESelector().get_params(deep=False)["estimator"] is None
    assert is_regressor(MoESelector())


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(3)])
def test_without_an_integer_all_models_share_one_new_seed(npreg, random_state):
    selector = MoESelector(MoERegressor(n_init=2, random_state=random_state), {"n_experts": [1, 2]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two starts of any seed may well disagree
        selector.fit(*npreg)
        seed = selector.best_estimator_.random_state
        again = MoERegressor(2, n_init=2, random_state=seed).fit(*npreg)
    assert {model.random_state for model in selector.estimators_} == {seed}
    np.testing.assert_array_equal(again.expert_coef_, selector.estimators_[1].expert_coef_)


def test_clone_pickle_and_nested_arguments(fitted, ethanol):
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(ethanol[0]), fitted.predict(ethanol[0]))
    copy = clone(fitted).set_params(estimator__n_init=9, criterion="icl")
    assert (copy.estimator.n_init, fitted.estimator.n_init, copy.criterion) == (9, 6, "icl")
    with pytest.raises(NotFittedError):
        copy.predict(ethanol[0])
    with pytest.raises(NotFittedError):
        copy.summary()


def test_batches_give_the_table_of_arrays(fitted, ethanol, quick):
    X, y = ethanol
    batches = Batches(lambda: ((X[i : i + 31], y[i : i + 31]) for i in range(0, 88, 31)))
    streamed = MoESelector(quick, {"n_experts": [1, 2]}).fit(batches)
    np.testing.assert_allclose(streamed.results_[CRITERIA], fitted.results_[CRITERIA], rtol=1e-8)
    with pytest.raises(ConfigurationError, match="batches cannot be split"):
        MoESelector(quick, {"n_experts": [1]}, "cv").fit(batches)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"criterion": "slop"}, "criterion='slop' is not known. Did you mean 'slope'?.* Known: 'aic'"),
        ({"contrast": "joined"}, "contrast='joined' is not known. Did you mean 'joint'?"),
        ({"param_grid": {"n_expert": [1]}}, "'n_expert', which MoERegressor does not have. Did you mean 'n_experts'"),
        ({"param_grid": {"gate__ridge": [1.0]}}, "gate is 'softmax' and not an object"),
        ({"param_grid": {"gate": [SoftmaxGate()], "gate__rigde": [1.0]}}, "Invalid parameter 'rigde'"),
        ({"param_grid": {"n_experts": 3}}, "param_grid must map arguments to lists"),
        ({"param_grid": []}, "param_grid is empty"),
        ({"param_grid": {"n_experts": [2, 0]}}, "n_experts must be an integer >= 1, not 0"),
        ({"estimator": LinearRegression()}, "estimator must be a mixture of experts"),
        ({"criterion": "cv", "cv": 1}, "cv=1 cannot split 88 rows"),
        ({"cv": [(np.arange(80), np.arange(80, 88))]}, "at least two"),
    ],
)
def test_arguments_that_cannot_be_used_are_named_before_any_fit(ethanol, monkeypatch, arguments, message):
    monkeypatch.setattr(search, "run_trials", None)  # to call it would be a TypeError
    with pytest.raises(ConfigurationError, match=message):
        MoESelector(**arguments).fit(*ethanol)


def test_bad_data_are_reported_once_before_any_fit(ethanol_frame, ethanol, monkeypatch):
    monkeypatch.setattr(search, "run_trials", None)
    X, y = ethanol
    selector = MoESelector(MoERegressor(), {"n_experts": [1, 2]})
    with pytest.raises(DataError, match="one distinct value"):
        selector.fit(X, np.ones(88))
    with pytest.raises(WeightError, match="negative"):
        selector.fit(X, y, sample_weight=-np.ones(88))
    with pytest.raises(MissingValuesError, match="'y' has 1 missing value"):
        selector.fit(X, np.where(np.arange(88) == 5, np.nan, y))
    with pytest.raises(ConfigurationError, match="data= goes with a formula"):
        selector.fit(X, y, data=ethanol_frame)


def test_bad_rows_are_refused_before_any_fit_of_a_gaussian_gate(ethanol, ethanol_frame, monkeypatch):
    monkeypatch.setattr(search, "run_trials", None)
    X, y = ethanol
    holed = np.where(np.arange(88)[:, None] == 5, np.nan, X)
    grid = {"noise_covariance": ["diag", "full"]}
    for estimator, table, response in (
        (GaussianGatedMoERegressor(noise_covariance="full"), holed, y),
        (GaussianGatedMoERegressor(), X, np.where(np.arange(88) == 5, np.nan, y)),
    ):
        with pytest.raises(MissingValuesError):
            MoESelector(estimator, grid).fit(table, response)
    with pytest.raises(WeightError, match="negative"):
        MoESelector(GaussianGatedMoERegressor()).fit(X, y, sample_weight=-np.ones(88))
    with pytest.raises(ConfigurationError, match="GaussianGatedMoERegressor takes no formula"):
        MoESelector(GaussianGatedMoERegressor()).fit("NOx ~ E", data=ethanol_frame)


def test_a_missing_value_is_an_error_even_if_only_one_model_uses_its_column(ethanol_frame, monkeypatch):
    monkeypatch.setattr(search, "run_trials", None)
    holed = ethanol_frame.copy()
    holed.loc[4, "C"] = np.nan
    grid = {"gate_features": [["E"], ["C", "E"]]}
    selector = MoESelector(MoERegressor(expert_features=["E"]), grid)
    with pytest.raises(MissingValuesError, match=r"'C' has 1 missing value \(row 4\)"):
        selector.fit(holed[["C", "E"]], holed["NOx"])


def test_models_that_fail_stay_in_the_table(ethanol, quick):
    X, y = ethanol[0][::5], ethanol[1][::5]  # 18 rows
    selector = MoESelector(quick, {"n_experts": [1, 19]}).fit(X, y)
    failed = selector.results_.iloc[1]
    assert (failed["verdict"], failed["n_experts"]) == ("FAILED", 19)
    assert "n_experts=19, but X and y have only 18 distinct rows" in failed["error"]
    assert np.isnan(failed["bic"])
    assert selector.estimators_[1] is None
    assert selector.best_params_ == {"n_experts": 1}
    assert "! K=19: n_experts=19, but" in selector.summary()


def test_no_admissible_model_tells_the_reason_for_each(ethanol, quick):
    X, y = ethanol[0][::5], ethanol[1][::5]
    selector = MoESelector(quick, {"n_experts": [19, 20]})
    with pytest.raises(NoAdmissibleModelError) as caught:
        selector.fit(X, y)
    for k in (19, 20):
        assert f"n_experts={k}: n_experts={k}, but X and y have only 18 distinct rows" in str(caught.value)
    assert selector.results_["verdict"].tolist() == ["FAILED", "FAILED"]
    assert not hasattr(selector, "best_estimator_")
    assert "no model can be chosen" in selector.summary()


def test_a_defect_is_not_taken_for_a_failed_model(ethanol):
    class Broken(MoERegressor):
        def fit(self, X, y=None, sample_weight=None, *, data=None):
            if self.n_experts == 2:
                raise AttributeError("a typo")
            return super().fit(X, y, sample_weight, data=data)

    selector = MoESelector(Broken(), {"n_experts": [1, 2, 3]})
    with pytest.raises(AttributeError, match="a typo"):
        selector.fit(*ethanol)
    assert selector.interrupted_
    assert selector.results_["n_experts"].tolist() == [1]


def test_summary_shows_every_criterion_the_choice_and_its_verdict(fitted):
    text = fitted.summary()
    header = next(line for line in text.splitlines() if "loglik" in line).split()
    assert header == "K npar loglik AIC AICc BIC SABIC CAIC ICL entropy min% starts sec verdict".split()
    star = next(line for line in text.splitlines() if line.startswith("*")).split()
    assert star[1:3] == ["2", "11"]
    assert f"{fitted.best_score_:.1f}" in star
    assert "best by  AIC: K=2" in text
    assert "chosen   K=2 by BIC: OK, best log-likelihood reached by" in text
    assert text._repr_html_().startswith("<pre>2 models compared by BIC, n = 88")


def test_criteria_of_sampling_weights_are_called_pseudo(ethanol, fitted):
    weight = np.repeat([0.5, 2.0], 44)
    estimator = MoERegressor(1, weight_type="sampling")
    selector = MoESelector(estimator, {"n_experts": [1]}).fit(*ethanol, sample_weight=weight)
    assert selector.results_["n"].tolist() == [88.0]
    assert "criteria are pseudo" in selector.summary()
    assert "pseudo" not in fitted.summary()


def test_progress_lines_and_callback(ethanol, quick, capsys):
    told = []
    grid = {"n_experts": [1, 2]}
    MoESelector(quick, grid, verbose=1, callback=lambda *call: told.append(call)).fit(*ethanol)
    out, err = capsys.readouterr()
    assert out == ""
    first, second, third = err.splitlines()
    assert first.startswith("1/3  n_experts=1: bic 287.6, OK")
    assert second.startswith("2/3  n_experts=2: bic 55.2")
    assert third.startswith("3/3  n_experts=2, from splits: bic 55.2")
    assert [(done, total, row["n_experts"]) for done, total, row, _ in told] == [(1, 3, 1), (2, 3, 2), (3, 3, 2)]
    # One of 1 + 4 * 6 + 4 * 4 parts of the work is done after the first model.
    assert told[0][3] == pytest.approx(40 * told[0][2]["seconds"], rel=0.5)
    assert told[2][3] == 0.0


def test_results_can_be_written_as_csv(fitted):
    text = fitted.results_.to_csv(index=False)
    assert len(io.StringIO(text).readlines()) == 3
