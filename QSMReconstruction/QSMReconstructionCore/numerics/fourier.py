"""Real Fourier transforms of float32 volumes on all cores, and convolution in a padded volume that is never stored.

Transforms are `scipy.fft.rfftn` in single precision: the last axis holds only non-negative frequencies. Frequencies are
in cycles per mm along (k, j, i).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import scipy.fft

from ..cores import available_cores
from ..progress import Progress, no_progress


@dataclass
class FourierCount:
    """How many transforms ran, as `counted_ffts` counts them.

    Attributes
    ----------
    transforms : int
        Calls of `forward` and `inverse`.
    voxels : int
        Voxels that went through them, padding included.
    """

    transforms: int = 0
    voxels: int = 0

    @property
    def pairs(self) -> float:
        """Pairs of a forward and an inverse transform, whatever their sizes."""
        return self.transforms / 2

    def pairs_of(self, shape: tuple[int, int, int]) -> float:
        """Pairs of transforms of `shape` (k, j, i) that push as many voxels through."""
        return self.voxels / (2 * int(np.prod(shape)))


_COUNTS: ContextVar[tuple[FourierCount, ...]] = ContextVar("_COUNTS", default=())


@contextmanager
def counted_ffts() -> Iterator[FourierCount]:
    """Count the transforms that `forward` and `inverse` run inside a `with` block, in the thread that entered it.

    Yields
    ------
    FourierCount
        Grows while the block runs; enclosing counts grow with it. A transform of a corner counts as that of the padded
        volume. `convolve_padded` is not counted: no method of a reconstruction calls it.
    """
    count = FourierCount()
    token = _COUNTS.set((*_COUNTS.get(), count))
    try:
        yield count
    finally:
        _COUNTS.reset(token)


def count_transform(shape: tuple[int, int, int]) -> None:
    """Count a transform of `shape` in every block of `counted_ffts` around."""
    for count in _COUNTS.get():
        count.transforms += 1
        count.voxels += int(np.prod(shape))


def forward(volume: np.ndarray) -> np.ndarray:
    """Real Fourier transform over all three axes."""
    count_transform(volume.shape)
    return scipy.fft.rfftn(volume, workers=available_cores())


def inverse(spectrum: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Inverse of `forward` for a volume of `shape`. The spectrum may be overwritten."""
    count_transform(shape)
    # Axis by axis, because the transform of all three at once copies the spectrum first.
    cores = available_cores()
    spectrum = scipy.fft.ifftn(spectrum, axes=(0, 1), workers=cores, overwrite_x=True)
    return scipy.fft.irfft(spectrum, n=shape[2], axis=2, workers=cores, overwrite_x=True)


def fast_shape(shape: tuple[int, int, int], padding: tuple[int, int, int] = (0, 0, 0)) -> tuple[int, int, int]:
    """Smallest shape that holds `shape` plus `padding` and has a fast transform."""
    return tuple(scipy.fft.next_fast_len(n + p, real=True) for n, p in zip(shape, padding))


def frequencies(
    shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequencies of `forward` along (k, j, i) in cycles/mm, float32, shaped to broadcast."""
    k = np.fft.fftfreq(shape[0], spacing[0]).astype(np.float32)
    j = np.fft.fftfreq(shape[1], spacing[1]).astype(np.float32)
    i = np.fft.rfftfreq(shape[2], spacing[2]).astype(np.float32)
    return k[:, None, None], j[None, :, None], i[None, None, :]


def mean_over_frequencies(transfer: np.ndarray, shape: tuple[int, int, int]) -> float:
    """Mean of an even transfer function over all frequencies of `shape`, of which `forward` keeps about half.

    It is also the value that the convolution with it leaves of a single voxel.
    """
    counts = np.full(transfer.shape[2], 2.0)
    counts[0] = 1
    if shape[2] % 2 == 0:
        counts[-1] = 1
    return float(transfer.sum(axis=(0, 1), dtype=np.float64) @ counts / np.prod(shape))


def convolve_padded(
    volume: np.ndarray,
    spacing: tuple[float, float, float],
    transfer: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    *,
    factor: float = 2.0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Multiply the spectrum of a volume by a transfer function as if the volume were zero-padded on all sides.

    Parameters
    ----------
    volume : ndarray, float32, shape (k, j, i)
    spacing : (float, float, float)
        In mm.
    transfer : callable
        Takes frequencies along (k, j, i), broadcastable and in cycles/mm, and gives the real transfer function there.
    factor : float
        Length of the padded volume over that of the volume, at least 1.
    progress : callable
        See `progress`.

    Returns
    -------
    ndarray, float32, shape (k, j, i)

    Notes
    -----
    The transform runs axis by axis, and along the first two axes in slabs of a few frequencies of the last, so only one
    axis at a time is stored padded: about `2 * factor` volumes of memory where a padded transform takes
    `2 * factor ** 3`, and a third less time because zeros are not transformed.
    """
    padded = tuple(scipy.fft.next_fast_len(int(np.ceil(factor * n)), real=True) for n in volume.shape)
    fk, fj, fi = frequencies(padded, spacing)
    cores = available_cores()
    spectrum = scipy.fft.rfft(volume.astype(np.float32, copy=False), n=padded[2], axis=2, workers=cores)
    slab = 16
    for start in range(0, spectrum.shape[2], slab):
        part = np.ascontiguousarray(spectrum[:, :, start : start + slab])
        part = scipy.fft.fft(part, n=padded[1], axis=1, workers=cores, overwrite_x=True)
        part = scipy.fft.fft(part, n=padded[0], axis=0, workers=cores, overwrite_x=True)
        part *= transfer(fk, fj, fi[:, :, start : start + slab])
        part = scipy.fft.ifft(part, axis=0, workers=cores, overwrite_x=True)[: volume.shape[0]]
        part = scipy.fft.ifft(part, axis=1, workers=cores, overwrite_x=True)[:, : volume.shape[1]]
        spectrum[:, :, start : start + slab] = part
        progress(min(start + slab, spectrum.shape[2]) / spectrum.shape[2], "field of the sources")
    return scipy.fft.irfft(spectrum, n=padded[2], axis=2, workers=cores, overwrite_x=True)[:, :, : volume.shape[2]]
