"""A chart of methods: error and cost side by side, drawn off screen by VTK."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import vtk

_ROW, _HEAD, _WIDTH = 26, 110, 1100
_COLORS = ((47, 127, 214), (214, 127, 47))


def write_bars(path: Path, names: Sequence[str], panels: Sequence[tuple[str, Sequence[float], bool]]) -> None:
    """Write horizontal bars as PNG: one row for each name, one panel for each quantity.

    Parameters
    ----------
    path : path
        The file.
    names : sequence of str
        What the bars are.
    panels : sequence of (title, values, logarithmic)
        A value for each name; NaN draws none.
    """
    view = vtk.vtkContextView()
    window = view.GetRenderWindow()
    window.SetOffScreenRendering(True)
    window.ShowWindowOff()
    window.SetMultiSamples(0)
    width, height = _WIDTH, _HEAD + _ROW * len(names)
    window.SetSize(width, height)
    view.GetRenderer().SetBackground(1, 1, 1)
    matrix = vtk.vtkChartMatrix()
    matrix.SetSize(vtk.vtkVector2i(len(panels), 1))
    matrix.SetGutter(vtk.vtkVector2f(150, 0))
    matrix.SetBorders(160, 60, 20, 40)
    view.GetScene().AddItem(matrix)
    places = vtk.vtkDoubleArray()
    labels = vtk.vtkStringArray()
    for row, name in enumerate(names):
        places.InsertNextValue(len(names) - 1 - row)  # the first name on top
        labels.InsertNextValue(name)
    for column, (title, values, logarithmic) in enumerate(panels):
        chart = matrix.GetChart(vtk.vtkVector2i(column, 0))
        _bars(chart, title, values, logarithmic, places, labels, _COLORS[column % len(_COLORS)])
    window.Render()
    grabber = vtk.vtkWindowToImageFilter()
    grabber.SetInput(window)
    grabber.ReadFrontBufferOff()
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetInputConnection(grabber.GetOutputPort())
    writer.Write()
    window.Finalize()


def _bars(chart, title: str, values: Sequence[float], logarithmic: bool, places, labels, color) -> None:
    table = vtk.vtkTable()
    lengths = vtk.vtkDoubleArray()
    lengths.SetName(title)
    # VTK's logarithmic axes leave no bars, so the logarithm is drawn and the axis labelled by hand.
    shown = [math.log10(max(value, 1.0)) if logarithmic else value for value in values]
    for value in shown:
        lengths.InsertNextValue(0.0 if math.isnan(value) else value)
    places.SetName("row")
    table.AddColumn(places)
    table.AddColumn(lengths)
    bars = chart.AddPlot(vtk.vtkChart.BAR)
    bars.SetInputData(table, 0, 1)
    bars.SetOrientation(vtk.vtkPlotBar.HORIZONTAL)
    bars.SetColor(*color, 255)
    bars.GetPen().SetColor(*color, 255)
    bars.SetWidth(0.7)
    chart.SetTitle(title)
    chart.GetTitleProperties().SetFontSize(14)
    names_axis, value_axis = chart.GetAxis(vtk.vtkAxis.LEFT), chart.GetAxis(vtk.vtkAxis.BOTTOM)
    names_axis.SetTitle("")
    value_axis.SetTitle("")
    names_axis.SetCustomTickPositions(places, labels)
    names_axis.SetBehavior(vtk.vtkAxis.FIXED)
    names_axis.SetRange(-0.6, places.GetNumberOfTuples() - 0.4)
    names_axis.SetGridVisible(False)
    value_axis.SetBehavior(vtk.vtkAxis.FIXED)
    top = max([value for value in shown if not math.isnan(value)], default=1.0)
    if logarithmic:
        top = max(math.ceil(top), 1)
        powers, texts = vtk.vtkDoubleArray(), vtk.vtkStringArray()
        for power in range(top + 1):
            powers.InsertNextValue(power)
            texts.InsertNextValue(f"{10**power}")
        value_axis.SetCustomTickPositions(powers, texts)
    value_axis.SetRange(0, top * 1.02)
