"""Dense covariances of many outputs: the same sums from pairs of rows, from matrix products and by definition."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from classicmoe.covariances import Dense
from classicmoe.covariances import whitened as module
from classicmoe.gates import ConstantGate, GaussianGate
from tests.cases import StructuredExpert, block_of, case_of, random_parameters, several


@pytest.mark.parametrize("gate", (ConstantGate(), GaussianGate()), ids=str)
@pytest.mark.parametrize("blas", (1, 1000))
@pytest.mark.parametrize("q", (4, 5, 7, 12))
def test_statistics_and_density_are_those_of_the_definition(q, blas, gate, monkeypatch):
    monkeypatch.setattr(module, "BLAS", blas)
    X, y = several(q)(300, q)
    problem = case_of(gate, StructuredExpert(Dense())).problem(X, y)
    expert, block = problem.mixture.expert, block_of(problem)
    resp = np.random.default_rng(0).dirichlet(np.ones(3), 300).T.copy()
    for seed in (1, 2):  # nothing is remembered of earlier parameters
        params = random_parameters(problem, 3, seed, spread=0.2).expert
        error = block.y - expert.mean(params, block)
        sums = expert.statistics(params, block, resp)
        for k, covariance in enumerate(expert.covariances(params)):
            law = multivariate_normal(np.zeros(q), covariance)
            assert np.allclose(expert.log_density(params, block)[k], law.logpdf(error[k].T), rtol=1e-11)
        x = block.expert_columns
        for found, left, right in (
            (sums.gradient, error, np.broadcast_to(x, (3, *x.shape))),
            (sums.noise.scatter, error, error),
        ):
            expected = np.einsum("kn,kan,kbn->kab", resp, left, right)
            size = np.einsum("kn,kan,kbn->kab", resp, np.abs(left), np.abs(right))
            assert (np.abs(found - expected) <= 1e-12 * size).all()
        assert np.allclose(sums.mass, resp.sum(axis=1), rtol=1e-13)
