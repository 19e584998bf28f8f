"""``classicmoe.load``: the saved model comes back, and whatever a file says, no code of it runs."""

from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import SplineTransformer

import classicmoe
from classicmoe.archive import read_archive, write_archive
from classicmoe.exceptions import ClassicMoEError, ConfigurationError, ModelFileError


@pytest.fixture
def path(tmp_path):
    """Where the file of a test goes."""
    return tmp_path / "m.cmoe"


@pytest.mark.parametrize("expert_features", [None, ["E"], "C + poly(E, 2)", SplineTransformer(n_knots=3)], ids=str)
@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")  # splines are collinear with a constant
def test_a_model_comes_back(path, expert_features):
    X, y = classicmoe.load_dataset("ethanol", return_X_y=True, as_frame=True)
    model = classicmoe.MoERegressor(2, expert_features=expert_features, n_init=3, random_state=0).fit(X, y)
    model.save(path)
    back = classicmoe.load(path)
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    np.testing.assert_array_equal(back.responsibilities(X, y), model.responsibilities(X, y))
    assert back.log_likelihood_ == model.log_likelihood_
    assert back.verdict_ == model.verdict_
    assert back.summary() == model.summary()


def test_what_cannot_be_loaded_is_not_saved(path):
    class Own(SplineTransformer):
        """Loading it would run the user's code."""

    frame = pd.DataFrame({"x": np.linspace(0.0, 1.0, 20)})
    model = classicmoe.MoERegressor(1, expert_features=Own(n_knots=3, include_bias=False))
    model.fit(frame, frame["x"] ** 3)
    with pytest.raises(ConfigurationError, match=r"(?s)Own.*before fitting"):
        model.save(path)
    assert not path.exists()


def test_load_names_the_estimators_it_knows(path):
    write_archive(path, {"estimator": "os.system"}, {})
    with pytest.raises(ModelFileError, match=r"holds an estimator 'os\.system'.* knows MoERegressor"):
        classicmoe.load(path)


def test_load_of_contents_that_no_estimator_wrote(path):
    write_archive(path, {"estimator": "MoERegressor"}, {})
    with pytest.raises(ModelFileError, match=r"m\.cmoe does not describe a fitted MoERegressor"):
        classicmoe.load(path)


def test_a_formula_from_a_file_runs_no_code(path):
    trap = path.parent / "trap"
    frame = pd.DataFrame({"x": np.linspace(0.0, 1.0, 20)})
    classicmoe.MoERegressor(1, expert_features="x + I(x**2)").fit(frame, frame["x"] ** 3).save(path)
    header, arrays, blobs = read_archive(path)
    assert header["features"]["expert"]["part"]["rhs"] == "x + I(x**2)"
    for code in (f"__import__('os').mkdir({str(trap)!r})", "x.__class__", f"np.savetxt({str(trap)!r}, x)"):
        header["features"]["expert"]["part"]["rhs"] = f"x + I({code})"
        write_archive(path, header, arrays, blobs)
        with pytest.raises(ClassicMoEError):
            classicmoe.load(path).predict(frame)
    assert not trap.exists()


def _spoilt(value, junk):
    """Copies of a header, each with one entry gone or replaced."""
    for key in list(value):
        yield {other: item for other, item in value.items() if other != key}
        for other in junk:
            yield value | {key: other}
        if isinstance(value[key], dict):
            yield from (value | {key: inner} for inner in _spoilt(value[key], junk))


def test_a_header_that_lies_is_an_error_of_ours(path):
    X, y = classicmoe.load_dataset("CO2data", return_X_y=True, as_frame=True)
    classicmoe.MoERegressor(1, expert_features="np.log(GNP)").fit(X, y).save(path)
    header, arrays, blobs = read_archive(path)
    headers = list(_spoilt(header, junk=[None, -1, 10**30, "x", [], {}, [[]]]))
    assert len(headers) > 300
    for spoilt in headers:
        write_archive(path, spoilt, arrays, blobs)
        try:
            model = classicmoe.load(path)
        except ClassicMoEError:
            continue
        with suppress(Exception):  # a model that contradicts itself may fail later, but not take the process along
            model.predict(X)


@pytest.mark.parametrize("name", ["expert_coef_", "expert_covariances_", "gate_intercept_"])
def test_arrays_that_do_not_fit_are_an_error_of_ours(path, name):
    X, y = classicmoe.load_dataset("CO2data", return_X_y=True)
    classicmoe.MoERegressor(1).fit(X, y).save(path)
    header, arrays, blobs = read_archive(path)
    for wrong in (np.ones((2, 5)), np.array("x"), np.full_like(arrays[name], np.nan), None):
        others = {other: array for other, array in arrays.items() if other != name}
        write_archive(path, header, others if wrong is None else others | {name: wrong}, blobs)
        with pytest.raises(ModelFileError):
            classicmoe.load(path)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.NotReplicatedWarning")
@pytest.mark.parametrize("estimator", ["joint", "inverse"])
@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("gate_weights_", lambda a: a * 1.5),
        ("gate_weights_", lambda a: a - a[0] - 0.1),
        ("expert_covariances_", lambda a: -a),
        ("gate_covariances_", lambda a: -a),
        ("gate_covariances_", lambda a: a + np.triu(np.ones(a.shape[1:]), 1)),
        ("noise_covariances_", lambda a: -a),
        ("gate_kept_", lambda a: [0, 7]),
        ("gate_kept_", lambda a: [1, 0]),
    ],
)
def test_laws_that_are_none_are_refused(path, estimator, name, spoil):
    X, y = classicmoe.load_dataset("ethanol", return_X_y=True)
    model = classicmoe.MoERegressor(2, gate="gaussian", n_init=2, random_state=0)
    if estimator == "inverse":
        model = classicmoe.GaussianGatedMoERegressor(2, "full", n_init=2, random_state=0)
    model.fit(X, y).save(path)
    header, arrays, blobs = read_archive(path)
    held = arrays if name in arrays else header["numbers"]
    if name not in held:
        pytest.skip(f"no {name} in this model")
    held[name] = spoil(held[name])
    write_archive(path, header, arrays, blobs)
    with pytest.raises(ModelFileError, match=rf"{name}|weights"):
        classicmoe.load(path)
