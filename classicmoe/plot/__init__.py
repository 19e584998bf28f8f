"""Displays: compute once with ``from_estimator`` or ``from_results``, draw on any axes with ``plot(ax=None)``.

They follow scikit-learn's contract: ``plot`` keeps what it drew (``ax_``, ``figure_``, ``lines_`` ...) and returns the
display, which can be drawn again elsewhere. matplotlib is loaded when something is drawn, not before
(``pip install classicmoe[plot]``).
"""

from classicmoe.plot.blocks import BlockDisplay
from classicmoe.plot.classes import ClassDisplay
from classicmoe.plot.experts import ExpertDisplay
from classicmoe.plot.gate import GateDisplay
from classicmoe.plot.grid import GridDisplay
from classicmoe.plot.lasso_path import LassoPathDisplay
from classicmoe.plot.selection import SelectionDisplay
from classicmoe.plot.slope import SlopeDisplay
from classicmoe.plot.starts import StartsDisplay

__all__ = [
    "BlockDisplay",
    "ClassDisplay",
    "ExpertDisplay",
    "GateDisplay",
    "GridDisplay",
    "LassoPathDisplay",
    "SelectionDisplay",
    "SlopeDisplay",
    "StartsDisplay",
]
