"""Exact spatial phase unwrapping: every voxel keeps its phase but for whole turns."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_array

from ..acquisition import checked_mask, checked_volume
from ..numerics.crop import bounding_box
from ..numerics.romeo_weights import edge_weights
from ..numerics.spanning_tree import SpanningForest, forest_of, spanning_forest
from ..progress import Progress, no_progress, part_of

_TWO_PI = 2 * np.pi

#: Voxels of two separate parts count as facing each other up to this many voxels farther apart than the closest ones.
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
    largest connected part is put within [-pi, pi]. Separate parts are moved by whole turns so that the phase steps as
    little as possible across the shortest gaps between them; across a wide gap that is a guess.

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
        if magnitude is not None:
            magnitude = checked_volume("magnitude", magnitude, phase.shape)[box]
        weights = edge_weights(phase[box], magnitude=magnitude)
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
    unwrapped = values + np.float32(_TWO_PI) * turns
    part, parts = forest.component, forest.components
    if parts > 1:
        between = _fitting_turns(part, parts, unwrapped, *_bridges(mask, part))[part]
        unwrapped += np.float32(_TWO_PI) * between
    else:
        between = np.int32(0)
    largest = part == np.bincount(part).argmax()
    return between - np.rint(np.median(unwrapped[largest]) / _TWO_PI).astype(np.int32)


def _bridges(mask: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of nodes of different parts that face each other across a gap, and their squared distance in voxels.

    Every voxel of the gap belongs to the nearest node; where neighbouring voxels belong to different parts, there is a
    bridge.
    """
    owner = np.full(mask.shape, -1, np.int32)
    owner[mask] = np.arange(part.size, dtype=np.int32)
    nearest = distance_transform_edt(~mask, return_distances=False, return_indices=True)
    owner = owner[tuple(nearest)]
    found = []
    for axis in range(3):
        along = np.moveaxis(owner, axis, 0)
        apart = part[along[1:]] != part[along[:-1]]
        found.append(np.stack([along[:-1][apart], along[1:][apart]]))
    bridges = np.unique(np.concatenate(found, axis=1), axis=1)
    places = np.argwhere(mask)
    return bridges, ((places[bridges[0]] - places[bridges[1]]) ** 2).sum(axis=1)


def _fitting_turns(part, parts: int, unwrapped, bridges, squared_distance) -> np.ndarray:
    """Whole turns to add to each part so that the phase steps as little as possible across the shortest bridges."""
    bridges = np.where(part[bridges[0]] < part[bridges[1]], bridges, bridges[::-1])
    first, second = part[bridges]
    pairs, pair = np.unique(first.astype(np.int64) * parts + second, return_inverse=True)
    distance = np.sqrt(squared_distance)
    shortest = np.full(pairs.size, np.inf)
    np.minimum.at(shortest, pair, distance)
    facing = distance <= shortest[pair] + _FACING
    steps = (unwrapped[bridges[0]] - unwrapped[bridges[1]])[facing]
    steps = np.rint(_medians(pair[facing], steps, pairs.size) / _TWO_PI).astype(np.int64)

    ends = np.stack([pairs // parts, pairs % parts]).astype(np.int32)  # csgraph takes no other index before scipy 1.16
    forest = forest_of(csr_array((shortest, tuple(ends)), shape=(parts, parts)))
    child, parent = forest.order.astype(np.int64), forest.order[forest.parent].astype(np.int64)
    edge = np.searchsorted(pairs, np.minimum(child, parent) * parts + np.maximum(child, parent))
    step = steps[np.minimum(edge, pairs.size - 1)]
    turns = np.empty(parts, np.int64)
    turns[forest.order] = forest.sums_from_root(np.where(child > parent, step, -step))
    return turns.astype(np.int32)


def _medians(group: np.ndarray, values: np.ndarray, groups: int) -> np.ndarray:
    """Median of the values of each group (the upper one of an even number); no group is empty."""
    order = np.lexsort((values, group))
    count = np.bincount(group, minlength=groups)
    return values[order[np.cumsum(count) - count + count // 2]]
