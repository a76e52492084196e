"""Charts as the content of PNG and SVG files, without a window, a display or a graphics card."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import vtkmodules.vtkRenderingContextOpenGL2
import vtkmodules.vtkRenderingFreeType
import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  (the three register what draws)
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOExport import vtkSVGExporter
from vtkmodules.vtkRenderingCore import vtkWindowToImageFilter
from vtkmodules.vtkViewsContext2D import vtkContextView

from QSMReconstructionCore.report.png import as_png

from .chart import SCALE, Chart

WIDTH, HEIGHT = 900, 560


class Renderer:
    """Draws one chart after the other in the same invisible window, which takes longer to make than a chart to draw."""

    def __init__(self) -> None:
        self._view = vtkContextView()
        self._window = self._view.GetRenderWindow()
        self._window.SetOffScreenRendering(True)
        self._window.SetMultiSamples(0)
        self._view.GetRenderer().SetBackground(1.0, 1.0, 1.0)

    def png(self, chart: Chart, height: int = HEIGHT) -> bytes:
        """The chart as a PNG file of `WIDTH` times `height` pixels, on white."""
        self._show(chart, height)
        image = vtkWindowToImageFilter()
        image.SetInput(self._window)
        image.ReadFrontBufferOff()
        image.Update()
        pixels = image.GetOutput()
        width, height, _ = pixels.GetDimensions()
        rows = vtk_to_numpy(pixels.GetPointData().GetScalars()).reshape(height, width, -1)[::-1, :, :3]  # from below
        blocks = rows.reshape(height // SCALE, SCALE, width // SCALE, SCALE, 3)
        return as_png(np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8))

    def svg(self, chart: Chart, height: int = HEIGHT) -> bytes:
        """The chart as an SVG file; letters are outlines, so that it looks the same without their font."""
        self._show(chart, height)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "chart.svg"
            exporter = vtkSVGExporter()
            exporter.SetRenderWindow(self._window)
            exporter.SetTitle("Chart")
            exporter.SetDescription("")
            exporter.SetTextAsPath(True)
            exporter.SetFileName(str(path))
            exporter.Write()
            return path.read_bytes()

    def _show(self, chart: Chart, height: int) -> None:
        scene = self._view.GetScene()
        scene.ClearItems()
        scene.AddItem(chart.item)
        self._window.SetSize(SCALE * WIDTH, SCALE * height)
        self._window.Render()
