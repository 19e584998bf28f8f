"""How a fit ended."""

from __future__ import annotations

from enum import Enum


class Status(Enum):
    """How a fit ended, with a sentence per case."""

    CONVERGED = "The gain still to come is below the tolerance."
    MAX_ITER = "The limit on passes was reached before the stopping rule; raise max_iter or tol."
    STALLED = "No step raised the objective any more although the stopping rule was not met; rounding sets the limit."
    DEGENERATE = "An expert collapsed: its scale reached the floor or it lost its rows."
    DUPLICATE = "The start was the same as an earlier one and was not run again."
    CUT = "The short run was not among those that were carried on."
    INTERRUPTED = "The fit was interrupted before this start had ended."

    @property
    def sentence(self) -> str:
        """The sentence shown to users."""
        return self.value
