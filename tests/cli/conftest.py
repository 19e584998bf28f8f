"""A command line inside the test's own process, and a table that two experts explain."""

import io
import json
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from classicmoe.cli.main import run


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out, parse_constant=_not_json)


def _not_json(constant):
    raise AssertionError(f"{constant} is not JSON")


class _Stdin:
    def __init__(self, data):
        self.buffer = io.BytesIO(data)


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, stdin=None):
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", _Stdin(stdin))
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return call


def make_visits(n=240, seed=1):
    """Two regimes that age tells apart; text, truth values, a weight, an identifier, nothing missing."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(18, 80, n)
    income = rng.lognormal(3, 0.4, n)
    region = rng.choice(["North", "South", "East"], n)
    insured = rng.random(n) < 0.6
    old = rng.random(n) < 1 / (1 + np.exp(-(age - 48) / 3))
    low = 9 - 0.05 * income + 1.0 * insured + rng.normal(0, 0.4, n)
    high = 3 + 0.05 * age - 0.5 * (region == "South") + rng.normal(0, 0.3, n)
    return pd.DataFrame(
        {
            "patient_id": np.arange(10_001, 10_001 + n),
            "age": age.round(2),
            "region": region,
            "insured": insured,
            "w": rng.integers(1, 4, n),
            "income": income.round(3),
            "visits": np.where(old, high, low).round(4),
        }
    )


@pytest.fixture(scope="session")
def visits():
    return make_visits()


@pytest.fixture(scope="session")
def gappy(visits):
    """The same with 3 % of the rows incomplete."""
    table = visits.copy()
    rng = np.random.default_rng(2)
    for column, rows in zip(["age", "region", "visits"], rng.choice(len(table), (3, 3), replace=False), strict=True):
        table.loc[rows, column] = None if column == "region" else np.nan
    return table


@pytest.fixture(scope="session")
def files(visits, gappy, tmp_path_factory):
    """Folder with the tables as CSV, and a model of two experts in ``model.cmoe``."""
    folder = tmp_path_factory.mktemp("files")
    visits.to_csv(folder / "visits.csv", index=False)
    gappy.to_csv(folder / "gappy.csv", index=False)
    model = folder / "model.cmoe"
    arguments = ["fit", folder / "visits.csv", "-y", "visits", "--drop", "patient_id,w", "--starts", "4", "-o", model]
    assert run([str(argument) for argument in arguments]) == 0
    return folder
