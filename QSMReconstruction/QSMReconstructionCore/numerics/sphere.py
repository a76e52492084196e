"""Spheres on a voxel grid, for spherical mean values."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .even_filter import EvenFilter


@lru_cache(maxsize=32)
def sphere_weights(radius: float, spacing: tuple[float, float, float]) -> tuple[np.ndarray, float]:
    """Share of each voxel in a sphere around the middle voxel.

    Parameters
    ----------
    radius : float
        In mm.
    spacing : (float, float, float)
        Voxel size along (k, j, i), in mm.

    Returns
    -------
    weights : ndarray, float32, odd shape
        The volume of each voxel inside the sphere over that of the whole sphere; they sum to 1.
    reach : float
        Distance in mm from the middle to the farthest voxel centre with a share.

    Notes
    -----
    Voxels cut by the surface count in part, by sampling each at 5 x 5 x 5 points. A sphere of whole voxels is rough and
    on anisotropic voxels lopsided, and then the mean over it of a harmonic field is not the field in its middle.
    """
    count = [int(np.ceil(radius / h + 0.5)) for h in spacing]
    fine = 5
    axes = []
    for n, h in zip(count, spacing):
        offsets = (np.arange(-n * fine - fine // 2, n * fine + fine // 2 + 1) / fine) * h
        axes.append(offsets.astype(np.float32) ** 2)
    inside = axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None, :] <= np.float32(radius) ** 2
    blocks = inside.reshape(2 * count[0] + 1, fine, 2 * count[1] + 1, fine, 2 * count[2] + 1, fine)
    weights = blocks.sum(axis=(1, 3, 5), dtype=np.float32)
    weights /= weights.sum()
    centres = np.meshgrid(*(np.arange(-n, n + 1) * h for n, h in zip(count, spacing)), indexing="ij")
    distance = np.sqrt(sum(c**2 for c in centres))
    weights.setflags(write=False)
    return weights, float(distance[weights > 0].max())


def sphere_spectrum(
    radius: float, shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> np.ndarray:
    """Fourier transform of the sphere of `sphere_weights`, real because the sphere is symmetric.

    Returns
    -------
    ndarray, float32, on the frequencies of `fourier.forward`; 1 at zero frequency.
    """
    return sphere_filter(radius, shape, spacing).at(slice(None))


def sphere_filter(radius: float, shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> EvenFilter:
    """`sphere_spectrum` as a filter that keeps a quarter of it."""
    weights, _ = sphere_weights(radius, spacing)
    if any(w > n for w, n in zip(weights.shape, shape)):
        raise ValueError(
            f"A sphere of radius {radius:g} mm needs {weights.shape} voxels, but the volume has only {tuple(shape)}. "
            "Choose a smaller radius."
        )
    # A sphere is small, so a sum of cosines along one axis after the other costs far less than a fast transform.
    spectrum = weights.astype(np.float64)
    for n, w in zip(shape, weights.shape):
        cosines = np.cos(2 * np.pi / n * np.outer(np.arange(n // 2 + 1), np.arange(w) - w // 2))
        spectrum = np.tensordot(spectrum, cosines, axes=(0, 1))  # takes the first axis, and adds one after the others
    return EvenFilter(spectrum.astype(np.float32), shape)
