"""Censored and truncated responses through the estimators, against survreg, SciPy and statsmodels."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

from classicmoe import GaussianGatedMoERegressor, MoEClassifier, MoERegressor, MoESelector, load, metrics, observed
from classicmoe.exceptions import ConfigurationError, DataError, NotReplicatedWarning
from classicmoe.experts import StudentTExpert

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "survreg.json").read_text())["cases"]
pytestmark = pytest.mark.filterwarnings("ignore::classicmoe.exceptions.NotReplicatedWarning")  # few starts
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 1))
LIFE = RNG.gamma(3.0, np.exp(np.where(RNG.random(200) < 0.5, 0.5, 2.0) + 0.3 * X[:, 0]) / 3.0)
LIMIT = RNG.uniform(2.0, 12.0, 200)
SEEN = np.minimum(LIFE, LIMIT)
CENSORED = observed(SEEN, np.where(LIFE > LIMIT, np.inf, SEEN))


def ends(values, open_end):
    return np.array([open_end if value is None else value for value in values], dtype=float)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_one_expert_equals_survreg(case):
    columns = np.column_stack(list(case["X"].values()))
    y = observed(ends(case["lower"], -np.inf), ends(case["upper"], np.inf))
    family = StudentTExpert(df=4.0) if case["family"] == "student_t" else case["family"]
    model = MoERegressor(1, expert=family, tol=1e-12).fit(columns, y)
    assert model.log_likelihood_ == pytest.approx(case["log_likelihood"], rel=1e-10)
    coef = np.r_[model.expert_intercept_, model.expert_coef_[0]]
    np.testing.assert_allclose(np.r_[coef, model.expert_scale_], np.r_[case["coef"], case["scale"]], rtol=1e-5)


@pytest.mark.parametrize(
    ("family", "law"),
    (("gamma", stats.gamma), ("inverse_gaussian", stats.invgauss), ("laplace", stats.laplace)),
)
def test_one_expert_without_columns_equals_scipy(family, law):
    data = stats.CensoredData.right_censored(SEEN, LIFE > LIMIT)
    law_params = law.fit(data, **({} if family == "laplace" else {"floc": 0}))
    late = LIFE > LIMIT
    best = law.logpdf(SEEN[~late], *law_params).sum() + law.logsf(SEEN[late], *law_params).sum()
    model = MoERegressor(1, expert=family, expert_features=[]).fit(X, CENSORED)
    assert model.log_likelihood_ > best - 1e-6
    assert model.log_likelihood_ == pytest.approx(best, abs=1e-4)  # the accuracy of SciPy's simplex search


def test_counts_without_zeros_equal_statsmodels():
    import statsmodels.api as sm
    from statsmodels.discrete.truncated_model import TruncatedLFPoisson

    y = np.random.default_rng(1).poisson(np.exp(0.3 + 0.5 * X[:, 0]))
    kept = y > 0
    model = MoERegressor(1, expert="poisson", tol=1e-12).fit(X[kept], observed(y[kept], truncation=(0, None)))
    peer = TruncatedLFPoisson(y[kept], sm.add_constant(X[kept])).fit(method="newton", disp=0)
    assert model.log_likelihood_ == pytest.approx(peer.llf, rel=1e-10)
    np.testing.assert_allclose(np.r_[model.expert_intercept_, model.expert_coef_[0]], peer.params, atol=1e-6)


@pytest.fixture(scope="module")
def mixture():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotReplicatedWarning)
        return MoERegressor(2, expert="gamma", n_init=3, random_state=0).fit(X, CENSORED)


def test_scores_of_a_mixture_equal_probabilities(mixture):
    shape, means = 1.0 / mixture.expert_scale_, np.exp(mixture.expert_intercept_ + X @ mixture.expert_coef_.T)
    gate = mixture.predict_gate(X)
    law = stats.gamma(shape, scale=means / shape)
    late = LIFE > LIMIT
    expected = np.log((gate * np.where(late[:, None], law.sf(SEEN[:, None]), law.pdf(SEEN[:, None]))).sum(axis=1))
    assert np.abs(mixture.score_samples(X, CENSORED) - expected).max() < 1e-11
    inside = SEEN > 1.0
    cut = observed(SEEN[inside], truncation=(1.0, 20.0))
    share = (gate * (law.cdf(20.0) - law.cdf(1.0))).sum(axis=1)[inside]
    plain = mixture.score_samples(X[inside], SEEN[inside])
    assert np.abs(mixture.score_samples(X[inside], cut) - (plain - np.log(share))).max() < 1e-11


def test_a_truncated_density_integrates_to_one(mixture):
    def density(value):
        return np.exp(mixture.score_samples(X[:1], observed([value], truncation=(2.0, 9.0))))[0]

    assert integrate.quad(density, 2.0, 9.0)[0] == pytest.approx(1.0, abs=1e-9)


def test_responsibilities_of_an_interval_are_bayes_rule(mixture):
    gate, life = mixture.predict_gate(X[:5]), mixture.predict_dist(X[:5])
    both = gate * life.components.sf(np.full(5, 7.0))
    late = mixture.responsibilities(X[:5], observed(np.full(5, 7.0), np.full(5, np.inf)))
    np.testing.assert_allclose(late, both / both.sum(axis=1, keepdims=True), rtol=1e-12)


def test_the_whole_population_is_found_where_a_plain_fit_is_misled():
    rng = np.random.default_rng(3)
    x = rng.uniform(-1.0, 1.0, (4000, 1))
    upper = rng.random(4000) < 1.0 / (1.0 + np.exp(-2.0 * x[:, 0]))
    y = np.where(upper, 4.0 + x[:, 0], 1.0 - x[:, 0]) + 0.7 * rng.normal(size=4000)
    kept = y > 0.5
    settings = {"n_init": 3, "random_state": 0}
    cut = MoERegressor(2, **settings).fit(x[kept], observed(y[kept], truncation=(0.5, None)))
    plain = MoERegressor(2, **settings).fit(x[kept], y[kept])
    # Over six data sets the deviations scatter by 0.10 and 0.045 about zero; the plain fit's are about 0.4 and 0.3.
    assert abs(cut.expert_coef_[0, 0] + 1.0) < 0.3 < abs(plain.expert_coef_[0, 0] + 1.0)
    assert abs(cut.predict(x).mean() - y.mean()) < 0.18 < abs(plain.predict(x).mean() - y.mean())


def test_a_selector_and_its_folds_take_them():
    grid = MoESelector(
        MoERegressor(expert="gamma", n_init=2, random_state=0), {"n_experts": [1, 2]}, criterion="cv", cv=2
    )
    grid.fit(X, CENSORED)
    assert len(grid.results_) == 2
    assert np.isfinite(metrics.log_score(grid.best_estimator_, X, CENSORED))


def test_a_saved_model_scores_them(mixture, tmp_path):
    mixture.save(tmp_path / "m.cmoe")
    np.testing.assert_array_equal(
        load(tmp_path / "m.cmoe").score_samples(X, CENSORED), mixture.score_samples(X, CENSORED)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    (
        (([1.0, 5.0, 2.0], [2.0, 4.0, 1.0]), r"upside down \(lower > upper\) in 2 of 3 rows: rows 1, 2"),
        (([1.0, np.nan],), "'lower' is missing in 1 rows: row 1.*-inf or inf"),
        (([1.0, np.inf], [2.0, np.inf]), "holds no number in 1 of 2 rows: row 1"),
        (([1.0, 2.0], None, (3.0, 3.0)), "window of the truncation is empty"),
        (([0.0, 2.0], None, (0.0, None)), "outside its own window in 1 of 2 rows: row 0.*leave them out"),
        (([1.0, 2.0], [1.0, 2.0, 3.0]), "'upper' has shape"),
        (([[1.0, 2.0]],), "one number per row"),
    ),
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        observed(*arguments)


def test_what_they_cannot_be_used_for_is_refused(mixture):
    with pytest.raises(ConfigurationError, match=r"R\^2 compares with exact responses.*log_score"):
        mixture.score(X, CENSORED)
    with pytest.raises(ConfigurationError, match="gate that models x cannot know which rows"):
        MoERegressor(2, "gaussian").fit(X, observed(LIFE, truncation=(0.0, None)))
    with pytest.raises(ConfigurationError, match="takes exact responses only; MoERegressor"):
        GaussianGatedMoERegressor(2).fit(X, CENSORED)
    joint = GaussianGatedMoERegressor(1).fit(X, LIFE)
    with pytest.raises(ConfigurationError, match="takes exact responses only"):
        joint.score_samples(X, CENSORED)
    with pytest.raises(DataError, match="needs labels, and y holds intervals"):
        MoEClassifier(2).fit(X, CENSORED)
    with pytest.raises(ConfigurationError, match="pair"):
        observed(LIFE, truncation=(1.0, 2.0, 3.0))
