"""The data files are those published, and the loaders give them back as scikit-learn's loaders would."""

import hashlib
import json
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pandas
import pytest

from classicmoe import MoERegressor, datasets
from classicmoe.datasets import load_dataset, loaders
from classicmoe.exceptions import ColumnError, ConfigurationError, DataError
from classicmoe.models.columns import ColumnCoder

NAMES = datasets.list_datasets()
ROWS = {
    "ethanol": 88, "CO2data": 28, "NOdata": 88, "tonedata": 150, "NPreg": 200, "mcycle": 133, "geyser": 299,
    "randhie": 20190, "diamonds": 53940, "ames": 2930,
}  # fmt: skip
WITH_TEXT = {"ames"}  # their features are no float array


@pytest.fixture
def copied_folder(tmp_path, monkeypatch):
    """Let the loaders read a copy of the data folder that a test may damage."""
    folder = tmp_path / "data"
    shutil.copytree(loaders._folder(), folder)
    monkeypatch.setattr(loaders, "_INSTALLED", folder)
    loaders._folder.cache_clear()
    loaders._registry.cache_clear()
    yield folder
    monkeypatch.undo()
    loaders._folder.cache_clear()
    loaders._registry.cache_clear()


def test_all_promised_data_sets_are_there():
    assert set(NAMES) == set(ROWS)


@pytest.mark.parametrize("name", NAMES)
def test_arrays(name):
    bunch = load_dataset(name)
    assert bunch.data.dtype == (object if name in WITH_TEXT else np.float64)
    assert bunch.target.dtype == np.float64
    assert bunch.data.shape == (ROWS[name], len(bunch.feature_names))
    assert bunch.target.shape == (ROWS[name],)
    assert np.isfinite(bunch.target).all()
    assert name in WITH_TEXT or np.isfinite(bunch.data).all()
    assert bunch.frame is None
    assert bunch.target_names[0] not in bunch.feature_names
    X, y = load_dataset(name, return_X_y=True)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


@pytest.mark.parametrize("name", NAMES)
def test_frame_holds_the_same_values_and_every_column(name):
    arrays, framed = load_dataset(name), load_dataset(name, as_frame=True)
    header = loaders._registry()[name]["columns"]
    assert list(framed.frame.columns) == [column["name"] for column in header]
    assert list(framed.data.columns) == arrays.feature_names
    assert framed.target.name == arrays.target_names[0]
    np.testing.assert_array_equal(framed.target.to_numpy(), arrays.target)
    for position, feature in enumerate(arrays.feature_names):
        column = framed.data[feature]
        values = column.cat.codes if feature in arrays.categories else column
        np.testing.assert_array_equal(values.to_numpy(), arrays.data[:, position])
    X, y = load_dataset(name, return_X_y=True, as_frame=True)
    assert X.equals(framed.data) and y.equals(framed.target)


def test_first_rows_and_dtypes():
    X, y = load_dataset("ethanol", return_X_y=True)
    np.testing.assert_array_equal(X[:2], [[12, 0.907], [12, 0.761]])
    np.testing.assert_array_equal(y[:2], [3.741, 2.295])
    frame = load_dataset("NPreg", as_frame=True).frame
    assert [str(kind) for kind in frame.dtypes] == ["float64"] * 2 + ["int64"] * 5


def test_ordered_categories_of_diamonds():
    bunch = load_dataset("diamonds", as_frame=True)
    assert bunch.categories["cut"] == ["Fair", "Good", "Very Good", "Premium", "Ideal"]
    cut = bunch.frame["cut"]
    assert cut.cat.ordered and list(cut.cat.categories) == bunch.categories["cut"]
    # counts as R's summary(ggplot2::diamonds) prints them
    assert cut.value_counts(sort=False).tolist() == [1610, 4906, 12082, 13791, 21551]
    assert bunch.frame["color"].value_counts(sort=False).tolist() == [6775, 9797, 9542, 11292, 8304, 5422, 2808]
    assert bunch.frame["clarity"].value_counts(sort=False).to_dict()["VVS1"] == 3655


def test_text_columns_of_ames_stay_text():
    bunch = load_dataset("ames", as_frame=True)
    frame = bunch.frame
    text = [name for name in frame if not pandas.api.types.is_numeric_dtype(frame[name])]
    assert (len(text), frame.shape[1], len(bunch.feature_names)) == (40, 74, 72)
    assert not frame.isna().any(axis=None)
    assert {type(value) for value in load_dataset("ames").data[0]} == {str, int, float}
    # counts as R's table() prints them; "None" is a level, not a missing value, and one level ends with a blank
    assert frame["Mas_Vnr_Type"].value_counts().to_dict() == {
        "BrkCmn": 25, "BrkFace": 880, "CBlock": 1, "None": 1775, "Stone": 249,
    }  # fmt: skip
    assert (frame["Sale_Type"] == "WD ").sum() == 2536
    assert frame["Neighborhood"].value_counts().head(3).to_dict() == {
        "North_Ames": 443, "College_Creek": 267, "Old_Town": 239,
    }  # fmt: skip
    assert frame["Sale_Price"].describe()[["min", "50%", "max"]].tolist() == [12789, 160000, 755000]


def test_ames_is_as_its_description_says():
    frame = load_dataset("ames", as_frame=True).frame
    text = [frame[name] for name in frame if not pandas.api.types.is_numeric_dtype(frame[name])]
    rare = [(column.value_counts() <= 2).sum() for column in text]
    assert sum(rare) == 32 and np.count_nonzero(rare) == 15
    same = [name for name in frame if frame[name].value_counts(normalize=True).iloc[0] > 0.98]
    assert ", ".join(same[:-1]) == "Street, Utilities, Condition_2, Roof_Matl, Heating, Three_season_porch, Pool_Area"
    assert same[-1] == "Pool_QC" and (frame["Gr_Liv_Area"] > 4000).sum() == 5
    # the faulty column holds the level's number; the rest of the basement tells the area that should be there
    codes = dict(zip(["ALQ", "BLQ", "GLQ", "LwQ", "No_Basement", "Rec", "Unf"], range(1, 8), strict=True))
    assert (frame["BsmtFin_SF_1"] != frame["BsmtFin_Type_1"].map(codes)).sum() == 1
    area = frame["Total_Bsmt_SF"] - frame["BsmtFin_SF_2"] - frame["Bsmt_Unf_SF"]
    assert (area[frame["BsmtFin_Type_1"].isin(["Unf", "No_Basement"])] == 0).all()
    assert (area[~frame["BsmtFin_Type_1"].isin(["Unf", "No_Basement"])] > 0).all()


def test_ames_is_coded_by_the_estimators():
    X = load_dataset("ames", as_frame=True).data
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        coder = ColumnCoder().fit(X)
    assert [type(warning.message).__name__ for warning in caught] == ["ManyLevelsWarning"]
    coded = coder.transform(X)
    assert coded.shape == (2930, 273) and {"Gr_Liv_Area", "Neighborhood[Old_Town]"} <= set(coder.names_out)
    standardised = (coded - coded.mean(axis=0)) / coded.std(axis=0)
    assert np.linalg.matrix_rank(standardised) == 269
    with pytest.raises(ColumnError, match=r"array with text in .* Pass a data frame"):
        MoERegressor().fit(*load_dataset("ames", return_X_y=True))


def test_randhie_is_that_of_statsmodels():
    randhie = pytest.importorskip("statsmodels.datasets.randhie")
    np.testing.assert_array_equal(load_dataset("randhie", as_frame=True).frame.to_numpy(), randhie.load_pandas().data)


def test_extra_columns_are_neither_feature_nor_target():
    assert list(load_dataset("NPreg").extra) == ["yp", "yb", "class", "id1", "id2"]
    countries = load_dataset("CO2data").extra["country"]
    assert countries.dtype.kind == "U" and len(set(countries)) == 28
    assert load_dataset("ethanol").extra == {}
    assert list(load_dataset("ames").extra) == ["BsmtFin_SF_1"]


@pytest.mark.parametrize("name", NAMES)
def test_description_names_source_licence_and_columns(name):
    bunch, entry = load_dataset(name), loaders._registry()[name]
    for text in (entry["licence"], entry["source"]["package"], *bunch.feature_names, *bunch.target_names):
        assert text in bunch.DESCR
    assert bunch.filename.endswith(entry["file"])


@pytest.mark.parametrize("name", NAMES)
def test_named_loader(name):
    named = getattr(datasets, f"load_{name.lower()}")
    assert named.__name__ == f"load_{name.lower()}" and name in named.__doc__
    np.testing.assert_array_equal(named(return_X_y=True)[1], load_dataset(name).target)


def test_name_in_any_case_and_error_with_proposal():
    np.testing.assert_array_equal(load_dataset("npreg").target, load_dataset("NPreg").target)
    with pytest.raises(ConfigurationError, match=r"no data set 'etanol'. Did you mean 'ethanol'\?.*diamonds"):
        load_dataset("etanol")
    with pytest.raises(ConfigurationError, match=r"no data set 'qqq'\. The data sets are: ethanol"):
        datasets.verify("qqq")


@pytest.mark.parametrize("name", NAMES)
def test_checksums_in_registry_sums_file_and_readme(name):
    entry, folder = loaders._registry()[name], loaders._folder()
    digest = hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest()
    assert datasets.verify(name) == entry["sha256"] == digest
    assert f"{digest}  {entry['file']}" in (folder / "SHA256SUMS").read_text().splitlines()
    readme = (folder / "README.md").read_text(encoding="utf-8")
    section = readme.split(f"\n## {name}\n")[1].split("\n## ")[0]
    assert digest in section and entry["licence"] in section and f"{entry['rows']:,} rows" in section
    assert all(f"| {column['name']} |" in section for column in entry["columns"])
    assert entry["licence_file"] is None or (folder / entry["licence_file"]).is_file()


def test_installed_folder_is_preferred(copied_folder):
    assert load_dataset("ethanol").filename == str(copied_folder / "ethanol.csv")


@pytest.mark.parametrize("name", ["mcycle", "randhie"])
def test_one_changed_byte_is_noticed(copied_folder, name):
    path = copied_folder / json.loads((copied_folder / "registry.json").read_text())["datasets"][name]["file"]
    payload = bytearray(path.read_bytes())
    payload[len(payload) // 2] ^= 1
    path.write_bytes(payload)
    for read in (datasets.verify, load_dataset):
        with pytest.raises(DataError, match=f"data set '{name}' was changed or damaged"):
            read(name)


def test_missing_file_and_missing_folder(copied_folder, monkeypatch):
    (copied_folder / "geyser.csv").unlink()
    with pytest.raises(DataError, match="of data set 'geyser' is missing"):
        load_dataset("geyser")
    shutil.rmtree(copied_folder)
    monkeypatch.setattr(loaders, "_CHECKOUT", copied_folder)
    loaders._folder.cache_clear()
    loaders._registry.cache_clear()
    with pytest.raises(DataError, match="data files of classicmoe are neither in"):
        datasets.list_datasets()


def test_pandas_is_not_needed_for_arrays():
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "from classicmoe.datasets import load_dataset\n"
        "print(load_dataset('diamonds').data.shape)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "(53940, 9)", run.stderr
