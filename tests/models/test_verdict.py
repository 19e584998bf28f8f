"""What a fit says about itself: replication, spikes, collapse, convergence, separation."""

import numpy as np
import pytest

from classicmoe import MoERegressor
from classicmoe.exceptions import (
    DegenerateComponentWarning,
    GateSeparatedWarning,
    NotConvergedWarning,
    NotReplicatedWarning,
    SuspectSolutionWarning,
)
from tests.cases import two_lines, two_regimes


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
@pytest.mark.parametrize("gate", ("softmax", "constant"))
def test_nothing_that_stands_on_a_few_rows_is_called_trustworthy(gate):
    # 100 rows of two experts, three fitted: spikes have the highest likelihoods.
    seen = []
    for seed in range(8):
        X, y = two_lines(100, seed) if gate == "constant" else two_regimes(100, seed)
        m = MoERegressor(3, gate, n_init=6, random_state=seed, max_iter=300).fit(X, y)
        fewest = m.expert_mass_.min() / (X.shape[1] + 1)
        weak = {suspect["expert"] for suspect in m.verdict_.suspect}
        assert weak == set(np.flatnonzero(m.expert_mass_ < 5.0 * (X.shape[1] + 1)))
        if fewest < 5.0:
            assert not m.verdict_.trustworthy
            assert m.verdict_.level in ("WEAK", "SUSPECT", "DEGENERATE", "NOT CONVERGED")
            seen.append(m.verdict_.level)
    assert len(seen) >= 3  # the rule had something to do


def test_a_good_fit_is_trustworthy_and_silent():
    X, y = two_regimes(300)
    m = MoERegressor(2, n_init=6, random_state=0).fit(X, y)
    v = m.verdict_
    assert v.trustworthy and v.level == "OK" and v.suspect == []
    assert 2 <= v.reached <= v.finished <= v.begun == 6
    assert v.sentence == f"best log-likelihood reached by {v.reached} of {v.finished} finished starts"
    assert str(v) == v.sentence
    assert v.reached == sum(start["reached"] for start in m.starts_)


def test_one_expert_has_one_maximum():
    X, y = two_regimes(50)
    m = MoERegressor(1).fit(X, y)
    assert m.verdict_.trustworthy and m.verdict_.begun == 1 and "unique" in m.verdict_.sentence


def test_one_start_cannot_be_compared():
    X, y = two_regimes(200)
    m = MoERegressor(2, n_init=1, random_state=0).fit(X, y)
    assert m.verdict_.level == "NOT REPLICATED" and not m.verdict_.trustworthy
    assert "one start cannot be compared" in m.verdict_.sentence


def test_a_best_that_was_reached_once_is_warned_of():
    # No experts at all, so that nearly every start has an optimum of its own.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 1)), rng.normal(size=400)
    with pytest.warns(NotReplicatedWarning, match="n_init"):
        m = MoERegressor(2, "constant", n_init=3, random_state=0).fit(X, y)
    assert m.verdict_.level == "NOT REPLICATED" and m.verdict_.reached == 1 and not m.verdict_.trustworthy


def spike_data(n=60, wide=1.0):
    """Noise about a line, and six rows exactly on another one."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    y = x + wide * rng.normal(size=n)
    y[:6] = 8.0 - 2.0 * x[:6] + 0.01 * rng.normal(size=6)
    return x[:, None], y


def test_a_spike_is_suspect_however_often_it_is_reached():
    X, y = spike_data()
    resp = np.column_stack([np.arange(60) >= 6, np.arange(60) < 6]).astype(float)
    with pytest.warns(SuspectSolutionWarning, match="SUSPECT"):
        m = MoERegressor(2, "constant", init=resp).fit(X, y)
    assert m.verdict_.level == "SUSPECT" and not m.verdict_.trustworthy
    (suspect,) = m.verdict_.suspect
    assert suspect["reason"] == "spike" and suspect["coefficients"] == 2
    assert suspect["rows"] == pytest.approx(m.expert_mass_[suspect["expert"]], rel=1e-6)
    assert 4.0 < suspect["rows"] < 9.0 and m.expert_scale_.min() < 0.05 * m.expert_scale_.max()
    assert f"expert {suspect['expert']} stands on" in m.verdict_.sentence


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
def test_a_regular_solution_is_preferred_to_a_spike():
    X, y = two_lines(100, 11)
    m = MoERegressor(3, "constant", n_init=12, random_state=0).fit(X, y)
    assert any(start["suspect"] for start in m.starts_) and any(start["degenerate"] for start in m.starts_)
    assert m.verdict_.level not in ("SUSPECT", "DEGENERATE")
    regular = [s["objective"] for s in m.starts_ if not (s["degenerate"] or s["suspect"])]
    assert m.objective_ == pytest.approx(max(regular), abs=1e-4)
    assert max(s["objective"] for s in m.starts_ if s["suspect"] or s["degenerate"]) > m.objective_


def test_when_every_start_collapses_the_fit_says_so():
    # Two parallel lines without noise: both experts interpolate, and the likelihood has no bound.
    x = np.linspace(-1.0, 1.0, 40)
    y = x + np.resize([0.0, 5.0], 40)
    with pytest.warns(DegenerateComponentWarning, match="collapsed"):
        m = MoERegressor(2, "constant", n_init=4, random_state=0).fit(x[:, None], y)
    assert m.verdict_.level == "DEGENERATE" and not m.verdict_.trustworthy and not m.converged_
    assert (m.verdict_.reached, m.verdict_.finished, m.verdict_.begun) == (0, 0, 4)
    assert m.status_.name == "DEGENERATE" and np.isfinite(m.predict(x[:, None])).all()


def test_too_few_passes_are_warned_of():
    X, y = two_regimes(200)
    with pytest.warns(NotConvergedWarning, match="max_iter"):
        m = MoERegressor(2, n_init=2, random_state=0, max_iter=3, tol=1e-12).fit(X, y)
    assert not m.converged_ and m.status_.name == "MAX_ITER"
    assert m.verdict_.level == "NOT CONVERGED" and not m.verdict_.trustworthy
    assert str(m.verdict_).startswith("NOT CONVERGED: ")


@pytest.mark.parametrize("max_iter", (2, 20))
@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
def test_passes_are_counted_and_limited(max_iter):
    X, y = two_regimes(100)
    m = MoERegressor(3, n_init=6, random_state=0, max_iter=max_iter, tol=1e-14).fit(X, y)
    assert m.n_iter_ <= max_iter
    assert max(start["n_iter"] for start in m.starts_) <= max_iter


def test_a_separating_gate_is_recognised():
    rng = np.random.default_rng(0)
    x = np.r_[rng.uniform(-2.0, -1.0, 40), rng.uniform(1.0, 2.0, 40)]
    y = np.where(x > 0.0, 10.0 - x, x) + 0.3 * rng.normal(size=80)
    with pytest.warns(GateSeparatedWarning, match="separates the experts perfectly"):
        m = MoERegressor(2, n_init=4, random_state=0).fit(x[:, None], y)
    assert m.gate_separated_ and np.isfinite(m.gate_coef_).all()
    assert np.allclose(m.predict_gate(x[:, None]).max(axis=1), 1.0)
    assert "separates the experts perfectly" in m.summary()
    X, y = two_regimes(200)
    assert not MoERegressor(2, n_init=4, random_state=0).fit(X, y).gate_separated_
