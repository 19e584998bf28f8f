"""A matplotlib figure as SVG that can stand in a page beside others: no header, no metadata, no names of other places.

matplotlib numbers its elements anew in every figure, so ids are made different by a prefix; namespaces, which HTML does
not need, go, and with them the last address of the web.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_REFERENCE = re.compile(r"url\(#([^)]+)\)")
# Verdana has the widths of DejaVu Sans, by which matplotlib places text.
_FONTS = ["DejaVu Sans", "Verdana", "Geneva", "sans-serif"]
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "classicmoe",
    "font.family": "sans-serif",
    "font.sans-serif": _FONTS,
    "font.size": 9.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.edgecolor": "#555555",
    "axes.labelcolor": "#222222",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": "#222222",
    "ytick.labelcolor": "#222222",
    "legend.fontsize": 8.5,
}


@contextmanager
def canvas(width: float = 5.6, height: float = 3.7) -> Iterator[tuple[Figure, Axes]]:
    """Yield figure and axes of so many inches, with settings of its own whatever the user's are."""
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.style.context(["default", _SETTINGS]):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, figure.add_subplot()


def inline_svg(figure: Figure, prefix: str, description: str) -> str:
    """Return a figure as an ``<svg>`` element for an HTML page; call it inside :func:`canvas`.

    Parameters
    ----------
    figure : Figure
    prefix : str
        Put before every id.
    description : str
        For readers who cannot see it.
    """
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    root = ElementTree.fromstring(stream.getvalue())
    _clean(root, prefix)
    width, height = (float(root.attrib.pop(side).removesuffix("pt")) for side in ("width", "height"))
    root.attrib.pop("version", None)
    root.attrib.update(
        {
            "role": "img",
            "aria-label": description,
            "viewBox": root.attrib.get("viewBox", f"0 0 {width:g} {height:g}"),
            "style": "stroke-linejoin:round;stroke-linecap:butt",
        }
    )
    return ElementTree.tostring(root, encoding="unicode")


def _clean(element: ElementTree.Element, prefix: str) -> None:
    element.tag = _plain(element.tag)
    for child in list(element):
        # matplotlib's style sheet would hold for the whole page; what it says stands at the root instead
        if _plain(child.tag) in ("metadata", "style"):
            element.remove(child)
        else:
            _clean(child, prefix)
    for name, value in list(element.attrib.items()):
        del element.attrib[name]
        name = _plain(name)
        if name == "id":
            value = f"{prefix}-{value}"
        elif name == "href":
            value = f"#{prefix}-{value.removeprefix('#')}"
        else:
            value = _REFERENCE.sub(rf"url(#{prefix}-\1)", value)
        element.attrib[name] = value


def _plain(name: str) -> str:
    """Return a name without its namespace."""
    return name.rpartition("}")[2]
