"""scikit-learn's checks, and the same promises on well-posed data where a check cannot be met."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from classicmoe import MoERegressor
from classicmoe.experts import GaussianExpert
from classicmoe.gates import SoftmaxGate
from tests.cases import two_regimes

EXPECTED = {}


def expected_failures(estimator):
    return EXPECTED


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
@parametrize_with_checks(
    [MoERegressor(n_init=4, random_state=0), MoERegressor()], expected_failed_checks=expected_failures
)
def test_check_estimator(estimator, check):
    check(estimator)
