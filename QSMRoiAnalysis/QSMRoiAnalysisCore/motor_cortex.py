"""The motor cortex in motor neuron disease: its iron as a shift, a spread and a skew, and against its neighborhood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .maps import SusceptibilityMap
from .measures import measure, values_of
from .regions import Region, find_regions
from .request import Request
from .subregions import near, slab

#: How far white matter may lie from the cortex of the hand knob to be compared with it, in mm.
REACH = 4.0


def _column(description: str, unit: str = "", default: object = None):
    metadata = {"description": description, "unit": unit}
    return field(metadata=metadata) if default is None else field(default=default, metadata=metadata)


@dataclass(frozen=True)
class MotorCortexRow:
    """The motor cortex of one side; values are NaN where there is no voxel to measure."""

    region: str = _column("Structure, without its side")
    side: str = _column("left or right")
    voxels: int = _column("Voxels measured")
    mean: float = _column("Mean of the cortex", "map")
    sd: float = _column("Standard deviation over its voxels (n - 1)", "map")
    skewness: float = _column("Adjusted sample skewness (G1) of its voxels")
    coverage: float = _column("Part of the cortex that was measured")
    hand_low_mm: float = _column("Lower end of the hand knob (RAS)", "mm")
    hand_high_mm: float = _column("Upper end of the hand knob (RAS)", "mm")
    hand_voxels: int = _column("Voxels of the hand knob that were measured")
    hand_mean: float = _column("Mean of the cortex of the hand knob", "map")
    hand_maximum: float = _column("Largest value in the cortex of the hand knob", "map")
    adjacent_voxels: int = _column("Voxels of the tissue beside the hand knob that were measured")
    adjacent_mean: float = _column("Mean of that tissue", "map")
    relative_mean: float = _column("Mean of the hand knob minus that of the tissue beside it", "map")
    relative_maximum: float = _column("Maximum of the hand knob minus the mean of the tissue beside it", "map")
    reference: str = _column("Region whose mean is called zero; empty if unknown")
    unit: str = _column("Unit of the susceptibilities of this row")
    map: str = _column("Name of the map")
    motor_cortex_score: str = _column("To be filled in by the reader: how dark the cortex is on SWI", default="")
    rater: str = _column("To be filled in: who read", default="")


def measure_motor_cortex(
    susceptibility: SusceptibilityMap,
    regions: Sequence[Region],
    cortex: str,
    adjacent: str,
    hand_knob: tuple[float, float],
    *,
    reach: float = REACH,
    unit: str = "ppm",
) -> tuple[MotorCortexRow, ...]:
    """Measure the motor cortex of each side.

    Parameters
    ----------
    susceptibility : SusceptibilityMap
        The map. Only voxels inside its mask are measured.
    regions : sequence of Region
        With the cortex and the tissue beside it.
    cortex : str
        Name of the motor cortex or precentral gyrus; without a side, both are measured.
    adjacent : str
        Name of the tissue that the hand knob is compared with: the white matter under it, or cerebrospinal fluid.
    hand_knob : (float, float)
        Between which heights (S of RAS, in mm) the cortex bends to the hand knob, as a reader sees it on axial slices.
    reach : float
        How far from the cortex of the hand knob the tissue may lie, in mm.
    unit : {"ppm", "ppb"}
        Unit of the measures.

    Returns
    -------
    tuple of MotorCortexRow
        One for each side.

    Raises
    ------
    ValueError
        If a region is unknown, the heights are not in order, no cortex lies between them, or a value to be measured is
        not finite.

    References
    ----------
    Schweitzer et al. AJR Am J Roentgenol 2015. 10.2214/AJR.14.13459
    """
    grid, low, high = susceptibility.grid, *hand_knob
    tissues = find_regions(regions, adjacent)
    rows = []
    for region in find_regions(regions, cortex):
        hand = slab(region, grid, low, high, "hand knob")
        if not hand.voxels:
            raise ValueError(
                f"{region.name} has no voxel between {low:g} and {high:g} mm. Give the heights of the hand knob in the "
                "coordinates of the map (S of RAS)."
            )
        tissue = next((one for one in tissues if one.side == region.side), tissues[0])
        beside = near(tissue, hand, grid, reach)
        (whole,) = measure(susceptibility, [region], unit=unit, request=Request(("skewness",)))
        knob, around = (_values(susceptibility, one, unit) for one in (hand, beside))
        rows.append(
            MotorCortexRow(
                region=region.structure, side=region.side, voxels=whole.voxels, mean=whole.mean, sd=whole.sd,
                skewness=whole.skewness, coverage=whole.coverage, hand_low_mm=float(low), hand_high_mm=float(high),
                hand_voxels=knob.size, hand_mean=_of(np.mean, knob), hand_maximum=_of(np.max, knob),
                adjacent_voxels=around.size, adjacent_mean=_of(np.mean, around),
                relative_mean=_of(np.mean, knob) - _of(np.mean, around),
                relative_maximum=_of(np.max, knob) - _of(np.mean, around),
                reference=whole.reference, unit=unit, map=susceptibility.name,
            )
        )
    return tuple(rows)


def _values(susceptibility: SusceptibilityMap, region: Region, unit: str) -> np.ndarray:
    return values_of(susceptibility, [region], unit=unit)[0] if region.voxels else np.empty(0)


def _of(function, values: np.ndarray) -> float:
    return float(function(values)) if values.size else float("nan")
