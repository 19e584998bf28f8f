"""Text that people read: what ``summary()`` of a model, a selection or a slope heuristic returns."""

from __future__ import annotations

from html import escape


class Summary(str):
    """Text that a notebook shows as preformatted HTML."""

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    __repr__ = str.__str__
