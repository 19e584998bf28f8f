"""Models whose likelihoods are of different things are not ranked."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from classicmoe import MoERegressor, MoESelector, load
from classicmoe.exceptions import ConfigurationError, NotComparableError
from classicmoe.gates import SoftmaxGate
from classicmoe.selection import compare


class JointGate(SoftmaxGate):
    """Claims to model X as well."""

    joint = True


class Dropper(MoERegressor):
    """Leaves out the first row when it has two experts."""

    def fit(self, X, y=None, sample_weight=None, *, data=None):
        first = int(self.n_experts == 2)
        return super().fit(X[first:], y[first:], None if sample_weight is None else sample_weight[first:], data=data)


@pytest.fixture(scope="module")
def single(ethanol):
    return MoERegressor(1).fit(*ethanol)


def test_grid_of_joint_and_conditional_likelihoods_is_refused_before_any_fit(ethanol):
    told = []
    selector = MoESelector(
        MoERegressor(2), {"gate": [SoftmaxGate(), JointGate()]}, callback=lambda *call: told.append(call)
    )
    with pytest.raises(NotComparableError, match="the joint likelihood is the density of x and y"):
        selector.fit(*ethanol)
    assert told == []


def test_held_out_conditional_density_ranks_joint_models_too(ethanol):
    estimator = MoERegressor(1, n_init=2, random_state=0)
    selector = MoESelector(estimator, {"gate": [SoftmaxGate(), JointGate()]}, "cv").fit(*ethanol)
    assert selector.results_["cv"][0] == selector.results_["cv"][1]


def test_grid_over_weight_types_is_refused(ethanol):
    selector = MoESelector(MoERegressor(1), {"weight_type": ["frequency", "sampling"]})
    with pytest.raises(NotComparableError, match=r"weight_type='frequency': frequency; .*take the weights differently"):
        selector.fit(*ethanol)


def test_models_that_stand_on_different_rows_are_refused_with_their_table(ethanol):
    selector = MoESelector(Dropper(n_init=3, random_state=0), {"n_experts": [1, 2]})
    with pytest.raises(NotComparableError, match=r"n_experts=1: 88 rows.*n_experts=2: 87 rows.*a sum over rows"):
        selector.fit(*ethanol)
    assert selector.results_["n_rows"].tolist() == [88, 87]
    assert not hasattr(selector, "best_estimator_")


def test_compare_shows_what_the_selector_shows(fitted, tmp_path):
    fitted.save(tmp_path / "two.cmoe")
    table = compare([fitted.estimators_[0], load(tmp_path / "two.cmoe")], names=["one", "two"])
    assert table.index.tolist() == ["one", "two"]
    columns = [name for name in fitted.results_ if name not in ("start", "seconds", "error")]
    assert table.columns.tolist() == columns
    assert table.reset_index(drop=True).equals(fitted.results_[columns])


def test_compare_refuses_other_rows_weights_and_responses(single, ethanol, ethanol_frame):
    X, y = ethanol

    def refused(model, match):
        with pytest.raises(NotComparableError, match=match):
            compare([single, model])

    refused(MoERegressor(1).fit(X[1:], y[1:]), "model 0: 88 rows.*model 1: 87 rows.*different rows")
    refused(MoERegressor(1).fit(X, y, np.repeat([1.0, 2.0], 44)), "weights sum to 132")
    refused(MoERegressor(1).fit(X, np.column_stack([y, y**2])), "different numbers of responses")
    refused(MoERegressor(1, weight_type="sampling").fit(X, y), "take the weights differently")
    refused(MoERegressor(1, gate=JointGate()).fit(X, y), "model 0: conditional; model 1: joint")
    named = MoERegressor(1).fit(X, ethanol_frame["NOx"])
    logged = MoERegressor(1).fit(X, np.log(ethanol_frame["NOx"]).rename("log NOx"))
    assert len(compare([single, named])) == 2  # an array has no name to differ by
    with pytest.raises(NotComparableError, match=r"model 0: NOx; model 1: log NOx.*transformations of one"):
        compare([named, logged])


def test_compare_needs_fitted_models_and_a_name_for_each(single):
    with pytest.raises(NotFittedError):
        compare([single, MoERegressor()])
    with pytest.raises(ConfigurationError, match="not NoneType"):
        compare([None])
    with pytest.raises(ConfigurationError, match="one name for each, not 1 and 2"):
        compare([single], names=["a", "b"])
    with pytest.raises(ConfigurationError, match="not 0 and 0"):
        compare([])


def test_compare_refuses_a_transformed_response_without_a_name(ethanol):
    X, y = ethanol
    plain, logged = (MoERegressor(1).fit(X, values) for values in (y, np.log(y)))
    with pytest.raises(NotComparableError, match="not the same numbers"):
        compare([plain, logged])
