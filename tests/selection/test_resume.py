"""The state file: nothing is fitted twice, nothing of other data is taken, nothing else is overwritten."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer

from classicmoe import MoERegressor, MoESelector
from classicmoe.exceptions import ConfigurationError, ModelFileError
from classicmoe.selection import growing, search, state

GRID = {"n_experts": [1, 2, 3]}
ARRAYS = ["gate_coef_", "gate_intercept_", "expert_coef_", "expert_intercept_", "expert_scale_", "objective_path_"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "grid.jsonl"


@pytest.fixture
def selector(path):
    # ICL takes two experts of NPreg here, whose model all starts agree on.
    return MoESelector(MoERegressor(n_init=3, random_state=2), {"n_experts": [1, 2]}, resume=path)


@pytest.fixture
def counted(monkeypatch):
    """Numbers of experts of the models that are fitted."""
    ran = []
    run = search.run_trials

    def run_trials(candidates, numbers, *rest):
        ran.append([candidates[number].estimator.n_experts for number in numbers])
        return run(candidates, numbers, *rest)

    def run_again(candidates, numbers, *rest):
        return run_trials(candidates, numbers, *rest) if numbers else run(candidates, numbers, *rest)

    monkeypatch.setattr(search, "run_trials", run_trials)
    monkeypatch.setattr(growing, "run_trials", run_again)
    return ran


def untimed(selector):
    return selector.results_.drop(columns="seconds")


def test_finished_models_are_not_fitted_again_and_the_best_comes_back_the_same(selector, ethanol, path, counted):
    first = clone(selector).fit(*ethanol)
    lines = path.read_text().splitlines()
    again = clone(selector).fit(*ethanol)
    assert counted == [[1, 2], []]
    assert path.read_text().splitlines() == lines
    assert again.results_.equals(first.results_)
    assert again.best_params_ == first.best_params_
    for name in ARRAYS:
        assert getattr(again.best_estimator_, name).tobytes() == getattr(first.best_estimator_, name).tobytes(), name
    assert [model is None for model in again.estimators_] == [True, False]


def test_lines_are_strict_json_in_the_order_of_finishing(selector, ethanol, path):
    selector.fit(*ethanol)

    def refuse(token):
        raise AssertionError(token)

    header, *rows = (json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines())
    assert (header["format"], header["seed"]) == ("classicmoe-selection", 2)
    assert [row["row"]["n_parameters"] for row in rows] == [4, 11, 11]  # the last after it was started from splits
    assert len({row["model"] for row in rows}) == 3


def test_a_larger_grid_fits_only_what_is_new_and_other_settings_all(selector, ethanol, path, counted):
    clone(selector).fit(*ethanol)
    wider = clone(selector).set_params(param_grid={"n_experts": [2, 1], "tol": [1e-8, 1e-6]}).fit(*ethanol)
    assert sorted(counted[1]) == [1, 2]
    fresh = clone(wider).set_params(resume=None).fit(*ethanol)
    assert untimed(wider).equals(untimed(fresh))
    clone(selector).set_params(estimator__n_init=4).fit(*ethanol)
    assert counted[-1] == [1, 2]
    clone(selector).set_params(estimator__n_jobs=2, criterion="icl").fit(*ethanol)
    assert counted[-1] == []


def test_after_an_interruption_the_rest_is_fitted(selector, ethanol, counted):
    def stop(done, total, row, left):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clone(selector).set_params(callback=stop).fit(*ethanol)
    told = []
    whole = clone(selector).set_params(callback=lambda *call: told.append(call[:2])).fit(*ethanol)
    assert counted == [[1, 2], [2], [1]]  # the last one to be split
    assert told == [(2, 3), (3, 3)]
    assert untimed(whole).equals(untimed(clone(selector).set_params(resume=None).fit(*ethanol)))


def test_without_a_seed_the_files_seed_goes_on(npreg, path):
    estimator = MoERegressor(n_init=2)
    first = MoESelector(estimator, {"n_experts": [1]}, resume=path).fit(*npreg)
    second = MoESelector(estimator, {"n_experts": [1], "tol": [1e-8, 1e-7]}, resume=path).fit(*npreg)
    assert second.best_estimator_.random_state == first.best_estimator_.random_state


def test_folds_are_part_of_a_models_settings(selector, ethanol, counted):
    selector.set_params(param_grid={"n_experts": [1]}).fit(*ethanol)
    scored = clone(selector).set_params(criterion="cv").fit(*ethanol)
    again = clone(selector).set_params(criterion="cv").fit(*ethanol)
    assert counted == [[1], [1], []]
    assert again.results_.equals(scored.results_)


def test_failed_models_are_tried_again(selector, ethanol, counted):
    X, y = ethanol[0][::5], ethanol[1][::5]
    selector.set_params(param_grid={"n_experts": [1, 19]}).fit(X, y)
    clone(selector).fit(X, y)
    assert counted == [[1, 19], [19]]


@pytest.mark.parametrize("change", ["X", "y", "weight", "dtype", "name", "rows"])
def test_a_file_of_other_data_is_refused_and_left_as_it_is(selector, ethanol_frame, path, change):
    selector.set_params(param_grid={"n_experts": [1]})
    X, y, weight = ethanol_frame[["C", "E"]], ethanol_frame["NOx"], None
    clone(selector).fit(X, y)
    before = path.read_bytes()
    if change == "X":
        X = X.copy()
        X.loc[80, "E"] += 1e-9
    elif change == "y":
        y = y + 1e-9
    elif change == "weight":
        weight = np.ones(88)
    elif change == "dtype":
        X = X.astype("float32")
    elif change == "name":
        X = X.rename(columns={"C": "compression"})
    else:
        X, y = X[:80], y[:80]
    with pytest.raises(ConfigurationError, match="belongs to other data"):
        clone(selector).fit(X, y, weight)
    assert path.read_bytes() == before


def test_equal_data_in_other_objects_are_recognised(selector, ethanol_frame, counted):
    selector.set_params(param_grid={"n_experts": [1]})
    X = ethanol_frame[["C", "E"]].assign(fuel=lambda frame: np.where(frame["C"] > 10, "rich", "lean"))
    clone(selector).fit(X, ethanol_frame["NOx"])
    clone(selector).fit(X.copy(), ethanol_frame["NOx"].copy())
    assert counted == [[1], []]


def test_a_line_cut_off_is_dropped_and_written_again(selector, ethanol, path, counted):
    clone(selector).fit(*ethanol)
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:3])[:-40])
    clone(selector).fit(*ethanol)
    assert counted == [[1, 2], [2], [1]]
    lines = path.read_text().splitlines()
    assert [json.loads(line).get("model") for line in lines] == [
        json.loads(line).get("model") for line in whole.splitlines()
    ]


@pytest.mark.parametrize("content", [b"C,E,NOx\n12,0.9,3.7\n", b'{"a": 1}\n', b"[1]\n", b"\xff\xfe\n", b"no line end"])
def test_any_other_file_is_refused_and_left_as_it_is(selector, ethanol, path, content):
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="is not the state of a selection"):
        selector.fit(*ethanol)
    assert path.read_bytes() == content


def test_a_file_of_another_version_or_in_no_folder_is_refused(selector, ethanol, path, monkeypatch):
    selector.set_params(param_grid={"n_experts": [1]})
    clone(selector).fit(*ethanol)
    monkeypatch.setattr(state, "__version__", "9.9")
    with pytest.raises(ConfigurationError, match=r"written by classicmoe 0\..*, this is 9.9"):
        clone(selector).fit(*ethanol)
    with pytest.raises(ConfigurationError, match=r"nowhere.*cannot be written: No such file"):
        clone(selector).set_params(resume=path.parent / "nowhere" / "grid.jsonl").fit(*ethanol)
    with pytest.raises(ModelFileError, match="cannot be read"):
        clone(selector).set_params(resume=path.parent).fit(*ethanol)


def test_settings_that_cannot_be_recognised_are_refused(selector, ethanol):
    squares = FunctionTransformer(lambda X: X**2)
    selector.set_params(estimator__expert_features=squares)
    with pytest.raises(ConfigurationError, match="resume= cannot tell whether expert_features"):
        selector.fit(*ethanol)
    selector.set_params(estimator__expert_features=FunctionTransformer(np.square), param_grid={"n_experts": [1]})
    assert selector.fit(*ethanol).best_index_ == 0
