"""Gray levels: bins of equal width that number the values of a region from 1."""

from __future__ import annotations

import numpy as np

#: More levels than this make matrices that hold almost nothing but single voxels.
MOST_LEVELS = 1000

#: One of each pair of opposite steps to the 26 neighbors of a voxel.
DIRECTIONS = tuple(
    (k, j, i) for k in (-1, 0, 1) for j in (-1, 0, 1) for i in (-1, 0, 1) if (k, j, i) > (0, 0, 0)
)


def gray_levels(values: np.ndarray, bin_width: float, lowest: float | None = None) -> np.ndarray:
    """Number the bins that values lie in.

    Parameters
    ----------
    values : ndarray, shape (n,)
        At least one.
    bin_width : float
        Width of a bin, in the unit of the values.
    lowest : float, optional
        Where the first bin begins. By default, at the smallest value.

    Returns
    -------
    ndarray, int, shape (n,)
        From 1.

    Raises
    ------
    ValueError
        If the width is not positive, a value lies below the first bin, or there are more than 1000 bins.
    """
    if not (np.isfinite(bin_width) and bin_width > 0):
        raise ValueError(f"bin_width must be a positive number, but got {bin_width}.")
    start = float(values.min()) if lowest is None else float(lowest)
    # A value on a border belongs above it, also where the single precision of maps has put it a hair below.
    levels = np.floor((values - start) / bin_width + 1e-6) + 1
    if levels.min() < 1:
        raise ValueError(f"lowest is {start:g}, but the smallest value is {values.min():g}. Choose a lower one.")
    if levels.max() > MOST_LEVELS:
        raise ValueError(
            f"bin_width of {bin_width:g} gives {levels.max():.0f} gray levels; at most {MOST_LEVELS} are allowed. "
            "Choose wider bins, or check the unit of the map."
        )
    return levels.astype(np.int64)


def neighbor(levels: np.ndarray, step: tuple[int, int, int], times: int = 1) -> np.ndarray:
    """Level of the voxel that lies `times` steps away, 0 beyond the array."""
    found = np.zeros_like(levels)
    here, there = [], []
    for each, size in zip(step, levels.shape):
        shift = each * times
        here.append(slice(max(-shift, 0), max(size - max(shift, 0), 0)))
        there.append(slice(max(shift, 0), max(size + min(shift, 0), 0)))
    found[tuple(here)] = levels[tuple(there)]
    return found
