"""Numba-jitted loops over plain arrays; the one lazy door to Numba.

Nothing here is compiled, and Numba is not imported, before a floor above writes ``kernels.<room>.<function>(...)``.
A kernel knows no model. Each kernel calls only kernels of its own file: Numba's on-disk cache does not notice
that a helper in another file has changed.
"""

from importlib import import_module
from types import ModuleType

ROOMS = (
    "activation",
    "blocks",
    "descent",
    "diagonal",
    "gaussian",
    "mixture",
    "moments",
    "multinomial",
    "rows",
    "softmax",
    "whitened",
)


def __getattr__(name: str) -> ModuleType:
    """Import a room of kernels on first use (PEP 562)."""
    if name in ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
