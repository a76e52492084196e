"""The first estimate of the field: phase differences between successive echoes, unwrapped in space once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..acquisition import Acquisition
from ..numerics.crop import bounding_box
from ..numerics.romeo_weights import edge_weights, mean_of_incident
from ..progress import Progress, part_of
from .unwrapping import unwrap_spatially

#: Pairs of echoes count as equally spaced if their distances differ by at most this fraction.
_SAME_SPACING = 0.02


@dataclass(frozen=True, eq=False)
class UnwrappedDifferences:
    """Unwrapped phase differences of the n voxels of a mask.

    Attributes
    ----------
    inside : ndarray, bool, shape (k, j, i)
        The mask, cropped to its bounding box.
    phase : ndarray, float32, shape (k, j, i)
        Unwrapped phase gained over `interval`, in rad; 0 outside the mask.
    quality : ndarray, float32, shape (n,)
        Mean ROMEO weight of each voxel's edges inside the mask.
    interval : float
        The shortest spacing of the echoes, or the echo time of a single echo, in s.
    """

    inside: np.ndarray
    phase: np.ndarray
    quality: np.ndarray
    interval: float

    @property
    def slope(self) -> np.ndarray:
        """Phase gained per time in rad/s, float32, shape (n,)."""
        return self.phase[self.inside] / np.float32(self.interval)


#: See `unwrapped_differences`.
Unwrap = Callable[[np.ndarray, np.ndarray, np.ndarray, Progress], np.ndarray]


def along_the_tree(phase: np.ndarray, inside: np.ndarray, weights: np.ndarray, progress: Progress) -> np.ndarray:
    """Exact unwrapping of a phase in a mask along the tree of its best edges; see `unwrap_spatially`."""
    return unwrap_spatially(phase, inside, weights=weights, progress=progress)


def unwrapped_differences(
    acquisition: Acquisition, mask: np.ndarray, progress: Progress, unwrap: Unwrap = along_the_tree
) -> UnwrappedDifferences:
    """Unwrap the phase of the sum of S_{e+1} conj(S_e) over the pairs of echoes with the shortest spacing.

    Parameters
    ----------
    acquisition : Acquisition
        A single echo is unwrapped itself.
    mask : ndarray, bool, shape (k, j, i)
        Not empty.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.
    unwrap : callable
        Takes a phase and the mask, both cropped to its bounding box, the ROMEO weights of the edges, and progress;
        gives the unwrapped phase.

    Returns
    -------
    UnwrappedDifferences
    """
    box = bounding_box(mask)
    inside = mask[box]
    phase, magnitude, interval = _phase_to_unwrap(acquisition, box, part_of(progress, 0.0, 0.2))
    weights = edge_weights(phase, magnitude=magnitude)
    quality = mean_of_incident(weights, inside)[inside]
    unwrapped = unwrap(phase, inside, weights, part_of(progress, 0.2, 1.0))
    return UnwrappedDifferences(inside, unwrapped, quality, interval)


def _phase_to_unwrap(acquisition: Acquisition, box, progress: Progress) -> tuple[np.ndarray, np.ndarray, float]:
    """Phase and magnitude of the sum of echo-to-echo products over the shortest spacing, and that spacing in s."""
    times = acquisition.echo_times
    if len(times) == 1:
        return acquisition.phase[0][box], acquisition.magnitude[0][box], times[0]
    distances = np.diff(times)
    shortest = distances.min()
    real, imaginary = 0.0, 0.0
    for echo in np.flatnonzero(distances <= shortest * (1 + _SAME_SPACING)):
        progress(echo / len(times), "phase differences")
        product = acquisition.magnitude[echo][box] * acquisition.magnitude[echo + 1][box]
        difference = acquisition.phase[echo + 1][box] - acquisition.phase[echo][box]
        real = real + product * np.cos(difference)
        imaginary = imaginary + product * np.sin(difference)
    return np.arctan2(imaginary, real), np.sqrt(np.hypot(real, imaginary)), float(shortest)
