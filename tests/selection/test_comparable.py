"""Models whose likelihoods are of different things are not ranked."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from classicmoe import GaussianGatedMoERegressor, MoEClassifier, MoERegressor, MoESelector, load
from classicmoe.exceptions import ConfigurationError, NotComparableError
from classicmoe.experts import GammaExpert, GaussianExpert, HurdleExpert, LogNormalExpert, PointMass
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


@pytest.mark.parametrize("criterion", ["bic", "cv"])
@pytest.mark.parametrize(
    ("families", "match"),
    [
        (["poisson", "gaussian"], "expert='poisson': probabilities; .*expert='gaussian': a density"),
        (["negative_binomial", "log_normal"], "log p|probability has no unit"),
        ([[GaussianExpert()], [PointMass(2.0)]], "a density; .*: probabilities"),
        (["gamma", "hurdle_gamma"], "a density; .*a density, and probabilities at 0"),
    ],
)
def test_probabilities_and_densities_are_not_ranked_by_any_criterion(families, match, criterion):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 1)), 1.0 + rng.poisson(3.0, 40)
    told = []
    selector = MoESelector(MoERegressor(1), {"expert": families}, criterion, callback=lambda *call: told.append(call))
    with pytest.raises(NotComparableError, match=match):
        selector.fit(X, y)
    assert told == []


def test_which_is_larger_depends_on_the_unit_for_densities_only():
    """Why: counts told in dozens make a density twelve times higher, and their probabilities stay what they are."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1))
    y = rng.poisson(40.0, 200).astype(float)
    plain, dozens = (MoERegressor(1).fit(X, values) for values in (y, y / 12.0))
    counts = MoERegressor(1, expert="poisson").fit(X, y)
    assert dozens.log_likelihood_ == pytest.approx(plain.log_likelihood_ + 200 * np.log(12.0), abs=1e-6)
    assert abs(plain.log_likelihood_ - counts.log_likelihood_) < 100.0
    assert dozens.log_likelihood_ > counts.log_likelihood_ + 100.0
    with pytest.raises(NotComparableError, match="model 0: a density; model 1: probabilities"):
        compare([plain, counts])


def test_families_of_one_measure_are_ranked():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 1))
    y = rng.poisson(np.exp(1.0 + 0.3 * X[:, 0])).astype(float)
    counts = ["poisson", "zero_inflated_poisson", "hurdle_poisson"]
    table = MoESelector(MoERegressor(1), {"expert": counts}).fit(X, y).results_
    assert table["verdict"].tolist() == ["OK"] * 3 and np.isfinite(table["bic"]).all()
    amounts = np.where(rng.random(120) < 0.3, 0.0, rng.gamma(3.0, 1.0, 120))
    mixed = [HurdleExpert(GammaExpert()), HurdleExpert(LogNormalExpert())]
    assert MoESelector(MoERegressor(1), {"expert": mixed}).fit(X, amounts).results_["bic"].is_unique


def test_joint_likelihoods_of_different_columns_are_refused_but_for_held_out_scores(ethanol, ethanol_frame):
    X, y = ethanol
    grid = {"expert_features": [[0], [0, 1]]}
    estimator = GaussianGatedMoERegressor(1, random_state=0)
    with pytest.raises(NotComparableError, match="densities of x and y, and they describe different columns of x"):
        MoESelector(estimator, grid).fit(X, y)
    with pytest.raises(NotComparableError, match=r"gate_features='\[0\]': x0; .*different columns of x"):
        MoESelector(MoERegressor(1, gate="gaussian"), {"gate_features": [[0], [0, 1]]}).fit(X, y)
    assert np.isfinite(MoESelector(estimator, grid, "cv", cv=3).fit(X, y).results_["cv"]).all()
    with pytest.raises(NotComparableError, match="different columns of x"):
        compare([estimator.fit(X[:, :1], y), GaussianGatedMoERegressor(1, random_state=0).fit(X, y)])


def test_compare_takes_classifiers_of_the_same_labels(ethanol):
    X, y = ethanol
    labels = np.where(y > np.median(y), "high", "low")
    one, other = (MoEClassifier(1, expert_features=columns).fit(X, labels) for columns in ([0], [0, 1]))
    assert compare([one, other])["n_parameters"].tolist() == [2, 3]
    with pytest.raises(NotComparableError, match="model 0: high, low; model 1: 0, 1"):
        compare([one, MoEClassifier(1).fit(X, (y > np.median(y)).astype(int))])
    with pytest.raises(NotComparableError, match=r"a density; .*probabilities"):
        compare([MoERegressor(1).fit(X, y / y.std() - y.mean() / y.std()), one])
    weighted = MoEClassifier(1, class_weight={"high": 2.0}).fit(X, labels)
    assert np.isnan(compare([one, weighted])["bic"]).tolist() == [False, True]
