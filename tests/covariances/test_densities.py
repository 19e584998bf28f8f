"""Every structure describes a covariance: its density, solves and scales are those of the dense matrix."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from classicmoe.covariances import Block, Dense, Diagonal, Factor
from classicmoe.covariances.factor import FactorParameters

K = 3
ROWS = 40


def labels(q):
    """Partitions of q outputs, another one for each of K experts; members of a block are not neighbours."""
    return np.array([np.arange(q) % 2, np.arange(q) // 2, np.arange(q)[::-1] % 3])


def structures(q):
    """Every structure of q outputs by name."""
    table = {
        f"factor {p} {scale} {s}": Factor(p, scale, s) for p in (1, 2) for scale in ("own", "shared") for s in (0, 1)
    }
    table |= {f"diagonal {scale} {s}": Diagonal(scale, s) for scale in ("own", "shared") for s in (0, 1)}
    return table | {f"dense {scale}": Dense(scale) for scale in ("own", "shared")} | {"block": Block(labels(q))}


OVER = pytest.mark.parametrize(("name", "q"), [(name, q) for q in (1, 2, 3, 5) for name in structures(q)])


def parameters(structure, q, seed=0):
    """Parameters far from the start."""
    like = structure.start(np.ones(q), np.eye(q), K, 1e-6)
    rng = np.random.default_rng(seed)
    return structure.unpack(structure.pack(like) + 0.7 * rng.normal(size=structure.n_free(like)), like)


def log_density(structure, params, y, means):
    """Log-densities (K, n) of y (q, n) and the residuals (K, q, n), from the structure."""
    residual, out = means.reshape(-1, y.shape[1]).copy(), np.empty((K, y.shape[1]))
    structure.log_density(params, y, residual, out)
    return out, residual.reshape(means.shape)


def drawn(q, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(q, ROWS)), rng.normal(size=(K, q, ROWS))


@OVER
def test_log_density_is_that_of_the_dense_matrix(name, q):
    structure = structures(q)[name]
    params, (y, means) = parameters(structure, q), drawn(q)
    out, residual = log_density(structure, params, y, means)
    assert np.allclose(residual, y - means, rtol=1e-15, atol=0)
    for k, covariance in enumerate(structure.dense(params)):
        expected = multivariate_normal(np.zeros(q), covariance).logpdf((y - means[k]).T)
        assert np.allclose(out[k], expected, rtol=1e-11, atol=1e-11)


@OVER
def test_solves_and_scales_are_those_of_the_dense_matrix(name, q):
    structure = structures(q)[name]
    params, dense = parameters(structure, q), structure.dense(parameters(structure, q))
    right = np.random.default_rng(2).normal(size=(7, K, q, 4))
    for part in (right[0], right):
        assert np.allclose(
            structure.precision_times(params, part), np.linalg.solve(dense, part), rtol=1e-10, atol=1e-12
        )
    assert np.allclose(structure.variances(params), np.diagonal(dense, axis1=1, axis2=2), rtol=1e-14)
    unit = np.exp(np.random.default_rng(3).normal(size=q))
    rescaled = structure.dense(structure.rescale(params, unit))
    assert np.allclose(rescaled, dense * unit[:, None] * unit, rtol=1e-13, atol=0)
    order = np.array([2, 0, 1])
    assert np.array_equal(structure.dense(structure.permute(params, order)), dense[order])
    noise = dense - params.loadings @ params.loadings.transpose(0, 2, 1) if name.startswith("factor") else dense
    assert np.allclose(structure.spread(params), np.linalg.det(noise) ** (0.5 / q), rtol=1e-9)


@OVER
def test_free_coordinates_are_counted_and_shared(name, q):
    structure = structures(q)[name]
    params = parameters(structure, q)
    own = {"factor": q, "diagonal": q, "dense": q * (q + 1) // 2, "block": 0}[name.split()[0]]
    own = 1 if name.endswith(" 1") else own
    expected = own if "shared" in name else K * own
    if name == "block":
        expected = sum(int(np.sum(np.tril(row[:, None] == row))) for row in labels(q))
    if name.startswith("factor"):
        expected += K * q * structure.n_latent
    assert structure.n_free(params) == len(structure.pack(params)) == expected
    dense = structure.dense(params)
    if name.startswith("factor"):
        dense = dense - params.loadings @ params.loadings.transpose(0, 2, 1)
    if "shared" in name:
        assert np.allclose(dense, dense[0], rtol=1e-12, atol=1e-14)
    else:
        assert not np.allclose(dense[0], dense[1])
    if name.endswith(" 1"):
        assert np.allclose(dense, dense[:, :1, :1] * np.eye(q), rtol=1e-12, atol=1e-14)
    if name == "block":
        assert all((dense[k][row[:, None] != row] == 0.0).all() for k, row in enumerate(labels(q)))


@OVER
@pytest.mark.parametrize("factor", (1e100, 1e160, 1e200))
def test_rows_far_away_have_density_zero_not_nan(name, q, factor):
    structure = structures(q)[name]
    y, means = drawn(q)
    y[:, 0] = factor
    out, _ = log_density(structure, parameters(structure, q), y, means)
    assert (out[:, 0] < -1e190).all() and np.isfinite(out[:, 1:]).all()
    assert (out[:, 0] == -np.inf).all() == (factor > 1e155)


@pytest.mark.parametrize("p", (2, 3))
@pytest.mark.parametrize("scale", ("own", "shared"))
def test_a_rotation_of_the_loadings_changes_no_density(p, scale):
    structure, q = Factor(p, scale), 6
    params, (y, means) = parameters(structure, q), drawn(q)
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(K, p, p)))[0]
    turned = params._replace(loadings=params.loadings @ turn)
    assert np.abs(turned.loadings - params.loadings).max() > 0.1
    a, b = (log_density(structure, one, y, means)[0] for one in (params, turned))
    assert np.allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("spherical", (False, True))
def test_without_loadings_a_factor_is_diagonal(spherical):
    diagonal, q = Diagonal("own", spherical), 4
    params, (y, means) = parameters(diagonal, q), drawn(q)
    factor = Factor(2, "own", spherical)
    bare = FactorParameters(np.zeros((K, q, 2)), params.variance)
    a, b = log_density(diagonal, params, y, means)[0], log_density(factor, bare, y, means)[0]
    assert np.allclose(a, b, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("noise", (1e-6, 1e-3))
def test_little_noise_costs_few_digits(noise):
    # Along the loadings e'S^-1 e is 1 / noise times larger than e'Sigma^-1 e: their difference loses these digits.
    q = 5
    structure, rng = Factor(1), np.random.default_rng(5)
    params = FactorParameters(rng.normal(size=(K, q, 1)) + 2.0, np.full((K, q), noise))
    y = (params.loadings[0] * 2.0 + np.sqrt(noise) * rng.normal(size=(q, ROWS))).reshape(q, ROWS)
    out, _ = log_density(structure, params, y, np.zeros((K, q, ROWS)))
    inside = np.linalg.inv(structure.dense(params)[0])
    quadratic = np.einsum("in,ij,jn->n", y, inside, y)
    expected = -0.5 * (quadratic + np.linalg.slogdet(structure.dense(params)[0])[1] + q * np.log(2.0 * np.pi))
    assert np.allclose(out[0], expected, rtol=0.0, atol=1e-13 / noise)
