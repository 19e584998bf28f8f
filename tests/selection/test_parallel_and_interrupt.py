"""Processes change nothing but the time; Ctrl-C keeps what has ended."""

import numpy as np
import pytest
from sklearn.base import clone

from classicmoe import MoERegressor, MoESelector

GRID = {"n_experts": [1, 2], "acceleration": ["squarem", "none"]}


def contents(model):
    """All arrays and plain numbers of a fitted model but its timings, as bytes and text."""
    for name, value in sorted(vars(model).items()):
        if isinstance(value, np.ndarray):
            yield name, value.dtype.str, value.shape, value.tobytes()
        elif isinstance(value, int | float | str):
            yield name, repr(value)
    for start in model.starts_:
        yield [repr(value) for key, value in start.items() if key != "seconds"]


def test_processes_give_identical_bytes(ethanol):
    selector = MoESelector(MoERegressor(n_init=4, random_state=5), GRID)
    here = clone(selector).fit(*ethanol)
    there = clone(selector).set_params(n_jobs=2).fit(*ethanol)
    assert there.results_.drop(columns="seconds").equals(here.results_.drop(columns="seconds"))
    for one, other in zip(here.estimators_, there.estimators_, strict=True):
        assert list(contents(one)) == list(contents(other))
    assert here.best_params_ == there.best_params_


def test_processes_keep_the_estimators_own_number_of_threads(ethanol):
    selector = MoESelector(MoERegressor(n_init=2, random_state=0, n_jobs=3), {"n_experts": [1, 1]}, n_jobs=2)
    assert [model.n_jobs for model in selector.fit(*ethanol).estimators_] == [3, 3]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_ctrl_c_keeps_what_has_ended(ethanol, n_jobs):
    seen = []

    def stop(done, total, row, left):
        seen.append(row["n_experts"])
        if done == 2:
            raise KeyboardInterrupt

    estimator = MoERegressor(n_init=3, random_state=0)
    selector = MoESelector(estimator, {"n_experts": [1, 2, 3, 4]}, n_jobs=n_jobs, callback=stop)
    with pytest.raises(KeyboardInterrupt):
        selector.fit(*ethanol)
    assert selector.interrupted_
    assert selector.results_["n_experts"].tolist() == sorted(seen)
    assert len(selector.results_) == 2
    best = selector.results_["bic"].idxmin()
    assert selector.best_index_ == best
    assert selector.best_estimator_.n_experts == selector.results_["n_experts"][best]
    assert selector.predict(ethanol[0]).shape == (88,)
    assert "interrupted: the rest of the grid was not fitted" in selector.summary()


def test_ctrl_c_before_anything_has_ended(ethanol):
    class Slow(MoERegressor):
        def fit(self, X, y=None, sample_weight=None, *, data=None):
            raise KeyboardInterrupt

    selector = MoESelector(Slow(), {"n_experts": [1, 2]})
    with pytest.raises(KeyboardInterrupt):
        selector.fit(*ethanol)
    assert selector.interrupted_
    assert len(selector.results_) == 0
    assert not hasattr(selector, "best_estimator_")
    assert "no model can be chosen" in selector.summary()


def test_a_new_fit_forgets_the_old_one(ethanol):
    selector = MoESelector(MoERegressor(n_init=2, random_state=0), {"n_experts": [1]}).fit(*ethanol)
    with pytest.raises(ValueError, match="criterion"):
        selector.set_params(criterion="x").fit(*ethanol)
    assert [name for name in vars(selector) if name.endswith("_")] == []
