"""A chart for any figure."""

from __future__ import annotations

from ..figure_data import Figure
from . import by_effect, by_group
from .chart import Chart
from .rendering import HEIGHT, Renderer

_WAYS = {
    "violin": by_group.violins,
    "scatter": by_group.scatter,
    "norm": by_group.scatter,
    "trajectory": by_group.trajectories,
    "bland_altman": by_group.agreement,
    "roc": by_effect.curves,
    "forest": by_effect.forest,
    "heat_map": by_effect.coefficients,
}
#: In pixels: a row of names, and what axes, titles and legend take.
_ROW, _MARGIN = 24, 130


def chart_of(figure: Figure) -> Chart:
    """The chart of a figure.

    Raises
    ------
    ValueError
        If the kind of the figure is none of `figure_data.FIGURES`, or nothing is in it.
    """
    if figure.kind not in _WAYS:
        raise ValueError(f"{figure.name} is a figure of kind {figure.kind!r}; choose one of {', '.join(_WAYS)}.")
    if not figure.series:
        raise ValueError(f"{figure.name} has nothing to draw. Leave it out.")
    return _WAYS[figure.kind](figure)


def height_of(figure: Figure) -> int:
    """Pixels that a figure needs: more where each row has a name."""
    rows = {"forest": lambda: figure.series[0].y.size, "heat_map": lambda: len(figure.series)}
    return height_of_rows(rows[figure.kind]()) if figure.kind in rows else HEIGHT


def height_of_rows(rows: int) -> int:
    """Pixels that so many rows of names need, with axes, titles and legend."""
    return max(HEIGHT, _MARGIN + _ROW * rows)


def png_of(figure: Figure, renderer: Renderer) -> bytes:
    """A figure as a PNG file."""
    return renderer.png(chart_of(figure), height_of(figure))


def svg_of(figure: Figure, renderer: Renderer) -> bytes:
    """A figure as an SVG file."""
    return renderer.svg(chart_of(figure), height_of(figure))
