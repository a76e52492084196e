"""Pictures as RGB arrays: text and tiles. Drawn in memory, without OpenGL."""

from __future__ import annotations

import textwrap

import numpy as np
import vtkmodules.vtkRenderingFreeType  # noqa: F401  (brings the font)
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkRenderingCore import vtkTextProperty, vtkTextRenderer

_LINE_SPACING = 1.5


def write_text(picture: np.ndarray, text: str, position: tuple[int, int], size: int = 16) -> None:
    """Write one line of white text with a dark edge into a picture.

    Parameters
    ----------
    picture : ndarray, uint8, shape (height, width, 3)
        Changed in place.
    text : str
    position : (int, int)
        Left and top of the text in pixels.
    size : int
        Font size in pixels.
    """
    opacity = _rendered(text, size)
    left, top = position
    area = picture[top : top + opacity.shape[0], left : left + opacity.shape[1]]
    opacity = opacity[: area.shape[0], : area.shape[1]]
    edge = np.zeros_like(opacity)
    for shift in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)):
        edge = np.maximum(edge, np.roll(opacity, shift, (0, 1)))
    area[:] = (area * (1 - edge[..., None]) * (1 - opacity[..., None]) + 255 * opacity[..., None]).astype(np.uint8)


def text_tile(text: str, size: tuple[int, int], font_size: int = 16) -> np.ndarray:
    """A dark tile of `size` (width, height) with text, broken into lines and centered."""
    tile = np.full((size[1], size[0], 3), 24, np.uint8)
    lines = textwrap.wrap(text, max(1, round(1.7 * size[0] / font_size)), break_on_hyphens=False)
    top = round(size[1] / 2 - len(lines) * _LINE_SPACING * font_size / 2)
    for number, line in enumerate(lines):
        width = _rendered(line, font_size).shape[1]
        write_text(tile, line, ((size[0] - width) // 2, top + round(number * _LINE_SPACING * font_size)), font_size)
    return tile


def tiled(rows: list[list[np.ndarray]], gap: int = 4) -> np.ndarray:
    """Pictures of equal size side by side and below each other, black lines between them."""
    height, width, _ = rows[0][0].shape
    shape = (len(rows) * (height + gap) - gap, max(map(len, rows)) * (width + gap) - gap, 3)
    whole = np.zeros(shape, np.uint8)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            top, left = row * (height + gap), column * (width + gap)
            whole[top : top + height, left : left + width] = picture
    return whole


def _rendered(text: str, size: int) -> np.ndarray:
    """Opacity of the rendered text, from 0 to 1, cut to its size and framed by one empty pixel."""
    style = vtkTextProperty()
    style.SetFontFamilyToArial()
    style.SetFontSize(size)
    image, used = vtkImageData(), [0, 0]
    vtkTextRenderer.GetInstance().RenderString(style, text, image, used, 72)
    width, height, _ = image.GetDimensions()
    pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)
    opacity = pixels[: used[1], : used[0], 3][::-1].astype(np.float32) / 255
    return np.pad(opacity, 1)
