"""White-matter lesions: from a mask to single lesions, their shells, and the same lesions over visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813
from scipy import ndimage, optimize

from QSMReconstructionCore.grid import Grid

from .distances import depth_inside, signed_distance

#: Components below this volume in mm^3 are left out: a few voxels of a mask at 1 mm are rarely a lesion.
SMALLEST_VOLUME = 3.0

#: Confluent lesions are cut where they are at least this much (mm in radius) narrower than on either side.
SPLIT_DEPTH = 1.0


@dataclass(frozen=True, eq=False)
class Shells:
    """Parts of a lesion and its surroundings, as bool arrays of one box.

    Attributes
    ----------
    box : (slice, slice, slice)
        Where the arrays lie in an array [k, j, i] of the grid.
    rim : ndarray, bool
        Voxels of the lesion near its surface.
    core : ndarray, bool
        The rest of the lesion.
    surroundings : ndarray, bool
        Tissue around the lesion that belongs to no lesion.
    """

    box: tuple[slice, slice, slice]
    rim: np.ndarray
    core: np.ndarray
    surroundings: np.ndarray

    @property
    def lesion(self) -> np.ndarray:
        """Rim and core together."""
        return self.rim | self.core


def find_lesions(
    mask: np.ndarray, grid: Grid, *, smallest_volume: float = SMALLEST_VOLUME, split_depth: float | None = SPLIT_DEPTH
) -> np.ndarray:
    """Tell the lesions of a mask apart.

    Parameters
    ----------
    mask : ndarray, shape (k, j, i)
        Not 0 inside lesions.
    grid : Grid
        Of the mask.
    smallest_volume : float
        Lesions below this many mm^3 are left out.
    split_depth : float or None
        Confluent lesions are cut at a neck that is at least this much narrower, in mm of its radius, than the lesions
        on both of its sides; None keeps connected voxels together.

    Returns
    -------
    ndarray, int32, shape (k, j, i)
        0 outside, and 1, 2, ... from the largest lesion to the smallest.

    Raises
    ------
    ValueError
        If the mask is not on the grid or holds probabilities, or a parameter is negative.

    Notes
    -----
    Voxels that share a corner are connected. The cut follows the watershed of the distance to the surface; the depth of
    a basin is how far that distance must fall to reach a deeper one.
    """
    mask = np.asarray(mask)
    if mask.dtype.kind == "f" and not np.array_equal(mask, np.rint(mask)):
        raise ValueError(
            "The lesion mask has values that are not whole numbers, like a probability map. Threshold it first."
        )
    inside = mask != 0
    if inside.shape != grid.shape:
        raise ValueError(f"mask must have the shape of its grid, {grid.shape}, but got {inside.shape}.")
    for name, value in (("smallest_volume", smallest_volume), ("split_depth", split_depth or 0.0)):
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must not be negative, but got {value}.")
    labels = np.zeros(grid.shape, np.int32)
    if not inside.any():
        return labels
    components, _ = ndimage.label(inside, np.ones((3, 3, 3)))
    for number, box in enumerate(ndimage.find_objects(components), 1):
        one = components[box] == number
        labels[box][one] = labels.max() + (1 if split_depth is None else _basins(one, grid.spacing, split_depth)[one])
    return _ranked(labels, smallest_volume / grid.voxel_volume)


def _basins(inside: np.ndarray, spacing: Sequence[float], split_depth: float) -> np.ndarray:
    """Parts of one component, numbered from 1."""
    depth = sitk.GetImageFromArray(-depth_inside(inside, spacing).astype(np.float32))
    basins = sitk.MorphologicalWatershed(depth, level=split_depth, markWatershedLine=False, fullyConnected=True)
    return sitk.GetArrayFromImage(basins).astype(np.int32)


def _ranked(labels: np.ndarray, fewest_voxels: float) -> np.ndarray:
    """The same lesions numbered from the largest to the smallest, without those below a size."""
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    order = np.argsort(-counts, kind="stable")
    order = order[(counts[order] > 0) & (counts[order] >= fewest_voxels - 1e-9)]
    numbers = np.zeros(counts.size, np.int32)
    numbers[order] = np.arange(1, order.size + 1)
    return numbers[labels]


def shells(
    labels: np.ndarray, grid: Grid, *, rim: float = 2.0, surroundings: float = 2.0, mask: np.ndarray | None = None
) -> dict[int, Shells]:
    """Rim, core and surroundings of every lesion.

    Parameters
    ----------
    labels : ndarray, int, shape (k, j, i)
        Lesions as `find_lesions` gives them.
    grid : Grid
        Of the labels.
    rim : float
        Depth of the rim beneath the surface, in mm.
    surroundings : float
        How far the surroundings reach from the surface, in mm.
    mask : ndarray, bool, shape (k, j, i), optional
        Where the surroundings may lie, such as the white matter.

    Returns
    -------
    dict of int to Shells
        By label.

    Raises
    ------
    ValueError
        If a thickness is not positive.

    Notes
    -----
    Distances end at the faces of voxels (`distances.signed_distance`). Where two lesions touch, there is no surface and
    so no rim between them.
    """
    for name, value in (("rim", rim), ("surroundings", surroundings)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a positive thickness in mm, but got {value}.")
    labels = np.asarray(labels)
    boxes = {number: box for number, box in enumerate(ndimage.find_objects(labels), 1) if box is not None}
    if not boxes:
        return {}
    depth = depth_inside(labels > 0, grid.spacing)
    margin = [int(np.ceil(surroundings / h)) + 1 for h in grid.spacing]
    found = {}
    for number, small in boxes.items():
        box = tuple(slice(max(s.start - m, 0), min(s.stop + m, n)) for s, m, n in zip(small, margin, labels.shape))
        lesion = labels[box] == number
        near = signed_distance(lesion, grid.spacing) >= -surroundings
        near &= labels[box] == 0
        if mask is not None:
            near &= mask[box]
        in_rim = lesion & (depth[box] <= rim)
        found[number] = Shells(box, in_rim, lesion & ~in_rim, near)
    return found


@dataclass(frozen=True)
class Match:
    """What a lesion of a visit was before.

    Attributes
    ----------
    lesion : int
        Number of the lesion, the same at all visits.
    status : {"baseline", "new", "fragment", "followed"}
        Whether it was seen at the first visit, for the first time at a later one, as a part of a lesion whose number
        another part keeps, or before.
    overlap : float
        Dice coefficient with where the lesion was last seen; NaN for the first time.
    also_overlaps : tuple of int
        Other lesions seen before that it now covers too: those it has merged with, or that it is a fragment of.
    """

    lesion: int
    status: str
    overlap: float
    also_overlaps: tuple[int, ...]


def match_lesions(
    visits: Sequence[np.ndarray], grids: Sequence[Grid], *, smallest_overlap: float = 0.1
) -> tuple[dict[int, Match], ...]:
    """Find the same lesions at the visits of a subject by their overlap.

    Parameters
    ----------
    visits : sequence of ndarray, int, shape (k, j, i)
        Lesions of each visit, in the order of time. The visits must be registered: the same world coordinates are the
        same anatomy.
    grids : sequence of Grid
        Of each visit. Where they differ, labels are compared at the nearest voxel.
    smallest_overlap : float
        Lesions are the same only if they share at least this part of the smaller one.

    Returns
    -------
    tuple of dict of int to Match
        For each visit, by its labels.

    Raises
    ------
    ValueError
        If there is no visit, or not one grid for each.

    Notes
    -----
    Each lesion of a visit is paired with at most one lesion seen before so that the shared volume of all pairs is as
    large as possible. A lesion that is not seen at a visit keeps its place until it is seen again.
    """
    if not visits or len(visits) != len(grids):
        raise ValueError(f"Give one grid for each visit; got {len(visits)} visit(s) and {len(grids)} grid(s).")
    seen, seen_grid, matches = np.zeros(visits[0].shape, np.int32), grids[0], []
    for number, (labels, grid) in enumerate(zip(visits, grids)):
        seen, seen_grid = _labels_on(seen, seen_grid, grid), grid
        matched = _match(seen, labels, smallest_overlap, "new" if number else "baseline", matches)
        numbers = np.zeros(int(labels.max()) + 1, np.int32)
        for label, match in matched.items():
            numbers[label] = match.lesion
        kept = np.arange(int(seen.max()) + 1, dtype=np.int32)
        kept[[match.lesion for match in matched.values() if match.status == "followed"]] = 0
        seen = np.where(labels > 0, numbers[labels], kept[seen])
        matches.append(matched)
    return tuple(matches)


def _match(seen: np.ndarray, labels: np.ndarray, smallest: float, first: str, before) -> dict[int, Match]:
    old, now = np.bincount(seen.ravel()), np.bincount(labels.ravel())
    both = (seen > 0) & (labels > 0)
    pairs = np.bincount(seen[both].astype(np.int64) * now.size + labels[both], minlength=old.size * now.size)
    shared = pairs.reshape(old.size, now.size).astype(float)
    counted = np.where(shared >= smallest * np.minimum(old[:, None], now[None]), shared, 0)
    partners = {int(b): int(a) for a, b in zip(*optimize.linear_sum_assignment(-counted)) if counted[a, b] > 0}
    next_number = 1 + max((match.lesion for visit in before for match in visit.values()), default=0)
    found = {}
    for label in map(int, np.flatnonzero(now)):
        if label == 0:
            continue
        partner = partners.get(label)
        others = tuple(int(a) for a in np.flatnonzero(counted[:, label]) if a != partner)
        if partner is None:
            found[label] = Match(next_number, "fragment" if others else first, float("nan"), others)
            next_number += 1
        else:
            dice = 2 * shared[partner, label] / (old[partner] + now[label])
            found[label] = Match(partner, "followed", float(dice), others)
    return found


def _labels_on(labels: np.ndarray, grid: Grid, target: Grid) -> np.ndarray:
    """Labels at the nearest voxels of another grid."""
    if grid.same_geometry(target):
        return labels
    to_index = np.linalg.inv(grid.ijk_to_ras) @ target.ijk_to_ras
    matrix, shift = to_index[2::-1, 2::-1], to_index[2::-1, 3]
    return ndimage.affine_transform(labels, matrix, shift, target.shape, order=0)
