"""Real data and small grids that several test files share."""

import pytest

from classicmoe import MoERegressor, MoESelector, load_dataset


def pytest_itemcollected(item):
    # Two experts of ethanol are told apart perfectly by the gate, and every fit of it says so.
    item.add_marker(pytest.mark.filterwarnings("ignore::classicmoe.exceptions.GateSeparatedWarning"))


@pytest.fixture(scope="session")
def ethanol():
    """Nitric oxide of an engine: 88 rows, compression ratio and equivalence ratio."""
    return load_dataset("ethanol", return_X_y=True)


@pytest.fixture(scope="session")
def ethanol_frame():
    return load_dataset("ethanol", as_frame=True).frame


@pytest.fixture(scope="session")
def npreg():
    """Two crossing regressions, 200 rows of one column."""
    return load_dataset("NPreg", return_X_y=True)


@pytest.fixture
def quick():
    """An estimator whose models of ethanol with 1 and 2 experts are trustworthy."""
    return MoERegressor(n_init=6, random_state=0)


@pytest.fixture(scope="session")
def fitted(ethanol):
    """Models of ethanol with 1 and 2 experts; not to be changed."""
    return MoESelector(MoERegressor(n_init=6, random_state=0), {"n_experts": [1, 2]}).fit(*ethanol)
