"""Figures whose points are results: ROC curves, forests and maps of coefficients."""

from __future__ import annotations

import numpy as np

from ..figure_data import Figure
from .chart import GRAY, Chart, Color, color_of

#: From blue over white to red-brown, told apart with any color vision (ends of the palette).
_NEGATIVE, _POSITIVE = (0, 114, 178), (213, 94, 0)
#: Coefficients that the legend of a map shows.
_KEY = (-1.0, -0.5, 0.0, 0.5, 1.0)
_UNKNOWN = (200, 200, 200)


def curves(figure: Figure) -> Chart:
    """A curve for each measure, and the diagonal of chance."""
    chart = Chart(figure.x_title, figure.y_title)
    chart.line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), GRAY, width=1.5, dashed=True)
    for number, one in enumerate(figure.series):
        chart.line(one.x, one.y, color_of(number), label=one.name, width=3)
    chart.limit(0, 1)
    chart.limit(0, 1, vertical=True)
    return chart


def forest(figure: Figure) -> Chart:
    """An estimate and its interval in each line, the first on top."""
    (one,) = figure.series
    chart = Chart(figure.x_title, figure.y_title)
    places = np.arange(one.y.size, dtype=float)[::-1]
    chart.line(np.zeros(2), np.array([-0.6, one.y.size - 0.4]), GRAY, width=1.5, dashed=True)
    for place, low, high in zip(places, one.low, one.high):
        if np.isfinite(low) and np.isfinite(high):
            chart.line(np.array([low, high]), np.array([place, place]), color_of(0), width=2.5)
    known = np.isfinite(one.y)
    chart.points(one.y[known], places[known], color_of(0), marker=2, size=9)
    chart.fit()
    chart.limit(-0.6, one.y.size - 0.4, vertical=True)
    chart.name_ticks(one.labels[::-1], vertical=True)
    return chart


def coefficients(figure: Figure) -> Chart:
    """A field for each row and column, colored by its coefficient from -1 to 1; gray where there is none."""
    chart = Chart(figure.x_title, figure.y_title)
    rows = figure.series[::-1]
    for place, row in enumerate(rows):
        for column, value in enumerate(row.y):
            _field(chart, column, place, _color(value))
    for value in _KEY:
        nowhere = np.linspace(-9, -8, 3)  # outside of the axes: for the legend alone
        chart.band(nowhere, nowhere, nowhere + 1, _color(value), label=f"{value:g}", opacity=1.0)
    chart.limit(-0.5, len(rows[0].y) - 0.5)
    chart.limit(-0.5, len(rows) - 0.5, vertical=True)
    chart.name_ticks(rows[0].labels)
    chart.name_ticks([row.name for row in rows], vertical=True)
    return chart


def _field(chart: Chart, column: int, place: int, color: Color) -> None:
    x = np.linspace(column - 0.48, column + 0.48, 3)
    chart.band(x, np.full(3, place - 0.48), np.full(3, place + 0.48), color, opacity=1.0)


def _color(value: float) -> Color:
    if not np.isfinite(value):
        return _UNKNOWN
    end, share = (_POSITIVE if value > 0 else _NEGATIVE), min(abs(value), 1.0)
    return tuple(round(255 + share * (channel - 255)) for channel in end)
