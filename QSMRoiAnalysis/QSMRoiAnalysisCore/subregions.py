"""Regions made of other regions: groups, parts along an axis, slabs, and regions without their rim.

Directions are those of the RAS world of the map's grid, oblique or not. Voxels are taken or left whole; nothing is
resampled. A part keeps the label of the region that it comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from QSMReconstructionCore.grid import Grid

from .distances import signed_distance
from .regions import Region, find_regions, union_mask

#: An axis is called long if the region extends at least this much further along it than along the next.
LONG_AXIS_RATIO = 1.2


def grouped(regions: Sequence[Region], name: str, members: Sequence[str], grid: Grid) -> tuple[Region, ...]:
    """One region of several structures, on each side that has them all.

    Parameters
    ----------
    regions : sequence of Region
        Where to look for the members.
    name : str
        Of the group, without a side: "Striatum".
    members : sequence of str
        Structures: "Caudate nucleus", "Putamen". The name of a region with its side gives that region alone.
    grid : Grid
        Of the regions.

    Returns
    -------
    tuple of Region
        One for each side, labeled 0, because no single label stands for it.

    Raises
    ------
    ValueError
        If a member is unknown, there are none, or no side has all of them.
    """
    if not members:
        raise ValueError(f"The group {name!r} has no member. Name the structures that it consists of.")
    found = [find_regions(regions, member) for member in members]
    sides = [side for side in ("left", "right", "") if all(any(one.side == side for one in each) for each in found)]
    if not sides:
        raise ValueError(f"No side has all members of the group {name!r}: {', '.join(members)}.")
    groups = []
    for side in sides:
        parts = [one for each in found for one in each if one.side == side]
        total = sum(part.voxels for part in parts)
        whole = sum(part.voxels / part.in_field for part in parts if part.in_field)
        mask = union_mask(parts, grid.shape)
        group = Region.from_mask(f"{name} {side}".strip(), 0, mask, total / whole if whole else 1.0)
        groups.append(replace(group, erosion=min(part.erosion for part in parts)))
    return tuple(groups)


def thirds(region: Region, grid: Grid) -> tuple[Region, ...]:
    """Three parts of equal length along the long axis of a region.

    Parameters
    ----------
    region : Region
        With an axis along which it extends clearly further than across.
    grid : Grid
        Of the region.

    Returns
    -------
    tuple of 3 Region
        Named by the direction that the axis runs along most: "SN anterior third left", "SN middle third left", and
        "SN posterior third left", in this order; for other axes superior before inferior and lateral before medial.

    Raises
    ------
    ValueError
        If the region has too few voxels or no long axis, crosses the midline along it, or a third would be empty.
    """
    points = region.points(grid)
    if len(points) < 3:
        raise ValueError(f"{region.name} has {len(points)} voxels, too few for thirds.")
    extents, axes = np.linalg.eigh(np.cov(points.T))  # variances along the principal axes, the largest last
    if extents[2] < LONG_AXIS_RATIO**2 * extents[1]:
        raise ValueError(
            f"{region.name} has no long axis: it extends only {np.sqrt(extents[2] / extents[1]):.2f} times as far "
            f"along its first axis as along its second; at least {LONG_AXIS_RATIO} are needed."
        )
    axis = axes[:, 2]
    world = int(np.argmax(np.abs(axis)))
    along = points @ (axis * np.sign(axis[world]))  # grows toward right, anterior or superior
    half_voxel = 0.5 * np.linalg.norm(axis @ np.asarray(grid.direction) * grid.spacing)
    low, high = along.min() - half_voxel, along.max() + half_voxel
    third = np.clip(np.floor(3 * (along - low) / (high - low)), 0, 2)
    if world == 0 and not region.side:
        raise ValueError(f"{region.name} extends from side to side. Divide its left and its right half instead.")
    order = (0, 1, 2) if world == 0 and region.side == "left" else (2, 1, 0)
    ends = (("lateral", "medial"), ("anterior", "posterior"), ("superior", "inferior"))[world]
    names = (ends[0], "middle", ends[1])
    return tuple(_part(region, third == number, f"{name} third") for number, name in zip(order, names))


def quadrants(region: Region, grid: Grid) -> tuple[Region, ...]:
    """Four parts of a region of the brain stem: rostral and caudal, each ventral and dorsal.

    Parameters
    ----------
    region : Region
        Such as the substantia nigra.
    grid : Grid
        Of the region.

    Returns
    -------
    tuple of 4 Region
        "SN rostral ventral left", "SN rostral dorsal left", "SN caudal ventral left", "SN caudal dorsal left".

    Raises
    ------
    ValueError
        If a quadrant would be empty.

    Notes
    -----
    In the brain stem rostral is superior and ventral is anterior. The region is divided at its center of mass, along
    the axes of the world: tilted heads should be aligned by their transform first.
    """
    points = region.points(grid)
    if not len(points):
        raise ValueError(f"{region.name} has no voxel to divide.")
    _, anterior, superior = (points - points.mean(axis=0)).T
    return tuple(
        _part(region, (superior >= 0 if rostral else superior < 0) & (anterior >= 0 if ventral else anterior < 0), name)
        for rostral, ventral, name in (
            (True, True, "rostral ventral"), (True, False, "rostral dorsal"),
            (False, True, "caudal ventral"), (False, False, "caudal dorsal"),
        )
    )


def slab(region: Region, grid: Grid, low: float, high: float, name: str = "slab", axis: str = "S") -> Region:
    """The voxels of a region whose centers lie between two planes across an axis of the world.

    Parameters
    ----------
    region : Region
    grid : Grid
        Of the region.
    low, high : float
        Coordinates of the planes in mm, both included.
    name : str
        Put behind that of the structure.
    axis : {"R", "A", "S"}
        The axis.

    Returns
    -------
    Region
        Possibly empty.

    Raises
    ------
    ValueError
        If the axis is unknown or the planes are not in order.
    """
    if axis not in ("R", "A", "S"):
        raise ValueError(f"axis must be R, A or S, but got {axis!r}.")
    if not low <= high:
        raise ValueError(f"low must not exceed high, but got {low} and {high} mm.")
    along = region.points(grid)[:, "RAS".index(axis)]
    return _part(region, (along >= low) & (along <= high), name, may_be_empty=True)


def below(region: Region, other: Region, grid: Grid, thickness: float = np.inf) -> Region:
    """The part of a region that lies inferior to all of another, such as the substantia nigra below the red nucleus.

    Parameters
    ----------
    region, other : Region
    grid : Grid
        Of both.
    thickness : float
        How far down the part may reach below the other, in mm.

    Returns
    -------
    Region
        "SN below RN left", possibly empty.

    Raises
    ------
    ValueError
        If the other region is empty, or the thickness is not positive.
    """
    if not other.voxels:
        raise ValueError(f"{other.name} has no voxel, so nothing can be taken below it.")
    if not thickness > 0:
        raise ValueError(f"thickness must be positive, but got {thickness} mm.")
    bottom = other.points(grid)[:, 2].min()
    along = region.points(grid)[:, 2]
    rounding = 1e-3 * min(grid.spacing)
    inside = (along < bottom - rounding) & (along >= bottom - thickness - rounding)
    return _part(region, inside, f"below {other.structure}", may_be_empty=True)


def near(tissue: Region, region: Region, grid: Grid, reach: float) -> Region:
    """The part of a tissue that lies within some mm of a region, such as the white matter under a piece of cortex.

    Parameters
    ----------
    tissue, region : Region
        Voxels that belong to both are left out.
    grid : Grid
        Of both.
    reach : float
        How far from the surface of the region the voxels may lie, in mm.

    Returns
    -------
    Region
        "White matter near Precentral left", possibly empty.

    Raises
    ------
    ValueError
        If the region is empty, or the reach is not positive.
    """
    if not region.voxels:
        raise ValueError(f"{region.name} has no voxel, so nothing can lie near it.")
    if not (np.isfinite(reach) and reach > 0):
        raise ValueError(f"reach must be a positive length in mm, but got {reach}.")
    margin = [int(np.ceil(reach / spacing)) + 1 for spacing in grid.spacing]
    box = tuple(slice(max(s.start - m, 0), min(s.stop + m, n)) for s, m, n in zip(region.box, margin, grid.shape))
    inside, candidates = (union_mask([one], grid.shape)[box] for one in (region, tissue))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[box] = candidates & ~inside & (signed_distance(inside, grid.spacing) >= -reach)
    return Region.from_mask(f"{tissue.structure} near {region.name}", tissue.label, mask)


def eroded(region: Region, grid: Grid, distance: float) -> Region:
    """A region without its rim, under the same name.

    Parameters
    ----------
    region : Region
    grid : Grid
        Of the region.
    distance : float
        Voxels stay whose centers lie more than this many mm beneath the surface. Half a voxel takes nothing away; one
        and a half take two layers.

    Returns
    -------
    Region
        Possibly empty: small nuclei do not survive much erosion.

    Raises
    ------
    ValueError
        If the distance is negative or not finite.
    """
    if not (np.isfinite(distance) and distance >= 0):
        raise ValueError(f"the distance of erosion must be a length of at least 0 mm, but got {distance}.")
    if not region.voxels:
        return region
    kept = region.inside & (signed_distance(region.inside, grid.spacing) > distance)
    return _trimmed(replace(region, inside=kept, erosion=region.erosion + distance))


def _part(region: Region, chosen: np.ndarray, name: str, may_be_empty: bool = False) -> Region:
    if not may_be_empty and not chosen.any():
        raise ValueError(f"{region.name} has no voxel in its part {name!r}. Is it too small or on thick slices?")
    inside = np.zeros_like(region.inside)
    inside[region.inside] = chosen
    named = replace(region, name=f"{region.structure} {name} {region.side}".strip(), inside=inside)
    return _trimmed(named)


def _trimmed(region: Region) -> Region:
    """The same region in the smallest box."""
    local = Region.from_mask(region.name, region.label, region.inside)
    box = tuple(
        slice(whole.start + part.start, whole.start + part.stop) for whole, part in zip(region.box, local.box)
    )
    return replace(region, box=box, inside=local.inside)
