"""A chart with two axes, as a thin layer over vtkChartXY."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkChartsCore import vtkAxis, vtkChart, vtkChartLegend, vtkChartXY, vtkPlotPoints
from vtkmodules.vtkCommonCore import vtkDoubleArray, vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkTable
from vtkmodules.vtkRenderingContext2D import vtkPen

#: Told apart by readers with any color vision (Okabe and Ito 2008, https://jfly.uni-koeln.de/color/), best first.
PALETTE = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (0, 0, 0),
)  # fmt: skip
#: Lines that help the eye and hold no data.
GRAY = (120, 120, 120)
Color = tuple[int, int, int]

_MARKERS = (vtkPlotPoints.CIRCLE, vtkPlotPoints.DIAMOND, vtkPlotPoints.SQUARE, vtkPlotPoints.CROSS)
#: Charts are drawn this much larger than pictures, which are averaged down: VTK's own smoothing of edges blurs letters.
SCALE = 2
#: In pixels of pictures: letters stay readable where they are shown at two thirds of their size.
_LABEL_SIZE, _TITLE_SIZE = 16, 18
#: Free space between data and axes, as a part of the range of the data.
_MARGIN = 0.05
#: About so many numbers stand beside an axis.
_TICKS = 7
#: More letters than this leave no room for the chart.
_LONGEST_LABEL = 40
_LONGEST_IN_LEGEND = 80
#: The font inside VTK has Latin letters only.
_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "Δ": "delta ", "μ": "u", "σ": "sigma", "χ": "chi"}


def color_of(number: int) -> Color:
    """The color of a group by its position; colors repeat when they run out, markers less early."""
    return PALETTE[number % len(PALETTE)]


def drawable(text: str, longest: int = _LONGEST_LABEL) -> str:
    """A text with the letters that VTK can draw, on one line, at most so long.

    Letters that the font lacks become question marks instead of vanishing. A dollar sign would start a formula.
    """
    text = "".join(_GREEK.get(letter, letter) for letter in unicodedata.normalize("NFC", text))
    text = "".join(letter if letter.isprintable() else " " for letter in text.replace("$", "S"))
    text = text.encode("latin-1", "replace").decode("latin-1")
    return text if len(text) <= longest else text[: longest - 3] + "..."


class Chart:
    """Points, lines and bands on two axes; `item` is what VTK draws.

    Parameters
    ----------
    x_title, y_title : str
        With the unit, where there is one.
    """

    def __init__(self, x_title: str, y_title: str) -> None:
        self.item = vtkChartXY()
        self._columns: dict[int, list[np.ndarray]] = {vtkAxis.BOTTOM: [], vtkAxis.LEFT: []}
        for which, title in ((vtkAxis.BOTTOM, x_title), (vtkAxis.LEFT, y_title)):
            axis = self.item.GetAxis(which)
            axis.SetTitle(drawable(title, 60))
            axis.GetTitleProperties().SetFontSize(SCALE * _TITLE_SIZE)
            axis.GetLabelProperties().SetFontSize(SCALE * _LABEL_SIZE)
            axis.GetGridPen().SetColor(225, 225, 225, 255)
            axis.GetPen().SetWidth(SCALE)
            axis.GetGridPen().SetWidth(SCALE)
        legend = self.item.GetLegend()
        legend.SetInline(False)  # beside the data, never over them
        legend.SetHorizontalAlignment(vtkChartLegend.CENTER)
        legend.SetVerticalAlignment(vtkChartLegend.TOP)
        legend.SetLabelSize(SCALE * _LABEL_SIZE)
        legend.SetSymbolWidth(SCALE * 24)
        legend.SetPadding(SCALE * 5)
        legend.GetPen().SetOpacity(0)

    def points(
        self, x: np.ndarray, y: np.ndarray, color: Color, *, label: str = "", marker: int = 0, size: float = 8.0,
        opacity: float = 1.0,
    ) -> None:  # fmt: skip
        """Markers; `marker` is a position among the forms of markers, `label` what the legend says."""
        plot = self._plot(vtkChart.POINTS, (x, y), label)
        plot.SetMarkerStyle(_MARKERS[marker % len(_MARKERS)])
        plot.SetMarkerSize(SCALE * size)
        plot.SetColor(*color, round(255 * opacity))

    def line(
        self, x: np.ndarray, y: np.ndarray, color: Color, *, label: str = "", width: float = 2.0, dashed: bool = False,
        opacity: float = 1.0,
    ) -> None:  # fmt: skip
        """Points joined in their order."""
        plot = self._plot(vtkChart.LINE, (x, y), label)
        plot.SetColor(*color, round(255 * opacity))
        plot.SetWidth(SCALE * width)
        if dashed:
            plot.GetPen().SetLineType(vtkPen.DASH_LINE)

    def band(
        self, x: np.ndarray, low: np.ndarray, high: np.ndarray, color: Color, *, label: str = "", opacity: float = 0.2
    ) -> None:
        """What lies between two curves of three points or more, filled; VTK draws none of two."""
        plot = self._plot(vtkChart.AREA, (x, low, high), label)
        plot.GetBrush().SetColor(*color, round(255 * opacity))
        plot.GetPen().SetOpacity(0)

    def name_ticks(self, names: Sequence[str], *, vertical: bool = False) -> None:
        """Names in place of the numbers 0, 1, 2, ... of an axis whose limits are set."""
        which = vtkAxis.LEFT if vertical else vtkAxis.BOTTOM
        self._ticks(which, range(len(names)), names)
        self.item.GetAxis(which).SetGridVisible(vertical)

    def limit(self, low: float, high: float, *, vertical: bool = False) -> None:
        """Where an axis begins and ends, with round numbers beside it."""
        which = vtkAxis.LEFT if vertical else vtkAxis.BOTTOM
        axis = self.item.GetAxis(which)
        axis.SetBehavior(vtkAxis.FIXED)
        axis.SetRange(low, high)
        step = _round_step((high - low) / _TICKS)
        numbers = step * np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1)
        self._ticks(which, numbers, [f"{number:.6g}" for number in np.round(numbers, 12) + 0.0])

    def fit(self, *, horizontal: bool = True) -> None:
        """Limits with some space around what was drawn so far: on both axes, or on the vertical one alone."""
        for which, columns in self._columns.items():
            if which == vtkAxis.BOTTOM and not horizontal:
                continue
            values = np.concatenate([np.empty(0), *columns])
            values = values[np.isfinite(values)]
            if values.size:
                low, high = values.min(), values.max()
                space = _MARGIN * (high - low) or 0.5
                self.limit(low - space, high + space, vertical=which == vtkAxis.LEFT)

    def _ticks(self, which: int, places: Sequence[float], names: Sequence[str]) -> None:
        numbers, texts = vtkDoubleArray(), vtkStringArray()
        for place, name in zip(places, names):
            numbers.InsertNextValue(place)
            texts.InsertNextValue(drawable(name))
        self.item.GetAxis(which).SetCustomTickPositions(numbers, texts)

    def _plot(self, kind: int, columns: Sequence[np.ndarray], label: str):
        self._columns[vtkAxis.BOTTOM].append(columns[0])
        self._columns[vtkAxis.LEFT] += columns[1:]
        table = vtkTable()
        for name, values in zip("abc", columns):
            array = numpy_to_vtk(np.ascontiguousarray(values, float), deep=True)
            array.SetName(name)
            table.AddColumn(array)
        plot = self.item.AddPlot(kind)
        plot.SetInputData(table)
        for number, (name, _) in enumerate(zip("abc", columns)):
            plot.SetInputArray(number, name)
        plot.SetLabel(drawable(label, _LONGEST_IN_LEGEND) if label else " ")
        plot.SetLegendVisibility(bool(label))
        if label:
            self.item.SetShowLegend(True)
        return plot


def _round_step(step: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(step))
    return next(round_one * power for round_one in (1, 2, 5, 10) if round_one * power >= step * (1 - 1e-9))
