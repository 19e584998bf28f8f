r"""Slope heuristics: select a model by a penalty whose constant is read off the data.

Models m with complexity :math:`C_m`, minimised contrast :math:`g_m` and penalty shape :math:`p_m` are compared by
:math:`g_m + \kappa p_m`. For large models :math:`g_m \approx \text{const} - \kappa_{\min}\, p_m`, and the optimal
constant is about :math:`2 \kappa_{\min}`. :func:`dimension_jump` finds :math:`\kappa_{\min}` where the complexity of
the chosen model falls most, :func:`ddse` as the slope of a resistant regression; :func:`slope_heuristic` asks both. All
take plain columns, of whatever models.
"""

from classicmoe.selection.slope.both import SlopeHeuristic, slope_heuristic
from classicmoe.selection.slope.estimate_result import Plateau, SlopeEstimate
from classicmoe.selection.slope.jump import dimension_jump
from classicmoe.selection.slope.jump_result import DimensionJump, JumpArea
from classicmoe.selection.slope.path import SlopePath, slope_path
from classicmoe.selection.slope.regressions import ddse
from classicmoe.selection.slope.validation import Validation

__all__ = [
    "DimensionJump",
    "JumpArea",
    "Plateau",
    "SlopeEstimate",
    "SlopeHeuristic",
    "SlopePath",
    "Validation",
    "ddse",
    "dimension_jump",
    "slope_heuristic",
    "slope_path",
]
