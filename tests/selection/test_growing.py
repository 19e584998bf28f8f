"""Larger models started from smaller ones: no model of a grid does worse than a smaller one by bad luck."""

import numpy as np
import pytest
from sklearn.base import clone

from classicmoe import Batches, GaussianGatedMoERegressor, MoERegressor, MoESelector
from classicmoe.exceptions import TooFewRowsError
from classicmoe.selection.families import families, siblings
from classicmoe.selection.grid import expand
from tests.selection.test_parallel_and_interrupt import contents

# One start each: too few on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")


@pytest.fixture
def gaussian():
    """An estimator whose single start misses the best solutions of ethanol with 3 experts and more."""
    return GaussianGatedMoERegressor(noise_covariance="full", n_init=1, random_state=2)


@pytest.fixture
def selector(gaussian):
    return MoESelector(gaussian, {"n_experts": [1, 2, 3, 4]})


def alone(estimator, k, X, y):
    return clone(estimator).set_params(n_experts=k).fit(X, y)


def untimed(selector):
    return selector.results_.drop(columns="seconds")


def assert_same_models(one, other):
    for a, b in zip(one.estimators_, other.estimators_, strict=True):
        assert list(contents(a)) == list(contents(b))


def test_a_better_solution_from_splits_replaces_and_says_so(ethanol):
    estimator = MoERegressor(n_init=1, random_state=3)
    selector = MoESelector(estimator, {"n_experts": [1, 2]}).fit(*ethanol)
    before, model = alone(estimator, 2, *ethanol), selector.estimators_[1]
    row = selector.results_.iloc[1]
    assert model.objective_ > before.objective_ + 50
    assert selector.results_["start"].tolist() == ["independent", "split"]
    assert row["log_likelihood"] == model.log_likelihood_ == pytest.approx(model.log_likelihood(*ethanol), rel=1e-12)
    assert (row["verdict"], row["reached"], row["finished"], row["begun"]) == ("NOT REPLICATED", 0, 1, 1)
    assert "reached by 0 of 1 finished starts; found by splitting an expert of the smaller model" in row["sentence"]
    assert [start["kind"] for start in model.starts_[-2:]] == ["split", "split"]
    assert max(start["objective"] for start in model.starts_) == model.objective_
    assert [start["reached"] for start in model.starts_[:-2]] == [False] * len(before.starts_)
    assert [start["path"] for start in model.starts_[:-2]] == [start["path"] for start in before.starts_]
    assert (model.init, model.n_jobs) == ("auto", None)
    assert row["seconds"] > before.starts_[0]["seconds"]
    assert selector.best_estimator_ is model


def test_models_that_splits_do_not_improve_stay_as_they_are(ethanol, fitted, quick):
    for k, model in enumerate(fitted.estimators_, start=1):
        assert list(contents(model)) == list(contents(alone(quick, k, *ethanol)))
    assert fitted.results_["start"].tolist() == ["independent", "independent"]


def test_the_joint_likelihood_does_not_fall_along_the_grid(ethanol, gaussian):
    sizes = range(1, 7)
    selector = MoESelector(gaussian, {"n_experts": sizes}).fit(*ethanol)
    independent = [alone(gaussian, k, *ethanol).joint_log_likelihood_ for k in sizes]
    grown = selector.results_["joint_log_likelihood"].to_numpy()
    assert np.diff(independent).min() < 0.0  # or this shows nothing
    assert np.diff(grown).min() > 0.0
    assert (grown >= independent).all()
    assert (selector.results_["start"] == "split").sum() >= 3
    np.testing.assert_array_equal(selector.results_["start"] == "split", grown > np.array(independent) + 0.01)


def test_a_split_starts_from_the_improved_smaller_model(ethanol, gaussian):
    by_steps = MoESelector(gaussian, {"n_experts": [1, 2, 3, 4]}).fit(*ethanol)
    assert by_steps.results_["start"].tolist()[2:] == ["split", "split"]
    without = MoESelector(gaussian, {"n_experts": [1, 2, 4]}).fit(*ethanol)  # 4 has no smaller sibling
    assert without.results_["start"].tolist() == ["independent"] * 3
    again = clone(gaussian).set_params(n_experts=4, init=by_steps.estimators_[2].split_start()).fit(*ethanol)
    assert again.objective_ == by_steps.estimators_[3].objective_


def test_processes_and_threads_give_identical_tables_and_bytes(ethanol, selector):
    here = clone(selector).fit(*ethanol)
    there = clone(selector).set_params(n_jobs=2).fit(*ethanol)
    threads = clone(selector).set_params(estimator__n_jobs=2).fit(*ethanol)
    assert "split" in set(here.results_["start"])
    for other in (there, threads):
        assert untimed(other).equals(untimed(here))
    assert_same_models(here, there)
    assert [model.n_jobs for model in threads.estimators_] == [2] * 4


@pytest.mark.parametrize("at", [2, 4, 5, 6])
def test_a_resumed_grid_gives_what_one_never_interrupted_gives(ethanol, selector, tmp_path, at):
    """Stopped among the independent fits, between them and the splits, and among these."""
    whole = clone(selector).fit(*ethanol)
    calls = []

    def stop(done, total, row, left):
        calls.append((done, total))
        if done == at:
            raise KeyboardInterrupt

    selector.set_params(resume=tmp_path / "grid.jsonl")
    with pytest.raises(KeyboardInterrupt):
        clone(selector).set_params(callback=stop).fit(*ethanol)
    told = []
    resumed = clone(selector).set_params(callback=lambda *call: told.append(call)).fit(*ethanol)
    assert calls == [(i, 7) for i in range(1, at + 1)]
    assert [(done, total) for done, total, _, _ in told] == [(i, 7) for i in range(at + 1, 8)]
    assert told[-1][3] == 0.0
    assert untimed(resumed).equals(untimed(whole))
    assert list(contents(resumed.best_estimator_)) == list(contents(whole.best_estimator_))
    finished = clone(selector).fit(*ethanol)
    assert finished.results_.equals(resumed.results_)
    assert list(contents(finished.best_estimator_)) == list(contents(whole.best_estimator_))


def test_outcomes_of_another_chain_are_not_taken_from_the_file(ethanol, gaussian, tmp_path):
    path = tmp_path / "grid.jsonl"
    MoESelector(gaussian, {"n_experts": [3, 4]}, resume=path).fit(*ethanol)
    wider = MoESelector(gaussian, {"n_experts": [2, 3, 4]}, resume=path).fit(*ethanol)
    fresh = MoESelector(gaussian, {"n_experts": [2, 3, 4]}).fit(*ethanol)
    assert untimed(wider).equals(untimed(fresh))
    narrow = MoESelector(gaussian, {"n_experts": [3, 4]}, resume=path).fit(*ethanol)
    assert not untimed(narrow).equals(untimed(fresh)[1:].reset_index(drop=True))
    assert untimed(narrow).equals(untimed(MoESelector(gaussian, {"n_experts": [3, 4]}).fit(*ethanol)))


def test_ctrl_c_among_the_splits_keeps_all_models(ethanol, selector, gaussian):
    def stop(done, total, row, left):
        if done == 6:
            raise KeyboardInterrupt

    whole = clone(selector).fit(*ethanol)
    with pytest.raises(KeyboardInterrupt):
        selector.set_params(callback=stop).fit(*ethanol)
    assert selector.interrupted_ and selector.results_["n_experts"].tolist() == [1, 2, 3, 4]
    assert untimed(selector)[:3].equals(untimed(whole)[:3])
    assert list(contents(selector.estimators_[3])) == list(contents(alone(gaussian, 4, *ethanol)))
    assert "interrupted: larger models were not all started from smaller ones" in selector.summary()


def test_ctrl_c_inside_a_split_fit_keeps_the_independent_model(ethanol, monkeypatch):
    estimator, fit = MoERegressor(n_init=1, random_state=3), MoERegressor.fit

    def interrupted(self, *arguments, **options):
        if not isinstance(self.init, str):
            raise KeyboardInterrupt
        return fit(self, *arguments, **options)

    monkeypatch.setattr(MoERegressor, "fit", interrupted)
    selector = MoESelector(estimator, {"n_experts": [1, 2]})
    with pytest.raises(KeyboardInterrupt):
        selector.fit(*ethanol)
    assert selector.results_["start"].tolist() == ["independent", "independent"]
    assert list(contents(selector.estimators_[1])) == list(contents(alone(estimator, 2, *ethanol)))


def test_weights_formulas_and_batches(ethanol, ethanol_frame):
    X, y = ethanol
    selector = MoESelector(MoERegressor(n_init=1, random_state=3), {"n_experts": [1, 2]})
    plain = clone(selector).fit(X, y)
    batches = Batches(lambda: ((X[i : i + 31], y[i : i + 31]) for i in range(0, 88, 31)))
    formula = clone(selector).fit("NOx ~ C + E", data=ethanol_frame)
    for other in (clone(selector).fit(batches), formula):
        assert other.results_["start"].tolist() == ["independent", "split"]
        np.testing.assert_allclose(other.results_["log_likelihood"], plain.results_["log_likelihood"], rtol=1e-7)
    times = np.full(88, 2)
    weighted = clone(selector).fit(X, y, sample_weight=times)
    copied = clone(selector).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert weighted.results_["start"].tolist() == ["independent", "split"]
    np.testing.assert_allclose(weighted.results_["bic"], copied.results_["bic"], rtol=1e-7)


def test_held_out_scores_stay_those_of_the_independent_fits(ethanol):
    estimator = MoERegressor(n_init=1, random_state=3)
    grown = MoESelector(estimator, {"n_experts": [1, 2]}, "cv").fit(*ethanol)
    single = MoESelector(estimator, {"n_experts": [2]}, "cv").fit(*ethanol)
    assert grown.results_["start"].tolist() == ["independent", "split"]
    assert grown.results_[["cv", "cv_se"]].iloc[1].tolist() == single.results_[["cv", "cv_se"]].iloc[0].tolist()
    assert grown.results_["log_likelihood"][1] > single.results_["log_likelihood"][0] + 50


def test_after_a_failed_model_the_next_one_is_not_split(ethanol):
    class Fails(MoERegressor):
        def fit(self, X, y=None, sample_weight=None, *, data=None):
            if self.n_experts == 2:
                raise TooFewRowsError("too few")
            assert isinstance(self.init, str), "there is nothing to split"
            return super().fit(X, y, sample_weight, data=data)

    told = []
    grid = {"n_experts": [1, 2, 3]}
    selector = MoESelector(
        Fails(n_init=1, tol=1e-5, random_state=0), grid, callback=lambda *call: told.append(call[:2])
    ).fit(*ethanol)
    assert selector.results_["start"].tolist() == ["independent"] * 3
    assert told == [(1, 5), (2, 5), (3, 5)]


def test_responsibilities_given_as_init_are_the_only_start(ethanol):
    resp = np.eye(2)[(ethanol[0][:, 1] > 0.9).astype(int)]
    grid = [{"n_experts": [1]}, {"n_experts": [2], "init": [resp]}]
    assert siblings(expand(MoERegressor(init=resp), {"n_experts": [1, 2]}, 0)) == {}
    model = MoESelector(MoERegressor(random_state=0), grid).fit(*ethanol).estimators_[1]
    assert {start["kind"] for start in model.starts_} <= {"given", "shaken"}


def test_a_kind_of_model_that_cannot_be_split_stays(ethanol, ethanol_frame):
    X = np.column_stack([ethanol[0], ethanol[0] ** 2])
    estimator = GaussianGatedMoERegressor(noise_covariance="block", n_init=1, random_state=0)
    selector = MoESelector(estimator, {"n_experts": [1, 2]}).fit(X, ethanol[1])
    assert selector.results_["start"].tolist() == ["independent", "independent"]


def test_families_differ_in_the_number_of_experts_only():
    first, second = [0], [0, 1]
    grid = {"n_experts": [3, 1, 2], "gate_features": [first, second], "tol": [1e-8, np.float64(1e-6)]}
    candidates = expand(MoERegressor(), grid, 0)
    for family in families(candidates):
        models = [candidates[number].estimator for number in family]
        assert [model.n_experts for model in models] == [1, 2, 3]
        assert len({(str(model.gate_features), model.tol) for model in models}) == 1
    assert len(families(candidates)) == 4
    found = siblings(candidates)
    assert len(found) == 8 and [candidates[i].estimator.n_experts for i in found] == [2] * 4 + [3] * 4
    for number, below in found.items():
        assert candidates[below].estimator.n_experts == candidates[number].estimator.n_experts - 1
        assert candidates[below].estimator.gate_features == candidates[number].estimator.gate_features
    assert siblings(expand(MoERegressor(2), {"tol": [1e-8, 1e-6]}, 0)) == {}
    assert siblings(expand(MoERegressor(), {"n_experts": [1, 3, 5]}, 0)) == {}
