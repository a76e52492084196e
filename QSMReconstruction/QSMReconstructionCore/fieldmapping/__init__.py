"""Field mapping: from the phase of all echoes to the total field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..numerics.crop import cropped, uncropped


@dataclass(frozen=True, eq=False)
class FieldMap:
    """Total field with what is known about its errors. All arrays have shape (k, j, i) and are 0 outside the mask.

    Attributes
    ----------
    field : ndarray, float32
        Total field relative to B0, in ppm.
    noise : ndarray, float32
        Standard deviation of `field`, in ppm.
    quality : ndarray, float32
        Coherence of the phase with its neighbours, from 0 (noise) to 1.
    residual : ndarray, float32
        Root mean square of the phase left over by the fit over the echoes, in rad.
    notes : tuple of str
        What the user should know about this field map, in sentences.
    """

    field: np.ndarray
    noise: np.ndarray
    quality: np.ndarray
    residual: np.ndarray
    notes: tuple[str, ...] = ()

    def restricted_to(self, mask: np.ndarray) -> FieldMap:
        """The same maps, 0 outside a narrower mask."""
        return self._each(lambda values: np.where(mask, values, np.float32(0)))

    def part(self, box: tuple[slice, slice, slice]) -> FieldMap:
        """The same maps in a box of the volume."""
        return self._each(lambda values: cropped(values, box))

    def whole(self, box: tuple[slice, slice, slice], shape: tuple[int, int, int]) -> FieldMap:
        """The maps of a volume of `shape` of which these are the part in a box."""
        return self._each(lambda values: uncropped(values, box, shape))

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> FieldMap:
        maps = (self.field, self.noise, self.quality, self.residual)
        return FieldMap(*(change(values) for values in maps), self.notes)
