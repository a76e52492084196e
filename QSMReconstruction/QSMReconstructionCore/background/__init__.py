"""Background field removal: from the total field to the local field of the sources inside the brain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..grid import Grid
from ..numerics.crop import uncropped


@dataclass(frozen=True, eq=False)
class LocalField:
    """Field of the sources inside the mask. All arrays have shape (k, j, i) and are 0 outside the mask.

    Attributes
    ----------
    field : ndarray, float32
        Local field relative to B0, in ppm.
    mask : ndarray, bool
        Where the method could determine the local field.
    noise : ndarray, float32
        Standard deviation of `field`, in ppm.
    lost : callable, optional
        Takes a true local field of shape (k, j, i) in ppm and gives the part of it that the method takes away with the
        background. An inversion adds it for its current estimate, and so fits what the method really left.
    """

    field: np.ndarray
    mask: np.ndarray
    noise: np.ndarray
    lost: Callable[[np.ndarray], np.ndarray] | None = None

    def restricted_to(self, mask: np.ndarray) -> LocalField:
        """The same maps, 0 outside a narrower mask, without `lost`."""
        field, noise = (np.where(mask, a, np.float32(0)) for a in (self.field, self.noise))
        return replace(self, field=field, mask=self.mask & mask, noise=noise, lost=None)

    def whole(self, box: tuple[slice, slice, slice], shape: tuple[int, int, int]) -> LocalField:
        """The maps of a volume of `shape` of which these are the part in a box, without `lost`."""
        field, mask, noise = (uncropped(a, box, shape) for a in (self.field, self.mask, self.noise))
        return replace(self, field=field, mask=mask, noise=noise, lost=None)

    def distrusting(self, voxels: np.ndarray, noise: np.ndarray) -> LocalField:
        """The same field with at least the noise given, in ppm, in some voxels; unknown where that is 0."""
        known = (self.noise > 0) & (noise > 0)
        doubted = np.where(known, np.maximum(self.noise, noise), np.float32(0))
        return replace(self, noise=np.where(voxels, doubted, self.noise))

    @classmethod
    def within(
        cls,
        field: np.ndarray,
        mask: np.ndarray,
        box: tuple[slice, slice, slice],
        grid: Grid,
        weights: np.ndarray | None,
    ) -> LocalField:
        """The result of a method that leaves the noise of the field as it is, from its part in a box of the volume.

        Parameters
        ----------
        field : ndarray, float32, shape of the box
            Local field in ppm.
        mask : ndarray, bool, shape of the box
            Where it could be determined.
        box : tuple of slice
            As `numerics.crop.bounding_box` gives it.
        grid : Grid
            Of the whole volume.
        weights : ndarray, float32, shape (k, j, i), or None
            Reciprocal of the noise sd of the total field, in 1/ppm; without it the noise counts as 1.
        """
        valid = uncropped(mask, box, grid.shape)
        noise = valid.astype(np.float32)
        if weights is not None:
            noise = np.divide(1, weights, out=np.zeros_like(noise), where=valid & (weights > 0))
        return cls(uncropped(np.where(mask, field, np.float32(0)), box, grid.shape), valid, noise)


class TotalField(LocalField):
    """A total field that is handed on in place of a local one, with the background still in it."""
