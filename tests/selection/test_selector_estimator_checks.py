"""scikit-learn's own checks, and well-posed twins of those that cannot apply."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from classicmoe import MoERegressor, MoESelector

NEEDS_Y = "score_samples(X, y) is the density of y given x: there is none without y"
EXPECTED = {
    "check_methods_sample_order_invariance": NEEDS_Y,
    "check_methods_subset_invariance": NEEDS_Y,
    "check_sample_weight_equivalence_on_dense_data": "15 distinct rows of 30 columns: a likelihood without a maximum",
}
ESTIMATOR = MoESelector(MoERegressor(n_init=3, random_state=0), {"n_experts": [1, 2]})


@pytest.mark.filterwarnings("ignore")  # the checks fit 20 rows of noise
@parametrize_with_checks([ESTIMATOR], expected_failed_checks=lambda estimator: EXPECTED)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_every_method_gives_a_row_the_same_answer_alone_and_in_any_order(fitted, ethanol):
    X, y = ethanol
    order = np.random.default_rng(0).permutation(88)
    for name, arguments in {"predict": (X,), "predict_gate": (X,), "score_samples": (X, y)}.items():
        method = getattr(fitted, name)
        whole = method(*arguments)
        np.testing.assert_allclose(method(*(a[order] for a in arguments)), whole[order], rtol=1e-12)
        alone = np.concatenate([method(*(a[i : i + 1] for a in arguments)) for i in range(88)])
        np.testing.assert_allclose(alone, whole, rtol=1e-12)


def test_weights_and_copies_choose_the_same_model(ethanol):
    X, y = ethanol
    times = np.random.default_rng(1).integers(0, 4, 88)
    weighted = clone(ESTIMATOR).fit(X, y, sample_weight=times)
    copied = clone(ESTIMATOR).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.predict(X), copied.predict(X), rtol=1e-6)
    np.testing.assert_allclose(weighted.results_["bic"], copied.results_["bic"], rtol=1e-9)
