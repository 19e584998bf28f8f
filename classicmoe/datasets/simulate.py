"""Data drawn from a known mixture of experts (the model of :mod:`classicmoe.datasets.truth`)."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from classicmoe.datasets.truth import SimulatedMoE
from classicmoe.exceptions import ConfigurationError


def _array(name, value, shape):
    """Return a parameter as a float array, checked to be finite and of the shape."""
    array = np.asarray(value, dtype=np.float64)
    if array.shape != shape:
        raise ConfigurationError(f"{name} has shape {array.shape}; these settings need {shape}.")
    if not np.isfinite(array).all():
        raise ConfigurationError(f"{name} holds values that are not finite.")
    return array


def _whole(name, value):
    """Return a size as an int, checked to be a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number of at least 1, not {value!r}.")
    return int(value)


def _size(name, wanted, axis, arrays):
    """Return the number of experts or features: as asked, else as the first given array says, else 2."""
    if wanted is None:
        wanted = next((np.shape(array)[axis] for array in arrays if array is not None and np.ndim(array)), 2)
    return _whole(name, wanted)


def _draw_gate(rng, n_experts, n_features, coef, intercept, weights):
    """Gate coefficients and intercepts, given or drawn, with the last expert at zero."""
    if coef is None:
        coef = rng.normal(0.0, 1.5, size=(n_experts, n_features))
    if weights is not None:
        if intercept is not None:
            raise ConfigurationError("weights and gate_intercept say the same thing: give one of them.")
        weights = _array("weights", weights, (n_experts,))
        if weights.min() <= 0:
            raise ConfigurationError("weights must be positive.")
        intercept = np.log(weights)
    if intercept is None:
        intercept = np.zeros(n_experts)
    coef = _array("gate_coef", coef, (n_experts, n_features))
    intercept = _array("gate_intercept", intercept, (n_experts,))
    # Adding one vector to the gate of every expert changes no probability: this is the representative with a zero last.
    return coef - coef[-1], intercept - intercept[-1]


def _draw_experts(rng, n_experts, n_features, n_outputs, coef, intercept):
    """Expert coefficients (K, q, p) and intercepts (K, q), given or drawn."""
    one = n_outputs == 1
    if coef is None:
        coef = rng.uniform(-2.0, 2.0, size=(n_experts, n_outputs, n_features))
    else:
        coef = _array("expert_coef", coef, (n_experts, n_features) if one else (n_experts, n_outputs, n_features))
    if intercept is None:
        # Four apart on average and ascending in the first output, the order in which fitted experts are published.
        intercept = 4.0 * np.arange(n_experts)[:, None] + rng.uniform(-1.0, 1.0, size=(n_experts, n_outputs))
    else:
        intercept = _array("expert_intercept", intercept, (n_experts,) if one else (n_experts, n_outputs))
    return coef.reshape(n_experts, n_outputs, n_features), intercept.reshape(n_experts, n_outputs)


def _draw_covariances(rng, n_experts, n_outputs, scale, covariances):
    """Noise covariances (K, q, q) from standard deviations, from full matrices, or drawn."""
    if covariances is not None:
        if scale is not None:
            raise ConfigurationError("scale and covariances say the same thing: give one of them.")
        covariances = _array("covariances", covariances, (n_experts, n_outputs, n_outputs))
        lowest = np.linalg.eigvalsh(covariances).min()
        if lowest <= 0 or not np.allclose(covariances, np.swapaxes(covariances, 1, 2), rtol=1e-12, atol=0.0):
            raise ConfigurationError("covariances must be symmetric and positive definite.")
        return covariances
    if scale is None:
        scale = rng.uniform(0.5, 1.0, size=(n_experts, n_outputs))
    elif np.ndim(scale) == 0:
        scale = np.full((n_experts, n_outputs), scale)
    elif np.ndim(scale) == 1:
        scale = np.repeat(_array("scale", scale, (n_experts,))[:, None], n_outputs, axis=1)
    scale = _array("scale", scale, (n_experts, n_outputs))
    if scale.min() <= 0:
        raise ConfigurationError("scale must be positive.")
    return scale[:, :, None] ** 2 * np.eye(n_outputs)


def _draw_labels(rng, gate):
    """One expert per row, drawn with the row's gate probabilities (inverse of the cumulative gate)."""
    uniform = rng.random(len(gate))
    # The last column of the cumulative sum may be 1 - 1e-16: leaving it out keeps every label below K.
    return (np.cumsum(gate[:, :-1], axis=1) <= uniform[:, None]).sum(axis=1)


def make_moe_regression(
    n_samples=1000,
    n_features=None,
    n_experts=None,
    *,
    X=None,
    gate_coef=None,
    gate_intercept=None,
    weights=None,
    expert_coef=None,
    expert_intercept=None,
    scale=None,
    covariances=None,
    n_outputs=1,
    random_state=None,
):
    """Draw rows from a softmax-gated mixture of linear Gaussian experts, and return them with the truth.

    p(y | x) = sum_k softmax_k(a_k + c_k . x) N(y; b_k + B_k x, S_k). Parameters that are not given are drawn.

    Parameters
    ----------
    n_samples : int, default=1000
        Rows; ignored when `X` is given.
    n_features, n_experts : int, default=None
        p and K. None takes them from the arrays given, else 2 each.
    X : array (n, p), default=None
        Features to draw responses at; None draws them standard normal.
    gate_coef : array (K, p), default=None
        c_k; None draws them normal with standard deviation 1.5. Shifted so that the last row is zero.
    gate_intercept : array (K,), default=None
        a_k; None is zero. Shifted so that the last entry is zero.
    weights : array (K,), default=None
        Instead of `gate_intercept`: the shares of the experts at x = 0 (any positive numbers; only ratios count).
    expert_coef : array (K, p), or (K, q, p) for several outputs, default=None
        B_k; None draws them uniform on [-2, 2].
    expert_intercept : array (K,), or (K, q), default=None
        b_k; None draws 4 k + uniform on [-1, 1] for k = 0, ..., K - 1.
    scale : float, array (K,) or (K, q), default=None
        Standard deviations of the noise; None draws them uniform on [0.5, 1].
    covariances : array (K, q, q), default=None
        Instead of `scale`: full noise covariances S_k.
    n_outputs : int, default=1
        q. For one output y is (n,), for more (n, q).
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None, default=None
        Source of randomness.

    Returns
    -------
    SimulatedMoE
        A named tuple: X, y, labels, all true parameters, the log-likelihood of the rows at the truth, and the true
        ``predict_gate(X)``, ``predict_experts(X)``, ``predict(X)``, ``score_samples(X, y)`` and
        ``responsibilities(X, y)``.

    Raises
    ------
    ConfigurationError
        If a size is not a positive whole number, an array has the wrong shape, or a scale is not positive.

    Examples
    --------
    >>> from classicmoe.datasets import make_moe_regression
    >>> truth = make_moe_regression(500, n_features=3, n_experts=2, random_state=0)
    >>> truth.X.shape, truth.y.shape, truth.gate_coef.shape
    ((500, 3), (500,), (2, 3))
    >>> bool(abs(truth.score_samples(truth.X, truth.y).sum() - truth.log_likelihood) < 1e-9)
    True
    """
    rng = random_state
    if not isinstance(rng, np.random.Generator):
        seeds = check_random_state(random_state).randint(2**32, size=4, dtype=np.uint32)
        rng = np.random.default_rng(seeds)
    per_expert = (gate_coef, gate_intercept, weights, expert_coef, expert_intercept, covariances)
    n_outputs = _whole("n_outputs", n_outputs)
    n_experts = _size("n_experts", n_experts, 0, per_expert)
    n_features = _size("n_features", n_features, -1, (X, gate_coef, expert_coef))
    if X is not None and np.ndim(X) != 2:
        raise ConfigurationError(f"X must be two-dimensional (rows, features), not of shape {np.shape(X)}.")
    n_samples = _whole("n_samples", n_samples if X is None else len(X))
    X = rng.standard_normal((n_samples, n_features)) if X is None else _array("X", X, (n_samples, n_features))
    gate = _draw_gate(rng, n_experts, n_features, gate_coef, gate_intercept, weights)
    coef, intercept = _draw_experts(rng, n_experts, n_features, n_outputs, expert_coef, expert_intercept)
    covariances = _draw_covariances(rng, n_experts, n_outputs, scale, covariances)
    deviations = np.sqrt(np.einsum("kqq->kq", covariances))
    if n_outputs == 1:
        coef, intercept, deviations = coef[:, 0], intercept[:, 0], deviations[:, 0]
    y = np.empty(n_samples if n_outputs == 1 else (n_samples, n_outputs))
    labels = np.empty(n_samples, dtype=np.int64)
    truth = SimulatedMoE(X, y, labels, *gate, coef, intercept, covariances, deviations, np.nan)
    labels[:] = _draw_labels(rng, truth.predict_gate(X))
    noise = rng.standard_normal((n_samples, n_outputs))
    for k, covariance in enumerate(covariances):
        rows = labels == k
        mean = X[rows] @ coef[k].T + intercept[k]
        y[rows] = mean + (noise[rows] @ np.linalg.cholesky(covariance).T).reshape(mean.shape)
    return truth._replace(log_likelihood=float(truth.score_samples(X, y).sum()))
