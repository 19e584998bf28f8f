"""A fit that fails leaves no mess; one that is stopped leaves the best so far."""

import warnings

import numpy as np
import pytest
from sklearn.preprocessing import PolynomialFeatures

from classicmoe import MoERegressor
from classicmoe.exceptions import ConfigurationError, DataError
from tests.models.quick import QUICK, data, fit


def attributes(model):
    return {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}


@pytest.mark.parametrize("spoil", ("settings", "X", "y", "weights", "rows", "columns"))
def test_a_failed_fit_leaves_nothing_and_a_failed_refit_leaves_the_old_fit(spoil):
    X, y, w = data()
    bad = {
        "settings": lambda m: m.set_params(tol=-1.0).fit(X, y),
        "X": lambda m: m.fit(np.where(X == X[1, 1], np.nan, X), y),
        "y": lambda m: m.fit(X, np.ones(60)),
        "weights": lambda m: m.fit(X, y, -w),
        "rows": lambda m: m.set_params(n_experts=100).fit(X, y),
        "columns": lambda m: m.set_params(expert_features=PolynomialFeatures(20)).fit(X[:30], y[:30]),
    }[spoil]
    fresh = MoERegressor(2, **QUICK)
    with pytest.raises(DataError if spoil != "settings" else ConfigurationError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bad(fresh)
    assert attributes(fresh) == set()
    model = fit(X, y)
    before, expected = dict(vars(model)), model.predict(X)
    with pytest.raises(DataError if spoil != "settings" else ConfigurationError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bad(model)
    assert all(vars(model)[name] is before[name] for name in attributes(model))
    assert attributes(model) == {name for name in before if name.endswith("_")}
    assert model.predict(X).tobytes() == expected.tobytes()


@pytest.mark.parametrize("n_jobs", (1, 2))
def test_ctrl_c_leaves_the_best_so_far_and_is_passed_on(n_jobs, monkeypatch):
    X, y, _ = data(150)
    seen = []

    def progress(self, run):
        seen.append(run)
        if len(seen) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(MoERegressor, "_progress", progress)
    m = MoERegressor(2, n_init=8, random_state=0, verbose=1, n_jobs=n_jobs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(KeyboardInterrupt):
            m.fit(X, y)
    assert len(m.starts_) == 3
    assert m.objective_ == pytest.approx(max(start["objective"] for start in m.starts_), abs=1e-4)
    assert np.isfinite(m.predict(X)).all() and m.log_likelihood(X, y) == pytest.approx(m.log_likelihood_, rel=1e-9)
    # The three starts are those of the whole fit.
    whole = MoERegressor(2, n_init=8, random_state=0)
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole.fit(X, y)
    paths = {start["start"]: start["path"] for start in whole.starts_}
    assert all(start["path"] == paths[start["start"]] for start in m.starts_)


def test_ctrl_c_before_any_start_has_ended_leaves_nothing(monkeypatch):
    X, y, _ = data()

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("classicmoe.em.multistart.MultiStart._climb", interrupt)
    m = MoERegressor(2, n_init=4)
    with pytest.raises(KeyboardInterrupt):
        m.fit(X, y)
    assert attributes(m) == set()
