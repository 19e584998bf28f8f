"""scikit-learn's checks of the classifier; what is expected to fail must fail (xfail_strict)."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from classicmoe import MoEClassifier

NEEDS_Y = (
    "score_samples(X, y) is the log of a conditional probability P(y | x), so it needs y, and the check calls "
    "score_samples(X)."
)
EXPECTED = {
    "check_methods_sample_order_invariance": NEEDS_Y,
    "check_methods_subset_invariance": NEEDS_Y,
    "check_sample_weight_equivalence_on_dense_data": (
        "The data of the check have 9 distinct rows and 30 columns: classes are separated in many ways, no maximum "
        "exists, and the fit is refused."
    ),
}


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
@parametrize_with_checks(
    [MoEClassifier(n_init=2, max_iter=20, random_state=0)],
    expected_failed_checks=lambda _: EXPECTED,
)
def test_check_estimator(estimator, check):
    check(estimator)
