"""Logits of a block of rows turned into log-probabilities, for the gates that have a softmax."""

from __future__ import annotations

import numpy as np

from classicmoe import kernels
from classicmoe.contracts import Array


def log_softmax(logits: Array, prob: Array, total: Array, log_total: Array, parts: list[slice]) -> None:
    """Turn logits into log-probabilities, in place, and write the probabilities; each part sums to one.

    ``total`` and ``log_total`` (number of parts, m) are scratch. All exponentials are one call.
    """
    for top, part in zip(total, parts, strict=True):
        kernels.softmax.shift(logits[part], top)
    np.exp(logits, out=prob)
    for out, part in zip(total, parts, strict=True):
        kernels.mixture.sum_over_experts(prob[part], out)
    np.log(total, out=log_total)
    for i, part in enumerate(parts):
        kernels.softmax.normalise(logits[part], prob[part], total[i], log_total[i])
