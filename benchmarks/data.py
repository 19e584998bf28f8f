"""Data and a common start for all programs."""

import numpy as np


def regimes(n, d, k, seed=0, dtype=np.float64):
    """Return X, y and true labels of a softmax-gated mixture of linear Gaussian experts."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)).astype(dtype)
    gate = rng.normal(size=(k, d)) / np.sqrt(d) * 2.0
    coef = rng.normal(size=(k, d + 1))
    labels = np.argmax(X @ gate.T + rng.gumbel(size=(n, k)), axis=1)
    y = coef[labels, 0] + np.einsum("ij,ij->i", X, coef[labels, 1:]) + 0.7 * rng.normal(size=n)
    return X, y, labels


def count_regimes(n, d, k, seed=0):
    """Return X, y and true labels of a softmax-gated mixture of Poisson regressions."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    gate = rng.normal(size=(k, d)) / np.sqrt(d) * 2.0
    coef = 0.25 * rng.normal(size=(k, d + 1))
    coef[:, 0] = np.linspace(0.5, 3.0, k)
    labels = np.argmax(X @ gate.T + rng.gumbel(size=(n, k)), axis=1)
    log_mean = coef[labels, 0] + np.einsum("ij,ij->i", X, coef[labels, 1:])
    return X, rng.poisson(np.exp(log_mean)).astype(float), labels


def noisy_labels(labels, k, share=0.3, seed=1):
    """Return labels with a share reassigned at random: the start that all programs get."""
    rng = np.random.default_rng(seed)
    noisy = labels.copy()
    wrong = rng.random(len(labels)) < share
    noisy[wrong] = rng.integers(0, k, wrong.sum())
    return noisy
