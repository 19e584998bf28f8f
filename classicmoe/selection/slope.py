"""Slope heuristics for any table of models; the rooms are in :mod:`classicmoe.slope`, below the models."""

from classicmoe.slope import (
    DimensionJump,
    JumpArea,
    Plateau,
    SlopeEstimate,
    SlopeHeuristic,
    SlopePath,
    Validation,
    ddse,
    dimension_jump,
    slope_heuristic,
    slope_path,
)

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
