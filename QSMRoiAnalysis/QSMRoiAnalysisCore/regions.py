"""Regions: named sets of voxels on the grid of a map."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import ndimage

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import read_nifti

from .laterality import split_side

#: Label values up to this one index a list directly; larger ones (Allen atlases reach 10^9) are renumbered first.
_LARGEST_DIRECT_LABEL = 100_000

#: Grids are taken for the same if their voxels differ by less than this part of a voxel: headers round that much.
GRID_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class Region:
    """A named set of voxels, kept in the smallest box that holds it.

    Attributes
    ----------
    name : str
        As the label list gives it, side included: "Caudate nucleus left".
    label : int
        Value in the label image, or position in the segmentation.
    box : (slice, slice, slice)
        Where the region lies in an array [k, j, i] of the map's grid.
    inside : ndarray, bool
        Which voxels of the box belong to the region. Of shape (0, 0, 0) for a region without voxels.
    in_field : float
        Fraction of the region that lies on the grid of the map; the rest was cut off where the field of view ends.
    erosion : float
        How much was taken off its surface, in mm.
    structure, side : str
        The name without its side, and the side: "left", "right", or "" for the midline. Parsed from the name.
    """

    name: str
    label: int
    box: tuple[slice, slice, slice]
    inside: np.ndarray
    in_field: float = 1.0
    erosion: float = 0.0
    structure: str = field(init=False)
    side: str = field(init=False)

    def __post_init__(self) -> None:
        structure, side = split_side(self.name)
        object.__setattr__(self, "structure", structure)
        object.__setattr__(self, "side", side)

    @classmethod
    def from_mask(cls, name: str, label: int, mask: np.ndarray, in_field: float = 1.0) -> Region:
        """The region of the voxels that a bool array of the map's shape marks; it may mark none."""
        inside, box = np.asarray(mask, dtype=bool), []
        for axis in range(3):  # each axis looks at what the one before left over
            marked = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))
            box.append(slice(int(marked[0]), int(marked[-1]) + 1) if marked.size else slice(0, 0))
            inside = inside[(slice(None),) * axis + (box[axis],)]
        return cls(name, label, tuple(box), inside.copy(), in_field)

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        return int(np.count_nonzero(self.inside))

    def points(self, grid: Grid) -> np.ndarray:
        """RAS coordinates in mm of the centers of its voxels, in the order of `inside`, shape (n, 3)."""
        index = np.argwhere(self.inside) + [side.start for side in self.box]
        return index @ (np.asarray(grid.direction) * grid.spacing).T + grid.origin


def regions_from_labels(labels: np.ndarray, lookup: Mapping[int, str] | None = None) -> tuple[Region, ...]:
    """The regions of a label image, in the order of their values.

    Parameters
    ----------
    labels : ndarray, shape (k, j, i)
        Whole numbers, 0 for the background.
    lookup : mapping of int to str, optional
        Names of the values. Without it, a region is called "Label 11".

    Returns
    -------
    tuple of Region
        One for every value in the image. Names of the lookup that do not occur in it give none.

    Raises
    ------
    ValueError
        If the image has no label, values that are not whole numbers, values that the lookup does not name, or that
        it gives the same name.
    """
    labels = _whole_numbers(labels)
    numbers: Sequence[int] = range(1, _LARGEST_DIRECT_LABEL + 1)
    if labels.max() > _LARGEST_DIRECT_LABEL:
        marked = labels > 0
        numbers = np.unique(labels[marked])
        compact = np.zeros(labels.shape, np.int32)
        compact[marked] = np.searchsorted(numbers, labels[marked]) + 1
        labels = compact
    boxes = {
        int(numbers[index]): (index + 1, box)
        for index, box in enumerate(ndimage.find_objects(labels))
        if box is not None
    }
    names = {label: f"Label {label}" if lookup is None else lookup.get(label) for label in boxes}
    unnamed = [label for label, name in names.items() if name is None]
    if unnamed:
        raise ValueError(
            f"labels holds {len(unnamed)} value(s) that the lookup does not name: {_listed(unnamed)}. "
            "Add a line for each to the lookup, or set their voxels to 0."
        )
    name, count = Counter(names.values()).most_common(1)[0]
    if count > 1:
        same = [label for label in names if names[label] == name]
        raise ValueError(
            f"The lookup gives the name {name!r} to {count} labels: {_listed(same)}. Give each a name of its own."
        )
    return tuple(Region(names[label], label, box, labels[box] == index) for label, (index, box) in boxes.items())


def find_regions(regions: Sequence[Region], name: str) -> tuple[Region, ...]:
    """The regions of a name, case and separators aside.

    Parameters
    ----------
    regions : sequence of Region
        Where to look.
    name : str
        A full name ("Lateral ventricle left"), or a structure without its side, which gives both sides.

    Returns
    -------
    tuple of Region
        At least one.

    Raises
    ------
    ValueError
        If there is no such region; the message offers similar names.
    """
    wanted = _folded(name)
    found = tuple(region for region in regions if _folded(region.name) == wanted)
    found = found or tuple(region for region in regions if _folded(region.structure) == wanted)
    if not found:
        names = sorted({region.name for region in regions} | {region.structure for region in regions})
        similar = difflib.get_close_matches(name, names, 3, 0.5) or names
        raise ValueError(f"There is no region {name!r}. Did you mean one of these: {_listed(similar)}?")
    return found


def union_mask(regions: Iterable[Region], shape: tuple[int, int, int]) -> np.ndarray:
    """Bool array of the given shape (k, j, i) that marks the voxels of any of the regions."""
    mask = np.zeros(shape, dtype=bool)
    for region in regions:
        mask[region.box] |= region.inside
    return mask


def overlaps(regions: Sequence[Region]) -> tuple[tuple[Region, Region, int], ...]:
    """Pairs of regions that share voxels, with the number that they share."""
    found = []
    for a, b in combinations(regions, 2):
        common = tuple(slice(max(p.start, q.start), min(p.stop, q.stop)) for p, q in zip(a.box, b.box))
        if any(side.start >= side.stop for side in common):
            continue
        parts = [
            region.inside[tuple(slice(c.start - p.start, c.stop - p.start) for c, p in zip(common, region.box))]
            for region in (a, b)
        ]
        shared = int(np.count_nonzero(parts[0] & parts[1]))
        if shared:
            found.append((a, b, shared))
    return tuple(found)


def check_same_grid(name: str, grid: Grid, map_grid: Grid) -> None:
    """Raise a `ValueError` that says how the grid of `name` differs from that of the map, if it does.

    A map is never resampled to its regions: interpolation would change the very values that are measured.
    """
    if grid.same_geometry(map_grid, GRID_TOLERANCE * min(map_grid.spacing)):
        return
    directions = np.sum(np.asarray(grid.direction) * np.asarray(map_grid.direction), axis=0)
    angle = float(np.degrees(np.arccos(np.clip(directions.min(), -1, 1))))
    shift = float(np.linalg.norm(np.subtract(grid.origin, map_grid.origin)))
    if grid.shape != map_grid.shape:
        difference = f"{_by(grid.shape)} voxels (k, j, i) against {_by(map_grid.shape)}"
    elif not np.allclose(grid.spacing, map_grid.spacing, rtol=1e-3, atol=0):
        difference = f"spacing (k, j, i) {_by(grid.spacing)} mm against {_by(map_grid.spacing)} mm"
    elif angle > 0.05:
        difference = f"its axes are turned by up to {angle:.3g} degrees"
    else:
        difference = f"its first voxel lies {shift:.3g} mm away"
    raise ValueError(
        f"{name} is on another grid than the map: {difference}. Resample it to the grid of the map with nearest "
        "neighbor interpolation; the map itself is never resampled."
    )


def volume_on(grid: Grid, name: str, path: Path) -> np.ndarray:
    """Read a volume that must lie on the grid of the map; errors as `check_same_grid` and `read_nifti`."""
    volume, its_grid = read_nifti(path)
    check_same_grid(f"{name} ({path.name})", its_grid, grid)
    return volume


def _whole_numbers(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 3:
        raise ValueError(
            f"labels must be one volume (k, j, i), but got the shape {labels.shape}. Save regions that overlap as a "
            "segmentation (.seg.nrrd)."
        )
    if labels.dtype.kind not in "iub":
        if labels.dtype.kind != "f" or not np.all(np.isfinite(labels)) or np.any(labels != np.rint(labels)):
            raise ValueError(
                "labels must hold whole numbers, but has other values. Give a label image, not a probability map."
            )
        labels = labels.astype(np.int64)
    if labels.dtype.kind == "b" or labels.dtype.itemsize == 8:
        labels = labels.astype(np.int32 if labels.max() < 2**31 else np.int64)
    if labels.min() < 0:
        raise ValueError(f"labels must not be negative, but its smallest value is {labels.min()}.")
    if not labels.any():
        raise ValueError("labels is empty: every voxel is 0. Choose an image that marks at least one region.")
    return labels


def _folded(name: str) -> str:
    return " ".join(re.split(r"[\s_\-]+", name.strip().lower()))


def _listed(items: Sequence[object], most: int = 8) -> str:
    text = ", ".join(str(item) for item in items[:most])
    return text if len(items) <= most else f"{text}, and {len(items) - most} more"


def _by(numbers: Sequence[float]) -> str:
    return " x ".join(f"{number:.6g}" for number in numbers)
