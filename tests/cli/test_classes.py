"""Labels on the command line: the classifier that Python has, its answers, a report, and what is refused."""

import csv
import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from classicmoe import MoEClassifier, MoESelector, load


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    species = np.array(["setosa", "versicolor", "virginica"])[y]
    return pd.DataFrame({"length": X[:, 2], "width": X[:, 1], "species": species, "rank": y + 1})


@pytest.fixture
def table(cli, iris):
    """Run in a folder with the table."""
    iris.to_csv("iris.csv", index=False)
    return cli


def read(result):
    assert result.code == 0, result.err
    return pd.DataFrame(list(csv.DictReader(io.StringIO(result.out))))


def test_select_and_predict(table, iris):
    result = table(
        *"select iris.csv -y species --family multinomial --drop rank -k 1:2 --starts 3 --report r.html --json".split()
    )
    assert result.code == 0
    X, y = iris[["length", "width"]], iris["species"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say of these few starts is not the point
        same = MoESelector(MoEClassifier(n_init=3, random_state=0), {"n_experts": [1, 2]}).fit(X, y)
    assert [row["log_likelihood"] for row in result.json["models"]] == pytest.approx(
        same.results_["log_likelihood"].tolist(), rel=1e-9
    )
    # one expert is multinomial logistic regression
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5000).fit(X, y)
    log_likelihood = peer.predict_log_proba(X)[np.arange(150), y.astype("category").cat.codes].sum()
    assert result.json["models"][0]["log_likelihood"] == pytest.approx(log_likelihood, rel=1e-6)
    best = load("best.cmoe")
    answers = read(table("predict", "best.cmoe", "iris.csv"))
    assert list(answers) == ["class", "proba_setosa", "proba_versicolor", "proba_virginica"]
    assert answers["class"].tolist() == best.predict(X).tolist()
    np.testing.assert_array_equal(answers.iloc[:, 1:].astype(float), best.predict_proba(X))
    more = read(table("predict", "best.cmoe", "iris.csv", "--what", "experts,logprob,responsibility,gate"))
    assert {"expert_0_virginica", "responsibility_0", "gate_0"} <= set(more)
    np.testing.assert_array_equal(more["logprob"].astype(float), best.score_samples(X, y))
    page = Path("r.html").read_text(encoding="utf-8")
    assert "species in iris.csv" in page and "standard deviation" not in page
    assert "How likely each class is along length" in page and "most frequent class" in page
    shown = table("show", "best.cmoe", "--table", "experts", "--json").json["rows"]
    assert [row["class"] for row in shown] == [name for name in best.classes_ for _ in range(3)]
    np.testing.assert_array_equal([row["expert 0"] for row in shown[1:3]], best.expert_coef_[0, 0])


def test_ordinal_classes_and_their_order(table, iris):
    result = table(*"fit iris.csv -y rank --family ordinal --drop species -k 1 -o m.cmoe --json".split())
    assert result.code == 0 and "order" not in result.err
    assert load("m.cmoe").classes_.tolist() == [1, 2, 3]
    assert list(read(table("predict", "m.cmoe", "iris.csv", "--what", "proba"))) == ["proba_1", "proba_2", "proba_3"]
    iris.assign(size=np.array(["low", "middle", "high"])[iris["rank"] - 1]).to_csv("sizes.csv", index=False)
    result = table(*"fit sizes.csv -y size --family ordinal --expert length -k 1 -o m.cmoe".split())
    assert "The classes are taken in alphabetical order: high < low < middle." in result.err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ("-y species", 3, "labels are a task for --family multinomial (or ordinal)"),
        ("-y length --family multinomial", 3, "numbers are a task for --family gaussian"),
        ("-y species --family multinomial --exposure rank", 2, "multinomial experts have no exposure"),
        ("-y species --family multinomial --upper rank", 2, "--family multinomial is for classes"),
        ("-y species --family multinomail", 2, "Did you mean 'multinomial'?"),
    ],
)
def test_what_does_not_go(table, options, code, said):
    result = table("fit", "iris.csv", *options.split(), "-k", "2", "--starts", "1")
    assert (result.code, said in result.err) == (code, True), result.err


def test_questions_of_the_other_kind(table, files):
    table(*"fit iris.csv -y species --family multinomial --drop rank -k 1 -o m.cmoe".split())
    for model, what, said in (
        ("m.cmoe", "mean", "this is a model of classes; ask for class or proba"),
        ("m.cmoe", "interval:0.9", "this is a model of classes"),
        (files / "model.cmoe", "proba", "this is a model of numbers; ask for mean"),
    ):
        result = table("predict", model, "iris.csv", "--what", what)
        assert result.code == 2 and said in result.err
