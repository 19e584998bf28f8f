"""A block of rows with another response: how a family is asked about a y that was not observed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from classicmoe.contracts import Array, Block, Parameters

T = TypeVar("T")


class WithResponse:
    """A block whose response is replaced; what it remembers and its scratch are its own."""

    def __init__(self, block: Block, y: Array, name: str):
        self._block, self._name = block, name
        self.gate_columns, self.expert_columns = block.gate_columns, block.expert_columns
        self.stacked, self.weight = block.stacked, block.weight
        self.offset, self.exposure = block.offset, block.exposure
        self.bounds, self.window, self.outside = block.bounds, block.window, block.outside
        self.y = y

    def scratch(self, name: str, rows: int) -> Array:
        """Return a reusable array."""
        return self._block.scratch(f"{self._name} {name}", rows)

    def once(self, name: str, params: Parameters, compute: Callable[[], T]) -> T:
        """Return ``compute()``, computed once for the block."""
        return self._block.once(f"{self._name} {name}", params, compute)

    def prepared(self, name: str, params: Parameters, compute: Callable[[], T]) -> T:
        """Return ``compute()``, computed once for these parameters."""
        return self._block.prepared(f"{self._name} {name}", params, compute)
