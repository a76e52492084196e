"""The map of a field whose whole turns may be wrong: how much that adds to its noise."""

from __future__ import annotations

import numpy as np
from scipy.special import erfc

from ..acquisition import Acquisition
from . import FieldMap
from .echo_differences import UnwrappedDifferences
from .echo_fit import SlopeEstimate
from .phase_offset import volume_of


def field_map_of(
    found: SlopeEstimate,
    differences: UnwrappedDifferences,
    acquisition: Acquisition,
    mask: np.ndarray,
    notes: tuple[str, ...] = (),
) -> FieldMap:
    """The field map in ppm of the slopes of the voxels of a mask.

    Parameters
    ----------
    found : SlopeEstimate
        Slopes of the n voxels of the mask with the standard deviation that noise within a turn gives them.
    differences : UnwrappedDifferences
        From which they started: a turn is one over its interval.
    acquisition : Acquisition
    mask : ndarray, bool, shape (k, j, i)
    notes : tuple of str
        What the user should know.

    Returns
    -------
    FieldMap

    Notes
    -----
    A turn is lost where noise exceeds half of it, which has the probability erfc(pi / sqrt(2) / s) if the phase gained
    over the interval has the standard deviation s, or where the voxel has come off its neighbours. Its square times
    that probability is added to the variance.
    """
    interval = np.float32(differences.interval)
    lost = erfc(np.float32(np.pi / np.sqrt(2)) / (found.deviation * interval))
    lost[_torn(found.slope, differences.inside, differences.interval)] = 1
    noise = np.hypot(found.deviation, np.float32(2 * np.pi) / interval * np.sqrt(lost))
    per_ppm = np.float32(acquisition.radians_per_ppm_second)
    maps = (found.slope / per_ppm, noise / per_ppm, differences.quality, found.residual)
    return FieldMap(*(volume_of(values, mask) for values in maps), notes)


def _torn(slope: np.ndarray, inside: np.ndarray, interval: float) -> np.ndarray:
    """Voxels that jump by more than half a turn over the interval along at least half of their edges; shape (n,)."""
    volume = volume_of(slope, inside)
    jumps, edges = np.zeros(inside.shape, np.uint8), np.zeros(inside.shape, np.uint8)
    for axis in range(3):
        ends = [np.moveaxis(a, axis, 0) for a in (volume, inside, jumps, edges)]
        edge = ends[1][1:] & ends[1][:-1]
        jump = edge & (np.abs(ends[0][1:] - ends[0][:-1]) > np.pi / interval)
        for side in (slice(1, None), slice(None, -1)):
            ends[2][side] += jump
            ends[3][side] += edge
    return (2 * jumps >= edges)[inside] & (edges[inside] > 0)
