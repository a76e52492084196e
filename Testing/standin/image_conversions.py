"""Stand-ins for the functions that turn pictures of Qt into those of VTK, grab widgets, and take screen shots."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QImage, QPixmap
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy


def _to_vtk(image: QImage, target) -> bool:
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    pixels = rows[::-1, : 4 * image.width()].reshape(-1, 4)  # the first row of VTK is the lowest
    target.SetDimensions(image.width(), image.height(), 1)
    target.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(pixels), deep=True))
    return True


def _to_qt(source, target: QImage) -> bool:
    width, height, _ = source.GetDimensions()
    pixels = vtk_to_numpy(source.GetPointData().GetScalars()).reshape(height, width, -1)[::-1]
    formats = {1: QImage.Format.Format_Grayscale8, 3: QImage.Format.Format_RGB888, 4: QImage.Format.Format_RGBA8888}
    if pixels.dtype != np.uint8 or pixels.shape[2] not in formats:
        raise ValueError(f"A picture has 1, 3 or 4 bytes per pixel, but got {pixels.shape[2]} of {pixels.dtype}")
    pixels = np.ascontiguousarray(pixels)
    target.swap(QImage(pixels.data, width, height, pixels.strides[0], formats[pixels.shape[2]]).copy())
    return True


class qMRMLUtils:
    """Turns pictures into each other."""

    qImageToVtkImageData = staticmethod(_to_vtk)
    vtkImageDataToQImage = staticmethod(_to_qt)


class ctkVTKWidgetsUtils:
    """Turns pictures into each other."""

    qImageToVTKImageData = staticmethod(_to_vtk)
    vtkImageDataToQImage = staticmethod(_to_qt)


class ctkWidgetsUtils:
    """Grabs widgets."""

    @staticmethod
    def grabWidget(widget, rectangle=None) -> QImage:
        """A picture of a widget, or of a part of it."""
        return (widget.grab() if rectangle is None else widget.grab(rectangle)).toImage()


class qMRMLScreenShotDialog:
    """Names what a screen shot shows."""

    ThreeD, Red, Yellow, Green, FullLayout = range(5)


def _grab_widget(*arguments) -> QPixmap:
    return arguments[-1].grab()  # called on the class or on an object


def install(slicer, ctk) -> None:
    """Put them where Slicer has them, also the way of Qt 4 to grab a widget, which old modules use."""
    slicer.qMRMLUtils, slicer.qMRMLScreenShotDialog = qMRMLUtils, qMRMLScreenShotDialog
    ctk.ctkWidgetsUtils, ctk.ctkVTKWidgetsUtils = ctkWidgetsUtils, ctkVTKWidgetsUtils
    QPixmap.grabWidget = _grab_widget
