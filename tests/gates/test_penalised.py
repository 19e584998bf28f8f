"""The penalised gate where its quadratic says next to nothing."""

import numpy as np
import pytest

from classicmoe.gates.penalised import FAR
from classicmoe.gates.softmax import SoftmaxParameters
from tests.cases import block_of
from tests.penalised import PENALISED


@pytest.mark.parametrize("penalty", ["mcp", "scad"])
def test_a_gate_that_is_certain_and_wrong_goes_back_step_by_step(penalty):
    """Slopes beyond the bend cost nothing more, certain rows bend no quadratic: its maximum is far away."""
    case = PENALISED[f"gaussian {penalty}"]
    problem = case.problem(*case.simulate(150, 0))
    gate, block = problem.mixture.gate, block_of(problem)
    coef = np.zeros((2, len(block.gate_columns)))
    coef[:, 1] = 40.0, -40.0
    params = SoftmaxParameters(coef)
    resp = np.where([[1.0], [-1.0]] * block.gate_columns[1] > 0.0, 1.0, 0.0)
    resp[:, :9] = resp[::-1, :9]
    step = gate.update(params, gate.statistics(params, block, resp), problem.ground).coef - coef
    assert 1.0 < np.linalg.norm(step, axis=1).max() < 2.0 * FAR
