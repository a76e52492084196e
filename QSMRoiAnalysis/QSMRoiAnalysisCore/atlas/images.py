"""Arrays on a `Grid` as images of SimpleITK, and back."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk  # noqa: N813

from QSMReconstructionCore.grid import Grid

#: World coordinates of SimpleITK are LPS, of a `Grid` RAS.
_RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])


def image_of(values: np.ndarray, grid: Grid) -> sitk.Image:
    """A scalar image with the geometry of the grid; bool becomes uint8, and floating point float32."""
    kinds = {"b": np.uint8, "f": np.float32}
    values = np.ascontiguousarray(values, dtype=kinds.get(values.dtype.kind, values.dtype))
    image = sitk.GetImageFromArray(values)
    direction = np.asarray(grid.direction)[:, ::-1] * _RAS_TO_LPS[:, None]  # columns (i, j, k), rows LPS
    image.SetSpacing(grid.spacing[::-1])
    image.SetOrigin((np.asarray(grid.origin) * _RAS_TO_LPS).tolist())
    image.SetDirection(direction.ravel().tolist())
    return image


def resampled(image: sitk.Image, onto: sitk.Image, transform: sitk.Transform, *, nearest: bool = False) -> np.ndarray:
    """Values of an image at the voxels of another, whose points the transform takes to those of the image."""
    how = sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear
    return sitk.GetArrayFromImage(sitk.Resample(image, onto, transform, how, 0.0))


def grid_of(image: sitk.Image) -> Grid:
    """The grid of an image of three dimensions."""
    direction = np.reshape(image.GetDirection(), (3, 3)) * _RAS_TO_LPS[:, None]
    origin = np.asarray(image.GetOrigin()) * _RAS_TO_LPS
    return Grid(image.GetSize()[::-1], image.GetSpacing()[::-1], tuple(map(tuple, direction[:, ::-1])), tuple(origin))
