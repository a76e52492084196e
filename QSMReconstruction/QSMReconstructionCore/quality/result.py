"""Maps looked at: those of a reconstruction, or of a quick preview, in the box of the brain."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..acquisition import Acquisition
from ..background import LocalField
from ..background.vsharp import vsharp
from ..contrasts.r2star import arlo
from ..fieldmapping import FieldMap
from ..fieldmapping.romeo_linear import romeo_linear
from ..grid import Grid
from ..inversion.tkd import tkd
from ..masking.brain_extraction import brain_extraction
from ..numerics.crop import bounding_box
from ..numerics.depth import depth_inside

if TYPE_CHECKING:
    from ..reconstruction import Reconstruction

#: Distance of the voxels of a preview, in mm: as far apart as the sign of iron-rich nuclei and veins allows.
_PREVIEW = 4.0


class Result:
    """Maps and the scan they came from, in the smallest box of voxels around the brain.

    Parameters
    ----------
    scan : Acquisition
    grid : Grid
        Geometry of the maps.
    mask : ndarray, bool, shape (k, j, i)
        The brain.
    field_map : FieldMap
    local_field : LocalField
    susceptibility : ndarray, float32
        In ppm.
    r2star : ndarray, float32, or None
        In 1/s; None for a single echo.

    Attributes
    ----------
    box : tuple of slice
        The box; all arrays of a result have its shape.
    """

    def __init__(
        self,
        scan: Acquisition,
        grid: Grid,
        mask: np.ndarray,
        field_map: FieldMap,
        local_field: LocalField,
        susceptibility: np.ndarray,
        r2star: np.ndarray | None,
    ) -> None:
        self.scan, self.grid, self.spacing = scan, grid, grid.spacing
        self.box = bounding_box(mask, (1, 1, 1))
        self.mask, self.local_mask = mask[self.box], local_field.mask[self.box]
        self.total_field, self.local_field = field_map.field[self.box], local_field.field[self.box]
        self.coherence, self.residual = field_map.quality[self.box], field_map.residual[self.box]
        self.susceptibility = susceptibility[self.box]
        self.r2star = None if r2star is None else r2star[self.box]

    @classmethod
    def of(cls, reconstruction: Reconstruction, scan: Acquisition) -> Result:
        """The maps of a reconstruction, whose grid overrides that of the scan."""
        found = reconstruction
        return cls(
            scan, found.grid, found.mask, found.field_map, found.local_field, found.susceptibility, found.r2star,
        )  # fmt: skip

    @classmethod
    def preview(cls, scan: Acquisition) -> Result:
        """Maps of a scan of which only one voxel in 4 mm is taken, in about a second.

        Raises
        ------
        ValueError
            If no brain is found in it.
        """
        step = tuple(max(1, round(_PREVIEW / spacing)) for spacing in scan.grid.spacing)
        taken = (slice(None), *(slice(None, None, s) for s in step))
        spacing = tuple(s * h for s, h in zip(step, scan.grid.spacing))
        coarse = replace(
            scan, magnitude=scan.magnitude[taken], phase=scan.phase[taken],
            grid=replace(scan.grid, shape=scan.magnitude[taken].shape[1:], spacing=spacing),
        )  # fmt: skip
        mask = brain_extraction(coarse)
        field_map = romeo_linear(coarse, mask)
        weights = np.divide(1, field_map.noise, out=np.zeros_like(field_map.noise), where=field_map.noise > 0)
        finest = min(spacing)
        local_field = vsharp(
            field_map.field, mask, coarse.grid, weights=weights, smallest_radius=finest, radius_step=finest
        )
        susceptibility = tkd(local_field.field, local_field.mask, coarse.grid)
        r2star = arlo(coarse, mask) if len(scan.echo_times) > 1 else None
        return cls(coarse, coarse.grid, mask, field_map, local_field, susceptibility, r2star)

    def magnitude(self, echo: int) -> np.ndarray:
        """Magnitude of an echo."""
        return self.scan.magnitude[(echo, *self.box)]

    @cached_property
    def depth(self) -> np.ndarray:
        """Distance to the nearest voxel outside the brain, in mm; 0 there. The border of the volume does not count."""
        return depth_inside(self.mask, self.spacing)

    @cached_property
    def local_depth(self) -> np.ndarray:
        """As `depth`, for where the local field is known."""
        return depth_inside(self.local_mask, self.spacing)

    @property
    def interval(self) -> float:
        """Shortest time between echoes, or the one echo time, in s: a turn over it is what unwrapping can get wrong."""
        times = self.scan.echo_times
        return float(np.diff(times).min()) if len(times) > 1 else times[0]
