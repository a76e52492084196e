"""Profiles: the values of a region by their distance from a surface, such as the layers of the cortex."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from QSMReconstructionCore.grid import Grid

from .distances import depth_inside, signed_distance
from .maps import SusceptibilityMap
from .measures import values_of
from .regions import Region, find_regions, union_mask


def _column(description: str, unit: str = ""):
    return field(metadata={"description": description, "unit": unit})


@dataclass(frozen=True)
class ProfileStep:
    """The voxels of a region between two distances from a surface: a row of the table of profiles."""

    region: str = _column("Structure, without its side")
    side: str = _column("left or right; empty for the midline")
    label: int = _column("Value in the label image")
    surface: str = _column("Region from whose surface the distance counts")
    near_mm: float = _column("Smaller distance, which belongs to the step", "mm")
    far_mm: float = _column("Larger distance, which belongs to the next", "mm")
    voxels: int = _column("Voxels of the region at these distances")
    mean: float = _column("Their mean", "map")
    sd: float = _column("Standard deviation over them (n - 1)", "map")
    unit: str = _column("Unit of the susceptibilities of this row")
    map: str = _column("Name of the map")


def profiles(
    susceptibility: SusceptibilityMap,
    regions: Sequence[Region],
    *,
    surface: str | None = None,
    step: float = 1.0,
    reference: str | None = None,
    unit: str = "ppm",
) -> tuple[ProfileStep, ...]:
    """Measure each region in steps of distance from a surface.

    Parameters
    ----------
    susceptibility : SusceptibilityMap
        The map. Only voxels inside its mask are measured.
    regions : sequence of Region
        What to measure.
    surface : str, optional
        Region from whose surface the distance counts outward, of the same side where it has sides: white matter, for
        the depth of the cortex above it. By default, the distance counts inward from the surface of each region
        itself, which shows the rim of a lesion.
    step : float
        In mm. Steps finer than the voxels have empty steps between them, which are left out.
    reference, unit
        As for `measures.measure`.

    Returns
    -------
    tuple of ProfileStep
        For each region, from the nearest to the farthest step that holds a voxel.

    Raises
    ------
    ValueError
        As for `measures.measure`, and if the step is not positive or the surface unknown or empty.
    """
    if not (math.isfinite(step) and step > 0):
        raise ValueError(f"step must be a positive length in mm, but got {step}.")
    sources = find_regions(regions, surface) if surface else ()
    rows = []
    for region, values in zip(regions, values_of(susceptibility, regions, reference=reference, unit=unit)):
        if not values.size or any(region is source for source in sources):
            continue
        source = next((one for one in sources if one.side == region.side), sources[0]) if sources else region
        distance = _distances(region, source, susceptibility.grid)
        if susceptibility.mask is not None:
            distance = distance[susceptibility.mask[region.box][region.inside]]
        steps = np.floor(distance / step + 1e-6).astype(int)  # a distance on a border belongs above it
        for number in np.unique(steps):
            here = values[steps == number]
            rows.append(
                ProfileStep(
                    region.structure, region.side, region.label, source.name, float(number * step),
                    float((number + 1) * step), here.size, float(here.mean()),
                    float(here.std(ddof=1)) if here.size > 1 else float("nan"), unit, susceptibility.name,
                )
            )
    return tuple(rows)


def _distances(region: Region, source: Region, grid: Grid) -> np.ndarray:
    """Distance of each voxel of a region, in the order of `region.inside`: into itself, or away from the source."""
    if region is source:
        return depth_inside(region.inside, grid.spacing)[region.inside]
    if not source.voxels:
        raise ValueError(f"{source.name} has no voxel, so nothing has a distance from its surface.")
    box = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(region.box, source.box))
    inside, chosen = (union_mask([one], grid.shape)[box] for one in (source, region))
    return -signed_distance(inside, grid.spacing)[chosen]
