"""Which model: grids of mixtures of experts, ranked by one criterion with all others beside it."""

from classicmoe.selection.comparable import compare
from classicmoe.selection.selector import MoESelector

__all__ = ["MoESelector", "compare"]
