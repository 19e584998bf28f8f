"""Steps of a softmax regression against the dense second derivative, formed row by row."""

import numpy as np
import pytest
from scipy.special import log_softmax

from classicmoe.contrasts import mm_direction, newton_direction, ridge_gradient
from classicmoe.symmetric import pack_symmetric


class Rows:
    """A softmax regression with weighted targets; everything is dense and slow."""

    def __init__(self, n, n_logits, d, seed, ridge):
        rng = np.random.default_rng(seed)
        self.x = np.column_stack([np.ones(n), rng.normal(size=(n, d))])
        self.weight, self.ridge = rng.uniform(0.5, 2.0, n), ridge
        self.target = self.weight[:, None] * rng.dirichlet(np.ones(n_logits), n)
        self.coef = rng.normal(size=(n_logits, d + 1))
        self.coef -= self.coef.mean(axis=0)
        self.slopes = np.diag([0.0] + d * [1.0])

    def value(self, coef):
        log_prob = log_softmax(self.x @ coef.T, axis=1)
        return np.sum(self.target * log_prob) - 0.5 * self.ridge * np.sum(coef[:, 1:] ** 2)

    @property
    def prob(self):
        return np.exp(log_softmax(self.x @ self.coef.T, axis=1))

    @property
    def gradient(self):
        rows = self.target - self.weight[:, None] * self.prob
        return rows.T @ self.x - ridge_gradient(self.coef, self.ridge)

    @property
    def curvature(self):
        """Packed sums over pairs, what the gates and experts gather."""
        i, j = np.triu_indices(len(self.coef), 1)
        pairs = (self.weight[:, None] * self.prob[:, i] * self.prob[:, j]).T
        return pack_symmetric(np.einsum("sr,rp,rq->spq", pairs, self.x, self.x))

    @property
    def hessian(self):
        """Minus the second derivative in all coefficients; it is singular along vectors common to all."""
        n_logits, width = self.coef.shape
        total = np.kron(np.eye(n_logits), self.ridge * self.slopes)
        for x, w, g in zip(self.x, self.weight, self.prob, strict=True):
            total += w * np.kron(np.diag(g) - np.outer(g, g), np.outer(x, x))
        return total.reshape(n_logits * width, n_logits * width)


@pytest.mark.parametrize("ridge", (0.0, 3.0))
@pytest.mark.parametrize(("n_logits", "d"), ((2, 0), (2, 3), (3, 1), (5, 2)))
def test_the_newton_step_solves_the_dense_system(n_logits, d, ridge):
    rows = Rows(60, n_logits, d, n_logits + d, ridge)
    direction = newton_direction(rows.gradient, rows.curvature, ridge)
    # The gradient has no part along common vectors, so that the pseudo-inverse gives the symmetric form.
    expected = np.linalg.pinv(rows.hessian, rcond=1e-12) @ rows.gradient.ravel()
    assert np.allclose(direction.ravel(), expected, rtol=1e-8, atol=1e-9 * np.abs(expected).max())
    assert np.abs(direction.sum(axis=0)).max() < 1e-13 * max(1.0, np.abs(direction).max())


def test_two_logits_take_the_textbook_step_of_logistic_regression():
    rows = Rows(80, 2, 2, 0, 0.0)
    prob = rows.prob[:, 0]
    step = np.linalg.solve(
        (rows.x.T * (rows.weight * prob * (1.0 - prob))) @ rows.x,
        rows.x.T @ (rows.target[:, 0] - rows.weight * prob),
    )
    direction = newton_direction(rows.gradient, rows.curvature, 0.0)
    assert np.allclose(direction[0] - direction[1], step, rtol=1e-9)


@pytest.mark.parametrize("ridge", (0.0, 3.0))
@pytest.mark.parametrize("n_logits", (2, 4))
def test_the_bound_lies_above_the_curvature_and_its_step_rises(n_logits, ridge):
    rows = Rows(60, n_logits, 2, n_logits, ridge)
    gram = (rows.x.T * rows.weight) @ rows.x
    direction = mm_direction(rows.gradient, gram, ridge)
    bound = 0.5 * gram + ridge * rows.slopes
    assert np.allclose(direction @ bound, rows.gradient, rtol=1e-9, atol=1e-10)
    rise = rows.value(rows.coef + direction) - rows.value(rows.coef)
    assert rise >= 0.5 * np.sum(direction * rows.gradient) * (1.0 - 1e-9) > 0.0
    difference = np.kron(np.eye(n_logits) - 1.0 / n_logits, bound - ridge * rows.slopes)
    difference += np.kron(np.eye(n_logits), ridge * rows.slopes) - rows.hessian
    assert np.linalg.eigvalsh(difference)[0] > -1e-10 * np.abs(bound).max()


def test_fewer_rows_than_coefficients_still_have_a_step_that_rises():
    rows = Rows(3, 3, 5, 0, 0.0)
    direction = mm_direction(rows.gradient, (rows.x.T * rows.weight) @ rows.x, 0.0)
    assert np.isfinite(direction).all()
    assert rows.value(rows.coef + direction) > rows.value(rows.coef)


def test_a_curvature_that_is_none_is_refused():
    rows = Rows(60, 3, 1, 0, 0.0)
    assert newton_direction(rows.gradient, -rows.curvature, 0.0) is None
    assert newton_direction(rows.gradient, np.full_like(rows.curvature, np.nan), 0.0) is None
