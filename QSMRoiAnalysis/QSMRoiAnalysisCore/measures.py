"""Measures of the regions of a susceptibility map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .maps import UNITS, SusceptibilityMap, check_unit
from .regions import Region, find_regions, union_mask

_NAN = float("nan")


def _column(title: str, description: str, unit: str = ""):
    """A field with what a table says about its column; the unit "map" stands for that of the row."""
    return field(metadata={"title": title, "description": description, "unit": unit})


@dataclass(frozen=True)
class Measurement:
    """One region of one map: a row of the tidy table, whose columns are these fields in this order.

    A measure is NaN where the region has no voxel to measure, the sd also where it has only one, and the coverage
    where the region has no voxel at all.
    """

    region: str = _column("Region", "Structure, without its side")
    side: str = _column("Side", "left or right; empty for the midline")
    label: int = _column("Label", "Value in the label image, or position in the segmentation")
    voxels: int = _column("Voxels", "Voxels measured: those of the region that lie inside the mask")
    volume_mm3: float = _column("Volume", "Volume measured", "mm3")
    mean: float = _column("Mean", "Mean susceptibility", "map")
    sd: float = _column("SD", "Standard deviation over the voxels (n - 1)", "map")
    median: float = _column("Median", "Median susceptibility", "map")
    p5: float = _column("P5", "5th percentile", "map")
    p25: float = _column("P25", "25th percentile", "map")
    p75: float = _column("P75", "75th percentile", "map")
    p95: float = _column("P95", "95th percentile", "map")
    coverage: float = _column("Coverage", "Fraction of the region that lies inside the mask and the field of view")
    reference: str = _column("Reference", "Region whose mean is called zero; empty if unknown")
    reference_mean: float = _column("Reference mean", "Mean of the reference region before it was called zero", "map")
    reference_sd: float = _column("Reference SD", "Standard deviation of the reference region", "map")
    unit: str = _column("Unit", "Unit of the susceptibilities of this row")
    map: str = _column("Map", "Name of the map")


def measure(
    susceptibility: SusceptibilityMap,
    regions: Sequence[Region],
    *,
    reference: str | None = None,
    unit: str = "ppm",
) -> tuple[Measurement, ...]:
    """Measure every region of a map.

    Parameters
    ----------
    susceptibility : SusceptibilityMap
        The map, on the grid of the regions. Only voxels inside its mask are measured.
    regions : sequence of Region
        They may overlap.
    reference : str, optional
        Name of a region whose mean is subtracted from all values (a structure without its side takes both sides). By
        default, the reference of the map is kept.
    unit : {"ppm", "ppb"}
        Unit of the measures.

    Returns
    -------
    tuple of Measurement
        One for each region, in their order.

    Raises
    ------
    ValueError
        If the unit or the reference is unknown, no region has a voxel, the reference has none inside the mask, or a
        value to be measured is not finite.

    Notes
    -----
    Sums are accumulated in float64; percentiles interpolate linearly between order statistics. Referring to a region
    removes an offset that all regions share, and adds the error of that region's mean to each of them.
    """
    check_unit("unit", unit)
    if not any(region.voxels for region in regions):
        raise ValueError("None of the regions has a voxel on the map. Choose regions inside its field of view.")
    factor = UNITS[unit] / UNITS[susceptibility.unit]
    zero, zero_facts = _zero(susceptibility, regions, reference, UNITS[unit], factor)
    rows = []
    for region in regions:
        values = (_finite_values(susceptibility, region.box, region.inside, region.name) - zero) * factor
        rows.append(
            Measurement(
                region=region.structure,
                side=region.side,
                label=region.label,
                voxels=values.size,
                volume_mm3=values.size * susceptibility.grid.voxel_volume,
                **_statistics(values),
                coverage=_coverage(region, values.size),
                **zero_facts,
                unit=unit,
                map=susceptibility.name,
            )
        )
    return tuple(rows)


def _zero(susceptibility, regions, reference, unit_per_ppm, factor) -> tuple[float, dict[str, object]]:
    """What to subtract, in the unit of the map, and what the rows say about it, in the unit of the rows."""
    known = susceptibility.reference
    if reference is None:
        facts = (known.region, known.mean * unit_per_ppm, known.sd * unit_per_ppm) if known else ("", _NAN, _NAN)
        return 0.0, dict(zip(("reference", "reference_mean", "reference_sd"), facts))
    chosen = find_regions(regions, reference)
    inside = union_mask(chosen, susceptibility.grid.shape)
    values = _finite_values(susceptibility, (slice(None),) * 3, inside, f"the reference {reference}")
    if not values.size:
        raise ValueError(f"The reference region {reference!r} has no voxel inside the mask. Choose another region.")
    name = chosen[0].name if len(chosen) == 1 else chosen[0].structure
    statistics = _statistics(values * factor)
    return float(values.mean()), {
        "reference": name, "reference_mean": statistics["mean"], "reference_sd": statistics["sd"]
    }


def _finite_values(susceptibility: SusceptibilityMap, box, inside: np.ndarray, name: str) -> np.ndarray:
    if susceptibility.mask is not None:
        inside = inside & susceptibility.mask[box]
    values = susceptibility.values[box][inside].astype(np.float64)
    bad = values.size - int(np.count_nonzero(np.isfinite(values)))
    if bad:
        raise ValueError(
            f"{susceptibility.name} has {bad} voxel(s) in {name} that are not finite (NaN or infinite). "
            "Give a mask that leaves them out."
        )
    return values


def _coverage(region: Region, measured: int) -> float:
    if region.voxels:
        return region.in_field * measured / region.voxels
    return _NAN if region.in_field else 0.0  # nothing to cover, or all of it beyond the field of view


def _statistics(values: np.ndarray) -> dict[str, float]:
    names = ("mean", "sd", "median", "p5", "p25", "p75", "p95")
    if not values.size:
        return dict.fromkeys(names, _NAN)
    p5, p25, median, p75, p95 = np.percentile(values, (5, 25, 50, 75, 95))
    sd = values.std(ddof=1) if values.size > 1 else _NAN
    return {name: float(x) for name, x in zip(names, (values.mean(), sd, median, p5, p25, p75, p95))}
