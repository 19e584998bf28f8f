"""Transformers as bytes: what comes back works the same, and nothing beyond the trusted list comes back."""

import io
import json
import os
import zipfile

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomTreesEmbedding
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)

from classicmoe.exceptions import ConfigurationError, ModelFileError
from classicmoe.transformers_io import dump_transformer, load_transformer
from classicmoe.zipped import pack_members, unpack_members

TRANSFORMERS = {
    "polynomials": PolynomialFeatures(2, include_bias=False),
    "splines": SplineTransformer(n_knots=4),
    "splines in a pipeline": make_pipeline(StandardScaler(), SplineTransformer(n_knots=4)),
    "bins": KBinsDiscretizer(3, encode="onehot-dense", quantile_method="averaged_inverted_cdf"),
    "quantiles": QuantileTransformer(n_quantiles=10),
    "principal components": PCA(2, random_state=0),
    "logarithm": FunctionTransformer(np.log1p),
    "union": FeatureUnion([("scaled", StandardScaler()), ("filled", SimpleImputer())]),
    "columns": ColumnTransformer(
        [("number", StandardScaler(), make_column_selector(dtype_include=float)), ("text", OneHotEncoder(), ["t"])],
        sparse_threshold=0,
    ),
}


@pytest.fixture
def frame(seed):
    """Two positive columns and one of text."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.uniform(size=60), "b": rng.uniform(size=60), "t": ["u", "v", "w"] * 20})


def _fitted(transformer, frame):
    rows = frame if isinstance(transformer, ColumnTransformer) else frame[["a", "b"]]
    return transformer.fit(rows), rows


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_round_trip(name, frame):
    transformer, rows = _fitted(TRANSFORMERS[name], frame)
    back = load_transformer(dump_transformer(transformer))
    np.testing.assert_array_equal(back.transform(rows), transformer.transform(rows))
    assert type(back) is type(transformer)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_equal_transformers_give_equal_bytes(name, frame):
    first = dump_transformer(_fitted(TRANSFORMERS[name], frame)[0])
    assert dump_transformer(_fitted(TRANSFORMERS[name], frame)[0]) == first


class OwnTransformer(StandardScaler):
    """A user's class: loading it would import and run the user's code."""


@pytest.mark.parametrize(
    ("transformer", "named"),
    [
        (FunctionTransformer(os.system), f"{os.name}.system"),
        (FunctionTransformer(np.load), "numpy.*load"),
        (RandomTreesEmbedding(2, random_state=0), r"sklearn\.tree\._tree\.Tree"),
        (make_pipeline(OwnTransformer()), "OwnTransformer"),
        (lambda rows: rows, "function"),
        (3, "int"),
    ],
    ids=["os.system", "numpy.load", "trees", "own class", "lambda", "number"],
)
def test_dump_refuses_what_it_would_not_load(transformer, named, frame):
    if hasattr(transformer, "fit") and not isinstance(transformer, FunctionTransformer):
        transformer.fit(frame[["a", "b"]])
    with pytest.raises(ConfigurationError, match=f"(?s){named}.*before fitting"):
        dump_transformer(transformer)


def test_load_runs_nothing_that_a_file_asks_for(tmp_path):
    trap = tmp_path / "trap"
    hostile = skops.io.dumps(FunctionTransformer(os.system, kw_args={"command": f"touch {trap}"}))
    for data in (hostile, pack_members(unpack_members(hostile))):
        with pytest.raises(ModelFileError, match="system"):
            load_transformer(data)
    assert not trap.exists()


def test_load_refuses_a_zip_bomb():
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b"[" * 10**7)
    with pytest.raises(ModelFileError, match="more bytes than the file has"):
        load_transformer(bomb.getvalue())


def test_load_refuses_estimators_that_do_not_transform():
    from sklearn.linear_model import LinearRegression

    data = pack_members(unpack_members(skops.io.dumps(LinearRegression())))
    with pytest.raises(ModelFileError, match="LinearRegression"):
        load_transformer(data)


def test_load_rebuilds_splines_from_a_checked_constructor(frame):
    # Sizes that contradict each other would otherwise reach compiled code that believes them.
    members = unpack_members(dump_transformer(SplineTransformer(n_knots=4).fit(frame[["a"]])))
    sizes = {name: np.load(io.BytesIO(data)).shape for name, data in members.items() if name.endswith(".npy")}
    coefficients = next(name for name, shape in sizes.items() if len(shape) == 2)
    shorter = io.BytesIO()
    np.save(shorter, np.eye(1))
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_transformer(pack_members(members | {coefficients: shorter.getvalue()}))


@pytest.mark.parametrize("data", [b"", b"PK", b"\x80\x04.", pack_members({}), pack_members({"schema.json": b"[]"})])
def test_load_of_other_bytes(data):
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_transformer(data)


def test_load_of_a_deep_schema():
    deep = json.dumps({"protocol": 2}).encode()[:-1] + b', "content": ' + b"[" * 10**5 + b"]" * 10**5 + b"}"
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_transformer(pack_members({"schema.json": deep}))
