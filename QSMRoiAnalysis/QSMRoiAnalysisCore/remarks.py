"""What a reader should know about a table before using it, in sentences."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from QSMReconstructionCore.grid import Grid

from .maps import UNITS, SusceptibilityMap
from .measures import Measurement
from .regions import Region, overlaps

#: Regions of which less than this is measured are named: they reach the rim of the mask, where maps are least reliable.
LOW_COVERAGE = 0.95

#: Regions of fewer voxels are named: an outline that is off by one voxel then changes most of their values.
FEW_VOXELS = 30

#: Regions of tissue have typical values between these, in ppm: iron-rich nuclei reach 0.2, and not all are near zero.
TYPICAL_VALUES = (5e-4, 0.5)

#: Names of what holds much iron, or blood without oxygen, and so is paramagnetic in everyone.
_PARAMAGNETIC = re.compile(
    r"pallid|putamen|caudate|nigra|red nuc|dentate|subthalamic|\bvein|\b(GPe?i?|SN[cr]?|RN|DN|STN)\b", re.IGNORECASE
)

#: Part of exact zeros beyond which a region measured without a mask is taken to reach outside the brain.
MANY_ZEROS = 0.05


def remarks(
    susceptibility: SusceptibilityMap, regions: Sequence[Region], rows: Sequence[Measurement], derived: int = 0
) -> tuple[str, ...]:
    """Sentences on what limits these measurements.

    Parameters
    ----------
    susceptibility : SusceptibilityMap
        The map that was measured.
    regions : sequence of Region
        What was measured.
    rows : sequence of Measurement
        The result, in the order of the regions.
    derived : int
        How many regions at the end were made of the others, with which they share voxels on purpose.

    Returns
    -------
    tuple of str
        One sentence for each kind of remark that applies; none for a table without reservations.
    """
    found = []
    unit = _likely_unit(susceptibility, rows)
    if unit != susceptibility.unit:
        found.append(
            f"The values of {susceptibility.name} do not look like {susceptibility.unit} but like {unit}: "
            "state the unit of the map and measure again."
        )
    pairs = list(zip(regions, rows))
    if _flipped(rows):
        found.append(
            f"Most regions that hold iron or blood are negative, so the sign of {susceptibility.name} looks flipped: "
            "paramagnetic must be positive."
        )
    swapped = _swapped_sides(regions, susceptibility.grid)
    if swapped:
        found.append(
            f"Left lies to the right of right in {_named(swapped)}: sides are swapped, in the names or in the image."
        )
    empty = [region.name for region, row in pairs if not row.voxels]
    if empty:
        found.append(f"No voxel to measure in {_named(empty)}.")
    partial = [
        f"{region.name} ({row.coverage:.0%})" for region, row in pairs if row.voxels and row.coverage < LOW_COVERAGE
    ]
    if partial:
        found.append(f"Only in part inside the mask and the field of view: {_named(partial)}.")
    small = [f"{region.name} ({row.voxels})" for region, row in pairs if 0 < row.voxels < FEW_VOXELS]
    if small:
        found.append(f"Fewer than {FEW_VOXELS} voxels: {_named(small)}.")
    unmasked = regions if susceptibility.mask is None else ()
    zeros = [region.name for region in unmasked if _zeros(susceptibility, region) > MANY_ZEROS]
    if zeros:
        found.append(
            f"More than {MANY_ZEROS:.0%} of the values are exactly 0, as outside a brain mask: {_named(zeros)}. "
            "Measure with the mask to leave them out."
        )
    labeled = regions[: len(regions) - derived]
    shared = [f"{a.name} and {b.name} ({voxels} voxels)" for a, b, voxels in overlaps(labeled)]
    if shared:
        found.append(f"Regions share voxels: {_named(shared)}.")
    return tuple(found)


def absent(lookup: Mapping[int, str], regions: Sequence[Region]) -> tuple[str, ...]:
    """Names of a lookup that have no voxel in the label image."""
    present: Collection[int] = {region.label for region in regions}
    return tuple(name for value, name in lookup.items() if value not in present)


def _likely_unit(susceptibility: SusceptibilityMap, rows: Sequence[Measurement]) -> str:
    """The unit of the map that gives its regions the values of tissue; its own where both or none do."""
    medians = np.array([abs(row.median) / UNITS[row.unit] for row in rows if row.voxels])
    if susceptibility.unit == "ppm" and medians.size and np.median(medians) > TYPICAL_VALUES[1]:
        return "ppb"
    if susceptibility.unit == "ppb" and medians.size and medians.max() < TYPICAL_VALUES[0]:
        return "ppm"
    return susceptibility.unit


def _flipped(rows: Sequence[Measurement]) -> bool:
    """Whether most structures that are paramagnetic in everyone have a negative median, one alone saying too little."""
    signs = [row.median < 0 for row in rows if row.voxels and _PARAMAGNETIC.search(row.region)]
    return len(signs) > 1 and sum(signs) > len(signs) / 2


def _swapped_sides(regions: Sequence[Region], grid: Grid) -> list[str]:
    """Structures whose left region lies on the right of its right one, as patients see it."""
    right = {(one.structure, one.side): one.points(grid)[:, 0].mean() for one in regions if one.side and one.voxels}
    return [
        name for name, side in right
        if side == "left" and (name, "right") in right and right[name, "left"] > right[name, "right"]
    ]


def _zeros(susceptibility: SusceptibilityMap, region: Region) -> float:
    if not region.voxels:
        return 0.0
    return 1.0 - np.count_nonzero(susceptibility.values[region.box][region.inside]) / region.voxels


def _named(names: Sequence[str], most: int = 6) -> str:
    text = ", ".join(names[:most])
    return text if len(names) <= most else f"{text}, and {len(names) - most} more"
