"""Exact spatial phase unwrapping: every voxel keeps its phase but for whole turns."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion, find_objects, generate_binary_structure
from scipy.spatial import cKDTree

from ..acquisition import checked_mask
from ..numerics.romeo_weights import edge_weights
from ..numerics.spanning_tree import SpanningForest, spanning_forest
from ..progress import Progress, no_progress, part_of

_TWO_PI = 2 * np.pi

#: Voxels of a separate part count as facing the main part up to this much farther away than the nearest one.
_FACING = 1.5


def unwrap_spatially(
    phase: np.ndarray,
    mask: np.ndarray,
    *,
    magnitude: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Unwrap the phase of a volume along the tree of its most trustworthy edges (ROMEO).

    Parameters
    ----------
    phase : ndarray, shape (k, j, i)
        Wrapped phase in rad.
    mask : ndarray, bool, shape (k, j, i)
        The voxels to unwrap.
    magnitude : ndarray, shape (k, j, i), optional
        Magnitude belonging to the phase, for the weights.
    weights : ndarray, float32, shape (3, k, j, i), optional
        Weight of the edge from each voxel to the next one along axis k, j, i. From `edge_weights` of the phase and
        magnitude by default.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        The phase plus whole turns of 2 pi, 0 outside the mask.

    Raises
    ------
    ValueError
        If a shape does not fit or the mask is empty.
    Cancelled
        If `progress` raised it.

    Notes
    -----
    Exact wherever neighbours differ by less than pi along the tree; of all trees, the minimum spanning tree makes the
    worst edge between any two voxels as good as can be. Whole turns of everything are unknowable: the median over the
    largest connected part is put within [-pi, pi]. Every other part is moved by the number of turns that brings it
    closest to the largest one across the gap, where the two face each other.

    References
    ----------
    Dymerska B et al. Phase unwrapping with a rapid opensource minimum spanning tree algorithm (ROMEO). Magn Reson Med
    2021;85:2294-2308. doi: 10.1002/mrm.28563
    """
    if phase.ndim != 3:
        raise ValueError(f"phase must have the shape (k, j, i) of one volume, but got {phase.shape}.")
    mask = checked_mask(mask, phase.shape)
    if weights is not None and weights.shape != (3, *phase.shape):
        raise ValueError(f"weights must have the shape {(3, *phase.shape)}, but got {weights.shape}.")
    box = bounding_box(mask)
    inside = mask[box]
    if weights is None:
        progress(0.0, "weighing edges")
        weights = edge_weights(phase[box], magnitude=None if magnitude is None else magnitude[box])
    else:
        weights = weights[(slice(None), *box)]
    forest = spanning_forest(inside, weights, progress=part_of(progress, 0.2, 0.8))
    progress(0.8, "unwrapping along the tree")
    values = phase[box][inside].astype(np.float32, copy=False)
    turns = _turns_along(forest, values)
    turns += _turns_between_parts(forest, values, turns, inside)
    unwrapped = np.zeros(phase.shape, np.float32)
    unwrapped[box][inside] = values + np.float32(_TWO_PI) * turns
    progress(1.0, "unwrapped")
    return unwrapped


def bounding_box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    """Slices of the smallest box that holds all voxels of a mask that is not empty."""
    return find_objects(mask.view(np.uint8))[0]


def _turns_along(forest: SpanningForest, values: np.ndarray) -> np.ndarray:
    """Whole turns to add to each node so that no edge of the forest steps by more than pi."""
    ordered = values[forest.order]
    steps = np.rint((ordered[forest.parent] - ordered) * np.float32(1 / _TWO_PI)).astype(np.int32)
    turns = np.empty_like(steps)
    turns[forest.order] = forest.sums_from_root(steps)
    return turns


def _turns_between_parts(
    forest: SpanningForest, values: np.ndarray, turns: np.ndarray, mask: np.ndarray
) -> np.ndarray | np.int32:
    """Whole turns to add to each node so that the parts of the mask fit together and the largest lies near 0."""
    size = np.bincount(forest.component)
    main = int(size.argmax())
    unwrapped = values + np.float32(_TWO_PI) * turns
    overall = -np.rint(np.median(unwrapped[forest.component == main]) / _TWO_PI).astype(np.int32)
    if size.size == 1:
        return overall

    surface = mask & ~binary_erosion(mask, generate_binary_structure(3, 1))
    places = np.argwhere(surface)
    nodes = np.flatnonzero(surface[mask])
    part = forest.component[nodes]
    other = part != main
    distance, nearest = cKDTree(places[~other]).query(places[other])
    gap = unwrapped[nodes[~other]][nearest] - unwrapped[nodes[other]]
    part = part[other]
    closest = np.full(size.size, np.inf)
    np.minimum.at(closest, part, distance)
    facing = distance <= closest[part] + _FACING
    between = np.rint(_medians(part[facing], gap[facing], size.size) / _TWO_PI).astype(np.int32)
    return overall + between[forest.component]


def _medians(group: np.ndarray, values: np.ndarray, groups: int) -> np.ndarray:
    """Median of the values of each group (the upper one of an even number), 0 where a group has none."""
    order = np.lexsort((values, group))
    count = np.bincount(group, minlength=groups)
    middle = np.cumsum(count) - count + count // 2
    result = np.zeros(groups)
    result[count > 0] = values[order[middle[count > 0]]]
    return result
