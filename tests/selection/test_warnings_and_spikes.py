"""What a selection says about models that cannot be trusted."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from classicmoe import MoERegressor, MoESelector
from classicmoe.exceptions import (
    ConstantColumnWarning,
    NotConvergedWarning,
    NotReplicatedWarning,
    SuspectSolutionWarning,
)


class Spiky(MoERegressor):
    """Says that its solutions with two experts and more rest on a spike."""

    def fit(self, X, y=None, sample_weight=None, *, data=None):
        super().fit(X, y, sample_weight, data=data)
        if self.n_experts > 1:
            spike = {"expert": 1, "rows": 6.0, "coefficients": 2, "reason": "spike"}
            self.verdict_ = replace(self.verdict_, level="SUSPECT", sentence="a spike", suspect=[spike])
        return self


def test_suspect_model_loses_and_the_summary_says_so(ethanol):
    selector = MoESelector(Spiky(n_init=4, random_state=0), {"n_experts": [1, 2]}).fit(*ethanol)
    assert selector.results_["bic"].idxmin() == 1
    assert selector.best_params_ == {"n_experts": 1}
    assert "! K=2: SUSPECT: a spike (its BIC is better, but" in selector.summary()


def test_suspect_winner_is_announced(ethanol):
    selector = MoESelector(Spiky(n_init=4, random_state=0), {"n_experts": [2]})
    with pytest.warns(SuspectSolutionWarning, match=r"\(n_experts=2\) is SUSPECT: a spike. No model of the grid"):
        selector.fit(*ethanol)
    assert selector.best_estimator_.n_experts == 2


def test_unreplicated_winner_is_announced(ethanol):
    selector = MoESelector(MoERegressor(n_init=1, random_state=0), {"n_experts": [1, 2]})
    with pytest.warns(NotReplicatedWarning, match=r"chosen by bic \(n_experts=2\) is NOT REPLICATED"):
        selector.fit(*ethanol)
    assert "NOT REPLICATED !" in selector.summary()


def test_unreplicated_loser_is_in_the_table_only(npreg):
    # ICL prefers one expert here by more than 30.
    estimator = MoERegressor(n_init=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        selector = MoESelector(estimator, {"n_experts": [1, 2]}, "icl").fit(*npreg)
    assert selector.best_params_ == {"n_experts": 1}
    assert selector.results_["verdict"].tolist() == ["OK", "NOT REPLICATED"]


def test_winner_on_few_rows_and_unconverged_winner_are_announced(ethanol):
    X, y = ethanol
    few = MoESelector(MoERegressor(n_init=12, random_state=0), {"n_experts": [2]})
    with pytest.warns(SuspectSolutionWarning, match=r"is WEAK: .*rows for 3 coefficients"):
        few.fit(X[::4], y[::4])
    short = MoESelector(MoERegressor(n_init=3, max_iter=4, random_state=0), {"n_experts": [2]})
    with pytest.warns(NotConvergedWarning, match="is NOT CONVERGED: .*Raise max_iter"):
        short.fit(X, y)


def test_warnings_about_the_data_come_once(ethanol, quick):
    X, y = ethanol
    X = np.column_stack([X, np.ones(88)])
    with pytest.warns(ConstantColumnWarning) as caught:
        MoESelector(quick, {"n_experts": [1, 2], "tol": [1e-8, 1e-7]}).fit(X, y)
    texts = [str(warning.message) for warning in caught if warning.category is ConstantColumnWarning]
    assert sorted(texts) == sorted(set(texts))
    assert len(texts) == 2  # one side each: the gate, the experts
