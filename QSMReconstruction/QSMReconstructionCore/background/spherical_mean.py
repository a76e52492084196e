"""Spherical mean values inside a mask: what SHARP's relatives with a single radius share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..numerics.depth import depth_inside
from ..numerics.fourier import fast_shape, forward, inverse
from ..numerics.sphere import sphere_spectrum, sphere_weights


class SphericalMean:
    """Mean over the sphere around each voxel, where that sphere lies in the mask.

    Parameters
    ----------
    mask : ndarray, bool, shape (k, j, i)
    spacing : (float, float, float)
        In mm.
    radius : float
        Of the sphere, in mm.

    Attributes
    ----------
    interior : ndarray, bool, shape (k, j, i)
        Voxels whose sphere lies in the mask.
    spectrum : ndarray, float32
        Fourier transform of the sphere.

    Raises
    ------
    ValueError
        If the sphere is smaller than a voxel or fits nowhere into the mask.

    Notes
    -----
    The transforms need no padding: what they wrap around never reaches the interior.
    """

    def __init__(self, mask: np.ndarray, spacing: tuple[float, float, float], radius: float) -> None:
        self.interior = sphere_fits(mask, spacing, radius)
        self.shape = fast_shape(mask.shape, (2, 2, 2))  # the sphere's array has a rim of zeros
        self.spectrum = sphere_spectrum(radius, self.shape, spacing)

    def departure(self, field: np.ndarray) -> np.ndarray:
        """The field minus its spherical mean in the interior, 0 elsewhere.

        One pair of Fourier transforms. For fields that are 0 outside the interior this operator is symmetric and
        positive.
        """
        return np.where(self.interior, self._departure(field), np.float32(0))

    def adjoint_departure(self, field: np.ndarray) -> np.ndarray:
        """The adjoint of `departure`. One pair of Fourier transforms."""
        return self._departure(np.where(self.interior, field, np.float32(0)))

    def _departure(self, field: np.ndarray) -> np.ndarray:
        return field - self.filtered(field, self.spectrum)

    def filtered(self, field: np.ndarray, transfer: np.ndarray) -> np.ndarray:
        """A field whose spectrum is multiplied by a real transfer function on the frequencies of `spectrum`."""
        padded = np.zeros(self.shape, dtype=np.float32)
        inside = tuple(slice(0, n) for n in field.shape)
        padded[inside] = field
        spectrum = forward(padded)
        spectrum *= transfer
        return inverse(spectrum, self.shape)[inside]


def sphere_fits(mask: np.ndarray, spacing: tuple[float, float, float], radius: float) -> np.ndarray:
    """Voxels around which a sphere lies in the mask.

    Parameters
    ----------
    mask : ndarray, bool, shape (k, j, i)
    spacing : (float, float, float)
        In mm.
    radius : float
        Of the sphere, in mm.

    Returns
    -------
    ndarray, bool, shape (k, j, i)

    Raises
    ------
    ValueError
        If the sphere is smaller than a voxel or fits nowhere into the mask.
    """
    if radius < 0.8 * min(spacing):
        raise ValueError(
            f"radius must be at least {0.8 * min(spacing):g} mm for voxels of {min(spacing):g} mm, but got "
            f"{radius:g} mm: the mean over a smaller sphere is the value itself."
        )
    depth, _ = depth_for_spheres(mask, spacing, [radius])
    return depth > sphere_reach(radius, spacing)


def depth_for_spheres(
    mask: np.ndarray, spacing: tuple[float, float, float], radii: Sequence[float]
) -> tuple[np.ndarray, list[float]]:
    """How deep voxels lie in a mask, and which spheres fit into it somewhere.

    Parameters
    ----------
    mask : ndarray, bool, shape (k, j, i)
        Cropped to its box: beyond, all is outside.
    spacing : (float, float, float)
        In mm.
    radii : sequence of float
        Of the spheres, in mm.

    Returns
    -------
    depth : ndarray, float32, shape (k, j, i)
        In mm. A sphere lies in the mask where this exceeds its `sphere_reach`.
    fitting : list of float
        Those of the radii that fit, in the same order.

    Raises
    ------
    ValueError
        If no sphere fits anywhere.
    """
    depth = depth_inside(mask, spacing, border_is_outside=True)
    deepest = depth.max()
    fitting = [radius for radius in radii if deepest > sphere_reach(radius, spacing)]
    if not fitting:
        raise ValueError(
            f"No sphere of radius {min(radii):g} mm fits into the mask, whose deepest voxel lies {deepest:g} mm from "
            "its edge. Choose a smaller radius or a larger mask."
        )
    return depth, fitting


def sphere_reach(radius: float, spacing: tuple[float, float, float]) -> np.float32:
    """How far the voxels of a sphere reach from its middle, in mm.

    In single precision as depths are, or equal distances would differ by rounding.
    """
    return np.float32(sphere_weights(radius, spacing)[1])
