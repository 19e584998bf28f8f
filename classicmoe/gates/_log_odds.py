"""What gates of log-odds have in common: nothing that could collapse, no units, slopes as a table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array, Design, Ground, Parameters


class LogOdds:
    """A gate whose fitted attributes are intercepts and slopes and that does not model x."""

    joint = False
    damped = False

    def at_floor(self, params: Parameters, ground: Ground) -> NDArray[np.bool_]:
        """Return False for every expert: there is nothing here that can collapse."""
        return np.zeros(len(params[0]), dtype=bool)

    def log_units(self, design: Design) -> float:
        """Return 0: probabilities of experts have no units."""
        return 0.0

    def rows(self, attributes: Mapping[str, Array], names: list[str]) -> list[tuple[str, Array]]:
        """Return intercepts and slopes as rows of a table."""
        values = np.column_stack([attributes["gate_intercept_"], attributes["gate_coef_"]])
        return list(zip(["(intercept)", *names], values.T, strict=False))

    def meaning(self, attributes: Mapping[str, Array]) -> str:
        """Return what the numbers of :meth:`rows` are."""
        symmetric = attributes["gate_intercept_"][-1] or attributes["gate_coef_"][-1:].any()
        if symmetric:
            return "symmetric form, as penalised: rows sum to zero"
        return "log-odds against the expert whose column is zero"

    def influence(self, attributes: Mapping[str, Array]) -> Array:
        """Return how much one unit of each column matters, (p_gate,)."""
        return np.ptp(attributes["gate_coef_"], axis=0)
