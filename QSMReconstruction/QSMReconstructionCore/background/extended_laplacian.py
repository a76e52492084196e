"""The Laplacian of a field inside a mask, in a periodic volume around it: what the HARPERELLA family completes."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from ..numerics.fourier import fast_shape, forward, frequencies, inverse


class ExtendedLaplacian:
    """The seven-point Laplacian in a periodic volume that holds a mask, and its inverse.

    Parameters
    ----------
    mask : ndarray, bool, shape (k, j, i)
        In its box.
    spacing : (float, float, float)
        In mm.
    margin : float
        The volume is wider than the mask's box by this on each side, in mm.

    Attributes
    ----------
    shape : (int, int, int)
        Of the volume.
    inside : tuple of slice
        The mask's box in the volume.
    interior : ndarray, bool, of `shape`
        Voxels all whose neighbors lie in the mask: there the Laplacian is known.
    """

    def __init__(self, mask: np.ndarray, spacing: tuple[float, float, float], margin: float) -> None:
        self.shape = fast_shape(mask.shape, tuple(2 * int(np.ceil(margin / h)) for h in spacing))
        self.inside = tuple(slice(0, n) for n in mask.shape)
        self.interior = np.zeros(self.shape, dtype=bool)
        self.interior[self.inside] = scipy.ndimage.binary_erosion(mask)
        square = np.float32(0)
        for f, h in zip(frequencies(self.shape, spacing), spacing):
            square = square + ((2 * np.cos(2 * np.pi * f * h) - 2) / h**2).astype(np.float32)
        self.spacing = spacing
        self.inverse_laplacian = np.divide(1, square, out=np.zeros_like(square), where=square != 0)

    def laplacian(self, field: np.ndarray) -> np.ndarray:
        """Laplacian of a field in the mask's box where all its neighbors lie in the mask, 0 elsewhere."""
        # By differences, not by transforms, whose rounding would be that of the whole background.
        padded = np.zeros(self.shape, dtype=np.float32)
        padded[self.inside] = field
        total = np.zeros_like(padded)
        for axis, h in enumerate(self.spacing):
            step = np.roll(padded, -1, axis) - padded
            total += (step - np.roll(step, 1, axis)) / np.float32(h**2)
        return np.where(self.interior, total, np.float32(0))

    def field(self, laplacian: np.ndarray) -> np.ndarray:
        """Field of mean 0 of a Laplacian in the volume; its own adjoint. One pair of Fourier transforms."""
        spectrum = forward(laplacian)
        spectrum *= self.inverse_laplacian
        return inverse(spectrum, self.shape)
