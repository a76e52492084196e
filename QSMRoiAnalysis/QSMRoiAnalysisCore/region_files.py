"""Regions from files: label images with a list of names, and segmentations that bring their names along."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from QSMReconstructionCore.grid import Grid

from .atlas.images import grid_of
from .lookup import read_lookup
from .regions import Region, check_same_grid, regions_from_labels, volume_on

#: Files of segmentations, as the application and others write them.
SEGMENTATION = re.compile(r"\.seg\.(nrrd|nhdr)$", re.IGNORECASE)


@dataclass(frozen=True)
class Segment:
    """A segment as the header of its file tells it: the voxels of one layer that have one value."""

    name: str
    layer: int
    value: int


def read_regions(
    path: str | Path, grid: Grid, lookup: str | Path | None = None
) -> tuple[tuple[Region, ...], Mapping[int, str]]:
    """Read the regions of a map.

    Parameters
    ----------
    path : path
        A label image (NIfTI) on the grid of the map, or a segmentation (`.seg.nrrd`). A segmentation may be cut to
        its segments, as long as its voxels are voxels of the map; its segments may overlap and may be empty.
    grid : Grid
        Of the map.
    lookup : path, optional
        Names of the labels. By default the `.tsv` of the same name beside the image, if there; without either, a
        region is called "Label 11". Segments have names of their own.

    Returns
    -------
    regions : tuple of Region
    names : mapping of int to str
        Of all labels that the list names, also those without a voxel; empty without a list.

    Raises
    ------
    ValueError
        If the file cannot be read, lies on another grid than the map, or does not name its regions unambiguously.

    References
    ----------
    Header fields of segmentations: https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html
    """
    path = Path(path)
    if SEGMENTATION.search(path.name):
        if lookup is not None:
            raise ValueError(f"{path.name} names its segments itself. Leave the list of names out.")
        return _regions_of_segmentation(path, grid), {}
    names = _names(path, lookup)
    return regions_from_labels(volume_on(grid, "labels", path), names), names or {}


def lookup_beside(path: Path) -> Path | None:
    """The list of names beside a label image, if there."""
    beside = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".tsv")
    return beside if beside.is_file() else None


def _names(path: Path, lookup: str | Path | None) -> dict[int, str] | None:
    found = lookup_beside(path) if lookup is None else lookup
    return None if found is None else read_lookup(found)


def _regions_of_segmentation(path: Path, grid: Grid) -> tuple[Region, ...]:
    if not path.is_file():
        raise ValueError(f"{path.name} does not exist. Check the name and the folder.")
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise ValueError(f"{path.name} cannot be read as a segmentation: {str(error).splitlines()[-1]}") from None
    segments = _segments({key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}, path)
    layers = sitk.GetArrayViewFromImage(image)
    if image.GetNumberOfComponentsPerPixel() == 1:
        layers = layers[..., None]
    if layers.ndim != 4:
        raise ValueError(f"{path.name} must be a volume, but has {image.GetDimension()} dimensions.")
    if missing := [one.name for one in segments if one.layer >= layers.shape[-1]]:
        raise ValueError(f"{path.name} is incomplete: it has no layer for the segment {missing[0]}. Save it again.")
    first = _first_voxel(path, grid_of(image), grid)
    regions = []
    for number, segment in enumerate(segments, 1):
        own = Region.from_mask(segment.name, number, layers[..., segment.layer] == segment.value)
        regions.append(_placed(own, first, grid.shape))
    return tuple(regions)


def _segments(header: Mapping[str, str], path: Path) -> list[Segment]:
    numbers = sorted(int(found[1]) for key in header if (found := re.fullmatch(r"Segment(\d+)_ID", key)))
    if not numbers:
        raise ValueError(f"{path.name} describes no segment. Save a segmentation that has at least one.")
    segments = []
    for number in numbers:
        # Files of older versions keep each segment in a layer of its own and say neither layer nor value.
        of = {field: header.get(f"Segment{number}_{field}") for field in ("Name", "ID", "Layer", "LabelValue")}
        try:
            layer = number if of["Layer"] is None else int(of["Layer"])
            segments.append(Segment(of["Name"] or of["ID"], layer, int(of["LabelValue"] or 1)))
        except ValueError:
            raise ValueError(
                f"{path.name}: layer and value of segment {number} must be whole numbers, but are {of['Layer']!r} and "
                f"{of['LabelValue']!r}."
            ) from None
    names = [one.name for one in segments]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{path.name} has {names.count(twice)} segments {twice!r}. Give each a name of its own.")
    return segments


def _first_voxel(path: Path, own: Grid, grid: Grid) -> np.ndarray:
    """Index (k, j, i) in the map of the first voxel of a segmentation whose voxels are voxels of the map."""
    steps = np.asarray(grid.direction) * grid.spacing
    first = np.rint(np.linalg.solve(steps, np.subtract(own.origin, grid.origin))).astype(int)
    whole = replace(own, shape=grid.shape, origin=tuple(own.origin - steps @ first))
    check_same_grid(path.name, whole, grid)
    return first


def _placed(region: Region, first: np.ndarray, shape: tuple[int, int, int]) -> Region:
    """A region of an array that begins at voxel `first` of the map, as a region of the map, cut off where that ends."""
    starts = [side.start + int(shift) for side, shift in zip(region.box, first)]
    low = [max(0, -start) for start in starts]
    kept = region.inside[tuple(slice(lost, max(lost, n - start)) for lost, start, n in zip(low, starts, shape))]
    box = tuple(slice(start + lost, start + lost + n) for start, lost, n in zip(starts, low, kept.shape))
    in_field = np.count_nonzero(kept) / region.voxels if region.voxels else 1.0
    if not kept.any():
        return Region(region.name, region.label, (slice(0, 0),) * 3, np.zeros((0, 0, 0), bool), in_field)
    return Region(region.name, region.label, box, kept, in_field)
