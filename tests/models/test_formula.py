"""Formulas: split, checked without running anything, evaluated as formulaic does, stored as JSON."""

import json
import warnings

import formulaic
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classicmoe.exceptions import (
    ColumnError,
    ConfigurationError,
    ConstantColumnWarning,
    DataError,
    MissingValuesError,
    UnseenLevelError,
)
from classicmoe.models.formula import expand_dot, simple_terms, split_formula
from classicmoe.models.formula_map import FormulaMap
from classicmoe.models.formula_terms import parse_terms
from classicmoe.models.frames import as_table


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.uniform(20, 60, 60),
            "income": rng.lognormal(size=60),
            "region": rng.choice(["N", "S", "W"], 60),
            "insured": rng.random(60) < 0.5,
            "ward": rng.integers(1, 4, 60),
            "body mass": rng.normal(25, 3, 60),
        }
    )


@pytest.mark.parametrize(
    "formula, parts",
    [
        ("y ~ a + b | c", ("y", "a + b", "c")),
        ("y~a", ("y", "a", "a")),
        ("y ~ 1 | a", ("y", "1", "a")),
        ("`my y` ~ `a|b` * c | np.log(d)", ("my y", "`a|b` * c", "np.log(d)")),
        ("y ~ C(a, levels=['~', '|']) | b", ("y", "C(a, levels=['~', '|'])", "b")),
        ("log ~ log(a)", ("log", "log(a)", "log(a)")),
        ("y ~ y1 + y.2", ("y", "y1 + y.2", "y1 + y.2")),
        ("Sepal.Length ~ Petal.Length", ("Sepal.Length", "Petal.Length", "Petal.Length")),
    ],
)
def test_formulas_are_split(formula, parts):
    assert split_formula(formula) == parts


def test_a_dot_is_every_column_but_the_response():
    parts = split_formula("y ~ . | . - b", columns=["a", "y", "b", "c d"])
    assert parts == ("y", "a + b + `c d`", "a + b + `c d` - b")
    assert simple_terms(parts.gate) == ["a", "c d"]
    assert expand_dot("np.log(a1.b) + 0.5:.", ["a", "b"]) == "np.log(a1.b) + 0.5:(a + b)"


@pytest.mark.parametrize(
    "formula, words",
    [
        ("a + b", "one '~'"),
        ("y ~ a ~ b", "one '~'"),
        ("y ~ a | b | c", "2 bars"),
        ("y ~ a + (1 | g)", "random effects"),
        ("y ~ | a", "no expert terms; write 1"),
        ("y ~ a |", "no gate terms; write 1"),
        ("y ~ a + y", "'y' is among the expert terms"),
        ("y ~ a | `y`:b", "'y' is among the gate terms"),
        ("log(y) ~ a", r"one column, not 'log\(y\)'.*df\['log_y'\]"),
        ("y + z ~ a", "one column"),
        ("my y ~ a", "backticks"),
        ("~ a", "one column, not ''"),
        ("y ~ (a + b", "Unbalanced parentheses"),
        ("y ~ a) + (b", "Unbalanced parentheses"),
        ("y ~ `a", "Unbalanced quotes"),
    ],
)
def test_what_cannot_be_split(formula, words):
    with pytest.raises(ConfigurationError, match=words):
        split_formula(formula)


@given(st.text(alphabet="ab~|+`'\"()[]. 1:*-", max_size=30))
def test_any_text_is_split_or_refused(formula):
    try:
        parts = split_formula(formula)
    except ConfigurationError:
        return
    assert all(part.strip() for part in parts)
    assert parts.response in formula


@pytest.mark.parametrize(
    "rhs, names",
    [
        ("a", ["a"]),
        ("a + b+c", ["a", "b", "c"]),
        ("1 + `a b`", ["a b"]),
        ("a + a", ["a"]),
        ("a + b - a", ["b"]),
        ("1", []),
        ("a:b", None),
        ("a*b", None),
        ("(a + b)", None),
        ("np.log(a)", None),
        ("2", None),
        ("a +", None),
        ("+ a", None),
        ("`a` b", None),
    ],
)
def test_sums_of_names_are_column_lists(rhs, names):
    assert simple_terms(rhs) == names


@pytest.mark.parametrize(
    "rhs, words",
    [
        ("0 + a", "removes the intercept.*centred"),
        ("a - 1", "removes the intercept"),
        ("a -1 + b", "removes the intercept"),
        ("a**2", r"write I\(a\*\*2\) or poly\(a, 2\)"),
        ("b + a^2", r"write I\(a\*\*2\)"),
        ("", "empty"),
        ("a" * 10_001, "10000 characters"),
    ],
)
def test_common_mistakes_are_explained(rhs, words):
    with pytest.raises(ConfigurationError, match=words):
        simple_terms(rhs)
    with pytest.raises(ConfigurationError, match=words):
        parse_terms(rhs)


HOSTILE = [
    "__import__('os').system('touch pwned')",
    "eval('1')",
    "np.load('x')",
    "np.fromfile('x')",
    "np.linalg.norm(a)",
    "I(a.__class__)",
    "I((lambda: 1)())",
    "I([x for x in a])",
    "I(open('pwned', 'w'))",
    "I(f'{a}')",
    "{__import__('os')}",
    "{a.tofile('pwned')}",
    "a[0]",
    "I(a if a else a)",
    "I(9**9**9)",
    "I('a' * 1000000000)",
    "I([1] * 1000000000)",
    "poly(a, _state={})",
    "poly(a, **{})",
    "poly(*a)",
    "hashed(a, 3)",
    "lag(a)",
    "Q('a')",
    "C(a.b())",
    "C(np.log(a))",
    "C(a, eval('1'))",
    "C(a, contr.treatment(open('pwned')))",
    "C(a, levels=open('pwned', 'w'))",
    "C(a, encoder=print)",
    "C()",
    "I(" * 500 + "a" + ")" * 500,
]


@pytest.mark.parametrize("rhs", HOSTILE)
def test_nothing_runs_that_is_not_listed(rhs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = as_table(pd.DataFrame({"a": [1.0, 2.0, 3.0]}))
    with pytest.raises((ConfigurationError, ColumnError)):
        FormulaMap.fit(rhs, table)
    state = FormulaMap.fit("np.log(a)", table).to_state()
    with pytest.raises((ConfigurationError, ColumnError, DataError)):
        FormulaMap.from_state({**state, "rhs": rhs}).transform(table)
    assert list(tmp_path.iterdir()) == []


TERMS = [
    "age * region",
    "age:region",
    "region + C(ward)",
    "region:C(ward)",
    "C(ward, contr.sum)",
    "C(region, Treatment('S'))",
    "C(region, contr.treatment(base='W')) * age",
    "C(region, levels=['W', 'S', 'N'])",
    "C(region, contr.poly) + C(ward, contr.helmert)",
    "poly(age, 3) + np.log(income)",
    "bs(age, df=5) + cr(income, df=3)",
    "scale(age) + center(income) + standardize(`body mass`)",
    "I(age**2 / 100 - 2 * `body mass`)",
    "{age + income}",
    "(age + income)**2",
    "np.sqrt(income):age + log1p_free",
    "np.clip(age, 30, 50) + np.minimum(age, `body mass`)",
    "I(insured * age) + insured",
]


@pytest.mark.parametrize("frame_of", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
@pytest.mark.parametrize("rhs", TERMS)
def test_terms_are_those_of_formulaic_and_survive_json(people, frame_of, rhs):
    people["log1p_free"] = np.log1p(people["income"])
    made = FormulaMap.fit(rhs, as_table(frame_of(people)))
    reference = formulaic.model_matrix(rhs, people.assign(insured=people["insured"].astype(float)))
    assert made.names_out == [name.replace("[T.", "[") for name in reference.columns[1:]]
    values = made.transform(as_table(frame_of(people)))
    np.testing.assert_allclose(values, reference.to_numpy(float)[:, 1:], rtol=1e-12, atol=1e-12)
    again = FormulaMap.from_state(json.loads(json.dumps(made.to_state())))
    few = frame_of(people.iloc[[5, 2, 2]][list(people.columns[::-1])])
    np.testing.assert_array_equal(again.transform(as_table(few)), values[[5, 2, 2]])


def test_booleans_are_levels_unless_used_as_numbers(people):
    assert FormulaMap.fit("age:insured", as_table(people)).names_out == ["age:insured[False]", "age:insured[True]"]
    assert FormulaMap.fit("I(age * insured)", as_table(people)).levels == {"age": None, "insured": None}


@pytest.mark.parametrize("rhs", ["age:region", "C(ward) * age", "C(ward, contr.sum) + np.log(income)"])
def test_unseen_levels_are_errors_not_zeros(people, rhs):
    made = FormulaMap.fit(rhs, as_table(people))
    column, new = ("region", "X") if "region" in rhs else ("ward", 7)
    strange = people.copy()
    strange[column] = strange[column].astype(object)
    strange.loc[[4, 9], column] = new
    with pytest.raises(
        UnseenLevelError, match=rf"{column} in .*row 4 has '{new}' \(2 such rows: 4, 9; counted from 0\)"
    ):
        made.transform(as_table(strange))
    reference = people.copy()
    reference.loc[[4, 9], column] = made.levels[column][0]
    np.testing.assert_array_equal(
        made.transform(as_table(strange), unseen="reference"), made.transform(as_table(reference))
    )


def test_declared_levels_are_compared_at_fit(people):
    with pytest.raises(UnseenLevelError, match=r"region in {W, S}; row"):
        FormulaMap.fit("C(region, levels=['W', 'S'])", as_table(people))


@pytest.mark.parametrize(
    "rhs, words",
    [
        ("age:nope", "needs column 'nope'"),
        ("np.log(region)", r"'region' is text, and np.log\(region\) needs numbers"),
        ("C(ward) + ward:age", "used as a number and, in C"),
        ("C(age)", "different value in each of its 60 rows"),
        ("age:day", "dates or times"),
    ],
)
def test_columns_that_a_term_cannot_use(people, rhs, words):
    people["day"] = pd.date_range("2026-01-01", periods=60)
    with pytest.raises(ColumnError, match=words):
        FormulaMap.fit(rhs, as_table(people))


@pytest.mark.parametrize(
    "rhs", ["age ~ income", "age | income", "age, income", "(1|ward)", "age +", "2 * age", "'age'"]
)
def test_what_formulaic_cannot_read(people, rhs):
    with pytest.raises(ConfigurationError) as caught:
        FormulaMap.fit(rhs, as_table(people))
    assert "\x1b" not in str(caught.value)


def test_missing_and_undefined_values(people):
    made = FormulaMap.fit("np.log(income):region", as_table(people))
    gaps = people.copy()
    gaps.loc[[3, 4], "income"] = np.nan
    gaps.loc[8, "region"] = None
    with pytest.raises(
        MissingValuesError, match=r"'income' has 2 missing values .*'region' has 1 missing value \(row 8\)"
    ):
        made.transform(as_table(gaps))
    zeros = people.copy()
    zeros.loc[[3, 4], "income"] = [0.0, -1.0]
    with pytest.raises(DataError, match=r"np.log\(income\).* is not finite in . of 60 rows"):
        made.transform(as_table(zeros))
    spline = FormulaMap.fit("bs(age, df=4)", as_table(people))
    with pytest.raises(DataError, match="cannot be evaluated"):
        spline.transform(as_table(people.assign(age=200.0)))


def test_a_single_level_is_warned_about(people):
    with pytest.warns(ConstantColumnWarning, match="'word' is 'a' in every row"):
        made = FormulaMap.fit("age:income + word", as_table(people.assign(word="a")))
    assert made.names_out == ["age:income"]


def test_state_that_json_cannot_hold_is_refused(people):
    made = FormulaMap.fit("poly(age, 2)", as_table(people))
    made._transform_state["poly(age, 2)"]["odd"] = object()
    with pytest.raises(ConfigurationError, match="state of type object that a model file cannot hold"):
        made.to_state()


def test_no_warning_comes_from_formulaic(people):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = FormulaMap.fit("C(region) * poly(age, 2)", as_table(people))
        made.transform(as_table(people[people["region"] != "S"]))
