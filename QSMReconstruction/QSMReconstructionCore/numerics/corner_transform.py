"""Fourier transforms of volumes that fill a corner of a padded volume, and are wanted in that corner only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.fft

from ..cores import of_slabs
from .fourier import count_transform

#: Planes of a head, along k or j, that a thread works on at once: their lines along the other axes fit into its cache.
_SLAB = 8


class CornerTransform:
    """Real Fourier transforms of volumes that fill the corner at [0, 0, 0] of a padded volume.

    Lines of zeros are not transformed, nor those of which nothing is wanted. The transform along k is left to what
    uses the spectrum, slab by slab: what is kept are lines, transformed along j and i only, not padded along k.

    Parameters
    ----------
    corner, shape : (int, int, int)
        Shape (k, j, i) of the corner and of the padded volume.
    """

    def __init__(self, corner: tuple[int, int, int], shape: tuple[int, int, int]) -> None:
        self.corner, self.shape = corner, shape

    def forward(self, volume: np.ndarray) -> np.ndarray:
        """Transform along j and i of a volume of the corner's shape: complex64, shape (corner k, j, i // 2 + 1)."""
        count_transform(self.shape)
        lines = np.empty((self.corner[0], self.shape[1], self.shape[2] // 2 + 1), dtype=np.complex64)

        def transform(planes: slice) -> None:
            rows = scipy.fft.rfft(volume[planes], n=self.shape[2], axis=2)
            lines[planes] = scipy.fft.fft(rows, n=self.shape[1], axis=1)

        self._of_slabs(transform, 0)
        return lines

    def completed(self, lines: np.ndarray) -> np.ndarray:
        """The whole spectrum of a volume of which `forward` gave the lines, for who filters it more than once."""
        spectrum = np.empty((self.shape[0], *lines.shape[1:]), dtype=np.complex64)

        def transform(some: slice) -> None:
            spectrum[:, some] = scipy.fft.fft(lines[:, some], n=self.shape[0], axis=0)

        self._of_slabs(transform, 1)
        return spectrum

    def filtered(self, spectrum: np.ndarray, factor: Callable[[slice], np.ndarray]) -> np.ndarray:
        """Lines of the product of a whole spectrum and a real factor, which is asked for by a slice along j."""
        lines = np.empty((self.corner[0], *spectrum.shape[1:]), dtype=np.complex64)

        def transform(some: slice) -> None:
            product = spectrum[:, some] * factor(some)
            lines[:, some] = scipy.fft.ifft(product, axis=0, overwrite_x=True)[: self.corner[0]]

        self._of_slabs(transform, 1)
        return lines

    def multiply(
        self, lines: Sequence[np.ndarray], combine: Callable[[Sequence[np.ndarray], slice], Sequence[np.ndarray]]
    ) -> None:
        """Replace what `forward` gave of some volumes by the same of what becomes of their spectra.

        Parameters
        ----------
        lines : sequence of ndarray
            From `forward`; overwritten.
        combine : callable
            Takes the spectra of all volumes at some frequencies along j, which it may overwrite, and the slice of
            these among all, and returns as many spectra there. Called in threads.
        """

        def transform(some: slice) -> None:
            spectra = [scipy.fft.fft(part[:, some], n=self.shape[0], axis=0) for part in lines]
            for part, spectrum in zip(lines, combine(spectra, some)):
                part[:, some] = scipy.fft.ifft(spectrum, axis=0, overwrite_x=True)[: self.corner[0]]

        self._of_slabs(transform, 1)

    def inverse(self, lines: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The volume, float32 of the corner's shape, that these lines belong to; overwrites them."""
        volume = np.empty(self.corner, dtype=np.float32) if out is None else out
        self.inverse_by_slabs(lines, volume.__setitem__)
        return volume

    def inverse_by_slabs(self, lines: np.ndarray, use: Callable[[slice, np.ndarray], None]) -> None:
        """As `inverse`, but hand planes along k and their values to `use`, called in threads: no volume is made."""
        count_transform(self.shape)

        def transform(planes: slice) -> None:
            rows = scipy.fft.ifft(lines[planes], axis=1, overwrite_x=True)[:, : self.corner[1]]
            use(planes, scipy.fft.irfft(rows, n=self.shape[2], axis=2)[:, :, : self.corner[2]])

        self._of_slabs(transform, 0)

    def _of_slabs(self, transform: Callable[[slice], None], axis: int) -> None:
        """Work on slabs of planes along k of the corner (0) or along j of the spectrum (1)."""
        length = (self.corner[0], self.shape[1])[axis]
        of_slabs(transform, length, _SLAB, self.shape[1 - axis] * (self.shape[2] // 2 + 1))
