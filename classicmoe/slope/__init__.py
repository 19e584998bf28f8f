r"""Slope heuristics: select a model by a penalty whose constant is read off the data.

Models m with complexity :math:`C_m`, minimised contrast :math:`g_m` and penalty shape :math:`p_m` are compared by
:math:`g_m + \kappa p_m`. For large models :math:`g_m \approx \text{const} - \kappa_{\min}\, p_m`, and the optimal
constant is about :math:`2 \kappa_{\min}`. :func:`dimension_jump` finds :math:`\kappa_{\min}` where the complexity of
the chosen model falls most, :func:`ddse` as the slope of a resistant regression; :func:`slope_heuristic` asks both. All
take plain columns, of whatever models; users import them from :mod:`classicmoe.selection.slope`.
"""

from classicmoe.slope.both import SlopeHeuristic, slope_heuristic
from classicmoe.slope.estimate_result import Plateau, SlopeEstimate
from classicmoe.slope.jump import dimension_jump
from classicmoe.slope.jump_result import DimensionJump, JumpArea
from classicmoe.slope.path import SlopePath, slope_path
from classicmoe.slope.regressions import ddse
from classicmoe.slope.validation import Validation

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
