"""Labels of a classifier: any type in and back, through files; what is refused or warned of, and in which words."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError

from classicmoe import Batches, MoEClassifier, MoERegressor, load
from classicmoe.exceptions import (
    ConfigurationError,
    DataError,
    MissingValuesError,
    ModelFileError,
    RareClassWarning,
    UnseenLabelError,
)
from classicmoe.experts import GaussianExpert, MultinomialExpert, PoissonExpert
from tests.cases import three_classes
from tests.messages import refused, warned
from tests.models.classes import NAMES, data, fit

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::classicmoe.exceptions.{name}")
    for name in ("NotReplicatedWarning", "SuspectSolutionWarning", "NotConvergedWarning", "GateSeparatedWarning")
]


@pytest.fixture(scope="module")
def fitted():
    X, y = data()
    return fit(X, y), X, y


# -- labels -------------------------------------------------------------------------------------------------------

KINDS = {
    "text": (lambda codes: NAMES[codes], ["low", "middle", "top"]),
    "objects": (lambda codes: NAMES[codes].astype(object), ["low", "middle", "top"]),
    "list": (lambda codes: NAMES[codes].tolist(), ["low", "middle", "top"]),
    "integers": (lambda codes: np.array([7, -1, 40])[codes], [-1, 7, 40]),
    "floats": (lambda codes: codes + 1.0, [1.0, 2.0, 3.0]),
    "booleans": (lambda codes: codes == 1, [False, True]),
    "pandas": (lambda codes: pd.Series(NAMES[codes], name="size"), ["low", "middle", "top"]),
    "categories": (lambda codes: pd.Series(pd.Categorical(NAMES[codes])), ["low", "middle", "top"]),
    "polars": (lambda codes: pl.Series("size", NAMES[codes]), ["low", "middle", "top"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_any_type_come_back_and_through_a_file(kind, tmp_path):
    make, classes = KINDS[kind]
    X, codes = three_classes(120, 1)
    y = make(codes.astype(int))
    m = fit(X, y, n_init=2)
    assert m.classes_.tolist() == classes
    assert set(m.predict(X).tolist()) <= set(classes)
    m.save(tmp_path / "m.cmoe")
    again = load(tmp_path / "m.cmoe")
    assert again.classes_.tolist() == classes and again.classes_.dtype == m.classes_.dtype
    assert again.predict_proba(X).tobytes() == m.predict_proba(X).tobytes()
    assert (again.predict(X) == m.predict(X)).all()
    assert again.score_samples(X, y).tobytes() == m.score_samples(X, y).tobytes()
    assert str(again.summary()) == str(m.summary())
    again.save(tmp_path / "again.cmoe")
    assert (tmp_path / "again.cmoe").read_bytes() == (tmp_path / "m.cmoe").read_bytes()


def test_tables_name_the_classes():
    X, y = data()
    m = fit(pd.DataFrame(X, columns=["a", "b"]), pd.Series(y, name="size"))
    text = str(m.summary())
    assert "response: size   classes: low, middle, top" in text and "Experts (middle)" in text
    table = m.coefficients()
    assert table["output"].unique().tolist() == ["", "low", "middle", "top"]
    row = table[(table.part == "expert") & (table.expert == 1) & (table.output == "top") & (table.term == "b")]
    assert row.estimate.item() == m.expert_coef_[1, 2, 1]


def test_formulas_and_batches():
    X, y = data()
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "size": y})
    plain = fit(X, y)
    m = clone(plain).fit("size ~ a + b | a", data=frame)
    assert m.response_name_ == "size" and m.predict(frame).shape == (150,)
    assert m.gate_coef_.shape == (2, 1)
    parts = [(X[i : i + 40], y[i : i + 40]) for i in range(0, 150, 40)]
    streamed = clone(plain).fit(Batches(parts))
    assert streamed.log_likelihood_ == pytest.approx(plain.log_likelihood_, rel=1e-9)
    assert streamed.classes_.tolist() == plain.classes_.tolist()


def test_rows_of_weight_zero_do_not_matter():
    X, y = data()
    weight = np.arange(150) % 3
    odd = np.where(weight == 0, "none", y)
    a, b = fit(X, odd, weight), fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert a.classes_.tolist() == NAMES.tolist()
    assert a.log_likelihood_ == pytest.approx(b.log_likelihood_, rel=1e-9)
    assert np.allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-6)


# -- refusals and warnings ----------------------------------------------------------------------------------------


def test_bad_labels_are_refused():
    X, y = data(60)
    missing = y.astype(object)
    missing[[3, 8]] = None
    gaps = np.ones(60)
    gaps[4] = np.nan
    mixed = [1 if i % 2 else "a" for i in range(60)]
    for title, kind, words, labels in (
        ("no y", DataError, ["requires y to be passed"], None),
        ("one class", DataError, ["one class", "'low'"], np.full(60, "low")),
        ("numbers", DataError, ["Unknown label type: continuous", "MoERegressor"], np.linspace(0.0, 1.0, 60)),
        ("missing", MissingValuesError, ["2 labels", "rows 3, 8"], missing),
        ("NaN", MissingValuesError, ["Input y contains NaN", "row 4"], gaps),
        ("two columns", DataError, ["1d array", "(60, 2)"], np.stack([y, y], axis=1)),
        ("other length", DataError, ["inconsistent numbers of samples: [60, 59]"], y[:-1]),
        ("mixed", DataError, ["one type"], np.array(mixed, dtype=object)),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            refused(title, kind, words, lambda labels=labels: fit(X, labels))


def test_a_column_vector_is_taken_with_a_warning():
    X, y = data(60)
    m = warned("column", DataConversionWarning, ["column-vector"], lambda: fit(X, y[:, None]))
    assert m.predict(X).shape == (60,)


def test_a_class_of_one_row_is_named():
    X, y = data(60)
    y = y.astype("<U8")
    y[17] = "rare"
    m = warned("rare", RareClassWarning, ["Class 'rare' has a single row"], lambda: fit(X, y))
    assert m.predict_proba(X).shape == (60, 4)


def test_labels_that_were_not_there_are_named_with_their_rows(fitted):
    m, X, y = fitted
    y = y.astype("<U8").copy()
    y[[5, 9]] = "huge"
    for ask in (m.score_samples, m.responsibilities, m.log_likelihood, m.bic):
        refused("unseen", UnseenLabelError, ["'huge'", "rows 5, 9", "'middle'"], lambda ask=ask: ask(X, y))
    assert m.log_likelihood(X, y, np.where(y == "huge", 0.0, 1.0)) < 0.0


def test_each_estimator_names_the_other():
    X, y = data(60)
    for expert in ("gaussian", GaussianExpert(), PoissonExpert(), "poisson"):
        refused("numbers", ConfigurationError, ["MoERegressor"], lambda expert=expert: fit(X, y, expert=expert))
    for expert in ("multinomial", MultinomialExpert(n_classes=3)):
        model = MoERegressor(expert=expert)
        refused("classes", ConfigurationError, ["MoEClassifier"], lambda model=model: model.fit(X, X[:, 0]))
    with pytest.raises(ConfigurationError, match="no offset"):
        fit(X, y).responsibilities(X, y, offset=np.zeros(60))


def test_unfitted_models_say_so():
    X, y = data(20)
    m = MoEClassifier()
    for name in ("predict", "predict_proba", "predict_gate", "predict_experts", "predict_dist", "sample"):
        with pytest.raises(NotFittedError):
            getattr(m, name)(X)
    for name in ("score_samples", "log_likelihood", "aic", "score", "responsibilities"):
        with pytest.raises(NotFittedError):
            getattr(m, name)(X, y)


def test_files_with_wrong_classes_are_refused(fitted, tmp_path):
    m, _, _ = fitted
    broken = clone(m)
    vars(broken).update(vars(m))
    broken.classes_ = NAMES[:2]
    broken.save(tmp_path / "m.cmoe")
    with pytest.raises(ModelFileError, match="shape"):
        load(tmp_path / "m.cmoe")
