"""Figures of a report as inline SVG: what was measured, over what theory says."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullFormatter

from .records import Figure
from .view import printable

# Text and axes take the colour of the page, in light and in dark; this stands for it until then.
_INK = "#010203"
# Colours that are told apart on both grounds, with markers that are told apart in grey.
_BACKENDS = (("#3b7dc4", "o"), ("#d0702a", "x"), ("#3f9a63", "+"), ("#a565b5", "s"))
_STYLE: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}
_WIDTH, _HEIGHT = 4.7, 3.2
_NOT_FOR_A_PAGE = re.compile(r"<(metadata|style)\b.*?</\1>", re.DOTALL)
# Where ids are given, and where they are referred to.
_NAMES = re.compile(r'\bid="|\bhref="#|\burl\(#')


def to_svg(figure: Figure, backends: Sequence[str]) -> Markup:
    """The figure as an ``svg`` element that scales with the page.

    ``backends`` are those of the report: each looks the same in all of its figures.
    """
    with (
        mpl.rc_context({**_STYLE, "svg.hashsalt": printable(figure.id)}),
        warnings.catch_warnings(),
    ):
        # The reader's browser has the glyphs that the font used for measuring lacks.
        warnings.simplefilter("ignore")
        count = len(figure.panels)
        canvas = Canvas(figsize=(_WIDTH * count, _HEIGHT), layout="constrained")
        panels = canvas.subplots(1, count, squeeze=False)[0]
        for axes, panel in zip(panels, figure.panels, strict=True):
            _draw(axes, figure, panel, backends)
        _legend(canvas, panels)
        written = io.StringIO()
        canvas.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    return Markup(_part_of_a_page(written.getvalue(), figure.id))


def _part_of_a_page(document: str, identifier: str) -> str:
    """The ``svg`` element: no style for the whole page, ids of its own, the ink of the page."""
    element = _NOT_FOR_A_PAGE.sub("", document[document.index("<svg") :])
    own = hashlib.sha256(printable(identifier).encode()).hexdigest()[:8]
    return _NAMES.sub(rf"\g<0>{own}-", element).replace(_INK, "currentColor")


def _draw(axes: Axes, figure: Figure, panel: dict[str, Any], backends: Sequence[str]) -> None:
    if panel["map"] is not None:
        _map(axes, panel["map"])
    for line in panel["lines"]:
        _line(axes, line, backends)
    texts = {"title": panel["title"], "xlabel": figure.x_label, "ylabel": figure.y_label}
    axes.set(**{name: printable(text) for name, text in texts.items()})
    axes.set(xscale=figure.x_scale, yscale=figure.y_scale)
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_major_formatter(lambda value, place: f"{value:g}")
            axis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.03)


def _legend(canvas: Canvas, panels: Sequence[Axes]) -> None:
    """One for all panels, below them."""
    found: dict[str, Any] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        found.update(zip(labels, handles, strict=True))
    canvas.legend(
        found.values(), found.keys(), loc="outside lower center", ncols=2 + 2 * len(panels)
    )


def _map(axes: Axes, grid: dict[str, Any]) -> None:
    """Filled contours of a factor per step: below 1 it converges, the darker the faster."""
    levels = [0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0]
    shades = [f"#3b7dc4{alpha}" for alpha in ("90", "78", "60", "48", "30", "18")]
    values = [[_finite(each) for each in row] for row in grid["values"]]
    axes.contourf(grid["x"], grid["y"], values, levels=levels, colors=shades)


def _finite(value: Any) -> float:
    """A number; what overflowed is far above the last contour."""
    return float(value) if isinstance(value, (int, float)) else 1e9


def _line(axes: Axes, line: dict[str, Any], backends: Sequence[str]) -> None:
    if line["role"] == "measured":
        place = backends.index(line["label"]) if line["label"] in backends else len(backends)
        color, marker = _BACKENDS[place % len(_BACKENDS)]
        axes.plot(
            *(line["x"], line["y"]),
            linestyle="none",
            marker=marker,
            markersize=5,
            markerfacecolor="none",
            color=color,
            clip_on=False,
            label=printable(line["label"]),
        )
        return
    style = "-" if line["role"] == "theory" else "--"
    axes.plot(line["x"], line["y"], style, color=_INK, linewidth=1, label=printable(line["label"]))
