"""What an atlas is registered to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from QSMReconstructionCore.grid import Grid


@dataclass(frozen=True, eq=False)
class Subject:
    """What is known of a subject, on the grid of its map.

    Attributes
    ----------
    susceptibility : ndarray, float32, shape (k, j, i)
        In ppm, 0 outside the brain.
    grid : Grid
    magnitude : ndarray, shape (k, j, i), optional
        Of a gradient echo of the same scan; a late or a combined echo shows the most.
    t1w : ndarray, optional
        A T1-weighted image of the subject, on a grid of its own.
    t1w_grid : Grid, optional
        Of `t1w`.
    brain : ndarray, bool, shape (k, j, i), optional
        Without it, where the map is not 0.
    """

    susceptibility: np.ndarray
    grid: Grid
    magnitude: np.ndarray | None = None
    t1w: np.ndarray | None = None
    t1w_grid: Grid | None = None
    brain: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name in ("susceptibility", "magnitude", "brain"):
            volume = getattr(self, name)
            if volume is not None and volume.shape != self.grid.shape:
                raise ValueError(f"{name} must have shape {self.grid.shape} (k, j, i), but got {volume.shape}.")
        if (self.t1w is None) != (self.t1w_grid is None):
            raise ValueError("t1w and t1w_grid must be given together.")
        if self.brain is None:
            object.__setattr__(self, "brain", self.susceptibility != 0)
        if not self.brain.any():
            raise ValueError("brain has no voxel: the map is 0 everywhere. Choose the map of a reconstruction.")
