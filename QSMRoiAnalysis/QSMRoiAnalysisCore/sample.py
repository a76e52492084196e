"""What the descriptors of a region look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Sample:
    """The values of one region, and what some descriptors set them in relation to.

    Attributes
    ----------
    values : ndarray, float64, shape (n,)
        In `unit`, relative to the reference; possibly none.
    unit : str
        Unit of the values: that of susceptibility, or of another map.
    voxel_volume : float
        In mm^3.
    side : {"left", "right", ""}
        Side of the region.
    noise : ndarray, float64, shape (n,), optional
        Standard deviation of the noise of each value, in `unit`.
    opposite, neighbor : ndarray, float64, optional
        Values of the region of the same structure on the other side, and of the neighbor.
    neighbor_name : str
        What the neighbor is called.
    high_iron_threshold : float
        Value beyond which a voxel belongs to the high-iron part, in `unit`; NaN where there is no norm.
    more_affected : {"left", "right", ""}
        The more affected side of the brain, where it is known.
    erosion : float
        How much was taken off the surface of the region, in mm.
    edge_distance : float
        Smallest distance of its voxels from the edge of the mask, in mm; NaN without a mask.
    weights : ndarray, float64, shape (n,), optional
        Part of each voxel that is tissue of the region.
    """

    values: np.ndarray
    unit: str
    voxel_volume: float
    side: str = ""
    noise: np.ndarray | None = None
    opposite: np.ndarray | None = None
    neighbor: np.ndarray | None = None
    neighbor_name: str = ""
    high_iron_threshold: float = _NAN
    more_affected: str = ""
    erosion: float = 0.0
    edge_distance: float = _NAN
    weights: np.ndarray | None = None

    @property
    def high_iron(self) -> np.ndarray:
        """Values of the high-iron part."""
        return self.values[self.values > self.high_iron_threshold]
