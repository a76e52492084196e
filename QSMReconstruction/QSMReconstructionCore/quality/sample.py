"""A scan looked at in places: enough voxels for statistics, few enough for an instant."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..acquisition import Acquisition
from ..masking.robust_threshold import signal_threshold

#: Places to look at: medians over them are good to about one percent.
_PLACES = 100_000
#: Fewer places with signal than this say nothing.
_FEWEST = 200
#: Part of the magnitude of bright tissue from which on a voxel gives signal, as in the mask by threshold.
_LEVEL = 0.2
#: Neighbors are at hand this many voxels before and after each place.
_BEFORE, _AFTER = 1, 2


class Sample:
    """Voxels of a scan on a regular lattice, with their neighbors, and which of them give signal.

    Parameters
    ----------
    scan : Acquisition

    Attributes
    ----------
    scan : Acquisition
    step : int
        Distance between two places along each axis, in voxels.
    """

    def __init__(self, scan: Acquisition) -> None:
        self.scan = scan
        self.step = max(1, int(np.ceil((scan.grid.size / _PLACES) ** (1 / 3))))

    @property
    def axes(self) -> tuple[int, ...]:
        """Axes along which places have neighbors: those of a few slices have none across them."""
        return tuple(axis for axis, n in enumerate(self.scan.grid.shape) if n > _BEFORE + _AFTER)

    def at(self, volumes: np.ndarray, axis: int = 0, by: int = 0) -> np.ndarray:
        """Values at all places moved by some voxels along one of `axes`.

        Parameters
        ----------
        volumes : ndarray, shape (..., k, j, i)
        axis : int
        by : int
            From -1 to 2.

        Returns
        -------
        ndarray, shape (..., k, j, i) of the lattice
        """
        lattice = [slice(None)] * 3
        for a, n in enumerate(self.scan.grid.shape):
            shift = by if a == axis else 0
            lattice[a] = slice(None, None, self.step)
            if a in self.axes:
                lattice[a] = slice(_BEFORE + shift, n - _AFTER + shift, self.step)
        return volumes[(..., *lattice)]

    @cached_property
    def _largest(self) -> np.float32:
        return self.at(self.scan.magnitude).max() or np.float32(1)

    def magnitude_at(self, axis: int = 0, by: int = 0, echoes: slice = slice(None)) -> np.ndarray:
        """Magnitude of echoes at all places moved along an axis, as a fraction of the largest at any place."""
        return self.at(self.scan.magnitude[echoes], axis, by) / self._largest

    @cached_property
    def magnitude(self) -> np.ndarray:
        """Magnitude at all places, shape (echo, k, j, i) of the lattice, as a fraction of the largest."""
        return self.magnitude_at()

    @cached_property
    def phase(self) -> np.ndarray:
        """Phase at all places, shape as `magnitude`."""
        return self.at(self.scan.phase)

    @cached_property
    def signal(self) -> np.ndarray:
        """Which places give signal, bool, shape (k, j, i) of the lattice."""
        return self.magnitude[0] > signal_threshold(self.magnitude[0], _LEVEL)

    @property
    def tells(self) -> bool:
        """Whether enough places give signal to judge by them."""
        return np.count_nonzero(self.signal) >= _FEWEST

    @cached_property
    def positions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Index of the voxel of each place along (k, j, i), each of shape (k, j, i) of the lattice."""
        return tuple(index * self.step for index in np.indices(self.signal.shape))

    def mean_of(self, values: np.ndarray) -> float:
        """Mean over the places with signal."""
        return float(values[self.signal].mean(dtype=np.float64))

    def median_of(self, values: np.ndarray) -> float:
        """Median over the places with signal."""
        return float(np.median(values[self.signal]))
