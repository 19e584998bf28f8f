"""A saved Lasso mixture of experts comes back with its path; a file that does not fit itself is refused."""

import copy
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold

from classicmoe import LassoMoEClassifier, LassoMoERegressor, load
from classicmoe.archive import read_archive, write_archive
from classicmoe.exceptions import ConfigurationError, ModelFileError
from classicmoe.models import saved_lasso
from classicmoe.penalties import Bounds, Increasing, Linear, Ordered, Sign, Sum
from tests.models.test_saving import assert_same_answers, assert_same_attributes

pytestmark = pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")


def rows(n=150, p=5):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, p))
    first = rng.random(n) < 1.0 / (1.0 + np.exp(-2.0 * X[:, 0]))
    return X, np.where(first, 2.0 * X[:, 1] + 1.0, -2.0 * X[:, 2]) + 0.5 * rng.normal(size=n)


def lasso(**settings):
    return LassoMoERegressor(2, **{"n_init": 2, "n_alphas": 6, "gate_ratio": 1.0, "random_state": 0, **settings})


@pytest.fixture(scope="module")
def fitted():
    X, y = rows()
    frame = pd.DataFrame(X, columns=["a", "b b", "c", "d", "e"])
    return lasso().fit(frame, pd.Series(y, name="profit")), frame, y


@pytest.fixture(scope="module")
def file(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("lasso") / "m.cmoe"
    fitted[0].save(path)
    return path


def assert_same_path(one, two):
    for own in fields(one):
        a, b = getattr(one, own.name), getattr(two, own.name)
        assert type(a) is type(b), own.name
        if own.name == "seconds":
            assert np.isnan(b).all() and a.shape == b.shape
        elif isinstance(a, dict):
            assert a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)
        elif isinstance(a, np.ndarray):
            assert a.dtype == b.dtype and np.array_equal(a, b), own.name
        else:
            assert a == b, own.name


def test_a_path_comes_back(fitted, file, tmp_path):
    m, X, y = fitted
    again = load(file)
    assert type(again) is LassoMoERegressor and again.get_params() == m.get_params()
    assert_same_answers(m, again, X, y)
    bare = [copy.copy(m), copy.copy(again)]
    for model in bare:
        for name in ("path_", "paths_", "support_"):
            delattr(model, name)
    assert_same_attributes(*bare)
    assert_same_path(m.path_, again.path_)
    assert again.paths_ == [again.path_]
    assert all(np.array_equal(m.support_[side], again.support_[side]) for side in ("gate", "expert"))
    again.save(tmp_path / "again.cmoe")
    assert (tmp_path / "again.cmoe").read_bytes() == file.read_bytes()


def test_equal_fits_give_equal_files(fitted, file, tmp_path):
    _, X, y = fitted
    lasso(n_jobs=2).fit(X, pd.Series(y, name="profit")).save(tmp_path / "m.cmoe")
    assert (tmp_path / "m.cmoe").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    "settings",
    (
        {"alpha_gate": 3.0, "alpha_expert": np.array([2.0, 4.0])},
        {"alpha_gate": 3, "alpha_expert": 2.0, "expert_weights": [1.0, 1.0, 2.0, np.inf, 0.0]},
        {"alpha_gate": 3.0, "alpha_expert": 2.0, "gate_form": "reference"},
        {"alpha_gate": 3.0, "alpha_expert": 2.0, "gate_weights": np.full(5, 2.0), "penalty": "scad"},
    ),
    ids=("one for each expert", "weights without a bound", "a reference", "concave"),
)
def test_penalties_and_weights_come_back(settings, tmp_path):
    X, y = rows()
    m = lasso(**settings).fit(X, y)
    m.save(tmp_path / "m.cmoe")
    again = load(tmp_path / "m.cmoe")
    assert again.path_ is None and again.paths_ == []
    for name in ("alpha_gate", "alpha_expert"):
        assert np.array_equal(getattr(again, f"{name}_"), getattr(m, f"{name}_")), name
        assert np.array_equal(getattr(again, name), getattr(m, name)), name
    assert again.optimality_ == m.optimality_
    for name in saved_lasso.WEIGHTS:
        given, kept = getattr(m, name), getattr(again, name)
        assert (kept is None) if given is None else np.array_equal(kept, np.asarray(given, dtype=float))
    assert_same_answers(m, again, X, y)
    assert again.fit(X, y).expert_coef_.tobytes() == m.expert_coef_.tobytes()


def test_constraints_come_back(fitted, tmp_path):
    constraints = [
        Sign("b", "+", expert=0),
        Bounds("c", -2.5, expert=1),
        Sum(("a", "d"), equals=0.5, expert=0),
        Linear([(1.0, "b", 0), (np.float64(-2.0), "c", 1)], lower=0.0),
        Ordered("e", experts=range(2), side="gate"),
        Increasing(["d", "e"], from_zero=True),
    ]
    m = clone(fitted[0]).set_params(constraints=constraints, cv=KFold(3))
    vars(m).update({name: value for name, value in vars(fitted[0]).items() if name.endswith("_")})
    again = load_of(m, tmp_path)
    plain = [repr(own).replace("(1.0, 'b', 0), (np.float64(-2.0), 'c', 1)", "[1.0, 'b', 0], [-2.0, 'c', 1]")
             .replace("('a', 'd')", "['a', 'd']").replace("range(0, 2)", "[0, 1]") for own in constraints]  # fmt: skip
    assert [repr(own) for own in again.constraints] == plain
    assert again.cv == 5  # folds have no place in a file
    assert_same_answers(m, again, *fitted[1:])


def test_classes_come_back(tmp_path):
    X, y = rows()
    labels = np.select([y < -1.0, y < 1.0], ["low", "middle"], "high")
    settings = {
        "n_init": 2,
        "n_alphas": 4,
        "gate_ratio": 1.0,
        "random_state": 0,
        "expert_weights": [1, 1, 1, np.inf, 1],
    }
    m = LassoMoEClassifier(2, **settings).fit(X, labels)
    again = load_of(m, tmp_path)
    assert m.path_.expert_coef.ndim == 4
    assert_same_path(m.path_, again.path_)
    assert np.array_equal(again.predict_proba(X), m.predict_proba(X))
    assert np.array_equal(again.predict(X), m.predict(X))
    assert again.support_["expert"].shape == (2, 3, 5) and not again.support_["expert"][..., 3].any()


def test_a_relabelled_model_keeps_its_order(fitted, tmp_path):
    m, X, _ = fitted
    other = load_of(m, tmp_path).relabel([1, 0])
    again = load_of(other, tmp_path)
    assert np.array_equal(again.expert_coef_, m.expert_coef_[::-1])
    assert np.array_equal(again.support_["expert"], m.support_["expert"][::-1])
    assert np.array_equal(again.predict_gate(X), other.predict_gate(X))


def load_of(model, folder):
    model.save(folder / "m.cmoe")
    return load(folder / "m.cmoe")


def test_a_path_of_too_many_coefficients_is_refused_before_anything_is_written(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(saved_lasso, "_LARGEST", 8)
    with pytest.raises(ConfigurationError, match="set path_ to None before"):
        fitted[0].save(tmp_path / "m.cmoe")
    assert not (tmp_path / "m.cmoe").exists()


def change(place, value):
    def spoil(header, arrays):
        header["lasso"]["path"][place] = value

    return spoil


def array(name, make):
    def spoil(header, arrays):
        arrays[name] = np.ascontiguousarray(make(arrays[name]))

    return spoil


@pytest.mark.parametrize(
    "spoil",
    (
        change("chosen", 1000),
        change("chosen", "0"),
        change("ended", "noon"),
        change("status", ["CONVERGED"]),
        change("expert_coef", [3, 2, 5]),
        change("expert_coef", [10**9, 10**9, 5]),
        change("expert_coef", None),
        change("criteria", ["bic"]),
        change("criteria", ["best"]),
        array("path_alpha_gate", lambda a: a[:-1]),
        array("path_expert_coef_at", lambda a: a - 1000),
        array("path_expert_coef_at", lambda a: a[:-1]),
        array("path_expert_coef_at", lambda a: a.astype(float)),
        array("path_expert_coef_values", lambda a: a * np.nan),
        array("path_gate_intercept", lambda a: a[:-1]),
        array("path_criteria_bic", lambda a: a[:-1]),
        lambda header, arrays: arrays.pop("path_objective"),
        lambda header, arrays: arrays.update(path_more=np.zeros(1)),
        lambda header, arrays: header["lasso"].pop("alpha_gate"),
        lambda header, arrays: header.pop("lasso"),
    ),
)
def test_paths_that_do_not_fit_are_refused_on_loading(spoil, file, tmp_path):
    header, arrays, blobs = read_archive(file)
    spoil(header, arrays)
    write_archive(tmp_path / "m.cmoe", header, arrays, blobs)
    with pytest.raises(ModelFileError):
        load(tmp_path / "m.cmoe")
