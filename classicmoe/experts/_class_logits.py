"""Coefficients of class logits in symmetric form: free coordinates, the user's units, public names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from classicmoe.contracts import Array, Design, Response


class MultinomialParameters(NamedTuple):
    """Coefficients (K, C, p) that sum to zero over classes, the intercept first."""

    coef: Array


class ClassLogits:
    """What depends on the coefficients alone."""

    ridge: float

    def _centred(self, coef: Array) -> MultinomialParameters:
        return MultinomialParameters(coef - coef.mean(axis=1, keepdims=True))

    def penalty(self, params: MultinomialParameters) -> float:
        """Return half the ridge times the squared symmetric slopes."""
        return 0.5 * self.ridge * float(np.square(params.coef[..., 1:]).sum())

    def n_free(self, params: MultinomialParameters) -> int:
        """Return K (C - 1) p."""
        n_experts, n_classes, width = params.coef.shape
        return n_experts * (n_classes - 1) * width

    def pack(self, params: MultinomialParameters) -> Array:
        """Return the contrasts with the last class."""
        return (params.coef[:, :-1] - params.coef[:, -1:]).ravel()

    def unpack(self, vector: Array, like: MultinomialParameters) -> MultinomialParameters:
        """Return symmetric coefficients from contrasts."""
        n_experts, n_classes, width = like.coef.shape
        contrasts = vector.reshape(n_experts, n_classes - 1, width)
        return self._centred(np.concatenate([contrasts, np.zeros((n_experts, 1, width))], axis=1))

    def permute(self, params: MultinomialParameters, order: NDArray[np.intp]) -> MultinomialParameters:
        """Return the coefficients with experts in another order."""
        return MultinomialParameters(params.coef[order])

    # -- the user's units -------------------------------------------------------------------------------------------

    def to_raw(self, params: MultinomialParameters, design: Design, response: Response) -> MultinomialParameters:
        """Translate to the user's columns."""
        return MultinomialParameters(design.to_raw(params.coef))

    def from_raw(self, params: MultinomialParameters, design: Design, response: Response) -> MultinomialParameters:
        """Translate from the user's columns."""
        return self._centred(design.from_raw(params.coef))

    def attributes(self, params: MultinomialParameters) -> dict[str, Array]:
        """Return slopes (K, C, d) and intercepts (K, C) in symmetric form."""
        return {"expert_coef_": params.coef[..., 1:].copy(), "expert_intercept_": params.coef[..., 0].copy()}

    def from_attributes(self, attributes: Mapping[str, Array]) -> MultinomialParameters:
        """Rebuild the parameters from the fitted attributes, which know the number of classes."""
        parts = [attributes["expert_intercept_"][..., None], attributes["expert_coef_"]]
        return MultinomialParameters(np.concatenate(parts, axis=-1))

    def sort_keys(self, params: MultinomialParameters) -> Array:
        """Return the class probabilities where x is average, the first class first, then the coefficients."""
        average = softmax(params.coef[..., 0], axis=1)
        return np.concatenate([average, params.coef.reshape(len(average), -1)], axis=1).T
